//! The forms in which each format occurs, from whole files to what is counted in them: `tests/fixtures/dialects.jsonl` has one line a form.
//! `row` is the place in the table of formats (L linear, T trees), `text` the file or `bytes` its bytes in hexadecimal.

use stepscope::corpus::{Corpus, Source};
use stepscope::trace::{FirstError, StepKind, Trace};

use super::{fixture, format, one, recorded, steps, traces};

#[derive(serde::Deserialize)]
struct Dialect {
    row: String,
    what: String,
    text: String,
    format: String,
    /// Solutions, distinct steps, solutions with a verdict, warnings.
    counts: [usize; 4],
    /// What an error or a warning says.
    says: Option<String>,
}

#[test]
fn every_dialect_opens_as_what_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = include_str!("../../fixtures/dialects.jsonl");
    let mut wrong = Vec::new();
    for line in fixture.lines() {
        let dialect: Dialect = serde_json::from_str(line).unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, &dialect.text).unwrap();
        let name = format!("{}, {}", dialect.row, dialect.what);
        let corpus = Corpus::open(Source::Path(path), None).unwrap_or_else(|error| panic!("{name}: {error}"));
        corpus.wait();
        assert_eq!(corpus.format().name(), dialect.format, "{name}");
        assert!(!corpus.evidence().is_empty());
        let (mut counts, mut said) = ([0; 4], Vec::new());
        for unit in (0..corpus.unit_count()).map(|unit| corpus.unit(unit)) {
            said.extend(unit.errors.iter().map(ToString::to_string));
            let Some(trace) = unit.trace else { continue };
            counts[0] += trace.solutions.len();
            counts[1] += trace.steps().count();
            counts[2] += trace.solutions.iter().filter(|solution| solution.first_error != FirstError::Unknown).count();
            counts[3] += trace.warnings.len();
            said.extend(trace.warnings);
        }
        let says = match &dialect.says {
            Some(expected) => said.iter().any(|line| line.contains(expected.as_str())),
            None => said.is_empty(),
        };
        if counts != dialect.counts || !says {
            wrong.push(format!("{name}: {counts:?} {said:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn all(name: &str) -> Vec<Trace> {
    traces(format(name), &fixture(name))
}

#[test]
fn the_answer_of_a_scored_sample_stands_below_its_headline() {
    let samples = all("prm800k-samples");
    assert_eq!(steps(&samples[0], 0), ["Multiply first: 3*4=12.", "Then 12+2=14.", "# Answer\n\n14"]);
    let answers: Vec<_> = samples.iter().map(|trace| trace.solutions[0].final_answer.as_deref()).collect();
    assert_eq!(answers, [Some("14"), Some("15"), Some("5")]);
    assert_eq!(samples[0].solutions[0].extra["prm_score"], 0.91);
}

#[test]
fn programs_are_solutions_of_lines() {
    let tasks = all("livecodebench");
    assert_eq!(steps(&tasks[0], 0), ["n = int(input())", "print(2 * n)"]);
    assert!(tasks[0].steps().all(|id| tasks[0].node(id).kind == StepKind::Code));
    assert_eq!(
        tasks[0].solutions.iter().map(|solution| solution.source_id.as_deref().unwrap()).collect::<Vec<_>>(),
        ["q1-0", "q1-1"]
    );
    assert_eq!(tasks[1].problem.text, "q2");
}

#[test]
fn steps_behind_the_first_error_of_a_potato_were_judged_by_nobody() {
    let labels = all("potato");
    let first: Vec<_> = labels.iter().map(|trace| trace.solutions[0].first_error).collect();
    assert_eq!(first, [FirstError::At(2), FirstError::At(1), FirstError::Unknown]);
    assert_eq!(labels[1].solutions[0].ratings[2], None);
    assert_eq!((steps(&labels[0], 0)[1], steps(&labels[2], 0)[0]), ("(step 1)", "With a text."));
    assert_eq!(recorded(&labels[0], 0).first_error, FirstError::At(2));
}

#[test]
fn beginnings_hang_below_the_longest_they_begin_with() {
    let partial = all("openr-partial");
    let spans: Vec<_> = partial[0].nodes.iter().map(|node| (node.text.as_str(), node.depth, node.stats.mc)).collect();
    let expected = [
        ("", 0, None),
        ("First add", 1, Some(0.0)),
        ("First multiply three by", 1, Some(0.5)),
        (" four, which is", 2, Some(0.75)),
    ];
    assert_eq!(spans, expected);
    let prefixes = all("openr-prefixes");
    assert_eq!(prefixes[0].problem.text, "What is 3*4+2?");
    assert_eq!(steps(&prefixes[0], 0), ["3*4=12.", "12+2=14."]);
    assert_eq!(prefixes[0].extra["value_range"], serde_json::json!({"mc": [0, 1]}));
}

#[test]
fn scores_of_a_run_lie_on_its_steps() {
    let runs = all("openr-samples");
    assert_eq!(runs[0].solutions[0].scores, [Some(0.9), Some(0.8)]);
    assert_eq!(runs[0].solutions[0].final_answer.as_deref(), Some("14"));
    // One score more than steps is kept and said.
    assert_eq!(runs[0].solutions[1].extra["scores_left"], serde_json::json!([0.2]));
    // As many scores as lines.
    assert_eq!((steps(&runs[1], 0), &runs[1].solutions[0].scores), (vec!["10/2", "is 5."], &vec![Some(0.7), Some(0.6)]));
}

#[test]
fn estimates_of_training_conversations_stand_on_their_steps() {
    let rows = all("mm-prm-chat");
    assert_eq!(rows[0].problem.text, "Question: The area of the square of side 2?");
    assert_eq!(steps(&rows[0], 0), ["The side is 2.", "The area is 4."]);
    assert_eq!(rows[0].nodes.iter().map(|node| node.stats.mc).collect::<Vec<_>>(), [None, Some(0.5), Some(1.0)]);
    assert_eq!((rows[1].problem.text.as_str(), rows[1].warnings.len()), ("The perimeter?", 1));
}

#[test]
fn the_last_value_of_a_search_is_its_verdict() {
    use stepscope::trace::Outcome;
    let rows = all("mario-values");
    assert_eq!(rows.iter().map(|trace| trace.solutions[0].outcome).collect::<Vec<_>>(), [Outcome::Correct, Outcome::Wrong]);
    assert_eq!(rows[0].nodes.iter().map(|node| node.stats.q).collect::<Vec<_>>(), [None, Some(0.5), Some(1.0)]);
    assert_eq!(rows[0].extra["value_range"], serde_json::json!({"q": [-1, 1]}));
}

#[test]
fn an_answer_file_without_an_answer_says_where_the_solutions_are() {
    let record = r#"{"id":1,"problem":"q","gold_solution":"s","gold_answer":"1","model_completion":null,"model_answer":null,"all_model_completions":{}}"#;
    let trace = one("rstar-answer", record);
    assert_eq!((trace.solutions.len(), trace.warnings.len()), (0, 1));
    let full = &all("rstar-answer")[0];
    let answers: Vec<_> = full.solutions.iter().map(|solution| solution.final_answer.as_deref()).collect();
    assert_eq!(answers, [Some("5"), Some("4"), None]);
}

#[test]
fn signed_labels_of_openr_have_a_neutral_between_them() {
    let row = |labels: &str| format!(r#"{{"question":"q","process":"a ки\nb ки\nc ки","labels":{labels}}}"#);
    let values = |labels: &str| -> Vec<_> {
        let trace = one("openr-prm", &row(labels));
        trace.solutions[0].ratings.iter().map(|rating| rating.map(stepscope::trace::Rating::value)).collect()
    };
    assert_eq!(values("[1,0,-1]"), [Some(1), Some(0), Some(-1)]);
    assert_eq!(values("[1,0,1]"), [Some(1), Some(-1), Some(1)]);
}

#[test]
fn keys_of_a_graph_may_have_other_names() {
    let record = r#"{"directed":true,"nodes":[{"name":"a","text":"x"},{"name":"b","text":"y"}],"links":[{"from":"a","to":"b"}]}"#;
    assert_eq!(steps(&one("node-link", record), 0), ["x", "y"]);
}

#[test]
fn whatever_answered_a_question_is_a_solution() {
    let rows = all("responses");
    assert_eq!(
        rows[0].nodes.iter().map(|node| node.kind).collect::<Vec<_>>()[1..],
        [StepKind::Thought, StepKind::Thought, StepKind::Text]
    );
    assert_eq!((rows[1].solutions.len(), rows[2].problem.text.as_str()), (2, "Halve the number.\n\n10"));
    assert_eq!(rows[0].problem.reference_answer.as_deref(), Some("14"));
}
