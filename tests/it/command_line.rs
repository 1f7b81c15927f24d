//! Commands typed on the command line with what they would ask for.

use stepscope::app::keymap::Keymap;

use super::desk::{Desk, SOLUTIONS};

/// What the command line says to a line, typed into it.
fn typed(desk: &mut Desk, line: &str) -> String {
    desk.keys(&format!(":{line}<Enter>"));
    desk.app.notice.clone().unwrap_or_default()
}

#[test]
fn commands_take_on_the_command_line_what_they_would_ask_for() {
    use stepscope::labels::Verdict;
    use stepscope::trace::{FirstError, Writing};
    let mut desk = Desk::new(&[("demo/solutions.json", SOLUTIONS)], (120, 40));
    desk.keys("gg");
    assert_eq!(typed(&mut desk, "note the sign, is it lost?"), "note on step 1 kept");
    assert_eq!(typed(&mut desk, "tags algebra, sign"), "tags on step 1 kept");
    assert_eq!(typed(&mut desk, "critique It is lost."), "critique on step 1 kept");
    let (step, record) = (desk.app.trace().unwrap().node(desk.app.cursor.node).key, desk.app.record_key_here());
    let text = |desk: &Desk, writing| desk.app.session.text(writing, Some(step), record).map(str::to_owned);
    assert_eq!(text(&desk, Writing::Note).as_deref(), Some("the sign, is it lost?"));
    assert_eq!(text(&desk, Writing::Tags).as_deref(), Some("algebra sign"));
    assert_eq!(text(&desk, Writing::Critique).as_deref(), Some("It is lost."));
    // A mark by its letter.
    assert_eq!(typed(&mut desk, "mark a"), "a marks problem 1, step 1");
    typed(&mut desk, "9");
    assert_eq!(typed(&mut desk, "go-to-mark a"), "problem 1, step 1");
    // An answer by its letter or its name; a number before it is the count.
    let said = typed(&mut desk, "first-error-kind s");
    assert!(said.contains("first error at step 1: sign"), "{said}");
    let said = typed(&mut desk, "first-error-kind 2 sign");
    assert!(said.contains("first error at step 2: sign"), "{said}");
    assert_eq!(desk.app.choice, None);
    typed(&mut desk, "first-error-kind 2");
    assert!(desk.screen().contains("first error at step 2: which kind?"), "a count alone leaves the question open");
    desk.keys("<Esc>");
    let record = desk.app.record_key().unwrap();
    typed(&mut desk, "bad-problem d");
    assert_eq!(desk.app.session.verdict(record), Some(&Verdict::BadProblem("figure".into())));
    let record = desk.app.record_key().unwrap();
    typed(&mut desk, "give-up 3 of them are no English");
    assert_eq!(desk.app.session.verdict(record), Some(&Verdict::GiveUp("3 of them are no English".into())), "own words");
    typed(&mut desk, "first-error-at 2");
    desk.keys("(");
    assert_eq!(
        desk.app.own_labels(desk.app.trace().unwrap(), *desk.app.cursor.path.last().unwrap()).first_error,
        FirstError::At(1)
    );
    assert_eq!(typed(&mut desk, "progress 2"), "half of the way");
    typed(&mut desk, "search [0-9]+");
    assert!(desk.app.search.is_some());
    typed(&mut desk, "go-to-problem total");
    assert_eq!(desk.app.picker.as_ref().map(|picker| picker.line.value()), Some("total"));
    desk.keys("<Esc>");
    typed(&mut desk, "help suspect");
    assert_eq!(desk.app.help.as_ref().map(|sheet| sheet.filter.as_str()), Some("suspect"));
}

#[test]
fn what_a_command_does_not_take_is_refused_in_a_line_that_says_what_it_takes() {
    let mut desk = Desk::new(&[("demo/solutions.json", SOLUTIONS)], (120, 40));
    for (line, said) in [
        ("list wide", ":list takes nothing, not \"wide\""),
        ("down x", ":down takes a number from 1 to 1000000, not \"x\""),
        ("mode seen", ":mode takes assist, blind, reveal, not \"seen\""),
        ("scope none", ":scope takes all, first-error, not \"none\""),
        ("diff nothing", ":diff takes sibling, best, reference, "),
        ("aggregate sum", ":aggregate takes "),
        ("segment half", ":segment takes auto, blank, "),
        ("mark 7", ":mark takes a letter from a to z, not \"7\""),
        ("go-to-mark a", "no place is marked yet; M marks one"),
        ("first-error-kind zz", ":first-error-kind takes "),
        ("take b", "that is for a review: stepscope review STORES opens the labels of several annotators"),
        ("send-back again", "that is for a review: stepscope review STORES opens the labels of several annotators"),
        ("progress 2", "progress is that of a solution with a first error; x marks one"),
    ] {
        let notice = typed(&mut desk, line);
        assert!(notice.starts_with(said) && !notice.contains('\n'), "{line}: {notice}");
        assert!(desk.app.choice.is_none() && desk.app.input.is_none(), "{line} leaves something open");
    }
    assert_eq!(desk.app.session.decisions(), 0);
    let kinds = typed(&mut desk, "first-error-kind zz");
    assert!(kinds.contains("s (sign)") && kinds.ends_with("not \"zz\""), "{kinds}");
}

#[test]
fn tab_completes_answers_marks_and_tags_on_the_command_line() {
    let mut desk = Desk::new(&[("demo/solutions.json", SOLUTIONS)], (120, 40));
    let line = |desk: &Desk| desk.app.input.as_ref().unwrap().line.value().to_owned();
    for (keys, whole) in [
        (":bad-problem fig<Tab>", "bad-problem figure"),
        (":first-error-kind si<Tab>", "first-error-kind sign"),
        (":help same-m<Tab>", "help same-mistake"),
    ] {
        desk.keys(keys);
        assert_eq!(line(&desk), whole);
        desk.keys("<Esc>");
    }
    desk.keys(":tags algebra<Enter>:mark q<Enter>:tags sign, al<Tab>");
    assert_eq!(line(&desk), "tags sign, algebra");
    desk.keys("<Esc>:go-to-mark <Tab>");
    assert_eq!(line(&desk), "go-to-mark q");
}

#[test]
fn a_line_that_labels_waits_for_the_label_before_it_with_what_was_typed() {
    use crossterm::event::{Event, KeyCode, KeyEvent};
    use stepscope::app::{Effect, Message, update};
    use stepscope::labels::Verdict;
    let mut desk = Desk::demo();
    let effects = update(&mut desk.app, Message::Terminal(Event::Key(KeyEvent::from(KeyCode::Char('x')))));
    let record = desk.app.record_key().unwrap();
    desk.keys(":bad-problem no figure there<Enter>");
    assert_eq!(desk.app.session.decisions(), 0, "the first one is on its way");
    for effect in effects {
        if let Effect::Save(draft) = effect {
            let event = Box::new(desk.store.append(*draft).unwrap());
            desk.tell(Message::Saved { event, at: "12:00:00".to_owned() });
        }
    }
    assert_eq!(desk.app.session.verdict(record), Some(&Verdict::BadProblem("no figure there".into())));
}

#[test]
fn help_and_table_say_what_stands_behind_a_name() {
    let map = Keymap::default();
    for row in ["`:note TEXT`", "`:mark LETTER`", "`:first-error-kind KIND`", "`:down`"] {
        assert!(map.markdown().contains(row), "{row}");
    }
    let mut desk = Desk::new(&[("demo/solutions.json", SOLUTIONS)], (120, 40));
    desk.keys("?write a note");
    assert!(desk.screen().contains(":note TEXT"), "{}", desk.screen());
    desk.keys("<Esc>:no");
    assert!(desk.screen().contains("note TEXT  write a note on this step"), "{}", desk.screen());
}
