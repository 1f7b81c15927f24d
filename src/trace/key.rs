//! Content keys. A step is named by what it says and by all that stands before it, so a label survives re-ordering, renaming and
//! re-generation of later steps, is shared by every rollout through the same prefix, and never sticks to other text.
//!
//! Keys are the first 128 bits of SHA-256 over a domain tag and length-prefixed fields. Text is hashed as it was decoded: no
//! normalising, no trimming.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

const KEY_BYTES: usize = 16;

fn hash(domain: &str, fields: &[&[u8]]) -> [u8; KEY_BYTES] {
    let mut hasher = Sha256::new();
    hasher.update(domain.as_bytes());
    for field in fields {
        // The length goes in first, so that text cannot slide from one field into the next.
        hasher.update((field.len() as u64).to_le_bytes());
        hasher.update(field);
    }
    let digest = hasher.finalize();
    let mut key = [0; KEY_BYTES];
    key.copy_from_slice(&digest[..KEY_BYTES]);
    key
}

/// A text that is not 32 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a key of 32 hexadecimal digits, found {0:?}")]
pub struct KeyParseError(String);

macro_rules! key {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; KEY_BYTES]);

        impl $name {
            /// The 16 bytes of the key, as stored in databases.
            pub fn as_bytes(&self) -> &[u8; KEY_BYTES] {
                &self.0
            }

            /// A key from its 16 stored bytes; `None` for any other length.
            pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
                Some(Self(bytes.try_into().ok()?))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = KeyParseError;

            fn from_str(text: &str) -> Result<Self, KeyParseError> {
                let bad = || KeyParseError(text.chars().take(40).collect());
                if text.len() != 2 * KEY_BYTES || !text.is_ascii() {
                    return Err(bad());
                }
                let mut key = [0; KEY_BYTES];
                for (byte, digits) in key.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
                    let digits = std::str::from_utf8(digits).map_err(|_| bad())?;
                    *byte = u8::from_str_radix(digits, 16).map_err(|_| bad())?;
                }
                Ok(Self(key))
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

key! {
    /// Names a problem by its text.
    PromptKey
}
key! {
    /// Names a step by its text and by every step and the problem before it.
    StepKey
}
key! {
    /// Names a whole solution: a claim about all of its steps ("no error") does not pass on to a longer or shorter one.
    RecordKey
}

impl PromptKey {
    /// The key of a problem text.
    pub fn of(problem: &str) -> Self {
        Self(hash("sc1/prompt", &[problem.as_bytes()]))
    }

    /// The key of the first step `text` below this problem.
    pub fn step(&self, text: &str) -> StepKey {
        StepKey(hash("sc1/step", &[&self.0, text.as_bytes()]))
    }

    /// The key of the tree's root, which no step can have: it is hashed in a domain of its own.
    pub fn root(&self) -> StepKey {
        StepKey(hash("sc1/root", &[&self.0]))
    }

    /// The key of a solution without any step.
    pub fn record(&self) -> RecordKey {
        RecordKey(hash("sc1/rec", &[&self.0]))
    }
}

impl StepKey {
    /// The key of the step `text` that follows this one.
    #[must_use]
    pub fn step(&self, text: &str) -> StepKey {
        StepKey(hash("sc1/step", &[&self.0, text.as_bytes()]))
    }

    /// The key of the solution that ends with this step.
    pub fn record(&self) -> RecordKey {
        RecordKey(hash("sc1/rec", &[&self.0]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_key_depends_on_everything_before_the_step() {
        let a = PromptKey::of("q").step("one").step("two");
        let b = PromptKey::of("q").step("One").step("two");
        assert_ne!(a, b);
        assert_eq!(a, PromptKey::of("q").step("one").step("two"));
    }

    #[test]
    fn text_cannot_slide_between_steps() {
        assert_ne!(PromptKey::of("q").step("ab").step("c"), PromptKey::of("q").step("a").step("bc"));
    }

    #[test]
    fn keys_print_and_parse() {
        let key = PromptKey::of("q").step("s");
        assert_eq!(key.to_string().parse::<StepKey>().unwrap(), key);
        assert!("xyz".parse::<StepKey>().is_err());
        assert_eq!(serde_json::from_str::<StepKey>(&serde_json::to_string(&key).unwrap()).unwrap(), key);
    }

    #[test]
    fn keys_never_change_between_versions() {
        // Stored labels hang on these values.
        assert_eq!(PromptKey::of("1+1?").to_string(), KEY_OF_PROMPT);
        assert_eq!(PromptKey::of("1+1?").step("2").to_string(), KEY_OF_STEP);
        assert_eq!(PromptKey::of("1+1?").step("2").record().to_string(), KEY_OF_RECORD);
    }

    // Computed with Python's hashlib from the rule in the module header.
    const KEY_OF_PROMPT: &str = "8cbebeb63a7856433604cf8c1cf057ff";
    const KEY_OF_STEP: &str = "9c0f3ac035d64c912c8fa38c1f52c47f";
    const KEY_OF_RECORD: &str = "9c24d6465c9de711808e4c3636521fbf";
}
