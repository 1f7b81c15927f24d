//! The gate for foreign text, its width, and its rows.

use std::fmt::Write;
use std::num::NonZeroU16;

use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line;
use stepscope::text::{Ambiguous, Safe, WrapOptions, clip, clusters, pad, safe, safe_line, width, wrap};
use stepscope::ui::styled::{Run, mark_runs, put, styled};
use unicode_width::UnicodeWidthChar;

/// Characters that attack terminals, eyes or layout, and the neighbours that make some of them harmless.
fn hostile_alphabet() -> Vec<char> {
    let mut set: Vec<char> = ('\0'..='\x1f').chain('\x7f'..='\u{a0}').collect();
    set.extend("ab1#*;<[]\\ -=~.é\u{ad}\u{301}\u{338}\u{34f}\u{488}".chars());
    set.extend("א\u{5b0}لا\u{600}\u{605}\u{61c}\u{64e}می\u{6dd}\u{70f}\u{8e2}कक्षि\u{94d}\u{930}\u{93f}ක\u{dca}ര\u{d4e}".chars());
    set.extend("ก\u{e33}\u{115f}\u{1160}ᄀ\u{1161}\u{11a8}각ក\u{17d2}\u{17b4}\u{17b5}\u{17d8}ᠠ\u{180b}\u{180e}\u{1a15}".chars());
    set.extend('\u{200b}'..='\u{200f}');
    set.extend('\u{2028}'..='\u{202f}');
    set.extend('\u{2060}'..='\u{206f}');
    set.extend("\u{20dd}\u{20e3}…−∑≠∩❤☠⌚©\u{2800}\u{2d7f}ⵏ\u{3000}漢、か\u{3099}\u{302a}\u{3164}ꓹꓼ\u{a8fa}".chars());
    set.extend(
        "\u{e000}\u{f8ff}\u{fdd0}\u{fdef}\u{fe00}\u{fe01}\u{fe0e}\u{fe0f}\u{fe20}\u{feff}\u{ff21}ｶ\u{ff9e}\u{ff9f}\u{ffa0}"
            .chars(),
    );
    set.extend("\u{fff0}\u{fff9}\u{fffa}\u{fffb}\u{fffc}\u{fffd}\u{fffe}\u{ffff}".chars());
    set.extend(
        "\u{110bd}\u{11046}\u{1107f}\u{13000}\u{13430}\u{10c32}\u{10c03}\u{16d63}\u{1bca0}\u{1d165}\u{1d173}\u{1d17a}".chars(),
    );
    set.extend(
        "😀👩👧🏽\u{1f3fb}🏴🇩🇪\u{1f1e6}\u{1fffe}𠮷\u{e0000}\u{e0001}\u{e0020}\u{e0067}\u{e007f}\u{e0100}\u{e01ef}\u{10ffff}"
            .chars(),
    );
    set
}

/// Characters that must never leave the gate, wherever they stand.
fn forbidden(c: char) -> bool {
    matches!(c,
        '\0'..='\x09' | '\x0b'..='\x1f' | '\x7f'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}'
        | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        | '\u{fff0}'..='\u{fffb}' | '\u{fdd0}'..='\u{fdef}' | '\u{e0000}'..='\u{e00ff}' | '\u{e01f0}'..='\u{e0fff}')
        || u32::from(c) & 0xfffe == 0xfffe
}

/// A terminal of one row, to ask where the cursor ends up.
struct Terminal(vt100::Parser);

impl Terminal {
    fn new() -> Self {
        let size = |n| NonZeroU16::new(n).unwrap();
        Self(vt100::Parser::new(size(1), size(600), 0))
    }

    fn columns(&mut self, text: &str) -> usize {
        self.0.process(b"\r");
        self.0.process(text.as_bytes());
        usize::from(self.0.screen().cursor_position().1)
    }
}

/// The emulator adds up code points; clusters that are narrower or wider than their parts (emoji sequences, ligatures) it cannot
/// judge; nor U+FFFD, which it leaves out, and U+17D8, the one character of three cells.
fn emulator_can_judge(text: &str) -> bool {
    text.chars().all(|c| !matches!(c, '\u{17d8}' | '\u{fffd}'))
        && text.chars().map(|c| c.width().unwrap_or(0)).sum::<usize>() == width(text)
}

/// Everything that must hold for any input. Returns true when the width could be compared with the emulator.
fn check(input: &str, terminal: &mut Terminal) -> bool {
    let out = safe(input);
    assert!(!out.chars().any(forbidden), "{input:?} -> {out:?}");
    let again = safe(&out);
    assert_eq!(again, out, "not idempotent: {input:?}");
    for (_, cluster) in clusters(&out) {
        assert!(cluster.chars().count() <= 16, "{input:?} -> {out:?}");
        assert!(width(cluster) > 0, "a cluster without a cell: {input:?} -> {out:?}");
    }
    let mut end = 0;
    for mark in out.marks() {
        assert!(mark.start >= end && !mark.is_empty(), "{input:?}: {:?}", out.marks());
        assert!(out.get(mark.clone()).is_some(), "{input:?}: {:?}", out.marks());
        end = mark.end;
    }
    let kept = out.chars().filter(|c| input.contains(*c)).count();
    assert!(out.replaced() == 0 || kept < out.chars().count(), "{input:?} -> {out:?}");
    if out.contains('\n') || !emulator_can_judge(&out) {
        return false;
    }
    assert_eq!(terminal.columns(&out), width(&out), "{input:?} -> {out:?}");
    true
}

#[test]
fn every_scalar_alone_is_safe_and_as_wide_as_the_terminal_says() {
    let mut terminal = Terminal::new();
    let mut text = String::new();
    let mut judged = 0;
    for c in ('\0'..=char::MAX).filter(|&c| u32::from(c) < 0x3_2400 || u32::from(c) >= 0xe_0000) {
        // Private use and unassigned code points from U+10000 on are all alike: look at every 61st.
        if u32::from(c) >= 0xf_0000 && u32::from(c) % 61 != 0 && u32::from(c) & 0xfff0 != 0xfff0 {
            continue;
        }
        text.clear();
        text.push(c);
        judged += u32::from(check(&text, &mut terminal));
    }
    assert!(judged > 200_000, "{judged}");
}

#[test]
fn every_pair_of_hostile_characters_is_safe() {
    let alphabet = hostile_alphabet();
    assert!(alphabet.len() >= 200, "{}", alphabet.len());
    let mut terminal = Terminal::new();
    let mut text = String::new();
    let mut judged = 0;
    for &a in &alphabet {
        for &b in &alphabet {
            text.clear();
            text.extend([a, b]);
            judged += u32::from(check(&text, &mut terminal));
        }
    }
    assert!(judged > 30_000, "{judged}");
}

fn hostile_text() -> impl Strategy<Value = String> {
    let alphabet = hostile_alphabet();
    prop::collection::vec(prop::sample::select(alphabet), 0..40).prop_map(String::from_iter)
}

/// Words, spaces, ideographs, code and hostile characters.
fn any_text() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => "[a-z]{1,12}",
        4 => Just(" ".to_owned()),
        1 => "[ ]{1,30}",
        1 => "\n[ ]{0,9}",
        2 => "[漢字、。（）一二三]{1,6}",
        1 => "[a-z]{1,6}-[a-z]{1,6}",
        1 => "(\u{301}|e\u{301}|👩\u{200d}👧|🇩🇪|क्षि){1,5}",
        1 => hostile_text(),
    ];
    prop::collection::vec(part, 0..40).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn hostile_texts_of_any_length_are_safe(text in hostile_text()) {
        check(&text, &mut Terminal::new());
        let line = safe_line(&text);
        prop_assert!(!line.contains('\n'));
        prop_assert_eq!(&safe_line(&line), &line);
    }

    #[test]
    fn rows_give_the_text_back_and_fit(text in any_text(), cells in 1_usize..30, hanging in 0_usize..8, wide in any::<bool>()) {
        let ambiguous = if wide { Ambiguous::Wide } else { Ambiguous::Narrow };
        let text = safe(&text);
        let options = WrapOptions { width: cells, hanging, ambiguous };
        let wrapped = wrap(&text, options);
        let borders: Vec<usize> = clusters(&text).map(|(at, _)| at).chain([text.len()]).collect();
        let mut end = 0;
        let mut line = 0;
        for row in wrapped.rows() {
            let gap = &text[end..row.range.start];
            if row.line == line {
                prop_assert!(gap.chars().all(|c| c != '\n' && c.is_whitespace()), "{:?}", gap);
            } else {
                prop_assert_eq!(row.line, line + 1);
                let (swallowed, newline) = gap.split_at(gap.len() - 1);
                prop_assert_eq!(newline, "\n");
                prop_assert!(swallowed.chars().all(|c| c != '\n' && c.is_whitespace()), "{:?}", gap);
                prop_assert!(!row.continued);
            }
            let content = &text[row.range.clone()];
            prop_assert_eq!(ambiguous.text(content), row.width);
            prop_assert!(row.indent + row.width <= cells || clusters(content).count() == 1, "{:?} {:?}", content, row);
            prop_assert!(borders.contains(&row.range.start) && borders.contains(&row.range.end));
            end = row.range.end;
            line = row.line;
        }
        prop_assert!(text[end..].chars().all(|c| c != '\n' && c.is_whitespace()));
        prop_assert_eq!(line, text.matches('\n').count());
        for (at, row) in wrapped.rows().iter().enumerate().filter(|(_, row)| !row.range.is_empty()) {
            prop_assert_eq!(wrapped.row_at(row.range.start), at);
        }
    }

    #[test]
    fn styles_change_no_character_and_split_no_cluster(
        text in any_text(),
        cells in 1_usize..30,
        lengths in prop::collection::vec((0_usize..7, 1_usize..9), 0..30),
    ) {
        let text = safe(&text);
        let mut runs: Vec<Run> = Vec::new();
        let mut at = 0;
        for (gap, len) in lengths {
            runs.push((at + gap..at + gap + len, Style::new().fg(Color::Red)));
            at += gap + len;
        }
        let marks = mark_runs(&text, Style::new().add_modifier(Modifier::REVERSED));
        for row in wrap(&text, WrapOptions::new(cells)).rows() {
            let line = styled(&text, row, &[&runs, &marks]);
            let drawn: String = line.spans.iter().map(|span| &*span.content).collect();
            prop_assert_eq!(&drawn, &text[row.range.clone()]);
            let drawn_width: usize = line.spans.iter().map(|span| width(&span.content)).sum();
            prop_assert_eq!(drawn_width, row.width);
        }
    }

    #[test]
    fn clipped_and_padded_text_has_the_width_asked_for(text in any_text(), cells in 0_usize..40) {
        let text = safe_line(&text);
        let (cut, used) = clip(&text, cells);
        prop_assert_eq!(width(&cut), used);
        prop_assert!(used <= cells);
        prop_assert_eq!(width(&pad(&text, cells)), cells);
        if width(&text) <= cells {
            prop_assert_eq!(&*cut, text.as_str());
        }
    }

    #[test]
    fn what_is_measured_is_what_ratatui_draws(text in any_text()) {
        // ratatui 0.30.2 counts half-width voicing marks twice.
        let text = safe_line(&text.replace(['\u{ff9e}', '\u{ff9f}'], ""));
        let mut buffer = Buffer::empty(Rect::new(0, 0, 4000, 1));
        let (end, _) = buffer.set_line(0, 0, &Line::from(text.as_str()), 4000);
        prop_assert_eq!(usize::from(end), width(&text));
        let mut ours = Buffer::empty(Rect::new(0, 0, 4000, 1));
        let end = put(&mut ours, 0, 0, &Line::from(text.as_str()), 4000, Ambiguous::Narrow);
        prop_assert_eq!(usize::from(end), width(&text));
        prop_assert_eq!(ours, buffer);
    }
}

#[test]
fn marks_say_what_stood_there() {
    let many = format!("e{}", "\u{301}".repeat(900));
    let cases = [
        ("plain", "plain", 0),
        ("\x1b[31mred\x1b[0m", "␛[31mred␛[0m", 2),
        ("a\u{9b}2J", "a<U+009B>2J", 1),
        ("5\x7f\x08\0\x07", "5␡␈␀␇", 4),
        ("over\rwritten", "over␍written", 1),
        ("one\r\ntwo\n", "one\ntwo\n", 0),
        ("ab\tc\td", "ab  c   d", 0),
        ("x\u{202e}y\u{2066}", "x<U+202E>y<U+2066>", 2),
        ("1\u{200b}0\u{feff}", "1<U+200B>0<U+FEFF>", 2),
        ("a\u{200b}\u{200b}\u{200b}b", "a<U+200B:3>b", 3),
        ("hi\u{e0048}\u{e0065}\u{e0079}!", "hi<tags:3>!", 3),
        ("a\u{fe0f}b\u{fe01}\u{fe02}\u{e0120}", "a<U+FE0F>b<vs:3>", 4),
        ("soft\u{ad}hyphen \u{3164}\u{115f}", "soft<U+00AD>hyphen <U+3164><U+115F>", 3),
        ("line\u{2028}para\u{2029}next\u{85}", "line<U+2028>para<U+2029>next<U+0085>", 3),
        ("\u{fff9}base\u{fffa}ruby\u{fffb}", "<U+FFF9>base<U+FFFA>ruby<U+FFFB>", 3),
        ("\u{301}lone", "<U+0301>lone", 1),
        ("\u{ffff}\u{fdd0}", "<U+FFFF><U+FDD0>", 2),
        // What people write stays: emoji, scripts that need joiners, right-to-left letters, one selector behind its base.
        (
            "👩\u{200d}👩\u{200d}👧 👍🏽 ❤\u{fe0f} 1\u{fe0f}\u{20e3} 🇩🇪",
            "👩\u{200d}👩\u{200d}👧 👍🏽 ❤\u{fe0f} 1\u{fe0f}\u{20e3} 🇩🇪",
            0,
        ),
        ("می\u{200c}خواهم क्\u{200d}ष שלום", "می\u{200c}خواهم क्\u{200d}ष שלום", 0),
        ("é ü ñ ≤ √2 ∑ 漢字 x² \u{2212}", "é ü ñ ≤ √2 ∑ 漢字 x² \u{2212}", 0),
        // ... and the same joiners elsewhere do not.
        ("pay\u{200d}pal \u{200c}", "pay<U+200D>pal <U+200C>", 2),
        ("bad\u{fffd}", "bad\u{fffd}", 0),
    ];
    for (input, expected, replaced) in cases {
        let out = safe(input);
        assert_eq!((out.as_str(), out.replaced()), (expected, replaced), "{input:?}");
    }
    let out = safe(&many);
    assert_eq!(out.as_str(), format!("e{}<marks:885>", "\u{301}".repeat(15)));
    assert_eq!(out.replaced(), 885);
    assert_eq!(safe_line("a\r\nb\nc\td").as_str(), "a␊b␊c   d");
}

#[test]
fn marks_are_known_by_place_so_that_look_alikes_can_be_told_apart() {
    let out = safe("<U+202E> \u{202e}\u{1b} e\u{fffd}");
    let marks: Vec<&str> = out.marks().iter().map(|range| &out[range.clone()]).collect();
    assert_eq!(marks, ["<U+202E>", "␛", "\u{fffd}"]);
    assert_eq!(out.marks()[0].start, 9);
    let out = safe(&format!("\u{1b}e{}\u{202e}", "\u{301}".repeat(20)));
    let marks: Vec<&str> = out.marks().iter().map(|range| &out[range.clone()]).collect();
    assert_eq!(marks, ["␛", "<marks:5>", "<U+202E>"]);
}

fn rows(text: &str, options: WrapOptions) -> String {
    let text = safe(text);
    let mut out = String::new();
    for row in wrap(&text, options).rows() {
        writeln!(out, "{}{}|", " ".repeat(row.indent), &text[row.range.clone()]).unwrap();
    }
    out
}

#[test]
fn words_wrap_under_a_hanging_indent_and_code_keeps_its_own() {
    let options = WrapOptions::new(16).hanging(2);
    assert_eq!(
        rows("So the denominator is 3x - 7.\n\n    for i in range(10): print(i)", options),
        "So the|\n  denominator is|\n  3x - 7.|\n|\n    for i in|\n      range(10):|\n      print(i)|\n"
    );
    assert_eq!(rows("", options), "|\n");
    assert_eq!(rows("a\n", options), "a|\n|\n");
}

#[test]
fn long_words_break_anywhere_and_ideographs_break_sensibly() {
    let options = WrapOptions::new(6);
    assert_eq!(rows("abcdefghijklmn op", options), "abcdef|\nghijkl|\nmn op|\n");
    assert_eq!(rows("漢字漢字漢字", options), "漢字漢|\n字漢字|\n");
    assert_eq!(rows("漢字漢。字「字」", options), "漢字|\n漢。字|\n「字」|\n");
    assert_eq!(rows("well-known x-1", options), "well-|\nknown|\nx-1|\n");
    assert_eq!(rows("漢 a", WrapOptions::new(1)), "漢|\na|\n");
    assert_eq!(rows("e\u{301}e\u{301}e\u{301}", WrapOptions::new(2)), "e\u{301}e\u{301}|\ne\u{301}|\n");
}

#[test]
fn ambiguous_characters_take_two_cells_where_the_terminal_says_so() {
    assert_eq!((width("±1"), Ambiguous::Wide.text("±1")), (2, 3));
    assert_eq!((width("ｶ\u{ff9e}"), width("か\u{3099}"), width("क्षि"), width("👩\u{200d}👧")), (2, 2, 3, 2));
    assert_eq!(Ambiguous::Wide.clip("±±±", 4, "~"), ("±~".into(), 3));
    let mut buffer = Buffer::empty(Rect::new(0, 0, 6, 1));
    assert_eq!(put(&mut buffer, 0, 0, &Line::from("±1±"), 6, Ambiguous::Wide), 5);
    let symbols: Vec<&str> = buffer.content.iter().map(ratatui::buffer::Cell::symbol).collect();
    assert_eq!(symbols, ["±", " ", "1", "±", " ", " "]);
    // The update skips the covered cells, so that the backend moves the cursor instead of trusting the terminal's width.
    let empty = Buffer::empty(buffer.area);
    let updates: Vec<u16> = empty.diff_iter(&buffer).map(|(x, _, _)| x).collect();
    assert_eq!(updates, [0, 2, 3]);
}

#[test]
fn layers_patch_each_other() {
    let text = safe("solve 5x = 6x\u{202e}");
    let wrapped = wrap(&text, WrapOptions::new(80));
    let code: Vec<Run> = vec![(0..5, Style::new().fg(Color::Blue)), (6..8, Style::new().fg(Color::Green))];
    let hits: Vec<Run> = vec![(3..7, Style::new().add_modifier(Modifier::BOLD))];
    let marks = mark_runs(&text, Style::new().fg(Color::Magenta));
    let line = styled(&text, &wrapped.rows()[0], &[&code, &hits, &marks]);
    let spans: Vec<(&str, Style)> = line.spans.iter().map(|span| (&*span.content, span.style)).collect();
    let bold = Style::new().add_modifier(Modifier::BOLD);
    assert_eq!(
        spans,
        [
            ("sol", Style::new().fg(Color::Blue)),
            ("ve", bold.fg(Color::Blue)),
            (" ", bold),
            ("5", bold.fg(Color::Green)),
            ("x", Style::new().fg(Color::Green)),
            (" = 6x", Style::new()),
            ("<U+202E>", Style::new().fg(Color::Magenta)),
        ]
    );
}

#[test]
fn a_relation_begins_a_row_and_ends_none() {
    let text = safe("so that a + 3b - 4 = 0 and c \u{2264} d");
    let rows = |width| {
        let wrapped = wrap(&text, WrapOptions::new(width));
        wrapped.rows().iter().map(|row| text[row.range.clone()].to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(rows(20), ["so that a + 3b - 4", "= 0 and c \u{2264} d"]);
    assert_eq!(rows(10), ["so that a", "+ 3b - 4", "= 0 and c", "\u{2264} d"]);
    // There is no place before it.
    assert_eq!(wrap(&safe("= abc"), WrapOptions::new(2)).rows().len(), 3);
}

#[test]
fn a_megabyte_is_cleaned_and_wrapped_in_linear_time() {
    let hostile = "é\u{301}\u{200b}漢 x\u{1b}👩\u{200d}👧 ".repeat(30_000);
    let started = std::time::Instant::now();
    let text: Safe = safe(&hostile);
    let wrapped = wrap(&text, WrapOptions::new(80));
    assert!(wrapped.height() > 1_000);
    let one_cell = safe(&format!("a{}", "\u{301}".repeat(500_000)));
    assert!(one_cell.len() < 100);
    // Generous: a debug build on a busy machine. Quadratic time would take hours.
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

#[test]
#[ignore = "measures time: for optimised builds on a quiet machine"]
fn cleaning_and_wrapping_are_fast() {
    let prose = "So the denominator is 3x - 7, and we know that x/(3x - 7) = 2/5. ".repeat(1_600);
    let latin = "Für jedes ε > 0 gibt es ein δ > 0, so dass |x − a| < δ folgt… ".repeat(1_600);
    let ideographs = "因此分母是三倍的分子减去七，我们知道这个分数等于五分之二。".repeat(1_200);
    for (name, text) in [("English", prose), ("German and Greek", latin), ("Chinese", ideographs)] {
        let mut times = Vec::new();
        for _ in 0..20 {
            let started = std::time::Instant::now();
            let text = safe(&text);
            let cleaned = started.elapsed();
            let started = std::time::Instant::now();
            let wrapped = wrap(&text, WrapOptions::new(100).hanging(2));
            times.push((started.elapsed(), cleaned, wrapped.height()));
        }
        times.sort();
        let (wrapping, cleaning, rows) = times[times.len() / 2];
        eprintln!("{name}: {} bytes, cleaned in {cleaning:?}, wrapped to {rows} rows in {wrapping:?}", text.len());
        assert!(wrapping.as_micros() < 2_000);
    }
}
