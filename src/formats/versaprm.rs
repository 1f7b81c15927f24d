//! Training data of `VersaPRM` (Zeng et al., arXiv:2502.06737): chains of thought with a label a step and alternatives beside some steps.

use serde_json::Value;

use super::detect::Detection;
use super::fields::{self, Fault, Fields, integer};
use super::{Format, RawRecord, RecordError};
use crate::trace::{FirstError, NodeId, Problem, Rating, Trace, TraceBuilder};

/// The format.
pub(super) struct VersaPrm;

impl Format for VersaPrm {
    fn name(&self) -> &'static str {
        "versaprm"
    }

    fn doc(&self) -> &'static str {
        "VersaPRM: question and chain_of_thoughts with steps, labels (1, 0, -1) and augs (alternative steps)"
    }

    fn detect(&self, value: &Value) -> Detection {
        Detection::sure_if(
            value.get("question").is_some() && value.get("chain_of_thoughts").is_some_and(Value::is_array),
            "`question` and `chain_of_thoughts`",
        )
    }

    fn read(&self, record: &RawRecord<'_>) -> Result<Trace, RecordError> {
        record.read(read)
    }

    fn problem_at(&self) -> &'static [&'static str] {
        &["question"]
    }
}

fn rating(value: &Value, field: impl FnOnce() -> String) -> Result<Rating, Fault> {
    integer(value).and_then(Rating::from_value).ok_or_else(|| Fault::expected(field(), "-1, 0 or 1", value))
}

fn read(mut fields: Fields) -> Result<TraceBuilder, Fault> {
    let text = fields.text("question")?;
    let reference_solution = fields.optional_text("answer")?;
    let chains = fields.list("chain_of_thoughts")?;
    let mut builder = TraceBuilder::new(Problem { text, reference_solution, reference_answer: None });
    for (index, chain) in chains.into_iter().enumerate() {
        read_chain(&mut builder, Fields::of(chain, format!("chain_of_thoughts[{index}]"))?)?;
    }
    builder.extra(fields.rest());
    Ok(builder)
}

fn read_chain(builder: &mut TraceBuilder, mut chain: Fields) -> Result<(), Fault> {
    let steps = chain.texts("steps")?;
    let path = chain.at("labels");
    let labels = chain.list("labels")?;
    fields::one_each(&path, (labels.len(), "labels"), (steps.len(), "steps"))?;
    let ratings = labels.iter().enumerate().map(|(index, label)| rating(label, || format!("{path}[{index}]")));
    let ratings = ratings.collect::<Result<Vec<_>, _>>()?;

    let nodes = builder.path(&steps);
    for (&id, &rating) in nodes.iter().zip(&ratings) {
        let node = builder.node_mut(id);
        node.rating = node.rating.or(Some(rating));
    }
    let augs_path = chain.at("augs");
    let mut goes_on = false;
    for (index, aug) in chain.optional_list("augs")?.unwrap_or_default().into_iter().enumerate() {
        goes_on |= alternative(builder, &nodes, Fields::of(aug, format!("{augs_path}[{index}]"))?)? == nodes.len();
    }
    let solution = builder.solution(nodes.last().copied().unwrap_or(NodeId::ROOT));
    solution.first_error = match ratings.iter().position(|&rating| rating == Rating::Bad) {
        Some(index) => FirstError::At(index),
        // With candidates for a next step the chain is a beginning, about whose rest nobody has said anything.
        None if ratings.is_empty() || goes_on => FirstError::Unknown,
        None => FirstError::NoError,
    };
    solution.ratings = ratings.into_iter().map(Some).collect();
    solution.extra = chain.rest();
    Ok(())
}

/// A step that could stand at `aug_idx` instead; one behind the last step is allowed. Gives its place.
fn alternative(builder: &mut TraceBuilder, nodes: &[NodeId], mut aug: Fields) -> Result<usize, Fault> {
    let text = aug.text("aug_step")?;
    let (place_path, type_path) = (aug.at("aug_idx"), aug.at("aug_type"));
    let place = aug.need("aug_idx", "an index")?;
    let index = integer(&place).and_then(|index| usize::try_from(index).ok()).filter(|&index| index <= nodes.len());
    let index = index.ok_or_else(|| Fault::expected(place_path, &format!("an index from 0 to {}", nodes.len()), &place))?;
    let rating = rating(&aug.need("aug_type", "-1, 0 or 1")?, || type_path)?;
    let parent = index.checked_sub(1).map_or(NodeId::ROOT, |before| nodes[before]);
    let id = builder.child(parent, &text);
    let node = builder.node_mut(id);
    node.rating = node.rating.or(Some(rating));
    let mut rest = aug.rest();
    node.extra.append(&mut rest);
    Ok(index)
}
