//! The mouse, for those who want it: a click goes where it points, the wheel moves what is under it. It never labels.

use crossterm::event::{KeyCode, KeyEvent, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::{Position, Rect};

use super::typed::key_press;
use super::{App, Effect, Focus, layout, lists, views};

/// Rows that one notch of the wheel moves.
const NOTCH: usize = 3;

/// A click or a turn of the wheel. A view that has the keyboard has the mouse as well: what lies under it stays where it is.
pub(super) fn event(app: &mut App, event: MouseEvent) -> Vec<Effect> {
    if app.help.is_some() || views::owner(app).is_some() {
        return in_view(app, event);
    }
    app.seek = None;
    app.walk.suggest = false;
    in_panes(app, event);
    Vec::new()
}

/// The wheel moves as the arrows do, a click chooses a row of a list. What is split is split by keys alone.
fn in_view(app: &mut App, event: MouseEvent) -> Vec<Effect> {
    let code = match event.kind {
        MouseEventKind::ScrollDown => KeyCode::Down,
        MouseEventKind::ScrollUp => KeyCode::Up,
        MouseEventKind::Down(MouseButton::Left) => {
            lists::choose_at(app, event.row);
            return Vec::new();
        }
        _ => return Vec::new(),
    };
    if app.split.is_some() {
        return Vec::new();
    }
    (0..NOTCH).flat_map(|_| key_press(app, KeyEvent::from(code))).collect()
}

fn in_panes(app: &mut App, event: MouseEvent) {
    let Some(panes) = layout::panes(app) else { return };
    let at = Position { x: event.column, y: event.row };
    let rule = layout::strip(&panes);
    if panes.steps.is_some() && rule.contains(at) && event.kind == MouseEventKind::Down(MouseButton::Left) {
        let steps = app.open_steps().min(app.cursor.path.len());
        let (first, each) = layout::strip_cells(app, rule, steps);
        if let Some(cell) = at.x.checked_sub(first).map(usize::from).filter(|cell| cell * each < steps) {
            app.cursor.go_to_step(cell * each);
        }
        return;
    }
    let under = [(Focus::List, panes.list), (Focus::Tree, panes.tree), (Focus::Steps, panes.steps)]
        .into_iter()
        .find_map(|(focus, rect)| rect.filter(|rect| rect.contains(at)).map(|rect| (focus, rect)));
    let Some((focus, rect)) = under else { return };
    match event.kind {
        MouseEventKind::Down(MouseButton::Left) => {
            app.focus = focus;
            click(app, focus, rect, at.y);
        }
        MouseEventKind::ScrollDown => turn(app, focus, true),
        MouseEventKind::ScrollUp => turn(app, focus, false),
        _ => {}
    }
}

/// Goes to what stands in this row of the screen; the first row of a pane is its heading.
fn click(app: &mut App, focus: Focus, rect: Rect, y: u16) {
    let Some(row) = y.checked_sub(rect.y + 1).map(usize::from) else { return };
    let trace = app.trace().cloned();
    match focus {
        Focus::Steps => {
            let slice = app.steps.visible.iter().find(|slice| (slice.y..slice.y + slice.rows).contains(&row));
            if let Some(step) = slice.map(|slice| slice.step) {
                app.cursor.go_to_step(step);
            }
        }
        Focus::Tree => {
            if let (Some(node), Some(trace)) = (app.tree.rows.get(app.tree_top + row).map(|row| row.node), trace) {
                app.cursor.go_to_node(&trace, node);
                app.walk.led = true;
            }
        }
        Focus::List if app.queue.active() => {
            if let Some(place) = app.queue.places().get(app.queue.top + row).copied() {
                app.go_to(place.item, place.solution);
            }
        }
        Focus::List => {
            let current = app.items.rank(app.cursor.item);
            let solutions = layout::list_solutions(app, usize::from(rect.height.saturating_sub(1)).max(1));
            let rank = app.list_top + row;
            // The solutions of the current problem stand below it and push the others down.
            if let (Some(trace), Some(below)) = (&trace, rank.checked_sub(current + 1).filter(|below| *below < solutions.len())) {
                app.cursor.go_to_solution(trace, solutions.start + below);
                return;
            }
            let rank = if rank > current { rank - solutions.len() } else { rank };
            if let Some(item) = app.items.at_rank(rank) {
                app.leave_spot();
                app.go_to_item(item);
            }
        }
    }
}

fn turn(app: &mut App, focus: Focus, forward: bool) {
    match focus {
        Focus::Steps => layout::scroll(app, NOTCH, forward),
        Focus::Tree => {
            let at = app.trace().map(|trace| app.tree.visible_ancestor(trace, app.cursor.node));
            let row = at.and_then(|node| app.tree.row_of(node)).unwrap_or(0);
            let row = if forward { row + NOTCH } else { row.saturating_sub(NOTCH) };
            let node = app.tree.rows.get(row.min(app.tree.rows.len().saturating_sub(1))).map(|row| row.node);
            if let (Some(node), Some(trace)) = (node, app.trace().cloned()) {
                app.cursor.go_to_node(&trace, node);
                app.walk.led = true;
            }
        }
        Focus::List if app.queue.active() => {
            let place = (1..=NOTCH).rev().find_map(|rows| app.along_queue(rows, forward));
            if let Some(place) = place {
                app.go_to(place.item, place.solution);
            }
        }
        Focus::List => {
            let rank = app.items.rank(app.cursor.item);
            let last = app.items.total().saturating_sub(1);
            let target = if forward { (rank + NOTCH).min(last) } else { rank.saturating_sub(NOTCH) };
            if let Some(item) = app.items.at_rank(target) {
                app.go_to_item(item);
            }
        }
    }
}
