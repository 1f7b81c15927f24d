//! Key logs of whole sessions, played again.

use std::collections::VecDeque;
use std::sync::Arc;

use crossterm::event::{Event as TerminalEvent, KeyCode, KeyEvent};
use proptest::prelude::*;
use stepscope::analysis::likeness::{Found, Measure};
use stepscope::app::items::ItemId;
use stepscope::app::keymap::Keymap;
use stepscope::app::likeness::Answered;
use stepscope::app::log::{Entry, Signs, Start};
use stepscope::app::scoring::Known;
use stepscope::app::trust::Terms;
use stepscope::app::{App, Effect, Message, Setup, Stores, update};
use stepscope::corpus::{Corpus, Source};
use stepscope::labels::{Event, Project, Store};
use stepscope::query::Names;
use stepscope::scoring::{Cost, ScoreRequest, WorkerEvent};
use stepscope::shell::replay::{ReplayError, read, replay};
use stepscope::shell::{Outside, sieve};
use stepscope::text::{Ambiguous, Glyphs};
use stepscope::trace::{Semantics, StepKey, StepScore};
use stepscope::ui::look::Look;
use stepscope::ui::picture::DRAWS;

use super::desk::{SAMPLES, SOLUTIONS};

/// A session on the demo traces whose messages are noted as the shell notes them.
struct Recorded {
    app: App,
    store: Store,
    corpora: Vec<Corpus>,
    log: Vec<Entry>,
    now: u64,
    /// The store cannot write.
    unwritable: bool,
    /// Items whose scores were asked for and have not come yet.
    waiting: VecDeque<ItemId>,
    _folder: Arc<tempfile::TempDir>,
}

fn corpora() -> Vec<Corpus> {
    let sources = [("demo/solutions.json", SOLUTIONS), ("demo/samples.jsonl", SAMPLES)];
    let corpora: Vec<Corpus> =
        sources.into_iter().map(|(name, bytes)| Corpus::open(Source::Memory { name, bytes }, None).unwrap()).collect();
    corpora.iter().for_each(Corpus::wait);
    corpora
}

impl Recorded {
    fn start(folder: &Arc<tempfile::TempDir>) -> Self {
        Self::with_model(folder, false)
    }

    fn with_model(folder: &Arc<tempfile::TempDir>, scoring: bool) -> Self {
        let path = folder.path().join("labels.db");
        let (store, session) = Store::open(&path, "mira").unwrap();
        let before: Vec<Event> = Store::events(&path, "mira").unwrap();
        let corpora = corpora();
        let setup = Setup {
            files: Outside::files(&corpora),
            unopened: Vec::new(),
            session,
            annotator: "mira".to_owned(),
            store: "labels.db".to_owned(),
            stores: Box::new(Stores { own: "labels.db".to_owned(), others: Vec::new() }),
            look: Look::detect(|_| None),
            place: None,
            scoring,
            sampler: false,
            vectors: true,
            terms: Terms { blind_share: 0.2, repeat_share: 0.5, ..Terms::default() },
            project: Project::default(),
            keymap: Keymap::default(),
            filters: Names::new(),
            review: false,
        };
        let mut log = vec![Entry::Start(Box::new(Start::of(&setup, (100, 30))))];
        log.extend(before.into_iter().map(|event| Entry::Before(Box::new(event))));
        let (app, first) = App::new(setup, (100, 30));
        let mut recorded =
            Self { app, store, corpora, log, now: 0, unwritable: false, waiting: VecDeque::new(), _folder: Arc::clone(folder) };
        recorded.carry_out(first);
        recorded
    }

    fn tell(&mut self, message: Message) {
        self.log.extend(Entry::of(&message));
        let effects = update(&mut self.app, message);
        self.carry_out(effects);
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Load(item) => {
                    let view = self.corpora[item.file].problem(item.problem);
                    self.tell(Message::Loaded { item, view });
                }
                Effect::Sift { round, file, problems, filter, order } => {
                    let sifted = sieve::sift(&self.corpora[file], problems.clone(), filter.as_deref(), order.as_deref());
                    self.tell(Message::Sifted { round, file, problems, sifted });
                }
                Effect::Find { round, file, problems, forward, wanted } => {
                    let hit = sieve::find(&self.corpora[file], problems.clone(), forward, &wanted);
                    self.tell(Message::Found { round, file, problems, hit });
                }
                Effect::Save(_) if self.unwritable => self.tell(Message::SaveFailed("the disk is full".to_owned())),
                Effect::Save(draft) => {
                    let event = Box::new(self.store.append(*draft).unwrap());
                    self.tell(Message::Saved { event, at: "12:00:00".to_owned() });
                }
                Effect::Think { round, work } => self.tell(Message::Thought { round, thought: Box::new(work.think()) }),
                Effect::Liken { round, work } => {
                    // Any numbers do: a model's are not to be had again.
                    let found = match work.answer(Measure::Words, &|| false).unwrap() {
                        Found::Like(numbers) => Found::Like((0..numbers.len()).map(|at| (at * 7 % 10) as f64 / 10.0).collect()),
                        groups @ Found::Groups(_) => groups,
                    };
                    self.tell(Message::Likened { round, answer: Ok(Answered { by: "model".to_owned(), found }) });
                }
                Effect::Prepare(item) => self.waiting.push_back(item),
                Effect::Continue => self.tell(Message::Continue),
                _ => {}
            }
        }
    }

    /// The scores of the next item that waits for them come: from the cache, or step by step from the worker.
    fn score(&mut self, request: u64) {
        let Some(item) = self.waiting.pop_front() else { return };
        let view = self.corpora[item.file].problem(item.problem);
        let trace = view.trace.clone().unwrap();
        // Any numbers do, as long as they are not the same everywhere.
        let score = |key: StepKey| f64::from(key.as_bytes()[0]) / 255.0;
        let scores = trace.steps().map(|id| trace.node(id).key);
        let scores = scores.map(|key| (key, StepScore::new(score(key), Semantics::Correctness).unwrap())).collect::<Vec<_>>();
        if request.is_multiple_of(2) {
            let known = Known { scores, ..Known::default() };
            self.tell(Message::Prepared { item, known, requests: Vec::new() });
            return;
        }
        let asked = ScoreRequest { id: request, problem: String::new(), nodes: Vec::new() };
        self.tell(Message::Prepared { item, known: Known::default(), requests: vec![asked] });
        for (key, score) in scores {
            self.tell(Message::Worker(WorkerEvent::Score { request, key, score }));
        }
        self.tell(Message::Worker(WorkerEvent::Done { request, cost: Cost::default(), seconds: 0.0 }));
    }

    fn keys(&mut self, keys: &str) {
        for c in keys.chars() {
            self.now += 700;
            self.tell(Message::Clock(self.now));
            let code = match c {
                '\r' => KeyCode::Enter,
                '\u{1b}' => KeyCode::Esc,
                c => KeyCode::Char(c),
            };
            self.tell(Message::Terminal(TerminalEvent::Key(KeyEvent::from(code))));
        }
    }

    /// The log as it lies on the disk.
    fn bytes(&self) -> Vec<u8> {
        let line = |entry: &Entry| serde_json::to_string(entry).unwrap() + "\n";
        self.log.iter().map(line).collect::<String>().into_bytes()
    }
}

fn folder() -> Arc<tempfile::TempDir> {
    Arc::new(tempfile::tempdir().unwrap())
}

#[test]
fn a_changed_key_is_found_out() {
    let mut recorded = Recorded::start(&folder());
    recorded.keys("jxa2x");
    let (start, entries) = read(&recorded.bytes()[..]).unwrap();
    let same = replay(start.clone(), entries.clone(), &corpora(), Look::detect(|_| None));
    assert_eq!((same.keys, same.events.len(), same.differences.len()), (5, 3, 0));
    let key = |c| Entry::Terminal(TerminalEvent::Key(KeyEvent::from(KeyCode::Char(c))));
    let changed = entries.iter().map(|entry| if *entry == key('j') { key('k') } else { entry.clone() }).collect();
    let other = replay(start.clone(), changed, &corpora(), Look::detect(|_| None));
    assert_eq!(other.differences.len(), 1, "{:?}", other.differences);
    let late = entries.into_iter().map(|entry| if entry == Entry::Clock(700) { Entry::Clock(650) } else { entry }).collect();
    let other = replay(start, late, &corpora(), Look::detect(|_| None));
    assert_eq!(other.differences.len(), 1, "a time is a part of the label");
}

#[test]
fn a_log_that_was_cut_is_played_to_its_end_and_nonsense_is_refused() {
    let mut recorded = Recorded::start(&folder());
    recorded.keys("aa");
    let bytes = recorded.bytes();
    let (_, entries) = read(&bytes[..bytes.len() - 30]).unwrap();
    assert_eq!(entries.len() + 2, recorded.log.len());
    assert!(matches!(read(&b"{\"clock\":1}\n"[..]), Err(ReplayError::NoStart)));
    assert!(matches!(read(&b"{\"clock\":\n{}\n"[..]), Err(ReplayError::Line { line: 1, .. })));
}

#[test]
fn labels_that_were_tried_again_by_itself_are_played_again_byte_for_byte() {
    let mut recorded = Recorded::start(&folder());
    recorded.keys("a");
    recorded.unwritable = true;
    recorded.keys("jx");
    recorded.tell(Message::Retry);
    recorded.keys("au");
    recorded.tell(Message::Retry);
    recorded.keys("2x");
    recorded.unwritable = false;
    recorded.tell(Message::Retry);
    recorded.keys("au");
    assert!(recorded.log.contains(&Entry::Retry));
    let (start, entries) = read(&recorded.bytes()[..]).unwrap();
    let replayed = replay(start, entries, &corpora(), Look::detect(|_| None));
    assert_eq!((replayed.events.len(), replayed.in_flight, replayed.differences), (5, 0, Vec::new()));
}

#[test]
fn a_queue_in_the_order_of_scores_that_come_late_is_played_again_byte_for_byte() {
    let mut recorded = Recorded::with_model(&folder(), true);
    recorded.tell(Message::Worker(WorkerEvent::Ready(super::scoring::model())));
    // What is known when the order is asked for decides where the first labels go; what comes later decides on the others.
    recorded.keys("aos");
    for request in 1..60 {
        recorded.score(request);
        match request % 6 {
            0 => recorded.keys("x"),
            1 => recorded.keys("gqq"),
            2 => recorded.keys("2x"),
            3 => recorded.keys("]e"),
            4 => recorded.keys("a"),
            _ => recorded.keys("od"),
        }
    }
    let (start, entries) = read(&recorded.bytes()[..]).unwrap();
    let replayed = replay(start, entries.clone(), &corpora(), Look::detect(|_| None));
    assert_eq!(replayed.differences, Vec::<String>::new());
    let logged: Vec<Event> =
        entries.into_iter().filter_map(|entry| if let Entry::Saved(event) = entry { Some(*event) } else { None }).collect();
    assert!(logged.len() > 20, "{} labels", logged.len());
    assert!(logged.iter().any(|event| !event.saw.context.scores.is_empty()), "labels were given with scores on show");
    assert!(logged.iter().any(|event| event.saw.context.queue.as_deref() == Some("order suspicion")));
    let bytes = |events: &[Event]| events.iter().map(|event| serde_json::to_string(event).unwrap()).collect::<Vec<_>>();
    assert_eq!(bytes(&replayed.events), bytes(&logged));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn every_session_gives_its_labels_again(
        first in prop::collection::vec(key(), 1..40),
        second in prop::collection::vec(key(), 1..60),
    ) {
        let folder = folder();
        for keys in [first, second] {
            let mut recorded = Recorded::start(&folder);
            for keys in &keys {
                recorded.keys(keys);
            }
            let (start, entries) = read(&recorded.bytes()[..]).unwrap();
            let replayed = replay(start, entries, &corpora(), Look::detect(|_| None));
            prop_assert_eq!(replayed.differences, Vec::<String>::new());
            prop_assert_eq!(replayed.in_flight, 0);
        }
    }
}

fn key() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "j",
        "k",
        "x",
        "3x",
        "a",
        "=",
        "0",
        "-",
        "f",
        "s",
        "!d",
        "g!\r",
        "Xs",
        "2Xa",
        "u",
        "u",
        ")",
        "(",
        "}",
        "gm",
        "gSl\r",
        "gSj\r",
        "cnote\r",
        "ttag\r",
        "gB",
        "p",
        ":mode reveal\r",
        ":scope\r",
        "\u{1b}",
        "gP2",
        ":guided\r",
        "aaaaa",
        "]u",
        "g~",
        ":clusters 3\r\r",
        "gCj\r",
        "/the\r",
        "n",
    ])
}

#[test]
fn a_session_is_played_with_the_signs_that_it_was_set_with() {
    let folder = folder();
    let recorded = Recorded::start(&folder);
    let Some(Entry::Start(start)) = recorded.log.into_iter().next() else { panic!("a log begins with its start") };
    let ascii = Look { glyphs: Glyphs::ASCII, pictures: true, ..Look::detect(|_| None) };
    let unicode = Look { glyphs: Glyphs::UNICODE, ambiguous: Ambiguous::Wide, pictures: false, ..Look::detect(|_| None) };
    for (noted, player) in [(&ascii, &unicode), (&unicode, &ascii)] {
        let wide = noted.ambiguous == Ambiguous::Wide;
        let signs = Some(Signs { ascii: noted.glyphs == Glyphs::ASCII, wide, pictures: Some(noted.pictures) });
        let start = Start { signs, ..(*start).clone() };
        let (app, _) = start.app(&[], player.clone());
        let same = app.look.glyphs == noted.glyphs && app.look.ambiguous == noted.ambiguous;
        assert!(same && app.look.pictures == noted.pictures, "{signs:?}");
    }
    assert_eq!(
        start.signs,
        Some(Signs { ascii: true, wide: false, pictures: Some(DRAWS) }),
        "noted from the look of the session"
    );
}
