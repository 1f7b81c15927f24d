//! Pictures in cells: half blocks of two colours, or pixels where the terminal has a way to show them. Only with the feature `images`;
//! without it there is nothing that could be drawn, and the path of a picture stands alone.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::look::Look;

/// The program was built to draw pictures.
pub const DRAWS: bool = cfg!(feature = "images");

/// How a terminal shows pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Way {
    /// Not at all: each cell stands for two of them, one above the other.
    #[default]
    Blocks,
    /// The protocol of kitty, with its placeholders.
    Kitty,
    /// Sixel.
    Sixel,
    /// Files within lines, as iTerm2 and WezTerm have them.
    Iterm2,
}

/// What a terminal draws pictures on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Canvas {
    /// How it shows pixels.
    pub way: Way,
    /// Pixels of a cell, across and down.
    pub cell: (u16, u16),
}

impl Default for Canvas {
    /// Half blocks.
    fn default() -> Self {
        Self { way: Way::Blocks, cell: (1, 2) }
    }
}

impl Canvas {
    /// Reads what a terminal answered to a request of kitty's protocol, for its name (XTVERSION), for the size of a cell (`CSI 16 t`) and for
    /// its kind (DA1). `cell` is the size of a cell as the system knows it, for terminals that do not tell; without any, nothing but half
    /// blocks finds its place.
    pub fn from_answer(answer: &[u8], cell: Option<(u16, u16)>, env: impl Fn(&str) -> Option<String>) -> Self {
        let text = String::from_utf8_lossy(answer);
        let Some(cell) = cell_size(&text).or(cell.filter(|cell| is_cell(*cell))) else { return Self::default() };
        let set = |name: &str| env(name).is_some_and(|value| !value.is_empty());
        let is = |program: &str| env("TERM_PROGRAM").is_some_and(|name| name == program);
        let sixel = text.split("\x1b[?").nth(1).and_then(|rest| rest.split('c').next());
        let way = if is("iTerm.app") || is("WezTerm") || set("WEZTERM_EXECUTABLE") {
            Way::Iterm2
        } else if set("KONSOLE_VERSION") || is_old_kitty(&text) {
            // They answer kitty's request and do not know its placeholders.
            return Self::default();
        } else if text.contains("\x1b_Gi=31;OK") {
            Way::Kitty
        } else if sixel.is_some_and(|kinds| kinds.split(';').skip(1).any(|kind| kind == "4")) {
            Way::Sixel
        } else {
            return Self::default();
        };
        Self { way, cell }
    }
}

/// Pixels of a cell in an answer `ESC [ 6 ; height ; width t`.
fn cell_size(answer: &str) -> Option<(u16, u16)> {
    let (pixels, _) = answer.split("\x1b[6;").nth(1)?.split_once('t')?;
    let (height, width) = pixels.split_once(';')?;
    let cell = (width.parse().ok()?, height.parse().ok()?);
    is_cell(cell).then_some(cell)
}

/// Sizes that a cell can have, in pixels.
fn is_cell((width, height): (u16, u16)) -> bool {
    (2..=256).contains(&width) && (2..=256).contains(&height)
}

/// A kitty before 0.28, where placeholders came.
fn is_old_kitty(answer: &str) -> bool {
    let version = answer.split("\x1bP>|kitty(").nth(1).and_then(|rest| rest.split(')').next());
    let Some((major, rest)) = version.and_then(|version| version.split_once('.')) else { return false };
    let minor = rest.split('.').next().unwrap_or_default();
    matches!((major.parse::<u32>(), minor.parse::<u32>()), (Ok(0), Ok(minor)) if minor < 28)
}

pub use drawn::Drawn;

#[cfg(feature = "images")]
mod drawn {
    use std::io::Cursor;
    use std::sync::Arc;

    use image::{DynamicImage, ImageError, ImageReader, Limits, Rgba, RgbaImage, imageops};
    use ratatui::layout::Size;
    use ratatui::style::Color;
    use ratatui::widgets::Widget;
    use ratatui_image::protocol::{Protocol, halfblocks::Halfblocks, iterm2::Iterm2, kitty::Kitty, sixel::Sixel};
    use ratatui_image::{FilterType, FontSize, Resize};

    use super::{Buffer, Canvas, Look, Rect, Way};
    use crate::text::Glyphs;
    use crate::ui::theme::{Depth, Rgb};

    /// Longest side of a picture that is decoded, in pixels.
    const LONGEST_SIDE: u32 = 16_384;
    /// Memory that decoding one may take, in bytes.
    const MOST_MEMORY: u64 = 160 << 20;
    /// Figures are black on white, and often on nothing.
    const PAPER: Rgba<u8> = Rgba([255; 4]);

    /// A picture made for a place on the screen.
    #[derive(Clone)]
    pub struct Drawn {
        protocol: Arc<Protocol>,
        way: Way,
    }

    impl std::fmt::Debug for Drawn {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "Drawn({:?}, {:?})", self.way, self.protocol.size())
        }
    }

    impl Drawn {
        /// Decodes a file (PNG, JPEG, the first frame of GIF and WebP) and makes it as large as `cells` (columns, rows) allow, never
        /// larger than it is. Takes its time; what is too large is refused by its head.
        pub fn of(bytes: &[u8], cells: (u16, u16), canvas: Canvas, number: u32) -> Result<Self, String> {
            let picture = decode(bytes).map_err(|error| said(&error))?;
            let font = FontSize::new(canvas.cell.0, canvas.cell.1);
            let fit = Resize::Fit(Some(FilterType::Triangle));
            let size = fit.size_for(&picture, font, Size::new(cells.0.max(1), cells.1.max(1)));
            let size = Size::new(size.width.max(1), size.height.max(1));
            let picture = on_paper(&fit.resize(&picture, font, size, Some(PAPER)));
            let protocol = match canvas.way {
                Way::Blocks => Halfblocks::new(picture, size).map(Protocol::Halfblocks),
                Way::Kitty => Kitty::new(picture, size, number, false, false).map(Protocol::Kitty),
                Way::Sixel => Sixel::new(picture, size, false).map(Protocol::Sixel),
                Way::Iterm2 => Iterm2::new(picture, size, false).map(Protocol::ITerm2),
            };
            let protocol = protocol.map_err(|error| format!("cannot be drawn: {error}"))?;
            Ok(Self { protocol: Arc::new(protocol), way: canvas.way })
        }

        /// Draws it; says why not where the terminal has no signs or colours for it.
        pub(in crate::ui) fn draw(&self, buffer: &mut Buffer, rect: Rect, look: &Look) -> Result<(), &'static str> {
            if self.way != Way::Blocks {
                ratatui_image::Image::new(&self.protocol).render(rect, buffer);
                return Ok(());
            }
            if look.glyphs == Glyphs::ASCII {
                return Err("is not drawn in ASCII");
            }
            if look.theme.depth() < Depth::Ansi256 {
                return Err("needs a terminal of 256 colours");
            }
            ratatui_image::Image::new(&self.protocol).allow_clipping(true).render(rect, buffer);
            if look.theme.depth() == Depth::Ansi256 {
                for position in rect.intersection(buffer.area).positions() {
                    let cell = &mut buffer[position];
                    (cell.fg, cell.bg) = (indexed(cell.fg), indexed(cell.bg));
                }
            }
            Ok(())
        }
    }

    fn decode(bytes: &[u8]) -> Result<DynamicImage, ImageError> {
        let mut limits = Limits::default();
        limits.max_image_width = Some(LONGEST_SIDE);
        limits.max_image_height = Some(LONGEST_SIDE);
        limits.max_alloc = Some(MOST_MEMORY);
        let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
        reader.limits(limits);
        reader.decode()
    }

    fn said(error: &ImageError) -> String {
        match error {
            ImageError::Limits(_) => "is too large to be drawn".to_owned(),
            ImageError::Unsupported(_) => "is of a kind that is not drawn; PNG, JPEG, GIF and WebP are".to_owned(),
            error => format!("cannot be read: {error}"),
        }
    }

    fn on_paper(picture: &DynamicImage) -> DynamicImage {
        let mut paper = RgbaImage::from_pixel(picture.width(), picture.height(), PAPER);
        imageops::overlay(&mut paper, &picture.to_rgba8(), 0, 0);
        paper.into()
    }

    fn indexed(colour: Color) -> Color {
        match colour {
            Color::Rgb(r, g, b) => Color::Indexed(Rgb(r, g, b).to_ansi256()),
            other => other,
        }
    }
}

#[cfg(not(feature = "images"))]
mod drawn {
    use super::{Buffer, Canvas, Look, Rect};

    /// A picture made for a place on the screen: there is none.
    #[derive(Debug, Clone)]
    pub enum Drawn {}

    impl Drawn {
        /// Nothing is drawn by this build.
        pub fn of(_bytes: &[u8], _cells: (u16, u16), _canvas: Canvas, _number: u32) -> Result<Self, String> {
            Err("is not drawn by this build, which lacks the feature images".to_owned())
        }

        pub(in crate::ui) fn draw(&self, _buffer: &mut Buffer, _rect: Rect, _look: &Look) -> Result<(), &'static str> {
            match *self {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_draws_pixels_only_where_it_said_so_and_how_large_its_cells_are() {
        let none = |_: &str| None;
        let canvas = |answer: &str| Canvas::from_answer(answer.as_bytes(), None, none);
        let cell = (10, 20);
        assert_eq!(canvas("\x1b_Gi=31;OK\x1b\\\x1b[6;20;10t\x1b[?62;c"), Canvas { way: Way::Kitty, cell });
        assert_eq!(canvas("\x1b[6;20;10t\x1b[?62;4;22c"), Canvas { way: Way::Sixel, cell });
        for answer in
            ["", "\x1b[?62;4c", "\x1b_Gi=31;OK\x1b\\\x1b[?62c", "\x1b[6;20;10t\x1b[?64;14;44c", "\x1b[6;0;10t\x1b[?1;4c"]
        {
            assert_eq!(canvas(answer), Canvas::default(), "{answer:?}");
        }
        let kitty = |version: &str| canvas(&format!("\x1b_Gi=31;OK\x1b\\\x1bP>|kitty({version})\x1b\\\x1b[6;20;10t\x1b[?62;c"));
        assert_eq!(kitty("0.26.5"), Canvas::default(), "before it had placeholders");
        assert_eq!([kitty("0.28.0"), kitty("0.40.1"), kitty("1.0.0"), kitty("?")].map(|canvas| canvas.way), [Way::Kitty; 4]);
        // What xterm says as it comes.
        let xterm = b"\x1bP>|XTerm(379)\x1b\\\x1b[?63;1;2;4;6;9;15;16;22;28c";
        assert_eq!(Canvas::from_answer(xterm, Some(cell), none), Canvas { way: Way::Sixel, cell });
        assert_eq!(Canvas::from_answer(xterm, Some((0, 0)), none), Canvas::default());
        let answer = "\x1b_Gi=31;OK\x1b\\\x1b[6;20;10t\x1b[?62;4c";
        let on = |name: &'static str, value: &'static str| {
            Canvas::from_answer(answer.as_bytes(), None, move |asked: &str| (asked == name).then(|| value.to_owned()))
        };
        assert_eq!(on("TERM_PROGRAM", "WezTerm").way, Way::Iterm2);
        assert_eq!(on("KONSOLE_VERSION", "230800"), Canvas::default());
    }
}
