//! Steps of a trace by a rule instead of its source's.

use std::collections::HashMap;

use super::{EXTRA_KEY, Rule, split_anew};
use crate::text::many as counted;
use crate::trace::{Cut, FirstError, Node, NodeId, Solution, StepKind, Trace};

/// What stands for a separator that the source does not give: no rule joins steps over it but those that go by words.
const BORDER: &str = "\n\n";

/// More steps of one solution than people judge well: a rule that makes more cuts too finely for it.
pub const MANY: usize = 200;

/// Where the steps of a solution begin under a rule, in terms of the source's steps. Code and what tools said keep their steps.
pub fn starts(trace: &Trace, solution: &Solution, rule: Rule) -> Vec<Cut> {
    let nodes: Vec<&Node> = trace.solution_path(solution).into_iter().map(|id| trace.node(id)).collect();
    let mut starts = Vec::new();
    let mut first = 0;
    for run in nodes.chunk_by(|a, b| a.kind == b.kind) {
        match run[0].kind {
            StepKind::Code | StepKind::Tool => starts.extend((first..first + run.len()).map(|step| Cut { step, at: 0 })),
            StepKind::Text | StepKind::Thought => starts_in(run, first, rule, &mut starts),
        }
        first += run.len();
    }
    starts
}

/// The beginnings inside of steps that are all of one kind; the first of them is step `first` of its solution.
fn starts_in(nodes: &[&Node], first: usize, rule: Rule, starts: &mut Vec<Cut>) {
    let (mut text, mut begins) = (String::new(), Vec::with_capacity(nodes.len()));
    for node in nodes {
        begins.push(text.len());
        text.push_str(&node.text);
        text.push_str(if node.sep_after.is_empty() && !node.glued { BORDER } else { &node.sep_after });
    }
    starts.push(Cut { step: first, at: 0 });
    let pieces = split_anew(&text, rule);
    let mut at = pieces.lead.len();
    for piece in &pieces.pieces {
        // What stands before the first piece belongs to it.
        if at > pieces.lead.len() {
            let step = begins.partition_point(|&begin| begin <= at).saturating_sub(1);
            let inside = at - begins[step];
            // A piece that begins in the white space between two steps begins with the second.
            let between = inside >= nodes[step].text.len();
            let cut = if between { Cut { step: first + step + 1, at: 0 } } else { Cut { step: first + step, at: inside } };
            if cut.step < first + nodes.len() && starts.last().is_none_or(|last| *last < cut) {
                starts.push(cut);
            }
        }
        at += piece.text.len() + piece.sep.len();
    }
}

/// The trace with all of its solutions in the steps of a rule; `None` when those are the source's own.
pub fn resplit(trace: &Trace, rule: Rule) -> Option<Trace> {
    let by_leaf: HashMap<NodeId, Vec<Cut>> =
        trace.solutions.iter().map(|solution| (solution.leaf, starts(trace, solution, rule))).collect();
    let mut cut = trace.recut(|solution| by_leaf.get(&solution.leaf).map_or(&[][..], Vec::as_slice))?;
    cut.extra.insert(EXTRA_KEY.to_owned(), rule.to_string().into());
    let lost = |(old, new): (&Solution, &Solution)| old.first_error != new.first_error && new.first_error == FirstError::Unknown;
    let lost = trace.solutions.iter().zip(&cut.solutions).filter(|pair| lost(*pair)).count();
    if lost > 0 {
        cut.warnings.push(format!("{lost} first errors stand in steps that were cut: in which part is not known"));
    }
    let many = by_leaf.values().filter(|starts| starts.len() > MANY).count();
    if many > 0 {
        cut.warnings.push(format!("{rule} makes more than {MANY} steps of {}", counted(many, "solution")));
    }
    Some(cut)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::RULES;
    use super::*;
    use crate::trace::{Label, Problem, TraceBuilder};

    /// A trace of one solution with these steps and what stands behind each.
    fn trace(steps: &[(&str, &str)]) -> Trace {
        let mut builder = TraceBuilder::new(Problem { text: "q".into(), ..Problem::default() });
        let mut leaf = NodeId::ROOT;
        for (text, sep) in steps {
            leaf = builder.child(leaf, text);
            builder.node_mut(leaf).sep_after = (*sep).to_owned();
        }
        builder.solution(leaf);
        builder.finish()
    }

    fn texts(trace: &Trace) -> Vec<&str> {
        trace.solution_path(&trace.solutions[0]).into_iter().map(|id| trace.node(id).text.as_str()).collect()
    }

    /// All of a solution's text; between steps of a list stands a line end.
    fn joined(trace: &Trace) -> String {
        let path = trace.solution_path(&trace.solutions[0]);
        let last = path.len().saturating_sub(1);
        let mut text = String::new();
        for (index, id) in path.into_iter().enumerate() {
            let node = trace.node(id);
            text.push_str(&node.text);
            text.push_str(if index < last { node.joint() } else { &node.sep_after });
        }
        text
    }

    #[test]
    fn steps_of_a_list_are_cut_into_sentences_and_never_joined_by_blank_lines() {
        let list = trace(&[("One pen costs 3. Two cost 6.", ""), ("So it is 6.", "")]);
        assert_eq!(texts(&resplit(&list, Rule::Sentence).unwrap()), ["One pen costs 3.", "Two cost 6.", "So it is 6."]);
        for rule in [Rule::Blank, Rule::Line, Rule::Auto] {
            assert!(resplit(&list, rule).is_none(), "{rule}");
        }
        let thoughts = trace(&[("Two and two.", ""), ("That is 5.", ""), ("Wait, it is 4.", ""), ("Yes.", "")]);
        assert_eq!(texts(&resplit(&thoughts, Rule::Thought).unwrap()), ["Two and two.\nThat is 5.", "Wait, it is 4.\nYes."]);
    }

    #[test]
    fn scores_and_first_errors_stay_where_the_steps_do() {
        let mut source = trace(&[("a.", "\n\n"), ("b. B", "\n\n"), ("c.", "\n\n"), ("d. D", "")]);
        source.solutions[0].first_error = FirstError::At(2);
        source.solutions[0].scores = [0.9, 0.8, 0.2, 0.1].map(Some).into();
        let cut = resplit(&source, Rule::Sentence).unwrap();
        assert_eq!(texts(&cut), ["a.", "b.", "B", "c.", "d.", "D"]);
        assert_eq!(cut.solutions[0].first_error, FirstError::At(3));
        assert_eq!(cut.solutions[0].scores, [Some(0.9), None, None, Some(0.2), None, None]);
        assert_eq!(cut.extra[EXTRA_KEY], "sentence");
    }

    #[test]
    fn code_and_tools_keep_their_steps() {
        let mut source = trace(&[("Look. See.", "\n"), ("x = 1. y\n\nz", "\n"), ("1\n\n2", "\n"), ("Good. Done.", "")]);
        for (node, kind) in [(2, StepKind::Code), (3, StepKind::Tool)] {
            source.nodes[node].kind = kind;
        }
        let cut = resplit(&source, Rule::Sentence).unwrap();
        assert_eq!(texts(&cut), ["Look.", "See.", "x = 1. y\n\nz", "1\n\n2", "Good.", "Done."]);
        let kinds: Vec<_> = cut.solution_path(&cut.solutions[0]).into_iter().map(|id| cut.node(id).kind).collect();
        assert_eq!(kinds[2..4], [StepKind::Code, StepKind::Tool]);
    }

    #[test]
    fn tags_of_a_step_that_they_cut_go_and_do_not_come_back_in_merged_ones() {
        let source = trace(&[("a ки\nb ки", "\n\n"), ("c", " <prm>"), ("d", "")]);
        let cut = resplit(&source, Rule::Tag).unwrap();
        assert_eq!(texts(&cut), ["a", "b", "c", "d"]);
        assert_eq!(cut.node(cut.solution_path(&cut.solutions[0])[0]).sep_after, " ки\n");
        let starts = [Cut { step: 0, at: 0 }, Cut { step: 2, at: 0 }];
        assert_eq!(texts(&cut.recut(|_| &starts).unwrap()), ["a\nb", "c d"]);
    }

    #[test]
    fn an_error_in_a_step_that_is_cut_leaves_the_steps_before_it_good() {
        let mut source = trace(&[("a.", "\n\n"), ("b. B", "\n\n"), ("c.", "")]);
        source.solutions[0].first_error = FirstError::At(1);
        let cut = resplit(&source, Rule::Sentence).unwrap();
        let labels = cut.recorded_labels(&cut.solutions[0]);
        assert_eq!(labels.steps, [Label::Good, Label::Unseen, Label::Unseen, Label::Unseen]);
        assert_eq!(labels.first_error, FirstError::Unknown);
        assert_eq!(cut.warnings.len(), 1);
    }

    #[test]
    fn a_rule_that_makes_very_many_steps_is_warned_of() {
        let cut = |lines: usize| resplit(&trace(&[(&"a\n".repeat(lines), "")]), Rule::Line).unwrap().warnings;
        assert_eq!((cut(MANY), cut(MANY + 1)), (Vec::new(), vec!["line makes more than 200 steps of 1 solution".to_owned()]));
    }

    #[test]
    fn short_steps_are_joined_also_where_the_source_cuts_them() {
        let source = trace(&[("So", "\n"), ("Two and two. That is 4.", "\n"), ("Yes.", "")]);
        let cut = resplit(&source, "sentence+10".parse().unwrap()).unwrap();
        assert_eq!(texts(&cut), ["So\nTwo and two.", "That is 4.\nYes."]);
        assert_eq!(cut.extra[EXTRA_KEY], "sentence+10");
    }

    #[test]
    fn steps_between_which_nothing_stands_are_one_text_to_every_rule() {
        let mut source = trace(&[("a", ""), ("b.", ""), ("c", "")]);
        let first = source.solution_path(&source.solutions[0])[0];
        source.nodes[first.index()].glued = true;
        for rule in [Rule::Blank, Rule::Line, Rule::Sentence] {
            assert_eq!(texts(&resplit(&source, rule).unwrap()), ["ab.", "c"], "{rule}");
        }
    }

    #[test]
    fn tables_stay_whole_under_a_rule_that_is_chosen() {
        let table = resplit(&trace(&[("See.\n| n | f |\n|---|---|\n| 1 | 2 |\nSo 3.", "")]), Rule::Auto).unwrap();
        assert_eq!(texts(&table), ["See.", "| n | f |\n|---|---|\n| 1 | 2 |", "So 3."]);
    }

    #[test]
    fn a_text_of_ones_own_stays_in_the_step_that_it_ends() {
        let cut = resplit(&trace(&[("a [S] b", "\n"), ("c", "")]), "tag:[S]".parse().unwrap()).unwrap();
        assert_eq!(texts(&cut), ["a [S]", "b\nc"]);
    }

    proptest! {
        /// Whatever the source's steps and the rule, no byte is lost, and what a rule cut it cuts the same way again.
        #[test]
        fn a_text_cut_anew_rejoins_byte_for_byte(
            steps in prop::collection::vec(
                (r"(a|B\. |</?step>|，|\n|\n\n| |Step [12]: |[12]\. |Wait|\$\$|```|é|。){0,12}a", r"(\n|\n\n| | \n){0,1}"),
                0..6,
            ),
            glued in prop::collection::vec(any::<bool>(), 7),
        ) {
            let steps: Vec<_> = steps.iter().map(|(text, sep)| (text.as_str(), sep.as_str())).collect();
            let mut source = trace(&steps);
            source.nodes.iter_mut().zip(glued).for_each(|(node, glued)| node.glued = glued && node.sep_after.is_empty());
            let asked = ["length:5", "tag:a", "sentence+5", "auto+3"].map(|rule| rule.parse::<Rule>().unwrap());
            for rule in RULES.iter().map(|(rule, ..)| *rule).chain(asked) {
                if let Some(cut) = resplit(&source, rule) {
                    prop_assert_eq!(joined(&cut), joined(&source), "{}", rule);
                }
            }
        }
    }
}
