//! The problem of a trace, and what is known to be right.

/// What is to be solved.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Problem {
    /// The problem statement.
    pub text: String,
    /// A worked solution that the source calls right.
    pub reference_solution: Option<String>,
    /// The right final answer.
    pub reference_answer: Option<String>,
}

/// What stands between reference answers that are all right.
pub const ALTERNATIVE: &str = " | ";
/// Reference answers of one problem that are told apart.
const REFERENCES: usize = 8;

impl Problem {
    /// Takes over a further reference answer of the same problem: any of them counts as right. Says so where it is another one.
    pub(super) fn refer_to(&mut self, other: Option<String>) -> Option<String> {
        let (Some(mine), Some(other)) = (&mut self.reference_answer, &other) else {
            self.reference_answer = self.reference_answer.take().or(other);
            return None;
        };
        let known: Vec<&str> = mine.split(ALTERNATIVE).map(str::trim).collect();
        let new: Vec<&str> = other.split(ALTERNATIVE).map(str::trim).filter(|answer| !known.contains(answer)).collect();
        if new.is_empty() {
            return None;
        }
        // Without a text these may be different problems.
        if self.text.trim().is_empty() || known.len() + new.len() > REFERENCES {
            return Some("records of this problem have other reference answers, which are left out".to_owned());
        }
        let more = new.iter().fold(String::new(), |more, answer| more + ALTERNATIVE + answer);
        mine.push_str(&more);
        Some("records of this problem have different reference answers, of which each counts as right".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{NodeId, StepKind, Trace, TraceBuilder};

    #[test]
    fn absorbing_another_reference_answer_kind_or_field_loses_none() {
        let trace = |text: &str, answer: &str, kind: StepKind, field: &str| -> Trace {
            let reference_answer = Some(answer.to_owned());
            let mut builder = TraceBuilder::new(Problem { text: text.into(), reference_answer, ..Problem::default() });
            let leaf = builder.child(NodeId::ROOT, "x = 1");
            builder.node_mut(leaf).kind = kind;
            builder.note(field, answer);
            builder.solution(leaf);
            builder.finish()
        };
        let mut whole = trace("q", "5", StepKind::Code, "a");
        for answer in ["6", "5", "6 | 5"] {
            assert!(whole.absorb(trace("q", answer, StepKind::Text, "b")));
        }
        assert_eq!(whole.problem.reference_answer.as_deref(), Some("5 | 6"));
        assert_eq!((whole.nodes[1].kind, whole.warnings.len()), (StepKind::Code, 1), "{:?}", whole.warnings);
        assert_eq!((&whole.extra["a"], &whole.extra["b"]), (&"5".into(), &"6".into()));
        for answer in 7..30 {
            assert!(whole.absorb(trace("q", &answer.to_string(), StepKind::Text, "a")));
        }
        assert_eq!(whole.problem.reference_answer.as_deref().map(|all| all.split(ALTERNATIVE).count()), Some(REFERENCES));
        let mut nameless = trace("", "5", StepKind::Text, "a");
        assert!(nameless.absorb(trace("", "6", StepKind::Text, "a")));
        assert_eq!((nameless.problem.reference_answer.as_deref(), nameless.warnings.len()), (Some("5"), 1));
    }
}
