//! Chat templates: the checkpoint's own, or one of three when it brings none.
//!
//! A template is rendered with marks in place of the contents. What stands between the marks belongs to the template and may hold
//! control tokens; what is put in place of a mark is text and never becomes one, whatever its letters are.

use minijinja::value::Value;
use minijinja::{Environment, Error, ErrorKind, context};

use super::super::PrmError;
use super::super::checkpoint::Checkpoint;
use super::super::tokenizer::{Part, Vocabulary};

/// Steps of the template machine: far above any real template, low enough that a crafted one ends at once.
const FUEL: u64 = 1_000_000;
/// Longest text that a template makes of a few marks.
const MAX_RENDERED: usize = 1 << 20;
/// The first mark, a code point that no template holds (private use, plane 15).
const FIRST_MARK: u32 = 0xF_0000;
/// For templates that print today's date: always the same, so that the same steps get the same scores.
const DATE: &str = "26 Jul 2024";

const CHATML: &str = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}\
    {% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
const LLAMA3: &str = "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n{{ m.content }}<|eot_id|>\
    {% endfor %}{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}";
const DEEPSEEK: &str = "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}<｜User｜>{{ m.content }}{% elif m.role == \
    'assistant' %}<｜Assistant｜>{{ m.content }}<｜end▁of▁sentence｜>{% else %}{{ m.content }}{% endif %}{% endfor %}\
    {% if add_generation_prompt %}<｜Assistant｜><think>\n{% endif %}";
/// A token that tells the format of a tokenizer without a template, with the format and its usual first token.
const FORMATS: [(&str, &str, &str); 3] = [
    ("<|im_start|>", CHATML, ""),
    ("<|start_header_id|>", LLAMA3, "<|begin_of_text|>"),
    ("<｜User｜>", DEEPSEEK, "<｜begin▁of▁sentence｜>"),
];

/// A chat template and the control tokens that it may use.
#[derive(Debug)]
pub(super) struct Chat {
    template: String,
    bos: String,
    eos: String,
    added: Vec<String>,
    place: String,
}

/// A rendered conversation: the pieces around the contents. Piece `n` stands before content `n`, the last one behind all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame(Vec<Vec<Part>>);

impl Chat {
    /// The template of a checkpoint.
    pub(super) fn of(checkpoint: &Checkpoint, vocabulary: &Vocabulary) -> Result<Self, PrmError> {
        let added = vocabulary.added();
        let known = FORMATS.iter().find(|(token, ..)| added.iter().any(|a| a == token));
        let place = checkpoint.tokenizer_config_file.clone();
        let (template, bos) = match (checkpoint.chat_template(), known) {
            (Some(own), known) => (own, known.map_or("", |(.., bos)| bos)),
            (None, Some((_, template, bos))) => ((*template).to_owned(), *bos),
            (None, None) => {
                let message = "chat_template is missing, and the tokenizer has the control tokens of no known chat format";
                return Err(PrmError::Config { file: place, message: message.to_owned() });
            }
        };
        let token = |name: &str, usual: &str| checkpoint.special_token(name).unwrap_or_else(|| usual.to_owned());
        Ok(Self { template, bos: token("bos_token", bos), eos: token("eos_token", ""), added, place })
    }

    /// Renders messages of the given roles. A content of `None` is a place to be filled; `generate` adds the start of an answer.
    pub(super) fn frame(
        &self,
        vocabulary: &mut Vocabulary,
        messages: &[(&str, Option<&str>)],
        generate: bool,
    ) -> Result<Frame, PrmError> {
        let mut marks = (FIRST_MARK..).filter_map(char::from_u32);
        let content = |text: Option<&str>, marks: &mut dyn Iterator<Item = char>| match text {
            Some(text) => text.to_owned(),
            None => marks.next().map(String::from).unwrap_or_default(),
        };
        let messages: Vec<Value> =
            messages.iter().map(|(role, text)| context! { role => *role, content => content(*text, &mut marks) }).collect();
        let bad = |message: String| PrmError::Config { file: self.place.clone(), message: format!("chat_template: {message}") };
        let rendered = self.render(&messages, generate).map_err(|e| bad(e.to_string().replace('\n', " ")))?;
        if rendered.len() > MAX_RENDERED {
            return Err(bad(format!("{} bytes for {} messages", rendered.len(), messages.len())));
        }
        let wanted = marks.next().map_or(0, |next| next as u32 - FIRST_MARK);
        let mut pieces = vec![Vec::new()];
        for text in rendered.split_inclusive(|c| (FIRST_MARK..FIRST_MARK + wanted).contains(&(c as u32))) {
            let found = text.chars().next_back().map_or(0, u32::from);
            let mark = u32::try_from(pieces.len()).map_or(u32::MAX, |n| FIRST_MARK + n - 1);
            let is_mark = (FIRST_MARK..FIRST_MARK + wanted).contains(&found);
            if is_mark && found != mark {
                return Err(bad("the contents do not stand in the order of the messages".to_owned()));
            }
            let literal = if is_mark { text.strip_suffix(|_: char| true).unwrap_or(text) } else { text };
            if let Some(last) = pieces.last_mut() {
                *last = self.parts(vocabulary, literal)?;
            }
            if is_mark {
                pieces.push(Vec::new());
            }
        }
        if u32::try_from(pieces.len()) != Ok(wanted + 1) {
            return Err(bad("a message is not printed, or is changed by the template".to_owned()));
        }
        Ok(Frame(pieces))
    }

    fn render(&self, messages: &[Value], generate: bool) -> Result<String, Error> {
        let mut environment = Environment::new();
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        environment.set_fuel(Some(FUEL));
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        let refuse = |message: String| -> Result<Value, Error> { Err(Error::new(ErrorKind::InvalidOperation, message)) };
        environment.add_function("raise_exception", refuse);
        environment.add_function("strftime_now", |_: String| DATE);
        environment.add_template("chat", &self.template)?;
        environment.get_template("chat")?.render(context! {
            messages => messages,
            add_generation_prompt => generate,
            bos_token => self.bos,
            eos_token => self.eos,
        })
    }

    /// Text of the template, with its control tokens looked up.
    fn parts(&self, vocabulary: &mut Vocabulary, literal: &str) -> Result<Vec<Part>, PrmError> {
        let (mut parts, mut rest, mut text) = (Vec::new(), literal, String::new());
        while let Some(first) = rest.chars().next() {
            if let Some(token) = self.added.iter().find(|token| !token.is_empty() && rest.starts_with(token.as_str())) {
                if !text.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut text)));
                }
                parts.push(Part::Control(vocabulary.control(token)?));
                rest = &rest[token.len()..];
            } else {
                text.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        Ok(parts)
    }
}

impl Frame {
    /// The piece before content `n`; the last piece stands behind all contents.
    pub(super) fn piece(&self, n: usize) -> &[Part] {
        self.0.get(n).map_or(&[], Vec::as_slice)
    }

    /// The parts of a conversation with one place.
    pub(super) fn around(&self, content: String) -> Vec<Part> {
        self.piece(0).iter().cloned().chain([Part::Text(content)]).chain(self.piece(1).iter().cloned()).collect()
    }

    /// The piece before content `n`, cut behind its last control token: what comes after belongs to one run of text with the content.
    pub(super) fn cut(&self, n: usize) -> (&[Part], &[Part]) {
        let piece = self.piece(n);
        let at = piece.iter().rposition(|part| matches!(part, Part::Control(_))).map_or(0, |last| last + 1);
        piece.split_at(at)
    }
}

impl Chat {
    /// A question and one answer: places for the problem and for the steps. An empty system message is left to the template.
    pub(super) fn dialogue(&self, vocabulary: &mut Vocabulary, system: &str) -> Result<Frame, PrmError> {
        let system = Some(("system", Some(system))).filter(|_| !system.is_empty());
        let messages: Vec<_> = system.into_iter().chain([("user", None), ("assistant", None)]).collect();
        self.frame(vocabulary, &messages, false)
    }
}

impl Frame {
    /// Of a [`Chat::dialogue`]: everything up to the last control token before the steps, and the text between it and the first step.
    pub(super) fn opening(&self, problem: &str) -> (Vec<Part>, &[Part]) {
        let (controls, role) = self.cut(1);
        let before = self.piece(0).iter().cloned().chain([Part::text(problem)]);
        (before.chain(controls.iter().cloned()).collect(), role)
    }
}

/// The tokens that end an answer of the model: its end-of-text token, and those of the chat formats that the tokenizer has.
pub(super) fn ends(checkpoint: &Checkpoint, vocabulary: &mut Vocabulary) -> Result<Vec<u32>, PrmError> {
    let mut names = vec!["<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>", "<｜end▁of▁sentence｜>"];
    let eos = checkpoint.special_token("eos_token");
    names.extend(eos.as_deref());
    vocabulary.controls_among(&names)
}
