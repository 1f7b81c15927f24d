//! Colour arithmetic: Oklab, sRGB, and the palette of xterm.

use ratatui::style::Color;

/// A colour of Oklab: lightness `0..=1`, green-red and blue-yellow. Equal distances look equally different.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Oklab {
    /// Lightness, 0 black to 1 white.
    pub l: f64,
    /// Green (negative) to red.
    pub a: f64,
    /// Blue (negative) to yellow.
    pub b: f64,
}

impl Oklab {
    /// From lightness, chroma and hue (degrees).
    pub const fn lch(l: f64, chroma: f64, hue: f64) -> Self {
        let (sin, cos) = sin_cos(hue);
        Self { l, a: chroma * cos, b: chroma * sin }
    }

    /// Euclidean distance. About 0.02 is just noticeable.
    pub fn distance(self, other: Self) -> f64 {
        (self.l - other.l).hypot(self.a - other.a).hypot(self.b - other.b)
    }

    /// The point at `t` in `0..=1` on the way to `other`.
    #[must_use]
    pub fn mix(self, other: Self, t: f64) -> Self {
        let between = |from: f64, to: f64| from + (to - from) * t;
        Self { l: between(self.l, other.l), a: between(self.a, other.a), b: between(self.b, other.b) }
    }

    /// The nearest colour of sRGB: of the same lightness and hue, with less chroma where sRGB has not enough.
    pub fn to_rgb(self) -> Rgb {
        let mut chroma = 1.0;
        let mut linear = self.to_linear();
        while chroma > 0.0 && linear.iter().any(|v| !(-1e-4..=1.0001).contains(v)) {
            chroma -= 0.02;
            linear = Self { l: self.l, a: self.a * chroma, b: self.b * chroma }.to_linear();
        }
        Rgb::from_linear(linear)
    }

    /// Linear sRGB, not clipped. Matrices of Ottosson 2020.
    fn to_linear(self) -> [f64; 3] {
        let l = (self.l + 0.396_337_777_4 * self.a + 0.215_803_757_3 * self.b).powi(3);
        let m = (self.l - 0.105_561_345_8 * self.a - 0.063_854_172_8 * self.b).powi(3);
        let s = (self.l - 0.089_484_177_5 * self.a - 1.291_485_548 * self.b).powi(3);
        [
            4.076_741_662_1 * l - 3.307_711_591_3 * m + 0.230_969_929_2 * s,
            -1.268_438_004_6 * l + 2.609_757_401_1 * m - 0.341_319_396_5 * s,
            -0.004_196_086_3 * l - 0.703_418_614_7 * m + 1.707_614_701 * s,
        ]
    }

    fn from_linear([red, green, blue]: [f64; 3]) -> Self {
        let l = (0.412_221_470_8 * red + 0.536_332_536_3 * green + 0.051_445_992_9 * blue).cbrt();
        let m = (0.211_903_498_2 * red + 0.680_699_545_1 * green + 0.107_396_956_6 * blue).cbrt();
        let s = (0.088_302_461_9 * red + 0.281_718_837_6 * green + 0.629_978_700_5 * blue).cbrt();
        Self {
            l: 0.210_454_255_3 * l + 0.793_617_785 * m - 0.004_072_046_8 * s,
            a: 1.977_998_495_1 * l - 2.428_592_205 * m + 0.450_593_709_9 * s,
            b: 0.025_904_037_1 * l + 0.782_771_766_2 * m - 0.808_675_766 * s,
        }
    }
}

/// Sine and cosine of an angle in degrees, in constants. Taylor series around the nearest right angle: exact to 1e-9.
const fn sin_cos(degrees: f64) -> (f64, f64) {
    let mut rest = degrees;
    let mut turns = 0;
    while rest > 45.0 {
        rest -= 90.0;
        turns += 1;
    }
    let x = rest * std::f64::consts::PI / 180.0;
    let x2 = x * x;
    let sin = x * (1.0 - x2 / 6.0 * (1.0 - x2 / 20.0 * (1.0 - x2 / 42.0 * (1.0 - x2 / 72.0))));
    let cos = 1.0 - x2 / 2.0 * (1.0 - x2 / 12.0 * (1.0 - x2 / 30.0 * (1.0 - x2 / 56.0 * (1.0 - x2 / 90.0))));
    match turns % 4 {
        0 => (sin, cos),
        1 => (cos, -sin),
        2 => (-sin, -cos),
        _ => (-cos, sin),
    }
}

/// A colour of 8-bit sRGB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rgb(
    /// Red.
    pub u8,
    /// Green.
    pub u8,
    /// Blue.
    pub u8,
);

impl Rgb {
    /// Linear light, `0..=1` each.
    pub fn to_linear(self) -> [f64; 3] {
        [self.0, self.1, self.2].map(|byte| {
            let v = f64::from(byte) / 255.0;
            if v <= 0.040_45 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
        })
    }

    /// From linear light; what lies outside of `0..=1` is clipped.
    pub fn from_linear(linear: [f64; 3]) -> Self {
        let [r, g, b] = linear.map(|v| {
            let v = v.clamp(0.0, 1.0);
            let v = if v <= 0.003_130_8 { v * 12.92 } else { 1.055 * v.powf(1.0 / 2.4) - 0.055 };
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 255")]
            let byte = (v * 255.0).round() as u8;
            byte
        });
        Self(r, g, b)
    }

    /// The same colour in Oklab.
    pub fn to_oklab(self) -> Oklab {
        Oklab::from_linear(self.to_linear())
    }

    /// Relative luminance, `0..=1` (WCAG 2.2).
    pub fn luminance(self) -> f64 {
        let [r, g, b] = self.to_linear();
        0.2126 * r + 0.7152 * g + 0.0722 * b
    }

    /// Number of the nearest colour among the cube and the greys of xterm's palette, 16 to 255.
    pub fn to_ansi256(self) -> u8 {
        let wanted = self.to_oklab();
        let mut best = (f64::INFINITY, 16);
        for number in 16..=255 {
            let distance = Self::from_ansi256(number).to_oklab().distance(wanted);
            if distance < best.0 {
                best = (distance, number);
            }
        }
        best.1
    }

    /// A colour of xterm's cube (16 to 231) or greys (232 to 255). The first sixteen differ between terminals and are taken as 16.
    pub fn from_ansi256(number: u8) -> Self {
        if number >= 232 {
            let grey = 8 + (number - 232) * 10;
            return Self(grey, grey, grey);
        }
        let level = |step: u8| if step == 0 { 0 } else { 55 + step * 40 };
        let place = number.saturating_sub(16);
        Self(level(place / 36), level(place / 6 % 6), level(place % 6))
    }
}

impl From<Rgb> for Color {
    fn from(Rgb(r, g, b): Rgb) -> Self {
        Self::Rgb(r, g, b)
    }
}
