//! The screen: from `&App` to cells. Draws and measures, changes nothing.
//!
//! Text of files, models and people passes [`crate::text::safe`] before it is drawn; the pen sees to it.

pub mod code;
pub mod linear;
pub mod look;
mod panes;
mod pen;
pub mod picture;
pub mod styled;
pub mod theme;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::layout::{self, MINIMUM};
use crate::app::mapping::Dialog;
use crate::app::{App, choice};
use pen::Pen;

/// Draws the whole screen.
pub fn view(app: &App, frame: &mut Frame<'_>) {
    let area = frame.area();
    draw(app, frame.buffer_mut(), area);
    if let Some(position) = panes::bottom::caret(app, area) {
        frame.set_cursor_position(position);
    }
}

/// Draws the dialog about the keys of an unknown file.
pub fn view_mapping(dialog: &Dialog, frame: &mut Frame<'_>) {
    let area = frame.area();
    let mut pen = Pen::new(frame.buffer_mut(), &dialog.look);
    panes::mapping::draw(dialog, &mut pen, area);
}

/// Draws the whole screen into a buffer.
pub fn draw(app: &App, buffer: &mut Buffer, area: Rect) {
    let mut pen = Pen::new(buffer, &app.look);
    let Some(panes) = layout::panes(app) else {
        let (width, height) = MINIMUM;
        let text = format!("needs {width}x{height}, has {}x{}: make the screen larger", area.width, area.height);
        pen.text(area.x, area.y, area.width, &text, pen.look.strong());
        return;
    };
    panes::title::draw(app, &mut pen, panes.title);
    if let Some(rect) = panes.list {
        panes::list::draw(app, &mut pen, rect);
    }
    if let Some(rect) = panes.tree {
        panes::tree::draw(app, &mut pen, rect);
    }
    panes::problem::draw(app, &mut pen, panes.problem);
    if let Some(rect) = panes.steps {
        let rule = layout::strip(&panes);
        pen.rule(rule);
        panes::strip::facts(app, &mut pen, rule);
        match (&app.rewrite, &app.segmenting) {
            (Some(rewrite), _) => panes::rewrite::draw(app, rewrite, &mut pen, rect),
            (None, Some(open)) => panes::segmenting::draw(open, &mut pen, rect),
            (None, None) => {
                panes::strip::draw(app, &mut pen, rule);
                panes::steps::draw(app, &mut pen, rect);
            }
        }
    }
    if let Some(rect) = panes.detail {
        panes::detail::draw(app, &mut pen, rect);
    }
    pen.borders(&panes);
    if let Some(rect) = panes.steps.filter(|_| app.rewrite.is_none() && app.segmenting.is_none()) {
        panes::steps::below(app, &mut pen, rect);
    }
    panes::bottom::draw(app, &mut pen, &panes);
    // Letters stand at the steps themselves.
    if let Some(open) = app.choice.as_ref().filter(|open| open.question != choice::Question::FirstErrorAt) {
        panes::choice::draw(open, &mut pen, &panes);
    }
    if let Some(split) = &app.split {
        panes::split::draw(split, &mut pen, &panes);
    }
    covering(app, &mut pen, area);
}

/// Draws the view that stands over the panes, if any.
fn covering(app: &App, pen: &mut Pen<'_>, area: Rect) {
    if let Some(sheet) = &app.sheet {
        panes::sheet::draw(app, sheet, pen, area);
    }
    if let Some(picker) = &app.picker {
        panes::picker::draw(app, picker, pen, area);
    }
    if let Some(answers) = &app.answers {
        panes::answers::draw(app, answers, pen, area);
    }
    if let Some(clusters) = app.alike.clusters.as_ref().filter(|clusters| clusters.open) {
        panes::clusters::draw(app, clusters, pen, area);
    }
    if let Some(pair) = &app.pair {
        panes::pair::draw(app, pair, pen, area);
    }
    if let Some(sheet) = &app.help {
        panes::help::draw(app, sheet, pen, area);
    }
    if app.is_covered() {
        panes::bottom::below_all(app, pen, area);
    }
}
