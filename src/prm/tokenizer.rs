//! The tokenizer of a checkpoint. Text from people and files can never become a control token: control tokens are looked up by
//! their text and put between encoded pieces by hand, and inside of text their letters are encoded as letters.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use tokenizers::{AddedToken, Encoding, Tokenizer};

use super::PrmError;

/// A loaded `tokenizer.json`.
pub(super) struct Vocabulary {
    tokenizer: Tokenizer,
    file: String,
    controls: Vec<(String, u32)>,
    /// Rows of the embedding: ids from there on have no meaning to the model.
    rows: usize,
}

/// A piece of a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// A control token.
    Control(u32),
    /// Text; neighbours are tokenised as one.
    Text(String),
}

impl Part {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }
}

impl Vocabulary {
    /// Loads a tokenizer for a model with `rows` tokens.
    pub(super) fn load(bytes: &[u8], file: &str, rows: usize) -> Result<Self, PrmError> {
        let bad = |message: String| PrmError::Tokenizer { file: file.to_owned(), message };
        let mut tokenizer = parse(bytes).map_err(bad)?;
        tokenizer.set_encode_special_tokens(true);
        Ok(Self { tokenizer, file: file.to_owned(), controls: Vec::new(), rows })
    }

    /// The id of a control token, which must be one token of its own below the number of rows. From now on text cannot hold it.
    pub(super) fn control(&mut self, token: &str) -> Result<u32, PrmError> {
        if let Some((_, id)) = self.controls.iter().find(|(known, _)| known == token) {
            return Ok(*id);
        }
        self.tokenizer.set_encode_special_tokens(false);
        let id = self.single(token);
        // A file can list it as an ordinary added token, which would be found inside of text.
        let marked = AddedToken::from(token, true);
        let done = catch_unwind(AssertUnwindSafe(|| self.tokenizer.add_special_tokens([marked])));
        self.tokenizer.set_encode_special_tokens(true);
        let bad = |message: String| PrmError::Tokenizer { file: self.file.clone(), message };
        let id = id?;
        done.map_err(|_| bad("its special tokens contradict each other".to_owned()))?.map_err(|e| bad(e.to_string()))?;
        self.controls.push((token.to_owned(), id));
        Ok(id)
    }

    fn single(&self, token: &str) -> Result<u32, PrmError> {
        let bad = |message: String| PrmError::Token { file: self.file.clone(), token: token.to_owned(), message };
        let id = self.tokenizer.token_to_id(token).ok_or_else(|| bad("is missing".to_owned()))?;
        let encoded = catch_unwind(AssertUnwindSafe(|| self.tokenizer.encode_fast(token, false)))
            .map_err(|_| bad("cannot be encoded".to_owned()))?
            .map_err(|e| bad(format!("cannot be encoded: {e}")))?;
        if encoded.get_ids() != [id] {
            return Err(bad(format!("must be a single token with id {id}, the tokenizer gives {:?}", encoded.get_ids())));
        }
        if id as usize >= self.rows {
            return Err(bad(format!("has id {id}, the model has {} tokens", self.rows)));
        }
        Ok(id)
    }

    /// Added tokens by their text, the longest first: what a chat template can hold beside text.
    pub(super) fn added(&self) -> Vec<String> {
        let mut added: Vec<String> = self.tokenizer.get_added_tokens_decoder().into_values().map(|t| t.content).collect();
        added.sort_by_key(|token| std::cmp::Reverse(token.len()));
        added
    }

    /// The ids of a piece of text that holds no control token, whatever its letters are.
    pub(super) fn encode(&self, text: &str) -> Result<Vec<u32>, String> {
        self.checked(|| self.tokenizer.encode_fast(text, false)).map(|encoded| encoded.get_ids().to_vec())
    }

    /// The same, and for each token the number of bytes of the text up to its end.
    pub(super) fn encode_with_ends(&self, text: &str) -> Result<(Vec<u32>, Vec<usize>), String> {
        let encoded = self.checked(|| self.tokenizer.encode(text, false))?;
        Ok((encoded.get_ids().to_vec(), encoded.get_offsets().iter().map(|(_, end)| *end).collect()))
    }

    fn checked(&self, encode: impl FnOnce() -> tokenizers::Result<Encoding>) -> Result<Encoding, String> {
        let encoded = catch_unwind(AssertUnwindSafe(encode))
            .map_err(|_| "the tokenizer failed on this text".to_owned())?
            .map_err(|e| format!("the tokenizer failed on this text: {e}"))?;
        for &id in encoded.get_ids() {
            if let Some((token, _)) = self.controls.iter().find(|(_, control)| *control == id) {
                return Err(format!("the tokenizer reads {token} in this text as a control token"));
            }
            if id as usize >= self.rows {
                return Err(format!("the tokenizer gives token {id}, the model has {} tokens", self.rows));
            }
        }
        Ok(encoded)
    }

    /// The ids of a text as it stands behind `before`, which must end where a token ends. Tokenizers of the `SentencePiece` kind put
    /// a space before every text that they are given, which is wrong in the middle of a line.
    pub(super) fn encode_behind(&self, before: &str, text: &str) -> Result<Vec<u32>, String> {
        let (start, mut all) = (self.encode(before)?, self.encode(&format!("{before}{text}"))?);
        if !all.starts_with(&start) {
            return Err(format!("the tokenizer joins {before:?} with the text behind it"));
        }
        Ok(all.split_off(start.len()))
    }

    /// The ids of control tokens and text, neighbouring texts tokenised as one.
    pub(super) fn ids<'p>(&self, parts: impl IntoIterator<Item = &'p Part>) -> Result<Vec<u32>, String> {
        let (mut ids, mut run) = (Vec::new(), String::new());
        for part in parts {
            match part {
                Part::Text(text) => run.push_str(text),
                Part::Control(id) => {
                    ids.extend(self.encode(&std::mem::take(&mut run))?);
                    ids.push(*id);
                }
            }
        }
        ids.extend(self.encode(&run)?);
        Ok(ids)
    }

    /// The text of tokens; control tokens have none.
    pub(super) fn decode(&self, ids: &[u32]) -> String {
        // Crafted files make the tokenizers crate panic.
        let text = catch_unwind(AssertUnwindSafe(|| self.tokenizer.decode(ids, true)));
        text.ok().and_then(Result::ok).unwrap_or_default()
    }

    /// The text that each token adds; one that ends inside of a character adds none.
    pub(super) fn pieces(&self, ids: &[u32]) -> Vec<String> {
        let mut stream = self.tokenizer.decode_stream(true);
        let mut next = |&id: &u32| {
            let text = catch_unwind(AssertUnwindSafe(|| stream.step(id)));
            text.ok().and_then(Result::ok).flatten().unwrap_or_default()
        };
        ids.iter().map(&mut next).collect()
    }

    /// The tokens, of these names, that the tokenizer has.
    pub(super) fn controls_among(&mut self, names: &[&str]) -> Result<Vec<u32>, PrmError> {
        let added = self.added();
        names.iter().filter(|name| added.iter().any(|token| token == *name)).map(|name| self.control(name)).collect()
    }

    /// The first tokens of two answers where they stand in text; they must be different ones.
    pub(super) fn answers(&self, words: [&str; 2]) -> Result<[u32; 2], PrmError> {
        let first = |word: &str| {
            let ids = self.encode_behind("\n", word).map_err(|message| self.bad_token(word, &message))?;
            ids.first().copied().ok_or_else(|| self.bad_token(word, "must be at least one token"))
        };
        let answers = [first(words[0])?, first(words[1])?];
        if answers[0] == answers[1] {
            return Err(self.bad_token(words[0], "begins with the same token as the other answer"));
        }
        Ok(answers)
    }

    /// The one id of a word that the model must know as a single token where it stands in text: `" ки"`, `"+"`.
    pub(super) fn word(&self, word: &str) -> Result<u32, PrmError> {
        let bad = |message: String| PrmError::Token { file: self.file.clone(), token: format!("{word:?}"), message };
        // Behind a line break, which every tokenizer keeps apart from what follows.
        let behind = self.encode_behind("\n", word);
        match behind.as_deref() {
            Ok([id]) => Ok(*id),
            Ok(ids) => Err(bad(format!("must be a single token, the tokenizer gives {ids:?}"))),
            Err(message) => Err(bad(message.clone())),
        }
    }

    /// An error about a token that the scoring convention needs.
    pub(super) fn bad_token(&self, token: &str, message: &str) -> PrmError {
        PrmError::Token { file: self.file.clone(), token: format!("{token:?}"), message: message.to_owned() }
    }
}

/// Reads a `tokenizer.json` and turns cutting off and padding off.
pub(super) fn parse(bytes: &[u8]) -> Result<Tokenizer, String> {
    // Crafted files make the tokenizers crate panic; its words help nobody. One at a time: who takes the hook of another that is silent
    // would leave the program without a word for good.
    static HOOK: Mutex<()> = Mutex::new(());
    let hook = HOOK.lock().unwrap_or_else(PoisonError::into_inner);
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let loaded = catch_unwind(|| Tokenizer::from_bytes(bytes));
    std::panic::set_hook(before);
    drop(hook);
    let loaded = loaded.map_err(|_| "its contents contradict each other".to_owned())?;
    let mut tokenizer = loaded.map_err(|e| e.to_string())?;
    tokenizer.with_truncation(None).map_err(|e| e.to_string())?;
    tokenizer.with_padding(None);
    Ok(tokenizer)
}
