//! An open question above the hot keys: every answer with its letter, as many in a row as there is room for.

use ratatui::layout::Rect;

use crate::app::choice::{Answer, Open};
use crate::app::layout::Panes;
use crate::ui::pen::Pen;

/// Draws the question over the lower end of the panes.
pub(in crate::ui) fn draw(open: &Open, pen: &mut Pen<'_>, panes: &Panes) {
    let foot = panes.why;
    let width = usize::from(foot.width.saturating_sub(4)).max(1);
    let meanings = open.answers.iter().map(|answer| words(answer, true).chars().count()).max().unwrap_or(0);
    // Meanings are there for who learns the letters; where they do not fit, the names say enough.
    let with_meaning = open.answers.len().div_ceil((width / (meanings + 2)).max(1)) + 2 <= usize::from(foot.y / 4);
    let cells: Vec<String> = open.answers.iter().map(|answer| words(answer, with_meaning)).collect();
    let column = cells.iter().map(|cell| cell.chars().count()).max().unwrap_or(0) + 2;
    let columns = (width / column.max(1)).max(1);
    let rows = cells.len().div_ceil(columns);
    let top = foot.y.saturating_sub(u16::try_from(rows + 1).unwrap_or(u16::MAX)).max(1);
    let area = Rect { x: foot.x, y: top, width: foot.width, height: foot.y - top };
    pen.clear(area);
    pen.rule(Rect { height: 1, ..area });
    pen.text(area.x + 2, area.y, area.width.saturating_sub(4), &format!(" {} ", open.title()), pen.look.strong());
    for (index, cell) in cells.iter().enumerate() {
        // Down the columns, as lists of words are read.
        let (row, at) = (index % rows, index / rows);
        let Some(y) = u16::try_from(row + 1).ok().map(|row| area.y + row).filter(|y| *y < area.bottom()) else { continue };
        let x = area.x + 2 + u16::try_from(at * column).unwrap_or(u16::MAX - area.x - 2);
        let (letter, rest) = cell.split_at(cell.chars().next().map_or(0, char::len_utf8));
        let after = pen.text(x, y, area.right().saturating_sub(x), letter, pen.look.accent());
        pen.text(after, y, area.right().saturating_sub(after), rest, pen.look.plain());
    }
}

fn words(answer: &Answer, with_meaning: bool) -> String {
    let choice = &answer.choice;
    let count = if answer.count > 0 { format!(" ({})", answer.count) } else { String::new() };
    let meaning = if with_meaning && !choice.meaning.is_empty() { format!(": {}", choice.meaning) } else { String::new() };
    format!("{}  {}{count}{meaning}", choice.letter, choice.name)
}
