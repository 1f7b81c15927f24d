//! What the keys of unknown records may mean: a proposal for people to correct, never used without being asked for.

use serde_json::Value;

use super::{KEYS, Spec};

/// Most paths that are looked at.
const PATHS: usize = 200;
/// Deepest path, in keys.
const DEPTH: usize = 4;

/// Names that say what they hold, the surest first.
const PROBLEM: &[&str] = &["problem", "question", "prompt", "query", "instruction", "task", "input"];
const STEPS: &[&str] = &["steps", "completions", "process", "chain", "reasoning", "thoughts", "sentences", "trajectory"];
const TEXTS: &[&str] =
    &["solution", "response", "rationale", "completion", "output", "generated", "generation", "reasoning", "explanation", "text"];
const LABEL: &[&str] =
    &["first_error", "error_step", "error_index", "mistake", "label", "labels", "ratings", "rating", "correctness"];
const SINGLES: &[(&str, &[&str])] = &[
    ("answer", &["final_answer", "model_answer", "prediction", "pred"]),
    ("outcome", &["is_correct", "correct", "passed"]),
    ("reference", &["reference_answer", "ground_truth", "gold", "target", "gt", "answer"]),
    ("id", &["id", "uuid", "idx", "uid"]),
    ("generator", &["generator", "model", "author"]),
];

/// All paths to values that are no objects, in the order of the record; elements of lists of objects under one path.
pub fn paths(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect(value, String::new(), DEPTH, &mut found);
    found
}

fn collect(value: &Value, path: String, depth: usize, found: &mut Vec<String>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        Value::Object(map) if depth > 0 => {
            for (key, value) in map {
                collect(value, below(key), depth - 1, found);
            }
        }
        Value::Array(items) if depth > 0 && items.first().is_some_and(Value::is_object) => collect(&items[0], path, depth, found),
        _ if path.is_empty() || found.len() >= PATHS || found.contains(&path) => {}
        _ => found.push(path),
    }
}

/// A mapping that may fit these records; without `steps` when nothing looks like steps.
pub fn propose(record: &Value) -> Spec {
    let paths = paths(record);
    let at = |path: &String| record.as_object().and_then(|map| super::find(map, path)).map(std::borrow::Cow::into_owned);
    let named = |names: &[&str], fits: &dyn Fn(&Value) -> bool| {
        let by_name = |name: &&str| paths.iter().find(|path| last(path) == *name && at(path).is_some_and(|value| fits(&value)));
        names.iter().find_map(by_name).cloned()
    };
    let text = |value: &Value| value.is_string();
    let texts = |value: &Value| value.as_array().is_some_and(|items| !items.is_empty() && items.iter().all(Value::is_string));
    let mut spec = Spec::default();
    let mut set = |key: &str, path: Option<String>| {
        // Every key is one of the known ones.
        let _ = spec.set(key, &path.unwrap_or_default());
    };
    let any = |fits: &dyn Fn(&Value) -> bool| paths.iter().find(|path| at(path).is_some_and(|value| fits(&value))).cloned();
    let problem = named(PROBLEM, &text);
    let steps = named(STEPS, &texts)
        .or_else(|| any(&texts))
        .or_else(|| named(TEXTS, &text).filter(|path| Some(path) != problem.as_ref()));
    let label = named(LABEL, &|value| {
        let entry = |item: &Value| item.is_boolean() || item.is_number() || item.is_null() || item == "+" || item == "-";
        value.is_number() || value.as_array().is_some_and(|items| items.iter().all(entry))
    });
    for (key, names) in SINGLES {
        let single = |value: &Value| !value.is_array() && !value.is_null();
        set(key, named(names, &single).filter(|path| Some(path) != steps.as_ref() && Some(path) != label.as_ref()));
    }
    set("problem", problem.clone());
    set("steps", steps.clone());
    set("label", label);
    // A text that nothing else explains, beside steps, is more likely the problem than anything else.
    if problem.is_none() && steps.is_some() {
        let free = |path: &&String| KEYS.iter().all(|(key, _)| spec.get(key) != Some(path.as_str()));
        let left = paths.iter().filter(free).find(|path| at(path).is_some_and(|value| text(&value))).cloned();
        let _ = spec.set("problem", &left.unwrap_or_default());
    }
    spec
}

fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}
