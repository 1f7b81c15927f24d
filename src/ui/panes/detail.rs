//! More about the current step: what is known of it, its note, its siblings.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::analysis::aggregate::Aggregate;
use crate::analysis::wilson;
use crate::app::App;
use crate::app::choice::PROGRESS;
use crate::app::describe::short;
use crate::app::judge::Judge;
use crate::app::reading::{Against, Checked, verdicts};
use crate::checks::arithmetic::{Claim, Verdict};
use crate::checks::provenance::{Origin, Role, Sighting};
use crate::text::{WrapOptions, many, safe, safe_line, wrap};
use crate::trace::{FirstError, Node, NodeId, Rating, Rationale, StepScore, Trace, Writing};
use crate::typeset::Page;
use crate::typeset::diff::Changed;
use crate::ui::pen::Pen;
use crate::ui::styled::{Run, styled};

use super::{alike, one_line};

/// A pane of this width is a strip below the steps, and no column beside them.
const STRIP: usize = 58;
/// What parts the lines that share a row.
const GAP: &str = "   ";

/// Draws as many lines as there is room for, the most useful first; all of them one below the other once the pane was scrolled.
pub(in crate::ui) fn draw(app: &App, pen: &mut Pen<'_>, rect: Rect) {
    let Some(trace) = app.trace() else { return };
    if app.cursor.node == NodeId::ROOT {
        return;
    }
    let node = trace.node(app.cursor.node);
    let lines = lines(app, pen, trace, node);
    let (width, height) = (rect.width.saturating_sub(1), usize::from(rect.height));
    let all = rows(app, pen, node, &lines, width, None);
    let more = all.len().saturating_sub(height);
    let top = app.detail.unwrap_or(0).min(more);
    let rows = if app.detail.is_some() || more == 0 { all } else { rows(app, pen, node, &lines, width, Some(height)) };
    for (y, row) in (rect.y..rect.bottom()).zip(rows.iter().skip(top)) {
        pen.line(rect.x + 1, y, width, row);
    }
    if more > top {
        let at = Rect { y: rect.bottom().saturating_sub(1), height: 1, ..rect };
        pen.right(at, at.y, &format!(" +{}, {} ", many(more - top, "row"), app.key("scroll-detail")), pen.look.accent());
    }
}

/// What there is to say of the step, the most useful first.
fn lines(app: &App, pen: &Pen<'_>, trace: &Trace, node: &Node) -> Vec<(String, Style)> {
    let mut lines: Vec<(String, Style)> = Vec::new();
    lines.push((heading(app, node), pen.look.strong()));
    lines.extend(app.words_of_annotators().into_iter().map(|line| (line, pen.look.accent())));
    lines.extend(app.words_of_file().into_iter().map(|line| (line, pen.look.dim())));
    lines.extend(checks(app, pen, node));
    lines.extend(numbers(app, node).map(|line| (line, pen.look.dim())));
    lines.extend(together(app, node).map(|line| (line, pen.look.plain())));
    lines.push((scores(app, node), pen.look.plain()));
    lines.extend(beside(app, node).map(|line| (line, pen.look.plain())));
    lines.extend(verdict(app, trace, node).map(|line| (line, pen.look.accent())));
    for writing in [Writing::Note, Writing::Tags, Writing::Critique, Writing::Correction] {
        if let Some(text) = app.own().and_then(|own| own.text(writing, Some(node.key), app.record_key_here())) {
            lines.push((format!("{}  {text}", writing.name()), pen.look.accent()));
        }
    }
    lines.extend(critiques(app, node).map(|line| (line, pen.look.dim())));
    lines.extend(solution_scores(app, trace).map(|line| (line, pen.look.plain())));
    let search = search_numbers(node);
    // Search values give away what a model thought of the step.
    if !search.is_empty() && app.show_prm {
        lines.push((search, pen.look.plain()));
    }
    lines.extend(siblings(app, pen, trace, node));
    if let Some(solution) = app.solution_on_show().filter(|_| !app.has_gold()) {
        let name = |label: &str, value: &Option<String>| value.as_ref().map(|value| format!("{label} {value}"));
        // Who wrote it and what came out tell how likely it is to be right.
        let told = [name("by", &solution.generator), name("answer", &solution.final_answer)];
        let told = told.into_iter().flatten().filter(|_| app.show_prm);
        let facts: Vec<String> = name("id", &solution.source_id).into_iter().chain(told).collect();
        if !facts.is_empty() {
            lines.push((facts.join("   "), pen.look.dim()));
        }
    }
    lines.extend(app.around().iter().map(|line| (line.clone(), pen.look.plain())));
    lines.extend(trace.warnings.iter().take(20).map(|warning| (format!("note: {warning}"), pen.look.dim())));
    lines
}

/// The rows of the pane: as many as there are, or shortened to what is most useful in so few.
fn rows(app: &App, pen: &Pen<'_>, node: &Node, lines: &[(String, Style)], width: u16, room: Option<usize>) -> Vec<Line<'static>> {
    let left = |rows: &Vec<Line<'static>>| room.map(|room| room.saturating_sub(rows.len()));
    let mut rows = comparison(app, pen, width, room.map_or(usize::MAX, |room| room.saturating_sub(2).max(1)));
    rows.extend(shares(app, pen, node, width, left(&rows).map_or(usize::MAX, |left| left.saturating_sub(4).min(3))));
    let groups = packed(pen, usize::from(width), lines);
    let spare = left(&rows).map(|left| left.saturating_sub(groups.len()));
    rows.extend(laid(pen, width, &groups, spare));
    rows
}

/// Lines that have room beside one another share a row: below the steps rows are dear, and cells are not. Alternatives stay in a column.
fn packed<'a>(pen: &Pen<'_>, width: usize, lines: &'a [(String, Style)]) -> Vec<&'a [(String, Style)]> {
    let listed = |line: &str| line.starts_with("  ") || line.starts_with(pen.look.glyphs.pointer);
    let cells = |line: &str| {
        let long = width < STRIP || line.len() > 4 * width || listed(line);
        if long { usize::MAX / 2 } else { pen.ambiguous().text(&safe_line(line)) }
    };
    let (mut groups, mut from, mut used) = (Vec::new(), 0, 0);
    for (index, (line, _)) in lines.iter().enumerate() {
        let wide = cells(line);
        used = if index == from { wide } else { used.saturating_add(GAP.len() + wide) };
        if used > width && index > from {
            groups.push(&lines[from..index]);
            (from, used) = (index, wide);
        }
    }
    groups.extend(lines.get(from..).filter(|rest| !rest.is_empty()));
    groups
}

/// One below the other. With `spare` rows, lines are wrapped as long as there are some left, and cut behind that.
fn laid(pen: &Pen<'_>, width: u16, groups: &[&[(String, Style)]], spare: Option<usize>) -> Vec<Line<'static>> {
    let mut spare = spare.unwrap_or(usize::MAX);
    let options = WrapOptions { ambiguous: pen.ambiguous(), ..WrapOptions::new(usize::from(width).max(10)).hanging(6) };
    let mut rows = Vec::new();
    for group in groups {
        let [(line, style)] = group else {
            let span = |(line, style): &(String, Style)| Span::styled(safe_line(line).to_string(), *style);
            let spans = group.iter().map(span).flat_map(|span| [Span::raw(GAP), span]).skip(1);
            rows.push(spans.collect::<Line<'static>>());
            continue;
        };
        let text = if spare == 0 { safe_line(&beginning(line, 400, "")) } else { safe(line) };
        let wrapped = wrap(&text, options);
        let whole = wrapped.height().saturating_sub(1).min(spare);
        let row = |row: &crate::text::Row| format!("{:indent$}{}", "", &text[row.range.clone()], indent = row.indent);
        rows.extend(wrapped.rows().iter().take(whole).map(|wrapped| Line::styled(row(wrapped), *style)));
        if let Some(last) = wrapped.rows().get(whole) {
            let rest = safe_line(&beginning(
                &text[last.range.start..],
                usize::from(width).saturating_sub(last.indent),
                pen.look.glyphs.ellipsis,
            ));
            rows.push(Line::styled(format!("{:indent$}{rest}", "", indent = last.indent), *style));
        }
        spare -= whole;
    }
    rows
}

/// So many characters of a line, spaces between its parts kept; where there are more, `cut` stands at the end.
fn beginning(line: &str, characters: usize, cut: &str) -> String {
    let flat = line.chars().map(|sign| if sign == '\n' { ' ' } else { sign });
    let more = line.chars().nth(characters).is_some();
    let mut text: String = flat.take(if more { characters.saturating_sub(cut.chars().count()) } else { characters }).collect();
    text.push_str(if more { cut } else { "" });
    text
}

/// Rows of a page that outlive it.
fn page_rows(page: &Page, most: usize, runs: &[Run]) -> Vec<Line<'static>> {
    let owned = |row: &crate::text::Row| {
        let spans = styled(&page.text, row, &[runs]).spans;
        let indent = Span::raw(" ".repeat(row.indent));
        let spans = spans.into_iter().map(|span| Span::styled(span.content.into_owned(), span.style));
        std::iter::once(indent).chain(spans).collect::<Line<'static>>()
    };
    page.wrapped.window(0, most).iter().map(owned).collect()
}

/// The text that the step is compared with, its own words marked.
fn comparison(app: &App, pen: &Pen<'_>, width: u16, most: usize) -> Vec<Line<'static>> {
    let Some(against) = app.reading.against else { return Vec::new() };
    let (name, next) = (against.name(), format!("{} next, {} off", app.key("diff"), app.key("cancel")));
    let Some(comparison) = app.comparison() else {
        return vec![Line::styled(format!("no {name} to compare with   {next}"), pen.look.accent())];
    };
    let same = if comparison.changed == Changed::default() && against != Against::Critique { "   the same words" } else { "" };
    let title = safe_line(&format!("{name}: {}{same}   {next}", comparison.place)).to_string();
    let mut rows = vec![Line::styled(title, pen.look.accent())];
    let page = Page::plain(&comparison.other, usize::from(width.saturating_sub(1)).max(10));
    let changed: Vec<Run> = comparison.changed.old.iter().map(|range| (range.clone(), pen.look.changed())).collect();
    rows.extend(page_rows(&page, most, &changed));
    rows
}

/// The tokens of the step in the colours of their shares in its score.
fn shares(app: &App, pen: &Pen<'_>, node: &Node, width: u16, rows: usize) -> Vec<Line<'static>> {
    let Some(Rationale::Tokens(tokens)) = app.scoring.rationales.get(&node.key).filter(|_| app.show_prm) else {
        return Vec::new();
    };
    let largest = tokens.iter().map(|(_, share)| share.abs()).fold(0.0, f64::max);
    // In fewer rows the other lines tell more.
    if rows < 2 || largest <= 0.0 {
        return Vec::new();
    }
    let (mut text, mut runs): (String, Vec<Run>) = (String::new(), Vec::new());
    for (token, share) in tokens {
        let start = text.len();
        text.push_str(&safe(token).replace(['\n', '\t'], " "));
        runs.push((start..text.len(), pen.look.score(0.5 + 0.5 * share / largest)));
    }
    let worst = tokens.iter().min_by(|a, b| a.1.total_cmp(&b.1)).filter(|(_, share)| *share < 0.0);
    let worst = worst.map_or(String::new(), |(token, share)| format!("   lowest {:?} {share:.4}", one_line(token, 20)));
    let mut lines = vec![Line::styled(safe_line(&format!("tok   {} tokens{worst}", tokens.len())).to_string(), pen.look.dim())];
    let page = Page::plain(&text, usize::from(width.saturating_sub(1)).max(10));
    lines.extend(page_rows(&page, rows - 1, &runs));
    lines
}

/// How the verdicts of a critic fall.
fn critiques(app: &App, node: &Node) -> Option<String> {
    match app.scoring.rationales.get(&node.key).filter(|_| app.show_prm)? {
        Rationale::Critiques(critiques) => Some(format!("wrote {}   (:diff critique)", verdicts(critiques))),
        Rationale::Tokens(_) => None,
    }
}

/// Equalities of the step that could be computed, wrong ones first, and formulas that stand as their source.
fn checks(app: &App, pen: &Pen<'_>, node: &Node) -> Vec<(String, Style)> {
    let glyphs = &pen.look.glyphs;
    let findings = app.findings(node.key);
    let line = |checked: &Checked| {
        let Checked { finding, text } = checked;
        let text = app.formula_line(text).unwrap_or_else(|| one_line(text, 60));
        let sides = finding.sides();
        let perhaps = match finding.claim {
            Claim::Identity { .. } => "no identity; it may be meant as an equation",
            Claim::Division { .. } => "the division can go on",
            _ => "rounding or units may explain it",
        };
        match finding.verdict {
            Verdict::Bad => (format!("chk   {} {text}: {sides}", glyphs.cross), pen.look.error()),
            Verdict::Soft => (format!("chk   ~ {text}: {sides}; {perhaps}"), pen.look.plain()),
            Verdict::Ok => (format!("chk   {} {text}", glyphs.check), pen.look.dim()),
        }
    };
    let of = |verdict: Verdict| findings.iter().filter(move |checked| checked.finding.verdict == verdict);
    let mut lines: Vec<(String, Style)> = of(Verdict::Bad).chain(of(Verdict::Soft)).take(4).map(line).collect();
    match (lines.is_empty(), of(Verdict::Ok).count()) {
        (_, 0) => {}
        (true, 1) => lines.extend(of(Verdict::Ok).map(line)),
        (_, 1) => lines.push((format!("chk   {} 1 equality holds", glyphs.check), pen.look.dim())),
        (_, n) => lines.push((format!("chk   {} {n} equalities hold", glyphs.check), pen.look.dim())),
    }
    if let Some((count, reason)) = app.formulas_left_out() {
        let formulas = if count == 1 {
            "a formula stands as its source".to_owned()
        } else {
            format!("{count} formulas stand as their source")
        };
        lines.push((format!("{formulas}: {reason}"), pen.look.dim()));
    }
    lines
}

/// Where the numbers of the step come from: evidence, no verdict.
fn numbers(app: &App, node: &Node) -> Option<String> {
    const MOST: usize = 8;
    let origins = app.origins(node.key);
    let of = |is: &dyn Fn(&Sighting) -> bool, write: &dyn Fn(&Sighting) -> String| -> Vec<String> {
        let mut texts: Vec<String> = Vec::new();
        for seen in origins.iter().filter(|seen| seen.role != Role::Outcome && is(seen)) {
            let text = write(seen);
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        let rest = texts.len().saturating_sub(MOST);
        texts.truncate(MOST);
        texts.extend((rest > 0).then(|| format!("{rest} more")));
        texts
    };
    let plain = |seen: &Sighting| seen.value.to_string();
    let made = |seen: &Sighting| match (seen.origin, seen.operands) {
        (Origin::Derived(operation), Some((a, b))) => format!("{} = {a} {} {b}", seen.value, operation.sign()),
        _ => seen.value.to_string(),
    };
    let parts = [
        ("from nowhere", of(&|seen| seen.origin == Origin::Unknown, &plain)),
        ("perhaps", of(&|seen| matches!(seen.origin, Origin::Derived(_)), &made)),
        ("from the problem", of(&|seen| seen.origin == Origin::Problem, &plain)),
        ("from steps before", of(&|seen| seen.origin == Origin::Result, &plain)),
        ("constant", of(&|seen| seen.origin == Origin::Constant, &plain)),
    ];
    let told = parts.iter().filter(|(_, numbers)| !numbers.is_empty());
    let text: Vec<String> = told.map(|(name, numbers)| format!("{name} {}", numbers.join(", "))).collect();
    (!text.is_empty()).then(|| format!("num   {}", text.join("; ")))
}

fn heading(app: &App, node: &Node) -> String {
    let through = app.tree.through(app.cursor.node);
    let shared = if through > 1 { format!("   stands in {through} solutions: one mark covers all") } else { String::new() };
    let thought = app.thought_here().map_or(String::new(), |thought| format!("   {thought}"));
    format!("step {} of {}{thought}{shared}", node.depth, app.cursor.path.len())
}

fn scores(app: &App, node: &Node) -> String {
    if !app.show_prm {
        return format!("PRM   hidden ({} shows it)", app.key("hide-prm"));
    }
    match (app.scoring.scores.get(&node.key), &app.scoring.model) {
        (Some(score), Some(model)) => {
            let hint = if model.embedded { " (a hint; --prm DIR for a real one)" } else { "" };
            let threshold = short(app.scoring.threshold);
            let (low, high) = app.scoring.meaning.range;
            let range = match (low.is_finite(), (low, high) == score.semantics().range()) {
                (_, true) => String::new(),
                (true, _) => format!(" of {low}..{high}"),
                (false, _) => " without bounds".to_owned(),
            };
            format!("PRM   {} {:.3}{range}   threshold {threshold}   {}{hint}", score.semantics(), score.value(), model.name)
        }
        (Some(score), None) => {
            let threshold = short(app.scoring.threshold);
            format!("PRM   {} {:.3}   threshold {threshold}   {}", score.semantics(), score.value(), app.scoring.name())
        }
        (None, _) if app.scoring.meaning.outcome => "PRM   judges whole solutions, no steps".to_owned(),
        (None, _) => match app.scoring.refused.get(&node.key) {
            Some(reason) => format!("PRM   not scored: {reason}"),
            None => "PRM   no score yet".to_owned(),
        },
    }
}

/// What the other models say of the step, and how far all of them lie apart.
fn beside(app: &App, node: &Node) -> Option<String> {
    let value = |judge: &Judge| judge.scores.get(&node.key).map(|score| score.value());
    let others = app.scoring.others().filter(|_| app.show_prm).filter_map(|(letter, judge)| Some((letter, judge, value(judge)?)));
    let said: Vec<String> = others
        .map(|(letter, judge, score)| {
            let below = if score < judge.threshold { ", below its threshold" } else { "" };
            format!("{letter} {} {}{below}", judge.name(), short(score))
        })
        .collect();
    if said.is_empty() {
        return None;
    }
    let apart = app.scoring.apart(node.key).map_or(String::new(), |apart| format!("; {} apart", short(apart)));
    Some(format!("      {}{apart}   ({} colours by the next)", said.join("; "), app.key("next-prm")))
}

/// Kind of the own first error, and how far the solution had come.
fn verdict(app: &App, trace: &Trace, node: &Node) -> Option<String> {
    let own = app.own()?;
    let kind = own.error_kind(node.key);
    let wrong = own.mark(node.key).is_some_and(|mark| mark.rating == Rating::Bad);
    let labels = app.own_labels(trace, *app.cursor.path.last()?);
    let progress = labels.progress.filter(|_| labels.first_error == FirstError::At(app.cursor.step()));
    let progress = progress.and_then(|progress| PROGRESS.get(usize::from(progress)));
    let said = match (kind, progress) {
        ("", None) => return None,
        ("", Some(progress)) => format!("had come {progress}"),
        (kind, None) => kind.to_owned(),
        (kind, Some(progress)) => format!("{kind}; had come {progress}"),
    };
    wrong.then(|| format!("error  {said}"))
}

/// Score and failing equalities together.
fn together(app: &App, node: &Node) -> Option<String> {
    app.wrong_equality(node.key)?;
    Some(format!("suspicion, score and checks together: {}", short(app.suspicion(node.key)?)))
}

/// Every way to make one score of the solution, the chosen one in brackets; or the badge of a model that judges whole solutions.
fn solution_scores(app: &App, trace: &Trace) -> Option<String> {
    let scoring = &app.scoring;
    // What is not shown yet says nothing here either.
    if !app.show_prm || app.open_steps() < app.cursor.path.len() {
        return None;
    }
    if scoring.meaning.outcome {
        let score = scoring.solution_score(trace, &app.cursor.path)?;
        return Some(format!("solution   {} {score:.3}, no step scores", scoring.meaning.semantics));
    }
    let one = |(form, score): (Aggregate, f64)| {
        let text = format!("{} {}", form.name(), short(score));
        if form == scoring.aggregate { format!("[{text}]") } else { text }
    };
    let all: Vec<String> = app.outlook().forms.iter().copied().map(one).collect();
    (!all.is_empty()).then(|| format!("solution   {}   ({})", all.join("  "), app.key("aggregate")))
}

fn search_numbers(node: &Node) -> String {
    let stats = &node.stats;
    let mut parts = Vec::new();
    if let Some(mc) = stats.mc {
        // Few rollouts say little: 0 of 8 leaves room for a third.
        let known = stats.mc_k.filter(|k| *k > 0 && (0.0..=1.0).contains(&mc));
        let interval = known.map_or(String::new(), |k| {
            let (low, high) = wilson::around(mc, k as f64);
            format!(" [{}, {}]", short(low), short(high))
        });
        let rollouts = match (stats.mc_hits, stats.mc_k) {
            (Some(hits), Some(k)) => format!(" ({hits} of {k} rollouts)"),
            (None, Some(k)) => format!(" ({k} rollouts)"),
            _ => String::new(),
        };
        parts.push(format!("MC {}{interval}{rollouts}", short(mc)));
    }
    // A share is told as the score of the file; what is none has no place on that scale.
    let raw = stats.prm.filter(|score| !(0.0..=1.0).contains(score));
    let numbers = [("Q", stats.q), ("value", stats.value), ("prior", stats.prior), ("recorded PRM", raw)];
    parts.extend(numbers.into_iter().filter_map(|(name, value)| Some(format!("{name} {}", short(value?)))));
    parts.extend(stats.visits.map(|visits| format!("visits {visits}")));
    parts.join("   ")
}

fn siblings(app: &App, pen: &Pen<'_>, trace: &Trace, node: &Node) -> Vec<(String, Style)> {
    let Some(parent) = node.parent else { return Vec::new() };
    let siblings = &trace.node(parent).children;
    if siblings.len() < 2 {
        return Vec::new();
    }
    let keys = ["next-sibling", "previous-sibling", "best-alternative"].map(|command| app.key(command));
    let alternatives = format!("{} alternatives here ({} {}, {} best)", siblings.len(), keys[0], keys[1], keys[2]);
    let mut lines = vec![(alternatives, pen.look.dim())];
    let chosen = app.own().and_then(|own| own.chosen(trace.node(parent).key));
    let here = one_line(app.step_line(trace, app.cursor.node), 400);
    lines.extend(siblings.iter().take(40).map(|&id| {
        let sibling = trace.node(id);
        let score = app.shown_score(sibling.key).map(StepScore::value);
        let number = score.map_or("   ".to_owned(), |score| format!("{:>3}", short(score)));
        let pointer = if id == app.cursor.node { pen.look.glyphs.pointer } else { " " };
        let style = score.map_or(pen.look.plain(), |score| pen.look.score(app.scoring.place(score)));
        let text = one_line(app.step_line(trace, id), 400);
        let same = if id == app.cursor.node { 0 } else { alike(&here, &text) };
        let text = format!("{}{}", if same > 0 { pen.look.glyphs.ellipsis } else { "" }, &text[same..]);
        let best = if chosen == Some(sibling.key) { "best: " } else { "" };
        let written = if trace.is_sampled(id) { "model: " } else { "" };
        (format!("{pointer} {number}  {best}{written}{text}"), style)
    }));
    lines
}
