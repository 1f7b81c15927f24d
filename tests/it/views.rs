//! What stands over the work: questions, views and prompts have keyboard and mouse to themselves, and what lies under them stays.

use crossterm::event::{Event, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use stepscope::app::{Effect, Message};

use super::desk::{Desk, SAMPLES, SOLUTIONS};

fn mouse(desk: &mut Desk, kind: MouseEventKind, column: u16, row: u16) {
    desk.tell(Message::Terminal(Event::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE })));
}

fn click(desk: &mut Desk, column: u16, row: u16) {
    mouse(desk, MouseEventKind::Down(MouseButton::Left), column, row);
}

fn row_of(desk: &Desk, text: &str) -> u16 {
    let at = desk.screen().lines().position(|line| line.contains(text));
    u16::try_from(at.unwrap_or_else(|| panic!("{text} is not on the screen:\n{}", desk.screen()))).unwrap()
}

#[test]
fn a_letter_with_control_answers_nothing_and_control_c_leaves_a_question() {
    let mut desk = Desk::demo();
    let here = desk.id();
    for keys in ["X<C-c>", "X<C-l><Esc>", "!<C-d><Esc>", "M<C-c>", "o<C-c>"] {
        desk.keys(keys);
        assert_eq!((desk.app.session.decisions(), desk.app.choice.is_some(), desk.id()), (0, false, here.clone()), "{keys}");
    }
    assert!(!desk.app.queue.active() && desk.app.jumps.marks.is_empty());
    desk.left.clear();
    desk.keys("X<C-l>");
    assert!(desk.app.choice.is_some() && desk.left.contains(&Effect::Redraw), "the screen is drawn anew, the question stays");
    desk.keys("<Esc>gS");
    let split = desk.app.split.clone();
    desk.keys("<C-l><C-j>");
    assert_eq!(desk.app.split, split);
    desk.keys("<C-c>:segment<Enter>");
    let at = desk.app.segmenting.as_ref().map(|open| open.at);
    desk.keys("<C-l>");
    assert_eq!(desk.app.segmenting.as_ref().map(|open| open.at), at);
    desk.keys("<C-c>");
    assert!(desk.app.split.is_none() && desk.app.segmenting.is_none());
}

#[test]
fn control_c_leaves_a_prompt_as_escape_does() {
    let mut desk = Desk::demo();
    for keys in ["cfine", ":quit", "/the", "&len"] {
        desk.keys(keys);
        assert!(desk.app.input.is_some());
        desk.keys("<C-c>");
        assert!(desk.app.input.is_none() && !desk.app.quitting && desk.app.session.decisions() == 0, "{keys}");
    }
}

#[test]
fn a_click_does_not_go_through_a_view() {
    let mut desk = Desk::new(&[("demo/solutions.json", SOLUTIONS)], (120, 40));
    desk.keys("gM");
    let here = (desk.id(), desk.app.cursor.node);
    let row = row_of(&desk, "   5 ");
    for keys in ["gS", ":segment<Enter>l", "e", ":trust<Enter>"] {
        desk.keys(keys);
        click(&mut desk, 4, row);
        mouse(&mut desk, MouseEventKind::ScrollDown, 4, row);
        assert_eq!((desk.id(), desk.app.cursor.node), here, "{keys}");
        desk.keys("<Esc>");
    }
    // Also where something else took the cursor away meanwhile, another solution is not cut.
    desk.keys("gS");
    let split = desk.app.split.take();
    desk.keys("5go");
    desk.app.split = split;
    desk.keys("<Enter>");
    assert_eq!(desk.app.session.decisions(), 0, "{:?}", desk.app.notice);
}

#[test]
fn lists_over_the_work_hear_the_mouse() {
    let mut desk = Desk::new(&[("demo/solutions.json", SOLUTIONS)], (120, 40));
    desk.keys("gM?");
    let wanted = desk.app.help.as_ref().unwrap().rows(&desk.app.keys.map, desk.app.focus)[4];
    click(&mut desk, 20, 3 + 4);
    assert_eq!(desk.app.help.as_ref().unwrap().chosen, 4);
    let shown: String = wanted.doc().chars().take(30).collect();
    assert_eq!(row_of(&desk, &shown), 7, "{}", desk.screen());
    mouse(&mut desk, MouseEventKind::ScrollDown, 20, 10);
    assert_eq!(desk.app.help.as_ref().unwrap().chosen, 7);
    desk.keys("<Esc><C-f>");
    click(&mut desk, 20, 2 + 3);
    assert_eq!(desk.app.picker.as_ref().unwrap().chosen, 3);
    mouse(&mut desk, MouseEventKind::ScrollUp, 20, 10);
    assert_eq!(desk.app.picker.as_ref().unwrap().chosen, 0);
    click(&mut desk, 20, 39);
    assert_eq!(desk.app.picker.as_ref().unwrap().chosen, 0, "below the list there is nothing to choose");
    desk.keys("<Esc>:segment<Enter>");
    mouse(&mut desk, MouseEventKind::ScrollDown, 60, 10);
    assert!(desk.app.segmenting.as_ref().unwrap().top > 0);
    let mut desk = Desk::new(&[("demo/samples.jsonl", SAMPLES)], (120, 40));
    desk.keys("gMga");
    assert!(desk.app.answers.as_ref().unwrap().groups.len() > 1);
    click(&mut desk, 20, 2 + 1);
    assert_eq!(desk.app.answers.as_ref().unwrap().chosen, 1);
}

#[test]
fn the_caret_of_a_prompt_stays_in_sight_whatever_is_pasted() {
    let mut desk = Desk::demo();
    desk.keys("c");
    desk.tell(Message::Terminal(Event::Paste("\u{202e}\u{200b}".repeat(12))));
    desk.keys("the end");
    let last = desk.screen().lines().last().unwrap().to_owned();
    assert!(last.ends_with("the end") && last.starts_with("note: ~<U+"), "{last:?}");
}

#[test]
fn a_long_message_leaves_the_line_that_says_why() {
    let mut desk = Desk::demo();
    let why = " why: ";
    assert!(desk.screen().contains(why), "{}", desk.screen());
    desk.tell(Message::Notice("word ".repeat(30)));
    let screen = desk.screen();
    assert!(screen.contains(why) && screen.matches("word").count() == 30, "{screen}");
    // On a low screen as well.
    desk.tell(Message::Terminal(Event::Resize(80, 20)));
    assert!(desk.screen().contains(why), "{}", desk.screen());
}

#[test]
fn a_split_tells_that_rows_of_the_first_part_are_out_of_sight() {
    let line = serde_json::json!({
        "id": "s-1", "problem": "p", "steps": [format!("{}. Then the rest.", "some words of it ".repeat(20)), "Two."], "label": -1,
        "final_answer_correct": true
    });
    let line: &'static str = Box::leak(line.to_string().into_boxed_str());
    let mut desk = Desk::new(&[("one.jsonl", line.as_bytes())], (60, 18));
    desk.keys("gS");
    assert!(desk.screen().contains(" rows above "), "{}", desk.screen());
}

#[test]
fn the_line_that_folds_what_two_solutions_share_is_whole() {
    let mut desk = Desk::new(&[("demo/samples.jsonl", SAMPLES)], (80, 24));
    desk.keys("3A");
    let shared = desk.app.pair.as_ref().unwrap().shared;
    assert!(shared > 0);
    let steps = if shared == 1 { "step" } else { "steps" };
    assert!(desk.screen().contains(&format!("{shared} {steps} that both begin with (z)")), "{}", desk.screen());
}

#[test]
fn the_command_line_of_an_export_is_copied() {
    let mut desk = Desk::demo();
    desk.keys("&len > 3<Enter>:export trl<Enter>");
    let copied = desk.left.iter().find_map(|effect| if let Effect::Copy(text) = effect { Some(text.clone()) } else { None });
    assert_eq!(
        copied.unwrap(),
        "stepscope export demo/solutions.json --to trl --neutral positive --after-error drop --unsure skip-trace \
         --filter 'len > 3' --as mira --store labels.db -o solutions.trl.jsonl"
    );
    desk.keys(":export nothing<Enter>");
    assert!(desk.app.notice.as_deref().unwrap().contains("trl"), "{:?}", desk.app.notice);
    desk.keys("?export");
    assert!(desk.screen().contains(":export FORMAT"), "{}", desk.screen());
}
