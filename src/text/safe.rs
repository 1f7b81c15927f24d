//! The gate between foreign text and the terminal.
//!
//! Whatever comes from a file, a model, a server or an error message passes [`safe()`] or [`safe_line()`] before it is drawn. What
//! would act on the terminal, hide, reorder or pile up is shown as a visible mark in its place, never dropped: an annotator must
//! see that a step carries it. What is left draws as many cells as [`super::width()`] says.
//!
//! Marks: control pictures (`␛`) for C0 and DEL, `<U+202E>` for other characters, `<U+200B:9>` for a run of nine,
//! `<tags:12>` for tag characters, `<vs:5>` for variation selectors, `<marks:884>` for combining marks beyond what a cell may
//! hold. A text may hold the letters `<U+202E>` itself; [`Safe::marks`] tells the two apart.

use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthChar;

use super::cluster::{clusters, stands_alone};
use super::width::Ambiguous;

/// Code points that one cell may hold. The longest emoji sequences in use have ten.
const CELL_LIMIT: usize = 16;

/// Columns between tab stops.
const TAB: usize = 4;

/// Text that may be drawn. Cheap to clone; derefs to `str`.
#[derive(Clone, Default)]
pub struct Safe {
    text: Arc<str>,
    found: Option<Arc<Found>>,
}

/// What was replaced in a text.
#[derive(Debug, Default)]
struct Found {
    /// Byte ranges of the marks in the safe text, ascending, disjoint.
    marks: Vec<Range<usize>>,
    /// Code points of the original that no longer stand in the text.
    replaced: usize,
}

impl Safe {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// How many code points of the original were replaced by marks. Tabs, line ends and U+FFFD do not count.
    pub fn replaced(&self) -> usize {
        self.found.as_ref().map_or(0, |found| found.replaced)
    }

    /// Byte ranges of the marks, ascending and disjoint, to be drawn in a style of their own. They include U+FFFD (which stands
    /// for bytes or surrogates that were no text) and, in a [`safe_line()`], line ends.
    pub fn marks(&self) -> &[Range<usize>] {
        self.found.as_ref().map_or(&[], |found| &found.marks)
    }
}

impl Deref for Safe {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl AsRef<str> for Safe {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Safe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for Safe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.text, f)
    }
}

impl PartialEq for Safe {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Safe {}

impl std::hash::Hash for Safe {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

/// `text` as it may be drawn over several lines. Newlines (also `\r\n`) stay, tabs become spaces up to the next multiple of four.
///
/// Applying it twice changes nothing more. Time and space are linear in the length of the text.
pub fn safe(text: &str) -> Safe {
    clean(text, Newline::Keep)
}

/// `text` as it may be drawn on one line: as [`safe()`], but line ends become `␊`.
pub fn safe_line(text: &str) -> Safe {
    clean(text, Newline::Show)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Newline {
    Keep,
    Show,
}

fn clean(text: &str, newline: Newline) -> Safe {
    let harmless = |c: char| stands_alone(c) || (c == '\n' && newline == Newline::Keep);
    if text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) || text.chars().all(harmless) {
        return Safe { text: text.into(), found: None };
    }
    let mut gate = Gate::new(text.len(), newline);
    gate.read(text);
    let (text, found) = cap_cells(gate.out, gate.found);
    let found = (!found.marks.is_empty()).then(|| Arc::new(found));
    Safe { text: text.into(), found }
}

/// First pass: code point by code point.
struct Gate {
    newline: Newline,
    out: String,
    found: Found,
    /// Column of the next character, for tabs.
    column: usize,
    /// The character before, when it was kept; `None` at the start of a line and behind a mark.
    previous: Option<char>,
    /// The character that selectors, skin tones and joiners in front of the next character belong to.
    base: Option<char>,
    /// The character before was replaced by a mark.
    behind_mark: bool,
}

impl Gate {
    fn new(len: usize, newline: Newline) -> Self {
        Self {
            newline,
            out: String::with_capacity(len + len / 8),
            found: Found::default(),
            column: 0,
            previous: None,
            base: None,
            behind_mark: false,
        }
    }

    fn read(&mut self, text: &str) {
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            let rest = chars.as_str();
            match c {
                '\n' => self.line_end(),
                '\r' if rest.starts_with('\n') => {}
                '\t' => self.tab(),
                '\0'..='\x1f' => self.mark(picture(0x2400 + u32::from(c)), 1),
                '\x7f' => self.mark('\u{2421}', 1),
                _ if stands_alone(c) => self.keep(c, c.width().unwrap_or(1)),
                _ if is_tag(c) => {
                    let more = chars.clone().take_while(|&next| is_tag(next)).count();
                    self.mark(format_args!("<tags:{}>", more + 1), more + 1);
                    chars = skip(chars, more);
                }
                _ if self.may_stay(c, rest) => self.keep_or_mark_invalid(c),
                _ => {
                    let more = self.mark_run(c, chars.clone());
                    chars = skip(chars, more);
                }
            }
        }
    }

    /// Marks `c` and the characters of `rest` that follow in the same run; returns how many those are.
    fn mark_run(&mut self, c: char, rest: std::str::Chars<'_>) -> usize {
        if is_selector(c) {
            let more = rest.clone().take_while(|&next| is_selector(next)).count();
            if more > 0 {
                self.mark(format_args!("<vs:{}>", more + 1), more + 1);
                return more;
            }
        }
        let more = rest.take_while(|&next| next == c).count();
        if more > 0 {
            self.mark(format_args!("<U+{:04X}:{}>", u32::from(c), more + 1), more + 1);
        } else {
            self.mark(format_args!("<U+{:04X}>", u32::from(c)), 1);
        }
        more
    }

    /// Whether `c`, which is none of the plain characters, may be drawn where it stands, with `rest` behind it.
    fn may_stay(&self, c: char, rest: &str) -> bool {
        let next = rest.chars().next();
        match c {
            '\u{200c}' | '\u{200d}' => {
                let letters = self.previous.is_some_and(uses_joiners) && next.is_some_and(is_joined_letter);
                letters || (c == '\u{200d}' && self.base.is_some_and(is_pictograph) && next.is_some_and(is_pictograph))
            }
            _ if is_selector(c) => self.previous == self.base && self.base.is_some_and(|base| selects(base, c, next)),
            _ if is_hidden(c) => false,
            // A combining mark would be drawn over the mark and make it unreadable.
            _ => !(self.behind_mark && c.width() == Some(0)),
        }
    }

    fn line_end(&mut self) {
        match self.newline {
            Newline::Keep => self.out.push('\n'),
            Newline::Show => self.mark('\u{240a}', 0),
        }
        self.column = 0;
        (self.previous, self.base, self.behind_mark) = (None, None, false);
    }

    fn tab(&mut self) {
        let spaces = TAB - self.column % TAB;
        self.out.extend(std::iter::repeat_n(' ', spaces));
        self.column += spaces;
        (self.previous, self.base, self.behind_mark) = (Some(' '), Some(' '), false);
    }

    fn keep(&mut self, c: char, wide: usize) {
        self.out.push(c);
        self.column += wide;
        self.previous = Some(c);
        if wide > 0 && !is_skin_tone(c) {
            self.base = Some(c);
        } else if !(is_selector(c) || is_skin_tone(c)) {
            self.base = None;
        }
        self.behind_mark = false;
    }

    /// Keeps `c`; U+FFFD is drawn as a mark although it stays, because something unreadable stood there.
    fn keep_or_mark_invalid(&mut self, c: char) {
        let start = self.out.len();
        self.keep(c, c.width().unwrap_or(1));
        if c == char::REPLACEMENT_CHARACTER {
            self.found.marks.push(start..self.out.len());
        }
    }

    fn mark(&mut self, text: impl fmt::Display, replaced: usize) {
        use fmt::Write;
        let start = self.out.len();
        // Writing to a string cannot fail.
        let _ = write!(self.out, "{text}");
        self.column += self.out.get(start..).map_or(0, |mark| mark.chars().count());
        self.found.marks.push(start..self.out.len());
        self.found.replaced += replaced;
        (self.previous, self.base, self.behind_mark) = (None, None, true);
    }
}

/// Second pass: cells. Cuts clusters of too many code points and shows clusters that would take no cell at all.
fn cap_cells(text: String, found: Found) -> (String, Found) {
    let mut edits: Vec<(Range<usize>, String, usize)> = Vec::new();
    for (at, cluster) in clusters(&text) {
        // One byte is one code point and one cell, or a newline.
        if cluster.len() == 1 {
            continue;
        }
        if Ambiguous::Narrow.cluster(cluster) == 0 {
            edits.push((at..at + cluster.len(), spell(cluster), cluster.chars().count()));
        } else if cluster.len() > CELL_LIMIT && cluster.chars().count() > CELL_LIMIT {
            let (keep, mark, replaced) = cut(cluster);
            edits.push((at + keep..at + cluster.len(), mark, replaced));
        }
    }
    if edits.is_empty() { (text, found) } else { apply(&text, found, edits) }
}

/// How an over-full cluster is cut: bytes to keep, the mark for the rest, code points that the mark stands for.
fn cut(cluster: &str) -> (usize, String, usize) {
    let kept: String = cluster.chars().take(CELL_LIMIT).collect();
    // A joiner without the character that it joins to would be a hidden character.
    let kept = kept.trim_end_matches(['\u{200c}', '\u{200d}']);
    let closed = [kept, "<"].concat();
    if closed.graphemes(true).next() == Some(kept) {
        let rest = cluster.chars().count() - kept.chars().count();
        (kept.len(), format!("<marks:{rest}>"), rest)
    } else {
        // Prepended characters would swallow the mark.
        (0, spell(cluster), cluster.chars().count())
    }
}

/// Every character by its number, runs of one character with their length.
fn spell(cluster: &str) -> String {
    use fmt::Write;
    let mut out = String::new();
    let mut chars = cluster.chars();
    while let Some(c) = chars.next() {
        let more = chars.clone().take_while(|&next| next == c).count();
        let count = if more > 0 { format!(":{}", more + 1) } else { String::new() };
        // Writing to a string cannot fail.
        let _ = write!(out, "<U+{:04X}{count}>", u32::from(c));
        chars = skip(chars, more);
    }
    out
}

/// Puts the replacement of each edit in the place of its range. Invariant: no edit covers part of an earlier mark but all of it.
fn apply(text: &str, found: Found, edits: Vec<(Range<usize>, String, usize)>) -> (String, Found) {
    let mut out = String::with_capacity(text.len());
    let mut marks = Vec::with_capacity(found.marks.len() + edits.len());
    let mut replaced = found.replaced;
    let mut earlier = found.marks.into_iter().peekable();
    let mut copied = 0;
    let end = (text.len()..text.len(), String::new(), 0);
    for (range, mark, count) in edits.into_iter().chain([end]) {
        while let Some(old) = earlier.next_if(|old| old.start < range.start) {
            // `copied` bytes of the source have become `out.len()` bytes.
            let from = old.start - copied + out.len();
            marks.push(from..from + old.len());
        }
        while earlier.next_if(|old| old.start < range.end).is_some() {}
        out.push_str(text.get(copied..range.start).unwrap_or_default());
        if !mark.is_empty() {
            marks.push(out.len()..out.len() + mark.len());
        }
        out.push_str(&mark);
        replaced += count;
        copied = range.end;
    }
    (out, Found { marks, replaced })
}

fn picture(code: u32) -> char {
    char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn skip(mut chars: std::str::Chars<'_>, n: usize) -> std::str::Chars<'_> {
    if n > 0 {
        chars.nth(n - 1);
    }
    chars
}

/// Tag characters spell ASCII text that no terminal draws.
fn is_tag(c: char) -> bool {
    matches!(c, '\u{e0000}'..='\u{e007f}')
}

fn is_selector(c: char) -> bool {
    matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' | '\u{180b}'..='\u{180d}' | '\u{180f}')
}

fn is_skin_tone(c: char) -> bool {
    matches!(c, '\u{1f3fb}'..='\u{1f3ff}')
}

/// Characters that a terminal acts upon, or that hide or reorder what stands around them. Variation selectors are none: they choose between
/// pictures.
pub fn acts(c: char) -> bool {
    c.is_control() || (is_hidden(c) && !is_selector(c))
}

/// Characters that are drawn as nothing, or that change how others are drawn or ordered, wherever they stand: C1 controls, bidi
/// controls, fillers, everything else of the property `Default_Ignorable_Code_Point`, line and paragraph separators, interlinear
/// annotation, hieroglyph format controls, and non-characters.
fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{80}'..='\u{9f}' | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fdd0}'..='\u{fdef}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
        // The last two code points of every plane.
        || u32::from(c) & 0xfffe == 0xfffe
}

/// `Extended_Pictographic`, asked of the cluster algorithm: only such a character joins another over a zero-width joiner (GB11).
fn is_pictograph(c: char) -> bool {
    let pair: String = [c, '\u{200d}', '\u{1f600}'].iter().collect();
    u32::from(c) >= 0xa9 && pair.graphemes(true).count() == 1
}

/// Whether the variation selector has a standardized meaning behind `base`; `next` is the character behind it.
fn selects(base: char, selector: char, next: Option<char>) -> bool {
    match selector {
        '\u{fe00}' | '\u{fe01}' | '\u{fe02}' => {
            matches!(base, '\u{2200}'..='\u{22ff}' | '\u{2a00}'..='\u{2aff}') || is_ideograph(base)
        }
        '\u{fe0f}' if matches!(base, '0'..='9' | '#' | '*') => next == Some('\u{20e3}'),
        '\u{fe0e}' | '\u{fe0f}' => is_pictograph(base),
        '\u{180b}'..='\u{180f}' => matches!(base, '\u{1820}'..='\u{18aa}'),
        '\u{e0100}'..='\u{e01ef}' => is_ideograph(base),
        _ => false,
    }
}

fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}')
}

/// Scripts in which joiners change the shape of letters: Arabic to Sinhala, Myanmar, Khmer and Mongolian, and their relatives in
/// other blocks.
fn is_joining_script(c: char) -> bool {
    matches!(c, '\u{600}'..='\u{dff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{18af}' | '\u{1900}'..='\u{1aaf}'
        | '\u{1b00}'..='\u{1c7f}' | '\u{a800}'..='\u{abff}' | '\u{10a00}'..='\u{10fff}' | '\u{11000}'..='\u{11fff}'
        | '\u{1e900}'..='\u{1e95f}')
}

/// A letter, vowel sign or virama behind which a joiner may stand.
fn uses_joiners(c: char) -> bool {
    is_joining_script(c) && (c.is_alphabetic() || c.width() == Some(0))
}

/// A letter of its own in front of which a joiner may stand.
fn is_joined_letter(c: char) -> bool {
    is_joining_script(c) && c.is_alphabetic() && c.width() != Some(0)
}
