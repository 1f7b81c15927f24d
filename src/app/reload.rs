//! A file was replaced or written anew while it was open: the session begins anew on what the files are now, where it stood. Numbers of
//! problems and steps of the old file mean nothing in the new one, so nothing is taken over that has any: only what is known by content, what
//! the annotator set, and what is not of the files at all.

use std::collections::{BTreeSet, HashMap};

use super::items::{FileState, ItemId};
use super::trust::Terms;
use super::{App, Effect, Focus, Place, Search, Setup};
use crate::corpus::escaped;
use crate::labels::Session;

/// The page that says what became of the text on show.
const LOST: &str = "the solution on show is gone";

/// A place that a file that was written anew does not have yet.
#[derive(Debug)]
pub(super) struct Away {
    place: Place,
    /// Where the cursor was put instead.
    stood: ItemId,
}

impl App {
    /// Nothing is open or under way that speaks of rows of the files: they may be exchanged. Labels on their way name the rows of now.
    pub fn may_reload(&self) -> bool {
        let open = self.is_asked() || self.help.is_some() || self.replay.is_some() || self.range.is_some();
        let saved = self.saving.queue.is_empty() && !self.saving.holds_keys();
        !open && saved && self.trust.serving.is_none() && self.sampling_line().is_none()
    }

    /// The problems of a file whose numbers are remembered: those of labels, of places to come back to, and the one on show.
    pub fn rows_in(&self, file: usize) -> BTreeSet<usize> {
        let Some(state) = self.items.files.get(file) else { return BTreeSet::new() };
        let labelled = self.session.places().filter(|(of, _)| *of == state.id);
        let labelled = labelled.filter_map(|(_, problem)| usize::try_from(problem).ok());
        let here = Some(self.position()).filter(|here| here.file == file).map(|here| here.problem);
        labelled.chain(self.jumps.rows_in(&state.id)).chain(here).collect()
    }

    /// Goes where the cursor was when a file was written anew, as soon as the file has come so far; who has gone elsewhere stays there.
    pub(super) fn come_back(&mut self) {
        let Some(away) = self.away.take_if(|away| away.stood == self.cursor.item) else {
            self.away = None;
            return;
        };
        match self.file(&away.place.file).map(|file| ItemId { file, problem: away.place.problem }) {
            Some(item) if self.items.is_known(item) => self.aim_at(item, away.place.record, away.place.step_key, true),
            _ => self.away = Some(away),
        }
    }

    /// Another text stands under the cursor than the one that was read there, which a page says before any key can judge it; or it is the same
    /// again.
    pub(super) fn tell_lost(&mut self, lost: bool) {
        self.sheet.take_if(|sheet| sheet.title == LOST);
        if !lost {
            return;
        }
        // Keys that were pressed already were meant for the other text.
        self.saving.drop_keys();
        self.keys.clear();
        (self.input, self.choice, self.help) = (None, None, None);
        let file = self.items.files.get(self.cursor.item.file).map_or("", FileState::short_name);
        let text = format!(
            "{} was replaced while it was open. The solution on show is no longer in it, or its steps were written anew; the cursor stands on \
             another text now. Labels stay with the texts that they judge.",
            escaped(file)
        );
        self.show_sheet(LOST, text);
    }

    /// The same session on these files.
    fn begin_anew(&mut self, files: Vec<FileState>, place: &Place) {
        let setup = Setup {
            files,
            unopened: std::mem::take(&mut self.unopened),
            session: std::mem::replace(&mut self.session, Session::new("")),
            annotator: std::mem::take(&mut self.annotator),
            store: std::mem::take(&mut self.store),
            stores: std::mem::take(&mut self.stores),
            look: self.look.clone(),
            place: None,
            scoring: false,
            sampler: false,
            vectors: self.alike.by_vectors,
            // They stand with what comes of them, which goes on.
            terms: Terms::default(),
            project: self.project.clone(),
            keymap: self.keys.map.clone(),
            filters: std::mem::take(&mut self.filters),
            review: false,
        };
        // Whether scores may be seen is not asked anew.
        let trust = std::mem::take(&mut self.trust);
        let new = Self::untouched(setup, trust, self.size);
        let old = std::mem::replace(self, new);
        self.show_prm = old.show_prm;
        (self.others, self.review) = (old.others, old.review);
        (self.scoring, self.sampling, self.refit) = (old.scoring, old.sampling, old.refit);
        (self.saving, self.alarms, self.clock) = (old.saving, old.alarms, old.clock);
        (self.keys, self.typed, self.last_label) = (old.keys, old.typed, old.last_label);
        (self.mistake, self.step_filter) = (old.mistake, old.step_filter);
        (self.show_list, self.whole_problem, self.mouse, self.heard) = (old.show_list, old.whole_problem, old.mouse, old.heard);
        (self.searches, self.progress.keys, self.walk.rates) = (old.searches, old.progress.keys, old.walk.rates);
        self.search = old.search.map(Search::anew);
        self.steps.cut = old.steps.cut;
        self.focus = if old.focus == Focus::List { Focus::List } else { Focus::Steps };
        (self.walk.suggest, self.walk.asked) = (false, old.walk.asked);
        self.queue.let_go_of(*old.queue);
        self.resume(place);
        match &mut self.aim {
            Some(aim) => aim.anew = true,
            // Where the file ends before that place; what was not on show cannot be missed.
            None => self.tell_lost(place.record.is_some() || place.step_key.is_some()),
        }
        self.jumps = old.jumps;
    }
}

/// Some files are others now: these are all files, and for each of those there are problems that are still in it, with their numbers before and
/// now.
pub(super) fn reloaded(app: &mut App, files: Vec<FileState>, moved: Vec<(usize, Vec<(usize, usize)>)>) -> Vec<Effect> {
    let here = app.position();
    let away = app.away.take().filter(|away| away.stood == here).map(|away| away.place);
    let mut place = away.unwrap_or_else(|| app.place_now());
    let mut names = Vec::new();
    for (file, moved) in moved {
        let Some(new) = files.get(file) else { continue };
        let moved: HashMap<usize, usize> = moved.into_iter().collect();
        let number = |problem: usize| moved.get(&problem).copied();
        if here.file == file && number(here.problem).is_none() {
            // The way back, should it come again.
            app.leave_spot();
        }
        if place.file == new.id {
            place.problem = number(place.problem).unwrap_or(place.problem);
        }
        app.session.renumber(&new.id, |item| number(usize::try_from(item).ok()?).map(|item| item as u64));
        app.trust.renumber(&new.id, number);
        app.jumps.renumber(&new.id, number);
        let gone = new.gone();
        app.alarms.retain(|alarm| *alarm != gone);
        names.push(escaped(new.short_name()));
    }
    let mut effects = app.scoring.begin_anew();
    effects.push(Effect::StopLiken);
    let ends = files.iter().find(|file| file.id == place.file).map(|file| file.problems);
    app.begin_anew(files, &place);
    if ends.is_some_and(|ends| place.problem >= ends) {
        app.away = Some(Box::new(Away { place, stood: app.cursor.item }));
    }
    let told = match names.as_slice() {
        [name] => format!("{name}: the file was replaced, reloaded"),
        names => format!("{} files were replaced, reloaded", names.len()),
    };
    app.notice = Some(format!("{told}; labels stay with the texts that they judge"));
    effects
}
