//! Steps that are alike: the order by likeness and the groups of wrong steps, on the screen and without it, by words and by vectors.

use std::process::Output;

use serde_json::Value;
use stepscope::analysis::likeness::{Found, Measure};
use stepscope::app::likeness::Answered;
use stepscope::app::{Effect, Message};

use super::desk::{Desk, SOLUTIONS};
use super::support::Folder;

/// Wrong steps of two kinds, and a right solution: for each solution the number of its first wrong step, from 0, or -1.
const KINDS: [(&str, &str, i64); 7] = [
    ("Count.", "Multiply the boxes by 4 pencils to get 12 pencils.", 1),
    ("Look.", "The derivative of the function vanishes at the origin.", 1),
    ("Count.", "Multiply the boxes by 5 pencils to get 21 pencils.", 1),
    ("Look.", "The derivative of the function vanishes at zero.", 1),
    ("Count.", "Multiply the boxes by 7 pencils to get 29 pencils.", 1),
    ("Think.", "That is all.", -1),
    ("Multiply the boxes by 9 pencils to get 18 pencils.", "That is all.", 0),
];

fn lines(kinds: &[(&str, &str, i64)]) -> String {
    let line = |(at, (first, second, label)): (usize, &(&str, &str, i64))| {
        serde_json::json!({"id": format!("s-{}", at + 1), "generator": "m", "problem": format!("Problem {at}?"),
            "steps": [first, second], "label": label, "final_answer_correct": *label < 0})
        .to_string()
            + "\n"
    };
    kinds.iter().enumerate().map(line).collect()
}

fn desk(kinds: &[(&str, &str, i64)]) -> Desk {
    let bytes: &'static [u8] = Box::leak(lines(kinds).into_bytes().into_boxed_slice());
    let mut desk = Desk::new(&[("kinds.jsonl", bytes)], (100, 24));
    desk.app.trust.terms.blind_share = 0.0;
    desk
}

fn notice(desk: &Desk) -> &str {
    desk.app.notice.as_deref().unwrap_or_default()
}

#[test]
fn the_groups_of_wrong_steps_are_listed_and_gone_through() {
    let mut desk = desk(&KINDS);
    desk.keys(":clusters 2<Enter>");
    let screen = desk.screen();
    for part in
        ["2 groups of 6 wrong steps by words", "6 by the file", "not in it: 1 right", "pencils", "derivative", "typical: problem"]
    {
        assert!(screen.contains(part), "{part}\n{screen}");
    }
    assert!(screen.contains("Enter walks one  r anew  Esc closes  j k row  ? keys"), "{screen}");
    desk.keys("?");
    assert!(desk.screen().contains("groups, then all keys"), "{}", desk.screen());
    desk.keys("next row<Enter>");
    assert!(desk.screen().contains("The derivative of the function vanishes"), "{}", desk.screen());
    desk.keys("<Enter>");
    assert_eq!(desk.app.queue.filter_text(), "cluster == 2");
    let found: Vec<usize> = desk.app.queue.places().iter().map(|place| place.item.problem).collect();
    assert_eq!((found, desk.step()), (vec![1, 3], 2), "{}", desk.screen());
    assert!(notice(&desk).contains("group 2 (") && desk.app.why().contains("group 2 by step 2"), "{}", desk.app.why());
    desk.keys("<Esc>");
    assert!(!desk.app.queue.active() && desk.screen().contains("2 groups of 6"), "{}", desk.screen());
    desk.keys("k<Enter>:filter cluster == 1 and len > 1<Enter><Esc>");
    assert!(!desk.screen().contains("2 groups of 6"), "another filter than that of the list leads nowhere back");
    desk.keys("gCq:filter cluster = 0<Enter>");
    assert_eq!(desk.app.queue.places().len(), 1, "the right one is in no group");
    desk.keys(":clusters 99<Enter>");
    assert!(desk.app.alike.clusters.as_ref().is_some_and(|clusters| clusters.groups.len() <= 6), "{}", desk.screen());
}

#[test]
fn own_labels_count_before_those_of_the_file_and_hidden_ones_do_not_count() {
    let mut desk = desk(&KINDS);
    // One's own: there is no error in the first solution, and one in the first step of the second.
    desk.keys("a1x:clusters 2<Enter>");
    let clusters = desk.app.alike.clusters.as_ref().unwrap();
    assert_eq!(clusters.steps.said(0..clusters.steps.rows.len()), [1, 4, 0]);
    assert!(desk.screen().contains("1 by you, 4 by the file"), "{}", desk.screen());
    desk.keys("<Esc>:mode blind<Enter>:clusters 2<Enter>");
    let clusters = desk.app.alike.clusters.as_ref().unwrap();
    assert_eq!(clusters.steps.said(0..clusters.steps.rows.len()), [1, 0, 0]);
    assert_eq!(clusters.steps.left_out.hidden, 5, "{}", desk.screen());
}

#[test]
fn nothing_wrong_one_solution_and_equal_steps_are_no_trouble() {
    let right = [("One.", "Two.", -1); 3];
    let mut none = desk(&right);
    none.keys("gC");
    assert!(notice(&none).contains("no step is known to be wrong: 3 right"), "{}", notice(&none));
    let mut one = desk(&KINDS[..1]);
    one.keys("gC");
    assert!(one.screen().contains("1 group of 1 wrong steps"), "{}", one.screen());
    let mut same = desk(&[("One.", "Two and three.", 1); 5]);
    same.keys(":clusters 4<Enter><Enter>");
    assert_eq!(same.app.queue.places().len(), same.app.items.total(), "{}", same.screen());
    for wrong in ["0", "100", "x"] {
        same.keys(&format!(":clusters {wrong}<Enter>"));
        assert!(notice(&same).contains("a number of groups from 1 to 99"), "{}", notice(&same));
    }
    same.keys("<Esc>&cluster = 1<Enter>");
    let mut unasked = desk(&KINDS);
    unasked.keys("&cluster = 1<Enter>");
    assert!(notice(&unasked).contains("no groups were made yet; gC makes them"), "{}", notice(&unasked));
    unasked.keys("gC");
    assert!(!unasked.app.queue.places().is_empty(), "what asks for groups is asked again once there are some");
}

#[test]
fn vectors_are_waited_for_told_of_and_given_up() {
    let mut desk = desk(&KINDS);
    desk.slow = true;
    desk.keys("gC");
    let Some(Effect::Liken { round, work }) = desk.left.pop() else { panic!("{:?}", desk.left) };
    assert_eq!(work.texts().len(), 6);
    desk.tell(Message::Likening { round, done: 2, of: 6 });
    assert!(notice(&desk).contains("2 of 6") && desk.app.alike.clusters.is_none(), "{}", notice(&desk));
    desk.keys("<Esc>");
    assert!(matches!(desk.left.pop(), Some(Effect::StopLiken)) && notice(&desk).contains("no longer compared"));
    let answer = || Ok(Answered { by: "m".to_owned(), found: Found::Groups(Vec::new()) });
    desk.tell(Message::Likened { round, answer: answer() });
    assert!(notice(&desk).contains("no longer compared"), "a late answer is none: {}", notice(&desk));
    desk.keys("gC");
    desk.tell(Message::Likened { round: round + 1, answer: Err("the model is gone".to_owned()) });
    assert_eq!(notice(&desk), "there are no groups: the model is gone");
}

#[test]
fn an_answer_that_comes_late_takes_neither_keyboard_nor_cursor() {
    let mut desk = desk(&KINDS);
    desk.slow = true;
    desk.keys("gC");
    let Some(Effect::Liken { round, work }) = desk.left.pop() else { panic!("{:?}", desk.left) };
    desk.tell(Message::Likening { round, done: 2, of: 6 });
    desk.keys("j");
    desk.app.notice = Some("NOT SAVED".to_owned());
    desk.tell(Message::Likening { round, done: 4, of: 6 });
    assert_eq!(notice(&desk), "NOT SAVED", "what there is to read is not written over");
    let found = work.answer(Measure::Words, &|| false).unwrap();
    desk.tell(Message::Likened { round, answer: Ok(Answered { by: "words".into(), found }) });
    assert!(notice(&desk).contains("groups of wrong steps are there; gC shows them"), "{}", notice(&desk));
    desk.keys("a");
    assert_eq!(desk.app.standing().done, 1, "the list is not open: {}", desk.screen());
}

#[test]
fn groups_are_forgotten_where_they_tell_too_much_and_at_the_next_start() {
    let mut desk = desk(&KINDS);
    desk.keys(":clusters 2<Enter><Enter>");
    assert!(desk.app.queue.active() && desk.app.alike.clusters.is_some());
    let again = desk.restart();
    assert!(!again.app.queue.active(), "nobody knows any more what the filter asks for");
    let mut desk = self::desk(&KINDS);
    desk.keys(":clusters 2<Enter><Enter>:mode blind<Enter>");
    assert!(!desk.app.queue.active() && desk.app.alike.clusters.is_none(), "{}", desk.screen());
    desk.keys("gC");
    assert!(notice(&desk).contains("6 with hidden ones") || notice(&desk).contains("7 with hidden ones"), "{}", notice(&desk));
}

#[test]
fn a_broken_problem_is_neither_right_nor_unknown() {
    let mut desk = desk(&KINDS);
    desk.keys("!d:clusters 2<Enter>");
    assert!(desk.screen().contains("1 broken or given up"), "{}", desk.screen());
}

#[test]
fn an_answer_that_names_what_is_not_there_is_no_trouble() {
    let mut desk = desk(&KINDS);
    desk.slow = true;
    desk.keys("gC");
    let Some(Effect::Liken { round, .. }) = desk.left.pop() else { panic!("{:?}", desk.left) };
    let group =
        |members: Vec<usize>, medoid| stepscope::analysis::likeness::Group { members, medoid, words: vec![], tightness: 1.0 };
    let groups = vec![group(vec![0, 99], 0), group(vec![1], 99), group(vec![], 0), group(vec![2], 2)];
    desk.tell(Message::Likened { round, answer: Ok(Answered { by: "m".into(), found: Found::Groups(groups) }) });
    assert_eq!(desk.app.alike.clusters.as_ref().unwrap().groups.len(), 1, "{}", desk.screen());
}

#[test]
fn a_filter_by_groups_begins_on_the_demo_without_a_model() {
    let mut desk = Desk::new(&[("demo/solutions.json", SOLUTIONS)], (60, 18));
    desk.keys("gC");
    let clusters = desk.app.alike.clusters.as_ref().unwrap();
    let count = clusters.groups.iter().map(|group| group.members.len()).sum::<usize>();
    assert_eq!(count, clusters.steps.rows.len());
    desk.keys("GgjkG<Enter>");
    assert!(!desk.app.queue.places().is_empty(), "{}", desk.screen());
}

fn run(folder: &Folder, arguments: &[&str]) -> (Vec<Value>, String) {
    let Output { status, stdout, stderr } = folder.run(arguments);
    let errors = String::from_utf8(stderr).unwrap();
    assert!(status.success(), "{arguments:?}: {errors}");
    (String::from_utf8(stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect(), errors)
}

fn files() -> Folder {
    let folder = Folder::new();
    std::fs::write(folder.path("kinds.jsonl"), lines(&KINDS)).unwrap();
    folder
}

#[test]
fn the_command_lists_groups_and_the_queue_goes_through_one() {
    let folder = files();
    let (groups, errors) = run(&folder, &["clusters", "kinds.jsonl", "--clusters", "2", "--json"]);
    assert!(errors.contains("6 steps by words: 6 by the file; not in it: 1 right"), "{errors}");
    let sizes: Vec<u64> = groups.iter().map(|group| group["size"].as_u64().unwrap()).collect();
    assert_eq!(sizes, [4, 2], "{groups:?}");
    assert_eq!(groups[1]["members"][0], serde_json::json!({"file": "kinds.jsonl", "problem": 2, "solution": 1, "step": 2}));
    assert!(groups[0]["medoid"]["text"].as_str().unwrap().contains("pencils") && groups[0]["said"]["file"] == 4);
    let filter = ["queue", "kinds.jsonl", "--clusters", "2", "--filter", "cluster == 2", "--json"];
    let (rows, _) = run(&folder, &filter);
    assert_eq!(rows.iter().map(|row| row["problem"].as_u64().unwrap()).collect::<Vec<_>>(), [2, 4]);
    let (again, _) = run(&folder, &["clusters", "kinds.jsonl", "--clusters", "2", "--json"]);
    assert_eq!(groups, again, "the same every time");
    let text = String::from_utf8(folder.run(&["clusters", "kinds.jsonl"]).stdout).unwrap();
    assert!(text.contains("kinds.jsonl:") && text.contains("step 2: "), "{text}");
    let refused = folder.run(&["queue", "kinds.jsonl", "--filter", "cluster == 2"]);
    assert!(String::from_utf8(refused.stderr).unwrap().contains("--clusters K makes groups"));
    let export =
        ["export", "kinds.jsonl", "--to", "processbench", "--filter", "cluster == 2", "--unsure", "keep", "-o", "two.json"];
    let refused = folder.run(&export);
    assert!(String::from_utf8(refused.stderr).unwrap().contains("--clusters K makes groups"));
    assert!(folder.run(&[&export[..], &["--clusters", "2"]].concat()).status.success());
    let written = std::fs::read_to_string(folder.path("two.json")).unwrap();
    assert!(written.contains("\"s-2\"") && written.contains("\"s-4\"") && !written.contains("\"s-1\""), "{written}");
    // Where labels suffice no scorer is started: this one would not.
    let labelled = ["clusters", "kinds.jsonl", "--scorer-cmd", "exit 1"];
    std::fs::write(folder.path("right-first.jsonl"), lines(&[KINDS[5], KINDS[0]])).unwrap();
    for arguments in [&labelled[..], &["clusters", "right-first.jsonl", "--scorer-cmd", "exit 1"]] {
        assert!(folder.run(arguments).status.success(), "{arguments:?}");
    }
    std::fs::write(folder.path("empty.jsonl"), lines(&[("One.", "Two.", -1)])).unwrap();
    let (groups, errors) = run(&folder, &["clusters", "empty.jsonl", "--json"]);
    assert!(groups.len() == 1 && errors.contains("1 steps by words: the lowest step of each"), "{errors}");
}

#[cfg(feature = "candle")]
#[test]
fn vectors_of_a_decoder_order_and_group_and_are_kept() {
    let folder = files();
    let tiny = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/prm/tiny-qwen2");
    let like = "Multiply the boxes by 4 pencils to get 12 pencils.";
    let queue = ["queue", "kinds.jsonl", "--like", like, "--order", "similar", "--vectors", tiny, "--json"];
    let (rows, errors) = run(&folder, &queue);
    assert!(rows.len() == 7 && rows[0]["problem"] == 1, "{rows:?} {errors}");
    assert!((rows[0]["number"].as_f64().unwrap() - 1.0).abs() < 1e-5, "it is most like itself: {rows:?}");
    // From the cache: the same numbers without the model's work.
    assert_eq!(run(&folder, &queue).0, rows);
    assert_eq!(run(&folder, &[&queue[..], &["--no-cache"]].concat()).0, rows);
    let (words, _) = run(&folder, &["queue", "kinds.jsonl", "--like", like, "--order", "similar", "--json"]);
    assert_ne!(words, rows);
    let (groups, errors) = run(&folder, &["clusters", "kinds.jsonl", "--clusters", "3", "--vectors", tiny, "--json"]);
    assert_eq!(groups.iter().map(|group| group["size"].as_u64().unwrap()).sum::<u64>(), 6, "{errors}");
    assert!(groups[0]["by"] == "tiny-qwen2" && errors.contains("6 steps by tiny-qwen2"), "{groups:?} {errors}");
    let refused = folder.run(&["clusters", "kinds.jsonl", "--vectors", "embedded"]);
    assert!(String::from_utf8(refused.stderr).unwrap().contains("embedded:decoder has"));
    // As a scorer it judges nothing, and says so of each step.
    let program = format!("'{}' worker --vectors '{tiny}'", env!("CARGO_BIN_EXE_stepscope"));
    let scored = folder.run(&["score", "kinds.jsonl", "-o", "scores.jsonl", "--scorer-cmd", &program]);
    let written = std::fs::read_to_string(folder.path("scores.jsonl")).unwrap();
    assert!(written.contains("measures how alike steps are and judges none"), "{written} {scored:?}");
}

/// First wrong steps of PRMBench with the problem that they come from and the number of their error class: so many of each class.
#[cfg(feature = "candle")]
fn prmbench(each: usize) -> Option<Vec<(String, String, usize)>> {
    let folder = super::support::data("prmbench")?;
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.to_string_lossy().contains("injected_"));
    files.sort();
    let mut found = Vec::new();
    for (class, file) in files.iter().enumerate() {
        let text = std::fs::read_to_string(file).unwrap();
        let wrong = text.lines().filter_map(|line| {
            let record: Value = serde_json::from_str(line).ok()?;
            let step = usize::try_from(record["error_steps"][0].as_u64()?).ok()?.checked_sub(1)?;
            let step = record["modified_process"][step].as_str()?;
            let bare = step.trim_start_matches(|sign: char| sign.is_ascii_digit()).trim_start_matches(". ");
            Some((record["original_question"].as_str()?.to_owned(), bare.to_owned(), class))
        });
        found.extend(wrong.take(each));
    }
    Some(found)
}

/// How well groups and classes go together: purity (share of texts that are of the commonest class of their group) and normalised mutual information
/// (by the arithmetic mean of both entropies), each from 0 to 1. `class` names the class of each text.
#[cfg(feature = "candle")]
fn fit_to(clusters: &[stepscope::analysis::clusters::Cluster], class: &[usize]) -> (f64, f64) {
    let total = class.len().max(1) as f64;
    let share = |texts: &mut dyn Iterator<Item = usize>| {
        let mut counts: std::collections::BTreeMap<usize, f64> = std::collections::BTreeMap::new();
        texts.for_each(|text| *counts.entry(class[text]).or_default() += 1.0 / total);
        counts
    };
    let entropy = |shares: &mut dyn Iterator<Item = f64>| -> f64 { shares.map(|share| -share * share.ln()).sum() };
    let classes = share(&mut (0..class.len()));
    let (mut purity, mut mutual) = (0.0, 0.0);
    for cluster in clusters {
        let inside = share(&mut cluster.members.iter().copied());
        let own = cluster.members.len() as f64 / total;
        purity += inside.values().copied().max_by(f64::total_cmp).unwrap_or(0.0);
        mutual += inside.iter().map(|(class, share)| share * (share / (own * classes[class])).ln()).sum::<f64>();
    }
    let both = entropy(&mut classes.values().copied())
        + entropy(&mut clusters.iter().map(|cluster| cluster.members.len() as f64 / total));
    let information = if both.partial_cmp(&1e-12) == Some(std::cmp::Ordering::Greater) { 2.0 * mutual / both } else { 0.0 };
    (purity, information.clamp(0.0, 1.0))
}

/// What the README says of words and vectors: how often the steps nearest to one, of other problems, are of its error class, and how well groups
/// fit the classes. `STEPSCOPE_VECTORS` names folders of other decoders, parted by colons.
#[cfg(feature = "candle")]
#[test]
fn nearest_steps_and_groups_against_error_classes() {
    use stepscope::analysis::alike::{Bag, Vector};
    use stepscope::analysis::clusters::{Points, clusters};
    use stepscope::prm::{CheckpointSource, Device, Embedder, PrmNode, PrmRequest};
    let Some(steps) = prmbench(40) else { return };
    let class: Vec<usize> = steps.iter().map(|(.., class)| *class).collect();
    let measure = |name: &str, cosine: &dyn Fn(usize, usize) -> f64, points: &Points| {
        let (mut nearest, mut chance) = (0.0, 0.0);
        for (at, (problem, ..)) in steps.iter().enumerate() {
            let other = |other: &usize| steps[*other].0 != *problem;
            let mut others: Vec<(f64, usize)> =
                (0..steps.len()).filter(other).map(|other| (cosine(at, other), class[other])).collect();
            others.sort_by(|a, b| b.0.total_cmp(&a.0));
            let same = |others: &[(f64, usize)]| {
                others.iter().filter(|(_, other)| *other == class[at]).count() as f64 / others.len() as f64
            };
            nearest += same(&others[..5]) / steps.len() as f64;
            chance += same(&others) / steps.len() as f64;
        }
        let fits = [8, 16].map(|count| fit_to(&clusters(points, count, &|| false).unwrap(), &class));
        println!("{name}: nearest five {nearest:.4}, chance {chance:.4}; purity and information of 8 and 16 groups {fits:.3?}");
        (nearest, chance)
    };
    let bags: Vec<Bag> = steps.iter().map(|(_, text, _)| Bag::of(text)).collect();
    let points = Points::of_bags(&bags);
    let (words, chance) = measure("words", &|a, b| bags[a].cosine(&bags[b]), &points);
    assert!(words > 1.5 * chance, "words tell error classes apart: {words}, {chance} by chance");
    measure("words, rare ones more", &|a, b| points.cosine(a, b), &points);
    let folders = std::env::var("STEPSCOPE_VECTORS").unwrap_or_default();
    let folders = folders.split(':').filter(|folder| !folder.is_empty()).map(|folder| CheckpointSource::Dir(folder.into()));
    for source in std::iter::once(CheckpointSource::Embedded).chain(folders) {
        let mut embedder = Embedder::load(&source, Device::Cpu).unwrap();
        let node = |(_, text, _): &(String, String, usize)| PrmNode { parent: None, text: text.clone(), ..PrmNode::default() };
        let request = PrmRequest { problem: String::new(), nodes: steps.iter().map(node).collect() };
        let mut vectors: Vec<Option<Vector>> = vec![None; steps.len()];
        let mut keep = |node: usize, direction: Result<Vector, String>| {
            vectors[node] = direction.ok();
            std::ops::ControlFlow::Continue(())
        };
        embedder.directions(&request, &mut keep).unwrap();
        let points = Points::of_vectors(&vectors);
        let name = format!("vectors of {}", embedder.decoder().name());
        let (nearest, _) = measure(&name, &|a, b| points.cosine(a, b), &points);
        if source == CheckpointSource::Embedded {
            assert!(nearest > chance && nearest < words, "better than chance and no better than words: {nearest}");
        }
    }
}
