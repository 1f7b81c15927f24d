//! The one hand that draws: every text goes through the gate, is measured in cells, and cut to its place.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use super::look::Look;
use super::picture::Drawn;
use super::styled::put;
use crate::app::layout::Panes;
use crate::text::{Ambiguous, Safe, safe_line};

/// Draws into a buffer.
pub(super) struct Pen<'a> {
    buffer: &'a mut Buffer,
    /// Colours and glyphs.
    pub(super) look: &'a Look,
}

impl<'a> Pen<'a> {
    /// A pen on an empty sheet.
    pub(super) fn new(buffer: &'a mut Buffer, look: &'a Look) -> Self {
        buffer.reset();
        Self { buffer, look }
    }

    /// Width of ambiguous characters.
    pub(super) fn ambiguous(&self) -> Ambiguous {
        self.look.ambiguous
    }

    /// Draws one line of any text, cut to `cells`, and returns the column behind it.
    pub(super) fn text(&mut self, x: u16, y: u16, cells: u16, text: &str, style: Style) -> u16 {
        self.safe(x, y, cells, &safe_line(text), style)
    }

    /// Draws one line of safe text, cut to `cells` with an ellipsis, and returns the column behind it.
    pub(super) fn safe(&mut self, x: u16, y: u16, cells: u16, text: &Safe, style: Style) -> u16 {
        let (cut, _) = self.ambiguous().clip(text, usize::from(cells), self.look.glyphs.ellipsis);
        self.line(x, y, cells, &Line::styled(cut, style))
    }

    /// Draws a line of spans that are safe already.
    pub(super) fn line(&mut self, x: u16, y: u16, cells: u16, line: &Line<'_>) -> u16 {
        let ambiguous = self.ambiguous();
        put(self.buffer, x, y, line, cells, ambiguous)
    }

    /// Draws a text so that it ends at the right edge of `rect`'s row `y`; gives the column where it begins.
    pub(super) fn right(&mut self, rect: Rect, y: u16, text: &str, style: Style) -> u16 {
        let text = safe_line(text);
        let cells = u16::try_from(self.ambiguous().text(&text)).unwrap_or(rect.width).min(rect.width);
        let x = rect.right() - cells;
        self.safe(x, y, cells, &text, style);
        x
    }

    /// Draws a picture; says why not where the terminal cannot show it.
    pub(super) fn picture(&mut self, rect: Rect, picture: &Drawn) -> Result<(), &'static str> {
        picture.draw(self.buffer, rect, self.look)
    }

    /// Draws a horizontal rule through the first row of `rect`.
    pub(super) fn rule(&mut self, rect: Rect) {
        let rule = self.look.glyphs.rule.repeat(usize::from(rect.width));
        self.line(rect.x, rect.y, rect.width, &Line::styled(rule, self.look.dim()));
    }

    /// Patches the style of the first row of `rect`.
    pub(super) fn restyle(&mut self, rect: Rect, style: Style) {
        self.buffer.set_style(Rect { height: 1, ..rect }.intersection(self.buffer.area), style);
    }

    /// Clears a rectangle.
    pub(super) fn clear(&mut self, rect: Rect) {
        let blank = " ".repeat(usize::from(rect.width));
        for y in rect.top()..rect.bottom() {
            self.line(rect.x, y, rect.width, &Line::raw(blank.as_str()));
            self.buffer.set_style(Rect { y, height: 1, ..rect }.intersection(self.buffer.area), Style::reset());
        }
    }

    /// Draws the lines between panes.
    pub(super) fn borders(&mut self, panes: &Panes) {
        let bottom = panes.why.y;
        self.rule(Rect { x: panes.why.x, y: bottom, width: panes.why.width, height: 1 });
        for pane in [panes.list, panes.tree].into_iter().flatten() {
            let right = pane.right();
            if right < panes.why.right() {
                self.vertical(right, pane.y, pane.bottom());
            } else {
                self.rule(Rect { y: pane.bottom().min(bottom), height: 1, ..pane });
            }
        }
        if let Some(detail) = panes.detail {
            if detail.y == panes.problem.y {
                self.vertical(detail.x.saturating_sub(1), detail.y, detail.bottom());
            } else {
                self.rule(Rect { y: detail.y - 1, height: 1, ..detail });
            }
        }
    }

    fn vertical(&mut self, x: u16, top: u16, bottom: u16) {
        let (border, dim) = (self.look.glyphs.border, self.look.dim());
        for y in top..bottom {
            self.line(x, y, 1, &Line::styled(border, dim));
        }
    }
}
