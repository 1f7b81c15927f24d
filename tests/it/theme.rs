//! Colours, signs and bars; code in steps.

use proptest::prelude::*;
use ratatui::style::{Color, Modifier, Style};
use stepscope::text::{Glyphs, WrapOptions, safe, width, wrap};
use stepscope::trace::Label;
use stepscope::typeset::fences;
use stepscope::ui::code::{Tokens, highlight, highlight_step, looks_like_python, token_runs};
use stepscope::ui::styled::styled;
use stepscope::ui::theme::{Background, Depth, Oklab, Rgb, Role, THEME_NAMES, Theme, Token, label_mark, score_bar, score_glyph};

use super::desk::Desk;

/// Simulation of the three dichromacies in linear RGB: G. M. Machado, M. M. Oliveira, L. A. F. Fernandes, "A Physiologically-based
/// Model for Simulation of Color Vision Deficiency", IEEE TVCG 15(6), 2009, severity 1.0.
const DEFICIENCIES: [(&str, [[f64; 3]; 3]); 3] = [
    ("protanopia", [[0.152_286, 1.052_583, -0.204_868], [0.114_503, 0.786_281, 0.099_216], [-0.003_882, -0.048_116, 1.051_998]]),
    ("deuteranopia", [[0.367_322, 0.860_646, -0.227_968], [0.280_085, 0.672_501, 0.047_413], [-0.011_820, 0.042_940, 0.968_881]]),
    ("tritanopia", [[1.255_528, -0.076_749, -0.178_779], [-0.078_411, 0.930_809, 0.147_602], [0.004_733, 0.691_367, 0.303_900]]),
];

fn simulate(colour: Rgb, matrix: &[[f64; 3]; 3]) -> Oklab {
    let linear = colour.to_linear();
    let seen = matrix.map(|row| row.iter().zip(linear).map(|(weight, v)| weight * v).sum());
    Rgb::from_linear(seen).to_oklab()
}

fn coloured_themes() -> Vec<Theme> {
    let make = |name| [Background::Dark, Background::Light].map(|ground| Theme::named(name, Depth::TrueColor, ground).unwrap());
    ["dark", "light", "colour-blind"].into_iter().flat_map(make).collect()
}

#[test]
fn the_score_scale_is_even_and_its_lightness_is_monotone() {
    for theme in coloured_themes() {
        let colours: Vec<Oklab> = (0..=20).map(|i| theme.score_colour(f64::from(i) / 20.0).to_oklab()).collect();
        let steps: Vec<f64> = colours.windows(2).map(|pair| pair[0].distance(pair[1])).collect();
        let mean = steps.iter().sum::<f64>() / 20.0;
        assert!(steps.iter().all(|step| (step / mean - 1.0).abs() < 0.25), "{} {steps:?}", theme.name());
        let up = colours[20].l > colours[0].l;
        let rising =
            colours.windows(2).all(|pair| (pair[1].l > pair[0].l - 0.002) == up || (pair[1].l - pair[0].l).abs() < 0.002);
        assert!(rising && (colours[20].l - colours[0].l).abs() > 0.12, "{} {colours:?}", theme.name());
    }
}

#[test]
fn wrong_middle_and_right_stay_apart_for_every_colour_vision() {
    for theme in coloured_themes() {
        for (name, matrix) in &DEFICIENCIES {
            let [wrong, middle, right] = [0.0, 0.5, 1.0].map(|p| simulate(theme.score_colour(p), matrix));
            let what = format!("{} {:?} {name}", theme.name(), theme.background());
            // 0.02 is just noticeable.
            assert!(wrong.distance(right) > 0.15, "{what}: {}", wrong.distance(right));
            assert!(wrong.distance(middle) > 0.06 && middle.distance(right) > 0.06, "{what}");
            assert!((wrong.l < middle.l) == (middle.l < right.l), "{what}: not ordered by lightness");
        }
    }
}

#[test]
fn every_score_can_be_read_on_its_ground() {
    for theme in coloured_themes() {
        let ground = if theme.background() == Background::Dark { Rgb(0x1c, 0x1c, 0x1c) } else { Rgb(255, 255, 255) };
        for i in 0..=20 {
            let colour = theme.score_colour(f64::from(i) / 20.0);
            let (high, low) = (colour.luminance().max(ground.luminance()), colour.luminance().min(ground.luminance()));
            // WCAG 2.2, success criterion 1.4.3.
            let contrast = (high + 0.05) / (low + 0.05);
            assert!(contrast >= 4.5, "{} {:?} {i}: {contrast} {colour:?}", theme.name(), theme.background());
        }
    }
}

fn env<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
    |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
}

#[test]
fn the_environment_chooses_colours_ground_and_glyphs() {
    let cases: [(&[(&str, &str)], Depth); 8] = [
        (&[], Depth::Ansi16),
        (&[("TERM", "xterm-256color")], Depth::Ansi256),
        (&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")], Depth::TrueColor),
        (&[("TERM", "xterm-direct")], Depth::TrueColor),
        (&[("TERM", "linux")], Depth::Ansi16),
        (&[("TERM", "dumb")], Depth::Mono),
        (&[("NO_COLOR", "1"), ("COLORTERM", "truecolor")], Depth::Mono),
        (&[("NO_COLOR", ""), ("COLORTERM", "24bit")], Depth::TrueColor),
    ];
    for (pairs, depth) in cases {
        assert_eq!(Depth::detect(env(pairs)), depth, "{pairs:?}");
    }
    assert_eq!(Theme::detect(env(&[("COLORFGBG", "0;15"), ("TERM", "xterm-256color")])).name(), "light");
    assert_eq!(Theme::detect(env(&[("COLORFGBG", "15;default;0"), ("TERM", "xterm-256color")])).name(), "dark");
    assert_eq!(Theme::detect(env(&[("NO_COLOR", "yes")])).name(), "mono");
    assert_eq!(Glyphs::detect(env(&[("LANG", "de_DE.UTF-8")])), Glyphs::UNICODE);
    assert_eq!(Glyphs::detect(env(&[("LANG", "de_DE.UTF-8"), ("LC_ALL", "C")])), Glyphs::ASCII);
    assert_eq!(Glyphs::detect(env(&[("LC_CTYPE", "en_US.utf8"), ("TERM", "linux")])), Glyphs::ASCII);
}

fn all_styles(theme: &Theme) -> Vec<Style> {
    use Role::{Cursor, Dim, Error, Hit, Mark, Note, Text, Warning};
    let roles = [Text, Dim, Cursor, Hit, Mark, Error, Warning, Note].map(|role| theme.role(role));
    let labels = [Label::Good, Label::Neutral, Label::Bad, Label::AfterError, Label::Unseen];
    let labels = labels.into_iter().flat_map(|label| [theme.label_style(label, true), theme.label_style(label, false)]);
    let tokens = [Token::Comment, Token::Text, Token::Constant, Token::Keyword, Token::Function, Token::Type, Token::Operator];
    let scores = (0..=10).map(|i| theme.score_style(f64::from(i) / 10.0));
    roles.into_iter().chain(labels).chain(tokens.map(|token| theme.token(token))).chain(scores).collect()
}

#[test]
fn a_theme_uses_no_more_colours_than_the_terminal_has_and_paints_no_background() {
    for name in THEME_NAMES {
        for depth in [Depth::Mono, Depth::Ansi16, Depth::Ansi256, Depth::TrueColor] {
            for ground in [Background::Dark, Background::Light] {
                let theme = Theme::named(name, depth, ground).unwrap();
                assert_eq!(theme.name(), name);
                assert!(theme.depth() <= depth);
                for style in all_styles(&theme) {
                    assert_eq!(style.bg, None);
                    let needed = match style.fg {
                        None => Depth::Mono,
                        Some(Color::Rgb(..)) => Depth::TrueColor,
                        Some(Color::Indexed(number)) => {
                            assert!(number >= 16, "the first sixteen colours are the user's own");
                            Depth::Ansi256
                        }
                        Some(_) => Depth::Ansi16,
                    };
                    assert!(needed <= theme.depth(), "{name} {depth:?}: {style:?}");
                }
            }
        }
    }
    assert_eq!(Theme::named("solarized", Depth::TrueColor, Background::Dark), None);
}

#[test]
fn without_colours_a_low_score_is_bold() {
    let mono = Theme::named("mono", Depth::TrueColor, Background::Dark).unwrap();
    assert_eq!(mono.score_style(0.9), Style::new());
    assert_eq!(mono.score_style(0.4), Style::new().add_modifier(Modifier::BOLD));
    assert_eq!(mono.score_style(0.1), Style::new().add_modifier(Modifier::BOLD | Modifier::UNDERLINED));
    assert_eq!(Theme::default().score_style(f64::NAN), Style::new());
}

#[test]
fn signs_and_bars_say_the_same_as_the_colours() {
    assert_eq!([0.0, 0.49, 0.5, 0.59, 0.61, 1.0].map(|p| score_glyph(p, 0.5)).iter().collect::<String>(), "!!~~  ");
    assert_eq!(score_glyph(1.0, 0.95), ' ');
    let labels = [Label::Good, Label::Neutral, Label::Bad, Label::AfterError, Label::Unseen];
    assert_eq!(labels.map(label_mark).iter().collect::<String>(), "+0x.?");
    assert_eq!(score_bar(0.98, 9, &Glyphs::ASCII), "=========");
    assert_eq!(score_bar(0.5, 4, &Glyphs::ASCII), "==  ");
    assert_eq!(score_bar(0.5, 4, &Glyphs::UNICODE), "██  ");
    assert_eq!(score_bar(0.33, 2, &Glyphs::UNICODE), "▋ ");
    assert_eq!(score_bar(f64::NAN, 3, &Glyphs::UNICODE), "   ");
    assert_eq!(score_bar(7.0, 3, &Glyphs::ASCII), "===");
}

#[test]
fn every_glyph_has_the_width_that_its_field_promises() {
    for glyphs in [Glyphs::ASCII, Glyphs::UNICODE] {
        let one = [glyphs.ellipsis, glyphs.folded, glyphs.unfolded, glyphs.leaf, glyphs.check, glyphs.cross, glyphs.pointer];
        let more = [glyphs.rule, glyphs.border, glyphs.dot].into_iter().chain(glyphs.more);
        for glyph in one.into_iter().chain(more).chain(glyphs.bar.iter().copied()).chain(glyphs.busy.iter().copied()) {
            assert_eq!(width(glyph), 1, "{glyph}");
            assert_eq!(safe(glyph).as_str(), glyph);
        }
        for glyph in [glyphs.branch, glyphs.last_branch, glyphs.trunk, glyphs.gap] {
            assert_eq!(width(glyph), 2, "{glyph}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bars_are_as_wide_as_asked_and_grow_with_the_score(a in 0.0_f64..=1.0, b in 0.0_f64..=1.0, cells in 0_usize..20) {
        for glyphs in [Glyphs::ASCII, Glyphs::UNICODE] {
            let bar = |p| score_bar(p, cells, &glyphs);
            prop_assert_eq!(width(&bar(a)), cells);
            let filled = |p: f64| bar(p).trim_end().chars().count();
            prop_assert!(filled(a.min(b)) <= filled(a.max(b)));
        }
    }

    #[test]
    fn code_ranges_are_ascending_disjoint_and_inside(
        parts in prop::collection::vec(
            prop_oneof!["[ -~]{0,30}", Just("\n".to_owned()), Just("```python\n".to_owned()), Just("```\n".to_owned()),
                Just("def f(x): return 'é' # ".to_owned()), Just("\"\"\"".to_owned()), Just("漢".to_owned()), Just("~~~~".to_owned())], 0..20),
    ) {
        let text = safe(&parts.concat());
        let blocks = fences(&text);
        let mut end = 0;
        for fence in &blocks {
            prop_assert!(fence.block.start >= end && fence.block.start <= fence.code.start);
            prop_assert!(fence.code.start <= fence.code.end && fence.code.end <= fence.block.end);
            prop_assert!(text.get(fence.code.clone()).is_some() && text.get(fence.block.clone()).is_some());
            end = fence.block.end;
        }
        let mut end = 0;
        for (range, _) in highlight_step(&text) {
            prop_assert!(range.start >= end && !range.is_empty());
            prop_assert!(text.get(range.clone()).is_some());
            end = range.end;
        }
    }
}

fn named(code: &str, tokens: &Tokens) -> Vec<(String, Token)> {
    tokens.iter().map(|(range, token)| (code[range.clone()].trim().to_owned(), *token)).collect()
}

#[test]
fn tokens_of_python_have_their_kinds() {
    let code = "def area(r):\n    # circle\n    return 3.14 * r ** 2\nprint('ok', area(2), None)\n";
    let found = named(code, &highlight(code, Some("py")));
    for expected in [
        ("def", Token::Keyword),
        ("area", Token::Function),
        ("# circle", Token::Comment),
        ("return", Token::Keyword),
        ("3.14", Token::Constant),
        ("print", Token::Function),
        ("'ok'", Token::Text),
        ("None", Token::Constant),
    ] {
        assert!(found.iter().any(|(text, token)| (text.as_str(), *token) == expected), "{expected:?} not in {found:?}");
    }
    assert_eq!(highlight(code, None), highlight(code, Some("python")));
    assert_eq!(highlight("So x = 7.", None), []);
    assert_eq!(highlight(code, Some("klingon")), []);
    assert_eq!(highlight(&code.repeat(2_000), Some("python")), []);
}

#[test]
fn fences_are_found_with_their_language() {
    let text = "We run\n```Python title=\"x\"\nprint(1)\n```\nthen\n~~~~\n```\nplain\n~~~~\ninline ```x``` and\n  ```{.json}\n{\"a\": 1}";
    let found: Vec<(&str, &str, &str)> = fences(text)
        .iter()
        .map(|fence| (&text[fence.block.clone()], &text[fence.code.clone()], fence.language.clone().leak() as &str))
        .collect();
    assert_eq!(
        found,
        [
            ("```Python title=\"x\"\nprint(1)\n```", "print(1)\n", "python"),
            ("~~~~\n```\nplain\n~~~~", "```\nplain\n", ""),
            ("  ```{.json}\n{\"a\": 1}", "{\"a\": 1}", "json"),
        ]
    );
    assert_eq!(fences("```\n").len(), 1);
    assert_eq!(fences("no fence"), []);
}

#[test]
fn prose_is_not_taken_for_a_program() {
    assert!(looks_like_python("from sympy import *\nx = symbols('x')\nprint(solve(x**2 - 2, x))"));
    assert!(looks_like_python("total = 0\nfor i in range(10):\n    total += i\nprint(total)"));
    for prose in [
        "So 5x = 2(3x - 7).",
        "5x = 6x - 14.\n\nSo x = 7.",
        "Import duties rise:\nfor each of them in turn:",
        "# Answer\n\n7",
        "",
    ] {
        assert!(!looks_like_python(prose), "{prose:?}");
    }
}

#[test]
fn code_colours_reach_the_rows_of_a_step() {
    let text = safe("Run:\n```python\nreturn 1\n```\n");
    let runs = token_runs(&highlight_step(&text), &Theme::default());
    let wrapped = wrap(&text, WrapOptions::new(40));
    let line = styled(&text, &wrapped.rows()[2], &[&runs]);
    let spans: Vec<(&str, Style)> = line.spans.iter().map(|span| (&*span.content, span.style)).collect();
    let theme = Theme::default();
    assert_eq!(spans, [("return", theme.token(Token::Keyword)), (" ", Style::new()), ("1", theme.token(Token::Constant))]);
}

#[test]
fn the_answer_of_the_terminal_says_which_background_it_has() {
    let answer = |text: &str| Background::from_answer(text.as_bytes());
    assert_eq!(answer("\x1b]11;rgb:ffff/fdfd/f6f6\x1b\\\x1b[?62;22c"), Some(Background::Light));
    assert_eq!(answer("\x1b]11;rgb:16/18/1d\x07\x1b[?1;2c"), Some(Background::Dark));
    assert_eq!(answer("\x1b[?62;22c"), None);
    assert_eq!(answer("\x1b]11;rgb:zz/00/00\x07"), None);
    assert_eq!(answer("\x1b]11;rgb:"), None);
}

#[test]
fn a_theme_with_few_colours_can_be_left_again() {
    let mut desk = Desk::demo();
    for (name, depth) in [("16", Depth::Ansi16), ("mono", Depth::Mono), ("light", Depth::TrueColor)] {
        desk.keys(&format!(":theme {name}<Enter>"));
        assert_eq!((desk.app.look.theme.name(), desk.app.look.theme.depth()), (name, depth));
        assert!(desk.screen().contains(&format!("theme {name}")), "{}", desk.screen());
    }
    desk.app.look.theme = Theme::named("dark", Depth::Mono, Background::Dark).unwrap();
    desk.keys(":theme light<Enter>");
    assert!(desk.screen().contains("without colours"), "{}", desk.screen());
}
