//! A tokenizer folder as training code uses it: special tokens that stand in a text are read as such. Scoring never does that; see
//! `tokenizer`.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use serde_json::Value;
use tokenizers::Tokenizer;

use super::PrmError;
use crate::training::Tokens;

/// The tokenizer of a folder, with the token that its configuration puts before every text.
pub struct TrainerTokens {
    tokenizer: Tokenizer,
    bos: Option<u32>,
}

impl TrainerTokens {
    /// Loads `tokenizer.json` and, where it is there, `tokenizer_config.json`.
    pub fn load(folder: &Path) -> Result<Self, PrmError> {
        let path = folder.join("tokenizer.json");
        let file = path.to_string_lossy().into_owned();
        let bad = |message: String| PrmError::Tokenizer { file: file.clone(), message };
        let bytes = fs::read(&path).map_err(|error| bad(error.to_string()))?;
        let tokenizer = super::tokenizer::parse(&bytes).map_err(bad)?;
        let bos = beginning(folder).and_then(|token| tokenizer.token_to_id(&token));
        Ok(Self { tokenizer, bos })
    }
}

/// The text of the beginning token, as a string or as an object with `content`.
fn beginning(folder: &Path) -> Option<String> {
    let bytes = fs::read(folder.join("tokenizer_config.json")).ok()?;
    let config: Value = serde_json::from_slice(&bytes).ok()?;
    let token = config.get("bos_token")?;
    token.as_str().or_else(|| token.get("content")?.as_str()).map(str::to_owned)
}

impl Tokens for TrainerTokens {
    fn encode(&self, text: &str) -> Result<Vec<u32>, String> {
        let failed = || "the tokenizer failed on this text".to_owned();
        let encoded = catch_unwind(AssertUnwindSafe(|| self.tokenizer.encode_fast(text, false))).map_err(|_| failed())?;
        encoded.map(|encoded| encoded.get_ids().to_vec()).map_err(|_| failed())
    }

    fn text(&self, id: u32) -> String {
        self.tokenizer.decode(&[id], false).unwrap_or_default()
    }

    fn id(&self, token: &str) -> Option<u32> {
        self.tokenizer.token_to_id(token)
    }

    fn bos(&self) -> Option<u32> {
        self.bos
    }
}
