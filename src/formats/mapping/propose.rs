//! What the keys of unknown records may mean: a proposal for people to correct, never used without being asked for. Names say what a part
//! may be; what a label counts from and how a text is cut is what reads most of the sampled records.

use std::collections::HashSet;

use serde_json::Value;

use super::several::below_list;
use super::{KEYS, Spec};
use crate::formats::fields::{Fields, integer};
use crate::segment::RULES;

/// Most paths that are looked at.
const PATHS: usize = 200;
/// Deepest path, in keys.
const DEPTH: usize = 4;
/// Turns of a conversation that have a path each.
const TURNS: usize = 6;

/// Names that say what they hold, the surest first.
const PROBLEM: &[&str] = &["problem", "question", "prompt", "query", "instruction", "task", "input"];
const STEPS: &[&str] = &["steps", "completions", "process", "chain", "reasoning", "thoughts", "sentences", "trajectory"];
const TEXTS: &[&str] =
    &["solution", "response", "rationale", "completion", "output", "generated", "generation", "reasoning", "explanation", "text"];
/// Names of lists of whole solutions. `choices` and `answers` are not among them: they name the options of a question as often.
const SOLUTIONS: &[&str] = &[
    "solutions",
    "samples",
    "outputs",
    "responses",
    "generations",
    "completions",
    "generated_text",
    "candidates",
    "rollouts",
    "attempts",
    "predictions",
];
const LABEL: &[&str] = &[
    "first_error",
    "first_error_step",
    "error_step",
    "error_steps",
    "error_index",
    "mistake",
    "mistake_index",
    "step_labels",
    "label",
    "labels",
    "step_ratings",
    "ratings",
    "rating",
    "correctness",
];
/// Of these a single number says something of a whole solution.
const LISTS_ONLY: &[&str] = &["ratings", "rating", "correctness", "step_labels", "step_ratings"];
const SCORES: &[&str] = &["step_scores", "step_rewards", "prm_scores", "process_rewards", "scores", "rewards", "score", "reward"];
const SINGLES: &[(&str, &[&str])] = &[
    ("answer", &["final_answer", "model_answer", "prediction", "pred"]),
    ("outcome", &["is_correct", "correct", "passed"]),
    ("reference", &["reference_answer", "ground_truth", "gold", "target", "gt", "answer"]),
    ("id", &["id", "uuid", "idx", "uid"]),
    ("generator", &["generator", "model", "author"]),
];
/// Names of lists of texts that are never steps.
const NO_STEPS: &[&str] = &["role", "from", "type", "name", "id", "model", "finish_reason", "tags"];
/// Keys that a record can do without.
const OPTIONAL: &[&str] = &["scores", "answer", "outcome", "reference", "solution", "id", "generator"];

/// A mapping that may fit, and what no record decides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proposal {
    /// The mapping; without `steps` when nothing looks like steps.
    pub spec: Spec,
    /// Keys whose value is a guess, with what there is to know.
    pub open: Vec<(&'static str, &'static str)>,
}

/// Records and the paths to their values.
struct Sample<'a> {
    records: &'a [Value],
    paths: Vec<String>,
    /// The path of the list of solutions of a record.
    several: Option<String>,
}

/// All paths to values that are no objects, in the order of the records; elements of lists of objects under one path, turns of a
/// conversation under one each.
pub fn paths(records: &[Value]) -> Vec<String> {
    let (mut found, mut known) = (Vec::new(), HashSet::new());
    for record in records {
        collect(record, String::new(), DEPTH, &mut |path| {
            if found.len() < PATHS && known.insert(path.clone()) {
                found.push(path);
            }
        });
    }
    found
}

fn collect(value: &Value, path: String, depth: usize, found: &mut impl FnMut(String)) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        Value::Object(map) if depth > 0 => {
            for (key, value) in map {
                collect(value, below(key), depth - 1, found);
            }
        }
        Value::Array(items) if depth > 0 && items.first().is_some_and(Value::is_object) => {
            if let Some((_, said)) = turn_keys(&items[0]) {
                (0..items.len().min(TURNS)).for_each(|turn| found(below(&format!("{turn}.{said}"))));
            }
            collect(&items[0], path, depth, found);
        }
        _ if path.is_empty() => {}
        _ => found(path),
    }
}

/// The keys under which a turn of a conversation says who speaks and what.
fn turn_keys(turn: &Value) -> Option<(&'static str, &'static str)> {
    [("role", "content"), ("from", "value")].into_iter().find(|(who, said)| turn[who].is_string() && turn.get(said).is_some())
}

/// A mapping that may fit these records.
pub fn propose(records: &[Value]) -> Proposal {
    let mut sample = Sample { records, paths: paths(records), several: None };
    sample.several = sample.solutions();
    let mut spec = sample.parts();
    if spec.get("steps").is_none() {
        return Proposal { spec, open: Vec::new() };
    }
    // One number a solution says more likely whether it is right.
    let outcomes = |path: &String| {
        sample.several.is_some() && ["label", "labels"].contains(&last(path)) && !sample.fits(path, is_verdict_list)
    };
    let label = sample.named(LABEL, is_label).filter(|path| !outcomes(path));
    let scores = sample.named(SCORES, is_score_list);
    let open = sample.verdict(&mut spec, label, scores);
    for key in OPTIONAL {
        let mut without = spec.clone();
        set(&mut without, key, "");
        if sample.reads(&without) > sample.reads(&spec) {
            spec = without;
        }
    }
    Proposal { spec, open }
}

impl Sample<'_> {
    /// What stands under a path in all records that have it, null left out; of a list of solutions what each of them has.
    fn values(&self, path: &str) -> Vec<Value> {
        let of_record = |record: &Value| -> Vec<Value> {
            let Some(found) = value_at(record, path) else { return Vec::new() };
            let Some(list) = self.several.as_deref() else { return vec![found] };
            let count = || value_at(record, list).and_then(|list| list.as_array().map(Vec::len));
            match found {
                Value::Array(items) if below_list(path, list).is_some() || Some(items.len()) == count() => items,
                found => vec![found],
            }
        };
        self.records.iter().flat_map(of_record).filter(|value| !value.is_null()).collect()
    }

    /// All that stands under a path is of this sort.
    fn fits(&self, path: &str, sort: impl Fn(&str, &Value) -> bool) -> bool {
        let values = self.values(path);
        !values.is_empty() && values.iter().all(|value| sort(path, value))
    }

    /// The path whose name says it first, those to the parts of solutions before others.
    fn named(&self, names: &[&str], sort: impl Fn(&str, &Value) -> bool) -> Option<String> {
        let find = |inside: bool| {
            let paths = || self.paths.iter().filter(move |path| self.is_inside(path) == inside);
            names.iter().find_map(|name| paths().find(|path| last(path) == *name && self.fits(path, &sort))).cloned()
        };
        find(true).or_else(|| find(false))
    }

    /// The path leads to a part of a solution of the list of solutions.
    fn is_inside(&self, path: &str) -> bool {
        self.several.as_ref().is_some_and(|list| below_list(path, list).is_some())
    }

    /// The list of whole solutions, where there is one and no list of steps.
    fn solutions(&self) -> Option<String> {
        let steps = STEPS.iter().filter(|name| !SOLUTIONS.contains(name)).copied().collect::<Vec<_>>();
        if self.named(&steps, is_text_list).is_some() {
            return None;
        }
        let prefixes =
            || self.paths.iter().flat_map(|path| path.match_indices('.').map(|(at, _)| &path[..at]).chain([path.as_str()]));
        let several = |path: &str| {
            let solution = |item: &Value| item.is_object() || item.is_string() || is_text_list("", item);
            self.fits(path, |_, value| value.as_array().is_some_and(|items| !items.is_empty() && items.iter().all(solution)))
                && !(last(path) == "completions" && self.has_verdicts(path))
        };
        SOLUTIONS.iter().find_map(|name| prefixes().find(|path| last(path) == *name && several(path))).map(str::to_owned)
    }

    /// A list of verdicts has an entry for each text of this list, in all records: the texts are steps.
    fn has_verdicts(&self, path: &str) -> bool {
        let lengths =
            |path: &str| -> Vec<usize> { self.values(path).iter().filter_map(|value| value.as_array().map(Vec::len)).collect() };
        let texts = self.fits(path, is_text_list);
        texts && self.named(LABEL, is_verdict_list).is_some_and(|label| lengths(&label) == lengths(path))
    }

    /// Everything but label and scores, by the names of the keys.
    fn parts(&self) -> Spec {
        let mut spec = Spec::default();
        let problem = self.named(PROBLEM, is_text).filter(|path| !self.is_inside(path)).or_else(|| self.turn(false));
        let steps = match &self.several {
            Some(list) => self.steps_inside(list),
            None => self.steps(problem.as_deref()),
        };
        if steps.is_some() {
            set(&mut spec, "solutions", self.several.as_deref().unwrap_or_default());
        }
        for (key, names) in SINGLES {
            let single = self.named(names, |_, value| !value.is_array() && !value.is_object());
            let free = single.filter(|path| Some(path) != steps.as_ref() && !(*key == "reference" && self.is_inside(path)));
            set(&mut spec, key, &free.unwrap_or_default());
        }
        set(&mut spec, "problem", problem.as_deref().unwrap_or_default());
        set(&mut spec, "steps", steps.as_deref().unwrap_or_default());
        // A text that nothing else explains, beside steps, is more likely the problem than anything else.
        if problem.is_none() && steps.is_some() {
            let free = |path: &&String| !self.is_inside(path) && KEYS.iter().all(|(key, _)| spec.get(key) != Some(path.as_str()));
            let left = self.paths.iter().filter(free).find(|path| self.fits(path, is_text)).cloned();
            set(&mut spec, "problem", &left.unwrap_or_default());
        }
        spec
    }

    fn steps(&self, problem: Option<&str>) -> Option<String> {
        let whole = |path: &str| NO_STEPS.contains(&last(path)) || SOLUTIONS.contains(&last(path));
        let lists = || self.paths.iter().filter(|path| !whole(path) && !self.is_conversation(path));
        self.named(STEPS, is_text_list)
            .or_else(|| lists().find(|path| self.fits(path, is_text_list)).cloned())
            .or_else(|| self.named(TEXTS, is_text).filter(|path| Some(path.as_str()) != problem))
            .or_else(|| self.turn(true))
    }

    fn steps_inside(&self, list: &str) -> Option<String> {
        let inside = |names: &[&str], sort: fn(&str, &Value) -> bool| self.named(names, sort).filter(|path| self.is_inside(path));
        let whole = || self.fits(list, |path, value| is_text(path, value) || is_text_list(path, value)).then(|| list.to_owned());
        inside(STEPS, is_text_list).or_else(|| inside(TEXTS, is_text)).or_else(whole)
    }

    /// A path that goes through all turns of a conversation.
    fn is_conversation(&self, path: &str) -> bool {
        let turns = path.rsplit_once('.').map(|(list, said)| format!("{list}.0.{said}"));
        turns.is_some_and(|turn| self.paths.contains(&turn))
    }

    /// The last turn of a model, or the first one of a user, where it stands in the first record.
    fn turn(&self, of_model: bool) -> Option<String> {
        let record = self.records.first()?.as_object()?;
        let is_of_model = |who: &str| ["assistant", "gpt", "model"].contains(&who);
        let mut found = record.iter().flat_map(|(key, turns)| {
            let turns = turns.as_array().map(Vec::as_slice).unwrap_or_default().iter().take(TURNS).enumerate();
            turns.filter_map(move |(at, turn)| {
                let (who, said) = turn_keys(turn)?;
                let who = turn[who].as_str()?;
                let wanted = if of_model { is_of_model(who) } else { !is_of_model(who) && who != "system" };
                (wanted && turn[said].is_string()).then(|| format!("{key}.{at}.{said}"))
            })
        });
        if of_model { found.last() } else { found.next() }
    }

    /// Chooses what label and scores mean and how a text is cut, by what reads most records. Gives what is left open.
    fn verdict(&self, spec: &mut Spec, label: Option<String>, scores: Option<String>) -> Vec<(&'static str, &'static str)> {
        let of_scores = |path: &String| vec![vec![("scores", path.clone())]];
        let tried = match (&label, &scores) {
            (Some(path), _) => self.meanings(path),
            (None, Some(path)) => of_scores(path),
            (None, None) => return Vec::new(),
        };
        let Some(best) = self.best(spec, &tried) else {
            // A list of numbers that are no verdicts may be scores.
            let scores = scores.or(label.filter(|path| self.fits(path, is_score_list)));
            if let Some(best) = scores.and_then(|path| self.best(spec, &of_scores(&path))) {
                *spec = best;
            }
            return Vec::new();
        };
        *spec = best;
        if let (Some(_), Some(path)) = (&label, &scores) {
            set(spec, "scores", path);
        }
        self.open(spec)
    }

    /// What a label under this path may say, the likeliest first.
    fn meanings(&self, path: &str) -> Vec<Vec<(&'static str, String)>> {
        let values = self.values(path);
        let said = |more: &[(&'static str, &str)]| {
            let more = more.iter().map(|(key, value)| (*key, (*value).to_owned()));
            std::iter::once(("label", path.to_owned())).chain(more).collect::<Vec<_>>()
        };
        if values.iter().any(Value::is_array) {
            let numbers = values.iter().filter_map(Value::as_array).flatten().any(Value::is_number);
            if !numbers {
                return vec![said(&[("as", "correct")])];
            }
            let ratings = last(path).contains("rating");
            let each = if ratings { ["ratings", "correct"] } else { ["correct", "ratings"] };
            let repeats = |value: &Value| {
                let mut known = HashSet::new();
                value.as_array().into_iter().flatten().any(|item| !known.insert(item.to_string()))
            };
            let bases: &[&str] = if values.iter().any(repeats) { &[] } else { &["0", "1"] };
            let wrong = bases.iter().map(|base| said(&[("as", "errors"), ("base", base)]));
            return each.map(|meaning| said(&[("as", meaning)])).into_iter().chain(wrong).collect();
        }
        let none = values.iter().filter_map(Value::as_str).find(|text| text.trim().parse::<i64>().is_err());
        let bases = ["0", "1"].map(|base| match none {
            Some(none) => said(&[("base", base), ("none", none.trim())]),
            None => said(&[("base", base)]),
        });
        bases.into_iter().chain([said(&[("base", "1"), ("none", "0")])]).collect()
    }

    /// The first of these additions, with the first rule for the steps, that reads the most records; `None` where none reads any. An index
    /// says nothing of how a text is cut.
    fn best(&self, spec: &Spec, tried: &[Vec<(&'static str, String)>]) -> Option<Spec> {
        let text = spec.get("steps").is_some_and(|path| !self.fits(path, is_text_list));
        let each =
            tried.iter().flatten().any(|(key, path)| ["label", "scores"].contains(key) && self.fits(path, is_verdict_list));
        let rules = RULES.iter().take(if text && each { RULES.len() } else { 1 });
        let mut best: Option<(usize, Spec)> = None;
        for said in tried {
            for (at, (_, rule, _)) in rules.clone().enumerate() {
                let mut spec = spec.clone();
                // The first rule is the one that holds where none is named.
                set(&mut spec, "split", if at == 0 { "" } else { rule });
                for (key, value) in said {
                    set(&mut spec, key, value);
                }
                let reads = self.reads(&spec);
                if reads > best.as_ref().map_or(0, |(most, _)| *most) {
                    best = Some((reads, spec));
                }
            }
        }
        best.map(|(_, spec)| spec)
    }

    /// Sampled records that this mapping reads without a word.
    fn reads(&self, spec: &Spec) -> usize {
        let Ok(mapping) = spec.mapping() else { return 0 };
        let built = |record: &Value| Fields::record(record.clone()).and_then(|fields| mapping.read(fields));
        self.records.iter().filter(|record| built(record).is_ok_and(|built| built.trace().warnings.is_empty())).count()
    }

    /// What no record decides of the label that was chosen.
    fn open(&self, spec: &Spec) -> Vec<(&'static str, &'static str)> {
        let mut open = Vec::new();
        let Some(base) = spec.get("base") else { return open };
        let mut other = spec.clone();
        set(&mut other, "base", if base == "0" { "1" } else { "0" });
        if spec.get("none").is_none() && self.reads(&other) == self.reads(spec) {
            open.push(("base", "no record tells whether the first step has the number 0 or 1"));
        }
        let path = spec.get("label").unwrap_or_default();
        let any =
            |sort: fn(&Value) -> bool| self.records.iter().filter_map(|record| value_at(record, path)).any(|value| sort(&value));
        let said = spec.get("none").is_some() || any(|value| integer(value) == Some(-1)) || any(Value::is_array);
        if !said && any(Value::is_null) {
            open.push(("none", "null counts as not judged; none=null if it means that no step is wrong"));
        }
        open
    }
}

/// Sets a key that is known.
fn set(spec: &mut Spec, key: &str, value: &str) {
    let _ = spec.set(key, value);
}

fn value_at(record: &Value, path: &str) -> Option<Value> {
    super::find(record.as_object()?, path).map(std::borrow::Cow::into_owned)
}

fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

fn is_text(_: &str, value: &Value) -> bool {
    value.is_string()
}

fn is_text_list(_: &str, value: &Value) -> bool {
    value.as_array().is_some_and(|items| !items.is_empty() && items.iter().all(Value::is_string))
}

fn is_verdict(item: &Value) -> bool {
    item.is_boolean() || item.is_number() || item.is_null() || item == "+" || item == "-"
}

fn is_verdict_list(_: &str, value: &Value) -> bool {
    value.as_array().is_some_and(|items| items.iter().all(is_verdict))
}

fn is_label(path: &str, value: &Value) -> bool {
    // Tables write indices as texts, and `N/A` beside them.
    let index = |text: &str| text.trim().parse::<i64>().is_ok() || ["N/A", "none", "None", "null"].contains(&text.trim());
    let single = integer(value).is_some() || value.as_str().is_some_and(index);
    is_verdict_list(path, value) || single && !LISTS_ONLY.contains(&last(path))
}

fn is_score_list(_: &str, value: &Value) -> bool {
    let score = |item: &Value| item.is_null() || item.as_f64().is_some_and(|score| (0.0..=1.0).contains(&score));
    value.as_array().is_some_and(|items| !items.is_empty() && items.iter().all(score))
}
