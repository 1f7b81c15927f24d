//! What each reader makes of its fixture.

use stepscope::trace::FirstError::{At, NoError, Unknown, Unlabelable};
use stepscope::trace::StepKind::{Text, Thought};
use stepscope::trace::{EndState, Label, NodeId, Outcome, Rating, StepKind};

use super::{fixture, format, joined, one, recorded, steps, traces};

#[test]
fn processbench() {
    let traces = traces(format("processbench"), &fixture("processbench"));
    let verdicts: Vec<_> = traces.iter().map(|trace| (trace.solutions[0].first_error, trace.solutions[0].outcome)).collect();
    let (right, wrong) = (Outcome::Correct, Outcome::Wrong);
    assert_eq!(verdicts, [(At(1), wrong), (NoError, right), (NoError, right), (At(0), right)]);
    assert_eq!(steps(&traces[0], 0), ["One pen costs 3.", "5 pens cost 5+3 = 8.", "The answer is \\boxed{8}."]);
    assert_eq!(recorded(&traces[0], 0).steps, [Label::Good, Label::Bad, Label::AfterError]);
    assert_eq!(traces[2].solutions[0].leaf, NodeId::ROOT);
    assert_eq!(traces[2].solutions[0].source_id.as_deref(), Some("empty"));
    assert_eq!(traces[1].solutions[0].extra["big"].to_string(), "18446744073709551617");
    assert_eq!(traces[3].solutions[0].record, 3);
}

#[test]
fn trl_takes_the_first_false_as_first_error_and_keeps_later_labels() {
    let traces = traces(format("trl"), &fixture("trl"));
    assert_eq!(traces[0].solutions[0].first_error, At(1));
    assert_eq!(recorded(&traces[1], 0).first_error, At(0));
    assert_eq!(recorded(&traces[1], 0).steps, [Label::Bad, Label::Good, Label::Good]);
    assert_eq!(traces[2].solutions[0].first_error, NoError);
    assert_eq!(traces[1].solutions[0].extra["source"], "toy");
}

#[test]
fn math_shepherd_aligns_signs_by_code_point() {
    let traces = traces(format("math-shepherd"), &fixture("math-shepherd"));
    assert_eq!(traces[0].problem.text, "How many legs do 3 cats have?");
    assert_eq!(steps(&traces[0], 0), ["Step 1: A cat has 4 legs.", "Step 2: 3+4=7, so 7 legs. The answer is: 7"]);
    assert_eq!(traces[0].solutions[0].first_error, At(1));
    assert_eq!(traces[0].solutions[0].final_answer.as_deref(), Some("7"));
    assert_eq!(traces[1].problem.text, "Ünits: 5 − 2 + 1?");
    assert_eq!(traces[1].solutions[0].ratings, [Some(Rating::Good); 2]);
    assert_eq!(traces[1].solutions[0].extra["task"], "MATH");
    // A tag inside of the problem is dropped with its sign; a question mark behind a tag belongs to the tag.
    assert_eq!(steps(&traces[2], 0), ["Step 1: a", "Step 2: b", "Step 3: c"]);
    assert_eq!(traces[2].solutions[0].ratings, [Some(Rating::Bad), Some(Rating::Good), None]);
    assert_eq!(traces[2].warnings.len(), 2);
}

#[test]
fn prm800k_phase_2_gets_its_unlabelled_tail_back() {
    let trace = &traces(format("prm800k"), &fixture("prm800k"))[0];
    assert_eq!(steps(trace, 0), ["Multiply first: 3*4=12.", "Then 12+2=15.", "I check it.", "# Answer\n\n15"]);
    let labels = recorded(trace, 0);
    assert_eq!((labels.first_error, labels.end_state), (At(1), EndState::FoundError));
    assert_eq!(labels.steps, [Label::Good, Label::Bad, Label::AfterError, Label::AfterError]);
    assert_eq!(trace.solutions[0].final_answer.as_deref(), Some("15"));
    // The candidates that were not taken are nodes with ratings of their own, and no solutions.
    let first = trace.solution_path(&trace.solutions[0])[0];
    let rated: Vec<_> = trace.node(first).children.iter().map(|&id| trace.node(id).rating.unwrap()).collect();
    assert_eq!(rated, [Rating::Bad, Rating::Good, Rating::Bad]);
    assert_eq!(trace.solutions.len(), 1);
}

#[test]
fn prm800k_phase_1_walks_through_the_annotators_own_step() {
    let traces = traces(format("prm800k"), &fixture("prm800k"));
    let trace = &traces[1];
    assert_eq!(steps(trace, 0), ["Ten over two.", "That is 5.", "Right.\n\n# Answer\n\n5"]);
    let labels = recorded(trace, 0);
    assert_eq!(labels.steps, [Label::Neutral, Label::Good, Label::Good]);
    assert_eq!((labels.first_error, labels.unsure), (NoError, false));
    assert_eq!(trace.solutions[0].final_answer.as_deref(), Some("5"));
    assert_eq!(traces[2].solutions[0].first_error, Unlabelable);
    assert_eq!(traces[2].solutions[0].end_state, EndState::BadProblem);
    assert_eq!((traces[3].solutions[0].first_error, traces[3].solutions[0].unsure), (Unlabelable, true));
}

#[test]
fn openr_nodes_are_cut_into_steps_and_share_prefixes() {
    let traces = traces(format("openr"), &fixture("openr"));
    let tree = &traces[0];
    assert_eq!(tree.problem.reference_answer.as_deref(), Some("14"));
    // 3*4=12. -> { 12+2=15., 12+2=14. -> Answer }
    assert_eq!(tree.nodes.len(), 1 + 4);
    assert_eq!(tree.nodes[0].stats.mc, Some(0.5));
    let mc: Vec<_> = tree.steps().map(|id| (tree.node(id).text.as_str(), tree.node(id).stats.mc)).collect();
    assert_eq!(mc, [("3*4=12.", Some(0.75)), ("12+2=15.", Some(0.0)), ("12+2=14.", None), ("Answer \\boxed{14}.", Some(1.0))]);
    assert_eq!(tree.solutions.len(), 3);
    assert_eq!(tree.solutions[1].outcome, Outcome::Correct);
    assert_eq!(tree.solutions[1].final_answer.as_deref(), Some("14"));
    let flat = &traces[1];
    assert_eq!(flat.nodes.len(), 1 + 3);
    assert_eq!(steps(flat, 0), ["One and one.", "Two."]);
    assert_eq!(flat.solutions.len(), 2);
    assert_eq!(flat.solutions[1].first_error, Unknown);
}

#[test]
fn gsm8k_samples_are_four_solutions_of_lines() {
    let trace = &traces(format("gsm8k-samples"), &fixture("gsm8k-samples"))[0];
    assert_eq!(trace.problem.reference_answer.as_deref(), Some("8"));
    let generators: Vec<_> = trace.solutions.iter().filter_map(|solution| solution.generator.as_deref()).collect();
    assert_eq!(generators, ["6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification"]);
    assert_eq!(steps(trace, 0), ["2+4=<<2+4=6>>6", "A: 6"]);
    assert_eq!(steps(trace, 2), Vec::<&str>::new());
    assert_eq!(trace.solutions[3].final_answer.as_deref(), Some("8"));
    assert_eq!(trace.solutions[0].outcome, Outcome::Wrong);
    assert_eq!(trace.extra["stepscope.segmentation"], "line");
}

#[test]
fn chat_thoughts_come_before_the_answer() {
    let traces = traces(format("chat"), &fixture("chat"));
    let kinds = |trace: usize, solution: usize| -> Vec<_> {
        let trace = &traces[trace];
        trace.solution_path(&trace.solutions[solution]).into_iter().map(|id| trace.node(id).kind).collect()
    };
    assert_eq!(traces[0].problem.text, "What is 3*4+2?");
    assert_eq!(traces[0].extra["system"], "Be brief.");
    assert_eq!(kinds(0, 0), [Thought, Thought, Text]);
    assert_eq!(traces[0].solutions[0].final_answer.as_deref(), Some("14"));
    assert_eq!(kinds(1, 0), [Thought, Thought, Text]);
    assert_eq!(steps(&traces[1], 1), ["One and one.", "Hm"]);
    assert_eq!(kinds(1, 1), [Thought, Thought]);
    assert_eq!(traces[1].warnings.len(), 2);
    assert_eq!(traces[1].solutions[1].source_id.as_deref(), Some("c2-1"));
    assert_eq!(steps(&traces[2], 0), ["Let me see.", "Step 1: a", "Step 2: b"]);
    assert_eq!(format("chat").problem_hash(&fixture("chat")[2]), None);
    assert_eq!(traces[3].problem.text, "Name a prime.");
    assert_eq!(steps(&traces[4], 0), ["4 is even."]);
}

#[test]
fn a_thought_without_its_opening_tag_is_a_thought() {
    let record =
        r#"{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"Hm.\n\nYes.\n</think>\n\nIt is 2."}]}"#;
    let trace = one("chat", record);
    let path = trace.solution_path(&trace.solutions[0]);
    let kinds: Vec<_> = path.iter().map(|&id| trace.node(id).kind).collect();
    assert_eq!(kinds, [StepKind::Thought, StepKind::Thought, StepKind::Text]);
    assert_eq!(joined(&trace, 0), "Hm.\n\nYes.\n</think>\n\nIt is 2.");
}

#[test]
fn qwen_samples_keep_the_reward_beside_each_text() {
    let trace = &traces(format("qwen-samples"), &fixture("qwen-samples"))[0];
    assert_eq!(trace.solutions.len(), 2);
    assert_eq!(steps(trace, 0), ["2*2 = 4.", "4*2 = 8.", "So \\boxed{8}."]);
    assert_eq!((trace.solutions[0].outcome, trace.solutions[1].outcome), (Outcome::Correct, Outcome::Wrong));
    assert_eq!(trace.solutions[1].extra["pred_score"].to_string(), "[-1.25]");
    assert_eq!(trace.problem.reference_answer.as_deref(), Some("8"));
}

#[test]
fn versaprm_alternatives_stand_beside_the_step_they_replace() {
    let trace = &traces(format("versaprm"), &fixture("versaprm"))[0];
    let first = trace.solution_path(&trace.solutions[0])[0];
    let next: Vec<_> =
        trace.node(first).children.iter().map(|&id| (trace.node(id).text.as_str(), trace.node(id).rating)).collect();
    assert_eq!(next, [("12+2=15.", Some(Rating::Bad)), ("12+2=14.", Some(Rating::Good))]);
    assert_eq!(trace.solutions[0].first_error, At(1));
    assert_eq!(trace.solutions[1].first_error, NoError);
    assert_eq!(trace.nodes[0].children.len(), 1);
}
