//! A file was replaced or written anew while it was open: the session begins anew on what the files are now, where it stood. Numbers of
//! problems and steps of the old file mean nothing in the new one, so nothing is taken over that has any: only what is known by content, what
//! the annotator set, and what is not of the files at all.

use std::collections::{BTreeSet, HashMap};

use super::items::{FileState, ItemId};
use super::{App, Effect, Focus, Place, Search, Setup};
use crate::corpus::escaped;
use crate::labels::Session;

/// A place that a file that was written anew does not have yet.
#[derive(Debug)]
pub(super) struct Away {
    place: Place,
    /// Where the cursor was put instead.
    stood: ItemId,
}

impl App {
    /// Nothing is open or under way that speaks of rows of the files: they may be exchanged.
    pub fn may_reload(&self) -> bool {
        let open = self.is_asked() || self.help.is_some() || self.replay.is_some() || self.range.is_some();
        !open && self.trust.serving.is_none() && self.sampling_line().is_none() && !self.saving.holds_keys()
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
            Some(item) if self.items.is_known(item) => self.return_to(item, away.place.record, away.place.step_key),
            _ => self.away = Some(away),
        }
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
            terms: self.trust.terms.clone(),
            project: self.project.clone(),
            keymap: self.keys.map.clone(),
            filters: std::mem::take(&mut self.filters),
            review: false,
        };
        let new = Self::untouched(setup, self.size);
        let old = std::mem::replace(self, new);
        // Whether scores may be seen is not asked anew.
        (self.trust, self.show_prm) = (old.trust, old.show_prm);
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
        self.resume(place);
        self.jumps = old.jumps;
    }
}

/// A file is another one now: these are the files, and there are problems of it that are still in it, with their numbers before and now.
pub(super) fn reloaded(app: &mut App, files: Vec<FileState>, file: usize, moved: &[(usize, usize)]) -> Vec<Effect> {
    let Some(new) = files.get(file).cloned() else { return Vec::new() };
    let moved: HashMap<usize, usize> = moved.iter().copied().collect();
    let number = |problem: usize| moved.get(&problem).copied();
    let here = app.position();
    let problem = if here.file == file { number(here.problem) } else { Some(here.problem) };
    let away = app.away.take().filter(|away| away.stood == here).map(|away| away.place);
    let place = away.unwrap_or_else(|| Place { problem: problem.unwrap_or(here.problem), ..app.place_now() });
    if problem.is_none() {
        // The way back, should it come again.
        app.leave_spot();
    }
    app.session.renumber(&new.id, |item| number(usize::try_from(item).ok()?).map(|item| item as u64));
    app.trust.renumber(&new.id, number);
    app.jumps.renumber(&new.id, number);
    let mut effects = app.scoring.begin_anew();
    effects.push(Effect::StopLiken);
    app.begin_anew(files, &place);
    let gone = new.gone();
    app.alarms.retain(|alarm| *alarm != gone);
    if place.file == new.id && place.problem >= new.problems {
        app.away = Some(Box::new(Away { place, stood: app.cursor.item }));
    }
    let name = escaped(new.short_name());
    app.notice = Some(format!("{name}: the file was replaced, reloaded; labels stay with the texts that they judge"));
    effects
}
