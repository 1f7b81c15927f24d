//! Colours and marks: the one place that knows what a score, a label or a replaced character looks like.
//!
//! Colour only repeats what a sign, a number or a position already says, so that `NO_COLOR`, sixteen colours and colour-vision
//! deficiencies lose nothing. No theme paints a background of its own: the cursor row is reversed, not filled.
//!
//! The score scale is perceptually even: its colours are spaced by equal distances in Oklab (Björn Ottosson, 2020,
//! <https://bottosson.github.io/posts/oklab/>), and its lightness is monotone, so that it stays ordered in greyscale.

use std::sync::Arc;

use ratatui::style::{Modifier, Style};

use crate::text::Glyphs;
use crate::trace::Label;

mod colour;
mod styles;

pub use colour::{Oklab, Rgb};
use styles::Styles;

/// How many colours the terminal can draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Depth {
    /// None: bold, underlined and reversed text only.
    Mono,
    /// The sixteen colours of the terminal's own palette.
    Ansi16,
    /// The 6x6x6 cube and the greys of xterm.
    Ansi256,
    /// 24 bits.
    TrueColor,
}

impl Depth {
    /// Reads `NO_COLOR` (<https://no-color.org>: any value but the empty one), `COLORTERM` and `TERM`.
    pub fn detect(env: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| env(name).filter(|value| !value.is_empty());
        let term = set("TERM").unwrap_or_default();
        if set("NO_COLOR").is_some() || term == "dumb" {
            return Self::Mono;
        }
        let colour_term = set("COLORTERM").unwrap_or_default().to_ascii_lowercase();
        if matches!(colour_term.as_str(), "truecolor" | "24bit") || term.contains("direct") || set("WT_SESSION").is_some() {
            return Self::TrueColor;
        }
        if term.contains("256") { Self::Ansi256 } else { Self::Ansi16 }
    }
}

/// What the terminal draws text upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Background {
    /// Light text on dark ground, and the guess when nothing is known.
    #[default]
    Dark,
    /// Dark text on light ground.
    Light,
}

impl Background {
    /// Reads `COLORFGBG` (`foreground;background`, palette numbers), which rxvt, Konsole and others set.
    pub fn detect(env: impl Fn(&str) -> Option<String>) -> Self {
        let number = env("COLORFGBG").and_then(|value| value.rsplit(';').next()?.trim().parse::<u8>().ok());
        if matches!(number, Some(7 | 9..=15)) { Self::Light } else { Self::Dark }
    }

    /// Reads a terminal's answer to OSC 11: `]11;rgb:RRRR/GGGG/BBBB` with one to four hexadecimal digits a channel.
    pub fn from_answer(answer: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(answer);
        let (_, colour) = text.split_once("]11;rgb:")?;
        let mut channels = colour.split(['/', '\u{1b}', '\u{7}']).take(3).map(|digits| {
            let most = 16_u32.checked_pow(u32::try_from(digits.len()).ok().filter(|digits| (1..=4).contains(digits))?)? - 1;
            Some(f64::from(u32::from_str_radix(digits, 16).ok()?) / f64::from(most))
        });
        let mut next = || channels.next().flatten();
        // Weights of Rec. 709 on the coded values: close enough to tell dark from light.
        let luma = 0.2126 * next()? + 0.7152 * next()? + 0.0722 * next()?;
        Some(if luma > 0.5 { Self::Light } else { Self::Dark })
    }
}

/// The names that [`Theme::named`] knows, the default first.
pub const THEME_NAMES: [&str; 5] = ["dark", "light", "colour-blind", "mono", "16"];

/// What a step score is drawn with: three anchor colours from wrong to right.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Scale {
    wrong: Oklab,
    middle: Oklab,
    right: Oklab,
}

impl Scale {
    /// Dark ground: vivid red, sand, aqua; the lighter the better.
    const DARK: Self =
        Self { wrong: Oklab::lch(0.66, 0.21, 15.0), middle: Oklab::lch(0.77, 0.08, 85.0), right: Oklab::lch(0.88, 0.10, 195.0) };
    /// Light ground: deep red, olive, teal; the darker the worse.
    const LIGHT: Self =
        Self { wrong: Oklab::lch(0.42, 0.17, 18.0), middle: Oklab::lch(0.49, 0.07, 85.0), right: Oklab::lch(0.55, 0.095, 225.0) };
    /// Yellow for wrong, blue for right: the pair that no common deficiency confuses, with more difference of lightness.
    const COLOUR_BLIND: Self = Self {
        wrong: Oklab::lch(0.92, 0.17, 100.0),
        middle: Oklab::lch(0.77, 0.04, 100.0),
        right: Oklab::lch(0.63, 0.13, 255.0),
    };

    /// The colour at `p` in `0..=1`, evenly spaced along the path wrong - middle - right.
    fn at(self, p: f64) -> Oklab {
        let first = self.wrong.distance(self.middle);
        let second = self.middle.distance(self.right);
        let along = p.clamp(0.0, 1.0) * (first + second);
        if along <= first {
            self.wrong.mix(self.middle, along / first)
        } else {
            self.middle.mix(self.right, (along - first) / second)
        }
    }
}

/// What kind of text a style is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Ordinary text.
    Text,
    /// What stands back: numbers of steps, hints, what is recorded but not yours.
    Dim,
    /// The row of the cursor.
    Cursor,
    /// A hit of the search.
    Hit,
    /// A replaced character ([`crate::text::Safe::marks`]).
    Mark,
    /// Something went wrong.
    Error,
    /// Something wants attention.
    Warning,
    /// A note of an annotator.
    Note,
}

/// Tokens of source code, as far as colours tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Token {
    /// Comments.
    Comment,
    /// Strings and characters.
    Text,
    /// Numbers, `true`, `None` and other constants.
    Constant,
    /// Keywords and operators that are words.
    Keyword,
    /// Names of functions, defined or called.
    Function,
    /// Names of types and classes.
    Type,
    /// Tags, keys and attributes.
    Attribute,
    /// Operators that are signs, drawn as plain text.
    Operator,
    /// What the language does not allow.
    Invalid,
}

/// A choice of colours for one terminal.
#[derive(Debug, Clone, PartialEq)]
pub struct Theme {
    name: &'static str,
    depth: Depth,
    /// What the terminal can show; the theme may use less.
    most: Depth,
    background: Background,
    scale: Scale,
    styles: Arc<Styles>,
}

impl Default for Theme {
    fn default() -> Self {
        Self::new("dark", Depth::TrueColor, Background::Dark, Scale::DARK)
    }
}

impl Theme {
    /// The theme of this name (see [`THEME_NAMES`]) with at most the colours of `depth`; `background` decides where the name does
    /// not. `None` for a name that is not known.
    pub fn named(name: &str, depth: Depth, background: Background) -> Option<Self> {
        let for_ground = if background == Background::Light { Scale::LIGHT } else { Scale::DARK };
        let theme = match name {
            "dark" => Self::new("dark", depth, Background::Dark, Scale::DARK),
            "light" => Self::new("light", depth, Background::Light, Scale::LIGHT),
            "colour-blind" => {
                let scale = if background == Background::Light { Scale::COLOUR_BLIND.darker() } else { Scale::COLOUR_BLIND };
                Self::new("colour-blind", depth, background, scale)
            }
            "mono" => Self::new("mono", Depth::Mono, background, for_ground),
            "16" => Self::new("16", depth.min(Depth::Ansi16), background, for_ground),
            _ => return None,
        };
        Some(Self { most: depth, ..theme })
    }

    fn new(name: &'static str, depth: Depth, background: Background, scale: Scale) -> Self {
        Self { name, depth, most: depth, background, scale, styles: Arc::new(Styles::of(name, depth, background, scale)) }
    }

    /// The theme for an environment: what its variables say about colours and background.
    pub fn detect(env: impl Fn(&str) -> Option<String>) -> Self {
        Self::on(Background::detect(&env), env)
    }

    /// The same on a background that is known.
    pub fn on(background: Background, env: impl Fn(&str) -> Option<String>) -> Self {
        Self::of(background, Depth::detect(&env))
    }

    /// The same for a terminal of these colours.
    pub fn of(background: Background, depth: Depth) -> Self {
        let name = match (depth, background) {
            (Depth::Mono, _) => "mono",
            (_, Background::Dark) => "dark",
            (_, Background::Light) => "light",
        };
        Self::named(name, depth, background).unwrap_or_default()
    }

    /// Its name in [`THEME_NAMES`].
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The colours it uses.
    pub fn depth(&self) -> Depth {
        self.depth
    }

    /// The colours that the terminal has, also those that this theme leaves out.
    pub fn most(&self) -> Depth {
        self.most
    }

    /// The ground it is made for.
    pub fn background(&self) -> Background {
        self.background
    }

    /// The colour of a score at the place `p` of its scale (`0..=1`, see [`Meaning::position`](crate::analysis::meaning::Meaning::position)) before it is fitted to the terminal.
    pub fn score_colour(&self, p: f64) -> Rgb {
        self.scale.at(p).to_rgb()
    }

    /// The style of a score, or of the text that it judges, at the place `p` of its scale (`0..=1`; see [`Meaning::position`](crate::analysis::meaning::Meaning::position)).
    pub fn score_style(&self, p: f64) -> Style {
        self.styles.score(p)
    }

    /// The style of a label's mark; `recorded` when it stands in the file and is not the annotator's own, which are bold.
    pub fn label_style(&self, label: Label, recorded: bool) -> Style {
        let style = match label {
            Label::Good => self.score_style(1.0),
            Label::Neutral => self.score_style(0.5),
            Label::Bad => self.score_style(0.0),
            Label::AfterError | Label::Unseen => self.role(Role::Dim),
        };
        style.add_modifier(match (recorded, label) {
            (true, _) => Modifier::DIM,
            (false, Label::Good | Label::Neutral | Label::Bad) => Modifier::BOLD,
            (false, Label::AfterError | Label::Unseen) => Modifier::empty(),
        })
    }

    /// The style of a role.
    pub fn role(&self, role: Role) -> Style {
        self.styles.role(role)
    }

    /// The style of a token of code.
    pub fn token(&self, token: Token) -> Style {
        self.styles.token(token)
    }
}

impl Scale {
    /// The same hues for light ground.
    const fn darker(self) -> Self {
        Self {
            wrong: Oklab { l: 0.55, a: self.wrong.a * 0.6, b: self.wrong.b * 0.6 },
            middle: Oklab { l: 0.49, ..self.middle },
            right: Oklab { l: 0.41, ..self.right },
        }
    }
}

/// The sign of a score: `!` below the threshold, `~` less than a tenth of the scale above it, else a space.
pub fn score_glyph(p: f64, threshold: f64) -> char {
    if p < threshold {
        '!'
    } else if p < threshold + 0.1 && p < 1.0 {
        '~'
    } else {
        ' '
    }
}

/// A bar for `p` in `0..=1`, exactly `cells` wide, filled up with spaces. Something that is not a number has an empty bar.
pub fn score_bar(p: f64, cells: usize, glyphs: &Glyphs) -> String {
    let levels = glyphs.bar.len().max(1);
    let p = if p.is_finite() { p.clamp(0.0, 1.0) } else { 0.0 };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the number of levels of the bar")]
    let filled = (p * (cells * levels) as f64).round() as usize;
    let full = glyphs.bar.last().copied().unwrap_or("=");
    let mut bar = full.repeat(filled / levels);
    let mut used = filled / levels;
    if let Some(part) = (filled % levels).checked_sub(1) {
        bar.push_str(glyphs.bar.get(part).copied().unwrap_or(full));
        used += 1;
    }
    bar.extend(std::iter::repeat_n(' ', cells.saturating_sub(used)));
    bar
}

/// The sign of a label: `+` good, `0` neutral, `x` bad, `.` behind the first error, `?` nobody has judged it.
pub fn label_mark(label: Label) -> char {
    match label {
        Label::Good => '+',
        Label::Neutral => '0',
        Label::Bad => 'x',
        Label::AfterError => '.',
        Label::Unseen => '?',
    }
}
