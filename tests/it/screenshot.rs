//! The pictures of the README, drawn from the program's own cells. `UPDATE_SCREENSHOTS=1 cargo test screenshot` draws them anew.

use std::fmt::Write;
use std::path::PathBuf;

use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier};
use serde_json::Value;
use stepscope::app::Message;
use stepscope::scoring::{WorkerEvent, WorkerModel};
use stepscope::text::Glyphs;
use stepscope::trace::{Semantics, StepKey, StepScore};

use super::desk::{Desk, SOLUTIONS, TREE};

/// Scores of the demo traces by the embedded model, as `stepscope score assets/demo/*.json* -o` writes them.
const SCORES: &str = include_str!("../fixtures/screenshot/scores.jsonl");

const CELL: (usize, usize) = (9, 19);

fn desk(sources: &[(&'static str, &'static [u8])]) -> Desk {
    let mut desk = Desk::new(sources, (120, 34));
    desk.app.look.glyphs = Glyphs::UNICODE;
    for line in SCORES.lines() {
        let solution: Value = serde_json::from_str(line).unwrap();
        for step in solution["steps"].as_array().unwrap() {
            let key: StepKey = step["step_key"].as_str().unwrap().parse().unwrap();
            if let Some(score) = step["score"].as_f64() {
                desk.scores.insert(key, StepScore::new(score, Semantics::Correctness).unwrap());
            }
        }
    }
    desk.keys("gK");
    desk.tell(Message::Worker(WorkerEvent::Ready(WorkerModel {
        name: "built-in".to_owned(),
        key: "k".to_owned(),
        family: "features".to_owned(),
        semantics: Semantics::Correctness,
        threshold: 0.775,
        posterior: Some(0.74),
        scale: Box::default(),
        context: 4096,
        embedded: true,
        dtype: String::new(),
        threads: 0,
    })));
    assert!(desk.app.scoring_line().contains("all scored"), "{}", desk.app.scoring_line());
    desk
}

#[test]
fn the_pictures_of_the_readme_are_what_the_program_draws() {
    let mut steps = desk(&[("demo/solutions.json", SOLUTIONS)]);
    steps.keys("ja}");
    compare("steps.svg", &svg(&steps.buffer()));
    let mut tree = desk(&[("demo/tree.jsonl", TREE)]);
    tree.keys("gbgbgb");
    compare("tree.svg", &svg(&tree.buffer()));
}

fn compare(name: &str, drawn: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("assets/screenshots").join(name);
    if std::env::var_os("UPDATE_SCREENSHOTS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, drawn).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == drawn, "assets/screenshots/{name} is not what the program draws; UPDATE_SCREENSHOTS=1 cargo test screenshot");
}

/// A buffer as SVG: one text element a run of equal style, at fixed columns.
fn svg(buffer: &Buffer) -> String {
    let (width, height) = (usize::from(buffer.area.width), usize::from(buffer.area.height));
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" font-family=\"DejaVu Sans Mono,Menlo,Consolas,monospace\" font-size=\"15\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"#16181d\"/>\n",
        width * CELL.0 + 16,
        height * CELL.1 + 16
    );
    for y in 0..height {
        let mut x = 0;
        while x < width {
            let cell = |x: usize| &buffer[(u16::try_from(x).unwrap(), u16::try_from(y).unwrap())];
            let first = cell(x);
            let start = x;
            let mut text = String::new();
            while x < width && (cell(x).fg, cell(x).modifier) == (first.fg, first.modifier) {
                text.push_str(cell(x).symbol());
                x += 1;
            }
            if text.trim().is_empty() {
                continue;
            }
            let (left, top) = (8 + start * CELL.0, 8 + y * CELL.1);
            let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            let weight = if first.modifier.contains(Modifier::BOLD) { " font-weight=\"bold\"" } else { "" };
            let opacity = if first.modifier.contains(Modifier::DIM) { " opacity=\"0.6\"" } else { "" };
            let length = (x - start) * CELL.0;
            writeln!(
                out,
                "<text x=\"{left}\" y=\"{}\" textLength=\"{length}\" xml:space=\"preserve\" fill=\"{}\"{weight}{opacity}>{escaped}</text>",
                top + 15,
                colour(first.fg)
            )
            .unwrap();
        }
    }
    out.push_str("</svg>\n");
    out
}

fn colour(colour: Color) -> String {
    match colour {
        Color::Rgb(r, g, b) => format!("#{r:02x}{g:02x}{b:02x}"),
        _ => "#d7dae0".to_owned(),
    }
}
