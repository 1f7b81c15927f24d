//! How many terminal cells text takes, and text cut or filled to a number of cells. Glyph sets for what the program draws itself.
//!
//! Widths are sums over grapheme clusters, as a terminal lays cells out.

use std::borrow::Cow;

use unicode_width::UnicodeWidthStr;

use super::cluster::clusters;

/// How wide the terminal draws characters of ambiguous width (UAX #11), such as `α`, `…` or `±`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Ambiguous {
    /// One cell: nearly every terminal.
    #[default]
    Narrow,
    /// Two cells: terminals set up for East Asian text.
    Wide,
}

impl Ambiguous {
    /// Cells of one grapheme cluster. Control characters count one cell: they never reach the screen.
    #[inline]
    pub fn cluster(self, cluster: &str) -> usize {
        if cluster.len() == 1 {
            return 1;
        }
        match self {
            Self::Narrow => cluster.width(),
            Self::Wide => cluster.width_cjk(),
        }
    }

    /// Cells of a text without line breaks.
    pub fn text(self, text: &str) -> usize {
        if is_plain_ascii(text) {
            return text.len();
        }
        clusters(text).map(|(_, cluster)| self.cluster(cluster)).sum()
    }

    /// The longest start of `text` that fits into `cells`, and its width.
    pub fn fit(self, text: &str, cells: usize) -> (&str, usize) {
        if text.len() <= cells && is_plain_ascii(text) {
            return (text, text.len());
        }
        let mut used = 0;
        for (at, cluster) in clusters(text) {
            let wide = self.cluster(cluster);
            if used + wide > cells {
                return (text.get(..at).unwrap_or(text), used);
            }
            used += wide;
        }
        (text, used)
    }

    /// `text` itself when it fits into `cells`, else its start followed by `ellipsis`; and the width of what is returned.
    pub fn clip<'a>(self, text: &'a str, cells: usize, ellipsis: &str) -> (Cow<'a, str>, usize) {
        let (whole, used) = self.fit(text, cells);
        if whole.len() == text.len() {
            return (Cow::Borrowed(text), used);
        }
        let (ellipsis, mark) = self.fit(ellipsis, cells);
        let (start, used) = self.fit(text, cells - mark);
        (Cow::Owned([start, ellipsis].concat()), used + mark)
    }

    /// `text` cut or filled with spaces to exactly `cells`.
    pub fn pad(self, text: &str, cells: usize, ellipsis: &str) -> String {
        let (text, used) = self.clip(text, cells, ellipsis);
        let mut text = text.into_owned();
        text.extend(std::iter::repeat_n(' ', cells - used));
        text
    }

    /// The byte where the first cluster at or behind column `cells` starts, and the column of that byte: where to start a row
    /// that is scrolled to the side.
    pub fn skip(self, text: &str, cells: usize) -> (usize, usize) {
        let mut used = 0;
        for (at, cluster) in clusters(text) {
            if used >= cells {
                return (at, used);
            }
            used += self.cluster(cluster);
        }
        (text.len(), used)
    }
}

/// Cells of a text without line breaks, ambiguous characters narrow.
pub fn width(text: &str) -> usize {
    Ambiguous::Narrow.text(text)
}

/// `text` cut to at most `cells` with `…` at its end when something is missing; and the width of what is returned.
pub fn clip(text: &str, cells: usize) -> (Cow<'_, str>, usize) {
    Ambiguous::Narrow.clip(text, cells, Glyphs::UNICODE.ellipsis)
}

/// `text` cut or filled with spaces to exactly `cells`.
pub fn pad(text: &str, cells: usize) -> String {
    Ambiguous::Narrow.pad(text, cells, Glyphs::UNICODE.ellipsis)
}

/// True when every byte is a printable ASCII character, so that bytes, clusters and cells are the same thing.
fn is_plain_ascii(text: &str) -> bool {
    text.bytes().all(|byte| (0x20..0x7f).contains(&byte))
}

/// The characters that the program draws with, apart from text. Each is one cell wide unless ambiguous characters are wide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Glyphs {
    /// Stands for text that was cut off.
    pub ellipsis: &'static str,
    /// Fill levels of a bar cell, from nearly empty to full. Its length is the number of levels a cell can show.
    pub bar: &'static [&'static str],
    /// Levels from low to high, each one cell wide.
    pub levels: &'static [&'static str],
    /// An equality that does not hold.
    pub unequal: &'static str,
    /// A fold that is closed: something is hidden below.
    pub folded: &'static str,
    /// A fold that is open.
    pub unfolded: &'static str,
    /// A tree node without children.
    pub leaf: &'static str,
    /// A tree node with further siblings below: two cells.
    pub branch: &'static str,
    /// The last sibling: two cells.
    pub last_branch: &'static str,
    /// An ancestor with further siblings below: two cells.
    pub trunk: &'static str,
    /// An ancestor without further siblings: two cells.
    pub gap: &'static str,
    /// A check that holds.
    pub check: &'static str,
    /// A check that fails.
    pub cross: &'static str,
    /// The row of the cursor.
    pub pointer: &'static str,
    /// A horizontal rule.
    pub rule: &'static str,
    /// A vertical border between panes.
    pub border: &'static str,
    /// Between items of a status line.
    pub dot: &'static str,
    /// Nothing said yet, or a score that is on its way.
    pub unseen: &'static str,
    /// More above, more below.
    pub more: [&'static str; 2],
    /// From a state to the next.
    pub arrow: &'static str,
    /// The frames of the one moving glyph.
    pub busy: &'static [&'static str],
}

impl Glyphs {
    /// For every terminal, screen readers and pipes.
    pub const ASCII: Self = Self {
        ellipsis: "~",
        bar: &["="],
        levels: &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
        unequal: "#",
        folded: ">",
        unfolded: "v",
        leaf: "-",
        branch: "|-",
        last_branch: "`-",
        trunk: "| ",
        gap: "  ",
        check: "+",
        cross: "x",
        pointer: ">",
        rule: "-",
        border: "|",
        dot: "|",
        unseen: ".",
        more: ["^", "v"],
        arrow: "->",
        busy: &["|", "/", "-", "\\"],
    };

    /// For terminals with a font of this century.
    pub const UNICODE: Self = Self {
        ellipsis: "…",
        bar: &["▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"],
        levels: &["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
        unequal: "≠",
        folded: "▸",
        unfolded: "▾",
        leaf: "•",
        branch: "├─",
        last_branch: "└─",
        trunk: "│ ",
        gap: "  ",
        check: "✓",
        cross: "✗",
        pointer: "❯",
        rule: "─",
        border: "│",
        dot: "·",
        unseen: "·",
        more: ["↑", "↓"],
        arrow: "→",
        busy: &["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"],
    };

    /// The set for the locale in the environment: Unicode when it names UTF-8, else ASCII. Terminals known to have few glyphs get
    /// ASCII whatever the locale says.
    pub fn detect(env: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| env(name).filter(|value| !value.is_empty());
        if matches!(set("TERM").as_deref(), Some("dumb" | "linux" | "vt100" | "vt220")) {
            return Self::ASCII;
        }
        let locale = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG")).unwrap_or_default().to_ascii_lowercase();
        if locale.contains("utf-8") || locale.contains("utf8") { Self::UNICODE } else { Self::ASCII }
    }
}
