//! The words, LaTeX commands and signs that the lexer knows.

/// Words that end an operand although they could follow a number.
pub(super) const BREAKS: &[&str] = &[
    "and",
    "or",
    "is",
    "are",
    "was",
    "were",
    "be",
    "been",
    "can",
    "could",
    "will",
    "would",
    "should",
    "so",
    "then",
    "if",
    "that",
    "which",
    "where",
    "when",
    "while",
    "because",
    "since",
    "thus",
    "hence",
    "therefore",
    "with",
    "as",
    "we",
    "he",
    "she",
    "they",
    "it",
    "you",
    "i",
    "there",
    "but",
    "also",
    "given",
    "not",
    "has",
    "have",
    "had",
    "gives",
    "get",
    "gets",
    "giving",
    "makes",
    "make",
    "equals",
    "equal",
    "must",
    "remainder",
    "digit",
    "binary",
    "base",
    "modulo",
    "mod",
    "to",
    "from",
    "using",
];

/// Two-letter words that are words; all others are products of variables.
pub(super) const SHORT_WORDS: &[&str] = &[
    "cm", "mm", "km", "kg", "ml", "mg", "ft", "in", "lb", "oz", "mi", "hr", "st", "nd", "rd", "th", "am", "pm", "of", "by", "on",
    "up", "at", "an", "no", "my", "me", "do", "go", "us", "tv", "pc", "cd",
];

/// Short units that are written right behind a number.
pub(super) const GLUED_UNITS: &[&str] = &[
    "cm", "mm", "km", "kg", "ml", "mg", "ft", "in", "lb", "oz", "mi", "hr", "st", "nd", "rd", "th", "m", "g", "s", "h", "am",
    "pm",
];

/// Words in capitals that may follow a number.
pub(super) const CAPITAL_UNITS: &[&str] = &["GB", "MB", "TB", "KB", "USD", "CD", "DVD", "TV", "PM", "AM"];

/// Commands that only wrap their argument.
pub(super) const WRAPPERS: &[&str] = &["text", "mathrm", "textbf", "mathbf", "operatorname", "textit", "boxed"];

/// Commands without a meaning for the value.
pub(super) const INVISIBLE: &[&str] = &["left", "right", "displaystyle", "Big", "big", "bigl", "bigr"];

/// Fractions that are one character, with what they stand for.
pub(super) const VULGAR: &[(char, &str, &str)] = &[
    ('½', "1", "2"),
    ('⅓', "1", "3"),
    ('⅔', "2", "3"),
    ('¼', "1", "4"),
    ('¾', "3", "4"),
    ('⅕', "1", "5"),
    ('⅖', "2", "5"),
    ('⅗', "3", "5"),
    ('⅘', "4", "5"),
    ('⅙', "1", "6"),
    ('⅚', "5", "6"),
    ('⅛', "1", "8"),
    ('⅜', "3", "8"),
    ('⅝', "5", "8"),
    ('⅞', "7", "8"),
];
