//! The screen as lines that are said once: for screen readers, terminals without cursor movement, and pipes.
//!
//! Nothing is drawn over. Each part of the screen is said when it has changed: the problem when one comes to another, the step when
//! one moves, a message when there is one.

use crate::app::choice::Open;
use crate::app::describe::short;
use crate::app::items::FileState;
use crate::app::rewrite::Rewrite;
use crate::app::segmenting::Segmenting;
use crate::app::split::Split;
use crate::app::{App, Focus};
use crate::checks::arithmetic::Verdict;
use crate::text::{many, safe_line};
use crate::trace::{Label, NodeId, PromptKey, StepKey};
use crate::typeset::{Page, Setting};

/// Remembers what was said.
#[derive(Debug, Default)]
pub struct Reader {
    said: Vec<(&'static str, Spoken)>,
}

/// What a part of the screen says, and what it says it of: the same text at another place is said again.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Spoken {
    place: String,
    lines: Vec<String>,
    /// What its lines were made of, where making them takes long.
    of: Option<Made>,
}

/// What the lines of a text depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Made {
    problem: PromptKey,
    /// The step; `None` for the problem.
    step: Option<StepKey>,
    setting: Setting,
}

impl Spoken {
    fn says_as(&self, other: &Self) -> bool {
        (&self.place, &self.lines) == (&other.place, &other.lines)
    }

    /// A letter more than before.
    fn goes_on(&self, before: &Self) -> bool {
        let more = self.place.strip_prefix(before.place.as_str());
        !before.place.is_empty() && more.is_some_and(|more| more.chars().count() == 1)
    }
}

impl Reader {
    /// What is new since the last call, as lines that may be written.
    pub fn news(&mut self, app: &App) -> Vec<String> {
        let now = parts(app, &self.said);
        let old = |name: &str| self.said.iter().find(|(known, _)| *known == name).map(|(_, spoken)| spoken);
        let news = now.iter().filter(|(name, spoken)| old(name).is_none_or(|old| !old.says_as(spoken)));
        let said = |(name, spoken): &(&'static str, Spoken)| match old(name).filter(|_| *name == "input") {
            // Whoever types knows the letter: a screen reader says keys by itself. The whole line is said when it is done.
            Some(old) if spoken.goes_on(old) => Vec::new(),
            Some(old) if spoken.lines.is_empty() => old.lines.clone(),
            // Only what was folded before is said to be unfolded.
            _ if *name == "fold" && spoken.lines == [UNFOLDED] && old(name).is_none_or(|old| old.place != spoken.place) => {
                Vec::new()
            }
            // Where one begins is heard from the first step.
            None if *name == "pane" && self.said.is_empty() => Vec::new(),
            _ => spoken.lines.clone(),
        };
        let news = news.flat_map(said);
        let news = news.map(|line| safe_line(&line).to_string()).collect();
        self.said = now;
        news
    }

    /// Says everything again at the next call.
    pub fn forget(&mut self) {
        self.said.clear();
    }
}

/// All parts as they are now; texts that were `said` before are not set once more.
fn parts(app: &App, said: &[(&'static str, Spoken)]) -> Vec<(&'static str, Spoken)> {
    let part = |place: String, lines: Vec<String>| Spoken { place, lines, of: None };
    let line = |text: String| part(text.clone(), if text.is_empty() { Vec::new() } else { vec![text] });
    // What was typed is heard before what it did, and what a label did before what comes next.
    let typed = app.input.as_ref().map_or(String::new(), |input| format!("{}{}", input.prompt(), input.line.value()));
    let mut parts = vec![
        ("input", line(typed)),
        ("pane", line(pane(app))),
        ("notice", line(app.notice.clone().unwrap_or_default())),
        ("saving", line(app.saving.at.as_ref().map_or(String::new(), |_| app.saving_line()))),
        ("error", line(app.saving.error.as_ref().map_or(String::new(), |_| app.saving_line()))),
        ("queue", line(queue(app))),
        ("problem", problem(app, said)),
        ("solution", line(solution(app))),
    ];
    if app.help.is_none() {
        parts.push(("fold", fold(app)));
        parts.extend([("step", line(step(app))), ("text", text(app, said)), ("checks", part(String::new(), checks(app)))]);
        parts.push(("diff", line(comparison(app))));
    }
    parts.push(("help", line(help(app))));
    parts.push(("picker", line(picker(app))));
    parts.push(("answers", line(answers(app))));
    parts.push(("clusters", line(clusters(app))));
    parts.push(("pair", line(pair(app))));
    parts.push(("replay", line(app.replay_line().unwrap_or_default())));
    parts.push(("why", line(why(app))));
    if let Some(sheet) = &app.sheet {
        let first = sheet.first_row(sheet.first_line(), sheet.text.lines().count(), 1);
        let lines = sheet.text.lines().skip(first).take(20).map(str::to_owned);
        parts.push(("sheet", part(sheet.title.to_owned(), std::iter::once(sheet.title.to_owned()).chain(lines).collect())));
    }
    parts.push(("rewrite", line(app.rewrite.as_ref().map_or(String::new(), |rewrite| rewrite_said(app, rewrite)))));
    parts.push(("split", line(app.split.as_ref().map_or(String::new(), split))));
    parts.push(("segmenting", app.segmenting.as_ref().map_or_else(|| line(String::new()), segmenting)));
    parts.push(("choice", line(app.choice.as_ref().map_or(String::new(), choice))));
    parts
}

/// What the keys that move act on.
fn pane(app: &App) -> String {
    match app.focus {
        Focus::List => "in the list: keys move from problem to problem",
        Focus::Steps => "in the steps",
        Focus::Tree => "in the tree",
    }
    .to_owned()
}

/// How many solutions filter and order have found, once all were looked at.
fn queue(app: &App) -> String {
    let queue = &app.queue;
    if !queue.active() || !queue.is_complete() {
        return String::new();
    }
    let said = match (queue.filter_text(), queue.order_name()) {
        ("", order) => format!("order {order}"),
        (filter, "file") => format!("filter {filter}"),
        (filter, order) => format!("filter {filter}, order {order}"),
    };
    format!("{said}: {}", many(queue.places().len(), "solution"))
}

fn problem(app: &App, said: &[(&'static str, Spoken)]) -> Spoken {
    let item = app.position();
    let name = app.items.files.get(item.file).map_or("", FileState::short_name);
    let place = format!("problem {} of {}, {name}", app.items.rank(item) + 1, app.items.total());
    let Some(trace) = app.trace() else {
        let errors = app.items.get(item).into_iter().flat_map(|view| &view.errors).map(ToString::to_string);
        return Spoken { lines: std::iter::once(place.clone()).chain(errors).collect(), place, of: None };
    };
    let of = Made { problem: trace.prompt_key, step: None, setting: app.linear_setting() };
    let known = made(said, "problem", &of).and_then(|known| known.lines.get(1..)).map(<[String]>::to_vec);
    let rows = known.unwrap_or_else(|| rows(&trace.problem.text, of.setting));
    Spoken { lines: std::iter::once(place.clone()).chain(rows).collect(), place, of: Some(of) }
}

/// What a part said before, if it was made of the same.
fn made<'a>(said: &'a [(&'static str, Spoken)], name: &str, of: &Made) -> Option<&'a Spoken> {
    said.iter().find(|(known, spoken)| *known == name && spoken.of.as_ref() == Some(of)).map(|(_, spoken)| spoken)
}

/// A text as it is read aloud: one line a line, formulas on one line.
fn rows(text: &str, setting: Setting) -> Vec<String> {
    let page = Page::new(text, setting);
    page.text.lines().map(str::trim_end).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

fn solution(app: &App) -> String {
    let Some(trace) = app.trace() else { return String::new() };
    let facts = app.facts();
    let facts = if facts.is_empty() { String::new() } else { format!(", {facts}") };
    let steps = many(app.cursor.path.len(), "step");
    if app.solution_on_show().is_none()
        && let Some((at, all)) = app.alternative_on_show()
    {
        return format!("alternative {at} of {all}, {steps}{facts}");
    }
    format!("solution {} of {}, {steps}{facts}", app.cursor.solution + 1, trace.solutions.len())
}

fn step(app: &App) -> String {
    let Some(trace) = app.trace().filter(|_| !app.cursor.path.is_empty()) else { return String::new() };
    let (labels, own) = app.labels_here(trace);
    let at = app.cursor.step();
    let label = labels.steps.get(at).copied().unwrap_or(Label::Unseen).name();
    let whose = if label != "no mark" && !own.get(at).copied().unwrap_or(false) { " in the file" } else { "" };
    let score = app.shown_score(trace.node(app.cursor.node).key).map_or(String::new(), |score| {
        let below = if score.value() < app.scoring.threshold { ", below the threshold" } else { "" };
        format!(", score {}{below}", short(score.value()))
    });
    let drop = app.score_drop().filter(|(step, _)| *step == at).map_or("", |_| ", largest drop");
    let suspect = app.other_suspects().zip([", second suspect", ", third suspect"]).find(|(step, _)| *step == at);
    let suspect = suspect.map_or("", |(_, said)| said);
    let thought = app.thought_here().map_or(String::new(), |thought| format!(", {thought}"));
    format!("step {} of {}: {label}{whose}{score}{drop}{suspect}{thought}", at + 1, app.cursor.path.len())
}

/// What is said of a step whose fold was opened.
const UNFOLDED: &str = "unfolded";

/// Whether the step in the tree is folded, and what that hides.
fn fold(app: &App) -> Spoken {
    let row = app.tree.row_of(app.cursor.node).and_then(|row| app.tree.rows.get(row));
    let Some(row) = row.filter(|row| app.focus == Focus::Tree && row.branch) else { return Spoken::default() };
    let said = if row.open { UNFOLDED.to_owned() } else { format!("folded, {}", many(app.tree.behind(row.node), "step")) };
    Spoken { place: row.node.index().to_string(), lines: vec![said], of: None }
}

fn text(app: &App, said: &[(&'static str, Spoken)]) -> Spoken {
    let Some(trace) = app.trace().filter(|_| app.cursor.node != NodeId::ROOT) else { return Spoken::default() };
    let node = trace.node(app.cursor.node);
    let of = Made { problem: trace.prompt_key, step: Some(node.key), setting: app.linear_setting() };
    let lines = made(said, "text", &of).map_or_else(|| rows(&node.text, of.setting), |known| known.lines.clone());
    Spoken { place: format!("{} {}", app.cursor.step(), node.key), lines, of: Some(of) }
}

fn checks(app: &App) -> Vec<String> {
    let Some(trace) = app.trace() else { return Vec::new() };
    let wrong = app.findings(trace.node(app.cursor.node).key).iter().filter(|checked| checked.finding.verdict == Verdict::Bad);
    wrong.map(|c| format!("check: {}: {}", c.text, c.finding.sides())).collect()
}

fn comparison(app: &App) -> String {
    let Some(comparison) = app.comparison() else { return String::new() };
    let words = |text: &str, ranges: &[std::ops::Range<usize>]| {
        ranges.iter().filter_map(|range| text.get(range.clone())).collect::<Vec<_>>().join(", ")
    };
    let here = app.trace().map_or("", |trace| trace.node(app.cursor.node).text.as_str());
    format!(
        "{}: {}. Only there: {}. Only here: {}.",
        comparison.against.name(),
        comparison.place,
        words(&comparison.other, &comparison.changed.old),
        words(here, &comparison.changed.new)
    )
}

fn why(app: &App) -> String {
    let why = app.why();
    if why.is_empty() { why } else { format!("why: {why}") }
}

fn rewrite_said(app: &App, rewrite: &Rewrite) -> String {
    let scores: Vec<String> = rewrite
        .keys()
        .map(|key| app.scoring.scores.get(&key).filter(|_| app.show_prm).map_or("none".to_owned(), |score| short(score.value())))
        .collect();
    format!("writing step {}: {}; scores from here on: {}", rewrite.step + 1, rewrite.text(), scores.join(", "))
}

/// What the rule on show makes of the solution: the beginning of each of its steps, from the one on show on.
fn segmenting(open: &Segmenting) -> Spoken {
    let offer = open.offer();
    let warning = open.warning().map_or(String::new(), |warning| format!(", {warning}"));
    let place = format!("steps by {}: {}{warning}, now {}", offer.name(), offer.starts.len(), open.now);
    let first = |(index, text): (usize, &String)| {
        let words: Vec<&str> = text.split_whitespace().take(12).collect();
        format!("{}: {}", index + 1, words.join(" "))
    };
    let steps = open.texts.iter().enumerate().skip(open.top).take(20).map(first);
    Spoken { lines: std::iter::once(place.clone()).chain(steps).collect(), place, of: None }
}

fn split(split: &Split) -> String {
    let (_, after) = split.parts();
    let words: Vec<&str> = after.split_whitespace().take(6).collect();
    format!("split step {} before: {}", split.step + 1, words.join(" "))
}

fn choice(open: &Open) -> String {
    let answers: Vec<String> =
        open.answers.iter().map(|answer| format!("{} {}", answer.choice.letter, answer.choice.name)).collect();
    format!("{}: {}", open.title(), answers.join(", "))
}

fn picker(app: &App) -> String {
    let Some(picker) = &app.picker else { return String::new() };
    let Some((item, text)) = picker.found().nth(picker.chosen) else { return format!("no problem for {}", picker.line.value()) };
    format!("{} of {}: problem {}: {text}", picker.chosen + 1, picker.count, app.items.rank(item) + 1)
}

fn answers(app: &App) -> String {
    let Some(answers) = &app.answers else { return String::new() };
    let Some(group) = answers.groups.get(answers.chosen) else { return String::new() };
    let answer = if group.answer.is_empty() { "none" } else { &group.answer };
    let known = group.right + group.wrong > 0;
    let outcome = if known { format!(", {} right, {} wrong", group.right, group.wrong) } else { String::new() };
    let scored = group.mean.zip(group.best).map_or(String::new(), |(mean, (best, score))| {
        format!(", mean score {}, best solution {} with {}", short(mean), best + 1, short(score))
    });
    let (at, all) = (answers.chosen + 1, answers.groups.len());
    let (count, solutions) = (group.solutions.len(), answers.solutions);
    format!("answer {at} of {all}: {answer}, {count} of {solutions} solutions{outcome}{scored}")
}

fn clusters(app: &App) -> String {
    let Some(clusters) = app.alike.clusters.as_ref().filter(|clusters| clusters.open) else { return String::new() };
    let Some(group) = clusters.groups.get(clusters.chosen) else { return String::new() };
    let (at, all) = (clusters.chosen + 1, clusters.groups.len());
    let (count, steps) = (group.members.len(), clusters.steps.rows.len());
    let typical = clusters.typical.get(clusters.chosen).map_or("", String::as_str);
    format!("group {at} of {all}: {count} of {steps} wrong steps, words {}, typical: {typical}", group.words.join(", "))
}

fn pair(app: &App) -> String {
    let Some((pair, row)) = app.pair.as_ref().and_then(|pair| Some((pair, pair.rows().get(pair.chosen)?))) else {
        return String::new();
    };
    let said = |side: usize| match (row[side], pair.laid(pair.chosen).and_then(|laid| laid.pages[side].as_ref())) {
        (Some(step), Some(page)) => {
            format!("step {}: {}", step + 1, page.text.lines().map(str::trim).collect::<Vec<_>>().join(" "))
        }
        _ => "no step".to_owned(),
    };
    let place = format!("row {} of {}", pair.chosen + 1, pair.rows().len());
    if *row == [None; 2] {
        let steps = if pair.shared == 1 { "step" } else { "steps" };
        return format!("{place}: {} {steps} that both begin with", pair.shared);
    }
    let [left, right] = pair.sides.map(|side| format!("solution {}", side + 1));
    format!("{place}: {left}, {}; {right}, {}", said(0), said(1))
}

fn help(app: &App) -> String {
    let Some(sheet) = &app.help else { return String::new() };
    let rows = sheet.rows(&app.keys.map, app.focus);
    let Some(row) = rows.get(sheet.chosen) else { return format!("help: nothing for {}", sheet.filter) };
    format!("help {} of {}: {}: {}", sheet.chosen + 1, rows.len(), row.keys(&app.keys.map).join(" or "), row.doc())
}
