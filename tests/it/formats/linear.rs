//! What the fixtures of the linear formats say, step by step.

use serde_json::{Value, json};
use stepscope::trace::FirstError::{self, At, NoError, Unknown};
use stepscope::trace::{Outcome, Rating, StepKind, Trace, Writing};

use super::{fixture, format, joined, one, steps, traces};

fn all(name: &str) -> Vec<Trace> {
    traces(format(name), &fixture(name))
}

fn first_errors(name: &str) -> Vec<FirstError> {
    all(name).iter().flat_map(|trace| &trace.solutions).map(|solution| solution.first_error).collect()
}

fn kinds(trace: &Trace, solution: usize) -> Vec<StepKind> {
    trace.solution_path(&trace.solutions[solution]).into_iter().map(|id| trace.node(id).kind).collect()
}

#[test]
fn first_errors_stand_at_the_step_that_each_format_means() {
    for (name, expected) in [
        // From 1, several, one behind the last step; people who disagree with "no error".
        ("prmbench", vec![At(0), At(1), NoError, Unknown]),
        // From 1, or `N/A`, as number and as text.
        ("mr-gsm8k", vec![At(1), NoError, At(1)]),
        ("mr-math", vec![At(0), NoError]),
        // A number that is no step, a line by its text, one that stands twice, and none.
        ("mr-ben", vec![At(0), NoError, Unknown, At(2), At(4), Unknown]),
        // From 0; null is a verdict.
        ("bigbench-mistake", vec![At(1), NoError]),
        ("verify-then-generate", vec![At(1)]),
        ("deltabench", vec![At(1), NoError, At(1)]),
        ("rlhflow", vec![At(1), NoError, NoError]),
        // Shares of rollouts are no verdicts.
        ("openrlhf", vec![At(1), Unknown]),
        ("openr-prm", vec![At(1), NoError]),
        // True means right, and null that nobody knows.
        ("fover", vec![At(1), Unknown]),
        // A wrong chain of which nobody knows the step.
        ("autorace", vec![NoError, Unknown]),
        ("reasoneval", vec![Unknown]),
        ("fover-sheet", vec![Unknown, Unknown]),
        // The rejected step of Step-DPO is wrong; of the chosen one nobody knows what follows.
        ("preference", vec![Unknown, Unknown, Unknown, At(1), Unknown, Unknown, Unknown, Unknown]),
    ] {
        assert_eq!(first_errors(name), expected, "{name}");
    }
}

#[test]
fn outcomes_are_apart_from_labels() {
    use Outcome::{Correct, Unknown, Wrong};
    for (name, expected) in [
        ("mr-gsm8k", vec![Wrong, Correct, Wrong]),
        ("bigbench-mistake", vec![Wrong, Correct]),
        ("deltabench", vec![Wrong, Unknown, Unknown]),
        ("rlhflow-answers", vec![Correct, Wrong]),
        ("inspect", vec![Correct, Wrong]),
        // With several texts a metric is about one of them.
        ("lm-eval", vec![Wrong, Unknown, Unknown]),
        ("verl", vec![Correct, Correct]),
        ("openr1", vec![Correct, Wrong]),
        ("humaneval", vec![Correct, Wrong]),
        ("tora", vec![Correct, Unknown]),
        ("lats", vec![Unknown, Correct, Unknown]),
        ("autorace", vec![Unknown, Unknown]),
    ] {
        let outcomes: Vec<_> = all(name).iter().flat_map(|trace| &trace.solutions).map(|solution| solution.outcome).collect();
        assert_eq!(outcomes, expected, "{name}");
    }
}

#[test]
fn numbers_that_are_no_step_are_reported_and_kept() {
    let prmbench = all("prmbench");
    assert_eq!(prmbench[1].warnings, ["error_steps: expected a step from 1 to 2, found 7"]);
    assert_eq!(prmbench[1].solutions[0].extra["error_steps"].to_string(), "[2,7]");
    assert_eq!(prmbench[0].solutions[0].ratings, [Rating::Bad, Rating::Good, Rating::Bad].map(Some));
    assert_eq!(prmbench[0].solutions[0].source_id.as_deref(), Some("circular_toy_0"));
    let mr_ben = all("mr-ben");
    assert_eq!(mr_ben[2].warnings, ["Model_Solution_First_Error_Step: expected a step from 1 to 2, found `9`"]);
    assert_eq!(mr_ben[2].solutions[0].extra["stepscope.unplaced_label"], "9");
    assert!(mr_ben[4].warnings[0].ends_with("the line stands 2 times, the first one is taken"), "{:?}", mr_ben[4].warnings);
    let delta = all("deltabench");
    assert_eq!(delta[2].warnings, ["expected sections from 1 to 2, found 9"]);
}

#[test]
fn reasons_and_corrections_of_a_source_are_words_of_its_labels_and_no_further_fields() {
    use Writing::{Correction, Critique, Note};
    for (name, record, kind, remarks) in [
        ("prmbench", 0, "circular", vec![(Critique, Some(0), "Assumes what it should show.")]),
        ("prmbench", 2, "", vec![]),
        ("mr-gsm8k", 0, "", vec![(Critique, Some(1), "Added instead of multiplying.")]),
        ("mr-gsm8k", 1, "", vec![]),
        ("mr-math", 0, "", vec![(Critique, Some(0), "Sign.")]),
        ("mr-ben", 0, "", vec![(Critique, Some(0), "Adds."), (Correction, Some(0), "Step 1: 2*3=6.")]),
        // Nobody knows the step that they are of.
        ("mr-ben", 2, "", vec![]),
        ("mr-ben", 3, "", vec![(Critique, Some(2), "Adds one."), (Correction, Some(2), "    m = n * 2")]),
        ("verify-then-generate", 0, "Wrong operation", vec![(Critique, Some(1), "Adds."), (Correction, None, "3 x 4 = 12.")]),
        (
            "deltabench",
            2,
            "",
            vec![(Note, Some(0), "The way is right."), (Critique, Some(1), "Takes 1 of 7."), (Correction, Some(1), "So 5.")],
        ),
    ] {
        let trace = &all(name)[record];
        let (labels, extra) = (trace.recorded_labels(&trace.solutions[0]), &trace.solutions[0].extra);
        let said: Vec<_> = labels.remarks.iter().map(|text| (text.writing, text.step, text.text.as_str())).collect();
        assert_eq!((labels.error_kind.as_str(), said), (kind, remarks), "{name}, record {record}");
        let rest = Value::Object(extra.clone()).to_string();
        assert!(labels.remarks.iter().all(|text| !rest.contains(&text.text)), "{name}, record {record}: {rest}");
    }
    // What says nothing stays in its field.
    assert_eq!(all("mr-gsm8k")[1].solutions[0].extra["model_output_solution_first_error_reason"], "N/A");
    assert_eq!(all("mr-ben")[2].solutions[0].extra["Model_Solution_Error_Reason"][0], "Adds.");
}

#[test]
fn what_repeats_is_left_out_with_a_note_and_what_does_not_is_kept() {
    let agent = all("swe-agent");
    assert_eq!(agent[0].warnings, ["`history` is not kept behind the task: it repeats the trajectory"]);
    let kept = &agent[0].solutions[0].extra;
    assert_eq!((kept["history"].as_array().unwrap().len(), &kept["history"][1]["content"]), (3, &json!("A demonstration")));
    assert_eq!(kept["trajectory"][0], json!({"response": "Look around.\n```\nls -a\n```", "state": "{\"open_file\": \"n/a\"}"}));
    let talk = &agent[1].solutions[0].extra["history"];
    assert_eq!(talk[2], json!({"role": "assistant", "content": "Open it.", "agent": "main"}));
    assert_eq!((talk[3]["content"][0]["text"].as_str(), agent[1].warnings.len()), (Some("1: def f()"), 0));
    let asked = r#"{"trajectory":[{"action":"ls","observation":"","query":[{"role":"user","content":"?"}]}],"history":[]}"#;
    let asked = one("swe-agent", asked);
    assert_eq!(asked.warnings, ["`query` of the rounds is not kept: each repeats all rounds before it"]);
    assert!(asked.solutions[0].extra.is_empty(), "{:?}", asked.solutions[0].extra);

    assert_eq!(all("lm-eval")[0].extra["arguments"]["gen_args_0"]["arg_1"], json!({"until": ["\n\n"]}));

    let repeated = "`messages` is not kept: it repeats the problem and one of the generations";
    let generations = &all("openr1")[0];
    assert!(generations.warnings.iter().any(|note| note == repeated) && !generations.extra.contains_key("messages"));
    let record = String::from_utf8(fixture("openr1").remove(0)).unwrap();
    let other = one("openr1", &record.replace(r#""content": "3*4+2?""#, r#""content": "Think. 3*4+2?""#));
    assert!(!other.warnings.iter().any(|note| note == repeated));
    assert_eq!(other.extra["messages"][0]["content"], "Think. 3*4+2?");

    // Once a file, not once a sample.
    let [first, second] = <[Trace; 2]>::try_from(all("inspect")).unwrap();
    assert_eq!(first.warnings, ["`events` is not kept: it repeats the messages at many times their size"]);
    assert_eq!(second.warnings, [""; 0]);

    let search = String::from_utf8(fixture("tot").remove(0)).unwrap();
    assert!(!one("tot", &search).extra.contains_key("steps"));
    let more = one("tot", &search.replace(r#""step": 1,"#, r#""step": 1, "temperature": 0.7,"#));
    assert_eq!(more.extra["steps"], json!([{}, {"temperature": 0.7}]));

    let snapshots = "of the snapshots before the last one the values of the steps are kept, and no more";
    assert_eq!(all("tree-log")[0].warnings[1..], [snapshots]);
}

#[test]
fn programs_and_tools_are_told_from_prose() {
    use StepKind::{Code, Text, Thought, Tool};
    let mr_ben = &all("mr-ben")[3];
    assert_eq!(steps(mr_ben, 0)[2], "    m = n + 1");
    assert!(kinds(mr_ben, 0).iter().all(|&kind| kind == Code));
    assert_eq!(kinds(&all("mr-gsm8k")[2], 0), [Code, Code]);
    let tora = all("tora");
    assert_eq!(kinds(&tora[0], 0), [Text, Code, Tool, Text]);
    assert_eq!(steps(&tora[0], 0)[2], "```output\n14\n```");
    assert_eq!(kinds(&tora[1], 0), [Code, Tool], "a block that is never closed");
    assert_eq!(kinds(&all("lats")[0], 1), [Code, Code, Tool]);
    let agent = all("swe-agent");
    assert_eq!(kinds(&agent[0], 0), [Text, Code, Tool, Text, Text, Code]);
    assert_eq!(agent[0].problem.text, "ISSUE: main.py fails", "a demonstration is not the task");
    assert_eq!(kinds(&agent[1], 0), [Text, Code, Tool]);
    let inspect = all("inspect");
    assert_eq!(kinds(&inspect[0], 0), [Thought, Text, Text]);
    assert_eq!(kinds(&inspect[1], 0), [Code, Tool, Text]);
    assert_eq!(steps(&inspect[1], 0)[0], "python\nprint(2*2)");
    assert_eq!(kinds(&all("verl")[0], 0), [Thought, Text]);
    assert_eq!(kinds(&all("openr1")[0], 1), [Thought]);
    assert_eq!(steps(&all("humaneval")[0], 0), ["    c = a + b", "    return c"]);
}

#[test]
fn texts_rejoin_with_their_separators() {
    for (name, key) in [
        ("tora", "/code/0"),
        ("verl", "/output"),
        ("openr1", "/generations/0"),
        ("humaneval", "/completion"),
        ("gsm8k", "/answer"),
        ("autorace", "/reasoning_chain"),
    ] {
        for (trace, record) in all(name).iter().zip(fixture(name)) {
            let value = stepscope::formats::parse_json(&record).unwrap();
            let text = format!("{}{}", trace.nodes[0].sep_after, joined(trace, 0));
            assert_eq!(value.pointer(key).unwrap().as_str(), Some(&*text), "{name}");
        }
    }
}

#[test]
fn problems_are_what_was_asked() {
    for (name, expected) in [
        ("svamp", vec!["Each pen costs 3 dollars. How much are 2 pens?"]),
        ("aqua", vec!["How much is 2*3?\nA)5\nB)6"]),
        ("inspect", vec!["3*4+2?", "A long question: 2*2?"]),
        ("lm-eval", vec!["3*4+2?", "Q: 2*2?\nA:"]),
        ("verl", vec!["3*4+2?", "3*4?"]),
        ("rlhflow", vec!["What is 3*4+2?", "Compute.\n\nWhat is 2*2?", "What is 5*2?"]),
        ("openrlhf", vec!["3*4+2?", "2*2?"]),
        ("humaneval", vec!["def add(a, b):\n", "Toy/2"]),
        ("fover-sheet", vec!["3*4+2?"]),
    ] {
        let problems: Vec<_> = all(name).iter().map(|trace| trace.problem.text.clone()).collect();
        assert_eq!(problems, expected, "{name}");
    }
    // A problem may hold a blank line of its own.
    for guessed in &all("rlhflow")[..2] {
        assert_eq!(guessed.warnings, ["the border between the problem and the first step is a guess"]);
    }
    assert!(all("rlhflow")[2].warnings.is_empty());
    let far = r#"{"messages":[{"role":"user","content":"See Step 12 there. Step 1: a"},{"role":"assistant","content":"+"}]}"#;
    assert_eq!(one("rlhflow", far).problem.text, "See Step 12 there.");
}

#[test]
fn recorded_scores_are_kept() {
    let sheet = &all("fover-sheet")[0];
    assert_eq!(sheet.solutions[0].scores, [Some(0.96875), Some(0.25)]);
    assert_eq!(sheet.solutions[1].scores, [Some(0.96875), None]);
    let last = sheet.node(sheet.solutions[1].leaf);
    assert_eq!(last.extra["prm"].to_string(), r#"{"baseline":1.996755599975586e-6,"finetuned":null}"#);
    assert_eq!(sheet.extra["annotation"], "baseline_wrong");
    assert_eq!(all("rlhflow-answers")[0].solutions[0].scores, [Some(0.9), Some(0.8)]);
    assert_eq!(all("rlhflow-answers")[0].solutions[1].extra["step_scores"].to_string(), "[0.9]");
    let soft = &all("openrlhf")[1];
    assert_eq!(soft.nodes.iter().filter_map(|node| node.stats.mc).collect::<Vec<_>>(), [0.875, 0.25]);
}

#[test]
fn scores_lie_on_the_steps_that_their_model_cut() {
    let record = |text: &str, scores: &str| {
        let text = serde_json::Value::from(text);
        format!(r#"{{"problem":"q","completions":[{text}],"scores":[{scores}]}}"#)
    };
    for (text, scores, expected, left) in [
        // Skywork cuts at every line end, and empty lines have scores.
        ("a1\na2\n\nb1", "[0.9,0.8,0.7,0.6]", vec![0.9, 0.8, 0.6], Some("[0.7]")),
        ("a1\na2\n\nb1", "[0.9,0.8,0.6]", vec![0.9, 0.8, 0.6], None),
        // A formula is one step, though a model cut it.
        ("a\n\\[\nx\n\\]\nb", "[0.9,0.8,0.7,0.6,0.5]", vec![0.9, 0.6, 0.5], Some("[0.8,0.7]")),
        ("a\n\n$$x\n\ny$$\n\nb", "[0.9,0.8,0.7,0.6]", vec![0.9, 0.7, 0.6], Some("[0.8]")),
        ("a\nA\n\nb\n\n", "[0.9,0.8,0.7]", vec![0.9, 0.8], Some("[0.7]")),
    ] {
        let trace = one("search-and-learn", &record(text, scores));
        let solution = &trace.solutions[0];
        assert_eq!(solution.scores, expected.into_iter().map(Some).collect::<Vec<_>>(), "{text:?}");
        assert_eq!(solution.extra.get("scores_left").map(ToString::to_string).as_deref(), left, "{text:?}");
        assert_eq!((steps(&trace, 0).len(), trace.warnings.len()), (solution.scores.len(), 0), "{text:?}");
    }
    let lines = one("search-and-learn", &record("a\nb", "[0.9,0.8]"));
    assert_eq!((steps(&lines, 0), lines.extra["stepscope.segmentation"].as_str()), (vec!["a", "b"], Some("line")));
    let unfit = one("search-and-learn", &record("a\n\nb", "[0.9]"));
    assert_eq!(unfit.warnings, ["completions[0]: 1 scores for 2 steps, laid on from the first step on"]);
    let tagged = one("openr-samples", r#"{"question":"q","output":[{"text":"Step 1: a ки\nStep 2: b ки","value":[0.9,0.2]}]}"#);
    assert_eq!((steps(&tagged, 0), tagged.warnings.len()), (vec!["Step 1: a", "Step 2: b"], 0));
}

#[test]
fn references_may_be_worked_or_several() {
    let worked =
        r#"{"doc_id":0,"doc":{"question":"q"},"target":"One step.\n#### 14","resps":[["It is 14."]],"filtered_resps":["14"]}"#;
    let problem = one("lm-eval", worked).problem;
    assert_eq!(problem.reference_answer.as_deref(), Some("14"));
    assert_eq!(problem.reference_solution.as_deref(), Some("One step.\n#### 14"));
    let several = one("verl", r#"{"input":"q","output":"a","gts":["14",14.0],"score":1,"step":1}"#);
    assert_eq!(several.problem.reference_answer.as_deref(), Some("14 | 14.0"));
    assert_eq!(one("verl", r#"{"input":"q","output":"a","gts":[],"score":1,"step":1}"#).problem.reference_answer, None);
}

#[test]
fn one_document_under_two_filters_is_one_unit() {
    let strict = fixture("lm-eval").remove(0);
    let loose = String::from_utf8(strict.clone())
        .unwrap()
        .replace("\"strict\"", "\"loose\"")
        .replace("\"exact_match\": 0.0", "\"exact_match\": 1.0");
    let traces = traces(format("lm-eval"), &[strict, loose.into_bytes()]);
    assert_eq!((traces.len(), traces[0].solutions.len()), (1, 1));
    assert_eq!(traces[0].solutions[0].outcome, Outcome::Correct);
    assert_eq!(traces[0].solutions[0].extra["filters"].to_string(), r#"[{"filter":"loose","correct":true}]"#);
}
