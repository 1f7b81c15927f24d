//! Keys in, state and screen out.

use proptest::prelude::*;
use stepscope::app::{Effect, Focus, Message};
use stepscope::trace::{FirstError, Label, Writing};

use super::desk::{Desk, SAMPLES, SOLUTIONS, TREE};

fn labels(desk: &Desk) -> (Vec<Label>, FirstError) {
    let trace = desk.app.trace().unwrap();
    let labels = desk.app.own_labels(trace, desk.app.solution().unwrap().leaf);
    (labels.steps, labels.first_error)
}

#[test]
fn one_key_labels_a_solution_and_goes_on() {
    let mut desk = Desk::demo();
    let first = desk.id();
    desk.keys("jx");
    assert_ne!(desk.id(), first);
    desk.keys("(");
    assert_eq!(desk.id(), first);
    let (steps, first_error) = labels(&desk);
    assert_eq!(first_error, FirstError::At(1));
    assert_eq!(steps[..2], [Label::Good, Label::Bad]);
    assert!(steps[2..].iter().all(|label| *label == Label::AfterError));
}

#[test]
fn a_count_names_the_step_of_the_first_error() {
    let mut desk = Desk::demo();
    desk.keys("3x(");
    assert_eq!(labels(&desk).1, FirstError::At(2));
    let before = desk.id();
    desk.keys("99x");
    assert_eq!(desk.id(), before);
    assert!(desk.app.notice.as_ref().unwrap().contains("there is no step 99"));
}

#[test]
fn all_right_is_one_key() {
    let mut desk = Desk::demo();
    desk.keys("a(");
    let (steps, first_error) = labels(&desk);
    assert_eq!(first_error, FirstError::NoError);
    assert!(steps.iter().all(|label| *label == Label::Good));
}

#[test]
fn undo_goes_back_to_where_the_label_was_set_also_after_a_restart() {
    let mut desk = Desk::demo();
    let first = desk.id();
    desk.keys("2xaa");
    let mut desk = desk.restart();
    desk.keys("uuu");
    assert_eq!(desk.id(), first);
    assert_eq!(labels(&desk).1, FirstError::Unknown);
    desk.keys("u");
    assert_eq!(desk.app.notice.as_deref(), Some("nothing left to undo"));
    desk.keys("<C-r>");
    assert_eq!(labels(&desk).1, FirstError::At(1));
}

#[test]
fn a_new_label_after_undo_ends_what_could_be_redone() {
    let mut desk = Desk::demo();
    desk.keys("aau{{(((((a<C-r>");
    assert_eq!(desk.app.notice.as_deref(), Some("nothing left to redo"));
}

#[test]
fn ratings_move_the_cursor_down_and_neutral_is_not_unseen() {
    let mut desk = Desk::demo();
    desk.keys("=0");
    assert_eq!(desk.step(), 3);
    let (steps, first_error) = labels(&desk);
    assert_eq!(steps[..3], [Label::Good, Label::Neutral, Label::Unseen]);
    assert_eq!(first_error, FirstError::Unknown);
    desk.keys("-");
    assert_eq!((desk.step(), labels(&desk).1), (4, FirstError::Unknown), "the rest has no rating");
    desk.keys("gx(");
    assert_eq!(labels(&desk).1, FirstError::At(2));
}

#[test]
fn a_mark_on_a_shared_step_covers_every_solution_through_it() {
    let mut desk = Desk::new(&[("demo/samples.jsonl", SAMPLES)], (80, 24));
    let trace = desk.app.trace().unwrap().clone();
    assert!(trace.solutions.len() >= 8);
    desk.keys("gg");
    let through = trace.solutions_through(desk.app.cursor.node);
    desk.keys("gs1x");
    let marked = trace.solutions.iter().filter(|s| desk.app.own_labels(&trace, s.leaf).first_error == FirstError::At(0)).count();
    assert_eq!(marked, through);
}

#[test]
fn a_session_starts_again_where_it_stopped() {
    let mut desk = Desk::demo();
    desk.keys("))))jj");
    let (id, step) = (desk.id(), desk.step());
    let desk = desk.restart();
    assert_eq!((desk.id(), desk.step()), (id, step));
}

#[test]
fn search_finds_steps_in_later_problems_and_wraps() {
    let mut desk = Desk::demo();
    desk.keys("/def <Enter>");
    let trace = desk.app.trace().unwrap();
    assert!(trace.node(desk.app.cursor.node).text.contains("def "), "{}", desk.screen());
    let (id, step) = (desk.id(), desk.step());
    desk.keys("nN");
    assert_eq!((desk.id(), desk.step()), (id, step));
    desk.keys("/no such text anywhere<Enter>");
    assert_eq!(desk.app.notice.as_deref(), Some("no match for no such text anywhere"));
}

#[test]
fn latex_that_is_no_regular_expression_is_searched_as_it_stands() {
    let mut desk = Desk::demo();
    desk.keys("/\\frac{<Enter>");
    let trace = desk.app.trace().unwrap();
    assert!(trace.node(desk.app.cursor.node).text.contains("\\frac{"), "{:?}", desk.app.notice);
}

#[test]
fn text_input_owns_the_keyboard() {
    let mut desk = Desk::demo();
    desk.keys("cxaq 4<Esc>");
    assert!(!desk.app.quitting);
    assert_eq!(labels(&desk).1, FirstError::Unknown);
    desk.keys("cwrong sign<Enter>");
    let key = desk.app.trace().unwrap().node(desk.app.cursor.node).key;
    assert_eq!(desk.app.session.text(Writing::Note, Some(key), desk.app.record_key_here()), Some("wrong sign"));
}

#[test]
fn esc_never_leaves() {
    let mut desk = Desk::demo();
    desk.keys("<Esc><Esc>?<Esc>:<Esc>/<Esc>g<Esc>12<Esc><Esc>");
    assert!(!desk.app.quitting);
}

#[test]
fn every_command_has_a_name_that_runs_it() {
    let mut desk = Desk::demo();
    desk.keys(":all-right<Enter>(");
    assert_eq!(labels(&desk).1, FirstError::NoError);
    desk.keys(":7<Enter>");
    assert_eq!(desk.app.items.rank(desk.app.cursor.item), 6);
    desk.keys(":999<Enter>");
    assert_eq!(desk.app.items.rank(desk.app.cursor.item), 6);
    assert_eq!(desk.app.notice.as_deref(), Some("no problem 999: there are 32"));
    desk.keys(":threshold 0.25<Enter>");
    assert!((desk.app.scoring.threshold - 0.25).abs() < 1e-12);
}

#[test]
fn the_key_table_of_the_readme_is_the_command_table() {
    let table = stepscope::app::keymap::Keymap::default().markdown();
    assert!(
        crate::support::readme().contains(table.trim()),
        "README.md: replace the key table by the output of `stepscope keys`"
    );
}

#[test]
fn a_search_tree_opens_as_a_tree_and_its_keys_follow_the_numbers() {
    let mut desk = Desk::new(&[("demo/tree.jsonl", TREE)], (120, 40));
    assert_eq!(desk.app.focus, Focus::Tree);
    let trace = desk.app.trace().unwrap().clone();
    desk.keys("gggb");
    let node = trace.node(desk.app.cursor.node);
    let siblings = &trace.node(node.parent.unwrap()).children;
    let best = siblings.iter().filter_map(|&id| trace.node(id).stats.q).fold(f64::MIN, f64::max);
    assert_eq!(node.stats.q, Some(best));
    desk.keys("zM");
    assert_eq!(desk.app.tree.rows.len(), trace.nodes[0].children.len());
    desk.keys("zR");
    assert_eq!(desk.app.tree.rows.len(), trace.nodes.len() - 1);
}

#[test]
fn nothing_of_a_hostile_record_reaches_the_screen() {
    let mut desk = Desk::new(&[("demo/solutions.json", SOLUTIONS)], (120, 40));
    desk.keys("G").keys(":32<Enter>");
    assert_eq!(desk.id(), "demo-hostile");
    for _ in 0..30 {
        let buffer = desk.buffer();
        for cell in buffer.content() {
            for c in cell.symbol().chars() {
                assert!(!c.is_control(), "{c:?} on the screen");
                assert!(
                    !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{e0000}'..='\u{e007f}' | '\u{200b}'),
                    "{c:?}"
                );
            }
        }
        desk.keys("j");
    }
}

#[test]
fn code_in_a_step_gets_its_colours() {
    let mut desk = Desk::demo();
    desk.keys("/def <Enter>");
    let key = desk.app.trace().unwrap().node(desk.app.cursor.node).key;
    let tokens = desk.app.steps.code(key).expect("colours were asked for");
    assert!(tokens.len() > 3, "{tokens:?}");
}

#[test]
fn a_label_that_was_not_written_is_not_called_saved() {
    let mut desk = Desk::demo();
    let effects = stepscope::app::update(
        &mut desk.app,
        Message::Terminal(crossterm::event::Event::Key(crossterm::event::KeyEvent::from(crossterm::event::KeyCode::Char('a')))),
    );
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Save(_))));
    assert!(!desk.app.saving_line().contains("saved "));
    desk.tell(Message::SaveFailed("disk full".into()));
    assert!(desk.app.saving_line().starts_with("NOT SAVED"));
    desk.keys("q");
    assert!(!desk.app.quitting);
    desk.keys("gW");
    assert!(desk.app.saving_line().contains("saved 12:00:00"), "{}", desk.app.saving_line());
}

/// Shapes that stand in no demo file: a tree without solutions, a step of many rows, a long problem.
const ODD: &[u8] = include_bytes!("../fixtures/odd.jsonl");

#[test]
fn every_character_of_a_step_is_on_the_screen() {
    for width in [60, 80, 99, 100, 120, 160, 200] {
        let mut desk = Desk::new(&[("demo/solutions.json", SOLUTIONS)], (width, 60));
        for _ in 0..12 {
            let trace = desk.app.trace().unwrap().clone();
            for step in 0..desk.app.cursor.path.len() {
                let node = trace.node(desk.app.cursor.path[step]);
                // What stands in the steps pane, column of the text onwards, without the white space of the wrapping.
                let pane = stepscope::app::layout::panes(&desk.app).unwrap().steps.unwrap();
                let columns = stepscope::app::layout::step_columns(&desk.app, pane.width);
                let left = pane.right() - u16::try_from(columns.text).unwrap();
                let buffer = desk.buffer();
                let shown: String = (pane.y..pane.bottom())
                    .flat_map(|y| (left..pane.right()).map(move |x| (x, y)))
                    .map(|at| buffer[at].symbol().trim().to_owned())
                    .collect();
                let text: String = stepscope::text::safe(&node.text).chars().filter(|c| !c.is_whitespace()).collect();
                assert!(shown.contains(&text), "{width}: {text}\nis not in\n{shown}");
                desk.keys("j");
            }
            desk.keys(")");
        }
    }
}

#[test]
fn blind_labelling_shows_nothing_of_model_and_file() {
    let mut desk = Desk::new(&[("demo/tree.jsonl", TREE), ("demo/solutions.json", SOLUTIONS)], (120, 40));
    desk.keys("p");
    assert!(!desk.screen().contains(" MC") && !desk.screen().contains("visits"), "{}", desk.screen());
    let before = desk.app.cursor.node;
    desk.keys("gb");
    assert_eq!(desk.app.cursor.node, before);
    desk.keys("}gs)");
    let screen = desk.screen();
    assert!(!["RIGHT", "WRONG", "file:", " (x) ", " (+) "].iter().any(|leak| screen.contains(leak)), "{screen}");
    let unseen = desk.buffer();
    desk.keys("gr");
    assert_eq!(desk.screen().lines().nth(1), unseen_line(&unseen).as_deref());
    let desk = desk.restart();
    assert!(!desk.app.show_prm, "a blind session starts again blind");
}

fn unseen_line(buffer: &ratatui::buffer::Buffer) -> Option<String> {
    let row: String = (0..buffer.area.width).map(|x| buffer[(x, 1)].symbol()).collect();
    Some(row.trim_end().to_owned())
}

#[test]
fn a_rating_of_a_shared_step_leaves_recorded_labels_of_siblings_alone() {
    let mut desk = Desk::new(&[("demo/samples.jsonl", SAMPLES)], (80, 24));
    let trace = desk.app.trace().unwrap().clone();
    let labelled = |desk: &Desk| trace.solutions.iter().filter(|s| desk.app.session.overlay(&trace, s).0.is_labelled()).count();
    let before = labelled(&desk);
    desk.keys("gsgg=");
    assert_eq!(labelled(&desk), before);
}

#[test]
fn labels_are_not_set_on_steps_that_cannot_be_seen() {
    let mut desk = Desk::demo();
    desk.keys("glx");
    assert_eq!(desk.app.session.decisions(), 0);
    desk.keys("<Enter>");
    desk.tell(Message::Terminal(crossterm::event::Event::Resize(40, 10)));
    desk.keys("a");
    assert_eq!(desk.app.session.decisions(), 0);
}

#[test]
fn a_verdict_is_on_every_node_of_the_tree_that_it_speaks_of() {
    let mut desk = Desk::new(&[("demo/tree.jsonl", TREE)], (120, 40));
    let path = desk.app.cursor.path.clone();
    desk.keys("a");
    assert!(path.iter().all(|id| desk.app.node_labels.get(id) == Some(&Label::Good)));
}

#[test]
fn tab_reaches_every_open_pane_in_both_directions() {
    let mut desk = Desk::new(&[("demo/tree.jsonl", TREE)], (120, 40));
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(desk.app.focus);
        desk.keys("<Tab>");
    }
    assert_eq!(seen, [Focus::Tree, Focus::Steps, Focus::List]);
    desk.keys(":previous-pane<Enter>");
    assert_eq!(desk.app.focus, Focus::List);
}

#[test]
fn a_number_that_is_none_labels_nothing() {
    let mut desk = Desk::demo();
    desk.keys(":first-error four<Enter>:first-error 0<Enter>:down 18446744073709551615<Enter>:threshold 7<Enter>");
    assert_eq!(desk.app.session.decisions(), 0);
    assert!((desk.app.scoring.threshold - 0.5).abs() < 1e-9);
}

#[test]
fn undo_does_not_reach_into_files_that_are_not_open() {
    let desk = Desk::demo();
    let mut desk = desk;
    desk.keys("a");
    let mut desk = desk.restart_on(&[("demo/samples.jsonl", SAMPLES)]);
    desk.keys("u");
    assert_eq!(desk.app.session.decisions(), 1);
    assert!(desk.app.notice.as_ref().unwrap().contains("demo/solutions.json"), "{:?}", desk.app.notice);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn no_keys_on_any_screen_panic_and_the_cursor_stays_inside(
        keys in prop::collection::vec(prop::sample::select(vec![
            "j", "k", "h", "l", "J", "K", "(", ")", "{", "}", "gg", "G", "5G", "<C-d>", "<C-u>", "zz", "zt", "zb", "zo", "zc", "za", "zM",
            "zR", "x", "2x", "a", "=", "0", "-", "f", "s", "!", "u", "<C-r>", "n", "N", "]e", "[e", "]u", "[u", "p", "?", "<Esc>", ":3<Enter>",
            "/the<Enter>", "<Tab>", "gt", "gs", "gl", "gp", "gb", "gw", "gv", "gQ", "gr", "y", "<BS>", "]f", ":36<Enter>", "<C-d><C-d>j<C-u>",
        ]), 1..60),
        width in 1u16..210, height in 1u16..70,
    ) {
        let mut desk = Desk::new(&[("demo/samples.jsonl", SAMPLES), ("demo/solutions.json", SOLUTIONS), ("demo/tree.jsonl", TREE), ("odd.jsonl", ODD)], (width, height));
        for keys in keys {
            desk.keys(keys);
            if let Some(trace) = desk.app.trace() {
                prop_assert!(desk.app.cursor.node.index() < trace.nodes.len());
                prop_assert!(desk.app.cursor.path.is_empty() || desk.app.cursor.path.contains(&desk.app.cursor.node));
            }
            prop_assert!(desk.app.items.rank(desk.app.cursor.item) < desk.app.items.total());
            desk.screen();
        }
    }
}

#[test]
fn the_way_to_one_score_of_a_solution_is_switched_live() {
    let mut desk = Desk::demo();
    let mut seen = Vec::new();
    for _ in 0..6 {
        desk.keys("gA");
        seen.push(desk.app.notice.clone().unwrap());
    }
    // Six forms make a round; without a model the lowest step is where it starts.
    assert!(seen[0].contains("prod") && seen[4].contains("soft-min") && seen[5].contains("min of the steps (as its authors do)"));
}

/// Why a source calls a step wrong stands beside the step that it calls so, and is hidden with its verdict.
#[test]
fn words_of_the_file_are_shown_on_their_step() {
    let records = include_bytes!("../fixtures/formats/verify-then-generate.jsonl");
    let mut desk = Desk::new(&[("students.jsonl", records)], (120, 40));
    assert!(!desk.screen().contains("critique on step 2"), "{}", desk.screen());
    desk.keys("j");
    let screen = desk.screen();
    for said in ["file: error Wrong operation", "file: critique on step 2: Adds.", "file: correction: 3 x 4 = 12."] {
        assert!(screen.contains(said), "{said}: {screen}");
    }
    desk.keys("gr");
    assert!(!desk.screen().contains("file: "), "{}", desk.screen());
}

#[test]
fn a_long_reason_takes_the_rows_that_are_free() {
    let reason = (1..=40).map(|n| format!("word{n}")).collect::<Vec<_>>().join(" ");
    let record = serde_json::json!({"prompt": "p", "original_question": "What is 1 + 1?", "modified_question": "What is 1 + 1?",
        "original_process": ["It is 2."], "modified_process": ["We add.", "It is 3."], "modified_steps": [2], "error_steps": [2],
        "reason": reason, "classification": "circular", "idx": "a"});
    let record: &'static [u8] = Box::leak(record.to_string().into_bytes().into_boxed_slice());
    let mut desk = Desk::new(&[("wrong.jsonl", record)], (120, 40));
    desk.keys("gsj");
    let screen = desk.screen();
    let rows = screen.lines().filter(|line| line.contains("word")).count();
    assert!(rows >= 3 && screen.contains("word40"), "{rows}: {screen}");
}

/// What a model gives beside a score stands in the detail pane, is read with `:diff critique`, grows while it is written, and is hidden with the
/// scores.
#[test]
fn critiques_and_shares_of_tokens_are_shown_beside_the_step() {
    use stepscope::scoring::WorkerEvent;
    use stepscope::trace::{Critique, Rationale};
    let mut desk = Desk::new(&[("demo/solutions.json", SOLUTIONS)], (120, 40));
    desk.keys("j");
    let key = desk.app.trace().unwrap().node(desk.app.cursor.node).key;
    let tell = |desk: &mut Desk, rationale| {
        desk.tell(Message::Worker(WorkerEvent::Rationale { request: 1, key, rationale }));
    };
    let critique = |text: &str, score| Critique { text: text.to_owned(), score };
    let growing = Rationale::critiques(vec![critique("First I look at the \u{1b}[31mnumbers.", None)]);
    tell(&mut desk, growing);
    desk.keys(":diff critique<Enter>");
    assert!(desk.screen().contains("First I look at the"), "{}", desk.screen());
    assert!(!desk.screen().contains('\u{1b}'));
    tell(&mut desk, Rationale::critiques(vec![critique("Then all fits.", Some(0.9)), critique("Hm.", None)]));
    let screen = desk.screen();
    assert!(screen.contains("[1 of 2: P(correct) 0.900]") && screen.contains("Then all fits."), "{screen}");
    assert!(screen.contains("critique: 1 right, 1 invalid"), "{screen}");
    desk.keys(":diff off<Enter>");
    assert!(desk.screen().contains("wrote 1 right, 1 invalid   (:diff critique)"), "{}", desk.screen());
    desk.keys("p");
    assert!(!desk.screen().contains("wrote 1 right"), "hidden with the scores");
    desk.keys("p");
    tell(&mut desk, Rationale::Tokens(vec![("So ".to_owned(), 0.25), ("wrong".to_owned(), -0.5)]));
    let screen = desk.screen();
    assert!(screen.contains("tok   2 tokens   lowest \"wrong\" -0.5000") && screen.contains("So wrong"), "{screen}");
}

/// Where the numbers of a step come from is said beside it, and hidden with the other hints.
#[test]
fn origins_of_numbers_stand_beside_the_step() {
    let mut desk = Desk::new(&[("demo/solutions.json", SOLUTIONS)], (120, 40));
    desk.keys("j");
    let screen = desk.screen();
    let line = screen.lines().find(|line| line.contains("num   ")).unwrap_or_else(|| panic!("{screen}"));
    assert!(line.contains("from the problem") || line.contains("from steps before"), "{line}");
    desk.keys("p");
    assert!(!desk.screen().contains("num   "), "{}", desk.screen());
}
