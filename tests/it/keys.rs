//! Presets and files of keys.

use stepscope::app::commands::COMMANDS;
use stepscope::app::keymap::{Keymap, PRESETS};

use super::desk::{Desk, SOLUTIONS};

fn bound(map: &Keymap, name: &str) -> Vec<String> {
    map.keys(stepscope::app::commands::by_name(name).unwrap()).to_vec()
}

#[test]
fn every_preset_has_a_key_for_each_command_that_has_one_and_none_twice() {
    for preset in PRESETS {
        let map = Keymap::preset(preset.name).unwrap();
        assert_eq!(map.conflict(), None, "{}", preset.name);
        for command in COMMANDS {
            assert_eq!(map.keys(command).is_empty(), command.keys.is_empty(), "{}: {}", preset.name, command.name);
        }
        // These stand before the numbers of steps, where one sign has room.
        for name in ["first-error-second", "first-error-third"] {
            assert_eq!(map.shown(name).chars().count(), 1, "{}: {name}", preset.name);
        }
    }
}

#[test]
fn no_letter_moves_with_the_keys_of_arrows() {
    use stepscope::app::commands::Group;
    let map = Keymap::preset("arrows").unwrap();
    // These put a step elsewhere on the screen, fold, or ask for the letter of a place: nobody is moved by them.
    let stays =
        |name: &str| name.starts_with("cursor-") || name.contains("fold") || ["mark", "go-to-mark", "show-path"].contains(&name);
    let steers = ["fold-or-parent", "unfold-or-child"];
    let moves = COMMANDS.iter().filter(|command| matches!(command.group, Group::Motion | Group::Tree));
    let moves =
        moves.filter(|command| !command.name.starts_with("replay") && (!stays(command.name) || steers.contains(&command.name)));
    for command in moves {
        for keys in map.keys(command) {
            let letter = keys.split(' ').any(|key| {
                key.chars().count() == 1 && key.chars().all(char::is_alphabetic) || key.starts_with("Ctrl-") && key.len() == 6
            });
            assert!(!letter, "{}: {keys}", command.name);
        }
    }
    let mut desk = Desk::new(&[("demo/tree.jsonl", super::desk::TREE)], (120, 40));
    desk.app.keys = stepscope::app::keys::Keys::new(map);
    let trace = desk.app.trace().unwrap().clone();
    let above = trace.steps().find(|&id| trace.node(id).children.len() > 1).unwrap();
    desk.app.cursor.go_to_node(&trace, above);
    desk.keys("<C-Right>");
    let child = desk.app.cursor.node;
    assert!(trace.node(above).children.contains(&child));
    desk.keys(if trace.node(above).children.last() == Some(&child) { "<S-Up>" } else { "<S-Down>" });
    assert!(desk.app.cursor.node != child && trace.node(above).children.contains(&desk.app.cursor.node), "a sibling");
    desk.keys("<C-Left>");
    assert_eq!(desk.app.cursor.node, above);
    // Elsewhere an arrow is an arrow, whatever is held down with it.
    let mut desk = Desk::demo();
    desk.keys("<S-Down>");
    assert_eq!(desk.step(), 2);
}

#[test]
fn what_begins_with_a_bracket_begins_with_an_umlaut_as_well() {
    let map = Keymap::preset("qwertz").unwrap();
    for command in COMMANDS {
        let keys = map.keys(command);
        for (bracket, umlaut) in [("] ", "ä "), ("[ ", "ö ")] {
            let twin = |keys: &String| keys.strip_prefix(bracket).map(|rest| format!("{umlaut}{rest}"));
            assert!(keys.iter().filter_map(twin).all(|twin| keys.contains(&twin)), "{}: {keys:?}", command.name);
        }
    }
    assert_eq!(bound(&map, "lower-threshold"), ["ö t", "[ t"]);
}

#[test]
fn a_file_of_keys_replaces_the_keys_of_the_commands_it_names() {
    let text = "preset = \"vim\"\n[keys]\nfirst-error = [\"x\", \"F2\"]\nlater = []\nnext-suspect = \"gn\"\nredo = \"U\"\n";
    let map = Keymap::read("keys.toml", text, "ide").unwrap();
    assert_eq!(map.preset, "vim", "the file's own preset counts");
    let keys = |name| map.keys(COMMANDS.iter().find(|command| command.name == name).unwrap());
    assert_eq!(keys("first-error"), ["x", "F2"]);
    assert_eq!(keys("later"), [""; 0]);
    assert_eq!(keys("next-suspect"), ["g n"]);
    assert_eq!((map.shown("next-suspect"), map.shown("later"), map.shown("redo")), ("gn".into(), ":later".into(), "U".into()));
}

#[test]
fn what_is_wrong_with_a_file_of_keys_is_said_with_its_line() {
    for (text, expected) in [
        (
            "[keys]\nall-right = \"x\"",
            "keys.toml:2: x is bound to `first-error` and to `all-right`; give one of them other keys, or none ([])",
        ),
        ("[keys]\nall-right = \"g\"", "keys.toml:2: gg (`top`) and g (`all-right`) begin alike, so one could never be typed"),
        ("[keys]\n\nunsure = \"4\"", "keys.toml:3: \"4\" begins with a digit, and digits are counts (4x)"),
        ("[keys]\nunsure = \"Strg-x\"", "keys.toml:2: no key \"Strg-x\"; keys are single characters,"),
        ("[keys]\nunsure = \"Ctrl-x y\"", ""),
        ("[keys]\nunsure = [\"Ctrl-X\"]", "keys.toml:2: no key"),
        ("[keys]\nfirst-eror = \"x\"", "keys.toml:2: no command \"first-eror\"; is it `first-error`?"),
        ("preset = \"emacs\"", "keys.toml:1: no preset \"emacs\"; there are vim, jless,"),
        ("[keys]\nquit = []", "keys.toml:2: `quit` must keep at least one key"),
        ("[keys]\nquit = 3", "keys.toml:2: expected keys as a text or a list of texts"),
        ("keys = [", "keys.toml:1: "),
        ("[keys]\nlater = \"\"", "keys.toml:2: an empty text is no key"),
    ] {
        match Keymap::read("keys.toml", text, "vim") {
            Ok(_) => assert_eq!(expected, "", "{text}"),
            Err(error) => {
                let error = error.to_string();
                assert!(!expected.is_empty() && error.starts_with(expected), "{text}:\n{error}");
                assert!(!error.contains('\n'), "{error}");
            }
        }
    }
}

#[test]
fn the_screen_names_the_keys_that_are_in_force() {
    let mut desk = Desk::new(&[("demo/solutions.json", SOLUTIONS)], (120, 40));
    let own = "[keys]\nfirst-error = \"F2\"\nhide-prm = \"gy\"\nunsure = []\nhelp = \"F1\"";
    desk.app.keys = stepscope::app::keys::Keys::new(Keymap::read("own", own, "vim").unwrap());
    let screen = desk.screen();
    assert!(screen.contains("F2 error here") && screen.contains("gy PRM") && screen.contains("F1help"), "{screen}");
    assert!(!screen.contains("unsure"), "what has no key is no hot key:\n{screen}");
    let before = desk.app.session.decisions();
    desk.keys("x");
    assert_eq!(desk.app.session.decisions(), before, "x is not bound any more");
    desk.keys("<F2>");
    assert_eq!(desk.app.session.decisions(), before + 1);
    desk.keys("<F1>gy");
    assert!(desk.screen().contains("hide or show the scores"), "typing keys into the sheet finds what they do");
}

#[test]
fn tab_completes_names_and_arguments() {
    let mut desk = Desk::new(&[("demo/solutions.json", SOLUTIONS)], (120, 40));
    let typed = |desk: &Desk| desk.app.input.as_ref().unwrap().line.value().to_owned();
    desk.keys(":them<Tab>");
    assert_eq!(typed(&desk), "theme");
    desk.keys(" col<Tab>");
    assert_eq!(typed(&desk), "theme colour-blind");
    desk.keys("<Enter>:aggregate <Tab>");
    assert!(
        desk.app.notice.as_deref().is_some_and(|said| said.contains("min") && said.contains("prod")),
        "{:?}",
        desk.app.notice
    );
    desk.keys("p<Tab><Enter>");
    assert_eq!(desk.app.look.theme.name(), "colour-blind");
    assert_eq!(desk.app.scoring.aggregate.name(), "prod");
}

fn steps_of(desk: &Desk) -> Vec<stepscope::trace::Label> {
    let trace = desk.app.trace().unwrap();
    desk.app.own_labels(trace, *desk.app.cursor.path.last().unwrap()).steps
}

#[test]
fn a_range_gets_one_rating_and_one_undo() {
    use stepscope::trace::Label::{Good, Neutral, Unseen};
    let mut desk = Desk::new(&[("demo/solutions.json", SOLUTIONS)], (120, 40));
    let steps = desk.app.cursor.path.len();
    assert!(steps >= 4);
    desk.keys("jvj");
    assert_eq!(desk.app.selected(), Some(1..=2));
    desk.keys("0");
    assert_eq!(steps_of(&desk)[..4], [Unseen, Neutral, Neutral, Unseen]);
    assert_eq!((desk.app.selected(), desk.app.cursor.step()), (None, 3));
    desk.keys("gg2=");
    assert_eq!(steps_of(&desk)[..4], [Good, Good, Neutral, Unseen]);
    desk.keys("u");
    assert_eq!(steps_of(&desk)[..4], [Unseen, Neutral, Neutral, Unseen]);
    desk.keys("u");
    assert_eq!(steps_of(&desk), vec![Unseen; steps]);
    // Chosen the other way round, and given up.
    desk.keys("3Gvkk");
    assert_eq!(desk.app.selected(), Some(0..=2));
    desk.keys("<Esc>=");
    assert_eq!(steps_of(&desk)[..2], [Good, Unseen]);
    desk.keys("v}");
    assert_eq!(desk.app.selected(), None, "a range ends with its solution");
}

#[test]
fn a_label_is_repeated_where_the_cursor_is() {
    let mut desk = Desk::new(&[("demo/solutions.json", SOLUTIONS)], (120, 40));
    desk.keys(".");
    assert_eq!(desk.app.session.decisions(), 0);
    desk.keys("2xj.");
    assert_eq!(desk.app.session.decisions(), 2);
    desk.keys("(");
    assert_eq!(stepscope::trace::FirstError::At(1), {
        let trace = desk.app.trace().unwrap();
        desk.app.own_labels(trace, *desk.app.cursor.path.last().unwrap()).first_error
    });
}

#[test]
fn far_jumps_are_walked_back_and_forth_and_marks_outlive_the_session() {
    let mut desk = Desk::new(&[("demo/solutions.json", SOLUTIONS)], (120, 40));
    let place = |desk: &Desk| (desk.app.items.rank(desk.app.cursor.item), desk.app.cursor.step());
    desk.keys("j:9<Enter>jj:20<Enter>G");
    let end = place(&desk);
    desk.keys("<C-o>");
    assert_eq!(place(&desk), (19, 0));
    desk.keys("<C-o>");
    assert_eq!(place(&desk), (8, 2));
    desk.keys("g;");
    assert_eq!(place(&desk), (0, 1));
    desk.keys("<C-o>");
    assert_eq!(desk.app.notice.as_deref(), Some("this is the oldest place"));
    desk.keys("3g,");
    assert_eq!(place(&desk), end);
    desk.keys("'");
    assert_eq!(desk.app.notice.as_deref(), Some("no place is marked yet; M marks one"));
    desk.keys(":12<Enter>jMq:3<Enter>");
    assert!(desk.screen().contains('3'));
    let mut desk = desk.restart();
    desk.keys("'");
    assert!(desk.screen().contains("problem 12, step 2"), "{}", desk.screen());
    desk.keys("q");
    assert_eq!(place(&desk), (11, 1));
    desk.keys("<C-o>");
    assert_eq!(place(&desk), (2, 0));
}

#[test]
fn the_mouse_is_deaf_until_it_is_asked_for() {
    use crossterm::event::{Event, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
    let mut desk = Desk::new(&[("demo/solutions.json", SOLUTIONS)], (120, 40));
    let at = |kind, column, row| {
        stepscope::app::Message::Terminal(Event::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }))
    };
    let click = |column, row| at(MouseEventKind::Down(MouseButton::Left), column, row);
    let row_of =
        |desk: &Desk, text: &str| u16::try_from(desk.screen().lines().position(|line| line.contains(text)).unwrap()).unwrap();
    let trace = desk.app.trace().unwrap().clone();
    let third: String = trace.node(desk.app.cursor.path[2]).text.chars().take(12).collect();
    let row = row_of(&desk, &third);
    desk.tell(click(70, row));
    assert_eq!(desk.app.cursor.step(), 0);
    desk.keys("gM");
    desk.tell(click(70, row));
    assert_eq!(desk.app.cursor.step(), 2);
    let row = row_of(&desk, "   5 ");
    desk.tell(click(4, row));
    assert_eq!((desk.app.items.rank(desk.app.cursor.item), desk.app.focus), (4, stepscope::app::Focus::List));
    desk.tell(at(MouseEventKind::ScrollDown, 4, row));
    assert_eq!(desk.app.items.rank(desk.app.cursor.item), 7);
    desk.tell(at(MouseEventKind::ScrollUp, 200, 200));
    assert_eq!(desk.app.items.rank(desk.app.cursor.item), 7, "outside of all panes");
    // With a filter the wheel turns through what fits.
    desk.keys("&len > 4<Enter>");
    for _ in 0..3 {
        desk.tell(at(MouseEventKind::ScrollDown, 4, row));
        assert!(desk.app.place_in_queue().is_some(), "{}", desk.screen());
    }
}

#[test]
fn escape_takes_one_thing_at_a_time_and_the_filter_last() {
    let mut desk = Desk::new(&[("demo/solutions.json", SOLUTIONS)], (120, 40));
    desk.keys("&len > 3<Enter>/the<Enter>v");
    assert!(desk.app.range.is_some() && desk.app.search.is_some() && desk.app.queue.active());
    desk.keys("<Esc>");
    assert!(desk.app.range.is_none() && desk.app.search.is_some() && desk.app.queue.active());
    desk.keys("<Esc>");
    assert!(desk.app.search.is_none() && desk.app.queue.active());
    desk.keys("<Esc>");
    assert!(!desk.app.queue.active());
}

#[test]
fn a_window_that_grows_shows_the_steps_above_again() {
    use crossterm::event::Event;
    let steps: Vec<String> = (0..20).map(|n| format!("\"Step {n}.\"")).collect();
    let line = format!("{{\"prompt\":\"1+1?\",\"completions\":[{}],\"labels\":[{}]}}\n", steps.join(","), ["true"; 20].join(","));
    let mut desk = Desk::new(&[("long.jsonl", Box::leak(line.into_bytes().into_boxed_slice()))], (60, 18));
    desk.keys("G");
    assert!(desk.app.steps.visible[0].step > 0, "{}", desk.screen());
    desk.tell(stepscope::app::Message::Terminal(Event::Resize(200, 60)));
    assert_eq!((desk.app.steps.visible[0].step, desk.app.steps.visible[0].first), (0, 0), "{}", desk.screen());
}

#[test]
fn where_blocks_are_two_cells_wide_the_strip_has_digits() {
    use stepscope::trace::{Semantics, StepScore};
    let mut desk = Desk::new(&[("demo/solutions.json", SOLUTIONS)], (120, 40));
    (desk.app.look.glyphs, desk.app.look.ambiguous) = (stepscope::text::Glyphs::UNICODE, stepscope::text::Ambiguous::Wide);
    desk.app.trust.terms.blind_share = 0.0;
    let trace = desk.app.trace().unwrap().clone();
    for (id, score) in trace.path(trace.solutions[0].leaf).iter().zip([0.95, 0.55, 0.15, 0.95, 0.95, 0.95]) {
        let score = StepScore::new(score, Semantics::Correctness).unwrap();
        desk.app.scoring.scores.insert(trace.node(*id).key, score);
    }
    desk.keys("j");
    assert!(desk.screen().contains(" 951"), "{}", desk.screen());
}

#[test]
fn a_label_that_is_not_on_the_disk_is_marked_where_it_was_set() {
    let mut desk = Desk::new(&[("demo/solutions.json", SOLUTIONS)], (120, 40));
    desk.unwritable = true;
    desk.keys("gg=");
    desk.keys("gg");
    assert_eq!(desk.app.save_state(desk.app.record_key().unwrap(), None), Some("!"));
    let screen = desk.screen();
    assert!(screen.contains("1 .! ") && screen.contains(" 1 (+)! "), "{screen}");
}

/// A log-ratio of .001 can be as far as a chance of .5.
#[test]
fn a_drop_is_one_on_the_scale_of_the_model() {
    use stepscope::analysis::meaning::Meaning;
    use stepscope::trace::{Semantics, StepScore};
    let mut desk = Desk::new(&[("demo/solutions.json", SOLUTIONS)], (120, 40));
    let trace = desk.app.trace().unwrap().clone();
    desk.app.scoring.meaning = Meaning { semantics: Semantics::LogRatio, ..Meaning::VALUE.open(0.0, 0.001) };
    for (id, score) in desk.app.cursor.path.clone().into_iter().zip([0.004, -0.006, 0.001, 0.001]) {
        desk.app.scoring.scores.insert(trace.node(id).key, StepScore::new(score, Semantics::LogRatio).unwrap());
    }
    assert_eq!(desk.app.score_drop().map(|(step, drop)| (step, (drop * 100.0).round())), Some((1, 98.0)));
    desk.keys("gggD");
    assert_eq!(desk.step(), 2, "{}", desk.screen());
}

#[test]
fn the_strip_over_the_steps_is_clicked_and_its_drop_is_gone_to() {
    use crossterm::event::{Event, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
    use stepscope::trace::{Semantics, StepScore};
    let mut desk = Desk::new(&[("demo/solutions.json", SOLUTIONS)], (120, 40));
    let trace = desk.app.trace().unwrap().clone();
    let path = desk.app.cursor.path.clone();
    assert!(path.len() > 3);
    for (step, id) in path.iter().enumerate() {
        let score = if step < 2 { 0.9 } else { 0.2 };
        desk.app.scoring.scores.insert(trace.node(*id).key, StepScore::new(score, Semantics::Correctness).unwrap());
    }
    desk.keys("gggD");
    assert_eq!(desk.step(), 3, "{}", desk.screen());
    desk.keys("gMgg");
    let rule = stepscope::app::layout::strip(&stepscope::app::layout::panes(&desk.app).unwrap());
    let (first, each) = stepscope::app::layout::strip_cells(&desk.app, rule, path.len());
    assert_eq!(each, 1);
    let click = |column| {
        let kind = MouseEventKind::Down(MouseButton::Left);
        Event::Mouse(MouseEvent { kind, column, row: rule.y, modifiers: KeyModifiers::NONE })
    };
    desk.tell(stepscope::app::Message::Terminal(click(first + 1)));
    assert_eq!(desk.step(), 2);
    desk.tell(stepscope::app::Message::Terminal(click(rule.x)));
    assert_eq!(desk.step(), 2, "beside the strip nothing happens");
}

#[test]
fn the_threshold_moves_and_says_what_that_does() {
    use stepscope::trace::{Semantics, StepScore};
    let mut desk = Desk::demo();
    let trace = desk.app.trace().unwrap().clone();
    for (step, id) in desk.app.cursor.path.clone().into_iter().enumerate() {
        let score = if step == 1 { 0.42 } else { 0.9 };
        desk.app.scoring.scores.insert(trace.node(id).key, StepScore::new(score, Semantics::Correctness).unwrap());
    }
    desk.keys(":threshold 0.5<Enter>");
    desk.keys("2[t");
    let said = desk.app.notice.clone().unwrap();
    assert!(said.starts_with("threshold .40: 0 of ") && said.contains("below it, 1 before; a first error in 0 of "), "{said}");
    assert!(said.ends_with("solutions in memory, 1 before"), "{said}");
    assert_eq!(desk.app.predicted_first_error(), None);
    desk.keys("]t");
    assert!(desk.app.notice.as_deref().unwrap().contains("a first error in 1 of "), "{:?}", desk.app.notice);
    assert_eq!(desk.app.predicted_first_error(), Some(1));
    desk.keys("p]t");
    assert!(desk.app.notice.as_deref().unwrap().contains("hidden"), "who judges blind learns nothing by it");
}

#[test]
fn long_lines_are_cut_at_the_edge_but_for_those_of_the_step_one_is_at() {
    let mut desk = Desk::demo();
    let rows = |desk: &Desk| desk.app.steps.visible.iter().map(|slice| slice.shape.rows).collect::<Vec<_>>();
    let long = (0..35).find(|_| {
        let wrapped = rows(&desk).iter().skip(1).any(|rows| *rows > 1);
        if !wrapped {
            desk.keys("}");
        }
        wrapped
    });
    assert!(long.is_some(), "the demo has a step of two lines");
    desk.keys("ggzw");
    assert_eq!(desk.app.notice.as_deref(), Some("lines end at the edge, but for those of the current step"));
    assert!(rows(&desk).iter().skip(1).all(|rows| *rows == 1), "{}", desk.screen());
    desk.keys("zw");
    assert!(rows(&desk).iter().skip(1).any(|rows| *rows > 1), "{}", desk.screen());
}

#[test]
fn the_layouts_go_in_a_circle_and_the_last_one_is_the_steps_alone() {
    let mut desk = Desk::new(&[("demo/solutions.json", SOLUTIONS)], (120, 40));
    let panes = |desk: &Desk| {
        let panes = stepscope::app::layout::panes(&desk.app).unwrap();
        (panes.list.is_some(), panes.steps.unwrap().width, panes.detail.is_some())
    };
    let all = panes(&desk);
    assert!(all.0 && all.2);
    desk.keys("\\");
    let without_list = panes(&desk);
    assert!(!without_list.0 && without_list.1 > all.1 && without_list.2);
    desk.keys("gl\\");
    assert_eq!((desk.app.focus, panes(&desk).2), (stepscope::app::Focus::Steps, false), "the keys act on what is there");
    desk.keys("\\");
    assert_eq!(panes(&desk), all);
}

#[test]
fn a_step_is_compared_with_the_solution_of_the_count_or_with_what_a_letter_names() {
    let mut desk = Desk::new(&[("demo/samples.jsonl", super::desk::SAMPLES)], (120, 40));
    desk.keys("gs2D");
    let comparison = desk.app.comparison().expect("solution 2 is another one");
    assert!(comparison.place.starts_with("solution 2, step "), "{}", comparison.place);
    desk.keys("<Esc>1D");
    assert_eq!(desk.app.notice.as_deref(), Some("this is the solution on show"));
    desk.keys("999D");
    assert!(desk.app.notice.as_deref().unwrap().starts_with("there is no solution 999"));
    desk.keys("Db");
    assert!(desk.app.comparison().is_some_and(|comparison| comparison.against.name() == "best"), "{}", desk.screen());
    desk.keys("<Esc>D<Esc>");
    assert!(desk.app.comparison().is_none() && desk.app.choice.is_none());
}

#[test]
fn all_behind_the_first_bad_step_stands_after_the_error() {
    use stepscope::trace::Label::{AfterError, Bad, Good};
    let mut desk = Desk::demo();
    let id = desk.id();
    desk.keys(":scope<Enter>gg=");
    desk.keys("-");
    desk.keys("gggx");
    assert_ne!(desk.id(), id, "a verdict goes on to the next solution");
    desk.keys("(");
    let labels = steps_of(&desk);
    assert_eq!(labels[..2], [Good, Bad]);
    assert!(labels.len() > 2 && labels[2..].iter().all(|label| *label == AfterError), "{labels:?}");
    desk.keys(")gggx");
    assert!(desk.app.notice.is_some(), "without a bad step there is nothing to stand after");
}

#[test]
fn the_key_that_closes_goes_back_to_the_steps_before_it_leaves() {
    use stepscope::app::Focus;
    let mut desk = Desk::new(&[("demo/tree.jsonl", super::desk::TREE)], (120, 40));
    assert_eq!(desk.app.focus, Focus::Tree);
    desk.keys("q");
    assert_eq!((desk.app.focus, desk.app.show_tree, desk.app.quitting), (Focus::Steps, false, false));
    desk.keys("glq");
    assert_eq!((desk.app.focus, desk.app.quitting), (Focus::Steps, false));
    // Other ways out lead out from anywhere.
    desk.keys("gt:q<Enter>");
    assert!(desk.app.quitting);
    let mut desk = Desk::new(&[("demo/tree.jsonl", super::desk::TREE)], (120, 40));
    desk.keys("ZZ");
    assert!(desk.app.quitting);
    let mut desk = Desk::demo();
    desk.keys("q");
    assert!(desk.app.quitting);
}

#[test]
fn who_leaves_with_labels_that_are_not_saved_is_told_the_key_that_does() {
    let mut desk = Desk::demo();
    desk.app.keys = stepscope::app::keys::Keys::new(Keymap::preset("left").unwrap());
    desk.unwritable = true;
    desk.keys("x");
    assert!(desk.app.saving.error.is_some());
    desk.keys("q");
    assert!(!desk.app.quitting && desk.app.saving.queue.len() == 2, "there q leaves a solution for later");
    desk.keys("Q");
    assert!(
        desk.app
            .notice
            .as_deref()
            .is_some_and(|said| said.ends_with("press Q again to leave: they go into a store of their own"))
    );
    desk.keys("Q");
    assert!(desk.app.quitting);
}

#[test]
fn the_help_shows_the_whole_text_of_the_chosen_row() {
    let mut desk = Desk::new(&[("demo/solutions.json", SOLUTIONS)], (60, 18));
    desk.keys("?same-mistake");
    let said: String = desk.screen().split_whitespace().collect::<Vec<_>>().join(" ");
    let whole = stepscope::app::commands::by_name("same-mistake").unwrap().doc;
    assert!(said.contains(whole), "{}", desk.screen());
}

#[test]
fn a_formula_is_found_however_it_is_spelled() {
    let text = "First.\nThen \\\\(\\\\dfrac{1}{2} \\\\left( x^{2} + 1 \\\\right)\\\\).\n";
    let line =
        format!("{{\"prompt\":\"1?\",\"completions\":[\"One.\",\"{}\"],\"labels\":[true,true]}}\n", text.replace('\n', " "));
    let mut desk = Desk::new(&[("one.jsonl", Box::leak(line.into_bytes().into_boxed_slice()))], (120, 40));
    for typed in ["\\frac12", "x^2+1", "\\frac{1}{2}(x^2"] {
        desk.keys(&format!("gg/{typed}<Enter>"));
        assert_eq!(desk.step(), 2, "{typed}: {:?}", desk.app.notice);
        desk.keys("<Esc>");
    }
    desk.keys("gg/\\frac13<Enter>");
    assert_eq!(desk.step(), 1);
}

#[test]
fn what_is_too_long_for_the_clipboard_goes_into_a_file() {
    let line = serde_json::json!({"prompt": "1?", "completions": ["x".repeat(150_000)], "labels": [true]}).to_string() + "\n";
    let mut desk = Desk::new(&[("one.jsonl", Box::leak(line.into_bytes().into_boxed_slice()))], (120, 40));
    desk.keys("yy");
    assert!(matches!(desk.left.last(), Some(stepscope::app::Effect::CopyToFile(text)) if text.len() == 150_000));
}

#[test]
fn the_threshold_of_an_open_scale_moves_by_notches_and_stays_a_number() {
    use stepscope::analysis::meaning::Meaning;
    use stepscope::trace::Semantics;
    let mut desk = Desk::demo();
    let meaning = Meaning { semantics: Semantics::LogRatio, ..Meaning::VALUE.open(0.0, 2.0) };
    desk.app.scoring.meaning = meaning;
    desk.app.scoring.threshold = meaning.threshold;
    desk.keys("]t]t");
    assert!((desk.app.scoring.threshold - 0.8).abs() < 1e-9, "{}", desk.app.scoring.threshold);
    desk.keys("3[t");
    assert!((desk.app.scoring.threshold + 0.4).abs() < 1e-9, "{}", desk.app.scoring.threshold);
    desk.keys(":threshold inf<Enter>");
    assert!(desk.app.scoring.threshold.is_finite() && desk.app.notice.as_deref().unwrap().contains("not \"inf\""));
}

#[test]
fn directly_after_a_jump_nothing_lies_ahead() {
    let mut desk = Desk::demo();
    desk.keys("5go9go");
    desk.keys("g,");
    assert_eq!(desk.app.items.rank(desk.app.cursor.item), 8);
    assert_eq!(desk.app.notice.as_deref(), Some("this is the newest place"));
}
