//! What a source says of its first wrong step in words: of what kind the error is, why the step is wrong, how it should read.

use serde_json::Value;

use crate::trace::{Extra, FirstError, Remark, Solution, Words, Writing};

/// What stands in place of a text where there is nothing to say.
const NOTHING: [&str; 3] = ["", "N/A", "TBD"];

/// The keys of a record under which it says so, each a text or, where several people wrote one, a list of texts.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Reasons {
    pub(super) kind: Option<&'static str>,
    pub(super) critique: Option<&'static str>,
    pub(super) correction: Option<&'static str>,
}

impl Reasons {
    /// Makes words of the labels of the further fields of a solution. Of one without a wrong step they stay what they are.
    pub(super) fn take(self, solution: &mut Solution) {
        let FirstError::At(step) = solution.first_error else { return };
        let extra = &mut solution.extra;
        let error_kind = self.kind.and_then(|key| text(extra, key)).unwrap_or_default();
        let critique = self.critique.and_then(|key| all(extra, key));
        let correction = self.correction.and_then(|key| first(extra, key));
        let texts = [(Writing::Critique, critique), (Writing::Correction, correction)];
        let remark = |(writing, text): (Writing, Option<String>)| Some(Remark { writing, step: Some(step), text: text? });
        say(solution, Words { error_kind, remarks: texts.into_iter().filter_map(remark).collect(), ..Words::default() });
    }
}

/// Gives the recorded labels these words, if any.
pub(super) fn say(solution: &mut Solution, words: Words) {
    if words != Words::default() {
        solution.words = Some(Box::new(words));
    }
}

/// A text, taken out of the fields; one that says nothing stays there.
pub(super) fn text(extra: &mut Extra, key: &str) -> Option<String> {
    let text = said(extra.get(key)?)?;
    extra.shift_remove(key);
    Some(text)
}

/// A text, or all of a list as one.
fn all(extra: &mut Extra, key: &str) -> Option<String> {
    let Some(Value::Array(items)) = extra.get(key) else { return text(extra, key) };
    let texts = items.iter().map(said).collect::<Option<Vec<_>>>().filter(|texts| !texts.is_empty())?;
    extra.shift_remove(key);
    Some(texts.join("\n\n"))
}

/// A text, or the first of a list: a step can be replaced by one step only. The others stay where they are.
fn first(extra: &mut Extra, key: &str) -> Option<String> {
    let Some(Value::Array(items)) = extra.get_mut(key) else { return text(extra, key) };
    let first = said(items.first()?)?;
    items.remove(0);
    if items.is_empty() {
        extra.shift_remove(key);
    }
    Some(first)
}

fn said(value: &Value) -> Option<String> {
    // A line of a program keeps its indentation.
    let text = value.as_str()?.trim_start_matches(['\n', '\r']).trim_end();
    (!NOTHING.contains(&text.trim())).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::trace::NodeId;

    const ALL: Reasons = Reasons { kind: Some("class"), critique: Some("why"), correction: Some("right") };

    fn taken(first_error: FirstError, record: &Value) -> (Words, Value) {
        let extra = record.as_object().cloned().unwrap_or_default();
        let mut solution = Solution { first_error, extra, ..Solution::new(NodeId::ROOT) };
        ALL.take(&mut solution);
        (solution.words.map(|words| *words).unwrap_or_default(), Value::Object(solution.extra))
    }

    #[test]
    fn words_stand_on_the_wrong_step_and_nowhere_else() {
        let record = json!({"class": "sum", "why": ["Adds. ", "Forgets one."], "right": ["\n  2+3=5\n", "3+2=5"], "level": 4});
        let (words, rest) = taken(FirstError::At(1), &record);
        let remark = |writing, text: &str| Remark { writing, step: Some(1), text: text.to_owned() };
        let remarks = vec![remark(Writing::Critique, "Adds.\n\nForgets one."), remark(Writing::Correction, "  2+3=5")];
        assert_eq!(words, Words { error_kind: "sum".to_owned(), remarks, ..Words::default() });
        assert_eq!(rest, json!({"right": ["3+2=5"], "level": 4}));
    }

    #[test]
    fn what_says_nothing_or_is_said_of_no_step_stays_in_its_field() {
        let record = json!({"class": null, "why": "N/A", "right": [" "], "level": 4});
        assert_eq!(taken(FirstError::At(0), &record), (Words::default(), record));
        let odd = json!({"class": 3, "why": ["a", 1], "right": []});
        assert_eq!(taken(FirstError::At(0), &odd), (Words::default(), odd));
        let record = json!({"class": "sum", "why": "Adds.", "right": "2+3=5"});
        for first_error in [FirstError::NoError, FirstError::Unknown, FirstError::Unlabelable] {
            assert_eq!(taken(first_error, &record), (Words::default(), record.clone()));
        }
    }
}
