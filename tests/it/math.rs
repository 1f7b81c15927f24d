//! Mathematics: drawn faithfully, or left as its source.

use std::collections::BTreeMap;
use std::fmt::Write;

use proptest::prelude::*;
use serde_json::Value;
use stepscope::math::{Form, Formula, Reason, Strip, draw, find, is_faithful, signs};
use stepscope::text::{Glyphs, WrapOptions, safe, width};
use stepscope::typeset::{Ink, Page, Setting, View};

use super::desk::Desk;
use super::support::data;

fn lines(source: &str, form: Form) -> String {
    match draw(source, form) {
        Ok(drawing) => drawing.rows.iter().map(|row| row.text.trim_end()).collect::<Vec<_>>().join("\n"),
        Err(reason) => format!("[{reason}]"),
    }
}

fn line(source: &str) -> String {
    lines(source, Form::Line)
}

/// Texts of the two data sets (problems, solutions and steps): all with STEPSCOPE_CORPUS=all, else every sixteenth.
fn texts() -> Option<Vec<(String, String)>> {
    let mut texts = Vec::new();
    let math = std::fs::read_to_string(data("math-text/math_test.jsonl")?).unwrap();
    for line in math.lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        for field in ["problem", "solution"] {
            texts.push(("math-text".to_owned(), record[field].as_str().unwrap().to_owned()));
        }
    }
    for part in ["gsm8k", "math", "olympiadbench", "omnimath"] {
        let text = std::fs::read_to_string(data(&format!("processbench/{part}.json"))?).unwrap();
        let records: Vec<Value> = serde_json::from_str(&text).unwrap();
        for record in records {
            texts.push((format!("processbench/{part}"), record["problem"].as_str().unwrap().to_owned()));
            let steps = record["steps"].as_array().unwrap().iter();
            texts.extend(steps.map(|step| (format!("processbench/{part}"), step.as_str().unwrap().to_owned())));
        }
    }
    let all = std::env::var("STEPSCOPE_CORPUS").is_ok_and(|value| value == "all");
    Some(texts.into_iter().step_by(if all { 1 } else { 16 }).collect())
}

#[test]
fn nearly_every_formula_of_the_corpora_is_drawn_and_each_sign_once() {
    let Some(texts) = texts() else { return };
    let mut counts: BTreeMap<(&str, &str), [usize; 2]> = BTreeMap::new();
    let mut reasons: BTreeMap<String, (usize, String)> = BTreeMap::new();
    for (part, text) in &texts {
        let text = safe(text);
        for Formula { source, .. } in find(&text, &[]) {
            let source = &text[source];
            for (name, form) in [("line", Form::Line), ("tall", Form::Tall)] {
                let count = counts.entry((part, name)).or_default();
                count[0] += 1;
                match draw(source, form) {
                    Ok(drawing) => {
                        count[1] += 1;
                        assert!(is_faithful(source, &drawing, form), "{source}");
                        let wide = drawing.width();
                        for Strip { text, width: cells, .. } in &drawing.rows {
                            assert_eq!(width(text), *cells, "{source}");
                            assert_eq!(safe(text).as_str(), text, "{source}");
                            assert!(form == Form::Line || *cells == wide, "{source}");
                        }
                    }
                    Err(reason) => {
                        let slot = reasons.entry(format!("{name} {reason}")).or_default();
                        slot.0 += 1;
                        slot.1 = source.chars().take(100).collect();
                    }
                }
            }
        }
    }
    let mut report = String::new();
    for ((part, form), [found, drawn]) in &counts {
        writeln!(report, "{part:<28} {form}  {drawn:>6} of {found:>6} drawn ({:.2} %)", 100.0 * *drawn as f64 / *found as f64)
            .unwrap();
    }
    let mut sorted: Vec<_> = reasons.into_iter().collect();
    sorted.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
    for (reason, (count, example)) in sorted.iter().take(30) {
        writeln!(report, "{count:>6}  {reason}  {example:?}").unwrap();
    }
    println!("{report}");
    for form in ["line", "tall"] {
        let sum = |at: usize| counts.iter().filter(|((_, name), _)| *name == form).map(|(_, count)| count[at]).sum::<usize>();
        assert!(sum(1) * 100 >= sum(0) * 95, "{report}");
    }
}

/// Formulas as hard as they come in solutions, drawn on one line and tall.
const HARD: &str = include_str!("../fixtures/math/hard.txt");

#[test]
fn hard_formulas_are_drawn_as_people_would_write_them() {
    let mut drawn = String::new();
    for block in HARD.split("\n\n%% ").map(|block| block.trim_start_matches("%% ")) {
        let source = block.lines().next().unwrap();
        let pictures = [lines(source, Form::Line), lines(source, Form::Tall)];
        write!(drawn, "%% {source}\n{}\n--\n{}\n\n", pictures[0], pictures[1]).unwrap();
    }
    let drawn = drawn.trim_end().to_owned() + "\n";
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/math/hard.txt"), &drawn).unwrap();
    }
    assert_eq!(drawn, HARD);
}

#[test]
fn one_line_says_by_brackets_what_height_says() {
    for (source, drawn) in [
        (r"\frac{1}{2}x", "(1/2)x"),
        (r"3\frac{1}{2}", "3 1/2"),
        (r"\frac{a+b}{c}", "(a + b)/c"),
        (r"\frac{a}{bc}", "a/(bc)"),
        (r"\frac{1}{\frac{2}{3}}", "1/(2/3)"),
        (r"\left(\frac ab\right)^2", "(a/b)²"),
        (r"\frac ab^2", "(a/b)²"),
        (r"\sqrt{2}x", "√(2)x"),
        (r"\sqrt{b^2-4ac}", "√(b² - 4ac)"),
        (r"x^{1/2}", "x^(1/2)"),
        (r"x^{-1}", "x⁻¹"),
        (r"x_B", "x_B"),
        (r"x_Bc", "x_(B)c"),
        (r"2\sqrt[5]{x}", "2 ⁵√x"),
        (r"2^{\pi}y", "2^(π)y"),
        (r"\binom{n}{2}", "(n choose 2)"),
        (r"200,\!000", "200,000"),
        (r"-x - -y", "-x - -y"),
        (r"\sin^2\theta+\cos 2x", "sin² θ + cos 2x"),
        (r"0.\overline{3}", "0.3\u{305}"),
        (r"a \not= b", "a ≠ b"),
        (r"|x|\le 3", "|x| ≤ 3"),
        (r"f''(x)", "f′′(x)"),
        (r"x\text{ if }y", "x if y"),
        (r"a \bmod b", "a mod b"),
    ] {
        assert_eq!(line(source), drawn, "{source}");
    }
}

#[test]
fn what_is_not_understood_stays_source_and_says_why() {
    for (source, reason) in [
        (r"\foo x", Reason::Unknown("foo".to_owned())),
        (r"\frac{1}", Reason::Unbalanced),
        (r"x^2^3", Reason::Unbalanced),
        (r"\left( x", Reason::Unbalanced),
        (r"\begin{align} x", Reason::Unbalanced),
        (r"\underbrace{x}_{n}", Reason::NoForm),
        ("a\u{301}", Reason::NoSign('\u{301}')),
    ] {
        assert_eq!(draw(source, Form::Line), Err(reason), "{source}");
    }
    let deep = "{".repeat(4000) + &"}".repeat(4000);
    assert_eq!(draw(&deep, Form::Tall), Err(Reason::TooDeep));
    assert_eq!(draw(&"x".repeat(9000), Form::Line), Err(Reason::TooLarge));
}

fn sources(text: &str) -> Vec<&str> {
    find(text, &[]).into_iter().map(|formula| &text[formula.source]).collect()
}

#[test]
fn dollars_are_money_unless_they_are_mathematics() {
    assert_eq!(sources("He has $5 and $10 left"), Vec::<&str>::new());
    assert_eq!(sources("12 x $3 = $36, so $36"), Vec::<&str>::new());
    assert_eq!(sources("She makes 9 * 2 = $<<9*2=18>>18 every day, $20 in all"), Vec::<&str>::new());
    assert_eq!(sources("let $x$ and $ y = 2 $ be"), ["x", " y = 2 "]);
    assert_eq!(sources(r"costs \$5, $x=\$3$ then"), [r"x=\$3"]);
    assert_eq!(sources(r"\(a\) \[b\] $$c$$ \boxed{4}"), ["a", "b", "c", r"\boxed{4}"]);
    assert_eq!(sources("$a\n\nb$"), Vec::<&str>::new());
    assert_eq!(sources(r"\begin{align*}x\end{align*} \\[2pt]"), [r"\begin{align*}x\end{align*}"]);
}

fn page(text: &str, tall: bool, cells: usize) -> Page {
    Page::new(text, Setting { view: View::Drawn, tall, wrap: WrapOptions::new(cells) })
}

#[test]
fn places_in_the_source_are_found_in_the_drawn_text() {
    let text = r"so $x^2$ is **four**, or $\frac12$";
    for tall in [false, true] {
        let page = page(text, tall, 40);
        let find = |part: &str| {
            let at = text.find(part).unwrap();
            let places = page.places(&(0..page.text.len()), &[(at..at + part.len(), ())]);
            places.into_iter().map(|(range, ())| page.text[range].to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(find("four"), ["four"]);
        assert_eq!(find("x^2"), ["x²"]);
        assert_eq!(find("frac12"), if tall { vec!["1", "─", "2"] } else { vec!["1/2"] });
    }
}

/// A formula and its signs, in order.
fn formula() -> impl Strategy<Value = (String, String)> {
    let pair = |(source, signs): (&str, &str)| (source.to_owned(), signs.to_owned());
    let leaf = prop_oneof![
        prop::sample::select(vec![
            ("x", "x"),
            ("7", "7"),
            ("12.5", "12.5"),
            ("+", "+"),
            ("-", "-"),
            ("=", "="),
            ("(", "("),
            (")", ")"),
            (r"\pi ", "π"),
            (r"\le ", "≤"),
            (r"\cdot ", "·"),
            (r"\sin ", "sin"),
            (",", ","),
            (r"\text{ if }", "if"),
            (r"\%", "%"),
            (r"\mathbb{R}", "R"),
            (r"\ldots ", "…"),
            (r"\sum ", "∑"),
            (r"\quad ", ""),
            ("f'", "f′"),
            (r"\{", "{"),
            ("!", "!"),
        ])
        .prop_map(pair)
    ];
    leaf.prop_recursive(5, 40, 4, |inner| {
        let row = prop::collection::vec(inner.clone(), 0..4)
            .prop_map(|parts| (parts.iter().map(|p| &*p.0).collect::<String>(), parts.iter().map(|p| &*p.1).collect::<String>()));
        prop_oneof![
            row.clone(),
            (row.clone(), row.clone()).prop_map(|(a, b)| (format!(r"\frac{{{}}}{{{}}}", a.0, b.0), a.1 + &b.1)),
            (row.clone(), row.clone()).prop_map(|(a, b)| (format!(r"\binom{{{}}}{{{}}}", a.0, b.0), a.1 + &b.1)),
            row.clone().prop_map(|a| (format!(r"\sqrt{{{}}}", a.0), a.1)),
            (row.clone(), row.clone()).prop_map(|(a, b)| (format!("{{{}}}^{{{}}}", a.0, b.0), a.1 + &b.1)),
            (row.clone(), row.clone()).prop_map(|(a, b)| (format!("{{{}}}_{{{}}}", a.0, b.0), a.1 + &b.1)),
            (row.clone(), row.clone())
                .prop_map(|(a, b)| (format!(r"\begin{{pmatrix}}{} & {}\end{{pmatrix}}", a.0, b.0), a.1 + &b.1)),
            (row.clone(), row.clone())
                .prop_map(|(a, b)| (format!(r"\begin{{cases}}{} \\ {}\end{{cases}}", a.0, b.0), a.1 + &b.1)),
            row.clone().prop_map(|a| (format!(r"\left[{}\right)", a.0), format!("[{})", a.1))),
            row.prop_map(|a| (format!(r"\boxed{{{}}}", a.0), a.1)),
        ]
    })
}

#[test]
fn a_text_of_nothing_but_markup_is_shown_as_it_stands() {
    for text in ["\n# ", "# ", "\n\n## \n"] {
        let page = page(text, false, 20);
        assert_eq!(page.text, safe(text));
        let places = page.places(&(0..page.text.len()), &[(0..page.source.len(), ())]);
        assert!(places.iter().all(|(range, ())| page.text.get(range.clone()).is_some()), "{text:?}");
    }
}

proptest! {
    #[test]
    fn drawn_signs_are_the_signs_of_the_source((source, expected) in formula()) {
        let expected: Vec<char> = expected.chars().collect();
        prop_assert_eq!(signs(&source), expected.clone(), "{}", source);
        for form in [Form::Line, Form::Tall] {
            // Roots and brackets around tall things may have no form; what is drawn is complete.
            if let Ok(drawing) = draw(&source, form) {
                prop_assert!(is_faithful(&source, &drawing, form));
                let ink: usize = drawing.rows.iter().map(|row| row.inked().count()).sum();
                prop_assert_eq!(ink, expected.len(), "{}", source);
                prop_assert!(drawing.rows.iter().all(|row| row.width == width(&row.text)), "{}", source);
            }
        }
    }

    #[test]
    fn hostile_texts_lose_nothing_outside_of_formulas(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "$", "$$", r"\(", r"\)", r"\[", r"\]", "{", "}", "^", "_", "&", r"\\", r"\frac", r"\sqrt[", "]", r"\left(", r"\right)",
                r"\begin{align*}", r"\end{align*}", r"\begin{array}{c|c}", r"\end{array}", "\n", "\n\n", " ", "x", "12", "word ", "**", "*", "| a | b |\n", "|--|--|\n", "- ", "# ", "> ", r"\text{",
                r"\overline", r"\not", r"\boxed{", "`", "```\n", "\u{202e}", "\u{301}", "漢", "é", "👩\u{200d}👧", "'", "%", r"\",
            ]),
            0..40,
        ),
        tall in any::<bool>(),
        cells in 5_usize..60,
    ) {
        let text = parts.concat();
        let page = page(&text, tall, cells);
        let source = safe(&text);
        let drawn = safe(&page.text);
        prop_assert_eq!(drawn.as_str(), page.text.as_str());
        if find(&source, &[]).is_empty() && !text.trim().is_empty() {
            let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
            prop_assert_eq!(letters(&page.text), letters(&source));
        }
        for range in page.inks.iter().map(|(range, _)| range) {
            prop_assert!(page.text.get(range.clone()).is_some());
        }
        let places = page.places(&(0..page.text.len()), &[(0..page.source.len(), ())]);
        prop_assert!(places.iter().all(|(range, ())| page.text.get(range.clone()).is_some()));
    }
}

#[test]
fn markdown_is_drawn_where_it_cannot_be_mathematics() {
    for (text, drawn) in [
        ("**Time.** 900 / 12 = 75", "Time. 900 / 12 = 75"),
        ("2*3*4 and 2**3**4, a * b * c", "2*3*4 and 2**3**4, a * b * c"),
        ("an *important* point", "an important point"),
        ("*x* y", "*x* y"),
        ("## Step 2: **Solve**", "Step 2: Solve"),
        ("- first\n- second\n  * inner", "• first\n• second\n  • inner"),
        ("-3 + 4\n- 3", "-3 + 4\n- 3"),
        ("> quoted", "│ quoted"),
        ("`a*b*c` stays", "`a*b*c` stays"),
        ("**The value of $x^2$ is** 4", "The value of x² is 4"),
        ("| n | n^2 |\n|---|----|\n| 1 | $1^2$ |\n| 10 | 100 |\nend", "n  │ n^2\n───┼────\n1  │ 1²\n10 │ 100\nend"),
        ("```\n**code** $x^2$\n```", "```\n**code** $x^2$\n```"),
        ("a | b\nno table | here", "a | b\nno table | here"),
        // Signs that say something.
        ("The price\n- discount\n+ tax\nis paid.", "The price\n- discount\n+ tax\nis paid."),
        ("Fix:\n--- a/f.py\n+++ b/f.py\n- **old** line", "Fix:\n--- a/f.py\n+++ b/f.py\n- **old** line"),
        ("- why\n\n@@ -1,2 +1,2 @@\n- old\n # note", "• why\n\n@@ -1,2 +1,2 @@\n- old\n # note"),
        ("x = 3\n# Step two\ny = 4", "x = 3\n# Step two\ny = 4"),
        ("# sum them\ntotal = a + b", "# sum them\ntotal = a + b"),
        ("## why\nfor a in b:\n    print(a)", "## why\nfor a in b:\n    print(a)"),
        ("# Solution\n\nWe add.", "Solution\n\nWe add."),
    ] {
        assert_eq!(page(text, false, 60).text.as_str(), drawn, "{text:?}");
    }
    let list = page("1. one two three four five\n- six seven eight nine", false, 14);
    let rows: Vec<_> = list.wrapped.rows().iter().map(|row| " ".repeat(row.indent) + &list.text[row.range.clone()]).collect();
    assert_eq!(rows, ["1. one two", "   three four", "   five", "• six seven", "  eight nine"]);
}

#[test]
fn words_glued_to_a_displayed_formula_stand_on_their_own_line() {
    assert_eq!(page("The equation\n\\[x=0\\,\\]has roots", false, 60).text.as_str(), "The equation\nx = 0\nhas roots");
    assert_eq!(page("so $x$has", false, 60).text.as_str(), "so xhas", "in a line the writer's spaces count");
}

#[test]
fn a_long_formula_of_tall_parts_is_put_together() {
    let source = r"\frac12+".repeat(1000) + "1";
    let drawing = draw(&source, Form::Tall).unwrap();
    assert_eq!((drawing.height(), drawing.base), (3, 1));
    assert!(is_faithful(&source, &drawing, Form::Tall));
}

/// Milliseconds of a frame, and of a key with its frame, over real solutions at 200x60: half a display's 60 frames a second for most of them,
/// ten times as much where nothing is optimised.
#[test]
#[ignore = "measures time: for a quiet machine"]
fn frames_with_formulas_are_drawn_in_time() {
    let Some(path) = data("processbench/omnimath.json") else { return };
    let bytes: &'static [u8] = Vec::leak(std::fs::read(path).unwrap());
    let mut desk = Desk::new(&[("omnimath.json", bytes)], (200, 60));
    desk.app.look.glyphs = Glyphs::UNICODE;
    let (mut frames, mut keys) = (Vec::new(), Vec::new());
    for _ in 0..60 {
        for key in ["j", "j", "k", "m", "m", "m", "}"] {
            let start = std::time::Instant::now();
            desk.keys(key);
            let drawn = std::time::Instant::now();
            desk.buffer();
            frames.push(drawn.elapsed().as_secs_f64() * 1000.0);
            keys.push(start.elapsed().as_secs_f64() * 1000.0);
        }
    }
    for (name, times) in [("frame", &mut frames), ("key and frame", &mut keys)] {
        times.sort_by(f64::total_cmp);
        let at = |percent: usize| times[times.len() * percent / 100];
        println!("{name}: median {:.2} ms, p99 {:.2} ms", at(50), at(99));
        let most = if cfg!(debug_assertions) { 80.0 } else { 8.0 };
        assert!(at(50) < most, "{name}: {:.2} ms", at(50));
    }
}

#[test]
fn what_one_row_says_as_well_takes_one_row_under_the_cursor_too() {
    let rows = |source: &str| draw(source, Form::Tall).unwrap().rows.iter().map(|row| row.text.clone()).collect::<Vec<_>>();
    assert_eq!(rows(r"\boxed{22}"), ["⟦22⟧"]);
    assert_eq!(rows(r"5\sqrt{2}"), ["5√2"]);
    assert_eq!(rows(r"\sqrt{2}x").len(), 2, "brackets would stand for the bar");
    assert_eq!(rows(r"\sqrt{x+1}").len(), 2);
    assert_eq!(rows(r"\boxed{\frac{1}{2}}").len(), 5);
}

#[test]
fn displayed_formulas_do_not_run_together() {
    let lines = |text: &str, tall: bool| page(text, tall, 60).text.lines().map(str::to_owned).collect::<Vec<_>>();
    let two = r"Solving for x: \[ 2x = 5 \] \[ x = \frac{5}{2} \] Now on.";
    assert_eq!(lines(two, false), ["Solving for x: 2x = 5 ", "x = 5/2 Now on."]);
    let tall = lines(two, true);
    assert_eq!(tall.last().map(String::as_str), Some("Now on."), "{tall:?}");
    // Lines of their own stay as they are.
    assert_eq!(lines("So\n\\[ a = b \\]\n\\[ c = d \\]\nand", false), ["So", "a = b", "c = d", "and"]);
    assert_eq!(lines("  two spaces \\[ a = b \\] on", false), ["  two spaces a = b on"]);
}

#[test]
fn words_take_the_same_room_beside_tall_formulas_as_elsewhere() {
    let text = r"one two three four five six \(\frac{1}{2}\) seven eight nine ten";
    let first =
        |tall| page(text, tall, 30).text.lines().map(|line| line.trim_end().to_owned()).find(|line| line.starts_with("one"));
    assert_eq!(first(true).as_deref(), Some("one two three four five six"));
    // A word may end at the very edge.
    let edge = r"aaaa bbbb cccc dddd eeee ffff1 \(\frac{1}{2}\)";
    let rows: Vec<String> = page(edge, true, 30).text.lines().map(str::to_owned).collect();
    assert!(rows.iter().any(|row| row.trim_end() == "aaaa bbbb cccc dddd eeee ffff1"), "{rows:?}");
}

#[test]
fn long_tables_and_open_environments_take_as_long_as_they_are() {
    let start = std::time::Instant::now();
    let tall = format!("|a|b|\n|-|-|\n{}", "|1|2|\n".repeat(40_000));
    assert!(page(&tall, false, 80).text.contains("1 │ 2"));
    let wide = format!("|{}\n|{}\n{}", "a|".repeat(20_000), "-|".repeat(20_000), "|1|2|\n".repeat(20_000));
    assert!(page(&wide, false, 80).text.contains("|1|2|"));
    assert_eq!(find(&r"\begin{".repeat(200_000), &[]), []);
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}

#[test]
fn words_are_traced_as_far_as_they_stand_in_a_row() {
    let text = format!("{}$x^2$", "ab ".repeat(2000));
    let page = page(&text, false, 60);
    for row in page.wrapped.rows() {
        let source = page.source_of(row.range.clone());
        assert!(source.len() <= row.range.len() + "$x^2$".len(), "{row:?}: {source:?}");
    }
    assert_eq!(page.source_of(0..5), 0..5);
}

#[test]
fn marks_of_a_calculator_are_set_apart_from_the_step() {
    let inks = |text: &str| {
        let page = Page::new(text, Setting { view: View::Drawn, ..Setting::plain(80) });
        page.inks.iter().map(|(range, ink)| (page.text[range.clone()].to_owned(), *ink)).collect::<Vec<_>>()
    };
    let marks = inks("In May 48/2=<<48/2=24>>24 clips, in all 72<<48+24=72>>.");
    assert_eq!(marks, [("<<48/2=24>>".to_owned(), Ink::Syntax), ("<<48+24=72>>".to_owned(), Ink::Syntax)]);
    for text in ["1 << 2 and 8 >> 1", "cout << x << endl;", "a << b = c >> d", "<<<1=1>>"] {
        assert!(!inks(text).iter().any(|(_, ink)| *ink == Ink::Syntax), "{text}");
    }
}
