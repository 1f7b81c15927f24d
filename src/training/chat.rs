//! Chat templates of the two families of tokenizers that process reward models are built on, by the tokens that a tokenizer has.

use super::{Tokens, Trap, encode};

/// How turns are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Template {
    /// `<|im_start|>role\n..<|im_end|>\n` (Qwen).
    ChatMl,
    /// `<|start_header_id|>role<|end_header_id|>\n\n..<|eot_id|>` (Llama 3).
    Llama3,
}

impl Template {
    /// The template whose control tokens the tokenizer has.
    pub(super) fn of(tokens: &dyn Tokens) -> Result<Self, Trap> {
        if tokens.id("<|im_start|>").is_some() {
            Ok(Self::ChatMl)
        } else if tokens.id("<|start_header_id|>").is_some() {
            Ok(Self::Llama3)
        } else {
            Err(Trap::record(
                "the tokenizer has the control tokens of neither ChatML nor Llama 3: its chat template is not known here",
            ))
        }
    }

    /// The ids before the content of a turn.
    pub(super) fn open(self, role: &str, tokens: &dyn Tokens) -> Result<Vec<u32>, Trap> {
        encode(
            tokens,
            &match self {
                Self::ChatMl => format!("<|im_start|>{role}\n"),
                Self::Llama3 => format!("<|start_header_id|>{role}<|end_header_id|>\n\n"),
            },
        )
    }

    /// The ids behind it.
    pub(super) fn close(self, tokens: &dyn Tokens) -> Result<Vec<u32>, Trap> {
        encode(
            tokens,
            match self {
                Self::ChatMl => "<|im_end|>\n",
                Self::Llama3 => "<|eot_id|>",
            },
        )
    }

    /// A token that would end a turn early if it stood in a text.
    pub(super) fn control(self) -> &'static [&'static str] {
        match self {
            Self::ChatMl => &["<|im_start|>", "<|im_end|>"],
            Self::Llama3 => &["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"],
        }
    }
}
