//! What the asking side knows of a conversation with a scorer: pure bookkeeping that turns lines into checked events.

use std::collections::{HashMap, HashSet};

use super::framing::Framed;
use super::protocol::{FromScorer, VERSION};
use super::{Cost, ScoreRequest, WorkerEvent, WorkerModel};
use crate::trace::StepKey;

/// Lines that make no sense before the scorer is given up.
const MAX_STRIKES: usize = 20;

/// One conversation, from spawn to exit.
#[derive(Debug, Default)]
pub(super) struct Session {
    model: Option<WorkerModel>,
    open: HashMap<u64, OpenRequest>,
    strikes: usize,
    given_up: Option<String>,
}

#[derive(Debug)]
struct OpenRequest {
    // Steps that still want an answer.
    waiting: HashSet<StepKey>,
    cancelled: bool,
}

impl Session {
    /// Notes that a request was sent.
    pub(super) fn sent(&mut self, request: &ScoreRequest) {
        let waiting = request.nodes.iter().filter(|node| !node.known).map(|node| node.key).collect();
        self.open.insert(request.id, OpenRequest { waiting, cancelled: false });
    }

    /// Notes that steps were asked for.
    pub(super) fn asked_for_steps(&mut self, id: u64) {
        self.open.insert(id, OpenRequest { waiting: HashSet::new(), cancelled: false });
    }

    /// Notes that a request was taken back.
    pub(super) fn cancelled(&mut self, id: u64) {
        if let Some(open) = self.open.get_mut(&id) {
            open.cancelled = true;
        }
    }

    /// True while the scorer owes something: its model or an answer.
    pub(super) fn is_waiting(&self) -> bool {
        self.model.is_none() || !self.open.is_empty()
    }

    /// Why the conversation must end, once it must.
    pub(super) fn given_up(&self) -> Option<&str> {
        self.given_up.as_deref()
    }

    /// Takes in one line.
    pub(super) fn line(&mut self, line: Framed, on: &mut impl FnMut(WorkerEvent)) {
        let line = match line {
            Framed::Line(line) if line.iter().all(u8::is_ascii_whitespace) => return,
            Framed::Line(line) => line,
            Framed::TooLong => return self.strike("a line that is too long", on),
        };
        match FromScorer::parse(&line) {
            Ok(message) => self.message(message, on),
            Err(error) => self.strike(&error.to_string(), on),
        }
    }

    fn message(&mut self, message: FromScorer, on: &mut impl FnMut(WorkerEvent)) {
        match message {
            FromScorer::Hello { protocol } if protocol != VERSION => {
                self.give_up(format!("the scorer speaks protocol {protocol}, expected {VERSION}"), on);
            }
            FromScorer::Ready(model) => {
                self.model = Some(model.clone());
                on(WorkerEvent::Ready(model));
            }
            FromScorer::Score { id, key, score } => self.score(id, key, score, on),
            FromScorer::NotScored { id, key, reason } => {
                if self.answers(id, key, on) {
                    on(WorkerEvent::NotScored { request: id, key, reason });
                }
            }
            FromScorer::Vector { id, key, vector } => {
                if self.answers(id, key, on) {
                    on(WorkerEvent::Vector { request: id, key, vector });
                }
            }
            FromScorer::Rationale { id, key, rationale } => {
                if self.open.get(&id).is_some_and(|open| open.waiting.contains(&key)) {
                    on(WorkerEvent::Rationale { request: id, key, rationale });
                }
            }
            FromScorer::Sample { id, sample } => {
                if self.open.get(&id).is_some_and(|open| !open.cancelled) {
                    on(WorkerEvent::Sampled { request: id, sample });
                }
            }
            FromScorer::Done { id, cost, seconds, cancelled } => self.done(id, cost, seconds, cancelled, on),
            FromScorer::Failed { id: Some(id), message } => {
                if self.open.remove(&id).is_some() {
                    on(WorkerEvent::Failed { request: Some(id), message });
                }
            }
            FromScorer::Failed { id: None, message } => on(WorkerEvent::Failed { request: None, message }),
            FromScorer::Hello { .. } | FromScorer::Other(_) => {}
        }
    }

    fn score(&mut self, id: u64, key: StepKey, score: Result<f64, String>, on: &mut impl FnMut(WorkerEvent)) {
        let Some(meaning) = self.model.as_ref().map(WorkerModel::meaning) else {
            return self.strike("a score before \"ready\"", on);
        };
        if !self.answers(id, key, on) {
            return;
        }
        let checked = match score {
            // Adding 0 turns -0 into 0.
            Ok(value) => meaning.score(value + 0.0).map_err(|error| error.to_string()),
            Err(text) => Err(format!("expected a finite number for the score, found {text}")),
        };
        on(match checked {
            Ok(score) => WorkerEvent::Score { request: id, key, score },
            Err(reason) => WorkerEvent::NotScored { request: id, key, reason },
        });
    }

    /// Crosses the step off; `false` when nobody waits for it.
    fn answers(&mut self, id: u64, key: StepKey, on: &mut impl FnMut(WorkerEvent)) -> bool {
        // A request that is over or was never made: a late answer, dropped.
        let Some(open) = self.open.get_mut(&id) else { return false };
        let wanted = open.waiting.remove(&key);
        if !wanted && !open.cancelled {
            self.strike("an answer for a step that nobody asked for", on);
        }
        wanted
    }

    fn done(&mut self, id: u64, cost: Cost, seconds: f64, cancelled: bool, on: &mut impl FnMut(WorkerEvent)) {
        let Some(open) = self.open.remove(&id) else { return };
        if !cancelled && !open.cancelled {
            let mut missing: Vec<StepKey> = open.waiting.into_iter().collect();
            missing.sort_unstable();
            for key in missing {
                on(WorkerEvent::NotScored { request: id, key, reason: "the scorer gave no answer for this step".into() });
            }
        }
        on(WorkerEvent::Done { request: id, cost, seconds });
    }

    fn strike(&mut self, what: &str, on: &mut impl FnMut(WorkerEvent)) {
        self.strikes += 1;
        if self.strikes == 1 {
            on(WorkerEvent::Notice { message: format!("the scorer wrote {what}; the line is ignored") });
        }
        if self.strikes >= MAX_STRIKES {
            self.give_up(format!("the scorer wrote {MAX_STRIKES} lines that make no sense, last {what}"), on);
        }
    }

    fn give_up(&mut self, message: String, on: &mut impl FnMut(WorkerEvent)) {
        if self.given_up.is_none() {
            on(WorkerEvent::Failed { request: None, message: message.clone() });
            self.given_up = Some(message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::RequestNode;
    use super::*;
    use crate::trace::{Critique, PromptKey, Rationale};

    const READY: &str =
        r#"{"type":"ready","model":{"name":"m","key":"k","family":"f","semantics":"correctness","threshold":0.5}}"#;

    fn keys() -> [StepKey; 2] {
        ["a", "b"].map(|text| PromptKey::of("q").step(text))
    }

    fn request() -> ScoreRequest {
        let nodes = keys().map(|key| RequestNode { parent: None, key, text: "t".into(), ends: false, known: false });
        ScoreRequest { id: 1, problem: "q".into(), nodes: nodes.into() }
    }

    fn run(session: &mut Session, lines: &[&str]) -> Vec<WorkerEvent> {
        let mut events = Vec::new();
        for line in lines {
            session.line(Framed::Line(line.as_bytes().to_vec()), &mut |event| events.push(event));
        }
        events
    }

    fn ready() -> Session {
        let mut session = Session::default();
        run(&mut session, &[READY]);
        session.sent(&request());
        session
    }

    fn reasons(events: &[WorkerEvent]) -> Vec<String> {
        let reason = |event: &WorkerEvent| match event {
            WorkerEvent::NotScored { reason, .. } => reason.clone(),
            WorkerEvent::Score { score, .. } => score.value().to_string(),
            WorkerEvent::Failed { message, .. } | WorkerEvent::Notice { message } => message.clone(),
            WorkerEvent::Done { request, .. } => format!("done {request}"),
            other => format!("{other:?}"),
        };
        events.iter().map(reason).collect()
    }

    #[test]
    fn numbers_that_are_no_scores_become_not_scored_with_the_number() {
        for (number, expected) in [
            ("NaN", "expected a finite number for the score, found NaN"),
            ("-Infinity", "expected a finite number for the score, found -Infinity"),
            ("1e999", "expected a finite number for the score, found 1e+999"),
            ("null", "expected a finite number for the score, found nothing"),
            ("\"high\"", "expected a finite number for the score, found high"),
            ("1.5", "the score 1.5 lies outside of the range of P(correct)"),
            ("-0.001", "the score -0.001 lies outside of the range of P(correct)"),
        ] {
            let line = format!(r#"{{"type":"score","id":1,"key":"{}","score":{number}}}"#, keys()[0]);
            assert_eq!(reasons(&run(&mut ready(), &[&line])), [expected], "{number}");
        }
    }

    #[test]
    fn done_without_all_answers_leaves_steps_not_scored() {
        let first = format!(r#"{{"type":"score","id":1,"key":"{}","score":0.25}}"#, keys()[0]);
        let events = run(&mut ready(), &[&first, r#"{"type":"done","id":1}"#]);
        assert_eq!(reasons(&events), ["0.25", "the scorer gave no answer for this step", "done 1"]);
    }

    #[test]
    fn late_answers_are_dropped_without_a_word() {
        let mut session = ready();
        session.cancelled(1);
        let late = format!(r#"{{"type":"score","id":1,"key":"{}","score":0.25}}"#, keys()[0]);
        let events = run(&mut session, &[r#"{"type":"done","id":1,"cancelled":true}"#, &late, r#"{"type":"done","id":9}"#]);
        assert_eq!(reasons(&events), ["done 1"]);
        assert!(!session.is_waiting());
    }

    #[test]
    fn answers_for_unknown_steps_and_second_answers_are_noticed_once() {
        let first = format!(r#"{{"type":"score","id":1,"key":"{}","score":0.25}}"#, keys()[0]);
        let events = run(&mut ready(), &[&first, &first, &first]);
        assert_eq!(
            reasons(&events),
            ["0.25", "the scorer wrote an answer for a step that nobody asked for; the line is ignored"]
        );
    }

    #[test]
    fn what_a_model_gives_beside_a_score_is_passed_on_before_it_and_never_after() {
        let line = |critique: &str| {
            format!(r#"{{"type":"rationale","id":1,"key":"{}","rationale":{{"critiques":[{critique}]}}}}"#, keys()[0])
        };
        let (short, long) = (line(r#"{"text":"It","score":null}"#), line(r#"{"text":"It is.","score":0.75}"#));
        let score = format!(r#"{{"type":"score","id":1,"key":"{}","score":0.25}}"#, keys()[0]);
        let events = run(&mut ready(), &[&short, &long, &score, &long]);
        assert_eq!(events.len(), 3, "{events:?}");
        let critique = Critique { text: "It is.".into(), score: Some(0.75) };
        assert!(
            matches!(&events[1], WorkerEvent::Rationale { rationale: Rationale::Critiques(all), .. } if *all == [critique]),
            "{events:?}"
        );
        assert!(matches!(events[2], WorkerEvent::Score { .. }));
        let nonsense = line(r#"{"text":7}"#);
        assert!(matches!(&run(&mut ready(), &[&nonsense])[..], [WorkerEvent::Notice { .. }]));
    }

    #[test]
    fn garbage_is_tolerated_for_a_while_and_unknown_types_for_ever() {
        let mut session = ready();
        assert_eq!(run(&mut session, &[r#"{"type":"joke","text":[1,2]}"#; 50]), []);
        assert_eq!(run(&mut session, &["Loading weights: 50%"]).len(), 1);
        run(&mut session, &["[]"; 18]);
        assert_eq!(session.given_up(), None);
        run(&mut session, &["{"]);
        assert!(session.given_up().is_some());
    }

    #[test]
    fn another_protocol_version_ends_the_conversation() {
        let mut session = Session::default();
        let events = run(&mut session, &[r#"{"type":"hello","protocol":2}"#]);
        assert_eq!(reasons(&events), ["the scorer speaks protocol 2, expected 1"]);
        assert!(session.given_up().is_some());
    }
}
