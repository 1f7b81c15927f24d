//! Scorer processes that behave and that do not, and the worker's side of the conversation.

use std::io::{BufRead, BufReader, Read, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use stepscope::scoring::protocol::{FromScorer, ToScorer, VERSION};
use stepscope::scoring::worker::{WorkerError, serve};
use stepscope::scoring::{
    Cost, Priority, RequestNode, Scheduler, ScoreRequest, Scored, Scorer, Worker, WorkerEvent, WorkerModel, WorkerSpec,
};
use stepscope::trace::{PromptKey, Semantics, StepKey, StepScore};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

fn key(text: &str) -> StepKey {
    PromptKey::of("q").step(text)
}

fn request(id: u64, texts: &[&str]) -> ScoreRequest {
    let nodes = texts.iter().enumerate().map(|(index, text)| RequestNode {
        parent: index.checked_sub(1),
        key: key(text),
        text: (*text).to_owned(),
        ends: index + 1 == texts.len(),
        known: false,
    });
    ScoreRequest { id, problem: "q".into(), nodes: nodes.collect() }
}

pub(crate) fn model() -> WorkerModel {
    WorkerModel {
        name: "test".into(),
        key: "k1".into(),
        family: "test".into(),
        semantics: Semantics::Correctness,
        threshold: 0.5,
        posterior: None,
        scale: Box::default(),
        context: 100,
        embedded: false,
        dtype: "f32".into(),
        threads: 2,
    }
}

// The protocol.

proptest! {
    #[test]
    fn requests_survive_the_wire(id: u64, problem: String, texts: Vec<(String, bool, bool, Option<usize>)>) {
        let nodes = texts.into_iter().enumerate().map(|(index, (text, known, ends, parent))| RequestNode {
            parent: parent.filter(|_| index > 0).map(|parent| parent % index.max(1)),
            key: key(&text),
            text,
            ends,
            known,
        });
        let message = ToScorer::Score(ScoreRequest { id, problem, nodes: nodes.collect() });
        let line = message.to_line();
        prop_assert_eq!(line.matches('\n').count(), 1);
        prop_assert_eq!(ToScorer::parse(line.trim_end().as_bytes()).unwrap(), message);
    }

    #[test]
    fn answers_survive_the_wire(id: u64, score in -1e300..1e300, reason in "[a-z]{1,30}", tokens: u64) {
        let key = key(&reason);
        for message in [
            FromScorer::Hello { protocol: VERSION },
            FromScorer::Ready(model()),
            FromScorer::Score { id, key, score: Ok(score) },
            FromScorer::NotScored { id, key, reason: reason.clone() },
            FromScorer::Done { id, cost: Cost { tokens, unique: tokens / 2, naive: 3, peak_rss_mb: 7 }, seconds: 0.5, cancelled: tokens % 2 == 0 },
            FromScorer::Failed { id: Some(id), message: reason.clone() },
            FromScorer::Failed { id: None, message: reason.clone() },
        ] {
            prop_assert_eq!(FromScorer::parse(message.to_line().trim_end().as_bytes()).unwrap(), message);
        }
    }

    #[test]
    fn any_bytes_are_a_message_or_an_error(bytes: Vec<u8>, tail in "\\PC{0,40}") {
        let _ = ToScorer::parse(&bytes);
        let _ = FromScorer::parse(&bytes);
        let _ = FromScorer::parse(format!("{{\"type\":\"score\",{tail}").as_bytes());
    }
}

#[test]
fn hostile_lines_are_errors() {
    let deep = "[".repeat(100_000);
    for line in [
        "",
        "null",
        "[]",
        "{}",
        "{\"type\":7}",
        "{\"type\":\"score\"}",
        "{\"type\":\"score\",\"id\":-1}",
        "{\"type\":\"score\",\"id\":1,\"key\":\"short\",\"score\":1}",
        deep.as_str(),
    ] {
        assert!(FromScorer::parse(line.as_bytes()).is_err(), "{line:.60}");
    }
    let forward =
        r#"{"type":"score","id":1,"problem":"q","nodes":[{"parent":0,"key":"00000000000000000000000000000000","text":""}]}"#;
    assert!(ToScorer::parse(forward.as_bytes()).unwrap_err().to_string().contains("earlier node"));
    assert_eq!(ToScorer::parse(br#"{"type":"future","x":[1]}"#).unwrap(), ToScorer::Other("future".into()));
}

#[test]
fn texts_of_a_scorer_cannot_carry_control_characters() {
    let line = "{\"type\":\"failed\",\"message\":\"\\u001b[31mred\\n\\u202eevil\"}";
    assert_eq!(FromScorer::parse(line.as_bytes()).unwrap(), FromScorer::Failed { id: None, message: "[31mred evil".into() });
}

// The worker's side, in this process, with a scorer that waits for the test.

struct Puppet {
    // A step is scored when the test says so.
    turns: mpsc::Receiver<f64>,
}

impl Scorer for Puppet {
    fn model(&self) -> WorkerModel {
        model()
    }

    fn score(&mut self, request: &ScoreRequest, on: &mut dyn FnMut(usize, Scored) -> ControlFlow<()>) -> Result<Cost, String> {
        for (index, node) in request.nodes.iter().enumerate() {
            assert!(node.text != "PANIC", "a defect of the model");
            if node.text == "FAIL" {
                return Err("no such token".into());
            }
            let Ok(value) = self.turns.recv() else { return Err("the test is over".into()) };
            let scored = StepScore::new(value, Semantics::Correctness).map_err(|error| error.to_string());
            if on(index, scored.map_or_else(Scored::NotScored, Scored::Score)).is_break() {
                break;
            }
        }
        Ok(Cost::plain(7))
    }
}

struct Conversation {
    to: Option<std::io::PipeWriter>,
    from: BufReader<std::io::PipeReader>,
    turns: mpsc::Sender<f64>,
    server: std::thread::JoinHandle<Result<(), WorkerError>>,
}

impl Conversation {
    fn start() -> Self {
        let (input, to) = std::io::pipe().unwrap();
        let (from, mut output) = std::io::pipe().unwrap();
        let (turns, receiver) = mpsc::channel();
        let server = std::thread::spawn(move || {
            serve(input, &mut output, move || Ok(Box::new(Puppet { turns: receiver }) as Box<dyn Scorer>))
        });
        let mut conversation = Self { to: Some(to), from: BufReader::new(from), turns, server };
        assert_eq!(conversation.hear(), FromScorer::Hello { protocol: VERSION });
        assert_eq!(conversation.hear(), FromScorer::Ready(model()));
        conversation
    }

    fn say(&mut self, line: &str) {
        self.to.as_mut().unwrap().write_all(line.as_bytes()).unwrap();
    }

    fn hear(&mut self) -> FromScorer {
        let mut line = String::new();
        self.from.read_line(&mut line).unwrap();
        FromScorer::parse(line.trim_end().as_bytes()).unwrap()
    }

    fn end(mut self) -> Result<(), WorkerError> {
        self.to = None;
        let mut rest = String::new();
        self.from.read_to_string(&mut rest).unwrap();
        self.server.join().unwrap()
    }
}

fn done(message: &FromScorer) -> (u64, bool) {
    match message {
        FromScorer::Done { id, cancelled, .. } => (*id, *cancelled),
        other => panic!("expected done, found {other:?}"),
    }
}

#[test]
fn scores_come_one_by_one_and_known_steps_are_not_answered() {
    let mut talk = Conversation::start();
    let mut asked = request(1, &["a", "b", "c"]);
    asked.nodes[0].known = true;
    talk.say(&ToScorer::Score(asked).to_line());
    talk.turns.send(0.1).unwrap();
    talk.turns.send(0.2).unwrap();
    assert_eq!(talk.hear(), FromScorer::Score { id: 1, key: key("b"), score: Ok(0.2) });
    talk.turns.send(f64::NAN).unwrap();
    assert!(matches!(talk.hear(), FromScorer::NotScored { id: 1, .. }));
    assert_eq!(done(&talk.hear()), (1, false));
    assert!(talk.end().is_ok());
}

#[test]
fn cancel_takes_effect_between_two_steps_and_in_the_queue() {
    let texts: Vec<String> = (0..10_000).map(|n| n.to_string()).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let mut talk = Conversation::start();
    talk.say(&ToScorer::Score(request(1, &texts)).to_line());
    talk.say(&ToScorer::Score(request(2, &["d"])).to_line());
    talk.say(&ToScorer::Cancel { id: 2 }.to_line());
    talk.say(&ToScorer::Cancel { id: 1 }.to_line());
    // One step at a time, until the reading thread has seen the cancel.
    let end = loop {
        talk.turns.send(0.5).unwrap();
        match talk.hear() {
            FromScorer::Score { id: 1, .. } => {}
            other => break other,
        }
    };
    assert_eq!(done(&end), (1, true));
    assert_eq!(done(&talk.hear()), (2, true));
    assert!(talk.end().is_ok());
}

#[test]
fn bad_requests_and_failures_do_not_end_the_worker() {
    let mut talk = Conversation::start();
    talk.say("what?\n{\"type\":\"future\"}\n\n");
    assert!(matches!(talk.hear(), FromScorer::Failed { id: None, .. }));
    talk.say(&ToScorer::Score(request(3, &["FAIL"])).to_line());
    assert_eq!(talk.hear(), FromScorer::Failed { id: Some(3), message: "no such token".into() });
    talk.say(&ToScorer::Score(request(4, &[])).to_line());
    assert_eq!(done(&talk.hear()), (4, false));
    assert!(talk.end().is_ok());
}

#[test]
fn a_panic_of_the_model_is_reported_and_ends_the_worker() {
    let mut talk = Conversation::start();
    talk.say(&ToScorer::Score(request(5, &["PANIC"])).to_line());
    assert_eq!(talk.hear(), FromScorer::Failed { id: Some(5), message: "the model panicked: a defect of the model".into() });
    assert!(matches!(talk.end(), Err(WorkerError::Panic(_))));
}

#[test]
fn what_was_asked_is_finished_when_the_input_ends() {
    let mut talk = Conversation::start();
    talk.say(ToScorer::Score(request(6, &["a"])).to_line().trim_end());
    talk.to = None;
    talk.turns.send(0.5).unwrap();
    assert!(matches!(talk.hear(), FromScorer::Score { id: 6, .. }));
    assert_eq!(done(&talk.hear()), (6, false));
    assert!(talk.end().is_ok());
}

// The asking side, with real processes.

const READY: &str =
    r#"echo '{"type":"ready","model":{"name":"m","key":"k","family":"f","semantics":"correctness","threshold":0.5}}'; "#;

struct Child {
    worker: Worker,
    events: UnboundedReceiver<WorkerEvent>,
}

impl Child {
    fn spawn(script: &str, silence: Duration) -> Self {
        let (sender, events) = unbounded_channel();
        let spec = WorkerSpec { silence, ..WorkerSpec::command(script) };
        Self { worker: Worker::spawn(spec, sender).unwrap(), events }
    }

    async fn next(&mut self) -> WorkerEvent {
        tokio::time::timeout(Duration::from_secs(60), self.events.recv()).await.expect("an event in time").expect("an event")
    }

    /// All events up to and including the exit.
    async fn rest(&mut self) -> Vec<WorkerEvent> {
        let mut events = Vec::new();
        loop {
            events.push(self.next().await);
            if matches!(events.last(), Some(WorkerEvent::Exited { .. })) {
                assert_eq!(self.events.recv().await, None, "nothing follows the exit");
                return events;
            }
        }
    }
}

fn exit(events: &[WorkerEvent]) -> &str {
    match events.last() {
        Some(WorkerEvent::Exited { message }) => message,
        other => panic!("expected an exit, found {other:?}"),
    }
}

fn wait<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

const LONG: Duration = Duration::from_secs(60);

#[test]
fn a_scorer_in_another_language_is_heard() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/scoring/scorer.sh");
    wait(async {
        let mut child = Child::spawn(&format!("sh '{}'", script.display()), LONG);
        child.worker.send(request(9, &["fine", "WRONG", "SILENT"]));
        assert!(matches!(child.next().await, WorkerEvent::Ready(model) if model.name == "words"));
        let score = |value| StepScore::new(value, Semantics::Correctness).unwrap();
        assert_eq!(child.next().await, WorkerEvent::Score { request: 9, key: key("fine"), score: score(0.9) });
        assert_eq!(child.next().await, WorkerEvent::Score { request: 9, key: key("WRONG"), score: score(0.1) });
        assert!(matches!(child.next().await, WorkerEvent::NotScored { key: silent, .. } if silent == key("SILENT")));
        assert_eq!(child.next().await, WorkerEvent::Done { request: 9, cost: Cost::plain(10), seconds: 0.5 });
        child.worker.kill();
        assert_eq!(exit(&child.rest().await), "the scorer was stopped");
    });
}

#[test]
fn deaths_are_told_with_status_or_signal_and_last_words() {
    for (script, expected) in [
        ("echo first >&2; echo 'out of luck' >&2; exit 3", "the scorer ended with status 3: out of luck"),
        ("kill -SEGV $$", "the scorer was killed by SIGSEGV"),
        ("kill -9 $$", "the scorer was killed by SIGKILL (by hand, or by the system when memory ran out)"),
        ("exit 0", "the scorer ended with status 0"),
        ("printf '\\033[31mred\\033[0m\\n' >&2; exit 1", "the scorer ended with status 1: [31mred [0m"),
    ] {
        wait(async {
            let mut child = Child::spawn(&format!("{READY} {script}"), LONG);
            assert_eq!(exit(&child.rest().await), expected);
        });
    }
}

#[test]
fn a_scorer_that_hangs_is_killed_after_its_silence() {
    wait(async {
        let mut child = Child::spawn(&format!("{READY} kill -STOP $$"), Duration::from_millis(300));
        assert!(matches!(child.next().await, WorkerEvent::Ready(_)));
        child.worker.send(request(1, &["a"]));
        let events = child.rest().await;
        assert!(matches!(&events[0], WorkerEvent::Failed { message, .. } if message.contains("silent")), "{events:?}");
    });
}

#[test]
fn a_scorer_that_owes_nothing_may_be_silent() {
    wait(async {
        let mut child = Child::spawn(&format!("{READY} cat >/dev/null; exit 5"), Duration::from_millis(100));
        assert!(matches!(child.next().await, WorkerEvent::Ready(_)));
        let quiet = tokio::time::timeout(Duration::from_millis(400), child.events.recv()).await;
        assert!(quiet.is_err(), "{quiet:?}");
    });
}

#[test]
fn a_stopped_process_can_be_killed() {
    wait(async {
        let mut child = Child::spawn("kill -STOP $$", LONG);
        let start = Instant::now();
        child.worker.kill();
        assert_eq!(exit(&child.rest().await), "the scorer was stopped");
        assert!(start.elapsed() < Duration::from_secs(10));
    });
}

#[test]
fn a_flood_of_garbage_ends_the_conversation() {
    wait(async {
        let mut child = Child::spawn(&format!("{READY} yes garbage"), LONG);
        let events = child.rest().await;
        let noticed = events.iter().filter(|event| matches!(event, WorkerEvent::Notice { .. })).count();
        let failed = events.iter().filter(|event| matches!(event, WorkerEvent::Failed { .. })).count();
        assert_eq!((noticed, failed), (1, 1), "the first line and the end: {events:?}");
    });
}

#[test]
fn a_line_without_end_does_not_fill_the_memory() {
    wait(async {
        let mut child = Child::spawn(&format!("{READY} head -c 5000000 /dev/zero; echo; exit 0"), LONG);
        let events = child.rest().await;
        assert!(matches!(&events[1], WorkerEvent::Notice { message } if message.contains("too long")), "{events:?}");
    });
}

#[test]
fn dropping_the_worker_kills_the_process_and_what_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let alive = |pid: i32| rustix::process::test_kill_process(rustix::process::Pid::from_raw(pid).unwrap()).is_ok();
    wait(async {
        let mut child = Child::spawn(&format!("sleep 1000 & echo $! > '{}'; {READY} wait", file.display()), LONG);
        assert!(matches!(child.next().await, WorkerEvent::Ready(_)));
        let pid: i32 = std::fs::read_to_string(&file).unwrap().trim().parse().unwrap();
        assert!(alive(pid));
        let Child { worker, mut events } = child;
        drop(worker);
        while events.recv().await.is_some() {}
        let start = Instant::now();
        // The orphan is gone once the system has collected it.
        while alive(pid) && !is_zombie(pid) {
            assert!(start.elapsed() < Duration::from_secs(10), "still alive");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
}

fn is_zombie(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| stat.rsplit(')').next().unwrap_or("").trim().starts_with('Z'))
}

#[test]
fn a_program_that_does_not_exist_is_an_error() {
    wait(async {
        let (sender, _events) = unbounded_channel();
        let spec = WorkerSpec { program: "/no/such/program".into(), ..WorkerSpec::command("") };
        assert_eq!(Worker::spawn(spec, sender).unwrap_err().kind(), std::io::ErrorKind::NotFound);
    });
}

// Batches: a scorer that dies is started again, and the step that kills it is left out.

#[test]
fn a_scorer_that_dies_is_started_again_and_the_deadly_request_is_given_up() {
    use stepscope::scoring::ScoreCache;
    use stepscope::scoring::batch::{Answer, Answers, Batch};
    use stepscope::trace::{Problem, TraceBuilder};

    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/scoring/scorer.sh");
    let command = format!("sh '{}'", script.display());
    let trace = |steps: &[&str]| {
        let mut builder = TraceBuilder::new(Problem { text: steps.concat(), ..Problem::default() });
        let leaf = *builder.path(steps).last().unwrap();
        builder.solution(leaf);
        builder.finish()
    };
    wait(async {
        let mut batch = Batch::start(WorkerSpec::command(&command), ScoreCache::off()).await.unwrap();
        let good = trace(&["one", "two"]);
        let mut answers = Answers::new();
        batch.score(&good, &[true; 3], &mut answers, &mut || ()).await.unwrap();
        assert_eq!(answers.len(), 2);
        assert_eq!(batch.totals().scored, 2);
        assert_eq!(batch.take_notices(), Vec::<String>::new());
    });
    let dies = format!("{READY} read hello; read request; echo 'out of memory' >&2; exit 9");
    wait(async {
        let mut batch = Batch::start(WorkerSpec::command(&dies), ScoreCache::off()).await.unwrap();
        let deadly = trace(&["one"]);
        let mut answers = Answers::new();
        batch.score(&deadly, &[true; 2], &mut answers, &mut || ()).await.unwrap();
        let said = "the scorer ended with status 9: out of memory";
        assert_eq!(answers.into_values().collect::<Vec<_>>(), [Answer { score: Err(said.into()), rationale: None }]);
        assert_eq!(batch.take_notices(), [said, said]);
        let error = batch.score(&trace(&["two"]), &[true; 2], &mut Answers::new(), &mut || ()).await.unwrap_err();
        assert_eq!(error.to_string(), format!("gave up after 3 tries: {said}"));
    });
}

// The schedule.

/// Answers every wanted step with 0.5. FOLDER/asked gets a line for each, FOLDER/requests their number; in the middle of every hundredth request
/// it kills itself.
const DOOMED: &str = r#"
echo 0 2>/dev/null >>"$FOLDER/requests"
while IFS= read -r line; do
    case $line in '{"type":"score"'*) ;; *) continue ;; esac
    read -r n <"$FOLDER/requests"; n=$((n + 1)); echo $n >"$FOLDER/requests"
    id=${line#*'"id":'}; id=${id%%,*}
    while :; do
        case $line in *'"key":"'*) ;; *) break ;; esac
        line=${line#*'"key":"'}; key=${line%%'"'*}; node=${line%%'}'*}
        case $node in *'"known":true'*) continue ;; esac
        echo $key >>"$FOLDER/asked"
        echo '{"type":"score","id":'$id',"key":"'$key'","score":0.5}'
        if [ $((n % 100)) = 50 ]; then kill -9 $$; fi
    done
    echo '{"type":"done","id":'$id',"tokens":2}'
done
"#;

#[test]
fn kills_in_the_middle_of_a_thousand_requests_lose_no_finished_score() {
    use stepscope::scoring::ScoreCache;
    use stepscope::scoring::batch::{Answers, Batch};
    use stepscope::trace::{Problem, TraceBuilder};
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().display().to_string();
    let command = format!("FOLDER='{place}'; {READY} {DOOMED}");
    let cache = folder.path().join("scores.sqlite");
    let traces = (0..1000).map(|n| {
        let mut builder = TraceBuilder::new(Problem { text: format!("question {n}"), ..Problem::default() });
        let path = builder.path(["one", "two"]);
        builder.solution(path[1]);
        builder.finish()
    });
    let mut keys = Vec::new();
    wait(async {
        let mut batch = Batch::start(WorkerSpec::command(&command), ScoreCache::open(&cache)).await.unwrap();
        let mut deaths = 0;
        for trace in traces {
            let mut answers = Answers::new();
            batch.score(&trace, &[true; 3], &mut answers, &mut || ()).await.unwrap();
            assert!(answers.len() == 2 && answers.values().all(|answer| answer.score.is_ok()), "{answers:?}");
            keys.extend(answers.into_keys());
            deaths += batch.take_notices().iter().filter(|notice| notice.contains("SIGKILL")).count();
        }
        assert_eq!((deaths, batch.totals().scored, batch.totals().not_scored), (10, 2000, 0));
    });
    let asked = std::fs::read_to_string(folder.path().join("asked")).unwrap();
    assert_eq!(asked.lines().count(), 2000, "what was answered before a kill is not asked for again");
    assert_eq!(ScoreCache::open(&cache).get_many("k", &keys).len(), 2000, "and it is in the cache");
}

fn priority(n: u8) -> Priority {
    [Priority::Background, Priority::Near, Priority::Visible, Priority::Selected][usize::from(n % 4)]
}

proptest! {
    #[test]
    fn everything_queued_comes_out_once_and_the_most_wanted_first(
        pushes in prop::collection::vec((0_u64..50, 0_u8..4), 0..60),
        limit in 1_usize..4,
    ) {
        let mut scheduler = Scheduler::new(limit);
        let mut expected = std::collections::BTreeMap::new();
        for (id, wanted) in pushes {
            scheduler.push(request(id, &["a"]), priority(wanted));
            expected.insert(id, priority(wanted));
        }
        prop_assert_eq!(scheduler.counts().queued, expected.len());
        let mut out = Vec::new();
        let mut flying = std::collections::VecDeque::new();
        loop {
            while let Some(request) = scheduler.next() {
                out.push(request.id);
                flying.push_back(request.id);
            }
            prop_assert!(flying.len() <= limit);
            let Some(id) = flying.pop_front() else { break };
            prop_assert!(scheduler.done(id));
            prop_assert!(!scheduler.done(id), "a late answer");
        }
        let order: Vec<Priority> = out.iter().map(|id| expected[id]).collect();
        prop_assert!(order.is_sorted_by(|a, b| a >= b), "{:?}", order);
        out.sort_unstable();
        prop_assert_eq!(out, expected.into_keys().collect::<Vec<_>>());
    }
}

#[test]
fn equal_priorities_go_in_turn_and_a_change_of_view_re_orders_the_queue() {
    let mut scheduler = Scheduler::new(1);
    for id in [5, 3, 8] {
        assert!(scheduler.push(request(id, &["a", "b"]), Priority::Background));
    }
    assert_eq!(scheduler.next().unwrap().id, 5);
    assert_eq!(scheduler.next(), None, "one is in flight");
    assert!(!scheduler.push(request(5, &["a"]), Priority::Selected), "it is in flight");
    assert!(scheduler.push(request(8, &["a", "b"]), Priority::Visible), "it takes its own place");
    assert_eq!((scheduler.counts().queued, scheduler.counts().in_flight, scheduler.counts().steps), (2, 1, 6));
    assert!(scheduler.done(5));
    assert_eq!(scheduler.next().unwrap().id, 8);
}

#[test]
fn after_cancel_all_every_answer_is_stale() {
    let mut scheduler = Scheduler::default();
    for id in 0..5 {
        scheduler.push(request(id, &["a"]), Priority::Near);
    }
    while scheduler.next().is_some() {}
    assert_eq!(scheduler.cancel_all(), [0, 1]);
    assert!(!scheduler.done(0) && !scheduler.done(1));
    assert_eq!(scheduler.next(), None);
    assert_eq!(scheduler.counts(), stepscope::scoring::schedule::Counts::default());
}
