use super::super::event::tests::event;
use super::super::{Body, Context, Draft, Saw, Scope};
use super::*;
use crate::trace::{Cut, Problem, TraceBuilder, Words};

/// Two solutions, `a b c d` and `a b x`, and an annotator at work.
struct Desk {
    trace: Trace,
    session: Session,
    events: u64,
}

impl Desk {
    fn new() -> Self {
        let mut builder = TraceBuilder::new(Problem { text: "q".into(), ..Problem::default() });
        for path in [&["a", "b", "c", "d"][..], &["a", "b", "x"]] {
            let leaf = *builder.path(path).last().unwrap();
            builder.solution(leaf);
        }
        Self { trace: builder.finish(), session: Session::new("mira"), events: 0 }
    }

    fn write(&mut self, draft: Draft) {
        self.events += 1;
        let mut event = event(1, self.events, self.events, draft.body);
        (event.saw, event.ms_spent) = (draft.saw, draft.ms_spent);
        event.id = event.hash();
        self.session.apply(&event);
    }

    fn act(&mut self, action: Action) {
        self.write(Draft::of(action));
    }

    fn first_error(&mut self, solution: usize, index: usize) {
        let action = self.session.first_error(&self.trace, &self.trace.solutions[solution], index).unwrap();
        self.act(action);
    }

    fn all_good(&mut self, solution: usize) {
        let action = self.session.all_good(&self.trace, &self.trace.solutions[solution]);
        self.act(action);
    }

    fn rate(&mut self, solution: usize, index: usize, rating: Rating) {
        let step = keys(&self.trace, &self.trace.solutions[solution])[index];
        self.act(Action::Rate { step, rating: Some(rating) });
    }

    /// A rating where solutions end at their first bad step, after 500 ms.
    fn rate_ending(&mut self, solution: usize, index: usize, rating: Rating) {
        let step = keys(&self.trace, &self.trace.solutions[solution])[index];
        let verdict = (rating == Rating::Bad).then_some(FirstError::At(index));
        let (record, scope) = (Some(self.record(solution)), Some(Scope::FirstError));
        let saw = Saw { context: Context { record, scope, verdict, ..Context::default() }, ..Saw::default() };
        self.write(Draft::of(Action::Rate { step, rating: Some(rating) }).saw(saw).spent(500));
    }

    fn record(&self, solution: usize) -> RecordKey {
        self.trace.record_key(self.trace.solutions[solution].leaf)
    }

    /// The picture of the first solution in steps of its own.
    fn picture_cut(&self, starts: &[(usize, usize)]) -> String {
        let starts: Vec<Cut> = starts.iter().copied().map(Cut::from).collect();
        let first = self.trace.solutions[0].leaf;
        let cut = self.trace.recut(|solution| if solution.leaf == first { &starts } else { &[] }).unwrap();
        let labels = self.session.labels(&cut, &cut.solutions[0]);
        let steps: String = labels.steps.iter().map(|label| picture_of(*label)).collect();
        format!("{steps} {:?}", labels.first_error)
    }

    fn undo(&mut self) {
        self.write(Draft::undo(self.session.undo_target().unwrap()));
    }

    fn labels(&self, solution: usize) -> SolutionLabels {
        self.session.labels(&self.trace, &self.trace.solutions[solution])
    }

    /// Steps as `+ 0 - > .`, first error and end.
    fn picture(&self, solution: usize) -> String {
        let labels = self.labels(solution);
        let steps: String = labels.steps.iter().map(|label| picture_of(*label)).collect();
        format!("{steps} {:?} {:?}", labels.first_error, labels.end_state)
    }
}

fn picture_of(label: Label) -> char {
    match label {
        Label::Good => '+',
        Label::Neutral => '0',
        Label::Bad => '-',
        Label::AfterError => '>',
        Label::Unseen => '.',
    }
}

#[test]
fn labels_follow_when_steps_are_merged_or_split() {
    let mut desk = Desk::new();
    desk.first_error(0, 2);
    assert_eq!(desk.picture_cut(&[(0, 0), (2, 0), (3, 0)]), "+-> At(1)");
    assert_eq!(desk.picture_cut(&[(0, 0), (1, 0), (3, 0)]), "+-> At(1)", "a merged step has the worst of its ratings");
    desk.undo();
    desk.all_good(0);
    assert_eq!(desk.picture_cut(&[(0, 0), (2, 0), (3, 0)]), "+++ NoError");
    desk.undo();
    desk.rate(0, 1, Rating::Neutral);
    assert_eq!(desk.picture_cut(&[(0, 0), (1, 0), (3, 0)]), "... Unknown", "nobody rated all of the merged step");
    assert_eq!(desk.picture_cut(&[(0, 0), (1, 0), (2, 0)]), ".0. Unknown");
    // What is said of the new steps holds, and what was called wrong before does not.
    desk.undo();
    desk.first_error(0, 1);
    let starts = [(0, 0), (1, 0), (3, 0)].map(Cut::from);
    let first = desk.trace.solutions[0].leaf;
    let cut = desk.trace.recut(|solution| if solution.leaf == first { &starts } else { &[] }).unwrap();
    let action = desk.session.first_error(&cut, &cut.solutions[0], 2).unwrap();
    desk.act(action);
    assert_eq!(desk.picture_cut(&[(0, 0), (1, 0), (3, 0)]), "++- At(2)");
    desk.undo();
    assert_eq!(desk.picture_cut(&[(0, 0), (1, 0), (3, 0)]), "+-> At(1)");
}

#[test]
fn labels_follow_through_steps_of_a_rule_to_those_cut_by_hand() {
    fn pictures(desk: &Desk, trace: &Trace) -> [String; 2] {
        [0, 1].map(|at| {
            let labels = desk.session.labels(trace, &trace.solutions[at]);
            labels.steps.iter().map(|label| picture_of(*label)).collect()
        })
    }
    let mut desk = Desk::new();
    desk.first_error(0, 2);
    desk.all_good(1);
    // A rule joins the last two steps of both solutions; the first two of the first one are joined by hand.
    let [long, short, hand] = [&[(0, 0), (1, 0), (2, 0)][..], &[(0, 0), (1, 0)], &[(0, 0), (2, 0)]]
        .map(|cuts| cuts.iter().copied().map(Cut::from).collect::<Vec<_>>());
    let first = desk.trace.solutions[0].leaf;
    let rule = desk.trace.recut(|solution| if solution.leaf == first { &long } else { &short }).unwrap();
    let first = rule.solutions[0].leaf;
    let cut = rule.recut(|solution| if solution.leaf == first { &hand } else { &[] }).unwrap();
    assert_eq!(pictures(&desk, &rule), ["++-", "++"]);
    assert_eq!(pictures(&desk, &cut), ["+-", "++"]);
    // A verdict on the steps of the rule takes back what was called wrong in those of the source.
    let action = desk.session.all_good(&rule, &rule.solutions[0]);
    desk.act(action);
    assert_eq!(pictures(&desk, &cut), ["++", "++"]);
}

#[test]
fn flagging_a_step_marks_earlier_steps_correct() {
    let mut desk = Desk::new();
    desk.first_error(0, 2);
    assert_eq!(desk.picture(0), "++-> At(2) FoundError");
    assert_eq!(desk.picture(1), "... Unknown Open", "the other solution does not run through the wrong step");
}

#[test]
fn a_wrong_step_is_wrong_in_every_solution_through_it() {
    let mut desk = Desk::new();
    desk.all_good(1);
    assert_eq!(desk.picture(1), "+++ NoError Solution");
    desk.first_error(0, 1);
    assert_eq!(desk.picture(1), "+-> At(1) FoundError");
    desk.undo();
    assert_eq!(desk.picture(1), "+++ NoError Solution");
}

#[test]
fn a_later_first_error_takes_the_earlier_one_away_and_undo_brings_it_back() {
    let mut desk = Desk::new();
    desk.first_error(0, 1);
    desk.first_error(0, 3);
    assert_eq!(desk.picture(0), "+++- At(3) FoundError");
    desk.undo();
    assert_eq!(desk.picture(0), "+->> At(1) FoundError");
    desk.undo();
    assert_eq!(desk.picture(0), ".... Unknown Open");
    assert_eq!(desk.session.undo_target(), None);
}

#[test]
fn all_good_takes_the_first_error_away() {
    let mut desk = Desk::new();
    desk.first_error(0, 1);
    desk.all_good(0);
    assert_eq!(desk.picture(0), "++++ NoError Solution");
}

#[test]
fn ratings_of_single_steps_stay() {
    let mut desk = Desk::new();
    desk.rate(0, 0, Rating::Neutral);
    assert_eq!(desk.picture(0), "0... Unknown Open");
    desk.rate(0, 3, Rating::Good);
    desk.first_error(0, 2);
    assert_eq!(desk.picture(0), "0+-+ At(2) FoundError");
}

#[test]
fn a_bad_rating_alone_judges_nothing_where_all_steps_are_to_be_rated() {
    let mut desk = Desk::new();
    desk.rate(1, 1, Rating::Bad);
    assert_eq!((desk.picture(0), desk.picture(1)), (".-.. Unknown Open".to_owned(), ".-. Unknown Open".to_owned()));
    desk.rate(1, 0, Rating::Good);
    desk.rate(1, 2, Rating::Good);
    assert_eq!(desk.picture(1), "+-+ At(1) FoundError");
    assert_eq!(desk.picture(0), "+-.. Unknown Open", "half of its steps have no rating");
    desk.all_good(0);
    desk.rate(0, 2, Rating::Bad);
    assert_eq!(desk.picture(0), "++-> At(2) FoundError", "all good did vouch for them");
}

#[test]
fn a_bad_rating_ends_every_solution_through_it_but_does_not_vouch_for_the_steps_before() {
    let mut desk = Desk::new();
    let record = desk.record(0);
    desk.act(Action::Skip { record });
    desk.rate_ending(0, 0, Rating::Good);
    assert!(desk.session.skipped(record));
    desk.rate_ending(0, 2, Rating::Bad);
    assert!(!desk.session.skipped(record), "who judges it puts it off no more");
    assert_eq!((desk.picture(0), desk.picture(1)), ("+.-> At(2) FoundError".to_owned(), "+.. Unknown Open".to_owned()));
    desk.rate_ending(0, 1, Rating::Bad);
    assert_eq!((desk.picture(0), desk.picture(1)), ("+--> At(1) FoundError".to_owned(), "+-> At(1) FoundError".to_owned()));
    let judged = |desk: &Desk| desk.session.verdicts().map(|it| (it.record, it.verdict, it.ms_spent)).collect::<Vec<_>>();
    let both = [(desk.record(0), FirstError::At(2), Some(1000)), (desk.record(0), FirstError::At(1), Some(500))];
    assert_eq!(judged(&desk), both, "with the time of the rating before");
    desk.undo();
    assert_eq!((judged(&desk), desk.picture(1)), (both[..1].to_vec(), "+.. Unknown Open".to_owned()));
}

#[test]
fn every_step_rated_and_none_bad_is_no_error() {
    let mut desk = Desk::new();
    desk.rate(1, 0, Rating::Good);
    desk.rate(1, 1, Rating::Neutral);
    assert_eq!(desk.picture(1), "+0. Unknown Open");
    desk.rate(1, 2, Rating::Good);
    assert_eq!(desk.picture(1), "+0+ NoError Solution");
}

#[test]
fn a_broken_problem_and_giving_up_are_states_of_their_own() {
    let mut desk = Desk::new();
    desk.first_error(0, 1);
    let record = desk.record(0);
    desk.act(Action::BadProblem { record, reason: "m".into() });
    assert_eq!(desk.picture(0), ".-.. Unlabelable BadProblem");
    desk.act(Action::GiveUp { record, reason: String::new() });
    assert_eq!(desk.picture(0), ".-.. Unlabelable GiveUp");
    desk.first_error(0, 1);
    assert_eq!(desk.picture(0), "+->> At(1) FoundError", "a newer first error counts");
    let mut desk = Desk::new();
    desk.act(Action::GiveUp { record, reason: String::new() });
    desk.rate(0, 2, Rating::Bad);
    assert_eq!(desk.picture(0), "..-. Unknown Open", "who gave up has vouched for no step");
}

#[test]
fn judging_a_solution_ends_putting_it_off() {
    let mut desk = Desk::new();
    let record = desk.record(0);
    desk.act(Action::Skip { record });
    assert!(desk.session.skipped(record));
    desk.all_good(0);
    assert!(!desk.session.skipped(record));
    desk.undo();
    assert!(desk.session.skipped(record));
}

#[test]
fn own_labels_lie_over_recorded_ones() {
    let mut desk = Desk::new();
    desk.trace.solutions[0].first_error = FirstError::At(3);
    let overlay = |desk: &Desk| desk.session.overlay(&desk.trace, &desk.trace.solutions[0]);
    assert_eq!(overlay(&desk), (desk.trace.recorded_labels(&desk.trace.solutions[0]), false));
    desk.first_error(0, 3);
    assert!(!overlay(&desk).1, "the same as recorded");
    desk.first_error(0, 2);
    let (labels, touched) = overlay(&desk);
    assert!(touched);
    assert_eq!((labels.first_error, labels.annotator.as_deref()), (FirstError::At(2), Some("mira")));
    desk.undo();
    desk.undo();
    let record = desk.record(0);
    desk.act(Action::Flag { record, on: true });
    let (labels, touched) = overlay(&desk);
    assert_eq!((labels.first_error, labels.unsure, touched), (FirstError::At(3), true, true));
    desk.rate(0, 0, Rating::Neutral);
    assert_eq!(overlay(&desk).0.first_error, FirstError::At(3), "of the others it says nothing");
    desk.rate(0, 1, Rating::Bad);
    assert_eq!(overlay(&desk).0.first_error, FirstError::Unknown, "it is not the first any more, and not judged anew");
    desk.undo();
    desk.trace.solutions[0].first_error = FirstError::NoError;
    assert_eq!(overlay(&desk).0.first_error, FirstError::NoError);
    desk.rate(0, 1, Rating::Bad);
    assert_eq!(overlay(&desk).0.first_error, FirstError::Unknown);
}

#[test]
fn one_rating_leaves_those_of_the_file_as_they_are() {
    let mut desk = Desk::new();
    let ratings = |ratings: &[i64]| ratings.iter().map(|&rating| Rating::from_value(rating)).collect();
    let solution = &mut desk.trace.solutions[0];
    (solution.first_error, solution.end_state, solution.ratings) =
        (FirstError::At(3), EndState::FoundError, ratings(&[1, 0, 1, -1]));
    let overlay = |desk: &Desk| {
        let (labels, touched) = desk.session.overlay(&desk.trace, &desk.trace.solutions[0]);
        let steps: String = labels.steps.iter().map(|label| picture_of(*label)).collect();
        let by = labels.annotator.unwrap_or_default();
        format!("{steps} {:?} {:?} {by}{}", labels.first_error, labels.end_state, if touched { " new" } else { "" })
    };
    desk.rate(0, 3, Rating::Bad);
    assert_eq!(overlay(&desk), "+0+- At(3) FoundError ", "the file says so, too");
    desk.rate(0, 3, Rating::Good);
    assert_eq!(overlay(&desk), "+0++ NoError Solution mira new");
    desk.rate(0, 1, Rating::Bad);
    assert_eq!(overlay(&desk), "+-++ At(1) FoundError mira new");
    desk.undo();
    desk.undo();
    desk.undo();
    // Of the last step the file says nothing more than that it stands behind the error.
    let solution = &mut desk.trace.solutions[0];
    (solution.first_error, solution.ratings) = (FirstError::At(2), ratings(&[1, 0, -1]));
    desk.rate(0, 2, Rating::Neutral);
    assert_eq!(overlay(&desk), "+00. Unknown Open mira new");
    desk.rate(0, 3, Rating::Good);
    assert_eq!(overlay(&desk), "+00+ NoError Solution mira new");
    desk.undo();
    desk.undo();
    // What was rated in part is completed; an end and giving up leave the ratings of other steps.
    let solution = &mut desk.trace.solutions[0];
    (solution.first_error, solution.end_state, solution.ratings) =
        (FirstError::Unknown, EndState::Open, vec![Some(Rating::Good), None, Some(Rating::Neutral), Some(Rating::Good)]);
    desk.rate(0, 1, Rating::Good);
    assert_eq!(overlay(&desk), "++0+ NoError Solution mira new");
    desk.rate_ending(0, 2, Rating::Bad);
    assert_eq!(overlay(&desk), "++-> At(2) FoundError mira new");
    let record = desk.record(0);
    desk.act(Action::GiveUp { record, reason: String::new() });
    assert_eq!(overlay(&desk), "++-+ Unlabelable GiveUp mira new");
}

#[test]
fn recorded_words_stand_where_nothing_was_said_against_them() {
    let mut desk = Desk::new();
    let remark = |writing, step, text: &str| Remark { writing, step, text: text.into() };
    let words = Words {
        error_kind: "sum".into(),
        progress: Some(1),
        remarks: vec![remark(Writing::Note, None, "theirs"), remark(Writing::Critique, Some(2), "theirs")],
        ..Words::default()
    };
    desk.trace.solutions[0].first_error = FirstError::At(2);
    desk.trace.solutions[0].words = Some(Box::new(words));
    let overlay = |desk: &Desk| desk.session.overlay(&desk.trace, &desk.trace.solutions[0]).0;
    assert_eq!(overlay(&desk), desk.trace.recorded_labels(&desk.trace.solutions[0]));
    let record = desk.record(0);
    desk.act(Action::Write { writing: Writing::Note, step: None, record, text: "mine".into() });
    let labels = overlay(&desk);
    assert_eq!((labels.remark(Writing::Note, None), labels.remark(Writing::Critique, Some(2))), (Some("mine"), Some("theirs")));
    assert_eq!((labels.error_kind.as_str(), labels.progress, labels.remarks.len()), ("sum", Some(1), 2));
    desk.first_error(0, 2);
    assert_eq!((overlay(&desk).error_kind.as_str(), overlay(&desk).progress), ("sum", Some(1)));
    // The kind is that of another error.
    desk.first_error(0, 1);
    assert_eq!((overlay(&desk).error_kind.as_str(), overlay(&desk).remark(Writing::Critique, Some(2))), ("", Some("theirs")));
    // What is right needs no critique.
    desk.first_error(0, 3);
    assert_eq!((overlay(&desk).remark(Writing::Critique, Some(2)), overlay(&desk).remarks.len()), (None, 1));
}

#[test]
fn notes_hang_on_steps_or_solutions() {
    let mut desk = Desk::new();
    let (record, step) = (desk.record(0), keys(&desk.trace, &desk.trace.solutions[0])[1]);
    let write = |step, text: &str| Action::Write { writing: Writing::Note, step, record, text: text.into() };
    desk.act(write(Some(step), "sign"));
    desk.act(write(None, "odd"));
    let note = |desk: &Desk, step, record| desk.session.text(Writing::Note, step, record).map(str::to_owned);
    assert_eq!(note(&desk, Some(step), desk.record(1)).as_deref(), Some("sign"));
    assert_eq!(note(&desk, None, record).as_deref(), Some("odd"));
    assert_eq!(desk.session.text(Writing::Critique, None, record), None, "another kind of text");
    let all = |desk: &Desk| desk.labels(0).remarks.into_iter().map(|r| (r.step, r.text)).collect::<Vec<_>>();
    assert_eq!(all(&desk), [(None, "odd".to_owned()), (Some(1), "sign".to_owned())]);
    desk.act(write(None, ""));
    assert_eq!(note(&desk, None, record), None);
}

#[test]
fn labels_of_others_are_kept_apart_and_out_of_reach_of_undo() {
    let mut desk = Desk::new();
    desk.first_error(0, 1);
    let target = desk.session.undo_target().unwrap();
    let mut theirs = event(2, 1, 9, Body::Undo(target));
    theirs.annotator = "noor".into();
    theirs.id = theirs.hash();
    desk.session.apply(&theirs);
    assert_eq!(desk.picture(0), "+->> At(1) FoundError");
    let seen = desk.session.clone().seen_by("noor");
    assert_eq!(seen.undo_target(), None);
    assert_eq!(seen.labels(&desk.trace, &desk.trace.solutions[0]).first_error, FirstError::Unknown);
    assert_eq!(desk.session.annotators().collect::<Vec<_>>(), ["mira"]);
}

#[test]
fn a_solution_without_steps_can_be_judged() {
    let mut builder = TraceBuilder::new(Problem::default());
    builder.solution(crate::trace::NodeId::ROOT);
    let mut desk = Desk { trace: builder.finish(), session: Session::new("mira"), events: 0 };
    assert_eq!(desk.picture(0), " Unknown Open");
    assert_eq!(desk.session.first_error(&desk.trace, &desk.trace.solutions[0], 0), None);
    desk.all_good(0);
    assert_eq!(desk.picture(0), " NoError Solution");
}

#[test]
fn a_first_error_that_moves_forward_takes_the_old_one_along() {
    let mut desk = Desk::new();
    desk.first_error(0, 3);
    desk.first_error(0, 1);
    assert_eq!(desk.picture(0), "+->> At(1) FoundError");
    desk.undo();
    assert_eq!(desk.picture(0), "+++- At(3) FoundError", "undo brings it back");
    // What was rated bad by itself was said of that step, and stays.
    desk.undo();
    desk.rate(0, 3, Rating::Bad);
    desk.first_error(0, 1);
    assert_eq!(desk.picture(0), "+->- At(1) FoundError");
}
