//! What sets the queue: filters, those with a name, orders and their preview.

use std::sync::Arc;

use super::{Like, Likeness, Order, Start};
use crate::analysis::alike::Bag;
use crate::analysis::likeness::Ask;
use crate::app::describe::short;
use crate::app::items::ItemId;
use crate::app::{App, Effect, likeness};
use crate::query::{ORDERS, Query, Survey, no_name};

/// Takes a filter; an empty text takes it away.
pub(in crate::app) fn set_filter(app: &mut App, text: &str) {
    if text.trim().is_empty() {
        clear_filter(app);
        return;
    }
    match Query::filter(text, &app.names()) {
        Ok(query) => {
            let ungrouped = query.needs_clusters() && app.alike.clusters.is_none();
            app.queue.filter = Some(query);
            app.queue.begin();
            app.notice = ungrouped.then(|| format!("no groups were made yet; {} makes them", app.key("clusters")));
        }
        Err(error) => app.notice = Some(format!("filter: {}", error.marked(text, app.look.glyphs.folded))),
    }
}

/// Takes up filter and order of the last session; one that means nothing any more is left out. The cursor stays where it stopped.
pub(in crate::app) fn resume(app: &mut App, filter: &str, order: &str) {
    if !order.is_empty() {
        set_order(app, order);
    }
    if !filter.is_empty() {
        set_filter(app, filter);
    }
    forget_groups(app);
    app.queue.start = Start::Stay;
    app.notice = None;
}

/// Takes a filter and an order away that ask for groups of wrong steps, of which nothing is known any more.
pub(in crate::app) fn forget_groups(app: &mut App) {
    if app.queue.asks_for_clusters() {
        let queue = &mut app.queue;
        queue.filter.take_if(|filter| filter.needs_clusters());
        queue.order.take_if(|order| order.query.needs_clusters());
        queue.begin();
    }
}

/// Gives the filter in force a name that outlives the session.
pub(in crate::app) fn save_filter(app: &mut App, name: &str) -> Vec<Effect> {
    let Some(filter) = &app.queue.filter else {
        app.notice = Some(format!("there is no filter to save; {} sets one", app.key("filter")));
        return Vec::new();
    };
    if let Some(why) = no_name(name) {
        app.notice = Some(why);
        return Vec::new();
    }
    let text = filter.text().to_owned();
    let mut names = app.names();
    names.insert(name.to_owned(), text.clone());
    // A filter may use other names, but not the one that it gets.
    if let Err(error) = Query::filter(name, &names) {
        app.notice = Some(error.what);
        return Vec::new();
    }
    app.notice = Some(format!("{name} is {text}; {}{name} uses it, also in longer filters", app.key("filter")));
    app.filters.insert(name.to_owned(), text.clone());
    vec![Effect::SaveFilter(name.to_owned(), Some(text))]
}

/// Takes a name away.
pub(in crate::app) fn forget_filter(app: &mut App, name: &str) -> Vec<Effect> {
    if let Some(text) = app.filters.remove(name) {
        app.notice = Some(format!("{name} is no longer {text}"));
        return vec![Effect::SaveFilter(name.to_owned(), None)];
    }
    app.notice = Some(if app.project.filters.contains_key(name) {
        format!("{name} stands in the project file; it is taken away there")
    } else {
        format!("no filter is called {name}")
    });
    Vec::new()
}

/// All names, as a page.
pub(in crate::app) fn named_filters(app: &App) -> Option<String> {
    let row = |(name, text): (&String, &String), whose: &str| format!("{name:16} {text}{whose}");
    let project = app.project.filters.iter().filter(|(name, _)| !app.filters.contains_key(*name));
    let own = app.filters.iter().map(|named| row(named, ""));
    let rows: Vec<String> = own.chain(project.map(|named| row(named, "   (project)"))).collect();
    (!rows.is_empty()).then(|| rows.join("\n"))
}

/// Takes the filter away; the order stays.
pub(in crate::app) fn clear_filter(app: &mut App) {
    if app.queue.filter.take().is_some() {
        app.queue.begin();
        app.notice = Some("the filter is gone".to_owned());
    }
}

/// Takes an order by its name, or by any expression.
pub(in crate::app) fn set_order(app: &mut App, text: &str) {
    let named = ORDERS.iter().find(|order| order.name == text.trim());
    let expression = named.map_or(text, |order| order.expression);
    if expression.is_empty() {
        app.queue.order = None;
        app.queue.begin();
        app.notice = Some("in the order of the files".to_owned());
        return;
    }
    match Query::order(expression, &app.names()) {
        Ok(query) => {
            let name = named.map_or_else(|| query.text().to_owned(), |order| order.name.to_owned());
            app.notice = Some(format!("order {name}{}", named.map_or(String::new(), |order| format!(": {}", order.doc))));
            app.queue.order = Some(Order { name, query });
            app.queue.begin();
            app.queue.start = Start::First;
        }
        Err(error) => app.notice = Some(format!("order: {}", error.marked(expression, app.look.glyphs.folded))),
    }
}

/// Name of the order by what is like a step.
pub(in crate::app) const SIMILAR: &str = "similar";

/// Puts the solutions first that have a step like this one: by its words at once, or by vectors once they are there.
pub(in crate::app) fn similar(app: &mut App, step: &str) -> Vec<Effect> {
    if app.alike.by_vectors {
        return likeness::begin(app, Ask::Like(step.to_owned()));
    }
    app.queue.like = Some(Like::Words(Bag::of(step)));
    order_by_like(app, "their words", "");
    Vec::new()
}

/// The same, now that it was worked out; that many problems were not looked at.
pub(in crate::app) fn order_by_likeness(app: &mut App, likeness: Likeness, left_out: usize) {
    let left_out = if left_out > 0 { format!("; {left_out} problems were too many to compare") } else { String::new() };
    let by = likeness.by.clone();
    app.queue.like = Some(Like::Known(Arc::new(likeness)));
    order_by_like(app, &by, &left_out);
}

fn order_by_like(app: &mut App, by: &str, also: &str) {
    set_order(app, SIMILAR);
    let cancel = app.key("cancel");
    app.notice = Some(format!("the solutions with steps most like this one first, by {by}; {cancel} takes the order back{also}"));
}

/// Problems in memory that a preview looks at, and places that it names.
const PREVIEWED: (usize, usize) = (64, 3);

/// What an order, by its name or its expression, says of the solution on show and would bring first of those in memory.
pub(in crate::app) fn preview(app: &App, text: &str) -> String {
    let named = ORDERS.iter().find(|order| order.name == text);
    let query = match Query::order(named.map_or(text, |order| order.expression), &app.names()) {
        _ if named.is_some_and(|order| order.expression.is_empty()) => return "as the files have them".to_owned(),
        Ok(query) => query,
        Err(error) => return error.marked(text, app.look.glyphs.folded),
    };
    if query.needs_scores() && !app.show_prm {
        return "scores are hidden".to_owned();
    }
    if query.tells_of_file() && !app.show_prm {
        return "what the file says is hidden".to_owned();
    }
    if query.needs_doubt() {
        return "all labels are looked at before it says anything".to_owned();
    }
    let numbers = |item: ItemId| {
        let trace = app.items.trace(item)?;
        let seen = !(query.needs_scores() || query.tells_of_file()) || !app.conceals(trace);
        let asked = seen
            .then(|| app.survey(item, trace, |survey| Survey { filter: None, order: Some(&query), ..*survey }.ask(trace, 64)));
        Some(asked?.into_iter().enumerate().filter_map(move |(solution, asked)| Some((asked.number?, item, solution))))
    };
    let here = numbers(app.cursor.item).into_iter().flatten().find(|(.., solution)| *solution == app.cursor.solution);
    let here = here.map_or("not known".to_owned(), |(number, ..)| short(number));
    let mut all: Vec<(f64, ItemId, usize)> = app.items.loaded().take(PREVIEWED.0).filter_map(numbers).flatten().collect();
    all.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let place = |(number, item, solution): &(f64, ItemId, usize)| {
        let solutions = app.items.trace(*item).map_or(1, |trace| trace.solutions.len());
        let solution = if solutions > 1 { format!(".{}", solution + 1) } else { String::new() };
        format!("{}{solution} {}", app.items.rank(*item) + 1, short(*number))
    };
    let first: Vec<String> = all.iter().take(PREVIEWED.1).map(place).collect();
    let first = if first.is_empty() { "nothing known yet".to_owned() } else { first.join("   ") };
    format!("here {here}; first of {} in memory: {first}", all.len())
}

/// Chooses and orders anew, with the labels and scores that there are now.
pub(in crate::app) fn refresh(app: &mut App) {
    app.filter_tree();
    if app.queue.active() {
        app.queue.begin();
        app.notice = Some("the queue is made anew".to_owned());
    } else if let Some(filter) = &app.step_filter {
        app.notice = Some(format!("the steps of the tree are filtered anew: {}", filter.text()));
    } else {
        app.notice = Some(format!("no filter and no order; {} filters, {} orders", app.key("filter"), app.key("order")));
    }
}
