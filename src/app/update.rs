//! One message in, effects out: what a message changes, then what must hold whatever it was.

use super::items::ItemId;
use super::{
    App, Effect, Focus, Message, layout, likeness, picker, picture, place, quality, queue, refit, reload, sampling, saving,
    scoring, seek, threshold, typed,
};
use crate::labels::{Action, Event};
use crate::trace::{NodeId, PromptKey};

/// Takes in one message and says what is to be done. Pure.
pub fn update(app: &mut App, message: Message) -> Vec<Effect> {
    match message {
        Message::Clock(now) => {
            let step = app.trace().map_or_else(|| PromptKey::of("").root(), |trace| trace.node(app.cursor.node).key);
            app.clock.tick(now, app.record_key_here(), step);
            Vec::new()
        }
        Message::Worker(event) if scoring::step_of(&event).is_some() => scoring::step_event(app, event),
        message => {
            let stood = Stood::of(app);
            let mut effects = received(app, message);
            settle(app, stood, &mut effects);
            effects
        }
    }
}

/// Where the cursor stood before a message.
#[derive(Clone, Copy)]
struct Stood {
    item: ItemId,
    solution: usize,
    node: NodeId,
}

impl Stood {
    fn of(app: &App) -> Self {
        Self { item: app.cursor.item, solution: app.cursor.solution, node: app.cursor.node }
    }
}

/// What the message itself changes.
fn received(app: &mut App, message: Message) -> Vec<Effect> {
    match message {
        Message::Terminal(event) => return typed::terminal(app, event),
        Message::Loaded { item, view } => return place::loaded(app, item, view),
        Message::Found { round, file, problems, hit } => return seek::found(app, round, file, &problems, hit),
        Message::Files(files) => return place::files(app, files),
        Message::Reloaded { files, moved } => return reload::reloaded(app, files, moved),
        Message::Worker(event) => return scoring::worker_event(app, event),
        Message::Prepared { item, known, requests } => return scoring::prepared(app, item, known, requests),
        Message::Saved { event, at } => return saving::saved(app, &event, at),
        Message::SaveFailed(error) => return saving::save_failed(app, error),
        Message::Retry => return saving::retry(app),
        Message::Edited(manuscript, Ok(text)) => return manuscript.keep(app, text.trim()),
        Message::Refitted(outcome) => return refit::done(app, outcome),
        Message::Rated(found) => return quality::rated(app, &found),
        Message::Terminate => return saving::leave(app),
        Message::Stop => return vec![Effect::Suspend],
        Message::Continued => return vec![Effect::Redraw],
        Message::Sifted { round, file, problems, sifted } => queue::sifted(app, round, file, &problems, sifted),
        Message::Thought { round, thought } => queue::thought(app, round, *thought),
        Message::Likened { round, answer } => likeness::answered(app, round, answer),
        Message::Likening { round, done, of } => likeness::progress(app, round, done, of),
        Message::Measured { file, picture, said } => picture::measured(app, file, picture, said),
        Message::Pictured { file, picture, cells, made } => picture::made(app, file, picture, cells, made),
        Message::Sampler(heard) => sampling::heard(app, heard),
        Message::Coloured { key, tokens } => app.steps.coloured(key, tokens),
        Message::Foreign(events) => foreign(app, events),
        Message::Judge(judge) => {
            app.scoring.bring(*judge);
            app.queue.judges_changed();
        }
        Message::Edited(_, Err(text)) | Message::Notice(text) => app.notice = Some(text),
        Message::Alarm(mark, text) => {
            app.notice = Some(text);
            if !app.alarms.contains(&mark) {
                app.alarms.push(mark);
            }
        }
        Message::Background(background) => app.look.answered(background),
        Message::Tick => app.hint_due = app.keys.count.is_some() || !app.keys.pending.is_empty(),
        Message::Continue => app.scoring.unsettled = false,
        Message::Clock(_) => {}
    }
    Vec::new()
}

/// Takes in what other programs wrote to the store.
fn foreign(app: &mut App, events: Vec<Event>) {
    app.session.extend(&events);
    if let Some(review) = &mut app.review {
        for event in &events {
            review.panel.apply(event);
        }
    }
    app.others.extend(events.iter().map(|event| event.id));
    if events.iter().any(|event| matches!(app.session.action(event.id), Some(Action::Segment { .. }))) {
        let shown = app.record_key();
        app.cut_anew();
        if app.record_key() != shown {
            // What they speak of is no longer there.
            (app.split, app.segmenting) = (None, None);
            app.notice = Some("another session has cut this solution into other steps".to_owned());
        }
    }
    app.label_nodes();
    let waiting = app.standing().waiting;
    for event in events {
        app.tally_at(event.saw.file.zip(event.saw.item));
    }
    if app.standing().waiting < waiting {
        app.notice = Some(format!(
            "an annotator has looked at what was sent back; {} goes on to what is open",
            app.key("next-disagreement")
        ));
    }
}

/// What must hold after every message: the queue goes on, the cursor stands where it may, the panes are laid out, work is asked for.
fn settle(app: &mut App, stood: Stood, effects: &mut Vec<Effect>) {
    queue::arrive(app);
    app.stay_in_exam((stood.item, stood.solution, stood.node));
    let (item, solution, node) = (app.cursor.item, app.cursor.solution, app.cursor.node);
    if (item, solution, node) != (stood.item, stood.solution, stood.node) {
        // Nobody has moved it out of a problem that was not read yet.
        let here = (item, solution) == (stood.item, stood.solution) && stood.node != NodeId::ROOT;
        app.steps.choose(here.then_some(node));
    }
    app.start_exam();
    effects.extend(queue::feed(app));
    effects.extend(picker::feed(app));
    effects.extend(likeness::feed(app));
    effects.extend(threshold::feed(app));
    let led = std::mem::take(&mut app.walk.led);
    app.walk.suggest |= (app.cursor.item, app.cursor.solution) != (stood.item, stood.solution) && !led;
    app.conceal();
    app.filter_anew(led);
    app.suggest();
    let open = app.open_steps();
    if app.cursor.step() >= open && app.focus == Focus::Steps {
        app.cursor.go_to_step(open.saturating_sub(1));
    }
    if app.cursor.item != stood.item {
        effects.extend(scoring::moved(app));
    }
    if (app.cursor.item, app.cursor.node) != (stood.item, stood.node) {
        app.detail = None;
        if !app.quitting {
            effects.push(Effect::SavePlace(app.place_now()));
        }
    }
    app.compare();
    app.lay_sheet();
    app.lay_pair();
    effects.extend(app.measure_picture());
    app.read_facts();
    layout::arrange(app);
    app.glance();
    app.look_around();
    app.read_lines();
    if effects.iter().any(|effect| matches!(effect, Effect::Suspend | Effect::Redraw | Effect::Edit(..))) {
        app.pictures.redraw();
    }
    effects.extend(app.make_picture());
    effects.extend(app.steps.take_uncoloured().into_iter().map(|(key, text)| Effect::Colour(key, text)));
    effects.extend(scoring::feed(app));
    effects.extend(app.wants());
}
