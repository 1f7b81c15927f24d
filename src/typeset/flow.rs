//! Words and formulas in lines.

use std::ops::Range;

use super::fences::verbatim_ranges;
use super::{Ink, Page, Piece, Setting};
use crate::math::{Drawing, Form, Reason, Strip, draw, find};
use crate::text::{Safe, safe, wrap};

/// Cells that a formula on lines of its own is indented by.
const INDENT: usize = 2;

/// Sets a text with its formulas drawn.
pub(super) fn page(source: Safe, setting: Setting) -> Page {
    let formulas = find(&source, &verbatim_ranges(&source));
    if formulas.is_empty() {
        return Page::verbatim(source, setting);
    }
    let mut flow = Flow::new(&source, setting);
    let mut at = 0;
    for formula in formulas {
        flow.words(at..formula.range.start);
        at = formula.range.end;
        let hidden = flow.source.marks().iter().any(|mark| mark.start < formula.range.end && formula.range.start < mark.end);
        let latex = source.get(formula.source).unwrap_or_default();
        let drawn = if hidden { Err(Reason::Unfaithful) } else { flow.draw(latex) };
        match drawn {
            Ok(drawing) => flow.formula(drawing, formula.range, formula.display),
            Err(reason) => flow.left_out(formula.range, reason),
        }
    }
    flow.words(at..source.len());
    flow.finish()
}

/// Something in a line that has not been placed yet.
enum Item {
    /// A verbatim part of the source without line ends.
    Words(Range<usize>, Option<Ink>),
    /// A formula.
    Formula(Drawing, Range<usize>),
}

/// Builds the drawn text line by line.
struct Flow<'a> {
    source: &'a Safe,
    setting: Setting,
    /// The line under construction.
    line: Vec<Item>,
    out: String,
    inks: Vec<(Range<usize>, Ink)>,
    pieces: Vec<Piece>,
    left_out: Vec<Reason>,
}

impl<'a> Flow<'a> {
    fn new(source: &'a Safe, setting: Setting) -> Self {
        let out = String::with_capacity(source.len());
        Self { source, setting, line: Vec::new(), out, inks: Vec::new(), pieces: Vec::new(), left_out: Vec::new() }
    }

    /// A formula in the form asked for; on one line when it is too wide for that.
    fn draw(&self, latex: &str) -> Result<Drawing, Reason> {
        let drawing = draw(latex, self.setting.form());
        match drawing {
            Ok(drawing) if drawing.height() == 1 || drawing.width() + INDENT <= self.setting.wrap.width => Ok(drawing),
            Ok(_) | Err(Reason::TooLarge) if self.setting.tall => draw(latex, Form::Line),
            other => other,
        }
    }

    /// Adds a part of the source as it stands.
    fn words(&mut self, range: Range<usize>) {
        let text = self.source.get(range.clone()).unwrap_or_default();
        let mut at = range.start;
        for line in text.split_inclusive('\n') {
            let end = at + line.len();
            let words = line.strip_suffix('\n').map_or(at..end, |line| at..at + line.len());
            if !words.is_empty() {
                self.line.push(Item::Words(words, None));
            }
            if line.ends_with('\n') {
                self.end_line();
            }
            at = end;
        }
    }

    /// Adds a formula that could not be drawn, as its source.
    fn left_out(&mut self, range: Range<usize>, reason: Reason) {
        self.left_out.push(reason);
        let text = self.source.get(range.clone()).unwrap_or_default();
        let mut at = range.start;
        for line in text.split_inclusive('\n') {
            let end = at + line.len();
            self.line.push(Item::Words(at..at + line.trim_end_matches('\n').len(), Some(Ink::Source)));
            if line.ends_with('\n') {
                self.end_line();
            }
            at = end;
        }
    }

    fn formula(&mut self, drawing: Drawing, range: Range<usize>, display: bool) {
        // Lines of a derivation stand alone; so does what is displayed and tall.
        if drawing.height() == 1 || !display {
            self.line.push(Item::Formula(drawing, range));
            return;
        }
        self.break_line();
        self.line.push(Item::Formula(drawing, range.clone()));
        let rest = self.source.get(range.end..).unwrap_or_default().trim_start_matches(' ');
        if !rest.is_empty() && !rest.starts_with('\n') {
            self.break_line();
        }
    }

    /// Begins a new line unless the current one is empty.
    fn break_line(&mut self) {
        let blank = |item: &Item| match item {
            Item::Words(range, _) => self.source.get(range.clone()).is_none_or(|words| words.trim().is_empty()),
            Item::Formula(..) => false,
        };
        if self.line.iter().all(blank) {
            self.line.clear();
        } else {
            self.end_line();
        }
    }

    /// Places the items of the line.
    fn end_line(&mut self) {
        let items = std::mem::take(&mut self.line);
        let tall = items.iter().any(|item| matches!(item, Item::Formula(drawing, _) if drawing.height() > 1));
        if tall {
            for row in self.rows(&items) {
                self.place_row(&row);
            }
        } else {
            for item in &items {
                self.place_flat(item);
            }
            self.out.push('\n');
        }
    }

    fn place_flat(&mut self, item: &Item) {
        match item {
            Item::Words(range, ink) => self.place_words(range.clone(), *ink),
            Item::Formula(drawing, range) => {
                if let Some(strip) = drawing.rows.first() {
                    self.place_strip(strip, range);
                }
            }
        }
    }

    fn place_words(&mut self, range: Range<usize>, ink: Option<Ink>) {
        let start = self.out.len();
        self.out.push_str(self.source.get(range.clone()).unwrap_or_default());
        let drawn = start..self.out.len();
        self.inks.extend(ink.map(|ink| (drawn.clone(), ink)));
        self.pieces.push(Piece { drawn, source: range, verbatim: true });
    }

    fn place_strip(&mut self, strip: &Strip, source: &Range<usize>) {
        let start = self.out.len();
        let text = strip.text.trim_end_matches(' ');
        self.out.push_str(text);
        let moved = |range: &Range<usize>, ink| (range.start + start..(range.end + start).min(start + text.len()), ink);
        // On one line brackets that the source has not got stand back; bars and roots of tall formulas do not.
        let added: &[Range<usize>] = if self.setting.tall { &[] } else { &strip.added };
        let mut inks: Vec<(Range<usize>, Ink)> = strip.bold.iter().map(|range| moved(range, Ink::Strong)).collect();
        inks.extend(added.iter().map(|range| moved(range, Ink::Added)));
        inks.retain(|(range, _)| !range.is_empty());
        inks.sort_by_key(|(range, _)| range.start);
        let mut end = start;
        inks.retain(|(range, _)| {
            let free = range.start >= end;
            end = end.max(range.end);
            free
        });
        self.inks.extend(inks);
        let drawn = start..self.out.len();
        self.pieces.push(Piece { drawn, source: source.clone(), verbatim: false });
    }

    /// The items of a line with tall formulas, broken into rows that fit; a row is items with their columns.
    fn rows<'i>(&self, items: &'i [Item]) -> Vec<Vec<(usize, Part<'i>)>> {
        let mut rows = vec![Vec::new()];
        let mut used = 0;
        // Punctuation keeps the last cells for itself, so that it stays with what it follows.
        let width = self.setting.wrap.width;
        let mut place = |part: Part<'i>, wide: usize, punctuation: bool| {
            let limit = if punctuation { width } else { width.saturating_sub(2) };
            let indent = if used == 0 && matches!(part, Part::Formula(drawing, _) if drawing.height() > 1) { INDENT } else { 0 };
            if used > 0 && used + wide > limit {
                rows.push(Vec::new());
                used = 0;
            }
            if let Some(row) = rows.last_mut() {
                row.push((used + indent, part));
            }
            used += indent + wide;
        };
        let ambiguous = self.setting.wrap.ambiguous;
        for item in items {
            match item {
                Item::Formula(drawing, range) => place(Part::Formula(drawing, range), drawing.width(), false),
                Item::Words(range, ink) => {
                    let mut at = range.start;
                    for word in self.source.get(range.clone()).unwrap_or_default().split_inclusive(' ') {
                        let end = at + word.len();
                        let wide = ambiguous.text(word);
                        let punctuation = wide < 3 && word.starts_with(['.', ',', ';', ':', ')', ' ', '?', '!']);
                        place(Part::Words(at..end, *ink), wide, punctuation);
                        at = end;
                    }
                }
            }
        }
        rows
    }

    fn place_row(&mut self, parts: &[(usize, Part<'_>)]) {
        let above = parts.iter().map(|(_, part)| part.extent().0).max().unwrap_or(0);
        let below = parts.iter().map(|(_, part)| part.extent().1).max().unwrap_or(1);
        for y in 0..above + below {
            let mut used = 0;
            for (column, part) in parts {
                let gap = column.saturating_sub(used);
                match part {
                    Part::Words(range, ink) if y == above => {
                        self.blanks(gap);
                        self.place_words(range.clone(), *ink);
                        used = column + self.setting.wrap.ambiguous.text(self.source.get(range.clone()).unwrap_or_default());
                    }
                    Part::Formula(drawing, range) => {
                        let row = (y + drawing.base).checked_sub(above).and_then(|y| drawing.rows.get(y));
                        if let Some(strip) = row.filter(|strip| !strip.text.trim().is_empty()) {
                            self.blanks(gap);
                            self.place_strip(strip, range);
                            let trimmed = strip.text.len() - strip.text.trim_end_matches(' ').len();
                            used = column + strip.width - trimmed;
                        }
                    }
                    Part::Words(..) => {}
                }
            }
            self.out.push('\n');
        }
    }

    fn blanks(&mut self, cells: usize) {
        self.out.extend(std::iter::repeat_n(' ', cells));
    }

    fn finish(mut self) -> Page {
        let ended = self.source.ends_with('\n');
        self.end_line();
        // The last line has no line end of its own.
        if self.out.ends_with('\n') && !ended {
            self.out.pop();
        }
        let text = safe(&self.out);
        // Signs that joined their neighbours in an unforeseen way: the source is always right.
        if text.as_str() != self.out {
            return Page::verbatim(self.source.clone(), self.setting);
        }
        let wrapped = wrap(&text, self.setting.wrap);
        Page { source: self.source.clone(), text, wrapped, inks: self.inks, pieces: self.pieces, left_out: self.left_out }
    }
}

/// A part of a row.
enum Part<'a> {
    Words(Range<usize>, Option<Ink>),
    Formula(&'a Drawing, &'a Range<usize>),
}

impl Part<'_> {
    /// Rows above the base line, and from it on.
    fn extent(&self) -> (usize, usize) {
        match self {
            Part::Words(..) => (0, 1),
            Part::Formula(drawing, _) => (drawing.base, drawing.height() - drawing.base),
        }
    }
}
