//! `Question NNNN - Rollout i.tree` of zhentingqi/rStar: a drawing of the search. Dashes before a node say how deep it lies, brackets what
//! the search knows of it, and what stands behind them is its text. The chosen node has two pairs of brackets. It is a drawing for people,
//! so that it is read as far as it goes.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::super::error::Refusal;
use super::super::framing::skip_bom;
use super::super::store::Bytes;
use super::{Container, WholeText};

/// The container.
pub(super) struct TreeDump;

impl Container for TreeDump {
    /// The first line is a node.
    fn fits(&self, head: &[u8]) -> bool {
        let text = skip_bom(head).trim_ascii_start();
        let line = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
        std::str::from_utf8(line).is_ok_and(|line| node(line).is_some())
    }

    fn open(&self, bytes: Arc<Bytes>) -> Result<Bytes, Refusal> {
        Ok(WholeText::open(bytes, "drawing of a search", records))
    }
}

/// A node of the drawing.
struct Drawn<'a> {
    depth: usize,
    chosen: bool,
    /// What stands in the brackets.
    known: &'a str,
    text: &'a str,
}

/// The node that a line begins; `None` for a line that goes on with the text of the node above.
fn node(line: &str) -> Option<Drawn<'_>> {
    let body = line.trim_start_matches('-');
    let depth = line.len() - body.len();
    let inner = body.strip_prefix('[')?;
    let chosen = inner.starts_with('[');
    let (known, text) = inner.trim_start_matches('[').split_once(']')?;
    let marks = ["Q: ", "; N: ", "; V: "];
    let json = known.starts_with(['"', '{']);
    (!json && marks.iter().all(|mark| known.contains(mark))).then(|| Drawn {
        depth,
        chosen,
        known,
        text: text.trim_start_matches(']').trim(),
    })
}

/// The number behind `name: `, the last of this name.
fn number(known: &str, name: &str) -> Option<Value> {
    let (_, behind) = known.rsplit_once(&format!("{name}: "))?;
    let text = behind.split(';').next()?.trim();
    let integer = text.parse::<u64>().ok().map(Value::from);
    integer.or_else(|| text.parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::from))
}

/// One line a node.
fn records(text: &str) -> Vec<u8> {
    let mut lines: Vec<Map<String, Value>> = Vec::new();
    // Depths of the open nodes; the place of each is its id.
    let mut open: Vec<(usize, usize)> = Vec::new();
    for drawn in text.lines() {
        let Some(node) = node(drawn) else {
            if let Some(Value::String(text)) = lines.last_mut().and_then(|line| line.get_mut("text")) {
                text.push('\n');
                text.push_str(drawn.trim());
            }
            continue;
        };
        while open.last().is_some_and(|&(depth, _)| depth >= node.depth) {
            open.pop();
        }
        let id = lines.len();
        let mut line = Map::new();
        line.insert("tree".into(), "drawing".into());
        line.insert("id".into(), id.into());
        line.insert("parent".into(), open.last().map(|&(_, id)| id).into());
        line.insert("text".into(), node.text.into());
        for (key, name) in [("q", "Q"), ("visits", "N"), ("value", "V")] {
            line.extend(number(node.known, name).map(|number| (key.to_owned(), number)));
        }
        line.insert("drawn".into(), node.known.into());
        if node.chosen {
            line.insert("selected".into(), true.into());
        }
        open.push((node.depth, id));
        lines.push(line);
    }
    // The root is what was asked.
    if let Some(root) = lines.first_mut() {
        let text = root.remove("text").and_then(|text| text.as_str().map(|text| text.trim().to_owned())).unwrap_or_default();
        let asked = text.strip_prefix("User:").map_or(text.as_str(), str::trim);
        root.insert("problem".into(), asked.into());
    }
    lines.into_iter().flat_map(|line| format!("{}\n", Value::Object(line)).into_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn dashes_are_depths_and_brackets_hold_numbers() {
        let text = "[0-> 1: Q: 0.5; N: 4; V: None; UCT: -999] User: 2+2?\n    Ground truth: 4\n\
                    ----[a: Q: 0.25; N: 3; V: 0.9; UCT: 1.2] Ans: four\nor so\n--------[[b: Q: 1; N: 1; V: 1.0; UCT: 0]] Ans: 4\n----[c: Q: 0; N: 0; V: None; UCT: 9] ";
        assert!(TreeDump.fits(text.as_bytes()) && !TreeDump.fits(b"[1, 2]") && !TreeDump.fits(b"[\"Q: a; N: b; V: c\"]"));
        let records = String::from_utf8(records(text)).unwrap();
        let lines: Vec<Value> = records.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let brief: Vec<Value> =
            lines.iter().map(|line| json!([line["parent"], line["text"], line["q"], line["visits"], line["selected"]])).collect();
        let expected = [
            json!([null, null, 0.5, 4, null]),
            json!([0, "Ans: four\nor so", 0.25, 3, null]),
            json!([1, "Ans: 4", 1, 1, true]),
            json!([0, "", 0, 0, null]),
        ];
        assert_eq!(brief, expected);
        assert_eq!(lines[0]["problem"], "2+2?\nGround truth: 4");
    }
}
