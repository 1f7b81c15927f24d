//! The Markdown that solutions use, read with care: a sign is taken for markup only where it can hardly be mathematics. `2*3*4` and
//! `a_1` stay as they are. Rules of `CommonMark` 0.31 and of GitHub's tables, each line by itself.

use std::ops::Range;

use super::Ink;
use super::fences::{code_spans, fences};

/// What the markup of a text says, in bytes of the text.
#[derive(Debug, Default)]
pub(super) struct Markup {
    /// What is drawn in the place of markup; ascending, disjoint.
    pub(super) edits: Vec<(Range<usize>, &'static str)>,
    /// Kinds of text; ascending, disjoint.
    pub(super) inks: Vec<(Range<usize>, Ink)>,
    /// Starts of lines whose later rows are indented, and by how much.
    pub(super) hangs: Vec<(usize, usize)>,
    /// Tables, in order.
    pub(super) tables: Vec<Table>,
}

/// A table: the cells of its rows, without the delimiter row.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Table {
    /// All its lines, without the last line end.
    pub(super) range: Range<usize>,
    /// Cells, trimmed; the first row is the heading.
    pub(super) rows: Vec<Vec<Range<usize>>>,
}

impl Markup {
    /// True when there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.edits.is_empty() && self.inks.is_empty() && self.tables.is_empty()
    }
}

/// Reads the markup of a text; nothing is markup inside of `opaque` ranges (formulas, code; ascending, disjoint).
pub(super) fn read(text: &str, opaque: &[Range<usize>]) -> Markup {
    let mut reader = Reader { text, opaque, markup: Markup::default() };
    for fence in fences(text) {
        let block = fence.block.clone();
        reader.markup.inks.extend([block.start..fence.code.start, fence.code.end..block.end].map(|range| (range, Ink::Syntax)));
    }
    reader.lines();
    let Markup { mut edits, mut inks, hangs, tables } = reader.markup;
    inks.retain(|(range, _)| !range.is_empty());
    disjoint(&mut inks);
    disjoint(&mut edits);
    Markup { edits, inks, hangs, tables }
}

/// Sorts, and drops what lies inside of something earlier.
fn disjoint<T>(runs: &mut Vec<(Range<usize>, T)>) {
    runs.sort_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
    let mut end = 0;
    runs.retain(|(range, _)| {
        let free = range.start >= end;
        end = end.max(range.end);
        free
    });
}

/// Signs at the beginning of a line that are no markup there.
#[derive(Debug, Clone, Copy, Default)]
struct Kept {
    /// `-` and `*`.
    bullet: bool,
    /// One `#`.
    lone_hash: bool,
    /// Several.
    hashes: bool,
}

struct Reader<'a> {
    text: &'a str,
    opaque: &'a [Range<usize>],
    markup: Markup,
}

impl Reader<'_> {
    fn lines(&mut self) {
        let mut lines: Vec<Range<usize>> = Vec::new();
        let mut at = 0;
        for line in self.text.split_inclusive('\n') {
            lines.push(at..at + line.trim_end_matches('\n').len());
            at += line.len();
        }
        let diff = self.diff(&lines);
        let kept = self.kept(&lines);
        let mut number = 0;
        while let Some(line) = lines.get(number).cloned().filter(|line| line.start < diff) {
            number += 1;
            if self.covered(line.start) && line.start < line.end {
                continue;
            }
            if let Some(rows) = self.table(lines.get(number - 1..).unwrap_or_default()) {
                number += rows - 1;
                continue;
            }
            self.block(&line, kept.get(number - 1).copied().unwrap_or_default());
            self.spans(&line);
        }
    }

    /// True inside of code or a formula that began earlier.
    fn covered(&self, byte: usize) -> bool {
        let at = self.opaque.partition_point(|range| range.end <= byte);
        self.opaque.get(at).is_some_and(|range| range.start <= byte)
    }

    /// The byte from which on a text is a diff: there `-` and `+` say what was removed and added. The end where it is none.
    fn diff(&self, lines: &[Range<usize>]) -> usize {
        let begins = |at: usize, start: &str| {
            lines.get(at).and_then(|line| self.text.get(line.clone())).is_some_and(|text| text.starts_with(start))
        };
        let diff =
            |at: &usize| begins(*at, "diff --git ") || begins(*at, "@@ -") || (begins(*at, "--- ") && begins(at + 1, "+++ "));
        (0..lines.len()).find(diff).map_or(self.text.len() + 1, |at| lines[at].start)
    }

    /// Which signs at the beginning of each line are those of its text: program code has comments, and where one line of a paragraph begins
    /// with a plus the others begin with a minus.
    fn kept(&self, lines: &[Range<usize>]) -> Vec<Kept> {
        let text = |line: &Range<usize>| self.text.get(line.clone()).filter(|_| !self.covered(line.start)).unwrap_or_default();
        let code = lines.iter().any(|line| is_code(text(line)));
        let assigns = code || lines.iter().any(|line| is_assignment(text(line)));
        let mut kept = Vec::with_capacity(lines.len());
        for paragraph in lines.split_inclusive(|line| text(line).trim().is_empty()) {
            let sum = code || paragraph.iter().any(|line| text(line).trim_start().starts_with("+ "));
            let inside = |at: usize| at > 0 && !text(&paragraph[at - 1]).starts_with('#');
            kept.extend((0..paragraph.len()).map(|at| Kept { bullet: sum, lone_hash: assigns || inside(at), hashes: code }));
        }
        kept
    }

    /// Headings, list items, quotes and rules.
    fn block(&mut self, line: &Range<usize>, kept: Kept) {
        let text = self.text.get(line.clone()).unwrap_or_default();
        let content = text.trim_start_matches(' ');
        let indent = text.len() - content.len();
        let start = line.start + indent;
        let level = content.len() - content.trim_start_matches('#').len();
        let heads = !if level == 1 { kept.lone_hash } else { kept.hashes };
        if heads && (1..=6).contains(&level) && content.get(level..).is_some_and(|rest| rest.starts_with(' ')) {
            let words = content.get(level..).unwrap_or_default();
            let body = start + content.len() - words.trim_start().len();
            self.markup.edits.push((start..body, ""));
            self.markup.inks.push((body..line.end, Ink::Strong));
            return;
        }
        if let Some(rest) = content.strip_prefix(['-', '*']).filter(|_| !kept.bullet)
            && rest.starts_with(' ')
            && !rest.trim().is_empty()
        {
            // `- 3` may be a number below zero in a column.
            let word = rest.trim_start().chars().next().is_some_and(|c| !c.is_ascii_digit() || content.starts_with('*'));
            if word {
                self.markup.edits.push((start..start + 1, "•"));
                self.markup.hangs.push((line.start, 2));
            }
        } else if let Some(width) = numbered(content) {
            self.markup.hangs.push((line.start, width));
        } else if content.starts_with("> ") {
            self.markup.edits.push((start..start + 1, "│"));
            self.markup.hangs.push((line.start, 2));
        }
    }

    /// Bold, italics, code and calculator marks within a line. Code and formulas are passed over.
    fn spans(&mut self, line: &Range<usize>) {
        let text = self.text.get(line.clone()).unwrap_or_default();
        for span in code_spans(text) {
            let ticks = text.get(span.clone()).map_or(0, |code| code.len() - code.trim_start_matches('`').len());
            let (from, to) = (span.start + line.start, span.end + line.start);
            self.markup.inks.extend([
                (from..from + ticks, Ink::Syntax),
                (from + ticks..to - ticks, Ink::Code),
                (to - ticks..to, Ink::Syntax),
            ]);
        }
        for mark in calculator_marks(text) {
            let mark = mark.start + line.start..mark.end + line.start;
            if !self.covered(mark.start) {
                self.markup.inks.push((mark, Ink::Syntax));
            }
        }
        let stars: Vec<Range<usize>> = star_runs(text)
            .map(|run| run.start + line.start..run.end + line.start)
            .filter(|run| !self.covered(run.start))
            .collect();
        let mut open: Option<Range<usize>> = None;
        for run in stars {
            match open.take() {
                Some(opener) if opener.len() == run.len() && self.closes(&opener, &run) => {
                    let ink = if run.len() == 1 { Ink::Emphasis } else { Ink::Strong };
                    self.markup.inks.push((opener.end..run.start, ink));
                    self.markup.edits.extend([(opener, ""), (run, "")]);
                }
                _ if self.opens(&run) => open = Some(run),
                _ => {}
            }
        }
    }

    fn before(&self, byte: usize) -> Option<char> {
        self.text.get(..byte).and_then(|text| text.chars().next_back())
    }

    fn behind(&self, byte: usize) -> Option<char> {
        self.text.get(byte..).and_then(|text| text.chars().next())
    }

    fn opens(&self, run: &Range<usize>) -> bool {
        let free =
            self.before(run.start).is_none_or(|c| c.is_whitespace() || matches!(c, '(' | '"' | '\'' | '[' | '•' | '>' | '-'));
        let next = self.behind(run.end);
        let word = if run.len() == 1 {
            next.is_some_and(|c| c.is_alphabetic() || c == '"')
        } else {
            next.is_some_and(|c| !c.is_whitespace())
        };
        free && word && run.len() <= 3
    }

    fn closes(&self, opener: &Range<usize>, run: &Range<usize>) -> bool {
        let inside = self.text.get(opener.end..run.start).unwrap_or_default();
        let tight = inside.chars().next_back().is_some_and(|c| !c.is_whitespace());
        let free = self.behind(run.end).is_none_or(|c| !c.is_alphanumeric());
        // One letter between single stars could be a product.
        tight && free && (run.len() > 1 || inside.chars().filter(|c| c.is_alphabetic()).count() > 1)
    }

    /// A table that starts in the first of these lines; the number of its lines.
    fn table(&mut self, lines: &[Range<usize>]) -> Option<usize> {
        let line = |at: usize| lines.get(at).and_then(|line| self.text.get(line.clone()));
        if !line(0)?.contains('|') || !is_delimiter(line(1)?) {
            return None;
        }
        let columns = self.cells(lines.first()?).len();
        if columns < 2 || self.cells(lines.get(1)?).len() != columns {
            return None;
        }
        let more = lines.get(2..).unwrap_or_default();
        let body = more.iter().take_while(|line| self.text.get((*line).clone()).is_some_and(|text| text.contains('|'))).count();
        let rows = lines.iter().take(2 + body).enumerate().filter(|(at, _)| *at != 1).map(|(_, line)| self.cells(line)).collect();
        let range = lines.first()?.start..lines.get(1 + body)?.end;
        for line in lines.iter().take(2 + body) {
            self.spans(line);
        }
        self.markup.tables.push(Table { range, rows });
        Some(2 + body)
    }

    /// The cells of a table row, without the spaces around them.
    fn cells(&self, line: &Range<usize>) -> Vec<Range<usize>> {
        let text = self.text.get(line.clone()).unwrap_or_default();
        let mut bars: Vec<usize> = text.match_indices('|').map(|(at, _)| at + line.start).collect();
        bars.retain(|bar| !self.covered(*bar) && self.before(*bar) != Some('\\'));
        let mut cells = Vec::new();
        let mut at = line.start;
        for bar in bars.into_iter().chain([line.end]) {
            cells.push(at..bar);
            at = bar + 1;
        }
        let blank = |range: &Range<usize>| self.text.get(range.clone()).is_none_or(|cell| cell.trim().is_empty());
        if cells.first().is_some_and(blank) {
            cells.remove(0);
        }
        if cells.last().is_some_and(blank) {
            cells.pop();
        }
        let trimmed = |cell: Range<usize>| {
            let text = self.text.get(cell.clone()).unwrap_or_default();
            let start = cell.start + text.len() - text.trim_start().len();
            start..(cell.start + text.trim_end().len()).max(start)
        };
        cells.into_iter().map(trimmed).collect()
    }
}

/// A line that is program code beyond doubt.
fn is_code(line: &str) -> bool {
    let line = line.trim();
    let begins = |words: &[&str]| words.iter().any(|word| line.starts_with(word));
    let block =
        begins(&["for ", "while ", "if ", "elif ", "else:", "try:", "except", "with ", "def ", "class "]) && line.ends_with(':');
    let imports = line.starts_with("import ") || (line.starts_with("from ") && line.contains(" import "));
    block || imports || begins(&["print(", "#include"]) || line == "}" || line.ends_with(") {")
}

/// `total = 3 * x`: a name and what it becomes.
fn is_assignment(line: &str) -> bool {
    let Some((name, _)) = line.trim().split_once(" = ") else { return false };
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.[]'\"".contains(c))
}

/// Cells of `12. ` at the start of a line.
fn numbered(content: &str) -> Option<usize> {
    let digits = content.bytes().take_while(u8::is_ascii_digit).count();
    let rest = content.get(digits..)?;
    let item = (1..=3).contains(&digits) && rest.starts_with(['.', ')']) && rest.get(1..)?.starts_with(' ');
    item.then_some(digits + 2)
}

/// `|---|:--:|`.
fn is_delimiter(line: &str) -> bool {
    line.contains('-') && line.contains('|') && line.bytes().all(|byte| matches!(byte, b'|' | b'-' | b':' | b' '))
}

/// `<<48/2=24>>`, what a calculator worked out for the text beside it (GSM8K).
fn calculator_marks(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    text.match_indices("<<").filter_map(|(start, _)| {
        let rest = text.get(start + 2..)?;
        let inside = rest.get(..rest.find(['<', '>'])?)?;
        let ends = rest.get(inside.len()..)?.starts_with(">>");
        let sum = ends && inside.contains('=') && inside.contains(|c: char| c.is_ascii_digit());
        sum.then_some(start..start + inside.len() + 4)
    })
}

/// Runs of stars; a star behind a backslash is none.
fn star_runs(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let start = at + memchr::memchr(b'*', bytes.get(at..)?)?;
            let len = bytes.get(start..)?.iter().take_while(|byte| **byte == b'*').count();
            at = start + len;
            if start == 0 || bytes.get(start - 1) != Some(&b'\\') {
                return Some(start..at);
            }
        }
    })
}
