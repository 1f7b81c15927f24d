//! Content keys. A step is named by what it says and by all that stands before it, so a label survives re-ordering, renaming and
//! re-generation of later steps, is shared by every rollout through the same prefix, and never sticks to other text.
//!
//! Keys are the first 128 bits of SHA-256 over a domain tag and length-prefixed fields. Text is hashed as it was decoded: no
//! normalising, no trimming.

use sha2::{Digest, Sha256};

use super::id::id;

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

id! {
    /// Names a problem by its text.
    PromptKey, 16
}
id! {
    /// Names a step by its text and by every step and the problem before it.
    StepKey, 16
}
id! {
    /// Names a whole solution: a claim about all of its steps ("no error") does not pass on to a longer or shorter one.
    RecordKey, 16
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
