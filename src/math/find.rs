//! Where mathematics stands in a text: `$...$`, `$$...$$`, `\(...\)`, `\[...\]`, environments, and a lone `\boxed{...}`.
//!
//! A dollar sign is money unless everything speaks for mathematics: "$5 and $10" holds no formula.

use std::collections::HashMap;
use std::ops::Range;

use super::parse::group_len;

/// Longer formulas stay source (bytes).
pub const FORMULA_LIMIT: usize = 8192;

/// A lone `\\boxed{...}` is shorter than this (bytes): each one is looked for by itself.
const BOXED_LIMIT: usize = 1024;

/// Environments that stand for themselves in a text.
const ENVIRONMENTS: [&str; 16] = [
    "align",
    "align*",
    "aligned",
    "array",
    "cases",
    "displaymath",
    "eqnarray",
    "eqnarray*",
    "equation",
    "equation*",
    "gather",
    "gather*",
    "gathered",
    "multline",
    "multline*",
    "split",
];

/// A formula in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Formula {
    /// Its bytes, delimiters included.
    pub range: Range<usize>,
    /// Its bytes between the delimiters.
    pub source: Range<usize>,
    /// It stands on a line of its own.
    pub display: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Sign<'a> {
    Dollar,
    Dollars,
    Open(char),
    Close(char),
    Begin(&'a str),
    End(&'a str),
    Boxed,
    Blank,
}

/// The formulas of a text, in order and disjoint; none of them touches a range of `skip` (ascending, disjoint). Takes time linear in
/// the length of the text.
pub fn find(text: &str, skip: &[Range<usize>]) -> Vec<Formula> {
    let signs = signs(text, skip);
    let closers = closers(&signs);
    let mut found = Vec::new();
    let mut at = 0;
    let mut free = 0;
    while let Some(&(place, ref sign)) = signs.get(at) {
        let formula = if place < free { None } else { formula(text, &signs, closers.get(at).copied().flatten(), place, sign) };
        if let Some(formula) = formula.filter(|formula| allowed(formula, skip)) {
            free = formula.range.end;
            found.push(formula);
        }
        at += 1;
    }
    found
}

fn allowed(formula: &Formula, skip: &[Range<usize>]) -> bool {
    let after = skip.partition_point(|range| range.end <= formula.range.start);
    formula.range.len() <= FORMULA_LIMIT && skip.get(after).is_none_or(|range| formula.range.end <= range.start)
}

fn formula(text: &str, signs: &[(usize, Sign<'_>)], closer: Option<usize>, start: usize, sign: &Sign<'_>) -> Option<Formula> {
    let end = closer.and_then(|closer| signs.get(closer)).map(|(place, _)| *place);
    let between = |open: usize, close: usize, display| {
        let end = end?;
        Some(Formula { range: start..end + close, source: start + open..end, display })
    };
    match sign {
        Sign::Dollar => between(1, 1, false).filter(|formula| is_mathematics(text, formula)),
        Sign::Dollars => between(2, 2, true).filter(|formula| !formula.source.is_empty()),
        Sign::Open(bracket) => between(2, 2, *bracket == '['),
        Sign::Begin(name) => {
            let end = end? + "\\end{}".len() + name.len();
            Some(Formula { range: start..end, source: start..end, display: true })
        }
        Sign::Boxed => {
            let body = start + "\\boxed".len();
            let limit = text.len().min(body + BOXED_LIMIT);
            let near = (0..4).find_map(|back| text.get(body..limit.checked_sub(back)?))?;
            let end = body + group_len(near)?;
            Some(Formula { range: start..end, source: start..end, display: false })
        }
        Sign::Close(_) | Sign::End(_) | Sign::Blank => None,
    }
}

/// All delimiters of a text outside of `skip`.
fn signs<'a>(text: &'a str, skip: &[Range<usize>]) -> Vec<(usize, Sign<'a>)> {
    let bytes = text.as_bytes();
    let mut signs = Vec::new();
    let mut skip = skip.iter().peekable();
    let mut at = 0;
    while let Some(offset) = memchr::memchr3(b'$', b'\\', b'\n', bytes.get(at..).unwrap_or_default()) {
        at += offset;
        while skip.next_if(|range| range.end <= at).is_some() {}
        if let Some(range) = skip.peek().filter(|range| range.start <= at) {
            at = range.end;
            continue;
        }
        let rest = text.get(at..).unwrap_or_default();
        let (sign, len) = sign(rest);
        signs.extend(sign.map(|sign| (at, sign)));
        at += len;
    }
    signs
}

/// The delimiter at the start of `rest`, and how many bytes to go on.
fn sign(rest: &str) -> (Option<Sign<'_>>, usize) {
    let bytes = rest.as_bytes();
    let name = |prefix: &str| {
        let rest = rest.strip_prefix(prefix)?;
        ENVIRONMENTS.into_iter().find(|name| rest.strip_prefix(name).is_some_and(|rest| rest.starts_with('}')))
    };
    match (bytes.first(), bytes.get(1)) {
        (Some(b'\n'), _) => {
            let blank = rest.get(1..).is_some_and(|rest| rest.trim_start_matches([' ', '\t', '\r']).starts_with('\n'));
            (blank.then_some(Sign::Blank), 1)
        }
        (Some(b'$'), Some(b'$')) => (Some(Sign::Dollars), 2),
        (Some(b'$'), _) => (Some(Sign::Dollar), 1),
        (Some(b'\\'), Some(&bracket @ (b'(' | b'['))) => (Some(Sign::Open(char::from(bracket))), 2),
        (Some(b'\\'), Some(b')')) => (Some(Sign::Close('(')), 2),
        (Some(b'\\'), Some(b']')) => (Some(Sign::Close('[')), 2),
        (Some(b'\\'), Some(b'b')) if rest.starts_with("\\boxed{") => (Some(Sign::Boxed), 7),
        (Some(b'\\'), Some(b'b' | b'e')) => match (name("\\begin{"), name("\\end{")) {
            (Some(name), _) => (Some(Sign::Begin(name)), 8 + name.len()),
            (_, Some(name)) => (Some(Sign::End(name)), 6 + name.len()),
            _ => (None, 2),
        },
        (_, Some(byte)) if byte.is_ascii() => (None, 2),
        _ => (None, 1),
    }
}

/// For each opening sign the index of the sign that closes it, computed from the end in one pass.
fn closers(signs: &[(usize, Sign<'_>)]) -> Vec<Option<usize>> {
    let mut next: HashMap<Sign<'_>, usize> = HashMap::new();
    let mut closers = vec![None; signs.len()];
    for (at, (_, sign)) in signs.iter().enumerate().rev() {
        let closing = match sign {
            Sign::Dollar | Sign::Dollars => Some(*sign),
            Sign::Open(bracket) => Some(Sign::Close(*bracket)),
            Sign::Begin(name) => Some(Sign::End(name)),
            _ => None,
        };
        if let (Some(slot), Some(closing)) = (closers.get_mut(at), closing) {
            *slot = next.get(&closing).copied();
        }
        if *sign == Sign::Blank {
            // A formula in a line does not reach over an empty line.
            next.remove(&Sign::Dollar);
            next.remove(&Sign::Close('('));
        } else {
            next.insert(*sign, at);
        }
    }
    closers
}

/// Whether what stands between two dollar signs is mathematics and not prose between two prices.
fn is_mathematics(text: &str, formula: &Formula) -> bool {
    let content = text.get(formula.source.clone()).unwrap_or_default();
    let trimmed = content.trim();
    if trimmed.is_empty() || content.len() > FORMULA_LIMIT {
        return false;
    }
    let technical = trimmed.contains(['\\', '^', '_']);
    let spaced = (content.starts_with(char::is_whitespace), content.ends_with(char::is_whitespace));
    let edges = match spaced {
        (false, false) => true,
        (true, true) => technical || trimmed.contains(['=', '+', '<', '>', '(']) || trimmed.len() <= 3,
        _ => technical,
    };
    let digit_behind = text.get(formula.range.end..).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    edges && (technical || !digit_behind) && !is_prose(trimmed)
}

/// True for two neighbouring words of three letters or more outside of braces.
fn is_prose(content: &str) -> bool {
    let mut depth = 0_usize;
    let mut words = 0;
    for part in content.split_inclusive([' ', '\n', '{', '}']) {
        let word = part.trim_end_matches([' ', '\n', '{', '}', ',', '.', ';', ':']);
        let plain = word.len() >= 3 && word.bytes().all(|byte| byte.is_ascii_alphabetic());
        words = if plain && depth == 0 { words + 1 } else { 0 };
        if words >= 2 {
            return true;
        }
        match part.bytes().last() {
            Some(b'{') => depth += 1,
            Some(b'}') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}
