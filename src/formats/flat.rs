//! Formats that come down to a [`Mapping`] and the keys by which they are known.

use serde_json::Value;

use super::detect::Detection;
use super::fields::{Fault, Fields};
use super::mapping::Mapping;
use super::{Format, Glance, RawRecord, RecordError, glance};
use crate::trace::{Trace, TraceBuilder};

/// A format of one problem and one solution a record.
#[derive(Clone, Copy)]
pub(super) struct Flat {
    pub(super) name: &'static str,
    pub(super) doc: &'static str,
    /// Keys that every record has and that together no other format has.
    pub(super) marks: &'static [&'static str],
    pub(super) mapping: Mapping<'static>,
    /// What else must hold of a record that has the keys.
    pub(super) fits: fn(&Value) -> bool,
    /// Makes of the fields what the mapping expects; gives warnings.
    pub(super) prepare: Option<Prepare>,
    /// What the mapping cannot say; gets the trace as the mapping made it.
    pub(super) finish: Option<fn(&mut TraceBuilder)>,
}

type Prepare = fn(&mut Fields) -> Result<Vec<String>, Fault>;

impl Flat {
    /// A format of which the mapping says everything.
    #[expect(clippy::large_types_passed_by_value, reason = "moved once, while the program is compiled")]
    pub(super) const fn new(
        name: &'static str,
        doc: &'static str,
        marks: &'static [&'static str],
        mapping: Mapping<'static>,
    ) -> Self {
        Self { name, doc, marks, mapping, fits: |_| true, prepare: None, finish: None }
    }

    fn builder(&self, mut fields: Fields) -> Result<TraceBuilder, Fault> {
        let warnings = self.prepare.map_or_else(|| Ok(Vec::new()), |prepare| prepare(&mut fields))?;
        let mut builder = self.mapping.read(fields)?;
        for warning in warnings {
            builder.warn(warning);
        }
        if let Some(finish) = self.finish {
            finish(&mut builder);
        }
        Ok(builder)
    }
}

impl Format for Flat {
    fn name(&self) -> &'static str {
        self.name
    }

    fn doc(&self) -> &'static str {
        self.doc
    }

    fn detect(&self, value: &Value) -> Detection {
        if (self.fits)(value) { Detection::by_keys(value, self.marks) } else { Detection::NO }
    }

    fn read(&self, record: &RawRecord<'_>) -> Result<Trace, RecordError> {
        record.read(|fields| self.builder(fields))
    }

    fn glance<'a>(&self, record: &'a [u8]) -> Option<Glance<'a>> {
        let plain = self.prepare.is_none() && self.finish.is_none();
        if plain { glance::of(record, |fields| self.mapping.glance(fields)) } else { None }
    }

    fn problem_hash(&self, record: &[u8]) -> Option<u64> {
        if self.prepare.is_none() {
            return self.mapping.problem_hash(record);
        }
        super::read_problem_hash(self, record)
    }
}
