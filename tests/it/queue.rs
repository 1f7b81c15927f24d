//! Filters and orders: the queue on the screen, the command.

use std::process::Command;

use stepscope::app::Focus;
use stepscope::corpus::{Corpus, Source};
use stepscope::labels::{Action, Draft, Session, Store};
use stepscope::query::{Kind, Query, STEP_QUANTITIES};
use stepscope::trace::{Cut, FirstError, NodeId, Semantics, StepScore};

use super::desk::{Desk, SAMPLES, SOLUTIONS, TREE};
use super::support::Folder;
use stepscope::app::queue::Work;
use stepscope::app::{Effect, Message};

#[test]
fn a_share_of_the_problems_falls_to_several_annotators() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("traces.json");
    std::fs::write(&file, SOLUTIONS).unwrap();
    let run = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stepscope"));
        command.arg("queue").arg(&file).arg("--store").arg(folder.path().join("no.db")).arg("--json").args(more);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let row = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
        String::from_utf8(output.stdout).unwrap().lines().map(row).collect::<Vec<_>>()
    };
    let plan = ["--overlap", "2@50%:mira,ito,ruth"];
    let all = run(&plan);
    assert_eq!(all.len(), 51);
    let shared = all.iter().filter(|row| row["assigned"].as_array().unwrap().len() == 2).count();
    assert!((10..40).contains(&shared), "{shared}");
    let mine = run(&[&plan[..], &["--as", "ito", "--filter", "assigned"]].concat());
    let is_mine = |row: &&serde_json::Value| row["assigned"].as_array().unwrap().contains(&"ito".into());
    assert_eq!(mine.len(), all.iter().filter(is_mine).count());
    std::fs::write(
        folder.path().join("stepscope.toml"),
        "[overlap]\nannotators = [\"mira\", \"ito\", \"ruth\"]\neach = 2\npercent = 50\n",
    )
    .unwrap();
    assert_eq!(run(&[]), all);
}

#[test]
fn labels_of_steps_that_were_cut_anew_are_seen_without_a_terminal() {
    let folder = Folder::new();
    let solution = r#"{"id":"a","problem":"1+1?","steps":["It is one. And one.","So 3."],"final_answer_correct":true,"label":-1,"generator":"g"}"#;
    std::fs::write(folder.path("in.jsonl"), solution).unwrap();
    let corpus = Corpus::open(Source::Path(folder.path("in.jsonl")), None).unwrap();
    corpus.wait();
    let trace = corpus.problem(0).trace.clone().unwrap();
    let (mut store, mut session): (Store, Session) = Store::open(&folder.path("labels.db"), "mira").unwrap();
    let starts = [(0, 0), (0, 11), (1, 0)].map(Cut::from).to_vec();
    session
        .apply(&store.append(Draft::of(Action::Segment { record: trace.record_key(trace.solutions[0].leaf), starts })).unwrap());
    let cut = session.recut(&trace).unwrap();
    session.apply(&store.append(Draft::of(session.first_error(&cut, &cut.solutions[0], 2).unwrap())).unwrap());
    let lines = |more: &[&str]| {
        let output = folder.run(&[more, &["in.jsonl", "--store", "labels.db", "--as", "mira", "--json"]].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    for (filter, count) in [("labelled", 1), ("!labelled", 0), ("len == 3", 1), ("len == 2", 0)] {
        assert_eq!(lines(&["queue", "--filter", filter]).lines().count(), count, "{filter}");
    }
    let group: serde_json::Value = serde_json::from_str(&lines(&["clusters", "--clusters", "1"])).unwrap();
    assert_eq!((&group["medoid"]["step"], &group["said"]["own"]), (&3.into(), &1.into()), "{group}");
}

#[test]
fn an_order_is_completed_word_by_word_and_previewed_as_it_is_typed() {
    let mut desk = Desk::demo();
    desk.keys(":order -wor<Tab>");
    assert_eq!(desk.app.input.as_ref().unwrap().line.value(), "order -words");
    let said = desk.app.notice.clone().unwrap();
    assert!(said.starts_with("here -") && said.contains("in memory: "), "{said}");
    desk.keys("/le<Tab>");
    assert_eq!(desk.app.input.as_ref().unwrap().line.value(), "order -words/len");
    desk.keys("x");
    assert!(desk.app.notice.as_deref().unwrap().contains("nothing is called lenx; is it len?"), "{:?}", desk.app.notice);
    desk.keys("<BS><Enter>");
    assert_eq!(desk.app.queue.order_name(), "-words/len");
    desk.keys(":order len");
    assert!(desk.app.notice.as_deref().unwrap().starts_with("here 5.00; first of "), "{:?}", desk.app.notice);
    desk.keys("g<Tab>");
    assert_eq!(desk.app.input.as_ref().unwrap().line.value(), "order length");
}

#[test]
fn labels_that_are_likely_wrong_come_first() {
    // Scores that know the first errors of the file; two labels of one's own contradict them.
    let mut desk = Desk::new(&[("demo/solutions.json", SOLUTIONS)], (120, 40));
    let mut places = Vec::new();
    for _ in 0..51 {
        let trace = desk.app.trace().unwrap().clone();
        let solution = desk.app.solution().unwrap().clone();
        let error = trace.recorded_labels(&solution).first_error;
        for (step, id) in trace.path(solution.leaf).into_iter().enumerate() {
            let place = if error == FirstError::At(step) { 0.1 } else { 0.9 };
            let score = StepScore::new(place, Semantics::Correctness).unwrap();
            desk.app.scoring.scores.entry(trace.node(id).key).or_insert(score);
        }
        places.push((desk.id(), error));
        desk.keys(")");
    }
    desk.keys("gg1go");
    let wrong: Vec<&String> = places.iter().filter(|(_, error)| matches!(error, FirstError::At(_))).map(|(id, _)| id).collect();
    let turned = [wrong[3].clone(), wrong[9].clone()];
    for _ in 0..51 {
        if turned.contains(&desk.id()) {
            desk.keys("a");
        } else {
            desk.keys(")");
        }
    }
    desk.keys("gql");
    assert_eq!(desk.app.queue.order_name(), "suspects");
    assert!(turned.contains(&desk.id()), "{} {turned:?} {:?}", desk.id(), desk.app.why());
    assert!(desk.app.why().contains("suspects: chance of the label"), "{}", desk.app.why());
    desk.keys(")");
    assert!(turned.contains(&desk.id()), "{} {turned:?} {:?}", desk.id(), desk.app.why());
    desk.keys("gqc");
    assert_eq!(desk.app.queue.order_name(), "convincing");
    desk.keys("of");
    assert!(!desk.app.queue.active());
}

fn place(desk: &Desk) -> (usize, usize) {
    (desk.app.items.rank(desk.app.cursor.item), desk.app.cursor.solution)
}

#[test]
fn a_filter_is_walked_shown_and_cleared_by_one_key() {
    let mut desk = Desk::new(&[("demo/solutions.json", SOLUTIONS)], (120, 40));
    desk.keys("&len > 4 and !labelled<Enter>");
    let long = |rank: usize| {
        let trace = desk.app.items.trace(desk.app.items.at_rank(rank).unwrap()).unwrap();
        let steps = |solution: usize| trace.path(trace.solutions[solution].leaf).len();
        (0..trace.solutions.len()).filter(|&solution| steps(solution) > 4).map(|solution| (rank, solution)).collect::<Vec<_>>()
    };
    // One record of the demo is broken.
    let readable = |rank: &usize| desk.app.items.trace(desk.app.items.at_rank(*rank).unwrap()).is_some();
    let all: Vec<(usize, usize)> = (0..desk.app.items.total()).filter(readable).flat_map(long).collect();
    assert!(all.len() > 3 && all.len() == desk.app.queue.places().len(), "{all:?}");
    assert_eq!(place(&desk), all[0]);
    let screen = desk.screen();
    assert!(screen.contains("&len > 4 and !labelled: 1 of"), "{screen}");
    desk.keys(")");
    assert_eq!(place(&desk), all[1]);
    // Labelling goes on in the queue, and what was labelled stays until it is asked for anew.
    let count = desk.app.queue.places().len();
    desk.keys("a");
    assert_eq!((place(&desk), desk.app.queue.places().len()), (all[2], count));
    desk.keys("gqq");
    assert_eq!(desk.app.queue.places().len(), count - 1);
    assert!(desk.app.queue.places().iter().all(|place| (desk.app.items.rank(place.item), place.solution) != all[1]));
    desk.keys("<Esc>");
    assert!(!desk.app.queue.active() && !desk.app.quitting);
    desk.keys("&len ><Enter>");
    assert!(desk.app.notice.as_deref().is_some_and(|said| said.starts_with("filter: len >>")), "{:?}", desk.app.notice);
    desk.keys("&firs<Tab>");
    assert_eq!(desk.app.input.as_ref().unwrap().line.value(), "first_prm");
    desk.keys("<Esc>&<Enter>");
    assert!(!desk.app.queue.active());
}

#[test]
fn an_order_puts_solutions_and_their_reasons_first() {
    let mut desk = Desk::new(&[("demo/samples.jsonl", SAMPLES), ("demo/solutions.json", SOLUTIONS)], (120, 40));
    desk.keys("ol");
    let numbers: Vec<f64> = desk.app.queue.places().iter().filter_map(|place| place.number).collect();
    assert!(numbers.len() > 20 && numbers.windows(2).all(|pair| pair[0] >= pair[1]));
    assert!(desk.app.why().starts_with("length "), "{}", desk.app.why());
    let steps = u32::try_from(desk.app.cursor.path.len()).unwrap();
    assert!((f64::from(steps) - numbers[0]).abs() < 1e-9, "the longest comes first");
    desk.keys(")");
    assert_eq!(desk.app.place_in_queue(), Some(1));
    desk.keys("a");
    let event = desk.app.session.undo_target();
    assert!(event.is_some());
    let shuffled = |desk: &Desk| desk.app.queue.places().iter().map(|place| (place.item, place.solution)).collect::<Vec<_>>();
    desk.keys(":order random<Enter>");
    let first = shuffled(&desk);
    desk.keys(":order file<Enter>:order random<Enter>");
    assert_eq!(shuffled(&desk), first, "the same shuffle every time");
    desk.keys(":order len * late<Enter>");
    assert!(desk.app.notice.as_deref().is_some_and(|said| said.contains("is it later?")), "{:?}", desk.app.notice);
    desk.keys("of");
    assert!(!desk.app.queue.active());
}

#[test]
fn solutions_with_steps_like_this_one_come_first_until_esc() {
    let line = |n: u32, step: &str| {
        let steps = [format!("First there are {n} things."), step.to_owned()];
        serde_json::json!({"id": format!("s-{n}"), "generator": "m", "problem": format!("Problem {n}?"), "steps": steps,
            "label": -1, "final_answer_correct": true})
        .to_string()
            + "\n"
    };
    let lines = [
        line(1, "Multiply the boxes by 4 to get the pencils."),
        line(2, "The derivative vanishes at the origin."),
        line(3, "Multiply the boxes by 12, so we get all pencils."),
    ];
    let bytes: &'static [u8] = Box::leak(lines.concat().into_bytes().into_boxed_slice());
    let mut desk = Desk::new(&[("one.jsonl", bytes)], (120, 40));
    desk.keys("2Gg~");
    assert_eq!(desk.id(), "s-1", "it is most like itself");
    let order: Vec<usize> = desk.app.queue.places().iter().map(|place| place.item.problem).collect();
    assert_eq!(order, [0, 2, 1], "{}", desk.screen());
    desk.keys(")");
    assert!(desk.app.why().contains("alike") && desk.app.why().contains("by words"), "{}", desk.app.why());
    desk.keys("<Esc>");
    assert!(!desk.app.queue.active() && desk.id() == "s-3", "{}", desk.screen());
    desk.keys("g~");
    assert!(!desk.restart().app.queue.active(), "without the step nobody knows what is like it");
}

#[test]
fn the_command_chooses_and_orders_without_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_stepscope"))
            .args(["queue", "--no-cache", "--store"])
            .arg(folder.path().join("labels.db"))
            .args(arguments)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap(), output.status.code())
    };
    let (text, errors, code) =
        run(&["assets/demo/solutions.json", "--order", "suspicion", "--filter", "len > 2", "--limit", "5", "--json"]);
    assert_eq!(code, Some(0), "{errors}");
    let rows: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let numbers: Vec<f64> = rows.iter().map(|row| row["number"].as_f64().unwrap()).collect();
    assert!(numbers.len() == 5 && numbers.windows(2).all(|pair| pair[0] >= pair[1]), "{text}");
    let (_, errors, code) = run(&["assets/demo/solutions.json", "--filter", "len >"]);
    assert!(code == Some(1) && errors.contains("--filter: len >\u{25b8}"), "{errors}");
    let (names, _, code) = run(&["--names"]);
    assert!(code == Some(0) && names.contains("first_prm") && names.contains("convincing"));
}

#[test]
fn a_filter_gets_a_name_that_other_filters_use_and_that_outlives_the_session() {
    let mut desk = Desk::new(&[("demo/solutions.json", SOLUTIONS)], (120, 40));
    desk.keys("&len > 4<Enter>:save-filter long<Enter>");
    assert!(desk.app.notice.as_deref().is_some_and(|said| said.contains("long is len > 4")), "{:?}", desk.app.notice);
    let fitting = desk.app.queue.places().len();
    let mut desk = desk.restart();
    desk.keys("<Esc>&lon<Tab> and !labelled<Enter>");
    assert_eq!((desk.app.queue.filter_text(), desk.app.queue.places().len()), ("long and !labelled", fitting));
    desk.keys("a");
    assert_eq!(desk.app.queue.describe().unwrap(), "filter long and !labelled (long: len > 4)");
    desk.keys("g&");
    assert!(desk.screen().contains("len > 4"), "{}", desk.screen());
    // Names that mean something else, or themselves, are refused.
    desk.keys("<Esc>:save-filter len<Enter>");
    assert!(desk.app.notice.as_deref().is_some_and(|said| said.contains("something else")), "{:?}", desk.app.notice);
    desk.keys(":save-filter long<Enter>");
    assert!(desk.app.notice.as_deref().is_some_and(|said| said.contains("uses itself")), "{:?}", desk.app.notice);
    desk.keys(":forget-filter long<Enter>");
    let mut desk = desk.restart();
    desk.keys("<Esc>&long<Enter>");
    assert!(desk.app.notice.as_deref().is_some_and(|said| said.contains("nothing is called long")), "{:?}", desk.app.notice);
}

#[test]
fn in_the_tree_a_filter_shows_the_steps_that_fit_and_those_above_them() {
    let mut desk = Desk::new(&[("demo/tree.jsonl", TREE)], (120, 40));
    assert_eq!(desk.app.focus, Focus::Tree);
    let all = desk.app.tree.rows.len();
    desk.keys("&3 > N and depth > 2<Enter>");
    let trace = desk.app.trace().unwrap().clone();
    let fitting = desk.app.tree.fitting().unwrap();
    assert!(fitting > 0 && desk.app.tree.rows.len() > fitting && desk.app.tree.rows.len() < all, "{}", desk.screen());
    for row in &desk.app.tree.rows {
        let node = trace.node(row.node);
        let fits = node.stats.visits.is_some_and(|visits| visits < 3) && node.depth > 2;
        assert_eq!(desk.app.tree.fits(row.node), fits);
        // What is shown without fitting leads to something that fits.
        let leads = |leaf: NodeId| trace.path(leaf).contains(&row.node);
        assert!(fits || desk.app.tree.rows.iter().any(|other| desk.app.tree.fits(other.node) && leads(other.node)));
    }
    assert!(desk.app.tree.fits(desk.app.cursor.node), "the cursor stands on the first one");
    assert!(desk.screen().contains(&format!("{fitting} of {} steps", trace.nodes.len() - 1)), "{}", desk.screen());
    desk.keys("&nonsense<Enter>");
    assert_eq!(desk.app.tree.fitting(), Some(fitting), "one that cannot be read changes nothing");
    desk.keys("<Esc>");
    assert_eq!((desk.app.tree.fitting(), desk.app.step_filter_text()), (None, ""));
    for quantity in STEP_QUANTITIES {
        let text = if quantity.kind == Kind::Text { format!("{} ~ x", quantity.name) } else { format!("{} > 0", quantity.name) };
        assert!(Query::steps(&text).is_ok(), "{text}");
    }
}

#[test]
fn progress_counts_each_solution_once_and_outlives_the_session() {
    let mut desk = Desk::new(&[("demo/samples.jsonl", SAMPLES)], (120, 40));
    let standing = |desk: &Desk| (desk.app.standing().done, desk.app.standing().total);
    let total = desk.app.standing().total;
    assert!(desk.app.standing().counted && total > 3);
    desk.keys("aaa");
    assert_eq!(standing(&desk), (3, total));
    desk.keys("u");
    assert_eq!(standing(&desk), (2, total));
    desk.keys("<C-r>((a");
    assert!(desk.screen().contains(&format!(" of {total} judged")), "{}", desk.screen());
    let before = standing(&desk);
    let mut desk = desk.restart();
    assert_eq!(standing(&desk), before);
    desk.keys(":filter !labelled<Enter>");
    assert_eq!(standing(&desk), (0, total - before.0));
    desk.keys("a");
    assert_eq!(standing(&desk), (1, total - before.0), "the queue stays as it is, and one of it is done");
    desk.keys("<Esc>");
    assert_eq!(standing(&desk), (before.0 + 1, total));
}

#[test]
fn filter_and_order_are_those_of_the_last_session() {
    let mut desk = Desk::new(&[("demo/solutions.json", SOLUTIONS)], (120, 40));
    desk.keys(":order length<Enter>&len > 4<Enter>))");
    let (here, places) = (place(&desk), desk.app.queue.places().to_vec());
    let desk = desk.restart();
    assert_eq!((desk.app.queue.filter_text(), desk.app.queue.order_name()), ("len > 4", "length"));
    assert_eq!(place(&desk), here);
    assert_eq!(desk.app.queue.places(), places);
}

#[test]
fn formulas_of_lists_and_trees_are_drawn() {
    let mut desk = Desk::new(&[("demo/tree.jsonl", TREE)], (160, 40));
    desk.app.look.glyphs = stepscope::text::Glyphs::UNICODE;
    desk.keys("j");
    let trace = desk.app.trace().unwrap();
    let sources = trace.steps().filter(|&id| trace.node(id).text.contains('$')).count();
    let drawn = trace.steps().filter(|&id| desk.app.step_line(trace, id) != trace.node(id).text).count();
    assert!(sources == 0 || drawn > 0);
}

/// What `queue` answers to a filter and an order over a file of the demo.
fn queued(file: &str, filter: &str, order: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_stepscope"))
        .args(["queue", file, "--filter", filter, "--order", order, "--json", "--store"])
        .arg(folder.path().join("labels.db"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn questions_about_the_record_alone_have_the_answers_of_the_whole_solution() {
    // `!labelled` can only be told of the whole solution, and is true of all of them.
    for file in ["assets/demo/solutions.json", "tests/fixtures/formats/trl.jsonl", "tests/fixtures/formats/processbench.jsonl"] {
        for filter in
            ["error == 2", "len > 3 or wrong", "text ~ '[0-9]'", "problem ~ a and recorded", "id ~ 1 or answer ~ 2", "words > 40"]
        {
            for order in ["len", "error + words / 100", "random"] {
                let whole = queued(file, &format!("({filter}) and !labelled"), &format!("{order} + 0 * labelled"));
                assert_eq!(queued(file, filter, order), whole, "{file}: {filter}, {order}");
            }
        }
    }
}

#[test]
fn a_large_file_with_bad_records_and_shared_problems_is_asked_in_one_go_as_one_by_one() {
    let record = |n: usize| match n % 50 {
        7 => "{\"id\": 1, \"problem\"".to_owned(),
        rest => {
            let problem = if n.is_multiple_of(10) { n % 1000 } else { n };
            let label = i64::from(rest != 3) - 1;
            format!(r#"{{"id":"{n}","problem":"p{problem}","steps":["a","b {n}"],"final_answer_correct":true,"label":{label}}}"#)
        }
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("many.jsonl");
    std::fs::write(&path, (0..6000).map(record).collect::<Vec<_>>().join("\n")).unwrap();
    let path = path.to_str().unwrap();
    for (filter, count) in [("error == 1", 5760), ("recorded and error == 0", 120), ("len > 2", 0)] {
        let found = queued(path, filter, "id ~ 3");
        assert_eq!(found, queued(path, &format!("({filter}) and !labelled"), "(id ~ 3) + 0 * labelled"), "{filter}");
        assert_eq!(found.lines().count(), count, "{filter}");
    }
}

#[test]
fn a_filter_reads_only_what_records_leave_open() {
    let record = |n: usize| {
        let label = if n % 100 == 99 { 1 } else { -1 };
        format!(
            r#"{{"id":"{n}","generator":"g","problem":"p{n}","steps":["a","b"],"final_answer_correct":true,"label":{label}}}"#
        )
    };
    let file: &'static [u8] = Box::leak((0..600).map(record).collect::<Vec<_>>().join("\n").into_bytes().into_boxed_slice());
    let places = |keys: &str| {
        let mut desk = Desk::new(&[("many.jsonl", file)], (120, 40));
        desk.keys(keys);
        let loaded = (0..600).filter(|&rank| desk.app.items.get(desk.app.items.at_rank(rank).unwrap()).is_some()).count();
        (desk.app.queue.places().to_vec(), desk.app.queue.looked, loaded)
    };
    // Whether a solution is labelled, its record does not say.
    for (keys, whole, count) in [
        ("&error == 2<Enter>", "&(error == 2 or labelled)<Enter>", 6),
        (":order error<Enter>", ":order error + 0 * labelled<Enter>", 600),
        ("&error == 2<Enter>:order len<Enter>", "&error == 2<Enter>:order len + 0 * labelled<Enter>", 6),
    ] {
        let (found, looked, read) = places(keys);
        let (all_found, all_looked, all_read) = places(whole);
        assert!(found.len() == count && found == all_found, "{keys}");
        assert_eq!(looked, all_looked, "{keys}");
        assert!(read < 80 && (all_read == 600 || count == 6), "{keys}: {read} of {all_read}");
    }
}

#[test]
fn solutions_that_join_a_problem_behind_the_look_at_it_are_in_the_queue_once_the_index_ends() {
    let record = |n: usize| {
        let (problem, label) = (n % 3, if n.is_multiple_of(2) { -1 } else { 1 });
        format!(
            r#"{{"id":"{n}","generator":"g","problem":"p{problem}","steps":["a{n}","b"],"final_answer_correct":true,"label":{label}}}"#
        )
    };
    let file: &'static [u8] = Box::leak((0..9).map(record).collect::<Vec<_>>().join("\n").into_bytes().into_boxed_slice());
    // Two of nine samples of three problems are found before the filter is set, all others behind it.
    let two = &file[..=file.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(1).unwrap().0];
    for keys in ["&len > 0<Enter>", "&len > 0 and !labelled<Enter>", ":order len<Enter>"] {
        let mut desk = Desk::new(&[("many.jsonl", two)], (120, 40));
        desk.app.items.files[0].complete = false;
        desk.keys(keys);
        assert_eq!((desk.app.queue.places().len(), desk.app.queue.is_complete()), (2, false), "{keys}");
        desk.ends_as(&[("many.jsonl", file)]);
        let mut whole = Desk::new(&[("many.jsonl", file)], (120, 40));
        whole.keys(keys);
        assert_eq!(desk.app.queue.places().len(), 9, "{keys}");
        assert_eq!(desk.app.queue.places(), whole.app.queue.places(), "{keys}");
        assert_eq!(desk.app.queue.looked, whole.app.queue.looked, "{keys}");
    }
}

#[test]
fn a_file_that_ends_while_the_queue_is_sorted_copies_no_entries() {
    let record = |n: usize| {
        format!(r#"{{"id":"{n}","generator":"g","problem":"p{n}","steps":["a","b"],"final_answer_correct":true,"label":-1}}"#)
    };
    let file: &'static [u8] = Box::leak((0..9).map(record).collect::<Vec<_>>().join("\n").into_bytes().into_boxed_slice());
    let six = &file[..=file.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(5).unwrap().0];
    let thinks = |desk: &mut Desk| {
        let think = |effect: &Effect| matches!(effect, Effect::Think { .. });
        let at = desk.left.iter().position(think);
        at.map(|at| desk.left.remove(at))
    };
    let mut desk = Desk::new(&[("many.jsonl", six)], (120, 40));
    desk.slow = true;
    desk.keys(":order len + 0 * labelled<Enter>");
    let Some(Effect::Think { round, work: Work::Sort(entries, share) }) = thinks(&mut desk) else { panic!("{:?}", desk.left) };
    assert_eq!(entries.len(), 6);
    let mut files = desk.app.items.files.clone();
    files[0].complete = false;
    desk.tell(Message::Files(files));
    desk.ends_as(&[("many.jsonl", file)]);
    assert!(thinks(&mut desk).is_none(), "the answer is waited for");
    assert_eq!((std::sync::Arc::strong_count(&entries), entries.len()), (2, 6), "nothing is written beside the sort");
    desk.tell(Message::Thought { round, thought: Box::new(Work::Sort(entries, share).think()) });
    let Some(Effect::Think { round, work }) = thinks(&mut desk) else { panic!("{:?}", desk.left) };
    assert!(!desk.app.queue.is_complete());
    desk.tell(Message::Thought { round, thought: Box::new(work.think()) });
    assert_eq!((desk.app.queue.places().len(), desk.app.queue.is_complete()), (9, true));
    // Another filter: what this one found is freed elsewhere.
    desk.left.clear();
    desk.keys("&len > 5<Enter>");
    assert_eq!(desk.left.iter().filter(|effect| matches!(effect, Effect::Forget(_))).count(), 1, "{:?}", desk.left);
    desk.left.clear();
    desk.keys("<Esc>");
    assert!(desk.left.iter().any(|effect| matches!(effect, Effect::Forget(_))), "{:?}", desk.left);
}

#[test]
fn a_solution_that_is_known_last_of_all_stands_beside_the_others_of_its_problem() {
    let record = |n: usize| {
        format!(r#"{{"id":"{n}","generator":"g","problem":"p","steps":["a{n}"],"final_answer_correct":true,"label":-1}}"#)
    };
    let file: &'static [u8] = Box::leak((0..2).map(record).collect::<Vec<_>>().join("\n").into_bytes().into_boxed_slice());
    let one = &file[..=file.iter().position(|byte| *byte == b'\n').unwrap()];
    let mut desk = Desk::new(&[("two.jsonl", one)], (120, 40));
    // Both records are found, and of the second one it is not known yet whose solution it is.
    desk.app.items.files[0].complete = false;
    desk.app.items.files[0].records = 2;
    desk.ends_as(&[("two.jsonl", file)]);
    assert!(desk.screen().contains("solution 1/2"), "{}", desk.screen());
}

#[test]
fn a_share_of_an_ordered_queue_is_drawn_at_random() {
    let mut desk = Desk::demo();
    desk.app.trust.terms.blind_share = 0.0;
    desk.keys(":order len<Enter>:random-share 30<Enter>");
    let places = desk.app.queue.places();
    let drawn: Vec<usize> = places.iter().enumerate().filter(|(_, place)| place.drawn).map(|(at, _)| at).collect();
    let (all, some) = (places.len(), drawn.len());
    assert!(some * 6 > all && some * 2 < all, "{some} of {all}");
    assert!(drawn.iter().take(some / 2).all(|at| *at <= all / 2 + 2) && drawn[some / 2] * 3 > all, "spread: {drawn:?} of {all}");
    let others: Vec<f64> = places.iter().filter(|place| !place.drawn).filter_map(|place| place.number).collect();
    assert!(others.is_sorted_by(|a, b| a >= b), "{others:?}");
    let first = drawn[0];
    for at in 0..=first {
        desk.keys(if at < first { "a" } else { "x" });
    }
    let events = stepscope::labels::Store::events(desk.store.path(), "mira").unwrap();
    let chances: Vec<_> = events.iter().map(|event| event.saw.context.drawn).collect();
    assert_eq!((chances.last(), chances.iter().flatten().count()), (Some(&Some(0.3)), 1), "{chances:?}");
    desk.keys(":trust<Enter>");
    assert!(desk.screen().contains("1 of 1 judged have an error: 100 % of all (21 to"), "{}", desk.screen());
    desk.keys("<Esc>:random-share 0<Enter>");
    assert!(desk.app.queue.places().iter().all(|place| !place.drawn));
}

#[test]
fn a_filter_that_nothing_fits_says_so() {
    let mut desk = Desk::demo();
    desk.keys("&len > 1000<Enter>");
    assert_eq!(desk.app.notice.as_deref(), Some("no solution fits len > 1000; Esc shows all"));
    desk.keys("<Esc>");
    assert!(!desk.app.queue.active());
}

#[test]
fn problems_and_numbers_of_an_order_do_not_stand_in_one_column() {
    let mut desk = Desk::new(&[("demo/solutions.json", SOLUTIONS)], (120, 40));
    desk.keys(":order len<Enter>:blind-share 100<Enter>");
    let rows: Vec<String> = desk.screen().lines().skip(2).take(5).map(|row| row.chars().take(6).collect()).collect();
    assert!(rows.iter().all(|row| row.trim_start_matches('>').trim() == "?"), "{}", desk.screen());
}
