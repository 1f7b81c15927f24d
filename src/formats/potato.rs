//! Step labels of the annotation tool Potato (`prm_training_data.jsonl`): index (from 0) and reward of every step. The texts are not in
//! the file; they stand in the one that was annotated.
//!
//! In the mode `first_error` the tool writes -1 on all steps behind the first wrong one: nobody judged those. Without its neutral mode it
//! writes 0 for a step that nobody marked, so that a 0 comes with a warning.

use serde_json::Value;

use super::detect::Detection;
use super::fields::{Fault, Fields, integer};
use super::mapping::Said;
use super::{Format, RawRecord, RecordError};
use crate::trace::{Problem, Rating, Trace, TraceBuilder};

/// The format.
pub(super) struct Potato;

impl Format for Potato {
    fn name(&self) -> &'static str {
        "potato"
    }

    fn doc(&self) -> &'static str {
        "Potato step labels: instance_id, annotator, mode, steps with index and reward (no texts)"
    }

    fn detect(&self, value: &Value) -> Detection {
        let steps = value["steps"].as_array().is_some_and(|steps| {
            !steps.is_empty() && steps.iter().all(|step| step.get("index").is_some() && step.get("reward").is_some())
        });
        Detection::sure_if(steps && value.get("instance_id").is_some(), "`instance_id` and `steps` with `index` and `reward`")
    }

    fn read(&self, record: &RawRecord<'_>) -> Result<Trace, RecordError> {
        record.read(read)
    }
}

fn read(mut fields: Fields) -> Result<TraceBuilder, Fault> {
    let id = fields.optional_name("instance_id")?;
    let annotator = fields.optional_name("annotator")?;
    let first_only = fields.peek("mode").is_some_and(|mode| mode == "first_error");
    let text = fields.optional_text("problem")?.or_else(|| id.clone()).unwrap_or_default();
    let mut builder = TraceBuilder::new(Problem { text, ..Problem::default() });
    let (mut texts, mut ratings, mut bare) = (Vec::new(), Vec::new(), false);
    let list = fields.list("steps")?;
    let sources = list.clone();
    for (place, value) in list.into_iter().enumerate() {
        let mut step = Fields::of(value, format!("steps[{place}]"))?;
        let index = step.need("index", "the number of the step")?;
        if integer(&index).and_then(|index| usize::try_from(index).ok()) != Some(place) {
            return Err(Fault::expected(step.at("index"), &place.to_string(), &index));
        }
        let stated = step.optional_text("text")?;
        bare |= stated.is_none();
        texts.push(stated.unwrap_or_else(|| format!("(step {place})")));
        let reward = step.need("reward", "1, 0, -1 or null")?;
        let rating = integer(&reward).and_then(Rating::from_value);
        if rating.is_none() && !reward.is_null() {
            return Err(Fault::expected(step.at("reward"), "1, 0, -1 or null", &reward));
        }
        let decided = first_only && ratings.contains(&Some(Rating::Bad));
        ratings.push(rating.filter(|_| !decided));
    }
    if bare {
        builder.warn("the file holds no texts of steps, only their labels");
    }
    if ratings.contains(&Some(Rating::Neutral)) {
        builder.warn("a reward of 0 may be a neutral step or one that nobody marked");
    }
    let leaf = builder.path(&texts).last().copied().unwrap_or(crate::trace::NodeId::ROOT);
    let said = Said::judged(ratings);
    let solution = builder.solution(leaf);
    solution.source_id = id;
    solution.first_error = said.first_error;
    solution.ratings = said.ratings;
    solution.extra = fields.rest();
    solution.extra.extend(annotator.map(|annotator| ("annotator".to_owned(), annotator.into())));
    solution.extra.insert("steps".to_owned(), sources.into());
    Ok(builder)
}
