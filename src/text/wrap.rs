//! Rows: where a text breaks at a width. Rows are byte ranges, so that a pane draws the few that are visible and a row holds no
//! copy of its text.

use std::ops::Range;

use super::cluster::first_cluster;
use super::safe::Safe;
use super::width::Ambiguous;

/// One row on the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Bytes of the text that this row shows. Spaces at a break belong to no row.
    pub range: Range<usize>,
    /// Empty cells in front of the text.
    pub indent: usize,
    /// Cells of the text, without the indent.
    pub width: usize,
    /// Line of the text that the row belongs to, from 0.
    pub line: usize,
    /// True for the second and later rows of a line.
    pub continued: bool,
}

/// How to wrap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WrapOptions {
    /// Cells of a row, indent included; 0 counts as 1.
    pub width: usize,
    /// Cells by which the second and later rows of a line are indented beyond the line's own leading spaces.
    pub hanging: usize,
    /// Width of ambiguous characters.
    pub ambiguous: Ambiguous,
}

impl WrapOptions {
    /// Rows of `width` cells without hanging indent.
    pub fn new(width: usize) -> Self {
        Self { width, hanging: 0, ambiguous: Ambiguous::Narrow }
    }

    /// The same with a hanging indent.
    #[must_use]
    pub fn hanging(self, cells: usize) -> Self {
        Self { hanging: cells, ..self }
    }
}

/// The rows of a text at one width.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wrapped {
    rows: Vec<Row>,
}

impl Wrapped {
    /// All rows, top to bottom. Never empty: an empty text has one empty row.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The number of rows.
    pub fn height(&self) -> usize {
        self.rows.len()
    }

    /// The rows of a window: at most `height` rows from row `top` on.
    pub fn window(&self, top: usize, height: usize) -> &[Row] {
        let top = top.min(self.rows.len());
        self.rows.get(top..top.saturating_add(height).min(self.rows.len())).unwrap_or_default()
    }

    /// The row that shows the byte at `offset`, or the row in front of it when the byte is a space that was swallowed.
    pub fn row_at(&self, offset: usize) -> usize {
        self.rows.partition_point(|row| row.range.start <= offset).saturating_sub(1)
    }
}

/// Breaks `text` into rows of at most `options.width` cells.
///
/// Greedy: breaks at spaces but those behind a relation, behind hyphens between letters, and between ideographs; inside a word only when the word is longer
/// than a row, and never inside a grapheme cluster. Newlines of the text always break. A row is wider than asked only when it is a
/// single cluster that is. Time is linear in the length of the text.
pub fn wrap(text: &Safe, options: WrapOptions) -> Wrapped {
    wrap_each(text, |_| options)
}

/// The same with options of its own for each line of the text, by its number from 0.
pub fn wrap_each(text: &Safe, options: impl Fn(usize) -> WrapOptions) -> Wrapped {
    let mut rows = Vec::with_capacity(text.len() / options(0).width.max(1) + 1);
    let mut start = 0;
    for (number, line) in text.split('\n').enumerate() {
        Wrapper::new(line, start, number, options(number)).run(&mut rows);
        start += line.len() + 1;
    }
    Wrapped { rows }
}

/// A place where the row under construction may end.
#[derive(Debug, Clone, Copy)]
struct Break {
    /// Bytes and cells of the row when it ends here, without the spaces at the break.
    end: usize,
    width: usize,
    /// Where the next row starts, behind the spaces.
    next: usize,
}

/// Wraps one line of the text.
struct Wrapper<'a> {
    line: &'a str,
    /// Byte of the text where the line starts.
    offset: usize,
    number: usize,
    ambiguous: Ambiguous,
    /// Cells of the first row, and of the later rows.
    first: usize,
    later: usize,
    indent: usize,
}

impl<'a> Wrapper<'a> {
    fn new(line: &'a str, offset: usize, number: usize, options: WrapOptions) -> Self {
        let first = options.width.max(1);
        let leading = line.len() - line.trim_start_matches(' ').len();
        // Deep indents leave at least half of the row to the text.
        let indent = (leading + options.hanging).min(first / 2);
        Self { line, offset, number, ambiguous: options.ambiguous, first, later: first - indent, indent }
    }

    fn run(&self, rows: &mut Vec<Row>) {
        let first_row = rows.len();
        let mut start = 0;
        // A short line of plain ASCII is the usual case.
        if self.line.len() <= self.first && self.line.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
            rows.push(self.row(0..self.line.len(), self.line.len(), false));
            return;
        }
        while start < self.line.len() {
            let continued = rows.len() > first_row;
            let (end, width, next) = self.row_from(start, if continued { self.later } else { self.first });
            rows.push(self.row(start..end, width, continued));
            start = next;
        }
        if rows.len() == first_row {
            rows.push(self.row(0..0, 0, false));
        }
    }

    fn row(&self, range: Range<usize>, width: usize, continued: bool) -> Row {
        Row {
            range: range.start + self.offset..range.end + self.offset,
            indent: if continued { self.indent } else { 0 },
            width,
            line: self.number,
            continued,
        }
    }

    /// The row that starts at `start` and has room for `cells`: its end, its width, and where the next one starts.
    fn row_from(&self, start: usize, cells: usize) -> (usize, usize, usize) {
        let mut at = start;
        let mut used = 0;
        // The last byte and column that fit; spaces may run over.
        let mut fits = (start, 0);
        let mut last: Option<Break> = None;
        let mut before = Kind::Start;
        while let Some(len) = self.line.get(at..).and_then(first_cluster) {
            let cluster = self.line.get(at..at + len).unwrap_or_default();
            let wide = self.ambiguous.cluster(cluster);
            let kind = Kind::of(cluster);
            if kind == Kind::Space {
                // A relation begins the next row, and does not end this one.
                let relation = |last: Break| before != Kind::Space && self.line.get(last.next..at).is_some_and(is_relation);
                if before != Kind::Start && !last.is_some_and(relation) {
                    let (end, width) =
                        last.filter(|last| last.next == at && before == Kind::Space).map_or(fits, |l| (l.end, l.width));
                    last = Some(Break { end, width, next: at + len });
                }
            } else {
                if before.breaks_before(kind) {
                    last = Some(Break { end: at, width: used, next: at });
                }
                if used + wide > cells && at > start {
                    return last.map_or((fits.0, fits.1, at), |last| (last.end, last.width, last.next));
                }
            }
            used += wide;
            at += len;
            if kind == Kind::Letter && used < cells {
                let run = self.letters(at, cells - used);
                used += run;
                at += run;
            }
            // The first cluster must go somewhere, also when it is wider than the row.
            if used <= cells || fits.0 == start {
                fits = (at, used);
            }
            before = before.followed_by(kind);
        }
        (fits.0, fits.1, at)
    }

    /// How many ASCII letters follow at `at`, at most `limit`: they need no looking at one by one. The last one in front of other
    /// than ASCII is left out, because it may carry an accent.
    fn letters(&self, at: usize, limit: usize) -> usize {
        let tail = self.line.as_bytes().get(at..).unwrap_or_default();
        let run = tail.iter().take(limit).take_while(|byte| byte.is_ascii_alphabetic()).count();
        if tail.get(run).is_none_or(u8::is_ascii) { run } else { run.saturating_sub(1) }
    }
}

/// A sign between the two sides of a statement.
fn is_relation(word: &str) -> bool {
    matches!(
        word,
        "=" | "<"
            | ">"
            | "<="
            | ">="
            | "=="
            | "≠"
            | "≤"
            | "≥"
            | "≈"
            | "≡"
            | "≅"
            | "∼"
            | "∝"
            | "∈"
            | "∉"
            | "⊂"
            | "⊆"
            | "→"
            | "⇒"
            | "⇔"
    )
}

/// What a cluster means for breaking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Nothing yet in this row but indentation.
    Start,
    Space,
    /// A letter of a script that separates words by spaces.
    Letter,
    Hyphen,
    /// A hyphen with a letter in front: the next letter may start a row.
    LetterHyphen,
    /// A dash behind which a row may end.
    Dash,
    /// An ideograph, kana, full-width form or emoji: rows may break on both sides.
    Ideograph,
    /// Punctuation that must not end a row.
    Opening,
    /// Punctuation that must not start a row.
    Closing,
    Other,
}

impl Kind {
    fn of(cluster: &str) -> Self {
        let mut chars = cluster.chars();
        let first = chars.next().unwrap_or(' ');
        match first {
            // A space that carries an accent is a sign of its own.
            _ if first.is_whitespace() && chars.next().is_some() => Self::Other,
            ' ' | '\u{1680}' | '\u{2000}'..='\u{2006}' | '\u{2008}'..='\u{200a}' | '\u{205f}' | '\u{3000}' => Self::Space,
            '-' | '\u{2010}' => Self::Hyphen,
            '\u{2014}' => Self::Dash,
            '(' | '[' | '{' | '\u{ab}' | '\u{2018}' | '\u{201c}' | '（' | '［' | '｛' | '「' | '『' | '【' | '《' | '〈'
            | '〔' | '〖' => Self::Opening,
            ')' | ']' | '}' | ',' | '.' | ';' | ':' | '!' | '?' | '%' | '\u{bb}' | '\u{2019}' | '\u{201d}' | '\u{2026}'
            | '、' | '。' | '，' | '．' | '；' | '：' | '！' | '？' | '％' | '）' | '］' | '｝' | '」' | '』' | '】' | '》'
            | '〉' | '〕' | '〗' | '・' | 'ー' | '々' | 'ぁ' | 'ぃ' | 'ぅ' | 'ぇ' | 'ぉ' | 'っ' | 'ゃ' | 'ゅ' | 'ょ' | 'ァ'
            | 'ィ' | 'ゥ' | 'ェ' | 'ォ' | 'ッ' | 'ャ' | 'ュ' | 'ョ' => Self::Closing,
            c if c.is_ascii_alphabetic() => Self::Letter,
            c if c.is_ascii() => Self::Other,
            '\u{2e80}'..='\u{30ff}'
            | '\u{3400}'..='\u{9fff}'
            | '\u{f900}'..='\u{faff}'
            | '\u{ff01}'..='\u{ffee}'
            | '\u{1f300}'..='\u{1faff}'
            | '\u{20000}'..='\u{323af}' => Self::Ideograph,
            c if c.is_alphabetic() => Self::Letter,
            _ => Self::Other,
        }
    }

    /// What stands behind `next` when `self` stood in front of it.
    fn followed_by(self, next: Self) -> Self {
        match (self, next) {
            // Spaces in front of the first word are indentation, not a place to break.
            (Self::Start, Self::Space) => Self::Start,
            (Self::Letter, Self::Hyphen) => Self::LetterHyphen,
            _ => next,
        }
    }

    /// Whether a row may end behind `self` when `next` follows without a space.
    fn breaks_before(self, next: Self) -> bool {
        match (self, next) {
            (Self::Start | Self::Space | Self::Opening, _) | (_, Self::Closing | Self::Start | Self::Space) => false,
            (Self::Ideograph, _) | (_, Self::Ideograph) | (Self::LetterHyphen, Self::Letter) => true,
            (Self::Dash, next) => next != Self::Dash,
            _ => false,
        }
    }
}
