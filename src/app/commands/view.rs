//! What is on the screen.

use std::fmt::Write as _;

use crate::app::choice::Question;
use crate::app::layout::{self, Layout};
use crate::app::reading::Against;
use crate::app::{App, Effect, Focus, clusters, likeness, pair, queue, replay, sampling, tree};
use crate::trace::{FirstError, Node, NodeId, NodeStats, StepScore, Trace};
use crate::typeset::View;
use crate::ui::theme::{Depth, THEME_NAMES, Theme};

/// A problem opens as a tree when it is more of a tree than a handful of samples.
const TREE_SOLUTIONS: usize = 12;

/// Longest text that is put on the clipboard, in bytes.
pub(crate) const MAX_COPY: usize = 100_000;

/// True for search trees: many leaves, or numbers of a search on the nodes.
pub(crate) fn opens_as_tree(trace: &Trace) -> bool {
    let numbers = |node: &Node| {
        let NodeStats { visits, mc, q, value, .. } = node.stats;
        visits.is_some() || mc.is_some() || q.is_some() || value.is_some()
    };
    let searched = || trace.nodes.iter().any(numbers);
    trace.branches() && (trace.solutions.len() > TREE_SOLUTIONS || trace.solutions.is_empty() || searched())
}

/// Hides or shows reference answer, outcome and recorded labels.
pub(super) fn toggle_reference(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    app.show_reference = !app.show_reference;
    let said = match (app.show_reference, app.show_prm) {
        (true, true) => "reference and recorded labels shown",
        (true, false) => "reference and recorded labels shown where scores are",
        (false, true) => "reference and recorded labels hidden",
        (false, false) => "reference and recorded labels hidden, also where scores are shown",
    };
    app.notice = Some(said.to_owned());
    // The next session begins like that.
    vec![Effect::SavePlace(app.place_now())]
}

/// Opens the reference answer and solution, where they may be seen.
pub(super) fn reference_solution(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    let known = app.trace().map(|trace| {
        let problem = &trace.problem;
        let answer = problem.reference_answer.as_deref().map(|answer| format!("Answer: {answer}"));
        answer.into_iter().chain(problem.reference_solution.clone()).collect::<Vec<_>>().join("\n\n")
    });
    match known.filter(|text| !text.is_empty()) {
        Some(text) if app.reference_shown() => app.show_markdown("reference", text, 0),
        Some(_) => app.notice = Some(format!("the reference is hidden, as {} or the mode has it", app.key("reference"))),
        None => app.notice = Some("the file has no reference of this problem".to_owned()),
    }
    Vec::new()
}

/// Shows the whole problem or two lines of it.
pub(super) fn toggle_problem(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    app.whole_problem = !app.whole_problem;
    Vec::new()
}

/// Goes on to the next view of texts.
pub(super) fn next_view(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    app.steps.view = app.steps.view.next();
    app.notice = Some(match app.steps.view {
        View::Drawn => "mathematics drawn; underlined formulas stand as their source".to_owned(),
        View::Plain => "texts as they stand in the file".to_owned(),
        View::Raw => "texts with spaces, tabs and line ends shown".to_owned(),
    });
    Vec::new()
}

/// Goes on to the next text that the step can be compared with; after the last one, back to none.
pub(super) fn next_diff(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    let Some(trace) = app.trace().cloned() else { return Vec::new() };
    let from = app.reading.against.and_then(|now| Against::ALL.iter().position(|known| *known == now)).map_or(0, |at| at + 1);
    let known =
        |against: &Against| app.cursor.node != NodeId::ROOT && app.other_text(&trace, app.cursor.node, *against).is_some();
    let next = Against::ALL.iter().skip(from).copied().find(known);
    if next.is_none() && from == 0 {
        app.notice = Some("nothing to compare this step with".to_owned());
    }
    app.reading.against = next;
    Vec::new()
}

/// What a step can be compared with, by name.
pub(super) fn diffs(_app: &App) -> Vec<String> {
    Against::ALL.iter().map(|against| against.name()).chain(["off"]).map(str::to_owned).collect()
}

/// Compares with what is named.
pub(crate) fn set_diff(app: &mut App, name: &str) -> Vec<Effect> {
    app.reading.against = Against::ALL.iter().copied().find(|against| against.name() == name);
    Vec::new()
}

/// Asks what to compare with; a count names a solution.
pub(super) fn choose_diff(app: &mut App, count: Option<usize>) -> Vec<Effect> {
    let solutions = app.trace().map_or(0, |trace| trace.solutions.len());
    match count.map(|count| count.saturating_sub(1)) {
        Some(number) if number >= solutions => {
            app.notice = Some(format!("there is no solution {}; this problem has {solutions}", number + 1));
        }
        Some(number) if number == app.cursor.solution => app.notice = Some("this is the solution on show".to_owned()),
        Some(number) => app.reading.against = Some(Against::Solution(number)),
        None if app.partners().is_empty() => app.notice = Some("nothing to compare this step with".to_owned()),
        None => app.ask(Question::Partner),
    }
    Vec::new()
}

/// Two solutions side by side.
pub(super) fn side_by_side(app: &mut App, count: Option<usize>) -> Vec<Effect> {
    pair::open(app, count)
}

/// Cuts long lines at the edge, or wraps them.
pub(super) fn toggle_wrap(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    app.steps.cut = !app.steps.cut;
    let said = if app.steps.cut { "lines end at the edge, but for those of the current step" } else { "lines are wrapped" };
    app.notice = Some(said.to_owned());
    Vec::new()
}

/// Goes on to the next layout.
pub(super) fn next_layout(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    app.layout = app.layout.next();
    if app.layout == Layout::Steps && app.focus != Focus::Steps {
        close_tree(app);
    }
    app.notice = Some(app.layout.doc().to_owned());
    Vec::new()
}

/// Goes to the list; from the list, back.
pub(super) fn list(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    if app.focus == Focus::List {
        app.focus = if app.show_tree { Focus::Tree } else { Focus::Steps };
    } else {
        app.show_list = true;
        app.focus = Focus::List;
    }
    Vec::new()
}

/// Opens or closes the tree.
pub(super) fn tree(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    if app.show_tree && app.focus == Focus::Tree {
        return steps(app, None);
    }
    show_tree(app);
    if app.show_tree {
        app.walk.tree = Some(true);
    }
    Vec::new()
}

/// Opens the tree and goes there.
pub(crate) fn show_tree(app: &mut App) {
    if app.project.guided {
        app.notice = Some("guided: the tree would show steps before their turn; :guided ends that".to_owned());
        return;
    }
    app.show_tree = true;
    app.focus = Focus::Tree;
    if let Some(trace) = app.trace().cloned() {
        app.tree.reveal(&trace, app.cursor.node);
    }
}

/// Goes to the steps and closes the tree.
pub(super) fn steps(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    app.walk.tree = Some(false);
    close_tree(app);
    Vec::new()
}

fn close_tree(app: &mut App) {
    app.show_tree = false;
    app.focus = Focus::Steps;
}

/// Goes to the next pane of list, tree and steps, as far as they are open.
pub(super) fn next_pane(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    focus(
        app,
        match app.focus {
            Focus::List if app.show_tree => Focus::Tree,
            Focus::List | Focus::Tree => Focus::Steps,
            Focus::Steps => Focus::List,
        },
    )
}

/// The same the other way round.
pub(super) fn previous_pane(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    focus(
        app,
        match app.focus {
            Focus::Steps if app.show_tree => Focus::Tree,
            Focus::Steps | Focus::Tree => Focus::List,
            Focus::List => Focus::Steps,
        },
    )
}

fn focus(app: &mut App, pane: Focus) -> Vec<Effect> {
    app.focus = pane;
    app.show_list |= pane == Focus::List;
    Vec::new()
}

/// Puts the text of the step on the clipboard.
pub(super) fn copy_step(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    let Some(trace) = app.trace().cloned() else { return Vec::new() };
    let text = if app.cursor.node == NodeId::ROOT { &trace.problem.text } else { &trace.node(app.cursor.node).text };
    let said = format!("copied {} characters", text.chars().count());
    let text = text.clone();
    vec![copy(app, said, &text)]
}

/// To the clipboard, or where that takes no more into a file, and says so. What a shell or an editor into which it is pasted would act upon
/// becomes a picture, or its number.
fn copy(app: &mut App, said: String, text: &str) -> Effect {
    let mut pictures = 0;
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        if !c.is_control() || c == '\n' || c == '\t' {
            clean.push(c);
            continue;
        }
        pictures += 1;
        match u32::from(c) {
            0x7f => clean.push('\u{2421}'),
            code @ ..0x20 => clean.extend(char::from_u32(0x2400 + code)),
            code => {
                // Writing to a string cannot fail.
                let _ = write!(clean, "<U+{code:04X}>");
            }
        }
    }
    let control = if pictures == 1 { "control character as its picture" } else { "control characters as their pictures" };
    app.notice = Some(if pictures == 0 { said } else { format!("{said}   ({pictures} {control})") });
    if clean.len() > MAX_COPY { Effect::CopyToFile(clean) } else { Effect::Copy(clean) }
}

/// Says what is put on the clipboard, and puts it there.
pub(super) fn copied(app: &mut App, what: &str, text: Option<String>) -> Vec<Effect> {
    let Some(text) = text else {
        app.notice = Some(format!("there is no {what} here"));
        return Vec::new();
    };
    vec![copy(app, format!("copied {what}: {text}"), &text)]
}

/// Puts the id of the solution on the clipboard.
pub(super) fn copy_id(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    let id = app.solution_on_show().and_then(|solution| solution.source_id.clone());
    copied(app, "id", id)
}

/// Puts on the clipboard where the step stands, as `stepscope queue` writes it: file, problem, solution, and the step.
pub(super) fn copy_place(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    let (item, solution, step) = (app.cursor.item, app.cursor.solution + 1, app.cursor.step() + 1);
    let solution = match app.solution_on_show() {
        None if app.solution().is_some() => format!(" beside solution {solution},"),
        _ => format!(".{solution}"),
    };
    let file = app.items.files.get(item.file);
    let place = file.map(|file| format!("{}:{}{solution} step {step}", file.name, item.problem + 1));
    copied(app, "place", place)
}

/// Puts the solution on the clipboard, as one line of JSON: what is on the screen and nothing that is hidden there.
pub(super) fn copy_json(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    let Some(trace) = app.trace().cloned() else { return copied(app, "solution", None) };
    let (labels, _) = app.labels_here(&trace);
    let steps = app.cursor.path.iter().zip(&labels.steps).map(|(&id, label)| {
        let node = trace.node(id);
        let score = app.shown_score(node.key).map(StepScore::value);
        serde_json::json!({ "text": node.text, "score": score, "label": label.name() })
    });
    let json = serde_json::json!({
        "problem": trace.problem.text,
        "id": app.solution_on_show().and_then(|solution| solution.source_id.clone()),
        "steps": steps.collect::<Vec<_>>(),
    })
    .to_string();
    vec![copy(app, format!("copied {} bytes of JSON", json.len()), &json)]
}

/// Puts the label of the solution on the clipboard, in words.
pub(super) fn copy_label(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    let own = app.own().and_then(|_| Some(app.own_labels(app.trace()?, app.leaf()).first_error));
    let said = own.and_then(|said| match said {
        FirstError::At(step) => Some(format!("first error at step {}", step + 1)),
        FirstError::NoError => Some("no error".to_owned()),
        FirstError::Unlabelable => Some("not to be judged".to_owned()),
        FirstError::Unknown => None,
    });
    copied(app, "label", said)
}

/// Half of the detail pane down; where it has no place of its own, it takes some of the steps.
pub(super) fn scroll_detail(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    let rows = layout::panes(app).and_then(|panes| panes.detail).map(|pane| usize::from(pane.height));
    app.detail = Some(match (app.detail, rows) {
        (Some(top), Some(rows)) => top + (rows / 2).max(1),
        (None, Some(rows)) => (rows / 2).max(1),
        _ => 0,
    });
    Vec::new()
}

/// The beginning of the detail pane.
pub(super) fn detail_top(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    app.detail = None;
    Vec::new()
}

/// Hears of the mouse, or leaves it to the terminal.
pub(super) fn toggle_mouse(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    app.mouse = !app.mouse;
    let said =
        if app.mouse { "mouse on: click and wheel; Shift and drag selects text" } else { "mouse off: the terminal has it" };
    app.notice = Some(said.to_owned());
    vec![Effect::Mouse(app.mouse)]
}

/// Says which colours are in force.
pub(super) fn theme_shown(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    app.notice = Some(format!("theme {}; :theme takes {}", app.look.theme.name(), THEME_NAMES.join(", ")));
    Vec::new()
}

/// The names of all themes.
pub(super) fn themes(_app: &App) -> Vec<String> {
    THEME_NAMES.map(str::to_owned).to_vec()
}

/// Takes other colours.
pub(super) fn set_theme(app: &mut App, name: &str) -> Vec<Effect> {
    let most = app.look.theme.most();
    app.notice = Some(match Theme::named(name, most, app.look.theme.background()) {
        Some(theme) => {
            (app.look.theme, app.look.guessed) = (theme, false);
            let colourless =
                if most == Depth::Mono { ", without colours: NO_COLOR is set, or the terminal has none" } else { "" };
            format!("theme {name}{colourless}")
        }
        None => format!(":theme takes {}, not {name:?}", THEME_NAMES.join(", ")),
    });
    Vec::new()
}

/// Draws everything anew.
pub(super) fn redraw(_app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    vec![Effect::Redraw]
}

/// Clears what can be cleared; never leaves.
pub(super) fn cancel(app: &mut App, _count: Option<usize>) -> Vec<Effect> {
    app.seek = None;
    if let Some(stopped) = sampling::stop(app).or_else(|| likeness::stop(app)) {
        return stopped;
    }
    if app.replay.is_some() {
        replay::close(app);
        return Vec::new();
    }
    if app.queue.order_name() == queue::SIMILAR {
        queue::set_order(app, "file");
        return Vec::new();
    }
    // What was opened last goes first, one thing a key: a filter is no price for leaving a comparison.
    if app.range.take().is_some() {
        app.notice = Some("no steps are chosen any more".to_owned());
        return Vec::new();
    }
    if app.reading.against.take().is_some() || app.search.take().is_some() || std::mem::take(&mut app.whole_problem) {
        return Vec::new();
    }
    // One key, one filter: that of the pane one is in first.
    if app.focus == Focus::Tree && app.step_filter.is_some() {
        tree::clear_filter(app);
    } else {
        let filter = app.queue.filter_text().to_owned();
        queue::clear_filter(app);
        clusters::back(app, &filter);
    }
    Vec::new()
}
