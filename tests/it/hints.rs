//! What stands below the panes: keys, messages, and what may be typed next.

use stepscope::app::{Focus, Message};
use stepscope::text::Glyphs;

use super::desk::{Desk, SOLUTIONS, TREE};

/// The rows of the screen below the panes.
fn foot(desk: &Desk) -> Vec<String> {
    let screen = desk.screen();
    let rows: Vec<&str> = screen.lines().collect();
    rows[rows.len() - 4..].iter().map(|row| (*row).to_owned()).collect()
}

#[test]
fn a_message_leaves_the_keys_that_are_typed_most() {
    let mut desk = Desk::demo();
    let most = foot(&desk)[2].clone();
    assert!(most.contains("a all right  x error here  4x at 4  = good  0 neutral  - bad  u undo"), "{most}");
    desk.keys("f");
    assert!(desk.app.notice.is_some());
    assert_eq!(foot(&desk)[2], most, "{}", desk.screen());
    let long = "word ".repeat(60);
    desk.tell(Message::Notice(long.clone()));
    assert_eq!(foot(&desk)[2], most);
    let words = desk.screen().matches("word").count();
    assert_eq!(words, 60, "all of a long message is there:\n{}", desk.screen());
    let wide = Desk::new(&[("demo/solutions.json", SOLUTIONS)], (200, 60));
    assert!(foot(&wide)[2].contains("a all right") && foot(&wide)[2].contains("p PRM"), "one row has room: {}", wide.screen());
}

#[test]
fn the_keys_are_those_of_what_owns_the_keyboard() {
    for (keys, said) in [
        ("c", "Enter keeps it"),
        ("t", "Tab completes  Enter keeps them"),
        ("/", "Enter finds"),
        (":", "Enter runs it"),
        ("&", "Enter takes it"),
        ("e", "Ctrl-s keeps it as a correction  Esc leaves no trace"),
        ("gS", "Enter splits"),
        (":segment<Enter>", "h l rule"),
        (";", "a letter answers"),
    ] {
        let mut desk = Desk::demo();
        desk.keys(keys);
        let screen = desk.screen();
        assert!(screen.contains(said) && !screen.contains("all right  x"), "{keys}:\n{screen}");
        desk.keys("<Esc>");
        assert!(desk.screen().contains("all right  x"), "{keys}:\n{}", desk.screen());
    }
}

#[test]
fn the_answer_stays_in_sight_while_a_step_is_written() {
    let mut desk = Desk::demo();
    let facts = desk.app.facts().to_owned();
    assert!(facts.contains("got ") && desk.screen().contains(&facts), "{facts}: {}", desk.screen());
    desk.keys("e");
    assert!(desk.screen().contains(&facts), "{facts}: {}", desk.screen());
}

#[test]
fn a_step_is_written_on_where_it_ends() {
    let mut desk = Desk::demo();
    desk.keys("e, no<C-s>");
    assert!(desk.app.rewrite.is_none());
    let trace = desk.app.trace().unwrap();
    let node = trace.node(desk.app.cursor.node);
    let kept = desk.app.session.text(stepscope::trace::Writing::Correction, Some(node.key), desk.app.record_key_here());
    assert_eq!(kept, Some(format!("{}, no", node.text).as_str()));
    assert_eq!(desk.app.notice.as_deref(), Some("correction kept; d shows it beside the source"));
}

#[test]
fn what_is_written_is_said_to_be_kept_and_has_a_sign() {
    let mut desk = Desk::demo();
    desk.keys("ggcfine<Enter>");
    assert_eq!(desk.app.notice.as_deref(), Some("note on step 1 kept"));
    assert!(desk.screen().lines().any(|row| row.contains("  1 [ ]\"") || row.contains("  1 (+)\"")), "{}", desk.screen());
    desk.keys("c<C-u><Enter>");
    assert_eq!(desk.app.notice.as_deref(), Some("note on step 1 taken away"));
    desk.keys("talgebra<Enter>");
    assert_eq!(desk.app.notice.as_deref(), Some("tags on step 1 kept"));
}

#[test]
fn half_a_command_shows_what_it_can_become_and_tab_goes_through_that() {
    let mut desk = Desk::demo();
    let typed = |desk: &Desk| desk.app.input.as_ref().unwrap().line.value().to_owned();
    desk.keys(":gui");
    let screen = desk.screen();
    assert!(screen.contains("guide   the guideline") && screen.contains("guided  show a step once"), "{screen}");
    desk.keys("<Tab>");
    assert_eq!(typed(&desk), "guide");
    desk.keys("<Tab>");
    assert_eq!(typed(&desk), "guided");
    assert!(desk.screen().contains("guide   the guideline"), "{}", desk.screen());
    desk.keys("<Tab>");
    assert_eq!(typed(&desk), "guide", "around");
    desk.keys("d<Enter>");
    assert!(desk.app.project.guided);
    desk.keys(":order <Tab>");
    assert!(desk.app.notice.as_deref().is_some_and(|said| said.contains("suspicion")), "{:?}", desk.app.notice);
    desk.keys("<Esc>");
    // Arguments are listed by the first Tab that finds several.
    desk.keys(":theme <Tab>");
    assert_eq!((typed(&desk), desk.app.notice.clone().unwrap().contains("light")), ("theme ".to_owned(), true));
    desk.keys("<Tab>");
    let first = typed(&desk);
    desk.keys("<Tab>");
    assert!(first.len() > "theme ".len() && typed(&desk) != first, "{first}");
}

#[test]
fn all_that_can_follow_a_key_is_shown() {
    let mut desk = Desk::demo();
    desk.keys("g");
    desk.tell(Message::Tick);
    let screen = desk.screen();
    let words: Vec<&str> = screen.split_whitespace().collect();
    let follow = desk.app.keys.continuations();
    assert!(follow.len() > 20);
    for (_, command) in follow {
        assert!(words.contains(&command.name), "{} is missing:\n{screen}", command.name);
    }
}

#[test]
fn the_description_of_a_command_has_the_row() {
    let mut desk = Desk::demo();
    desk.keys("?taken back");
    let screen = desk.screen();
    assert!(screen.contains("set the label that was taken back"), "{screen}");
    desk.keys("<Esc>?second suspect");
    assert!(desk.screen().contains("first error at the second suspect, with this key before its number"), "{}", desk.screen());
}

#[test]
fn texts_of_a_tree_are_cut_with_a_mark_and_folds_say_what_they_hide() {
    let mut desk = Desk::new(&[("demo/tree.jsonl", TREE)], (200, 60));
    assert_eq!(desk.app.focus, Focus::Tree);
    desk.app.look.glyphs = Glyphs::UNICODE;
    desk.keys("ggzc");
    let trace = desk.app.trace().unwrap().clone();
    let node = desk.app.cursor.node;
    assert!((2..trace.nodes.len()).contains(&desk.app.tree.behind(node)));
    assert!(desk.screen().contains("  1 sol, 3 steps"), "{}", desk.screen());
    let cut = desk.screen().lines().filter(|row| row.contains('\u{2026}')).count();
    assert!(cut > 0, "{}", desk.screen());
}

#[test]
fn the_picker_draws_formulas_as_the_list_does() {
    const FILE: &[u8] = br#"{"id":"g-1","generator":"m","problem":"Find $x^2$ for all.","steps":["One.","Two."],"final_answer_correct":true,"label":-1}
"#;
    let mut desk = Desk::new(&[("one.jsonl", FILE)], (80, 24));
    desk.app.look.glyphs = Glyphs::UNICODE;
    desk.keys("<C-f>");
    assert!(desk.screen().contains("Find x\u{b2} for all."), "{}", desk.screen());
}

#[test]
fn a_view_with_keys_of_its_own_names_them_and_its_sheet_has_them_first() {
    let samples: &[u8] = super::desk::SAMPLES;
    for (bytes, keys, hint, name, first) in [
        (
            samples,
            "gsA",
            "side by side: Enter left  o right  n p others  z folds  Esc closes  ? keys",
            "side by side",
            "go to this step of the solution on the left",
        ),
        (samples, "gsga", "Enter goes there  w worst  Esc closes", "answers", "go to the best solution with this answer"),
        (SOLUTIONS, "<C-f>", "Enter goes there  Down Up row", "problems", "go to this problem"),
        (SOLUTIONS, "gggS", "h l a word  j k a line or sentence  Enter splits  Esc leaves it", "split", "a word back"),
        (
            SOLUTIONS,
            ":segment<Enter>",
            "h l rule  j k look  m joins short  Enter takes it  Esc leaves it",
            "other steps",
            "the rule before",
        ),
        (SOLUTIONS, ":trust<Enter>", "j k scroll  Esc closes", "a page", "a row down"),
    ] {
        let mut desk = Desk::new(&[("demo/file", bytes)], (80, 24));
        desk.keys(keys);
        let view = desk.screen();
        assert!(view.contains(hint) && view.contains("? keys"), "{keys}:\n{view}");
        desk.keys("?");
        let sheet = desk.screen();
        assert!(sheet.contains(&format!("{name}, then all keys (vim)")), "{keys}:\n{sheet}");
        assert!(sheet.lines().nth(3).is_some_and(|row| row.contains(first)), "{keys}:\n{sheet}");
        // The sheet goes, the view stays.
        desk.keys("<Esc>");
        assert_eq!(desk.screen(), view, "{keys}");
    }
}

#[test]
fn the_sheet_of_a_view_types_its_keys_and_runs_commands_behind_it() {
    let mut desk = Desk::new(&[("demo/samples.jsonl", super::desk::SAMPLES)], (80, 24));
    desk.keys("gsA");
    let right = |desk: &Desk| desk.app.pair.as_ref().map(|pair| pair.sides[1]);
    let before = right(&desk).unwrap();
    desk.keys("?the next solution on the right<Enter>");
    let after = right(&desk).unwrap();
    assert!(after != before && desk.app.help.is_none());
    desk.keys("p");
    assert_eq!(right(&desk), Some(before));
    desk.keys("?next problem<Enter>");
    assert_eq!((right(&desk), desk.app.help.is_none()), (None, true), "a command runs where its effect is seen");
    // Where text is typed a question mark is text, but for its first sign.
    let mut desk = Desk::demo();
    desk.keys("<C-f>how?");
    assert_eq!(desk.app.picker.as_ref().map(|picker| picker.line.value()), Some("how?"));
    desk.keys("<F1>");
    assert!(desk.app.help.is_some());
    desk.keys("go to this problem<Enter>");
    assert!(desk.app.help.is_none() && desk.app.picker.is_none(), "Enter was typed");
}
