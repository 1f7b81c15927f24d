//! Turns of chat records: what they hold beside plain texts, and which of them are the answer.

use stepscope::trace::StepKind::{Code, Text, Thought, Tool};
use stepscope::trace::{Outcome, StepKind, Trace};

use super::{one, steps};

fn kinds(trace: &Trace) -> Vec<StepKind> {
    let path = trace.solution_path(&trace.solutions[0]);
    path.into_iter().map(|id| trace.node(id).kind).collect()
}

#[test]
fn typed_parts_are_steps_of_their_kind_and_others_are_kept() {
    let record = r#"{"messages":[
        {"role":"user","content":[{"type":"text","text":"Q"},{"type":"image_url","image_url":{"url":"x"}}]},
        {"role":"assistant","content":[{"type":"thinking","thinking":"Hm.\n\nYes.","signature":"s"},{"type":"text","text":"It "},
            {"type":"text","text":"is 3."},{"type":"tool_use","id":"t","name":"calc","input":{"e":"1+2"}}]}]}"#;
    let trace = one("chat", record);
    assert_eq!(kinds(&trace), [Thought, Thought, Text, Code]);
    assert_eq!(steps(&trace, 0), ["Hm.", "Yes.", "It is 3.", "calc\n1+2"]);
    assert_eq!(trace.solutions[0].extra["content"][0]["signature"], "s");
    assert_eq!(trace.problem.text, "Q");
    assert_eq!(trace.extra["messages"][0]["content"][1]["type"], "image_url");
    assert!(trace.warnings[0].ends_with("kept and not shown: image_url"), "{:?}", trace.warnings);
    // Nothing but a thought.
    let thought =
        r#"{"messages":[{"role":"user","content":"Q"},{"role":"assistant","content":[{"type":"thinking","thinking":"Hm."}]}]}"#;
    assert_eq!(kinds(&one("chat", thought)), [Thought]);
}

#[test]
fn calls_on_the_way_to_the_answer_are_steps() {
    let record = r#"{"messages":[{"role":"user","content":"Q0"},{"role":"assistant","content":"A0","reasoning":"R0"},{"role":"user","content":"Q"},
        {"role":"assistant","content":"I look.","reasoning_content":"Think.","tool_calls":
            [{"id":"c","type":"function","function":{"name":"calc","arguments":"{\"x\": 1, \"y\": 2}"}}]},
        {"role":"tool","tool_call_id":"c","content":"3"},{"role":"assistant","content":"So 3."}]}"#;
    let trace = one("chat", record);
    assert_eq!(kinds(&trace), [Thought, Text, Code, Tool, Text]);
    assert_eq!(steps(&trace, 0), ["Think.", "I look.", "calc\n{\"x\":1,\"y\":2}", "3", "So 3."]);
    assert_eq!(trace.solutions[0].extra["turns"][0]["tool_calls"][0]["id"], "c");
    // What came before the question is told in words, and kept as it was.
    assert_eq!(trace.problem.text, "user: Q0\n\nassistant: A0\n\nuser: Q");
    assert_eq!(trace.extra["messages"][1]["reasoning"], "R0");
}

#[test]
fn calls_of_sharegpt_are_steps_too() {
    let record = r#"{"conversations":[{"from":"human","value":"Q"},
        {"from":"function_call","value":"{\"name\":\"calc\",\"arguments\":{\"e\":\"1+2\"}}"},{"from":"observation","value":"3"},
        {"from":"gpt","value":"So 3."}]}"#;
    let trace = one("chat", record);
    assert_eq!((kinds(&trace), trace.problem.text.as_str()), (vec![Code, Tool, Text], "Q"));
    assert_eq!(steps(&trace, 0), ["calc\n1+2", "3", "So 3."]);
}

#[test]
fn what_follows_the_last_answer_is_kept_and_noted() {
    let record =
        r#"{"messages":[{"role":"user","content":"Q"},{"role":"assistant","content":"A"},{"role":"user","content":"Thanks"}]}"#;
    let trace = one("chat", record);
    assert_eq!((steps(&trace, 0), trace.problem.text.as_str()), (vec!["A"], "Q"));
    assert_eq!(trace.extra["messages_behind"][0]["content"], "Thanks");
    assert_eq!(trace.warnings, ["1 messages behind the last answer are kept and not shown"]);
}

#[test]
fn answer_and_verdict_beside_the_messages_count() {
    let record = |answer: &str| {
        format!(
            r#"{{"messages":[{{"role":"user","content":"Q"}},{{"role":"assistant","content":"A"}}],"answer":{answer},"correct":false}}"#
        )
    };
    let trace = one("chat", &record("14"));
    assert_eq!(trace.problem.reference_answer.as_deref(), Some("14"));
    assert_eq!(trace.solutions[0].outcome, Outcome::Wrong);
    let own = one("chat", &record(r#"{"a":1}"#));
    assert_eq!((own.problem.reference_answer, own.extra["answer"]["a"].as_i64()), (None, Some(1)));
}
