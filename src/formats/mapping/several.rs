//! Records with several solutions of one problem: in a list of objects, in a list of texts, and in lists beside it with one entry a
//! solution.

use serde_json::Value;

use super::{Mapping, Path, take, whole};
use crate::formats::fields::{self, Fault, Fields};
use crate::trace::{Extra, TraceBuilder};

/// What leads on from the elements of a list: empty for the elements themselves; `None` for a path that does not go through it.
pub(super) fn below_list<'a>(path: &'a str, list: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(list)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('.') }
}

/// What stands beside the list of solutions under one path.
enum Beside {
    /// An entry for each of them.
    Each(std::vec::IntoIter<Value>),
    /// The same for all.
    All(Value),
}

/// Reads the solutions of the list at `list`. Their paths lead through it, or to a list with as many entries.
pub(super) fn read(mapping: &Mapping<'_>, list: Path<'_>, mut fields: Fields, builder: &mut TraceBuilder) -> Result<(), Fault> {
    let items = take(&mut fields, list).ok_or_else(|| Fault::new(list, "expected a list of solutions, found no such field"))?;
    let items = fields::list(whole(items), || list.to_owned())?;
    let paths = paths(mapping);
    let mut beside = Vec::new();
    for path in paths.iter().filter(|path| below_list(path, list).is_none()) {
        let Some(value) = take(&mut fields, path).map(whole).filter(|value| !value.is_null()) else { continue };
        let named = [mapping.id, mapping.generator].contains(&Some(path));
        beside.push((
            *path,
            match value {
                Value::Array(entries) => {
                    fields::one_each(*path, (entries.len(), "entries"), (items.len(), "solutions"))?;
                    Beside::Each(entries.into_iter())
                }
                value if named || items.len() == 1 => Beside::All(value),
                other => return Err(Fault::expected(*path, "a list with one entry a solution", &other)),
            },
        ));
    }
    let several = items.len() > 1;
    for (index, item) in items.into_iter().enumerate() {
        let mut own = Extra::new();
        for path in paths.iter().filter_map(|path| Some((*path, below_list(path, list)?))) {
            own.extend(inside(&item, path.1).map(|value| (path.0.to_owned(), value)));
        }
        for (path, value) in &mut beside {
            let value = match value {
                Beside::Each(entries) => entries.next(),
                Beside::All(value) => Some(value.clone()),
            };
            own.extend(value.map(|value| ((*path).to_owned(), value)));
        }
        let mut own = Fields::of(Value::Object(own), "")?;
        mapping.solution(&mut own, builder).map_err(|fault| numbered(fault, list, index))?;
        let shared = beside.iter().any(|(path, value)| mapping.id == Some(path) && matches!(value, Beside::All(_)));
        if let Some(solution) = builder.last_solution() {
            solution.extra = rest(item, &paths, list);
            if shared && several {
                solution.source_id = solution.source_id.take().map(|id| format!("{id}-{index}"));
            }
        }
    }
    builder.extra(fields.rest());
    Ok(())
}

/// The paths of the parts of a solution, each once.
fn paths<'a>(mapping: &Mapping<'a>) -> Vec<Path<'a>> {
    let label = mapping.label.map(|label| label.path);
    let all = [Some(mapping.steps), label, mapping.scores, mapping.answer, mapping.outcome, mapping.id, mapping.generator];
    let mut paths: Vec<Path<'_>> = Vec::new();
    for path in all.into_iter().flatten() {
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    paths
}

fn inside(item: &Value, path: &str) -> Option<Value> {
    if path.is_empty() { Some(item.clone()) } else { super::below(item, path).map(std::borrow::Cow::into_owned) }
}

/// The fields of a solution that nobody named.
fn rest(item: Value, paths: &[Path<'_>], list: &str) -> Extra {
    let Value::Object(mut map) = item else { return Extra::new() };
    for path in paths.iter().filter_map(|path| below_list(path, list)) {
        map.shift_remove(path);
    }
    map
}

/// The field with the number of the solution in it, from 0: `outputs[1].text`, `scores[1]`.
fn numbered(mut fault: Fault, list: &str, index: usize) -> Fault {
    if let Some(field) = &mut fault.field {
        let through = field.starts_with(list) && matches!(field.as_bytes().get(list.len()), None | Some(b'.' | b'['));
        let at = if through { list.len() } else { field.find('[').unwrap_or(field.len()) };
        field.insert_str(at, &format!("[{index}]"));
    }
    fault
}
