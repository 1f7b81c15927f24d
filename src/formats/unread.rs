//! Lists of verdicts or scores that a format knows nothing of: a file that has them says more than its format reads.

use serde_json::Value;

use crate::segment::{RULES, split};

/// The key of a list of the record with one verdict or score for each step of these texts, of one text or of several in a list of lists.
/// `None` where no list has as many entries as some rule makes steps, two at least.
pub(super) fn list<'a>(record: &'a Value, texts: &[&str]) -> Option<&'a str> {
    let fits = |value: &Value| match (value.as_array(), texts) {
        (Some(items), [text]) => goes_with(items, text),
        (Some(lists), texts) if lists.len() == texts.len() => {
            let mut each =
                lists.iter().zip(texts).map(|(items, text)| items.as_array().is_some_and(|items| goes_with(items, text)));
            !texts.is_empty() && each.all(|fits| fits)
        }
        _ => false,
    };
    record.as_object()?.iter().find(|(_, value)| fits(value)).map(|(key, _)| key.as_str())
}

/// What to say of such a list.
pub(super) fn note(key: &str) -> String {
    format!("`{}` has an entry for each step and is not read: --map says what it means", super::json::excerpt(key, 40))
}

fn goes_with(items: &[Value], text: &str) -> bool {
    let verdict = |item: &Value| {
        item.is_boolean()
            || item.is_null()
            || item == "+"
            || item == "-"
            || item.as_f64().is_some_and(|number| number.abs() <= 1.0)
    };
    items.len() > 1
        && items.iter().all(verdict)
        && !items.iter().all(Value::is_null)
        && RULES.iter().any(|(rule, ..)| split(text, *rule).pieces.len() == items.len())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_goes_with_a_text_that_some_rule_cuts_into_as_many_steps() {
        let of = |record: &Value, texts: &[&str]| list(record, texts).map(str::to_owned);
        assert_eq!(of(&json!({"p": "?", "l": [1, 1, 0]}), &["a\nb\nc"]).as_deref(), Some("l"));
        assert_eq!(of(&json!({"l": [true, null]}), &["Step 1: a\n\nStep 2: b"]).as_deref(), Some("l"));
        assert_eq!(of(&json!({"s": [[0.9, 0.8], [0.2, 0.1]]}), &["a\n\nb", "c\n\nd"]).as_deref(), Some("s"));
        for (record, texts) in [
            (json!({"l": [1, 1, 0, 1]}), &["a\nb\nc"][..]),
            (json!({"l": [1]}), &["a"]),
            (json!({"tokens": [17, 4]}), &["a\nb"]),
            (json!({"tags": ["x", "y"]}), &["a\nb"]),
            // One number a solution says nothing of steps.
            (json!({"s": [0.9, 0.2]}), &["a\n\nb", "c\n\nd"]),
        ] {
            assert_eq!(of(&record, texts), None, "{record}");
        }
    }
}
