//! Several annotators and the one who adjudicates: the queue of what they do not agree on, whose verdict is taken, what is sent back.

use std::process::Command;
use std::sync::Arc;

use serde_json::Value;
use stepscope::app::{Effect, Message};
use stepscope::corpus::{Corpus, Source};
use stepscope::labels::{Action, Body, Draft, Event, Saw, Store};
use stepscope::trace::{FirstError, Label, Trace};

use super::desk::Desk;

/// What somebody says who types these keys at the demo.
fn events(annotator: &'static str, keys: &str) -> Vec<Event> {
    let mut desk = Desk::of(annotator, &[], false, (80, 24));
    desk.keys(keys);
    Store::events(desk.store.path(), annotator).unwrap()
}

/// Three people: on demo-2 they lie 5 steps apart, on 3 and 5 one step, on 4 one of them is unsure, on 6 they name other kinds.
fn panel() -> Vec<Event> {
    let mut all = events("mira", "1x2x3xaa1Xs:2<Enter>3Gcthree is from nowhere<Enter>");
    all.extend(events("ito", "1xa2xa:2<Enter>)fa1Xc"));
    all.extend(events("ruth", "1x2x3xa5x"));
    all
}

fn review(size: (u16, u16)) -> Desk {
    Desk::of("lena", &panel(), true, size)
}

/// The keys of the annotators' letters on the solution on show, by name.
fn letter(desk: &Desk, name: &str) -> char {
    desk.app.said_here().iter().find(|(_, said)| said.name == name).unwrap().0.to_ascii_lowercase()
}

/// Goes to a solution of the queue.
fn go_to(desk: &mut Desk, id: &str) {
    desk.keys("((((((");
    for _ in 0..6 {
        if desk.id() != id {
            desk.keys(")");
        }
    }
    assert_eq!(desk.id(), id, "{}", desk.screen());
}

/// The solutions of the queue, as the demo counts them.
fn queue(desk: &Desk) -> Vec<String> {
    let id = |place: &stepscope::app::queue::Place| {
        desk.app.items.trace(place.item).unwrap().solutions[place.solution].source_id.clone().unwrap().replace("demo-", "")
    };
    desk.app.queue.places().iter().map(id).collect()
}

fn own(desk: &Desk) -> FirstError {
    let trace = desk.app.trace().unwrap();
    desk.app.session.labels(trace, desk.app.solution().unwrap()).first_error
}

#[test]
fn a_review_begins_with_those_who_lie_farthest_apart() {
    let desk = review((120, 40));
    assert_eq!(queue(&desk), ["2", "3", "5", "4", "6"], "{}", desk.screen());
    assert_eq!(desk.id(), "demo-2");
    assert!(desk.app.why().contains("error or none, 5 apart"), "{}", desk.app.why());
    assert!(desk.screen().contains("REVIEW"), "{}", desk.screen());
}

#[test]
fn one_key_and_a_letter_take_a_verdict_and_go_on() {
    let mut desk = review((80, 24));
    let ito = letter(&desk, "ito");
    desk.keys(&format!("T{ito}"));
    assert_eq!(desk.id(), "demo-3", "{}", desk.screen());
    let event = Store::events(desk.store.path(), "lena").unwrap().pop().unwrap();
    let theirs = panel().into_iter().find(|event| event.annotator == "ito" && event.seq == 2).unwrap();
    assert!(matches!(event.body, Body::Act(Action::AllGood { .. })), "{event:?}");
    // The same solution on another desk has the same name, but another writer.
    assert!(matches!(theirs.body, Body::Act(Action::AllGood { .. })));
    assert!(event.saw.context.took.is_some() && event.saw.shown.contains("annotators"), "{event:?}");
    // The kind comes along, and undo takes back what was decided and nothing else.
    go_to(&mut desk, "demo-6");
    let mira = letter(&desk, "mira");
    desk.keys(&format!("T{}", mira.to_ascii_uppercase()));
    go_to(&mut desk, "demo-6");
    assert_eq!(own(&desk), FirstError::At(0));
    let key = desk.app.trace().unwrap().node(desk.app.cursor.path[0]).key;
    assert_eq!(desk.app.session.error_kind(key), "sign");
    desk.keys("u");
    assert_eq!((desk.id().as_str(), own(&desk)), ("demo-6", FirstError::Unknown));
    assert_eq!(desk.app.said_here().len(), 2);
    // The same on the command line; who is nobody is told whom there is.
    desk.keys(":take z<Enter>");
    assert!(desk.app.notice.as_deref().is_some_and(|said| said.starts_with(":take takes ")), "{:?}", desk.app.notice);
    desk.keys(&format!(":take {mira}<Enter>"));
    go_to(&mut desk, "demo-6");
    assert_eq!(own(&desk), FirstError::At(0));
}

#[test]
fn the_walk_passes_over_what_is_decided_and_says_when_nothing_is_left() {
    let mut desk = review((80, 24));
    desk.keys("]d]d");
    assert_eq!(desk.id(), "demo-5");
    desk.keys("[d[da");
    assert_eq!(desk.id(), "demo-3");
    desk.keys("[d");
    assert_eq!(desk.id(), "demo-6", "around the end, past what is decided: {}", desk.screen());
    desk.keys("aaaa");
    assert!(desk.app.notice.as_deref().unwrap().contains("nothing else"), "{:?}", desk.app.notice);
    assert!(desk.screen().contains("all 5 judged"), "{}", desk.screen());
}

#[test]
fn marks_and_notes_of_all_stand_beside_the_steps_under_letters() {
    let mut desk = review((80, 24));
    desk.keys("]d3G");
    let screen = desk.screen();
    assert!(screen.contains(" A  B  C"), "{screen}");
    let mira = letter(&desk, "mira").to_ascii_uppercase();
    assert!(screen.contains(&format!("{mira}   note on step 3: three is from nowhere")), "{screen}");
    let row = screen.lines().find(|line| line.contains(">  3")).unwrap();
    assert_eq!(row.matches(" x ").count(), 2, "{screen}");
    for name in ["mira", "ito", "ruth"] {
        assert!(!screen.contains(name), "{name} is hidden: {screen}");
    }
    desk.keys("gN");
    let screen = desk.screen();
    assert!(screen.contains("names shown") && screen.contains("mira 3") && screen.contains("ito 2"), "{screen}");
    let event = Store::events(desk.store.path(), "lena").unwrap().pop().unwrap();
    assert_eq!(event.body, Body::Act(Action::Names { shown: true }));
    desk.keys("u");
    assert!(!desk.screen().contains("mira"), "{}", desk.screen());
    desk.keys("<C-r>");
    assert!(desk.screen().contains("mira"), "{}", desk.screen());
    desk.keys("gN");
    assert!(!desk.screen().contains("mira"), "{}", desk.screen());
}

#[test]
fn letters_do_not_give_names_away() {
    let mut desk = review((80, 24));
    let mut orders = std::collections::HashSet::new();
    for id in ["demo-2", "demo-3", "demo-5", "demo-4"] {
        go_to(&mut desk, id);
        orders.insert(desk.app.said_here().iter().map(|(_, said)| said.name.clone()).collect::<Vec<_>>());
    }
    assert!(orders.len() > 1, "{orders:?}");
}

#[test]
fn disagreements_are_grouped_by_their_kind() {
    let mut desk = review((120, 40));
    desk.keys("gd");
    assert_eq!(queue(&desk), ["2", "5", "3", "6", "4"]);
    assert_eq!(desk.app.kinds_in_queue(60).unwrap(), "error or none 2  off by one 1  reason 1  unsure 1");
    let screen = desk.screen();
    assert!(screen.contains("x/+  5 ") && screen.contains("by1    ") && screen.contains("x/+:2 by1:1 why:1 ?:1"), "{screen}");
    desk.keys("gd");
    assert_eq!(desk.app.queue.order_name(), "apart");
}

#[test]
fn what_is_sent_back_comes_up_again_until_it_is_decided_anew() {
    let mut mira = Desk::of("mira", &[], false, (80, 24));
    mira.keys("1x2x3x");
    let mut all = Store::events(mira.store.path(), "mira").unwrap();
    all.extend(events("ito", "1xa2x"));
    let mut lena = Desk::of("lena", &all, true, (80, 24));
    lena.keys("S<Enter>");
    assert!(lena.app.notice.as_deref().unwrap().contains("nothing was sent back"));
    lena.keys("Ssee the units<Enter>");
    assert_eq!(lena.id(), "demo-3");
    assert!(lena.screen().contains("0 of 2 judged, 1 sent back"), "{}", lena.screen());
    lena.keys("[d");
    assert_eq!(lena.id(), "demo-3", "there is nothing to decide on what waits");
    lena.keys("(");
    assert!(lena.app.why().contains("sent back, waiting: see the units"), "{}", lena.app.why());
    assert!(lena.screen().contains("SENT BACK"), "{}", lena.screen());
    lena.keys(")");
    let sent = Store::events(lena.store.path(), "lena").unwrap();
    let mut mira = mira.returns_to(&sent);
    assert_eq!(mira.app.notice.as_deref(), Some("1 solution was sent back to you: &returned lists them"));
    mira.keys(":20<Enter>]u");
    while mira.id() != "demo-2" {
        mira.keys("]u");
    }
    assert!(mira.screen().contains("sent back by lena: see the units"), "{}", mira.screen());
    mira.keys("&returned<Enter>");
    assert_eq!(mira.app.queue.places().len(), 1, "{}", mira.screen());
    // The same verdict once more is an answer, too.
    mira.keys("2x");
    assert_eq!(mira.app.session.returns(), 0);
    let answers = Store::events(mira.store.path(), "mira").unwrap();
    let again = Desk::of("lena", &[all.clone(), sent.clone()].concat(), true, (120, 40));
    assert_eq!(again.id(), "demo-3", "it waits also after a restart: {}", again.screen());
    // Whose session is open hears of the answer.
    lena.tell(Message::Foreign(answers.clone()));
    assert!(lena.app.notice.as_deref().unwrap().contains("looked at what was sent back"), "{:?}", lena.app.notice);
    lena.keys("[d");
    assert_eq!(lena.id(), "demo-2", "{}", lena.screen());
    all.extend(answers);
    all.extend(sent.iter().cloned());
    let lena = Desk::of("lena", &all, true, (80, 24));
    assert!(lena.app.why().contains("sent back, answered by 1 of 2: see the units"), "{}", lena.app.why());
}

#[test]
fn what_was_sent_back_is_answered_by_a_rating_as_well() {
    let mut mira = Desk::of("mira", &[], false, (80, 24));
    mira.keys("1x:scope first-error<Enter>2G-3x");
    let mut all = Store::events(mira.store.path(), "mira").unwrap();
    all.extend(events("ito", "1xa2x"));
    let mut lena = Desk::of("lena", &all, true, (80, 24));
    lena.keys("S<Enter>Ssee the units<Enter>");
    let mut mira = mira.returns_to(&Store::events(lena.store.path(), "lena").unwrap());
    assert_eq!(mira.app.session.returns(), 1);
    mira.keys("&returned<Enter>:scope first-error<Enter>2G-");
    assert_eq!(mira.app.session.returns(), 0, "{}", mira.screen());
}

#[test]
fn what_was_sent_back_is_answered_where_a_rating_changes_the_verdict() {
    let mut mira = Desk::of("mira", &[], false, (80, 24));
    mira.keys("1xa");
    let mut all = Store::events(mira.store.path(), "mira").unwrap();
    all.extend(events("ito", "1x3x"));
    let mut lena = Desk::of("lena", &all, true, (80, 24));
    assert_eq!(lena.id(), "demo-2");
    lena.keys("Slook<Enter>");
    let sent = Store::events(lena.store.path(), "lena").unwrap();
    let mut mira = mira.returns_to(&sent);
    mira.keys("&returned<Enter>3G-");
    assert_eq!(mira.app.session.returns(), 0, "{}", mira.screen());
    let (trace, solution) = (mira.app.trace().unwrap(), mira.app.solution().unwrap());
    assert_eq!(mira.app.session.returned(trace, solution), None);
    let all = [Store::events(mira.store.path(), "mira").unwrap(), all, sent].concat();
    let lena = Desk::of("lena", &all, true, (80, 24));
    assert!(lena.app.why().contains("agreed; sent back, answered"), "{}", lena.app.why());
    mira.keys("u");
    assert_eq!(mira.app.session.returns(), 1, "what was taken back is no answer: {}", mira.screen());
}

#[test]
fn what_was_sent_back_stays_as_settled_when_its_annotators_agree() {
    let mut mira = Desk::of("mira", &[], false, (80, 24));
    mira.keys("1x2x3x");
    let ito = events("ito", "1xa2x");
    let all = [Store::events(mira.store.path(), "mira").unwrap(), ito.clone()].concat();
    let mut lena = Desk::of("lena", &all, true, (80, 24));
    lena.keys("Ssee the units<Enter>");
    let sent = Store::events(lena.store.path(), "lena").unwrap();
    let mut mira = mira.returns_to(&sent);
    mira.keys(":1<Enter>)");
    assert_eq!(mira.id(), "demo-2");
    mira.keys("a");
    let all = [Store::events(mira.store.path(), "mira").unwrap(), ito, sent].concat();
    let mut lena = Desk::of("lena", &all, true, (80, 24));
    assert_eq!(queue(&lena), ["3", "2"], "{}", lena.screen());
    assert_eq!(lena.id(), "demo-3", "what is settled is not to be decided");
    lena.keys(")");
    assert!(lena.app.why().contains("agreed; sent back"), "{}", lena.app.why());
    assert_eq!((lena.app.standing().done, lena.app.standing().waiting), (1, 0));
}

#[test]
fn how_good_annotators_are_stands_under_numbers_until_names_are_shown() {
    let mut desk = review((120, 40));
    desk.keys("gE");
    let page = desk.app.sheet.as_ref().unwrap().text.clone();
    assert!(page.contains("annotator 3") && page.contains("alpha") && page.contains("copying"), "{page}");
    assert!(!page.contains("mira"), "{page}");
    desk.keys("<Esc>gNgE");
    assert!(desk.app.sheet.as_ref().unwrap().text.contains("ito, mira"), "{:?}", desk.app.sheet);
}

#[test]
fn outside_of_a_review_nobody_sees_what_others_say() {
    let mut desk = Desk::of("lena", &panel(), false, (120, 40));
    desk.keys("T");
    assert!(desk.app.notice.as_deref().unwrap().contains("stepscope review"), "{:?}", desk.app.notice);
    desk.keys("&disputed<Enter>");
    assert_eq!(desk.app.queue.looked.1, 0, "{}", desk.screen());
    assert!(desk.app.said_here().is_empty());
}

#[test]
fn the_command_lists_disagreements_without_names() {
    let folder = tempfile::tempdir().unwrap();
    let traces = folder.path().join("traces.json");
    std::fs::write(&traces, super::desk::SOLUTIONS).unwrap();
    let keys = [("mira", "1x2x3xaa"), ("ito", "1xa2xaa")];
    let stores = keys.map(|(name, keys)| {
        let path = folder.path().join(format!("{name}.db"));
        let (mut store, _) = Store::open(&path, name).unwrap();
        for event in events(name, keys) {
            store.append(Draft { body: event.body, saw: event.saw, ms_spent: None }).unwrap();
        }
        path
    });
    let run = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stepscope"));
        command.arg("review").args(&stores).arg(&traces).args(["--as", "lena", "--store"]).arg(folder.path().join("lena.db"));
        let output = command.args(more).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let rows: Vec<Value> = run(&["--json"]).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let found: Vec<_> =
        rows.iter().map(|row| (row["id"].as_str().unwrap(), row["kind"].as_str().unwrap(), &row["gap"])).collect();
    assert_eq!(found, [("demo-2", "error or none", &5.into()), ("demo-3", "off by one", &1.into())]);
    assert_eq!(rows[0]["decided"], Value::Null);
    let mut said: Vec<(&str, i64)> = rows[0]["said"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| (v["by"].as_str().unwrap(), v["first_error"].as_i64().unwrap()))
        .collect();
    said.sort_unstable_by_key(|(_, first)| *first);
    assert_eq!(said.iter().map(|(_, first)| *first).collect::<Vec<_>>(), [0, 2]);
    assert!(!run(&["--json"]).contains("mira"));
    let stats: Value = serde_json::from_str(&run(&["--stats", "--json", "--names"])).unwrap();
    assert_eq!(
        (&stats["several"], &stats["pairs"][0]["a"], &stats["pairs"][0]["exact"]),
        (&5.into(), &"ito".into(), &0.6.into())
    );
    assert_eq!(stats["annotators"].as_array().unwrap().len(), 2);
    assert!(stats["annotators"][0]["accuracy"]["interval"].is_array(), "{stats}");
    // In steps that the adjudicator merged, one of the two that differ no longer does.
    let corpus = Corpus::open(Source::Path(traces.clone()), None).unwrap();
    corpus.wait();
    let found = |trace: Arc<Trace>| {
        let solution = trace.solutions.iter().position(|solution| solution.source_id.as_deref() == Some("demo-3"))?;
        Some((trace, solution))
    };
    let all = (0..corpus.problem_count()).filter_map(|problem| corpus.problem(problem).trace.clone());
    let (trace, solution) = all.into_iter().find_map(found).unwrap();
    let solution = &trace.solutions[solution];
    let mut cut_at = trace.own_starts(solution);
    cut_at.remove(2);
    let merged = Action::Segment { record: trace.record_key(solution.leaf), starts: cut_at };
    let (mut store, _) = Store::open(&folder.path().join("lena.db"), "lena").unwrap();
    store.append(Draft::of(merged)).unwrap();
    drop(store);
    assert_eq!(run(&["--json"]).lines().count(), 1);
    let cut: Value = serde_json::from_str(&run(&["--stats", "--json"])).unwrap();
    assert_eq!(cut["pairs"][0]["exact"], 0.8, "{cut}");
    let text = run(&["--stats"]);
    assert!(text.contains("annotator 1") && !text.contains("mira"), "{text}");
    let text = run(&["--list", "--names"]);
    assert!(text.contains("mira first error 2") && text.contains("ito no error"), "{text}");
    let mut queue = Command::new(env!("CARGO_BIN_EXE_stepscope"));
    queue.arg("queue").arg(&traces).args(["--filter", "disputed", "--order", "apart", "--as", "lena", "--store"]);
    queue.arg(folder.path().join("lena.db")).arg("--with").arg(&stores[0]).arg("--with").arg(&stores[1]);
    let output = queue.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    // The same that `review` lists of the merged steps.
    assert_eq!(text.lines().count(), 1, "{text}{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("not known"), "nobody disputes what nobody judged: {said}");
    // Of the files that labels name, one that cannot be read is told of, and the others are gone through.
    let mut list = Command::new(env!("CARGO_BIN_EXE_stepscope"));
    let broken = folder.path().join("broken.json");
    std::fs::write(&broken, "\0\0 no traces").unwrap();
    let (mut store, _) = Store::open(&stores[0], "mira").unwrap();
    for file in [&broken, &traces] {
        let saw = Saw { file: Some(file.to_string_lossy().into_owned()), item: Some(0), ..Saw::default() };
        let flag = Action::Flag { record: trace.record_key(solution.leaf), on: false };
        store.append(Draft { body: Body::Act(flag), saw, ms_spent: None }).unwrap();
    }
    drop(store);
    list.arg("review").args(&stores).args(["--as", "lena", "--list", "--store"]).arg(folder.path().join("lena.db"));
    let output = list.output().unwrap();
    let (text, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("broken.json") && said.contains("left out"), "{said}");
    assert!(text.contains("demo-2"), "{text}{said}");
}

#[test]
fn a_review_begins_with_what_lies_farthest_apart() {
    let mut all = events("mira", "1x2x");
    all.extend(events("ito", "2xa"));
    let desk = Desk::of("lena", &all, true, (80, 24));
    assert_eq!(queue(&desk), ["2", "1"]);
    assert_eq!(desk.id(), "demo-2", "{}", desk.screen());
}

#[test]
fn the_history_of_a_solution_under_review_is_that_of_its_annotators() {
    let mut desk = review((120, 40));
    desk.keys("gH");
    let screen = desk.screen();
    assert_eq!(screen.matches("first error at step").count() + screen.matches("all steps right").count(), 3, "{screen}");
    assert!(screen.contains("A   2") && screen.contains("C   2"), "{screen}");
    assert!(!["mira", "ito", "ruth"].into_iter().any(|name| screen.contains(name)), "names stay hidden: {screen}");
}

#[test]
fn a_verdict_in_merged_steps_is_a_disagreement_of_the_review() {
    let mut all = events("mira", "1xgm1x");
    all.extend(events("ito", "1x3x"));
    let mut lena = Desk::of("lena", &all, true, (120, 40));
    assert_eq!(queue(&lena), ["2"], "{}", lena.screen());
    let mira = letter(&lena, "mira");
    let called = mira.to_ascii_uppercase();
    let why = lena.app.why();
    assert!(why.contains(&format!("{called} 1-2")) && why.contains("far, 2 apart, in other steps"), "{why}");
    // Where in them the error is, nobody has said.
    lena.keys(&format!("T{mira}"));
    assert!(lena.app.notice.as_deref().unwrap().contains("steps 1 to 2 as one"), "{:?}", lena.app.notice);
    assert_eq!(own(&lena), FirstError::Unknown);
    lena.keys("gm");
    lena.keys(&format!("T{mira}"));
    lena.keys("(");
    assert_eq!(own(&lena), FirstError::At(0), "{}", lena.screen());
    // The same place in other steps is no agreement: what both say cannot be written together.
    let mut all = events("mira", "1xgm1x");
    all.extend(events("ito", "1x1x"));
    let mut lena = Desk::of("lena", &all, true, (120, 40));
    assert_eq!(queue(&lena), ["2"], "{}", lena.screen());
    lena.keys("gH");
    let history = lena.app.sheet.as_ref().unwrap().text.clone();
    assert_eq!(history.matches("first error at step 1").count(), 2, "{history}");
}

#[test]
fn what_is_sent_back_reaches_whoever_judged_in_steps_of_their_own_or_is_unsure() {
    let mut mira = Desk::of("mira", &[], false, (80, 24));
    mira.keys("1xgm1x");
    let mut ito = Desk::of("ito", &[], false, (80, 24));
    ito.keys("1xf");
    let all = [Store::events(mira.store.path(), "mira").unwrap(), Store::events(ito.store.path(), "ito").unwrap()].concat();
    let mut lena = Desk::of("lena", &all, true, (80, 24));
    lena.keys("Slook again<Enter>");
    let sent = Store::events(lena.store.path(), "lena").unwrap();
    for (mut desk, answer) in [(mira.returns_to(&sent), "2x"), (ito.returns_to(&sent), "a")] {
        assert_eq!(desk.app.session.returns(), 1, "{}", desk.app.annotator);
        desk.keys("&returned<Enter>");
        assert_eq!(desk.app.queue.places().len(), 1, "{}", desk.screen());
        desk.keys(answer);
        assert_eq!(desk.app.session.returns(), 0, "{}", desk.screen());
    }
}

#[test]
fn a_verdict_that_is_taken_over_brings_its_ratings() {
    let mut all = events("mira", "1x1G04x");
    all.extend(events("ito", "1x2x"));
    let mut lena = Desk::of("lena", &all, true, (80, 24));
    assert_eq!(lena.id(), "demo-2", "{}", lena.screen());
    let mira = letter(&lena, "mira");
    lena.keys(&format!("T{mira}"));
    let trace = lena.app.trace().unwrap();
    let labels = lena.app.session.labels(trace, lena.app.solution().unwrap());
    assert_eq!((labels.first_error, labels.steps[0]), (FirstError::At(3), Label::Neutral), "{labels:?}");
}

#[test]
fn the_export_of_a_review_writes_its_decisions() {
    let mut desk = review((80, 24));
    desk.keys(":export csv<Enter>");
    let copied = desk.left.iter().find_map(|effect| if let Effect::Copy(text) = effect { Some(text.clone()) } else { None });
    let line = copied.unwrap();
    assert!(
        line.contains("--filter 'disputed or sent' --with others.db --author adjudicated --as lena --store labels.db"),
        "{line}"
    );
}
