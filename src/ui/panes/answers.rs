//! The table of answers over the screen: a histogram, with what is known of each group beside it.

use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::app::App;
use crate::app::answers::{Answers, Group, VIEW};
use crate::app::describe::short;
use crate::app::lists::Window;
use crate::trace::Label;
use crate::ui::pen::Pen;
use crate::ui::theme::score_bar;

use super::hints::heading;

/// Width of the columns: answer, number of solutions, bar, right or wrong, mean, best and worst score, own verdicts.
const COLUMNS: [u16; 8] = [19, 6, 11, 8, 6, 9, 9, 8];

/// Draws the groups with the chosen one marked.
pub(in crate::ui) fn draw(app: &App, answers: &Answers, pen: &mut Pen<'_>, area: Rect) {
    pen.clear(area);
    pen.rule(Rect { height: 1, ..area });
    pen.rule(Rect { y: area.bottom().saturating_sub(1), height: 1, ..area });
    let named = answers.groups.iter().filter(|group| !group.answer.is_empty()).count();
    let looked = if answers.looked < answers.solutions { format!("the first {} of ", answers.looked) } else { String::new() };
    let scored = answers.groups.iter().any(|group| group.best.is_some());
    let several = if named == 1 { "answer" } else { "answers" };
    let title = format!("{named} {several} of {looked}{} solutions", answers.solutions);
    heading(app, &VIEW, &title, pen, area);
    let rect = Rect { x: area.x + 2, width: area.width.saturating_sub(4), ..area };
    let dim = pen.look.dim();
    let heading = ["answer", "    n", "", "", "mean", "best", "worst", "yours"].map(|text| (text.to_owned(), dim));
    row(pen, Rect { y: area.y + 1, ..rect }, &heading, scored);
    let Window { y: first, top, rows } = answers.window(area.height);
    let most = answers.groups.iter().map(|group| group.solutions.len()).max().unwrap_or(1).max(1);
    for (index, group) in answers.groups.iter().enumerate().skip(top).take(rows) {
        let y = area.y + first + u16::try_from(index - top).unwrap_or(0);
        row(pen, Rect { y, ..rect }, &cells(app, pen, group, most), scored);
        if index == answers.chosen {
            pen.restyle(Rect { y, height: 1, ..area }, pen.look.selected());
            pen.text(area.x, y, 1, pen.look.glyphs.pointer, pen.look.strong());
        }
    }
}

/// Right, wrong, or how many of those that are known are right.
fn verdict(group: &Group) -> (String, Label) {
    match (group.right, group.wrong) {
        (0, 0) => (String::new(), Label::Unseen),
        (_, 0) => ("RIGHT".to_owned(), Label::Good),
        (0, _) => ("WRONG".to_owned(), Label::Bad),
        (right, wrong) => (format!("{right}/{} ok", right + wrong), Label::Neutral),
    }
}

/// A text and its style for each column.
type Cells = [(String, Style); 8];

fn cells(app: &App, pen: &Pen<'_>, group: &Group, most: usize) -> Cells {
    let plain = pen.look.plain();
    let scored =
        |scored: Option<(usize, f64)>| scored.map_or(String::new(), |(at, score)| format!("{} {}", at + 1, short(score)));
    let own = match group.own {
        (0, 0) => String::new(),
        (right, wrong) => format!("+{right} x{wrong}"),
    };
    let answer = if group.answer.is_empty() { "(none)".to_owned() } else { group.answer.clone() };
    let share = group.solutions.len() as f64 / most as f64;
    let (verdict, label) = verdict(group);
    let mean = group.mean.map_or((String::new(), plain), |mean| (short(mean), pen.look.score(app.scoring.place(mean))));
    [
        (answer, plain),
        (format!("{:>5}", group.solutions.len()), plain),
        (score_bar(share, usize::from(COLUMNS[2]) - 1, &pen.look.glyphs), plain),
        (verdict, pen.look.label(label, true).1),
        mean,
        (scored(group.best), plain),
        (scored(group.worst), plain),
        (own, plain),
    ]
}

/// Draws one row; without scores, those of them have no columns.
fn row(pen: &mut Pen<'_>, rect: Rect, cells: &Cells, scored: bool) {
    let mut x = rect.x;
    for (at, ((text, style), width)) in cells.iter().zip(COLUMNS).enumerate() {
        if scored || !(4..7).contains(&at) {
            pen.text(x, rect.y, (width - 1).min(rect.right().saturating_sub(x)), text, *style);
            x = (x + width).min(rect.right());
        }
    }
}
