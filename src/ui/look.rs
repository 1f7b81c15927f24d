//! How the screen looks on one terminal: colours, glyphs, widths, gathered so that panes ask one thing.

use ratatui::style::{Color, Modifier, Style};

use super::picture::DRAWS;
use super::theme::{Background, Role, Theme, Token, label_mark, score_bar, score_glyph};
use crate::text::{Ambiguous, Glyphs};
use crate::trace::Label;
use crate::typeset::Ink;

/// Colours, glyphs and widths.
#[derive(Debug, Clone)]
pub struct Look {
    /// Colours.
    pub theme: Theme,
    /// The colours are a guess: what the terminal still says of its background counts more.
    pub guessed: bool,
    /// Signs that are not text.
    pub glyphs: Glyphs,
    /// Cells of characters whose width depends on the terminal.
    pub ambiguous: Ambiguous,
    /// Pictures of problems are drawn, so that panes leave room for them.
    pub pictures: bool,
}

impl Look {
    /// The look for an environment.
    pub fn detect(env: impl Fn(&str) -> Option<String>) -> Self {
        let (theme, glyphs) = (Theme::detect(&env), Glyphs::detect(&env));
        Self { theme, guessed: false, glyphs, ambiguous: Ambiguous::Narrow, pictures: DRAWS }
    }

    /// The terminal says what it draws text upon: colours that were guessed follow, those that were chosen stay.
    pub(crate) fn answered(&mut self, background: Background) {
        if std::mem::take(&mut self.guessed) {
            self.theme = Theme::of(background, self.theme.most());
        }
    }

    /// Ordinary text.
    pub(super) fn plain(&self) -> Style {
        self.theme.role(Role::Text)
    }

    /// What stands back.
    pub(super) fn dim(&self) -> Style {
        self.theme.role(Role::Dim)
    }

    /// What stands out.
    #[expect(clippy::unused_self, reason = "asked like all other styles")]
    pub(super) fn strong(&self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// What is said to the user.
    pub(super) fn accent(&self) -> Style {
        self.theme.role(Role::Note)
    }

    /// What went wrong.
    pub(super) fn error(&self) -> Style {
        self.theme.role(Role::Error)
    }

    /// A search hit.
    pub(super) fn hit(&self) -> Style {
        self.theme.role(Role::Hit)
    }

    /// A character that the gate replaced.
    pub(super) fn replaced(&self) -> Style {
        self.theme.role(Role::Mark)
    }

    /// A part of a set text.
    pub(super) fn ink(&self, ink: Ink) -> Style {
        match ink {
            Ink::Source => self.theme.role(Role::Warning).add_modifier(Modifier::UNDERLINED),
            // A slash that stands for a fraction must be seen, and some palettes have their background in this place.
            Ink::Added if self.dim().fg == Some(Color::DarkGray) => self.plain(),
            Ink::Added | Ink::Syntax => self.dim(),
            Ink::Strong => self.strong(),
            Ink::Emphasis => Style::new().add_modifier(Modifier::ITALIC),
            Ink::Code => self.theme.token(Token::Text),
        }
    }

    /// The row of the cursor in a pane with the focus.
    pub(super) fn selected(&self) -> Style {
        self.theme.role(Role::Cursor)
    }

    /// Colour of a score.
    pub(super) fn score(&self, value: f64) -> Style {
        self.theme.score_style(value)
    }

    /// Words that another text has not got, or an equality that does not hold.
    pub(super) fn changed(&self) -> Style {
        self.theme.role(Role::Warning).add_modifier(Modifier::UNDERLINED)
    }

    /// Signs that take one cell each: blocks take two on terminals where characters of ambiguous width do.
    pub(super) fn narrow(&self) -> &Glyphs {
        const ASCII: &Glyphs = &Glyphs::ASCII;
        if self.ambiguous == Ambiguous::Wide { ASCII } else { &self.glyphs }
    }

    /// A score as one cell.
    pub(super) fn level(&self, value: f64) -> &'static str {
        let levels = self.narrow().levels;
        let share = if value.is_finite() { value.clamp(0.0, 1.0) } else { 0.0 };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the number of levels")]
        let level = (share * levels.len() as f64) as usize;
        levels.get(level.min(levels.len().saturating_sub(1))).copied().unwrap_or_default()
    }

    /// A score as a bar of at most `cells`.
    pub(super) fn bar(&self, value: f64, cells: usize) -> String {
        score_bar(value, cells, &self.glyphs)
    }

    /// The sign behind a score: which side of the threshold it is on.
    #[expect(clippy::unused_self, reason = "asked like all other signs")]
    pub(super) fn glyph(&self, value: f64, threshold: f64) -> String {
        score_glyph(value, threshold).to_string()
    }

    /// The sign of a step label: `x` for one's own, `(x)` for one that stands in the file.
    pub(super) fn label(&self, label: Label, own: bool) -> (String, Style) {
        let mark = label_mark(label);
        let sign = if own || label == Label::Unseen { format!(" {mark} ") } else { format!("({mark})") };
        (sign, self.theme.label_style(label, !own))
    }
}
