//! stepscope's own interchange format, the only one that loses nothing: a tree as parent-pointer lines, one node a line.
//!
//! | field | rule |
//! |---|---|
//! | `tree` | names the tree; lines of several trees may interleave |
//! | `id`, `parent` | string or number, unique inside the tree; `parent` null or missing = below the root; a list = several parents; forward references allowed |
//! | `text` or `prefix` | the step alone, or all text up to its end |
//! | `problem`, `gold`, `reference_solution`, `meta` | on the root line; a tree has one problem, and lines without `tree` are all one tree |
//! | `order`, `sep`, `kind` | place among siblings; exact separator behind the text, also `""` where none is there; `thought`, `code` or `tool` |
//! | `rating`, `mc`, `mc_k`, `mc_hits`, `q`, `value`, `prior`, `visits`, `prm` (or `score`) | of the step |
//! | `history` | `[[iteration, value], ..]`: the iterations of the search that made the step or valued it anew, and the value, if any |
//! | `terminal`, `answer`, `correct`, `source_id`, `generator` | of the solution that ends here; without any of them in a tree, its leaves are its solutions |
//! | `first_error` (index from 0, `"none"`, `"unlabelable"`, `"unknown"`), `end_state`, `unsure`, `annotator`, `ratings`, `scores` | labels of the solution that ends here |
//! | `said` | in words, of the solution that ends here: `error_kind`, `end_reason`, `progress`, `remarks` (each `writing`, `step` from 0 or null, `text`) |
//! | `solution`, `solution_extra`, `solutions` | its number in the trace; its further fields; several solutions that end here |
//!
//! Everything else stays with its node.
//!
//! It is an archive: whatever the export policy says, every step and solution is written, labelled, doubtful or not.

mod line;
mod read;
mod write;

use serde_json::Value;

use super::detect::Detection;
use super::export::Writer;
use super::{Format, RawRecord, RecordError, Unit, span};
use crate::trace::Trace;

/// Name under which traces keep the name of their tree. A field `tree` of another format names none.
pub const TREE_KEY: &str = "stepscope.tree";

/// The format.
pub(super) struct Stepscope;

impl Format for Stepscope {
    fn name(&self) -> &'static str {
        "stepscope"
    }

    fn doc(&self) -> &'static str {
        "stepscope trees: one node a line with tree, id, parent, text (an archive: loses nothing, whatever the policy)"
    }

    fn detect(&self, value: &Value) -> Detection {
        let has = |key: &str| value.get(key).is_some();
        if !has("id") {
            return Detection::NO;
        }
        match (has("tree"), has("parent")) {
            (true, true) => Detection::sure("`tree`, `id` and `parent`"),
            (true, false) if has("problem") || has("text") => Detection::maybe(80, "`tree` and `id`"),
            (false, true) if has("problem") || has("text") || has("prefix") => Detection::maybe(70, "`id` and `parent`"),
            _ => Detection::NO,
        }
    }

    fn read(&self, record: &RawRecord<'_>) -> Result<Trace, RecordError> {
        read::unit(&[*record]).of_one(record)
    }

    fn unit_key(&self, record: &[u8]) -> Option<u64> {
        if let Some(range) = span::find(record, &["tree"]) {
            let name = span::text(record, &["tree"]).unwrap_or_else(|| String::from_utf8_lossy(&record[range]));
            return Some(span::hash(&name));
        }
        // Lines that name no tree are one tree; what is not even a line stands alone.
        span::find(record, &["id"]).map(|_| span::hash(""))
    }

    fn read_unit(&self, records: &[RawRecord<'_>]) -> Unit {
        read::unit(records)
    }

    fn problem_at(&self) -> &'static [&'static str] {
        &["problem"]
    }

    fn writer(&self) -> Option<&'static dyn Writer> {
        Some(&Stepscope)
    }
}
