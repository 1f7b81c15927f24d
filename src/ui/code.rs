//! Source code in steps: where it stands, and its tokens as byte ranges.
//!
//! Reading code with `syntect` takes milliseconds for a screenful of some languages (10 ms for 60 long lines of LaTeX), so none of
//! this may be called while a frame is drawn: read a step once on a thread that computes, keep the ranges, and draw from them.

use std::ops::Range;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use syntect::parsing::{ParseState, Scope, ScopeStack, SyntaxReference, SyntaxSet};

use super::styled::Run;
use super::theme::{Theme, Token};
use crate::text::Safe;
use crate::typeset::fences;

/// Longer texts stay plain (bytes).
pub const TEXT_LIMIT: usize = 100_000;

/// Reading stops at a longer line (bytes): the regular expressions of some grammars take quadratic time in it.
pub const LINE_LIMIT: usize = 2_000;

/// Reading stops after this time; what was found until then is kept.
const TIME_LIMIT: Duration = Duration::from_secs(1);

static SYNTAXES: LazyLock<SyntaxSet> = LazyLock::new(SyntaxSet::load_defaults_newlines);

/// Scope prefixes of Sublime grammars and what they are to us. The first match on the innermost scope decides.
static CLASSES: LazyLock<Vec<(Scope, Token)>> = LazyLock::new(|| {
    [
        ("comment", Token::Comment),
        ("punctuation.definition.comment", Token::Comment),
        ("punctuation.definition.string", Token::Text),
        ("constant.character.escape", Token::Constant),
        ("string", Token::Text),
        ("constant", Token::Constant),
        ("keyword.operator.word", Token::Keyword),
        ("keyword.operator.logical.python", Token::Keyword),
        ("keyword.operator", Token::Operator),
        ("keyword", Token::Keyword),
        ("storage.type.numeric", Token::Constant),
        ("storage", Token::Keyword),
        ("entity.name.function", Token::Function),
        ("support.function", Token::Function),
        ("variable.function", Token::Function),
        ("entity.name.tag", Token::Attribute),
        ("entity.other.attribute-name", Token::Attribute),
        ("meta.mapping.key", Token::Attribute),
        ("entity.name", Token::Type),
        ("entity.other.inherited-class", Token::Type),
        ("support.type", Token::Type),
        ("support.class", Token::Type),
        ("variable.language", Token::Constant),
        ("invalid", Token::Invalid),
    ]
    .into_iter()
    .filter_map(|(name, token)| Some((Scope::new(name).ok()?, token)))
    .collect()
});

/// Tokens of a text: byte ranges, ascending and disjoint. What is in no range is plain.
pub type Tokens = Vec<(Range<usize>, Token)>;

/// The tokens of a step: of each of its fenced blocks, or of all of it when it has none and reads like a Python program.
///
/// Never to be called while a frame is drawn; see the module's head.
pub fn highlight_step(text: &Safe) -> Tokens {
    if text.len() > TEXT_LIMIT {
        return Vec::new();
    }
    let blocks = fences(text);
    if blocks.is_empty() {
        return if looks_like_python(text) { highlight(text, Some("python")) } else { Vec::new() };
    }
    let mut tokens = Vec::new();
    for fence in blocks {
        let code = text.get(fence.code.clone()).unwrap_or_default();
        let language = if fence.language.is_empty() { None } else { Some(fence.language.as_str()) };
        let offset = fence.code.start;
        let moved = |(range, token): (Range<usize>, Token)| (range.start + offset..range.end + offset, token);
        tokens.extend(highlight(code, language).into_iter().map(moved));
    }
    tokens
}

/// The tokens of `code`. Without a language it is read as Python when it looks like it; a language that is not known has no tokens.
///
/// Never to be called while a frame is drawn; see the module's head.
pub fn highlight(code: &str, language: Option<&str>) -> Tokens {
    if code.len() > TEXT_LIMIT {
        return Vec::new();
    }
    let language = language.or_else(|| looks_like_python(code).then_some("python"));
    language.and_then(syntax).map_or_else(Vec::new, |syntax| read(code, syntax))
}

fn syntax(language: &str) -> Option<&'static SyntaxReference> {
    let name = match language {
        "py" | "python3" | "sympy" | "pycon" => "python",
        "shell" | "console" | "zsh" => "sh",
        "c++" | "cuda" => "cpp",
        "latex" => "tex",
        "jsonl" | "json5" => "json",
        "ts" | "typescript" | "jsx" | "tsx" => "js",
        other => other,
    };
    SYNTAXES.find_syntax_by_token(name).filter(|syntax| syntax.name != "Plain Text")
}

fn read(code: &str, syntax: &SyntaxReference) -> Tokens {
    let started = Instant::now();
    let mut state = ParseState::new(syntax);
    let mut stack = ScopeStack::new();
    let mut tokens = Tokens::new();
    let mut at = 0;
    for line in code.split_inclusive('\n') {
        if line.len() > LINE_LIMIT || started.elapsed() > TIME_LIMIT {
            break;
        }
        // A grammar that trips over its own rules costs colours, nothing else.
        let Ok(operations) = state.parse_line(line, &SYNTAXES) else { break };
        let mut from = 0;
        for (to, operation) in operations {
            push(&mut tokens, at + from..at + to, &stack);
            from = to;
            if stack.apply(&operation).is_err() {
                return tokens;
            }
        }
        push(&mut tokens, at + from..at + line.trim_end_matches('\n').len().max(from), &stack);
        at += line.len();
    }
    tokens
}

/// Adds the token that the scopes stand for, joined to the last one where they touch.
fn push(tokens: &mut Tokens, range: Range<usize>, stack: &ScopeStack) {
    let Some(token) = classify(stack).filter(|token| *token != Token::Operator) else { return };
    if range.is_empty() {
        return;
    }
    match tokens.last_mut() {
        Some((last, same)) if *same == token && last.end == range.start => last.end = range.end,
        _ => tokens.push((range, token)),
    }
}

fn classify(stack: &ScopeStack) -> Option<Token> {
    let class = |scope: &Scope| CLASSES.iter().find(|(prefix, _)| prefix.is_prefix_of(*scope)).map(|(_, token)| *token);
    stack.as_slice().iter().rev().find_map(class)
}

/// True when a text without a fence reads like a Python program: at least one statement that hardly occurs in prose, and nearly all
/// lines of the shape of code.
pub fn looks_like_python(text: &str) -> bool {
    let mut lines = 0_usize;
    let mut code = 0_usize;
    let mut sure = false;
    for line in text.lines().filter(|line| !line.trim().is_empty()).take(200) {
        let line = line.trim();
        lines += 1;
        let block = line.ends_with(':')
            && ["def ", "class ", "for ", "while ", "if ", "elif ", "else", "try", "except", "with "]
                .iter()
                .any(|k| line.starts_with(k));
        let certain = line.starts_with("import ")
            || (line.starts_with("from ") && line.contains(" import "))
            || line.starts_with("print(")
            || (block && (line.starts_with("def ") || line.starts_with("class ") || line.contains(" in ")));
        let assigns = line.split_once('=').is_some_and(|(left, _)| {
            let left = left.trim_end_matches(['+', '-', '*', '/', ' ']);
            !left.is_empty() && left.chars().all(|c| c.is_ascii_alphanumeric() || "_.[], ".contains(c)) && !left.contains("  ")
        });
        let shape = line.starts_with('#') || line.starts_with("return") || line.ends_with([')', ']', '}', ',', '(']) || assigns;
        sure |= certain;
        code += usize::from(certain || block || shape);
    }
    sure && code * 10 >= lines * 8
}

/// Tokens as a layer for [`super::styled::styled()`].
pub fn token_runs(tokens: &[(Range<usize>, Token)], theme: &Theme) -> Vec<Run> {
    tokens.iter().map(|(range, token)| (range.clone(), theme.token(*token))).collect()
}
