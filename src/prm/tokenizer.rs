//! The tokenizer of a checkpoint. Text from people and files can never become a control token: special tokens are looked up by
//! their text and put between encoded pieces by hand, and inside of text their letters are encoded as letters.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokenizers::{AddedToken, Tokenizer};

use super::PrmError;

/// A loaded `tokenizer.json`.
pub(super) struct Vocabulary {
    tokenizer: Tokenizer,
    specials: Vec<(&'static str, u32)>,
    /// Rows of the embedding: ids from there on have no meaning to the model.
    rows: usize,
}

impl Vocabulary {
    /// Loads a tokenizer and looks up special tokens, each of which must be a single id below `rows`.
    pub(super) fn load(bytes: &[u8], file: &str, specials: &[&'static str], rows: usize) -> Result<Self, PrmError> {
        let bad = |message: String| PrmError::Tokenizer { file: file.to_owned(), message };
        // Crafted files make the tokenizers crate panic; its words help nobody.
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        let loaded = catch_unwind(|| Tokenizer::from_bytes(bytes));
        std::panic::set_hook(before);
        let loaded = loaded.map_err(|_| bad("its contents contradict each other".to_owned()))?;
        let mut tokenizer = loaded.map_err(|e| bad(e.to_string()))?;
        tokenizer.with_truncation(None).map_err(|e| bad(e.to_string()))?;
        tokenizer.with_padding(None);
        let specials =
            specials.iter().map(|&s| Ok((s, single(&tokenizer, file, s, rows)?))).collect::<Result<Vec<_>, PrmError>>()?;
        // A file can list them as ordinary added tokens, which would be found inside of text.
        let marked: Vec<AddedToken> = specials.iter().map(|(s, _)| AddedToken::from(*s, true)).collect();
        catch_unwind(AssertUnwindSafe(|| tokenizer.add_special_tokens(marked)))
            .map_err(|_| bad("its special tokens contradict each other".to_owned()))?
            .map_err(|e| bad(e.to_string()))?;
        tokenizer.set_encode_special_tokens(true);
        Ok(Self { tokenizer, specials, rows })
    }

    /// The id of a special token given to [`Self::load`].
    pub(super) fn special(&self, token: &str) -> u32 {
        self.specials.iter().find(|(s, _)| *s == token).map_or(u32::MAX, |(_, id)| *id)
    }

    /// The ids of a piece of text that holds no control token, whatever its letters are.
    pub(super) fn encode(&self, text: &str) -> Result<Vec<u32>, String> {
        let encoded = catch_unwind(AssertUnwindSafe(|| self.tokenizer.encode_fast(text, false)))
            .map_err(|_| "the tokenizer failed on this text".to_owned())?
            .map_err(|e| format!("the tokenizer failed on this text: {e}"))?;
        for &id in encoded.get_ids() {
            if let Some((token, _)) = self.specials.iter().find(|(_, special)| *special == id) {
                return Err(format!("the tokenizer reads {token} in this text as a control token"));
            }
            if id as usize >= self.rows {
                return Err(format!("the tokenizer gives token {id}, the model has {} tokens", self.rows));
            }
        }
        Ok(encoded.get_ids().to_vec())
    }
}

/// The id of a special token, which must be one token of its own when it is met in text.
fn single(tokenizer: &Tokenizer, file: &str, token: &str, rows: usize) -> Result<u32, PrmError> {
    let bad = |message: String| PrmError::Token { file: file.to_owned(), token: token.to_owned(), message };
    let id = tokenizer.token_to_id(token).ok_or_else(|| bad("is missing".to_owned()))?;
    let encoded = catch_unwind(AssertUnwindSafe(|| tokenizer.encode_fast(token, false)))
        .map_err(|_| bad("cannot be encoded".to_owned()))?
        .map_err(|e| bad(format!("cannot be encoded: {e}")))?;
    if encoded.get_ids() != [id] {
        return Err(bad(format!("must be a single token with id {id}, the tokenizer gives {:?}", encoded.get_ids())));
    }
    if id as usize >= rows {
        return Err(bad(format!("has id {id}, the model has {rows} tokens")));
    }
    Ok(id)
}
