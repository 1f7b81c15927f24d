//! The picture of a problem: what a record says of it, how large it is, and how it looks where the program draws pictures.

use std::collections::{HashMap, VecDeque};

use serde_json::Value;

use super::{App, Effect, layout};
use crate::trace::Extra;
use crate::ui::picture::Drawn;

/// A longer text that a source calls a picture is the picture itself, and not its path.
const LONGEST_PATH: usize = 200;
/// Pictures that are kept as they were drawn: those of the problems around.
const KEPT: usize = 4;

/// A picture: index of the file that names it, and its path as named there.
type Of = (usize, String);

/// A picture made for so many columns and rows, or why there is none; `None` while it is being made.
type Made = (Of, (u16, u16), Option<Result<Drawn, String>>);

/// What is known of pictures.
#[derive(Debug, Default)]
pub(super) struct Pictures {
    /// How large they are; nothing yet where it was asked for.
    said: HashMap<Of, Option<String>>,
    /// The oldest first.
    made: VecDeque<Made>,
}

impl Pictures {
    /// The terminal shows none of them any more, and forgets pixels that were sent to it.
    pub(super) fn redraw(&mut self) {
        self.made.retain(|(.., made)| made.is_none());
    }
}

impl App {
    /// What the source says of the picture of the problem, under the names that sources give it.
    fn picture(&self) -> Option<&str> {
        let picture =
            self.trace().map(|trace| &trace.extra).and_then(picture_in).or_else(|| picture_in(&self.solution()?.extra))?;
        // Data sets of pictures have both the bytes and the path.
        let picture = picture.as_str().or_else(|| picture.get("path")?.as_str())?.trim();
        (!picture.is_empty()).then_some(picture)
    }

    /// The same, where it is the path of a file.
    fn picture_path(&self) -> Option<Of> {
        let here = self.cursor.item.file;
        self.picture().filter(|picture| picture.len() <= LONGEST_PATH).map(|path| (here, path.to_owned()))
    }

    /// The size of the picture came to be known.
    pub(super) fn picture_measured(&self) -> bool {
        self.picture_path().is_some_and(|picture| self.pictures.said.get(&picture).is_some_and(Option::is_some))
    }

    /// Asks once how large the picture is.
    pub(super) fn measure_picture(&mut self) -> Option<Effect> {
        let (file, picture) = self.picture_path().filter(|picture| !self.pictures.said.contains_key(picture))?;
        self.pictures.said.insert((file, picture.clone()), None);
        Some(Effect::Measure { file, picture })
    }

    /// Where the picture of the problem lies, and how large it is; one that stands in the record itself by its size.
    pub(super) fn image(&self) -> Option<String> {
        let picture = self.picture()?;
        if picture.len() > LONGEST_PATH {
            return Some(format!("image in the record, {} kB", picture.len().div_ceil(1024)));
        }
        let said = self.pictures.said.get(&(self.cursor.item.file, picture.to_owned())).cloned().flatten();
        Some(format!("image {picture}{}", said.map_or(String::new(), |said| format!(" {said}"))))
    }

    /// The problem has a picture, and is shown in full, with it. What the terminal can show makes no difference: panes stand where they
    /// stand in a replay.
    pub(super) fn shows_picture(&self) -> bool {
        self.look.pictures && self.whole_problem && self.picture().is_some_and(|picture| picture.len() <= LONGEST_PATH)
    }

    /// The picture of the problem for a place of so many columns and rows, or why there is none; `None` while it is being made.
    pub fn picture_made(&self, cells: (u16, u16)) -> Option<&Result<Drawn, String>> {
        let of = self.picture_path()?;
        self.pictures.made.iter().find(|(known, size, _)| *known == of && *size == cells)?.2.as_ref()
    }

    /// Asks once for the picture where it is shown, when no other is being made.
    pub(super) fn make_picture(&mut self) -> Option<Effect> {
        if !self.shows_picture() {
            return None;
        }
        let (_, place) = layout::problem_parts(self, layout::panes(self)?.problem);
        let (cells, of) = (place.map(|rect| (rect.width, rect.height))?, self.picture_path()?);
        let made = &mut self.pictures.made;
        // One at a time, and then the one that is looked at by then.
        if made.iter().any(|(known, size, drawn)| drawn.is_none() || (*known == of && *size == cells)) {
            return None;
        }
        made.push_back((of.clone(), cells, None));
        if made.len() > KEPT {
            made.pop_front();
        }
        let (file, picture) = of;
        Some(Effect::Picture { file, picture, cells })
    }
}

/// The size of a picture came to be known, or why it is not.
pub(super) fn measured(app: &mut App, file: usize, picture: String, said: String) {
    app.pictures.said.insert((file, picture), Some(said));
}

/// A picture was made, unless it was asked for too long ago.
pub(super) fn made(app: &mut App, file: usize, picture: String, cells: (u16, u16), made: Result<Drawn, String>) {
    let of = (file, picture);
    if let Some((.., place)) = app.pictures.made.iter_mut().find(|(known, size, _)| *known == of && *size == cells) {
        *place = Some(made);
    }
}

/// What a record says of a picture.
fn picture_in(extra: &Extra) -> Option<&Value> {
    ["image_path", "image", "img_path"].iter().find_map(|name| extra.get(*name))
}
