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

/// Where the tags of the roles stand, in order.
struct Tags {
    /// Place of each opening tag, and the index of its role.
    opening: Vec<(usize, usize)>,
    /// Places of the closing tags of each role.
    closing: [Vec<usize>; ROLES.len()],
}

impl Tags {
    fn of(text: &str) -> Self {
        let places = |tag: String| memmem::find_iter(text.as_bytes(), tag.as_bytes()).collect::<Vec<_>>();
        let opening =
            ROLES.iter().enumerate().flat_map(|(index, role)| places(format!("<{role}>")).into_iter().map(move |at| (at, index)));
        let mut opening: Vec<_> = opening.collect();
        opening.sort_unstable();
        Self { opening, closing: ROLES.map(|role| places(format!("</{role}>"))) }
    }

    /// The first opening tag from `at` on.
    fn open(&self, at: usize) -> Option<(usize, usize)> {
        self.opening.get(self.opening.partition_point(|&(place, _)| place < at)).copied()
    }

    /// The first closing tag of this role from `at` on.
    fn close(&self, role: usize, at: usize) -> Option<usize> {
        let places = &self.closing[role];
        places.get(places.partition_point(|&place| place < at)).copied()
    }
}

/// One line a turn; what stands before the first is the problem.
fn records(text: &str) -> Vec<u8> {
    let tags = Tags::of(text);
    let place = |tag: Option<(usize, usize)>| tag.map_or(text.len(), |(at, _)| at);
    let mut at = place(tags.open(0));
    let mut lines = vec![json!({"tree": "dialogue", "id": 0, "parent": null, "problem": text[..at].trim()})];
    let mut proposal = None;
    while let Some((start, index)) = tags.open(at) {
        let role = ROLES[index];
        let body = start + role.len() + 2;
        // A turn that is never closed ends where the next begins.
        let (end, behind) = match tags.close(index, body) {
            Some(close) => (close, close + role.len() + 3),
            None => (place(tags.open(body)), place(tags.open(body))),
        };
        let id = lines.len();
        let mut line = json!({"tree": "dialogue", "id": id, "parent": id - 1, "text": text[body..end].trim(), "role": role});
        match role {
            "proposer" => proposal = Some(id),
            "critic" => line["of"] = proposal.into(),
            _ => {}
        }
        lines.push(line);
        at = behind;
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
    #[test]
    fn tags_that_never_come_are_not_looked_for_again() {
        let start = std::time::Instant::now();
        assert_eq!(turns(&"<proposer>a".repeat(100_000)).len(), 100_000);
        assert_eq!(turns(&"<critic></critic><summarizer>b</summarizer>".repeat(50_000)).len(), 100_000);
        assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
    }
}
