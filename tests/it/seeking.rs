//! From one step to the next of its kind: the same expression, the same mistake, where prediction and labels or search and model part.

use stepscope::trace::{FirstError, Semantics, StepScore};

use stepscope::app::Message;
use stepscope::app::search::Search;
use stepscope::corpus::{Corpus, Source};
use stepscope::shell::sieve;

use super::desk::{Desk, SOLUTIONS, TREE};

fn record(id: usize, steps: &[&str], label: i64) -> serde_json::Value {
    serde_json::json!({
        "id": format!("s-{id}"), "generator": "g", "problem": format!("Problem number {id}?"), "steps": steps,
        "final_answer_correct": label < 0, "label": label,
    })
}

/// A file in memory with these records, one a line.
fn lines(records: impl Iterator<Item = serde_json::Value>) -> &'static [u8] {
    Box::leak(records.map(|record| record.to_string() + "\n").collect::<String>().into_bytes().into_boxed_slice())
}

/// Records with one step each, of which these have the word "needle".
fn haystack(from: usize, count: usize, hits: &'static [usize]) -> &'static [u8] {
    lines((from..from + count).map(|id| {
        let text = if hits.contains(&id) { "A needle is here." } else { "Only hay is here." };
        record(id, &[text, "The end."], -1)
    }))
}

/// Four solutions: two make the same mistake, one says nearly the same words, one has nothing to do with them.
fn desk() -> Desk {
    let records = serde_json::Value::Array(vec![
        record(0, &["We start with the price.", "So 5 * 7 = 36 dollars are paid.", "The end."], 1),
        record(1, &["All is well here.", "And 6 * 7 = 42 is right."], -1),
        record(2, &["Something else.", "Hence 5*7=36, as before."], 1),
        record(3, &["Let us see.", "So 6 * 7 = 36 dollars are paid."], 1),
    ]);
    let bytes: &'static [u8] = Box::leak(records.to_string().into_bytes().into_boxed_slice());
    Desk::new(&[("mistakes.json", bytes)], (100, 30))
}

fn verdict(desk: &Desk) -> FirstError {
    let trace = desk.app.trace().unwrap();
    desk.app.own_labels(trace, desk.app.solution().unwrap().leaf).first_error
}

#[test]
fn a_star_goes_to_the_next_step_with_the_same_expression() {
    let mut desk = desk();
    desk.keys("j*");
    assert_eq!((desk.id(), desk.step()), ("s-2".to_owned(), 2), "{}", desk.screen());
    desk.keys("n");
    assert_eq!(desk.id(), "s-0", "around the end");
    desk.keys(")jj*");
    assert!(desk.app.notice.is_some());
    desk.keys("gg*");
    assert_eq!(desk.app.notice.as_deref(), Some("this step has no equality or formula to look for"));
}

#[test]
fn the_same_mistake_is_marked_from_hit_to_hit() {
    let mut desk = desk();
    desk.keys("2xg/");
    assert_eq!((desk.id(), desk.step()), ("s-2".to_owned(), 2), "{}", desk.screen());
    desk.keys("x");
    assert_eq!((desk.id(), desk.step()), ("s-3".to_owned(), 2), "nearly the same words: {}", desk.screen());
    desk.keys("x");
    assert_eq!(desk.app.like(), Some("step 2 of problem 1"));
    assert!(desk.app.notice.as_deref().unwrap().contains("no step that may make the same mistake"), "{:?}", desk.app.notice);
    desk.keys("<Esc>gg(");
    assert_eq!((desk.id(), verdict(&desk)), ("s-2".to_owned(), FirstError::At(1)));
    // Without the search, a verdict goes on to the next solution again.
    desk.keys("a");
    assert_eq!(desk.id(), "s-3");
}

#[test]
fn disagreement_is_between_prediction_file_and_oneself() {
    let mut desk = desk();
    // The file has an error in s-0; who says that all is right disagrees with it.
    desk.keys("a}}");
    desk.keys("[d");
    assert_eq!(desk.id(), "s-0", "{}", desk.screen());
    desk.keys("]d");
    assert_eq!(desk.app.notice.as_deref(), Some("went around the end of the list"));
}

#[test]
fn where_search_and_model_part() {
    let mut desk = Desk::new(&[("demo/tree.jsonl", TREE)], (120, 40));
    let trace = desk.app.trace().unwrap().clone();
    let value = |id| trace.node(id).stats.q.or(trace.node(id).stats.value).or(trace.node(id).stats.mc);
    let high = trace.steps().filter(|&id| value(id).is_some_and(|value| (0.8..=1.0).contains(&value))).nth(3).unwrap();
    for id in trace.steps().filter(|&id| value(id).is_some()) {
        let agreed = value(id).unwrap().clamp(0.0, 1.0);
        let score = if id == high { 0.1 } else { agreed };
        desk.app.scoring.scores.insert(trace.node(id).key, StepScore::new(score, Semantics::Correctness).unwrap());
    }
    desk.keys("gg]q");
    assert_eq!(desk.app.cursor.node, high, "{}", desk.screen());
}

#[test]
fn a_problem_is_gone_to_by_letters_that_one_remembers() {
    let mut desk = desk();
    desk.keys("<C-f>");
    assert!(desk.screen().contains("4 problems"), "{}", desk.screen());
    desk.keys("nmbr 3");
    assert!(desk.screen().contains("1 problems"), "{}", desk.screen());
    desk.keys("<Enter>");
    assert_eq!(desk.id(), "s-3");
    desk.keys("<C-o>");
    assert_eq!(desk.id(), "s-0", "the way back is kept");
    // Tags are one's own words for a place.
    desk.keys("))jtodd-one<Enter>gg((<C-f>oddone<Enter>");
    assert_eq!(desk.id(), "s-2", "{}", desk.screen());
    desk.keys("<C-f>zzzz<Enter>");
    assert_eq!(desk.id(), "s-2");
    assert!(desk.app.picker.is_none());
}

#[test]
fn numbers_compare_verdicts_with_scores_and_hide_them_from_who_judges_blind() {
    let mut desk = desk();
    desk.keys("gE");
    assert!(desk.app.sheet.is_none());
    for number in 0..4 {
        let trace = desk.app.trace().unwrap().clone();
        for (step, id) in trace.steps().enumerate() {
            let score = if (number, step) == (0, 1) { 0.2 } else { 0.9 };
            desk.app.scoring.scores.insert(trace.node(id).key, StepScore::new(score, Semantics::Correctness).unwrap());
        }
        desk.keys("}");
    }
    desk.keys("1go2xaax");
    desk.keys("gE");
    let page = desk.app.sheet.as_ref().unwrap().text.clone();
    assert!(page.contains("Your verdicts on 4 solutions in memory"), "{page}");
    assert!(page.contains("first errors named exactly  50.0 % of 2"), "{page}");
    assert!(page.contains("right solutions left alone  100.0 % of 2"), "{page}");
    assert!(page.contains(".20 to .30"), "{page}");
    desk.keys("<Esc>pgE");
    let page = desk.app.sheet.as_ref().unwrap().text.clone();
    assert!(!page.contains(".20") && page.contains("hidden"), "{page}");
}

#[test]
fn a_judged_step_that_solutions_share_counts_once() {
    const SHARED: &[u8] =
        br#"{"id":"a","generator":"g","problem":"One?","steps":["bad start","end 1"],"final_answer_correct":true,"label":-1}
{"id":"b","generator":"g","problem":"One?","steps":["bad start","end 2"],"final_answer_correct":true,"label":-1}
{"id":"c","generator":"g","problem":"One?","steps":["bad start","end 3"],"final_answer_correct":true,"label":-1}"#;
    let mut desk = Desk::new(&[("shared.jsonl", SHARED)], (100, 40));
    let trace = desk.app.trace().unwrap().clone();
    for id in trace.steps() {
        desk.app.scoring.scores.insert(trace.node(id).key, StepScore::new(0.2, Semantics::Correctness).unwrap());
    }
    for id in ["a", "b", "c"] {
        for _ in 0..3 {
            if desk.id() != id {
                desk.keys(")");
            }
        }
        desk.keys("1x");
    }
    desk.keys("gE");
    let page = desk.app.sheet.as_ref().unwrap().text.clone();
    assert!(page.contains("Your verdicts on 3 solutions of 1 problem in memory"), "{page}");
    let first = page.lines().find(|line| line.contains("step 1 ")).unwrap();
    assert!(first.trim_end().ends_with(" 1"), "{page}");
}

#[test]
fn a_search_goes_through_all_files_in_both_directions_and_around_the_end_once() {
    let files = [("a.jsonl", haystack(0, 700, &[3, 640])), ("b.jsonl", haystack(1000, 300, &[1000, 1299]))];
    let mut desk = Desk::new(&files, (100, 30));
    let ids = |desk: &mut Desk, keys: &str| {
        desk.keys(keys);
        (desk.id(), desk.app.notice.clone())
    };
    let at = |id: &str, said: &str| (id.to_owned(), Some(said.to_owned()));
    assert_eq!(ids(&mut desk, "/needle<Enter>"), at("s-3", "match 1 of 1 so far"));
    assert_eq!(ids(&mut desk, "n"), at("s-640", "match 2 of 2 so far"));
    assert_eq!(ids(&mut desk, "n"), at("s-1000", "match 3 of 3 so far"));
    assert_eq!(ids(&mut desk, "n"), at("s-1299", "match 4 of 4 so far"));
    assert_eq!(ids(&mut desk, "n"), at("s-3", "match 1 of 4; went around the end of the list"));
    assert_eq!(ids(&mut desk, "N"), at("s-1299", "match 4 of 4; went around the end of the list"));
    assert_eq!(ids(&mut desk, "N").0, "s-1000");
    assert_eq!(ids(&mut desk, "N").0, "s-640");
    // Who turns round at the beginning has not passed what lies in between.
    let mut other = Desk::new(&files, (100, 30));
    assert_eq!(ids(&mut other, "/needle<Enter>N").0, "s-1299");
    assert_eq!(ids(&mut other, "n"), at("s-3", "match 1 of 2 so far; went around the end of the list"));
    // Back at the only place there is.
    assert_eq!(ids(&mut desk, "/A needle is here<Enter>nnn").0, "s-640");
    for keys in ["/nothing of this kind<Enter>", "N"] {
        assert_eq!(ids(&mut desk, keys), at("s-640", "no match for nothing of this kind"));
        assert!(desk.app.seek.is_none());
    }
    for keys in ["gg1go", "N"] {
        desk.keys(keys);
        assert!(desk.app.seek.is_none(), "the first problem is where the walk begins");
    }
}

#[test]
fn a_search_waits_for_problems_that_are_still_to_be_found() {
    let mut desk = Desk::new(&[("a.jsonl", haystack(0, 40, &[30]))], (100, 30));
    let whole = desk.app.items.files.clone();
    let mut part = whole.clone();
    (part[0].problems, part[0].records, part[0].complete) = (20, 20, false);
    desk.tell(Message::Files(part.clone()));
    desk.keys("/needle<Enter>");
    assert!(desk.app.seek.is_some() && desk.id() == "s-0", "not around the end of what is known");
    part[0].problems = 25;
    desk.tell(Message::Files(part));
    assert!(desk.app.seek.is_some() && desk.id() == "s-0");
    desk.tell(Message::Files(whole));
    assert_eq!((desk.app.seek.is_none(), desk.id()), (true, "s-30".to_owned()));
}

#[test]
fn files_are_searched_from_where_one_stands_whatever_their_records_tell_at_a_glance() {
    let chat = lines((0..300).map(|id| {
        let said = if id % 100 == 7 { "A needle is here." } else { "Only hay is here." };
        serde_json::json!({"messages": [{"role": "user", "content": format!("Question {id}?")}, {"role": "assistant", "content": said}]})
    }));
    let search = Search::typed("NEEDLE|needle").unwrap();
    for (name, bytes) in [("hay.jsonl", haystack(0, 300, &[7, 107, 207])), ("chat.jsonl", chat)] {
        let corpus = Corpus::open(Source::Memory { name, bytes }, None).unwrap();
        corpus.wait();
        let find = |problems, forward| sieve::find(&corpus, problems, forward, search.wanted());
        assert_eq!(find(0..300, true), Some(7), "{name}");
        assert_eq!(find(8..300, true), Some(107), "{name}");
        assert_eq!(find(0..300, false), Some(207), "{name}");
        assert_eq!(find(8..207, false), Some(107), "{name}");
        assert_eq!((find(208..300, true), find(0..7, false), find(5..5, true)), (None, None, None), "{name}");
    }
}

#[test]
fn a_search_looks_into_steps_as_they_were_cut_by_hand() {
    let mut desk = Desk::new(&[("a.jsonl", haystack(0, 6, &[4]))], (100, 30));
    // Steps 1 and 2 of the fifth problem become one; its text goes over what were two steps.
    desk.keys("5gogggm1go");
    assert!(desk.app.session.has_cuts(), "{}", desk.screen());
    desk.keys(r"/here\.\s*The end<Enter>");
    assert_eq!(desk.id(), "s-4", "{}", desk.screen());
}

#[test]
fn the_hit_of_a_search_is_not_left_for_what_the_scores_point_at() {
    let mut desk = Desk::new(&[("a.jsonl", haystack(0, 6, &[4]))], (100, 30));
    desk.keys("5go");
    let (trace, path) = (desk.app.trace().unwrap().clone(), desk.app.cursor.path.clone());
    for (&id, value) in path.iter().zip([0.9, 0.1]) {
        desk.app.scoring.scores.insert(trace.node(id).key, StepScore::new(value, Semantics::Correctness).unwrap());
    }
    desk.keys("1go/needle<Enter>");
    assert_eq!((desk.id(), desk.step(), desk.app.show_prm), ("s-4".to_owned(), 1, true), "{}", desk.screen());
    desk.keys("1go5go");
    assert_eq!(desk.step(), 2, "who comes without a search finds the suspect: {}", desk.screen());
    desk.keys("gg1go<C-o>");
    assert_eq!((desk.id(), desk.step()), ("s-4".to_owned(), 1), "{}", desk.screen());
}

#[test]
fn two_solutions_stand_side_by_side_with_their_steps_aligned() {
    let mut desk = Desk::new(&[("demo/solutions.json", SOLUTIONS)], (120, 40));
    let two = desk.app.trace().unwrap().clone();
    assert_eq!(two.solutions.len(), 2);
    desk.keys("A");
    let screen = desk.screen();
    assert!(screen.contains("side by side") && screen.contains("solution 1") && screen.contains("solution 2"), "{screen}");
    let pair = desk.app.pair.as_ref().unwrap();
    let steps = |side: usize| pair.rows().iter().filter_map(|row| row[side]).collect::<Vec<_>>();
    for side in [0, 1] {
        assert!(steps(side).into_iter().eq(pair.shared..pair.paths[side].len()), "{screen}");
    }
    assert!(pair.rows().iter().any(|row| row.iter().all(Option::is_some)), "{screen}");
    // The step of the chosen row is gone to, here or over there.
    desk.keys("Go");
    assert_eq!((desk.app.cursor.solution, desk.app.pair.is_none()), (1, true));
    assert_eq!(desk.app.cursor.step(), two.path(two.solutions[1].leaf).len() - 1);
    desk.keys("2A");
    assert!(desk.app.notice.as_deref().unwrap().contains("on show"), "{:?}", desk.app.notice);
    desk.keys("1Ajk<Esc>");
    while desk.app.trace().unwrap().solutions.len() > 1 {
        desk.keys("}");
    }
    desk.keys("A");
    assert!(desk.app.pair.is_none() && desk.app.notice.as_deref().unwrap().contains("one solution"), "{:?}", desk.app.notice);
}

#[test]
fn a_step_taller_than_the_screen_is_read_to_its_end_beside_another_one() {
    let tall = (0..120).map(|line| format!("line {line} of the left one")).collect::<Vec<_>>().join("\n");
    let sides = [["Begin.", &tall, "End."], ["Begin.", "Only a few words.", "So it ends."]];
    let samples = (0..2).map(|id| {
        let mut sample = record(id, &sides[id], -1);
        sample["problem"] = "The same problem.".into();
        sample
    });
    let mut desk = Desk::new(&[("a.jsonl", lines(samples))], (100, 30));
    desk.keys("2A");
    let mut seen = std::collections::BTreeSet::new();
    let mut chosen = 0;
    for key in ["<C-d>"; 12] {
        let pair = desk.app.pair.as_ref().unwrap_or_else(|| panic!("{}", desk.screen()));
        assert!(pair.visible.iter().map(|part| part.rows).sum::<usize>() <= 27 && pair.chosen >= chosen, "{}", desk.screen());
        chosen = pair.chosen;
        let screen = desk.screen();
        seen.extend((0..120).filter(|line| screen.contains(&format!("line {line} of"))));
        desk.keys(key);
    }
    assert_eq!(seen.len(), 120, "{}", desk.screen());
    let screen = desk.screen();
    assert!(screen.contains("End.") && screen.contains("So it ends."), "{screen}");
    // Back at the beginning of the tall one, and Enter goes to the step that is chosen.
    desk.keys("gj");
    assert!(desk.screen().contains("line 0 of") && desk.screen().contains("rows, Space"), "{}", desk.screen());
    desk.keys("<Enter>");
    assert_eq!(desk.step(), 2);
}
