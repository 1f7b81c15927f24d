//! Single judgements, right or wrong: the examples of unpaired preference trainers (KTO) and of classifiers.

use serde_json::Value;

use super::super::export::{Feature, Keeps, LabelledTrace, Loss, Writer, Written, decided, each_solution, json_bytes};
use crate::labels::policy::{Level, Policy, Switch};

/// A target whose records are judgements of one step or of one solution.
pub(super) struct ExampleTarget {
    /// The record of an example.
    pub(super) record: fn(&Example) -> Value,
    /// Files that belong beside these.
    pub(super) beside: fn(Written<'_>) -> Vec<(String, String)>,
}

/// One judgement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Example {
    /// Problem and steps before, joined.
    pub(super) prompt: String,
    /// What joins them to what follows, in targets that write both as one text.
    pub(super) glue: String,
    /// The step, or all steps.
    pub(super) completion: String,
    pub(super) right: bool,
}

impl Writer for ExampleTarget {
    fn keeps(&self) -> &'static Keeps {
        &Keeps { all: &[], partly: &[Feature::FirstError, Feature::Ratings, Feature::BehindError] }
    }

    fn asks(&self) -> &'static [Switch] {
        &[Switch::Neutral, Switch::AfterError, Switch::Unsure, Switch::Level, Switch::Glue]
    }

    fn write(&self, unit: &LabelledTrace<'_>, policy: &Policy, out: &mut Vec<Vec<u8>>, loss: &mut Loss) {
        each_solution(self, unit, policy, out, loss, |item, rows, loss| {
            let texts: Vec<_> = item.path().map(|node| node.text.as_str()).collect();
            let steps: Vec<_> =
                decided(policy, &item.labels, loss)?.into_iter().map(|(index, right)| (texts[index], right)).collect();
            let examples = examples(&unit.trace.problem.text, &steps, policy);
            rows.extend(examples.iter().map(|example| json_bytes(&(self.record)(example))));
            Ok(())
        });
    }

    fn beside(&self, files: Written<'_>, _: &Loss) -> Vec<(String, String)> {
        (self.beside)(files)
    }
}

fn examples(problem: &str, steps: &[(&str, bool)], policy: &Policy) -> Vec<Example> {
    let glue = policy.glue.as_str();
    let example = |prompt: String, completion: String, right| Example { prompt, glue: glue.to_owned(), completion, right };
    match policy.level {
        Level::Step => {
            let mut prompt = problem.to_owned();
            let mut list = Vec::with_capacity(steps.len());
            for &(step, right) in steps {
                list.push(example(prompt.clone(), step.to_owned(), right));
                prompt.push_str(glue);
                prompt.push_str(step);
            }
            list
        }
        Level::Solution => {
            let texts: Vec<_> = steps.iter().map(|&(text, _)| text).collect();
            vec![example(problem.to_owned(), texts.join(glue), steps.iter().all(|&(_, right)| right))]
        }
    }
}
