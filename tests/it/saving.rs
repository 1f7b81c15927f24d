//! Labels that wait because the store could not write them: tried again by itself, in silence, and without holding anybody up.

use std::time::Duration;

use crossterm::event::{Event as TerminalEvent, KeyCode, KeyEvent};
use stepscope::app::trust::Terms;
use stepscope::app::{Effect, Message, Place, update};
use stepscope::labels::{Body, Draft, Store};
use stepscope::shell;

use super::desk::Desk;

/// A desk whose first label could not be saved.
fn stuck() -> Desk {
    let mut desk = Desk::demo();
    desk.unwritable = true;
    desk.keys("a");
    desk
}

fn notice(desk: &Desk) -> &str {
    desk.app.notice.as_deref().unwrap_or_default()
}

fn press(desk: &mut Desk, key: char) -> Vec<Effect> {
    update(&mut desk.app, Message::Terminal(TerminalEvent::Key(KeyEvent::from(KeyCode::Char(key)))))
}

/// The labels that effects hand to the store.
fn sent(effects: &[Effect]) -> Vec<Draft> {
    effects.iter().filter_map(|effect| if let Effect::Save(draft) = effect { Some((**draft).clone()) } else { None }).collect()
}

#[test]
fn labels_that_could_not_be_saved_are_tried_again_with_growing_pauses_and_saved_in_their_order() {
    let mut desk = stuck();
    assert!(
        notice(&desk).starts_with("the label is NOT SAVED: the disk is full; it is tried again by itself"),
        "{}",
        notice(&desk)
    );
    desk.keys("jx");
    assert!(notice(&desk).contains("first error at step 2"), "the next label is one more try: {}", notice(&desk));
    let waiting: Vec<Body> = desk.app.saving.queue.iter().map(|draft| draft.body.clone()).collect();
    assert_eq!(waiting.len(), 2);
    desk.keys("k");
    let (line, said) = (desk.app.saving_line(), desk.app.notice.clone());
    assert!(line.starts_with("NOT SAVED: 2 in memory, tried again by itself (gW: now): the disk is full"), "{line}");
    let mut pauses = Vec::new();
    for _ in 0..5 {
        pauses.push(desk.app.saving.retry_after().unwrap().1.as_secs());
        desk.tell(Message::Retry);
        assert_eq!((desk.app.saving_line(), &desk.app.notice), (line.clone(), &said), "a try that fails says nothing new");
    }
    assert_eq!(pauses, [4, 6, 8, 10, 10], "the second label was the second try");
    desk.unwritable = false;
    desk.tell(Message::Retry);
    assert!(desk.app.saving_line().starts_with("saved 12:00:00  labels.db +2"), "{}", desk.app.saving_line());
    assert_eq!(desk.app.saving.retry_after(), None);
    let saved = Store::events(desk.store.path(), "mira").unwrap().into_iter().map(|event| event.body);
    assert_eq!(saved.collect::<Vec<_>>(), waiting);
}

#[test]
fn that_labels_are_saved_again_is_said_unless_something_else_is_being_read() {
    let mut desk = stuck();
    assert_eq!(desk.app.saving.retry_after(), Some((1, Duration::from_secs(2))));
    desk.unwritable = false;
    desk.tell(Message::Retry);
    assert_eq!(notice(&desk), "saved again: every label that waited is in the store");
    let mut desk = stuck();
    desk.unwritable = false;
    desk.app.notice = Some("something else".to_owned());
    desk.tell(Message::Retry);
    assert_eq!((notice(&desk), desk.app.saving.error.as_deref()), ("something else", None));
}

#[test]
fn a_try_that_nobody_asked_for_holds_no_key_and_loses_none() {
    let mut desk = stuck();
    let head = sent(&update(&mut desk.app, Message::Retry));
    assert_eq!(head.len(), 1, "{head:?}");
    assert_eq!(update(&mut desk.app, Message::Retry), [], "one try at a time");
    // A label is set and taken back while the store thinks.
    let on_another = press(&mut desk, 'a');
    assert_eq!((sent(&on_another), desk.app.saving.queue.len()), (Vec::new(), 2));
    press(&mut desk, 'u');
    assert_eq!((notice(&desk), desk.app.saving.queue.len()), ("undo: all steps right, which was never saved", 1));
    // What is just being tried is taken back when it is known what became of it; keys behind that wait with it.
    press(&mut desk, 'u');
    let step = desk.step();
    press(&mut desk, 'j');
    assert_eq!((desk.app.saving.queue.len(), desk.step()), (1, step));
    desk.tell(Message::SaveFailed("the disk is full".to_owned()));
    assert_eq!((desk.app.saving.queue.len(), desk.app.saving.error.as_deref(), desk.step()), (0, None, step + 1));

    let mut desk = stuck();
    let head = sent(&update(&mut desk.app, Message::Retry));
    press(&mut desk, 'u');
    let event = Box::new(desk.store.append(head[0].clone()).unwrap());
    let effects = update(&mut desk.app, Message::Saved { event: event.clone(), at: "12:00:00".to_owned() });
    let undo: Vec<Body> = sent(&effects).into_iter().map(|draft| draft.body).collect();
    assert_eq!(undo, [Body::Undo(event.id)], "it was saved after all: it is taken back in the store");
}

#[test]
fn who_asks_for_a_try_hears_how_it_went_also_when_one_was_under_way() {
    let mut desk = stuck();
    update(&mut desk.app, Message::Retry);
    press(&mut desk, 'g');
    press(&mut desk, 'W');
    desk.tell(Message::SaveFailed("the disk is full".to_owned()));
    assert!(notice(&desk).starts_with("the label is NOT SAVED"), "{}", notice(&desk));
    desk.unwritable = false;
    desk.keys("gW");
    assert!(desk.app.saving_line().starts_with("saved 12:00:00"), "{}", desk.app.saving_line());
}

#[test]
fn labels_typed_while_the_store_did_not_answer_wait_behind_the_one_that_failed() {
    let mut desk = Desk::demo();
    let head = sent(&press(&mut desk, 'a'));
    assert_eq!(head.len(), 1);
    for key in ['x', 'a', 'x'] {
        assert_eq!(sent(&press(&mut desk, key)), [], "what follows builds on it");
    }
    desk.unwritable = true;
    desk.tell(Message::SaveFailed("another program writes".to_owned()));
    let waiting: Vec<Body> = desk.app.saving.queue.iter().map(|draft| draft.body.clone()).collect();
    assert_eq!(waiting.len(), 4, "{waiting:?}");
    desk.unwritable = false;
    desk.tell(Message::Retry);
    let saved = Store::events(desk.store.path(), "mira").unwrap().into_iter().map(|event| event.body);
    assert_eq!(saved.collect::<Vec<_>>(), waiting);
}

#[test]
fn a_row_of_undos_does_not_go_on_over_one_that_failed_and_that_is_said() {
    let mut desk = Desk::demo();
    desk.keys("aaa");
    assert_eq!(sent(&press(&mut desk, 'u')).len(), 1);
    press(&mut desk, 'u');
    press(&mut desk, 'a');
    desk.unwritable = true;
    desk.tell(Message::SaveFailed("the disk is full".to_owned()));
    assert!(notice(&desk).contains("1 key typed meanwhile to take labels back"), "{}", notice(&desk));
    assert!(matches!(desk.app.saving.queue[0].body, Body::Undo(_)) && desk.app.saving.queue.len() == 2);
}

#[test]
fn what_is_wrong_stays_on_the_screen() {
    let mut desk = Desk::demo();
    desk.tell(Message::Alarm("a.jsonl has changed".to_owned(), "a.jsonl was replaced".to_owned()));
    assert_eq!(notice(&desk), "a.jsonl was replaced");
    desk.keys("ja");
    assert!(desk.app.saving_line().starts_with("! a.jsonl has changed  saved "), "{}", desk.app.saving_line());
}

#[test]
fn a_try_that_fails_takes_back_no_wish_to_leave() {
    let mut desk = stuck();
    desk.keys("q");
    assert!(notice(&desk).starts_with("1 label is NOT SAVED"), "{}", notice(&desk));
    desk.tell(Message::Retry);
    assert!(notice(&desk).starts_with("1 label is NOT SAVED"), "{}", notice(&desk));
    desk.keys("q");
    assert!(desk.app.quitting);
}

#[test]
fn filters_and_marks_of_two_sessions_stand_beside_one_another() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels.db");
    let mut desk = Desk::demo();
    let place = desk.app.place_now();
    desk.keys("Ma");
    let spot = desk.app.jumps.marks[&'a'].clone();
    let [mut one, mut two] = [0, 1].map(|_| Store::open(&path, "mira").unwrap().0);
    for (store, name) in [(&mut one, "one"), (&mut two, "two")] {
        shell::keep_filters(store, &[(name.to_owned(), Some("len > 4".to_owned()))].into()).unwrap();
    }
    let names = |store: &mut Store| shell::kept_filters(store).unwrap().into_keys().collect::<Vec<_>>();
    assert_eq!(names(&mut one), ["one", "two"]);
    shell::keep_filters(&mut two, &[("two".to_owned(), None)].into()).unwrap();
    assert_eq!(names(&mut one), ["one"]);
    for (store, letter) in [(&mut one, 'a'), (&mut two, 'b')] {
        shell::keep_place(store, "desk", &place).unwrap();
        shell::keep_marks(store, "desk", &[(letter, spot.clone())].into()).unwrap();
    }
    shell::keep_place(&mut one, "desk", &place).unwrap();
    let kept: Place = two.place("desk").unwrap().unwrap();
    assert_eq!(kept.marks.into_keys().collect::<String>(), "ab");
    // What cannot be understood is told and not written over.
    one.change_place("\nfilters", |_: Option<serde_json::Value>| 7.into()).unwrap();
    assert!(shell::kept_filters(&mut one).unwrap_err().to_string().contains("left as it is"));
    assert!(shell::keep_filters(&mut one, &[("x".to_owned(), None)].into()).is_err());
}

#[test]
fn what_is_refused_or_never_saved_says_nothing() {
    let mut desk = Desk::on(Terms { exam: Some(3), ..Terms::default() });
    desk.keys("k");
    desk.unwritable = true;
    desk.keys("a");
    assert_eq!(desk.app.standing().done, 1);
    desk.keys("u");
    assert_eq!(desk.app.standing().done, 0, "{}", notice(&desk));
    let mut desk = stuck();
    let here = desk.app.cursor.clone();
    desk.keys("(x");
    assert!(notice(&desk).starts_with("the last label of this solution is NOT SAVED yet"), "{}", notice(&desk));
    assert_ne!(desk.app.cursor, here, "who is refused stays");
    assert_eq!((desk.app.saving.queue.len(), desk.app.cursor.solution), (1, 0));
}
