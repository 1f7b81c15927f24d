//! Words, formulas and tables in lines.

use std::ops::Range;

use super::fences::verbatim_ranges;
use super::markdown::{self, Markup, Table};
use super::{Ink, Page, Piece, Setting};
use crate::math::{Drawing, Form, Formula, Reason, Strip, draw, find};
use crate::text::{Safe, WrapOptions, safe, wrap_each};

/// Cells that a formula on lines of its own is indented by.
const INDENT: usize = 2;

/// Sets a text with its formulas and its Markdown drawn.
pub(super) fn page(source: Safe, setting: Setting) -> Page {
    let code = verbatim_ranges(&source);
    let formulas = find(&source, &code);
    let mut opaque: Vec<Range<usize>> = code.into_iter().chain(formulas.iter().map(|formula| formula.range.clone())).collect();
    opaque.sort_by_key(|range| range.start);
    let markup = markdown::read(&source, &opaque);
    if formulas.is_empty() && markup.is_empty() {
        return Page::verbatim(source, setting);
    }
    let mut flow = Flow::new(&source, &markup, setting, source.len());
    let mut at = 0;
    for table in &markup.tables {
        flow.run(at..table.range.start, &formulas);
        flow.table(table, &formulas);
        at = table.range.end;
    }
    flow.run(at..source.len(), &formulas);
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
    markup: &'a Markup,
    setting: Setting,
    /// The line under construction.
    line: Vec<Item>,
    out: String,
    /// Lines of `out` whose later rows are indented, and by how much.
    hangs: Vec<(usize, usize)>,
    /// Lines of `out` that are finished.
    lines: usize,
    /// End in the source of the last displayed formula.
    displayed: usize,
    inks: Vec<(Range<usize>, Ink)>,
    pieces: Vec<Piece>,
    left_out: Vec<Reason>,
}

impl<'a> Flow<'a> {
    /// `len`: bytes that it will set, about.
    fn new(source: &'a Safe, markup: &'a Markup, setting: Setting, len: usize) -> Self {
        Self {
            source,
            markup,
            setting,
            line: Vec::new(),
            out: String::with_capacity(len),
            hangs: Vec::new(),
            lines: 0,
            displayed: 0,
            inks: Vec::new(),
            pieces: Vec::new(),
            left_out: Vec::new(),
        }
    }

    /// Adds a part of the source with the formulas in it.
    fn run(&mut self, range: Range<usize>, formulas: &[Formula]) {
        let from = formulas.partition_point(|formula| formula.range.start < range.start);
        let mut at = range.start;
        for formula in formulas.iter().skip(from).take_while(|formula| formula.range.end <= range.end) {
            self.words(at..formula.range.start);
            at = formula.range.end;
            let marks = self.source.marks();
            let mark = marks.get(marks.partition_point(|mark| mark.end <= formula.range.start));
            let hidden = mark.is_some_and(|mark| mark.start < formula.range.end);
            let latex = self.source.get(formula.source.clone()).unwrap_or_default();
            match if hidden { Err(Reason::Unfaithful) } else { self.draw(latex) } {
                Ok(drawing) => self.formula(drawing, formula.range.clone(), formula.display),
                Err(reason) => self.left_out(formula.range.clone(), reason),
            }
        }
        self.words(at..range.end);
    }

    /// Adds a table with its columns aligned; as it stands when it is wider than the page.
    fn table(&mut self, table: &Table, formulas: &[Formula]) {
        let columns = table.rows.iter().map(Vec::len).max().unwrap_or(0);
        let rules = 3 * columns.saturating_sub(1);
        if rules > self.setting.wrap.width {
            self.run(table.range.clone(), formulas);
            return;
        }
        let flat = Setting { tall: false, ..self.setting };
        let cell = |range: &Range<usize>| {
            let mut cell = Flow::new(self.source, self.markup, flat, range.len());
            cell.run(range.clone(), formulas);
            cell.end_line();
            cell
        };
        let rows: Vec<Vec<Flow<'_>>> = table.rows.iter().map(|row| row.iter().map(cell).collect()).collect();
        let ambiguous = self.setting.wrap.ambiguous;
        let cells = |cell: &Flow<'_>| ambiguous.text(cell.out.trim_end());
        let mut widths = vec![0; columns];
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cells(cell).max(*width);
            }
        }
        if widths.iter().sum::<usize>() + rules > self.setting.wrap.width || rows.iter().flatten().any(|cell| cell.lines > 1) {
            self.run(table.range.clone(), formulas);
            return;
        }
        for (number, row) in rows.into_iter().enumerate() {
            for (column, (cell, width)) in row.into_iter().zip(&widths).enumerate() {
                if column > 0 {
                    self.out.push_str(" │ ");
                }
                let room = width - cells(&cell);
                self.append(cell);
                self.blanks(room);
            }
            if number == 0 {
                self.finish_line();
                let rules: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
                self.out.push_str(&rules.join("─┼─"));
            }
            if number + 1 < table.rows.len() {
                self.finish_line();
            }
        }
    }

    /// Takes over what another flow has set on one line.
    fn append(&mut self, other: Flow<'_>) {
        let at = self.out.len();
        let text = other.out.trim_end();
        let moved = |range: &Range<usize>| range.start.min(text.len()) + at..range.end.min(text.len()) + at;
        self.out.push_str(text);
        self.inks.extend(other.inks.iter().map(|(range, ink)| (moved(range), *ink)));
        self.pieces.extend(other.pieces.iter().map(|piece| Piece { drawn: moved(&piece.drawn), ..piece.clone() }));
        self.left_out.extend(other.left_out);
    }

    fn finish_line(&mut self) {
        while self.out.ends_with(' ') {
            self.out.pop();
        }
        self.out.push('\n');
        self.lines += 1;
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
            let mut words = line.strip_suffix('\n').map_or(at..end, |line| at..at + line.len());
            if self.line.is_empty() && at > 0 && at == self.displayed {
                // What parted a displayed formula from the words behind it is the end of its line now.
                words.start += words.len() - line[..words.len()].trim_start_matches(' ').len();
            }
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
        // Lines of a derivation stand alone; so does what is displayed and tall, and what words are glued to.
        let glued = |c: Option<char>| display && c.is_some_and(char::is_alphanumeric);
        let before = self.source.get(..range.start).and_then(|text| text.chars().next_back());
        let behind = self.source.get(range.end..).and_then(|text| text.chars().next());
        // Two displayed formulas side by side would be read as one.
        let follows = display && self.displayed > 0 && self.between(self.displayed..range.start).trim().is_empty();
        self.displayed = if display { range.end } else { self.displayed };
        if !display || (drawing.height() == 1 && !glued(before) && !glued(behind)) {
            if follows {
                self.break_line();
            }
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

    fn between(&self, range: Range<usize>) -> &str {
        self.source.get(range).unwrap_or_default()
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
            if let Some(Item::Words(range, _)) = items.first() {
                let hangs = &self.markup.hangs;
                let found = hangs.binary_search_by_key(&range.start, |(start, _)| *start).ok().and_then(|at| hangs.get(at));
                self.hangs.extend(found.map(|(_, cells)| (self.lines, *cells)));
            }
            for item in &items {
                self.place_flat(item);
            }
            self.out.push('\n');
            self.lines += 1;
        }
    }

    fn place_flat(&mut self, item: &Item) {
        match item {
            Item::Words(range, ink) => self.place_words(range.clone(), *ink),
            Item::Formula(drawing, range) => {
                if let Some(strip) = drawing.rows.first() {
                    self.place_strip(strip, range, drawing.height() == 1);
                }
            }
        }
    }

    fn place_words(&mut self, range: Range<usize>, ink: Option<Ink>) {
        let mut at = range.start;
        let edits = &self.markup.edits;
        let from = edits.partition_point(|(edit, _)| edit.end <= range.start);
        for (edit, drawn) in edits.iter().skip(from).take_while(|(edit, _)| edit.start < range.end) {
            self.place_piece(at..edit.start.max(at), ink);
            if edit.start >= range.start && !drawn.is_empty() {
                let start = self.out.len();
                self.out.push_str(drawn);
                self.pieces.push(Piece { drawn: start..self.out.len(), source: edit.clone(), verbatim: false });
            }
            at = edit.end.min(range.end);
        }
        self.place_piece(at..range.end, ink);
    }

    /// Cells that a part of the source takes.
    fn words_width(&self, range: &Range<usize>) -> usize {
        let ambiguous = self.setting.wrap.ambiguous;
        let edits = &self.markup.edits;
        let from = edits.partition_point(|(edit, _)| edit.end <= range.start);
        let width = |range: Range<usize>| self.source.get(range).map_or(0, |text| ambiguous.text(text));
        let mut cells = width(range.clone());
        for (edit, drawn) in edits.iter().skip(from).take_while(|(edit, _)| edit.start < range.end) {
            cells -= width(edit.start.max(range.start)..edit.end.min(range.end));
            cells += if edit.start >= range.start { ambiguous.text(drawn) } else { 0 };
        }
        cells
    }

    /// Places bytes of the source as they are.
    fn place_piece(&mut self, range: Range<usize>, ink: Option<Ink>) {
        if range.is_empty() {
            return;
        }
        let start = self.out.len();
        self.out.push_str(self.source.get(range.clone()).unwrap_or_default());
        let drawn = start..self.out.len();
        if let Some(ink) = ink {
            self.inks.push((drawn.clone(), ink));
        } else {
            let inks = &self.markup.inks;
            let from = inks.partition_point(|(inked, _)| inked.end <= range.start);
            let inside = inks.iter().skip(from).take_while(|(inked, _)| inked.start < range.end);
            self.inks.extend(inside.map(|(inked, ink)| {
                let at = |byte: usize| byte.clamp(range.start, range.end) - range.start + start;
                (at(inked.start)..at(inked.end), *ink)
            }));
        }
        self.pieces.push(Piece { drawn, source: range, verbatim: true });
    }

    /// Places a row of a drawing; `flat`: it has no other.
    fn place_strip(&mut self, strip: &Strip, source: &Range<usize>, flat: bool) {
        let start = self.out.len();
        let text = strip.text.trim_end_matches(' ');
        self.out.push_str(text);
        let moved = |range: &Range<usize>, ink| (range.start + start..(range.end + start).min(start + text.len()), ink);
        // On one line brackets that the source has not got stand back; bars and roots of tall formulas do not.
        let added: &[Range<usize>] = if flat || !self.setting.tall { &strip.added } else { &[] };
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
        let mut place = |part: Part<'i>, wide: usize, own: usize| {
            let limit = if matches!(part, Part::Words(..)) { width } else { width.saturating_sub(2) };
            let indent = if used == 0 && matches!(part, Part::Formula(drawing, _) if drawing.height() > 1) { INDENT } else { 0 };
            if used > 0 && used + own > limit {
                rows.push(Vec::new());
                used = 0;
            }
            if let Some(row) = rows.last_mut() {
                row.push((used + indent, part));
            }
            used += indent + wide;
        };
        for item in items {
            match item {
                Item::Formula(drawing, range) => place(Part::Formula(drawing, range), drawing.width(), drawing.width()),
                Item::Words(range, ink) => {
                    let mut at = range.start;
                    for word in self.source.get(range.clone()).unwrap_or_default().split_inclusive(' ') {
                        let end = at + word.len();
                        let wide = self.words_width(&(at..end));
                        // The space behind a word may stand beyond the edge.
                        let own = wide.saturating_sub(usize::from(word.ends_with(' ')));
                        place(Part::Words(at..end, *ink), wide, own);
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
                        used = column + self.words_width(range);
                    }
                    Part::Formula(drawing, range) => {
                        let row = (y + drawing.base).checked_sub(above).and_then(|y| drawing.rows.get(y));
                        if let Some(strip) = row.filter(|strip| !strip.text.trim().is_empty()) {
                            self.blanks(gap);
                            self.place_strip(strip, range, drawing.height() == 1);
                            let trimmed = strip.text.len() - strip.text.trim_end_matches(' ').len();
                            used = column + strip.width - trimmed;
                        }
                    }
                    Part::Words(..) => {}
                }
            }
            self.out.push('\n');
            self.lines += 1;
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
        // Signs that joined their neighbours in an unforeseen way, or nothing but markup: the source is always right.
        if text.as_str() != self.out || self.pieces.is_empty() {
            return Page::verbatim(self.source.clone(), self.setting);
        }
        let hanging = |line: usize| {
            let found = self.hangs.binary_search_by_key(&line, |(line, _)| *line).ok().and_then(|at| self.hangs.get(at));
            WrapOptions { hanging: found.map_or(0, |(_, cells)| *cells), ..self.setting.wrap }
        };
        let wrapped = wrap_each(&text, hanging);
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
