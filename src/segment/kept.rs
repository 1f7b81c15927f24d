//! The rule that cut a trace, as it is kept with the trace: a later version of the rules may cut the same text in another way.

use serde_json::{Value, json};

use super::VERSION;
use crate::trace::Extra;

/// Name under which traces keep the rule that split them: its name where this program did, `{"rule", "version"}` in files.
pub const EXTRA_KEY: &str = "stepscope.segmentation";

/// Adds the version to the name of a rule, for a file. A trace that was read from one keeps what that says.
pub fn stamp(extra: &mut Extra) {
    if let Some(kept @ Value::String(_)) = extra.get_mut(EXTRA_KEY) {
        *kept = json!({"rule": kept.take(), "version": VERSION});
    }
}

/// Takes up what a file says of the rule, and gives what is to be said when it was of another version. Files in which none is noted
/// are older than that; they do not become ones of today.
pub fn recall(extra: &mut Extra) -> Option<String> {
    let kept = extra.get_mut(EXTRA_KEY)?;
    if kept.is_string() {
        *kept = json!({"rule": kept.take()});
    }
    let version = kept.get("version")?.as_u64()?;
    if version == u64::from(VERSION) {
        *kept = kept.get_mut("rule")?.take();
        return None;
    }
    let rule: String = kept.get("rule")?.as_str()?.chars().take(60).collect();
    Some(format!("cut by {rule}, version {version} of the rules; this program has version {VERSION}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extra(kept: Value) -> Extra {
        Extra::from_iter([(EXTRA_KEY.to_owned(), kept)])
    }

    #[test]
    fn a_rule_is_kept_with_its_version_and_another_version_is_noticed() {
        let mut now = extra("sentence".into());
        stamp(&mut now);
        assert_eq!(now, extra(json!({"rule": "sentence", "version": VERSION})));
        assert_eq!((recall(&mut now), now), (None, extra("sentence".into())));
        let earlier = extra(json!({"rule": "sentence", "version": 2}));
        let mut read = earlier.clone();
        let said = format!("cut by sentence, version 2 of the rules; this program has version {VERSION}");
        assert_eq!(recall(&mut read), Some(said));
        // It was cut then, not now.
        stamp(&mut read);
        assert_eq!(read, earlier);
    }

    #[test]
    fn files_without_a_version_get_none() {
        let mut old = extra("blank,line".into());
        assert_eq!(recall(&mut old), None);
        stamp(&mut old);
        assert_eq!(old, extra(json!({"rule": "blank,line"})));
        for mut odd in [extra(json!(3)), extra(json!({"version": 1})), extra(json!({"rule": [], "version": "x"})), Extra::new()] {
            let before = odd.clone();
            assert_eq!(recall(&mut odd), None);
            stamp(&mut odd);
            assert_eq!(odd, before);
        }
    }
}
