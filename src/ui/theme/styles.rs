//! Every style of a theme, worked out once: frames only look them up. Finding the nearest of 240 colours for each cell took half of
//! the time of a frame.

use ratatui::style::{Color, Modifier, Style};

use super::{Background, Depth, Oklab, Role, Scale, Token};

const ROLES: [Role; 8] = [Role::Text, Role::Dim, Role::Cursor, Role::Hit, Role::Mark, Role::Error, Role::Warning, Role::Note];
const TOKENS: [Token; 9] = [
    Token::Comment,
    Token::Text,
    Token::Constant,
    Token::Keyword,
    Token::Function,
    Token::Type,
    Token::Attribute,
    Token::Operator,
    Token::Invalid,
];
/// Steps of the scale of scores: more than eyes or 8-bit colours tell apart.
const LEVELS: usize = 256;

/// The styles of a theme.
#[derive(Debug, PartialEq)]
pub(super) struct Styles {
    roles: [Style; ROLES.len()],
    tokens: [Style; TOKENS.len()],
    scores: [Style; LEVELS + 1],
}

impl Styles {
    /// Those of a theme made of these.
    pub(super) fn of(name: &'static str, depth: Depth, background: Background, scale: Scale) -> Self {
        let ink = Ink { name, depth, background, scale };
        Self {
            roles: ROLES.map(|role| ink.role(role)),
            tokens: TOKENS.map(|token| ink.token(token)),
            scores: std::array::from_fn(|level| ink.score(level as f64 / LEVELS as f64)),
        }
    }

    /// The style of a role.
    pub(super) fn role(&self, role: Role) -> Style {
        // Invariant: the tables are in the order of the variants (tested).
        self.roles.get(role as usize).copied().unwrap_or_default()
    }

    /// The style of a token of code.
    pub(super) fn token(&self, token: Token) -> Style {
        self.tokens.get(token as usize).copied().unwrap_or_default()
    }

    /// The style of a score at `p` in `0..=1`; none for what is not a number.
    pub(super) fn score(&self, p: f64) -> Style {
        if !p.is_finite() {
            return Style::new();
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the number of levels")]
        let level = (p.clamp(0.0, 1.0) * LEVELS as f64).round() as usize;
        self.scores.get(level).copied().unwrap_or_default()
    }
}

/// What styles are made of.
#[derive(Clone, Copy)]
struct Ink {
    name: &'static str,
    depth: Depth,
    background: Background,
    scale: Scale,
}

impl Ink {
    fn score(self, p: f64) -> Style {
        let colour = self.scale.at(p).to_rgb();
        match self.depth {
            Depth::Mono if p < 0.25 => Style::new().add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
            Depth::Mono if p < 0.5 => Style::new().add_modifier(Modifier::BOLD),
            Depth::Mono => Style::new(),
            Depth::Ansi16 => Style::new().fg(self.score_ansi(p)),
            Depth::Ansi256 => Style::new().fg(Color::Indexed(colour.to_ansi256())),
            Depth::TrueColor => Style::new().fg(colour.into()),
        }
    }

    fn score_ansi(self, p: f64) -> Color {
        let [wrong, middle, right] = match (self.name, self.background) {
            ("colour-blind", Background::Dark) => [Color::LightYellow, Color::Gray, Color::LightBlue],
            ("colour-blind", Background::Light) => [Color::Yellow, Color::DarkGray, Color::Blue],
            (_, Background::Dark) => [Color::LightRed, Color::Yellow, Color::LightCyan],
            (_, Background::Light) => [Color::Red, Color::Yellow, Color::Blue],
        };
        if p < 1.0 / 3.0 {
            wrong
        } else if p < 2.0 / 3.0 {
            middle
        } else {
            right
        }
    }

    fn role(self, role: Role) -> Style {
        let plain = Style::new();
        let bold = plain.add_modifier(Modifier::BOLD);
        match role {
            Role::Text => plain,
            Role::Dim => self.tint(plain.add_modifier(Modifier::DIM), 0.62, 0.01, 250.0, Color::DarkGray),
            Role::Cursor => bold.add_modifier(Modifier::REVERSED),
            Role::Hit => self.tint(plain.add_modifier(Modifier::REVERSED), 0.86, 0.15, 95.0, Color::Yellow),
            Role::Mark => self.tint(bold.add_modifier(Modifier::UNDERLINED), 0.74, 0.17, 325.0, Color::LightMagenta),
            Role::Error => self.tint(bold, 0.70, 0.19, 25.0, Color::LightRed),
            Role::Warning => self.tint(bold, 0.84, 0.15, 85.0, Color::Yellow),
            Role::Note => self.tint(plain.add_modifier(Modifier::ITALIC), 0.80, 0.08, 310.0, Color::Magenta),
        }
    }

    fn token(self, token: Token) -> Style {
        let plain = Style::new();
        match token {
            Token::Operator => plain,
            Token::Comment => self.tint(plain.add_modifier(Modifier::ITALIC), 0.66, 0.03, 250.0, Color::DarkGray),
            Token::Text => self.tint(plain, 0.82, 0.10, 140.0, Color::Green),
            Token::Constant => self.tint(plain, 0.80, 0.10, 60.0, Color::Yellow),
            Token::Keyword => self.tint(plain.add_modifier(Modifier::BOLD), 0.76, 0.12, 305.0, Color::Magenta),
            Token::Function => self.tint(plain, 0.80, 0.10, 250.0, Color::Blue),
            Token::Type => self.tint(plain, 0.84, 0.09, 200.0, Color::Cyan),
            Token::Attribute => self.tint(plain, 0.80, 0.09, 30.0, Color::Cyan),
            Token::Invalid => self.tint(plain.add_modifier(Modifier::UNDERLINED), 0.70, 0.19, 25.0, Color::LightRed),
        }
    }

    /// `style` with a foreground: given in Oklch for dark ground, made dark enough for light ground, and as one of the terminal's own
    /// colours. Where there are colours, they replace [`Modifier::DIM`], which many terminals draw too faint to read.
    fn tint(self, style: Style, lightness: f64, chroma: f64, hue: f64, ansi: Color) -> Style {
        let colour = match self.background {
            Background::Dark => Oklab::lch(lightness, chroma, hue),
            Background::Light => Oklab::lch(light_ground(lightness), chroma * 1.1, hue),
        };
        let coloured = Style { add_modifier: style.add_modifier.difference(Modifier::DIM), ..style };
        match self.depth {
            Depth::Mono => style,
            Depth::Ansi16 => coloured.fg(match (self.background, ansi) {
                (Background::Light, Color::LightBlue) => Color::Blue,
                (Background::Light, Color::LightRed) => Color::Red,
                (Background::Light, Color::LightMagenta) => Color::Magenta,
                _ => ansi,
            }),
            Depth::Ansi256 => coloured.fg(Color::Indexed(colour.to_rgb().to_ansi256())),
            Depth::TrueColor => coloured.fg(colour.to_rgb().into()),
        }
    }
}

/// Lightness on light ground for what has `lightness` on dark ground: at most 0.55, so that the contrast with white stays above
/// 4.5:1 (WCAG 2.2, 1.4.3).
fn light_ground(lightness: f64) -> f64 {
    (1.15 - lightness * 0.85).clamp(0.38, 0.55)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_in_the_order_of_the_variants() {
        assert!(ROLES.iter().enumerate().all(|(n, role)| n == *role as usize) && ROLES.len() == Role::Note as usize + 1);
        assert!(TOKENS.iter().enumerate().all(|(n, token)| n == *token as usize) && TOKENS.len() == Token::Invalid as usize + 1);
    }
}
