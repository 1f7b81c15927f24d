//! Evidence that needs no model: claims in a step that can be decided exactly.

pub mod answer;
pub mod arithmetic;
pub mod provenance;
