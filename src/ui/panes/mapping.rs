//! The dialog about the keys of an unknown file: rows on the left, what a record becomes on the right.

use ratatui::layout::Rect;

use crate::app::mapping::{Dialog, Typing};
use crate::formats::mapping::KEYS;
use crate::trace::{FirstError, Label, Outcome, Trace};
use crate::ui::pen::Pen;

/// Cells of the names of the rows.
const NAMES: u16 = 11;
/// Below this width only the rows and the first lines of the preview are shown.
const NARROW: u16 = 70;

const FOOTER: &str = "j k row  h l choose  e type  BS clear  n N record  Enter open  s save  q skip";

/// Draws the whole dialog.
pub(in crate::ui) fn draw(dialog: &Dialog, pen: &mut Pen<'_>, area: Rect) {
    if area.height < 4 || area.width < 20 {
        return;
    }
    let title = format!("What do the keys of {} mean?", dialog.file);
    pen.text(area.x, area.y, area.width, &title, pen.look.strong());
    let body = Rect { y: area.y + 1, height: area.height - 3, ..area };
    let (rows, preview) = if area.width >= NARROW {
        let left = area.width / 2 - 1;
        (Rect { width: left, ..body }, Rect { x: area.x + left + 2, width: area.width - left - 2, ..body })
    } else {
        let upper = body.height / 2;
        (Rect { height: upper, ..body }, Rect { y: body.y + upper, height: body.height - upper, ..body })
    };
    draw_rows(dialog, pen, rows);
    draw_preview(dialog, pen, preview);
    let foot = area.bottom() - 2;
    let (key, help) = dialog.key();
    match &dialog.input {
        Some((Typing::Value, input)) => {
            pen.text(area.x, foot, area.width, &format!("{key}: {}_", input.value()), pen.look.accent())
        }
        Some((Typing::Name, input)) => {
            pen.text(area.x, foot, area.width, &format!("save as: {}_", input.value()), pen.look.accent())
        }
        None => pen.text(area.x, foot, area.width, &format!("{key}: {help}"), pen.look.accent()),
    };
    pen.text(area.x, foot + 1, area.width, FOOTER, pen.look.dim());
}

fn draw_rows(dialog: &Dialog, pen: &mut Pen<'_>, rect: Rect) {
    let height = usize::from(rect.height);
    let top = (dialog.row + 1).saturating_sub(height);
    for (y, (index, (key, _))) in (rect.y..rect.bottom()).zip(KEYS.iter().enumerate().skip(top)) {
        pen.text(rect.x, y, NAMES, key, pen.look.dim());
        let value = dialog.spec.get(key).unwrap_or("");
        pen.text(rect.x + NAMES, y, rect.width.saturating_sub(NAMES), value, pen.look.plain());
        if index == dialog.row {
            pen.restyle(Rect { y, ..rect }, pen.look.selected());
        }
    }
}

fn draw_preview(dialog: &Dialog, pen: &mut Pen<'_>, rect: Rect) {
    let mut lines = vec![(format!("record {} of {}", dialog.record + 1, dialog.records()), pen.look.dim())];
    lines.extend(dialog.open.iter().map(|(key, what)| (format!("{key}: {what}"), pen.look.accent())));
    match &dialog.preview {
        Ok(trace) => lines.extend(picture(trace).into_iter().map(|line| (line, pen.look.plain()))),
        Err(message) => lines.push((message.clone(), pen.look.error())),
    }
    for (y, (line, style)) in (rect.y..rect.bottom()).zip(lines) {
        pen.text(rect.x, y, rect.width, &line, style);
    }
}

/// The parts of a trace, a line each.
fn picture(trace: &Trace) -> Vec<String> {
    let Some(solution) = trace.solutions.first() else { return vec!["no solution".to_owned()] };
    let labels = trace.recorded_labels(solution);
    let mut lines = vec![format!("problem  {}", trace.problem.text)];
    let mut part = |name: &str, value: Option<&String>| lines.extend(value.map(|value| format!("{name:<9}{value}")));
    part("id", solution.source_id.as_ref());
    part("by", solution.generator.as_ref());
    part("answer", solution.final_answer.as_ref());
    part("right is", trace.problem.reference_answer.as_ref());
    let verdict = match labels.first_error {
        FirstError::At(step) => format!("first error at step {}", step + 1),
        FirstError::NoError => "no error".to_owned(),
        FirstError::Unknown => "none".to_owned(),
        FirstError::Unlabelable => "cannot be labelled".to_owned(),
    };
    let outcome = match solution.outcome {
        Outcome::Correct => ", the answer is right",
        Outcome::Wrong => ", the answer is wrong",
        Outcome::Unknown => "",
    };
    lines.push(format!("verdict  {verdict}{outcome}"));
    for (index, (id, label)) in trace.solution_path(solution).into_iter().zip(labels.steps).enumerate() {
        let mark = match label {
            Label::Good => "+",
            Label::Neutral => "0",
            Label::Bad => "x",
            Label::AfterError => ".",
            Label::Unseen => " ",
        };
        let score = solution.scores.get(index).copied().flatten().map(|score| format!(" {score:.2}")).unwrap_or_default();
        lines.push(format!("{:>3} {mark}{score} {}", index + 1, trace.node(id).text));
    }
    lines.extend(trace.warnings.iter().map(|warning| format!("note: {warning}")));
    lines
}
