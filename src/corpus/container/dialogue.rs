//! Diagram-of-Thought: plain text in which a proposer, a critic and a summarizer speak in turn, each between tags of its own. There are no
//! edges in it, so that the turns are a chain; a critic names the proposal before it.

use std::sync::Arc;

use memchr::memmem;
use serde_json::{Value, json};

use super::super::error::Refusal;
use super::super::framing::skip_bom;
use super::super::store::Bytes;
use super::{Container, WholeText};

const ROLES: [&str; 3] = ["proposer", "critic", "summarizer"];

/// The container.
pub(super) struct Dialogue;

impl Container for Dialogue {
    /// A text of all three roles that is no JSON.
    fn fits(&self, head: &[u8]) -> bool {
        let text = skip_bom(head).trim_ascii_start();
        let json = text.first().is_none_or(|byte| b"{[\"".contains(byte));
        !json && ROLES.iter().all(|role| memmem::find(text, format!("<{role}>").as_bytes()).is_some())
    }

    fn open(&self, bytes: Arc<Bytes>) -> Result<Bytes, Refusal> {
        Ok(WholeText::open(bytes, "dialogue", records))
    }
}

/// The next opening tag: its place, its length and its role.
fn opening(text: &str) -> Option<(usize, &'static str)> {
    ROLES.into_iter().filter_map(|role| Some((text.find(&format!("<{role}>"))?, role))).min()
}

/// One line a turn; what stands before the first is the problem.
fn records(text: &str) -> Vec<u8> {
    let first = opening(text).map_or(text.len(), |(at, _)| at);
    let mut lines = vec![json!({"tree": "dialogue", "id": 0, "parent": null, "problem": text[..first].trim()})];
    let (mut rest, mut proposal) = (&text[first..], None);
    while let Some((at, role)) = opening(rest) {
        let body = &rest[at + role.len() + 2..];
        // A turn that is never closed ends where the next begins.
        let next = opening(body).map_or(body.len(), |(at, _)| at);
        let (said, end) = match body.find(&format!("</{role}>")) {
            Some(close) => (&body[..close], close + role.len() + 3),
            None => (&body[..next], next),
        };
        let id = lines.len();
        let mut line = json!({"tree": "dialogue", "id": id, "parent": id - 1, "text": said.trim(), "role": role});
        match role {
            "proposer" => proposal = Some(id),
            "critic" => line["of"] = proposal.into(),
            _ => {}
        }
        lines.push(line);
        rest = &body[end..];
    }
    lines.iter().flat_map(|line: &Value| format!("{line}\n").into_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(text: &str) -> Vec<(String, String, Value)> {
        let records = String::from_utf8(records(text)).unwrap();
        let lines = records.lines().skip(1).map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines
            .map(|line| {
                (line["role"].as_str().unwrap().to_owned(), line["text"].as_str().unwrap().to_owned(), line["of"].clone())
            })
            .collect()
    }

    #[test]
    fn turns_are_a_chain_and_critics_name_the_proposal() {
        let text = "2+2?\n<proposer>\nFour.\n</proposer> <critic>Fine.\n<proposer>Sure.</proposer><summarizer>4</summarizer>";
        let turn = |role: &str, text: &str, of: Value| (role.to_owned(), text.to_owned(), of);
        // The proposal inside of the critic that is never closed still counts: it closes first.
        let expected = [
            turn("proposer", "Four.", Value::Null),
            turn("critic", "Fine.", 1.into()),
            turn("proposer", "Sure.", Value::Null),
            turn("summarizer", "4", Value::Null),
        ];
        assert_eq!(turns(text), expected);
        assert!(Dialogue.fits(text.as_bytes()) && !Dialogue.fits(format!("{{\"a\":\"{text}\"}}").as_bytes()));
    }
}
