//! The thoughts of a long chain of thought, of which its steps are parts: where one is, and the way to the next one.

use std::sync::Arc;

use super::{App, Effect};
use crate::segment::{Turn, turn};

/// The steps of a path, from 0, with which a thought begins, and how. What stands before the first turn is a thought as well.
pub(super) type Thoughts = Vec<(usize, Option<Turn>)>;

impl App {
    /// The thoughts of the path on show.
    fn thoughts(&self) -> Arc<Thoughts> {
        let Some((path, trace)) = self.path() else { return Arc::default() };
        self.known.thoughts.of(path, || {
            let turns = self.cursor.path.iter().map(|&id| turn(&trace.node(id).text)).enumerate();
            Arc::new(turns.filter(|(step, turn)| *step == 0 || turn.is_some()).collect())
        })
    }

    /// Of which thought the step is a part, and what that does, for people; `None` where the chain takes no turn.
    pub fn thought_here(&self) -> Option<String> {
        let thoughts = self.thoughts();
        thoughts.iter().find(|(step, _)| *step > 0)?;
        let number = thoughts.partition_point(|(step, _)| *step <= self.cursor.step());
        let kind = thoughts.get(number.checked_sub(1)?)?.1.map_or(String::new(), |turn| format!(": {}", turn.name()));
        Some(format!("thought {number} of {}{kind}", thoughts.len()))
    }
}

/// Goes to the first step of a thought, so many on or back; one goes back to the beginning of a thought first.
pub(super) fn go(app: &mut App, count: usize, forward: bool) -> Vec<Effect> {
    let (thoughts, here) = (app.thoughts(), app.cursor.step());
    let target = if forward {
        thoughts.iter().filter(|(step, _)| *step > here).take(count).last()
    } else {
        thoughts.iter().rev().filter(|(step, _)| *step < here).take(count).last()
    };
    match target {
        Some((step, _)) => app.cursor.go_to_step(*step),
        None if forward => app.notice = Some("no thought begins behind this step".to_owned()),
        None => app.notice = Some("no thought begins before this step".to_owned()),
    }
    Vec::new()
}
