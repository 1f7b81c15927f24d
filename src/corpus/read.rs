//! Reading records, units and problems at the moment somebody looks at them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};

use super::{ProblemView, Shared, escaped};
use crate::formats::{RawRecord, RecordError, Unit};
use crate::segment;

/// A record's line, counted from 1, and its bytes.
pub(super) fn raw(shared: &Shared, record: usize) -> Result<(usize, Vec<u8>), RecordError> {
    let (span, line, fault) = {
        let index = shared.index();
        (index.span(record), index.line(record), index.fault(record).map(super::index::Fault::message))
    };
    let line = usize::try_from(line).unwrap_or(usize::MAX);
    let error = |message: String| RecordError { record, line, place: beside(shared, record), field: None, message };
    let (start, len) = span.ok_or_else(|| error(format!("there is no record {}", record + 1)))?;
    if let Some(message) = fault {
        return Err(error(message));
    }
    if let Some(message) = shared.bytes.fault(start) {
        return Err(error(message));
    }
    let bytes = shared.bytes.read(start, len).map_err(|io| error(format!("cannot be read: {}", escaped(&io.to_string()))))?;
    if (bytes.len() as u64) < len {
        let message = format!("expected {len} bytes at offset {start}, found {}: the file became shorter", bytes.len());
        return Err(error(message));
    }
    if !bytes.is_empty() && bytes.iter().all(|&byte| byte == 0) {
        return Err(error(format!("{len} NUL bytes (file was not closed cleanly?)")));
    }
    Ok((line, bytes))
}

/// A unit and the number of bytes it was read from.
pub(super) fn unit(shared: &Shared, unit: usize) -> (Unit, u64) {
    let records = shared.groups().unit_records(unit);
    let mut errors = Vec::new();
    let mut read = Vec::with_capacity(records.len());
    for record in records {
        match raw(shared, record) {
            Ok((line, bytes)) => read.push((record, line, bytes)),
            Err(error) => errors.push(error),
        }
    }
    let raws: Vec<RawRecord<'_>> =
        read.iter().map(|(index, line, bytes)| RawRecord { index: *index, line: *line, bytes }).collect();
    let size = raws.iter().map(|raw| raw.bytes.len() as u64).sum();
    if raws.is_empty() {
        return (Unit { trace: None, errors }, size);
    }
    let mut unit = match catch_unwind(AssertUnwindSafe(|| shared.format.read_unit(&raws))) {
        Ok(unit) => unit,
        Err(panic) => Unit { trace: None, errors: vec![defect(shared, &raws[0], panic.as_ref())] },
    };
    unit.errors.iter_mut().for_each(|error| error.place = place(shared, error.record));
    unit.errors.splice(0..0, errors);
    if let Some((rule, trace)) = shared.segment.zip(unit.trace.as_mut())
        && let Some(cut) = segment::resplit(trace, rule)
    {
        *trace = cut;
    }
    (unit, size)
}

/// Where a record is, if its line does not tell.
fn place(shared: &Shared, record: usize) -> Option<String> {
    let start = shared.index().span(record)?.0;
    shared.bytes.member(start).map(|name| format!("member {}", escaped(&name))).or_else(|| beside(shared, record))
}

/// Which record it is, if others stand in its line.
fn beside(shared: &Shared, record: usize) -> Option<String> {
    let index = shared.index();
    let line = index.line(record);
    let here = |other: usize| other < index.len() && index.line(other) == line;
    let several = record.checked_sub(1).is_some_and(here) || here(record + 1);
    several.then(|| format!("line {line}, record {}", record + 1))
}

/// A panic inside of a format is an error on its record: one bad record must not end a session of work.
fn defect(shared: &Shared, record: &RawRecord<'_>, panic: &(dyn std::any::Any + Send)) -> RecordError {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let message = format!(
        "internal error in the {} reader, please report it: {}",
        shared.format.name(),
        escaped(text.unwrap_or("no message"))
    );
    RecordError { record: record.index, line: record.line, place: None, field: None, message }
}

/// A problem with all of its units, from the cache when it has not grown since.
pub(super) fn problem(shared: &Shared, problem: usize) -> Arc<ProblemView> {
    let (units, weight, units_grow) = {
        let groups = shared.groups();
        (groups.problem_units(problem), groups.weight(problem), groups.units_grow())
    };
    let cached = shared.cache.lock().unwrap_or_else(PoisonError::into_inner).get(problem);
    let (mut view, mut bytes) = match cached {
        Some((view, then, _)) if then == weight => return view,
        // New units come behind the old ones, so what was merged already can be kept.
        Some((view, _, bytes)) if !units_grow => (ProblemView::clone(&view), bytes),
        _ => (ProblemView { trace: None, errors: Vec::new(), units: Vec::new() }, 0),
    };
    // Taken out of its Arc once, not once a unit.
    let mut trace = view.trace.take().map(Arc::unwrap_or_clone);
    for &index in units.iter().skip(view.units.len()) {
        let (unit, size) = unit(shared, index);
        bytes += size;
        view.errors.extend(unit.errors);
        match (&mut trace, unit.trace) {
            (Some(first), Some(more)) => {
                if !first.absorb(more) {
                    view.errors.push(collision(shared, index));
                }
            }
            (none @ None, Some(first)) => *none = Some(first),
            (_, None) => {}
        }
    }
    view.units = units;
    view.trace = trace.map(Arc::new);
    let view = Arc::new(view);
    shared.cache.lock().unwrap_or_else(PoisonError::into_inner).put(problem, Arc::clone(&view), weight, bytes);
    view
}

/// Two problem texts with the same hash.
fn collision(shared: &Shared, unit: usize) -> RecordError {
    let record = shared.groups().unit_records(unit).first().copied().unwrap_or_default();
    let line = usize::try_from(shared.index().line(record)).unwrap_or(usize::MAX);
    let message = "expected the problem of the records it is grouped with, found another one".to_owned();
    RecordError { record, line, place: beside(shared, record), field: None, message }
}
