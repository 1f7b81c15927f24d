//! The list of groups of steps that go wrong alike, over the screen: how many, by whom they are said to be wrong, which words tell them from the
//! others, and a typical step of the chosen one.

use ratatui::layout::Rect;

use crate::app::App;
use crate::app::clusters::{Clusters, TYPICAL, VIEW};
use crate::app::lists::Window;
use crate::typeset::Page;
use crate::ui::pen::Pen;
use crate::ui::styled::styled;
use crate::ui::theme::score_bar;

use super::hints::heading;

/// Width of the columns before the words: number, steps, bar, share, who says so.
const COLUMNS: [u16; 5] = [4, 6, 11, 6, 12];

/// Draws the groups with the chosen one marked.
pub(in crate::ui) fn draw(app: &App, clusters: &Clusters, pen: &mut Pen<'_>, area: Rect) {
    pen.clear(area);
    pen.rule(Rect { height: 1, ..area });
    pen.rule(Rect { y: area.bottom().saturating_sub(1), height: 1, ..area });
    let rect = Rect { x: area.x + 2, width: area.width.saturating_sub(4), ..area };
    let all = clusters.steps.rows.len();
    let count = match clusters.groups.len() {
        1 => "1 group".to_owned(),
        count => format!("{count} groups"),
    };
    let what = if clusters.steps.lowest { "lowest" } else { "wrong" };
    let title = format!("{count} of {all} {what} steps by {}", clusters.by);
    heading(app, &VIEW, &title, pen, area);
    let dim = pen.look.dim();
    let missing = clusters.steps.missing();
    let missing = if missing.is_empty() { missing } else { format!("; not in it: {missing}") };
    pen.text(rect.x, area.y + 1, rect.width, &format!("{}{missing}", clusters.steps.sources()), dim);
    let heading = ["", "    n", "", "", "you/file/prm"].map(str::to_owned);
    row(pen, Rect { y: area.y + 2, ..rect }, &heading, "words that tell them from the others");
    let Window { y: first, top, rows } = clusters.window(area.height);
    let most = clusters.groups.first().map_or(1, |group| group.members.len()).max(1) as f64;
    for (index, group) in clusters.groups.iter().enumerate().skip(top).take(rows) {
        let y = area.y + first + u16::try_from(index - top).unwrap_or(0);
        let count = group.members.len();
        let [own, file, scores] = clusters.steps.said(group.members.iter().copied());
        let cells = [
            format!("{:>3}", index + 1),
            format!("{count:>5}"),
            score_bar(count as f64 / most, usize::from(COLUMNS[2]) - 1, &pen.look.glyphs),
            format!("{:>4.0}%", 100.0 * count as f64 / all.max(1) as f64),
            format!("{own}/{file}/{scores}"),
        ];
        row(pen, Rect { y, ..rect }, &cells, &group.words.join(", "));
        if index == clusters.chosen {
            pen.restyle(Rect { y, height: 1, ..area }, pen.look.selected());
            pen.text(area.x, y, 1, pen.look.glyphs.pointer, pen.look.strong());
        }
    }
    typical(app, clusters, pen, Rect { y: area.bottom().saturating_sub(1 + TYPICAL), height: TYPICAL, ..rect });
}

fn row(pen: &mut Pen<'_>, rect: Rect, cells: &[String; 5], words: &str) {
    let plain = pen.look.plain();
    let mut x = rect.x;
    for (text, width) in cells.iter().zip(COLUMNS) {
        pen.text(x, rect.y, width.min(rect.right().saturating_sub(x)), text, plain);
        x = (x + width + 1).min(rect.right());
    }
    pen.text(x, rect.y, rect.right().saturating_sub(x), words, plain);
}

/// The most typical step of the chosen group.
fn typical(app: &App, clusters: &Clusters, pen: &mut Pen<'_>, rect: Rect) {
    let Some(text) = clusters.typical.get(clusters.chosen) else { return };
    let place = clusters.place(app).unwrap_or_default();
    pen.text(rect.x, rect.y, rect.width, &format!("typical: {place}"), pen.look.dim());
    let page = Page::plain(text, usize::from(rect.width));
    let rows = page.wrapped.window(0, usize::from(rect.height.saturating_sub(1)));
    for (y, row) in (rect.y + 1..).zip(rows) {
        pen.line(rect.x, y, rect.width, &styled(&page.text, row, &[]));
    }
}
