//! A review: the labels of several annotators beside one another, and the decision of the one who adjudicates. What the others said is
//! read and never changed; who they are is hidden until somebody asks, and that is noted.

use super::commands::label;
use super::describe::short;
use super::items::ItemId;
use super::{App, Effect, queue};
use crate::analysis::dispute::{Dispute, Kind};
use crate::labels::{Action, Body, Event, EventId, Panel, Past, Said, SentBack, Session, Shown};
use crate::trace::{EndState, FirstError, Label, Rating, Remark, Solution, SolutionLabels, StepKey, Trace};

/// Annotators that have a letter and a column.
pub const MOST: usize = 8;

/// The state of a review.
#[derive(Debug)]
pub struct Review {
    /// The annotators.
    pub panel: Panel,
    /// Their names are on the screen.
    pub names: bool,
    /// The decision that the next label takes over.
    pub(super) taking: Option<EventId>,
    /// How the annotator is called whose verdict that is.
    says: Option<String>,
}

impl Review {
    /// A review of all others in this session; names are hidden.
    pub fn of(session: &Session) -> Self {
        Self { panel: Panel::of(session), names: false, taking: None, says: None }
    }
}

impl App {
    /// A trace of an item beside its source.
    pub(super) fn shown<'a>(&'a self, item: ItemId, trace: &'a Trace) -> Shown<'a> {
        let source = self.items.source(item).map_or(trace, |source| source);
        Shown { trace, source, reader: &self.session }
    }

    /// What the annotators say of the path on show, each under a letter; empty outside of a review.
    pub fn said_here(&self) -> Vec<(char, Said)> {
        ('A'..).zip(self.all_said_here()).take(MOST).collect()
    }

    fn all_said_here(&self) -> Vec<Said> {
        let Some((review, (path, trace))) = self.review.as_ref().zip(self.path()) else { return Vec::new() };
        let said = || review.panel.say(self.shown(self.cursor.item, trace), &Solution::new(self.leaf()));
        self.known.said.of((path, self.session.len()), said)
    }

    /// All that an annotator of this name ever said of the path on show, oldest first.
    pub(super) fn past_here(&self, name: &str) -> Vec<Past<'_>> {
        let Some((review, trace)) = self.review.as_ref().zip(self.trace()) else { return Vec::new() };
        review.panel.history(name, self.shown(self.cursor.item, trace), &Solution::new(self.leaf()))
    }

    /// How the annotators of a review lie apart; `None` also where nobody judged the solution.
    pub(super) fn dispute(&self, item: ItemId, trace: &Trace, solution: &Solution) -> Option<Dispute> {
        self.review.as_ref()?.panel.dispute(self.shown(item, trace), solution)
    }

    /// They do not agree.
    fn is_disputed(&self, item: ItemId, trace: &Trace, solution: &Solution) -> bool {
        self.dispute(item, trace, solution).is_some_and(|dispute| dispute.kind.is_some())
    }

    /// How an annotator is called: by the letter, and by name once that is shown.
    pub fn called(&self, letter: char, said: &Said) -> String {
        let named = self.review.as_ref().is_some_and(|review| review.names);
        if named { format!("{letter} {}", said.name) } else { letter.to_string() }
    }

    /// Whose verdict can be taken over: key, name and verdict.
    pub(crate) fn verdicts_to_take(&self) -> Vec<(char, String, String)> {
        let judged = |(letter, said): &(char, Said)| {
            let called = self.called(*letter, said);
            said.labels.is_labelled().then(|| (letter.to_ascii_lowercase(), called, told(said)))
        };
        self.said_here().iter().filter_map(judged).collect()
    }

    /// What the annotators say of the solution, and what oneself has sent back.
    pub(super) fn why_reviewed(&self) -> Option<String> {
        self.review.as_ref()?;
        let said = self.said_here();
        if said.is_empty() {
            return Some("nobody judged this one".to_owned());
        }
        let each = said.iter().map(|(letter, said)| {
            let place = match said.labels.first_error {
                FirstError::At(step) => place(said, step),
                FirstError::NoError => "none".to_owned(),
                FirstError::Unlabelable => "cannot".to_owned(),
                FirstError::Unknown => "-".to_owned(),
            };
            format!("{} {place}", self.called(*letter, said))
        });
        let (trace, solution) = (self.trace()?, self.solution()?);
        let each = each.collect::<Vec<_>>().join(" | ");
        let item = self.cursor.item;
        let apart = match self.dispute(item, trace, solution).and_then(|dispute| Some((dispute.kind?, dispute.gap))) {
            Some((kind @ (Kind::Far | Kind::ErrorOrNone), gap)) => format!("{}, {gap} apart", kind.name()),
            Some((kind, _)) => kind.name().to_owned(),
            None => "agreed".to_owned(),
        };
        let apart =
            if said.iter().any(|(_, said)| said.in_other_steps.is_some()) { format!("{apart}, in other steps") } else { apart };
        let sent =
            self.sent_back(item, trace, solution).map_or(String::new(), |sent| format!("; {}: {}", sent.standing(), sent.text));
        Some(format!("{each}: {apart}{sent}"))
    }

    /// What oneself sent back of a solution in a review.
    pub fn sent_back(&self, item: ItemId, trace: &Trace, solution: &Solution) -> Option<SentBack<'_>> {
        self.session.sent_back(self.shown(item, trace), solution, &self.review.as_ref()?.panel)
    }

    /// It was sent back, and none of its annotators has changed a label since.
    pub fn waits(&self, item: ItemId, trace: &Trace, solution: &Solution) -> bool {
        self.sent_back(item, trace, solution).is_some_and(|sent| sent.waits())
    }

    /// It was sent back, and its annotators agree by now: there is nothing left to decide.
    pub(super) fn is_agreed(&self, item: ItemId, trace: &Trace, solution: &Solution) -> bool {
        self.session.has_sent_back(trace, solution)
            && !self.waits(item, trace, solution)
            && self.review.is_some()
            && !self.is_disputed(item, trace, solution)
    }

    /// What the annotators wrote and for which reasons they judged, a line each; what is about the step under the cursor comes first.
    pub fn words_of_annotators(&self) -> Vec<String> {
        let said = self.said_here();
        let here = self.cursor.step();
        let written = |about: &dyn Fn(Option<usize>) -> bool| -> Vec<String> {
            let each = said.iter().flat_map(|(letter, said)| {
                let called = self.called(*letter, said);
                said.labels.remarks.iter().filter(|text| about(text.step)).map(move |text| format!("{called}   {}", remark(text)))
            });
            each.collect()
        };
        let mut lines = written(&|step| step == Some(here));
        let why = |labels: &SolutionLabels| !labels.error_kind.is_empty() || !labels.end_reason.is_empty() || labels.unsure;
        let reasons = said.iter().filter(|(_, said)| why(&said.labels) || said.in_other_steps.is_some());
        lines.extend(reasons.map(|(letter, said)| format!("{}   {}", self.called(*letter, said), told(said))));
        lines.extend(written(&|step| step != Some(here)));
        lines
    }

    /// What an adjudicator wants oneself to look at again.
    pub(super) fn why_returned(&self) -> Option<String> {
        let (trace, solution) = (self.trace()?, self.solution()?);
        let (by, text) = self.session.returned(trace, solution).filter(|_| !self.own_hidden())?;
        Some(format!("sent back by {by}: {text}"))
    }

    /// What stands before a solution of the queue: its number in the order, or the kind of disagreement.
    /// Where all in sight are `whole`, they count something.
    pub fn number_in_queue(&self, number: f64, whole: bool) -> String {
        if !self.queue.shows_kinds() {
            return if whole || (number.fract() == 0.0 && number.abs() >= 2.0) { format!("{number:.0}") } else { short(number) };
        }
        let (rank, gap) = ((number / 1000.0).floor(), number % 1000.0);
        let word = Kind::ALL.into_iter().find(|kind| (kind.rank() as f64 - rank).abs() < 0.5).map_or("", in_short);
        if gap > 1.0 { format!("{word:<3} {gap:>2.0}") } else { format!("{word:<6}") }
    }

    /// How many solutions of the queue are of each kind, where they stand by kind; in short words where there is less `room`.
    pub fn kinds_in_queue(&self, room: usize) -> Option<String> {
        let places = self.queue.places();
        // Places of a sorted queue: the gravest stand first.
        let above = |rank: usize| places.partition_point(|place| place.number.unwrap_or(0.0) >= 1000.0 * rank as f64);
        let counts = Kind::ALL.into_iter().map(|kind| (kind, above(kind.rank()) - above(kind.rank() + 1)));
        let counts: Vec<_> = counts.filter(|(_, count)| *count > 0).collect();
        let said = |word: fn(Kind) -> &'static str, gaps: [&str; 2]| {
            counts.iter().map(|(kind, count)| format!("{}{}{count}", word(*kind), gaps[0])).collect::<Vec<_>>().join(gaps[1])
        };
        let whole = said(Kind::name, [" ", "  "]);
        let fits = whole.len() <= room;
        let shown = self.queue.shows_kinds() && self.queue.is_complete();
        shown.then(|| if fits { whole } else { said(in_short, [":", " "]) })
    }

    /// Annotators do not agree on this solution, and it is neither decided nor with them.
    pub(super) fn is_open_dispute(&self, item: ItemId, trace: &Trace, solution: &Solution) -> bool {
        let open = || !self.own_labels(trace, solution.leaf).is_labelled() && !self.waits(item, trace, solution);
        self.is_disputed(item, trace, solution) && open()
    }
}

/// A kind of disagreement in three cells.
fn in_short(kind: Kind) -> &'static str {
    match kind {
        Kind::ErrorOrNone => "x/+",
        Kind::Far => "far",
        Kind::NextTo => "by1",
        Kind::Reason => "why",
        Kind::Unsure => "?",
    }
}

/// A verdict in words, with its reason.
pub fn verdict(labels: &SolutionLabels) -> String {
    let (said, why) = match (labels.first_error, labels.end_state) {
        (FirstError::At(step), _) => (format!("first error {}", step + 1), &labels.error_kind),
        (FirstError::NoError, _) => ("no error".to_owned(), &labels.error_kind),
        (FirstError::Unlabelable, EndState::BadProblem) => ("bad problem".to_owned(), &labels.end_reason),
        (FirstError::Unlabelable, _) => ("given up".to_owned(), &labels.end_reason),
        (FirstError::Unknown, _) => ("no verdict".to_owned(), &labels.error_kind),
    };
    let why = if why.is_empty() { String::new() } else { format!(": {why}") };
    format!("{said}{why}{}", if labels.unsure { ", unsure" } else { "" })
}

/// What an annotator says, in words: as [`verdict`], and whether it was said in other steps than those on show.
pub fn told(said: &Said) -> String {
    let verdict = verdict(&said.labels);
    match (&said.in_other_steps, said.labels.first_error) {
        (None, _) => verdict,
        (Some(_), FirstError::At(step)) => {
            let (alone, place) = (format!("first error {}", step + 1), place(said, step));
            format!("{} in other steps", verdict.replacen(&alone, &format!("first error {place}"), 1))
        }
        (Some(_), _) => format!("{verdict} in other steps"),
    }
}

/// The steps on show that an annotator's first error may stand in.
fn place(said: &Said, step: usize) -> String {
    match &said.in_other_steps {
        Some(steps) if steps.len() > 1 => format!("{}-{}", steps.start + 1, steps.end),
        _ => (step + 1).to_string(),
    }
}

/// A text of an annotator, and where it stands.
pub fn remark(remark: &Remark) -> String {
    let place = remark.step.map_or(String::new(), |step| format!(" on step {}", step + 1));
    format!("{}{place}: {}", remark.writing.name(), remark.text)
}

/// A review begins with what annotators do not agree on, the farthest first, unless it goes on where another one stopped. Who labels hears
/// of what was sent back.
pub(super) fn begin(app: &mut App, goes_on: bool) {
    if app.review.is_some() {
        if !goes_on {
            // The order comes last: its first solution is gone to.
            // What was sent back stays, also when its annotators agree by now.
            queue::set_filter(app, "disputed or sent");
            queue::set_order(app, "apart");
            app.notice = None;
        }
        return;
    }
    if let Some(plan) = app.project.overlap.clone().filter(|_| !goes_on) {
        queue::set_filter(app, "assigned");
        if !plan.annotators.contains(&app.annotator) {
            let team = plan.annotators.join(", ");
            app.notice = Some(format!("{} is not in the team {team}: no problem falls to you", app.annotator));
        }
    }
    let returns = app.session.returns();
    if returns > 0 {
        let solutions = if returns == 1 { "1 solution was".to_owned() } else { format!("{returns} solutions were") };
        app.notice = Some(format!("{solutions} sent back to you: {}returned lists them", app.key("filter")));
    }
}

/// A decision stands: what was taken over is no longer to be named, and names are shown or hidden.
pub(super) fn saved(app: &mut App, event: &Event) {
    let shown = match app.session.action(event.id) {
        Some(Action::Names { shown }) => Some(*shown),
        _ => None,
    };
    // What takes back the look at the names hides them, and what takes that back shows them.
    let taken_back = match &event.body {
        Body::Act(_) => false,
        Body::Undo(target) => app.session.is_action(*target),
    };
    if let Some(review) = &mut app.review
        && let Some(shown) = shown
    {
        review.names = shown != taken_back;
    }
}

/// The next solution of the queue, or the one before, that is neither decided nor with its annotators, around its end; false where there is
/// none.
pub(crate) fn next(app: &mut App, forward: bool) -> bool {
    let places = app.queue.places();
    let n = places.len();
    let at = app.place_in_queue();
    let from = at.unwrap_or(if forward { n.saturating_sub(1) } else { 0 });
    let mut along = (1..=n).map(|step| if forward { (from + step) % n } else { (from + n - step) % n });
    let open = |place: &usize| {
        let place = places[*place];
        !app.progress.is_settled(place.item, place.solution)
    };
    let Some(found) = along.find(|place| Some(*place) != at && open(place)) else { return false };
    let place = places[found];
    app.go_to(place.item, place.solution);
    true
}

/// Says whose verdict is being taken over, where one is.
pub(super) fn name_source(app: &mut App) {
    if let Some(called) = app.review.as_ref().and_then(|review| review.says.clone()) {
        app.notice = app.notice.take().map(|said| format!("{said}, as {called} says"));
    }
}

/// Takes over the verdict of the annotator who is called so on the screen, and the ratings that do not follow from it.
pub(super) fn take(app: &mut App, called: &str) -> Vec<Effect> {
    if !label::is_of_a_solution(app) {
        return Vec::new();
    }
    let found = app.said_here().into_iter().find(|(letter, said)| app.called(*letter, said) == called);
    let Some((letter, Said { name, labels, basis, in_other_steps, .. })) = found else { return Vec::new() };
    if let Some(steps) = in_other_steps.filter(|steps| steps.len() > 1) {
        // Where in it the error is, they have not said.
        let merge = app.key("merge");
        let (first, last) = (steps.start + 1, steps.end);
        app.notice =
            Some(format!("{called} judged steps {first} to {last} as one: {merge} merges them, or say which one is wrong"));
        return Vec::new();
    }
    let name = name.clone();
    if let Some(review) = &mut app.review {
        review.taking = basis;
        review.says = Some(if review.names { name } else { letter.to_string() });
    }
    let mut effects = Vec::new();
    // Ratings do not stay without the verdict, and decide nothing beside it.
    let waits = app.record_key().is_some_and(|record| app.is_on_its_way(record));
    let unseen = labels.first_error == FirstError::NoError && app.open_steps() < app.cursor.path.len();
    let further = if waits || unseen { Vec::new() } else { further_ratings(app, &labels) };
    for (step, rating) in further {
        let rate = Body::Act(Action::Rate { step, rating: Some(rating) });
        effects.extend(app.record_deciding(rate, Some(step), None).into_iter().flatten());
    }
    effects.extend(match (labels.first_error, labels.end_state) {
        (FirstError::At(step), _) => label::first_error_of(app, step, &labels.error_kind),
        (FirstError::NoError, _) => label::all_right(app, None),
        (FirstError::Unlabelable, EndState::BadProblem) => label::bad_problem_because(app, &labels.end_reason),
        (FirstError::Unlabelable, _) => label::give_up_because(app, &labels.end_reason),
        (FirstError::Unknown, _) => Vec::new(),
    });
    if let Some(review) = &mut app.review {
        (review.taking, review.says) = (None, None);
    }
    effects
}

/// The ratings among these labels of the path on show that neither follow from the verdict nor are one's own already.
fn further_ratings(app: &App, labels: &SolutionLabels) -> Vec<(StepKey, Rating)> {
    let Some(trace) = app.trace() else { return Vec::new() };
    let implied = |step: usize| match labels.first_error {
        FirstError::At(first) if step < first => Some(Rating::Good),
        FirstError::NoError => Some(Rating::Good),
        _ => None,
    };
    let keys = app.cursor.path.iter().map(|&id| trace.node(id).key);
    let further = |(step, (key, label)): (usize, (StepKey, &Label))| {
        let own = app.session.mark(key).map(|mark| mark.rating).or_else(|| implied(step));
        let rating = label.rating().filter(|rating| labels.first_error != FirstError::At(step) && Some(*rating) != own)?;
        Some((key, rating))
    };
    keys.zip(&labels.steps).enumerate().filter_map(further).collect()
}

/// Sends the solution back to all who judged it.
pub(super) fn send_back(app: &mut App, text: &str) -> Vec<Effect> {
    if text.is_empty() {
        app.notice = Some("nothing was sent back: it takes a word on what to look at again".to_owned());
        return Vec::new();
    }
    if app.trace().is_some() && !label::is_of_a_solution(app) {
        return Vec::new();
    }
    let Some(record) = app.record_key() else { return Vec::new() };
    let decisions: Vec<EventId> = app.all_said_here().iter().filter_map(|said| said.basis).collect();
    app.notice = Some(format!("sent back to {}", if decisions.len() == 1 { "its annotator" } else { "its annotators" }));
    let sent = app.record(Body::Act(Action::SendBack { record, decisions, text: text.to_owned() }), None);
    let Some(mut effects) = sent else { return Vec::new() };
    effects.extend(label::on_to_the_next(app));
    effects
}
