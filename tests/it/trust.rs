//! What labels rest on: modes, shares, repeats, known answers, times.

use stepscope::app::items::ItemId;
use stepscope::app::scoring::Known;
use stepscope::app::trust::{Guide, Terms};
use stepscope::app::{Effect, Message};
use stepscope::labels::{Action, Body, Draft, Event, Mode, Served};
use stepscope::trace::{FirstError, Label, Semantics, StepScore};

use super::desk::{Desk, SAMPLES, SOLUTIONS};

/// All events of the store, in order.
fn events(desk: &Desk) -> Vec<Event> {
    stepscope::labels::Store::events(desk.store.path(), "mira").unwrap()
}

fn last(desk: &Desk) -> Event {
    events(desk).pop().unwrap()
}

fn labels(desk: &Desk) -> Vec<Label> {
    desk.app.labels_here(desk.app.trace().unwrap()).0.steps
}

#[test]
fn a_problem_of_the_blind_share_shows_nothing_until_its_solutions_are_judged() {
    let mut desk = Desk::on(Terms { blind_share: 1.0, ..Terms::default() });
    assert!(!desk.app.show_prm && !desk.app.reference_shown());
    assert!(desk.screen().contains("BLIND SHARE"), "{}", desk.screen());
    desk.keys("p");
    assert!(!desk.app.show_prm, "p does not open the share");
    desk.keys("p");
    let solutions = desk.app.trace().unwrap().solutions.len();
    assert_eq!(solutions, 2);
    desk.keys("a");
    assert!(!desk.app.show_prm, "its other solution shares steps with it");
    let event = last(&desk);
    assert_eq!(
        (event.saw.blind, event.saw.context.mode, event.saw.context.served),
        (true, Some(Mode::Blind), Some(Served::BlindShare))
    );
    desk.keys("a((");
    assert!(desk.app.show_prm, "{}", desk.screen());
    desk.keys("2x");
    let event = last(&desk);
    assert_eq!((event.saw.blind, event.saw.context.mode), (false, Some(Mode::RevealAfter)), "changed with everything in sight");
}

#[test]
fn what_was_seen_of_the_blind_share_is_not_hidden_again() {
    let mut desk = Desk::demo();
    desk.keys(":blind-share 100<Enter>aau");
    assert!(!desk.app.show_prm, "a label taken back at once shows nothing: {}", desk.screen());
    desk.keys("a((");
    assert!(desk.app.show_prm);
    desk.keys("2xu");
    assert!(desk.app.show_prm, "{}", desk.screen());
    desk.keys("3x");
    let event = last(&desk);
    assert_eq!((event.saw.blind, event.saw.context.mode), (false, Some(Mode::RevealAfter)));
    let mut desk = desk.restart();
    desk.keys(":blind-share 100<Enter>u");
    assert!(desk.app.show_prm, "labels tell it to the next session");
}

#[test]
fn a_queue_that_moves_the_cursor_keeps_the_share_blind() {
    let mut desk = Desk::demo();
    desk.app.trust.terms.blind_share = 0.2;
    let shared = (1..=32).find(|problem| {
        desk.keys(&format!(":{problem}<Enter>"));
        desk.app.in_blind_share()
    });
    let word = desk.app.trace().unwrap().problem.text.split_whitespace().next().unwrap().to_owned();
    let open = (1..=32).find(|problem| {
        desk.keys(&format!(":{problem}<Enter>"));
        !desk.app.in_blind_share() && !desk.app.trace().unwrap().problem.text.contains(&word)
    });
    assert!(shared.is_some() && open.is_some() && desk.app.show_prm);
    desk.keys(&format!("&problem ~ {word}<Enter>"));
    assert!(desk.app.in_blind_share() && !desk.app.show_prm, "{}", desk.screen());
}

#[test]
fn the_share_is_that_of_the_content_and_about_as_large_as_it_says() {
    let mut desk = Desk::demo();
    desk.app.trust.terms.blind_share = 0.2;
    let members = |desk: &mut Desk| -> Vec<bool> {
        (0..32)
            .map(|problem| {
                desk.keys(&format!(":{}<Enter>", problem + 1));
                desk.app.in_blind_share()
            })
            .collect()
    };
    let first = members(&mut desk);
    assert_eq!(first, members(&mut desk));
    let count = first.iter().filter(|member| **member).count();
    assert!((2..=12).contains(&count), "{count} of 32");
}

#[test]
fn reveal_shows_scores_after_the_verdict_and_stays_there() {
    let mut desk = Desk::on(Terms { mode: Some(Mode::RevealAfter), ..Terms::default() });
    assert!(!desk.app.show_prm);
    let id = desk.id();
    desk.keys("a");
    assert_eq!(desk.id(), id);
    assert!(desk.app.show_prm);
    assert!(last(&desk).saw.blind);
    desk.keys("2x");
    let event = last(&desk);
    assert_eq!((event.saw.blind, event.saw.context.mode), (false, Some(Mode::RevealAfter)));
    assert_ne!(desk.id(), id, "a second verdict goes on");
}

#[test]
fn own_solutions_come_again_without_their_labels_and_the_session_goes_on_where_it_was() {
    let mut desk = Desk::demo();
    desk.app.trust.terms.repeat_share = 1.0;
    let mut expected = Vec::new();
    let mut seen = 0;
    for _ in 0..80 {
        let event_count = desk.app.session.decisions();
        if desk.app.own_hidden() {
            seen += 1;
            assert!(labels(&desk).iter().all(|label| *label == Label::Unseen), "{}", desk.screen());
            assert!(!desk.screen().contains("epeat"), "it is silent:\n{}", desk.screen());
        } else {
            expected.push(desk.id());
        }
        desk.keys("a");
        if desk.app.session.decisions() == event_count {
            break;
        }
        if seen == 3 && !desk.app.own_hidden() {
            break;
        }
    }
    assert_eq!(seen, 3);
    assert_eq!(desk.app.repeats(), (3, 3), "all right is what was said before");
    let served = events(&desk).iter().filter(|event| event.saw.context.served == Some(Served::Repeat)).count();
    assert_eq!(served, 3);
    // The others came in the order of the file, none left out and none twice.
    let mut fresh = Desk::demo();
    for id in &expected {
        assert_eq!(fresh.id(), *id);
        fresh.keys(")");
    }
}

#[test]
fn what_is_to_be_judged_once_more_outlives_the_session() {
    let mut desk = Desk::demo();
    desk.app.trust.terms.repeat_share = 1.0;
    // Fewer verdicts than the first repeat waits for; the rest is said in the next session.
    desk.keys(&"a".repeat(10));
    assert!(!desk.app.own_hidden());
    let mut desk = desk.restart();
    let mut came = Vec::new();
    for _ in 0..22 {
        if desk.app.own_hidden() {
            came.push(desk.app.record_key().unwrap());
        }
        desk.keys("a");
    }
    let act = |event: &Event| if let Body::Act(action) = &event.body { action.record() } else { None };
    let before: Vec<_> = events(&desk).iter().take(10).filter_map(act).collect();
    assert!(!came.is_empty() && came.iter().any(|record| before.contains(record)), "none of the last session's came again");
    assert_eq!(desk.app.repeats(), (came.len(), came.len()));
    // What was said of them outlives the session too.
    let mut desk = desk.restart();
    desk.keys(":trust<Enter>");
    let told = format!("{0} of {0} own solutions that came again", came.len());
    assert!(desk.screen().contains(&told), "{}", desk.screen());
}

#[test]
fn hidden_gold_comes_in_between_and_is_compared_with_what_is_known() {
    let mut desk = Desk::new(&[("demo/samples.jsonl", SAMPLES), ("demo/solutions.json", SOLUTIONS)], (100, 30));
    desk.app.items.files[1].hidden = true;
    let listed = desk.app.items.total();
    let counted = desk.app.standing().total;
    let known = Known { solutions: 5, ..Known::default() };
    desk.tell(Message::Prepared { item: ItemId { file: 1, problem: 3 }, known, requests: Vec::new() });
    assert_eq!(desk.app.standing().total, counted, "what was read for its scores would give itself away");
    let (mut gold, mut title) = (0, String::new());
    for _ in 0..40 {
        let file = desk.app.cursor.item.file;
        if file == 1 {
            gold += 1;
            assert!(!desk.screen().lines().next().unwrap().contains("solutions.json"), "{}", desk.screen());
            assert!(!desk.app.reference_shown());
            title = desk.screen().lines().next().unwrap().to_owned();
        }
        desk.keys("gsa");
        if gold == 2 {
            break;
        }
    }
    assert_eq!(gold, 2, "{title}");
    assert!(title.contains(&format!("/{listed}")), "{title}");
    assert_eq!(events(&desk).iter().filter(|event| event.saw.context.served == Some(Served::Gold)).count(), 2);
    assert_eq!(desk.app.trust.score().1, 2);
    assert_ne!(desk.app.cursor.item.file, 1, "back where one was");
    // The place that is remembered is that of the list.
    assert_eq!(desk.app.place_now().file, "demo/samples.jsonl");
}

#[test]
fn an_exam_asks_its_questions_and_gives_a_score() {
    let mut desk = Desk::demo();
    desk.app.trust = stepscope::app::trust::Trust::new(
        stepscope::app::trust::Terms { exam: Some(4), ..Default::default() },
        &desk.app.session,
    );
    desk.keys("k");
    let mut right = 0;
    for _ in 0..4 {
        assert!(desk.app.sheet.is_none());
        let source = desk.app.trace().unwrap();
        right += usize::from(source.recorded_labels(desk.app.solution().unwrap()).first_error == FirstError::NoError);
        assert!(!desk.screen().contains("file: "), "{}", desk.screen());
        desk.keys("a");
    }
    assert!(desk.screen().contains(&format!("{right} of ")), "{}", desk.screen());
    desk.keys("<Esc>");
    assert!(desk.app.sheet.is_none());
}

#[test]
fn what_is_left_open_in_an_exam_counts_and_is_named() {
    let mut desk = Desk::demo();
    desk.app.trust = stepscope::app::trust::Trust::new(
        stepscope::app::trust::Terms { exam: Some(3), ..Default::default() },
        &desk.app.session,
    );
    desk.keys("k");
    assert!(desk.screen().contains("question 1 of 3"), "{}", desk.screen());
    desk.keys("ff");
    assert!(desk.screen().contains("question 3 of 3"), "{}", desk.screen());
    desk.keys("f");
    assert!(desk.screen().contains("0 of 3 known answers found (0 %)"), "{}", desk.screen());
    assert_eq!(desk.screen().matches("left open").count(), 3, "{}", desk.screen());
}

#[test]
fn the_time_spent_is_stored_by_step_with_pauses_cut_and_quick_marks_are_counted_calmly() {
    let mut desk = Desk::demo();
    desk.tell(Message::Clock(1000));
    desk.keys("j");
    desk.tell(Message::Clock(3500));
    desk.keys("j");
    desk.tell(Message::Clock(900_000));
    desk.keys("a");
    let event = last(&desk);
    assert_eq!(event.ms_spent, Some(62_500));
    assert_eq!(event.saw.context.step_ms[..3], [0, 2500, 60_000]);
    assert_eq!(desk.app.trust.fast, 0);
    // Some solution of the demo has more than 60 words.
    for number in 0..40u64 {
        desk.tell(Message::Clock(900_001 + number));
        desk.keys("a");
    }
    assert!(desk.app.trust.fast > 0);
    desk.keys(":trust<Enter>");
    let said = format!("quick      {} of them", desk.app.trust.fast);
    assert!(desk.screen().contains(&said), "{}", desk.screen());
}

#[test]
fn a_verdict_takes_the_time_of_the_note_before_it_and_the_time_before_the_first_key() {
    let mut desk = Desk::demo();
    desk.tell(Message::Clock(0));
    desk.tell(Message::Clock(6000));
    desk.keys("cnote<Enter>");
    desk.tell(Message::Clock(6500));
    desk.keys("a");
    let ms: Vec<_> = events(&desk).iter().map(|event| event.ms_spent).collect();
    assert_eq!(ms, [Some(6000), Some(500)]);
    assert_eq!((desk.app.trust.fast, desk.app.trust.verdicts), (0, (1, 6500)));
    let judged = desk.app.session.verdicts().next().unwrap().ms_spent;
    assert_eq!(judged, Some(6500), "also after a restart");
}

#[test]
fn what_was_seen_and_then_hidden_is_stored() {
    let mut desk = Desk::demo();
    desk.app.trust.terms.blind_share = 0.0;
    let trace = desk.app.trace().unwrap().clone();
    for id in trace.steps() {
        let score = StepScore::new(0.75, Semantics::Correctness).unwrap();
        desk.app.scoring.scores.insert(trace.node(id).key, score);
    }
    desk.keys("jpgra");
    let saw = last(&desk).saw;
    assert!(
        !saw.blind && saw.context.scores.iter().flatten().all(|score| (*score - 0.75).abs() < 1e-9) && saw.score.is_none(),
        "{saw:?}"
    );
    assert!(!saw.context.scores.is_empty() && saw.shown.contains("reference:before"), "{saw:?}");
}

#[test]
fn history_goes_back_before_steps_were_merged() {
    let mut desk = Desk::demo();
    desk.keys("2=:neutral<Enter>gggm");
    desk.keys("gH");
    assert!(desk.screen().contains("rating of a step at step"), "{}", desk.screen());
}

#[test]
fn the_order_tells_nothing_of_the_blind_share() {
    let mut desk = Desk::demo();
    for number in 1..=12 {
        desk.keys(&format!("{number}go"));
    }
    desk.app.trust.terms.blind_share = 0.5;
    let open = |desk: &mut Desk, number: usize| !desk.keys(&format!("{number}go")).app.in_blind_share();
    assert!((1..=12).any(|number| open(&mut desk, number)) && desk.app.show_prm, "{}", desk.screen());
    let items: Vec<_> = desk.app.items.loaded().collect();
    let shown: Vec<bool> = items.iter().map(|item| desk.app.shows_number_of(*item)).collect();
    assert!(shown.contains(&true) && shown.contains(&false), "{shown:?}");
}

#[test]
fn undo_leaves_the_labels_of_another_session_alone() {
    let mut desk = Desk::demo();
    desk.keys("a");
    let record = last(&desk).body;
    let (mut other, _) = stepscope::labels::Store::open(desk.store.path(), "mira").unwrap();
    let Body::Act(action) = record else { panic!("{record:?}") };
    let theirs = other.append(Draft::of(Action::Flag { record: action.record().unwrap(), on: true })).unwrap();
    desk.tell(Message::Foreign(vec![theirs]));
    assert_eq!(desk.app.session.decisions(), 2);
    desk.keys("u");
    assert_eq!(desk.app.session.decisions(), 1);
    assert!(desk.app.session.flagged(action.record().unwrap()), "theirs stays");
    desk.keys("u");
    assert_eq!(desk.app.session.decisions(), 1);
    assert!(desk.app.notice.as_deref().is_some_and(|notice| notice.contains("another session")));
}

#[test]
fn labels_name_the_guideline_and_the_scores_that_were_seen() {
    let mut desk = Desk::demo();
    desk.app.trust.terms.guide = Some(Guide::new("# Rules\nBlame the first step that is really wrong.\n".into()));
    desk.keys("gh");
    assert!(desk.screen().contains("Blame the first step"), "{}", desk.screen());
    desk.keys("x<Esc>a");
    assert_eq!(desk.app.session.decisions(), 1, "the page owns the keyboard");
    let version = last(&desk).saw.context.guideline.unwrap();
    assert_eq!((version.len(), last(&desk).saw.context.scores), (12, Vec::new()));
}

#[test]
fn history_tells_everything_that_was_said() {
    let mut desk = Desk::demo();
    desk.keys("gH");
    assert_eq!(desk.app.notice.as_deref(), Some("nothing was said of this solution"));
    desk.keys("2Xs(a(u:history<Enter>");
    let screen = desk.screen();
    assert!(screen.contains("first error at step 2: sign") && screen.contains("all steps right"), "{screen}");
    assert!(screen.lines().any(|line| line.contains("all steps right") && line.contains("(taken back)")), "{screen}");
}

#[test]
fn guided_mode_shows_a_step_once_the_one_before_it_is_rated() {
    let mut desk = Desk::demo();
    let second = desk.app.trace().unwrap().node(desk.app.cursor.path[1]).text.clone();
    let words: String = second.chars().take(20).collect();
    desk.keys(":guided<Enter>");
    assert!(!desk.screen().contains(&words), "{}", desk.screen());
    desk.keys("jj");
    assert_eq!(desk.step(), 1);
    desk.keys("a3x");
    assert_eq!(desk.app.session.decisions(), 0, "nobody judges what they have not seen");
    desk.keys("=");
    assert_eq!(desk.step(), 2);
    assert!(desk.screen().contains(&words), "{}", desk.screen());
}

#[test]
fn a_text_is_kept_also_when_the_label_before_it_could_not_be_saved() {
    let mut desk = Desk::demo();
    let record = desk.app.record_key().unwrap();
    desk.app.saving.queue.push_back(Draft::of(Action::Skip { record }));
    desk.app.saving.in_flight = true;
    desk.tell(Message::SaveFailed("disk full".into()));
    desk.keys("cstill here<Enter>");
    let queued = desk.app.saving.queue.iter().filter(|draft| matches!(draft.body, Body::Act(Action::Write { .. }))).count();
    let sent = desk.left.iter().any(|effect| matches!(effect, Effect::Save(_)));
    assert!(queued == 1 || sent || desk.app.session.decisions() == 2, "{:?}", desk.app.saving);
}

#[test]
fn gh_opens_the_section_that_fits_and_own_examples_stand_below() {
    let mut desk = Desk::new(&[("demo/solutions.json", SOLUTIONS)], (80, 24));
    let filler = "Words.\n\n".repeat(20);
    let text = format!("# Task\n{filler}# Arithmetic\nNumbers.\n{filler}# Signs\nA lost sign.\n{filler}");
    desk.app.trust.terms.guide = Some(Guide::new(text));
    desk.keys("gh");
    assert!(desk.screen().contains("# Task"), "{}", desk.screen());
    desk.keys("<Esc>2Xs(gg2G");
    assert_eq!(desk.step(), 2);
    desk.keys("gh");
    let screen = desk.screen();
    assert!(screen.contains("# Signs") && !screen.contains("# Arithmetic"), "{screen}");
    desk.keys("kk");
    assert!(desk.screen().lines().nth(1).unwrap().contains("Words."), "one can read on above:\n{}", desk.screen());
    desk.keys("G");
    let screen = desk.screen();
    assert!(screen.contains("Your own examples: sign") && screen.contains("problem 1, step 2 (sign)"), "{screen}");
}

#[test]
fn guided_mode_says_nothing_of_what_it_does_not_show() {
    let mut desk = Desk::demo();
    desk.keys(":guided<Enter>");
    assert!(!desk.screen().contains("file: "), "{}", desk.screen());
    let steps = desk.app.cursor.path.len();
    desk.keys("3x");
    assert!(desk.app.notice.as_deref().is_some_and(|said| said.contains("comes when")), "{:?}", desk.app.notice);
    desk.keys("99x");
    let said = format!("there is no step 99; this solution has {steps}");
    assert_eq!(desk.app.notice.as_deref(), Some(said.as_str()));
}

#[test]
fn a_solution_with_a_known_answer_is_not_told_apart_by_list_or_reference() {
    let mut desk = Desk::new(&[("demo/samples.jsonl", SAMPLES), ("demo/solutions.json", SOLUTIONS)], (120, 40));
    desk.app.items.files[1].hidden = true;
    desk.tell(Message::Tick);
    for _ in 0..40 {
        let screen = desk.screen();
        assert!(!screen.contains("file: ") && !screen.contains("RIGHT") && !screen.contains("WRONG"), "{screen}");
        if desk.app.cursor.item.file == 1 {
            assert!(screen.lines().any(|line| line.starts_with('>')), "the list stays where one was:\n{screen}");
            return;
        }
        desk.keys("gsa");
    }
    panic!("none came");
}

#[test]
fn after_a_reveal_what_is_due_comes_by_the_key_that_the_screen_names() {
    let mut desk = Desk::new(&[("demo/samples.jsonl", SAMPLES), ("demo/solutions.json", SOLUTIONS)], (100, 30));
    desk.app.items.files[1].hidden = true;
    desk.keys("gs:mode reveal<Enter>");
    let came = (0..30).any(|_| {
        desk.keys("gsa)");
        desk.app.cursor.item.file == 1
    });
    assert!(came);
}

#[test]
fn who_has_seen_the_scores_does_not_judge_blind_by_hiding_them_again() {
    let mut desk = Desk::on(Terms { mode: Some(Mode::Blind), ..Terms::default() });
    desk.keys("a");
    assert_eq!((last(&desk).saw.context.mode, last(&desk).saw.blind), (Some(Mode::Blind), true));
    // A look, and back.
    desk.keys("pp");
    assert!(desk.screen().contains("BLIND, was seen"), "{}", desk.screen());
    desk.keys("x");
    assert_eq!((last(&desk).saw.context.mode, last(&desk).saw.blind), (Some(Mode::RevealAfter), false));
    desk.keys("a");
    assert_eq!((last(&desk).saw.context.mode, last(&desk).saw.blind), (Some(Mode::Blind), true), "the next one was not seen");
    // Taken back and judged anew after the reveal.
    desk.keys(":mode reveal<Enter>a");
    assert!(last(&desk).saw.blind);
    desk.keys("u2x");
    assert_eq!((last(&desk).saw.context.mode, last(&desk).saw.blind), (Some(Mode::RevealAfter), false));
}

#[test]
fn what_a_verdict_reveals_is_the_solution_that_was_judged() {
    let mut desk = Desk::new(&[("demo/samples.jsonl", SAMPLES)], (120, 40));
    let trace = desk.app.trace().unwrap().clone();
    for id in trace.steps() {
        let score = stepscope::trace::StepScore::new(0.77, stepscope::trace::Semantics::Correctness).unwrap();
        desk.app.scoring.scores.insert(trace.node(id).key, score);
    }
    desk.keys(":mode reveal<Enter>gsa");
    let shown = trace.steps().filter(|&id| desk.app.shown_score(trace.node(id).key).is_some()).count();
    assert_eq!(shown, desk.app.cursor.path.len());
    let others = trace.solutions.iter().filter(|solution| desk.app.shows_score_of(&trace, solution.leaf)).count();
    assert!(others < trace.solutions.len());
    let node = trace.steps().find(|id| !desk.app.cursor.path.contains(id)).unwrap();
    assert!(!desk.app.shows_numbers_of(node), "numbers of the search tell of the others, too");
}

#[test]
fn a_mode_named_at_the_start_is_that_of_the_session_whatever_the_last_one_had() {
    let mut desk = Desk::demo();
    desk.keys(":mode blind<Enter>");
    let mut desk = desk.restart();
    assert_eq!(desk.app.trust.mode, Mode::Blind, "it stays so until somebody says otherwise");
    desk.app.trust.terms.mode = Some(Mode::RevealAfter);
    let desk = desk.restart();
    assert_eq!(desk.app.trust.mode, Mode::RevealAfter);
    assert!(desk.screen().contains("REVEAL"), "{}", desk.screen());
}

#[test]
fn who_wrote_a_solution_is_not_told_where_scores_are_hidden() {
    let line = br#"{"id":"t-1","generator":"Model-72B","problem":"How many?","steps":["One and one.","Two."],"label":-1,"final_answer_correct":true}"#;
    let mut desk = Desk::new(&[("one.jsonl", line)], (120, 40));
    assert!(desk.screen().contains("by Model-72B"), "{}", desk.screen());
    desk.keys("p");
    assert!(!desk.screen().contains("Model-72B"), "{}", desk.screen());
    assert!(desk.screen().contains("id t-1"), "{}", desk.screen());
}

#[test]
fn an_exam_may_require_a_share() {
    let terms = Terms { exam: Some(2), required: Some(0.8), ..Default::default() };
    let mut desk = Desk::on(terms);
    desk.keys("aa");
    assert!(desk.app.exam_result().contains("passed, 80 % are required"), "{}", desk.app.exam_result());
}

#[test]
fn the_reference_is_a_page_where_it_may_be_seen() {
    let mut desk = Desk::new(&[("demo/samples.jsonl", SAMPLES), ("demo/solutions.json", SOLUTIONS)], (100, 30));
    desk.app.trust.terms.blind_share = 0.0;
    desk.keys("g=");
    assert!(desk.app.sheet.is_some() && desk.screen().contains("Answer:"), "{}", desk.screen());
    desk.keys("<Esc>p");
    desk.keys("g=");
    assert!(desk.app.sheet.is_none(), "{}", desk.screen());
}

#[test]
fn an_exam_gives_nothing_away_and_asks_its_own_questions_alone() {
    let mut desk = Desk::on(Terms { mode: Some(Mode::Blind), exam: Some(4), ..Terms::default() });
    desk.keys("k");
    let first = desk.app.cursor.item;
    // What is put off comes again, behind the others.
    desk.keys("s");
    assert!(desk.app.cursor.item != first && desk.screen().contains("question 1 of 4"), "{}", desk.screen());
    let second = desk.app.cursor.item;
    desk.keys("a:trust<Enter>");
    assert!(desk.screen().contains("1 of 4 questions answered") && !desk.screen().contains("known is"), "{}", desk.screen());
    desk.keys("<Esc>p");
    assert!(!desk.app.show_prm, "{:?}", desk.app.notice);
    let third = desk.app.cursor.item;
    desk.keys(":mode assist<Enter>}");
    assert!(!desk.app.show_prm && desk.app.cursor.item == third, "{:?}", desk.app.notice);
    // Who says something else of an earlier one goes on with the question that was asked.
    desk.keys("u");
    assert_eq!(desk.app.cursor.item, second);
    desk.keys("1x");
    assert_eq!(desk.app.cursor.item, third);
    desk.keys("aa");
    assert_eq!(desk.app.cursor.item, first, "what was put off");
    assert!(desk.app.sheet.is_none());
    desk.keys("a");
    assert!(desk.app.sheet.is_some(), "{}", desk.screen());
    let result = desk.app.exam_result();
    assert!(result.contains(" of 4 known answers found") && !result.contains("left open"), "{result}");
    let decisions = desk.app.session.decisions();
    desk.keys("<Esc>}xu");
    assert_eq!((desk.app.exam_result(), desk.app.session.decisions()), (result, decisions), "its result stands");
    assert_eq!(desk.app.notice.as_deref(), Some("the exam is over: its result stands"));
}

#[test]
fn a_history_has_all_words_that_were_written() {
    let mut desk = Desk::demo();
    desk.keys("cThe units are hours here and were minutes before, so nothing fits<Enter>gH");
    assert!(desk.screen().contains("minutes before, so nothing fits"), "{}", desk.screen());
}
