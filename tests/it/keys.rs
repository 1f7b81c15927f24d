//! Presets and files of keys.

use stepscope::app::commands::COMMANDS;
use stepscope::app::keymap::{Keymap, PRESETS};

use super::desk::{Desk, SOLUTIONS};

/// Commands that an annotator needs all the time.
const DAILY: [&str; 16] = [
    "down",
    "up",
    "next-solution",
    "previous-solution",
    "next-problem",
    "previous-problem",
    "first-error",
    "all-right",
    "good",
    "neutral",
    "bad",
    "unsure",
    "later",
    "undo",
    "redo",
    "search",
];

#[test]
fn no_preset_binds_keys_twice_or_takes_the_last_key_of_a_daily_command() {
    for preset in PRESETS {
        let map = Keymap::preset(preset.name).unwrap();
        assert_eq!(map.conflict(), None, "{}", preset.name);
        for command in COMMANDS {
            let needed = DAILY.contains(&command.name) || ["quit", "command", "help", "cancel"].contains(&command.name);
            assert!(!needed || !map.keys(command).is_empty(), "{}: {} has no key", preset.name, command.name);
        }
    }
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
        ("[key]\n", "keys.toml:1: unknown field `key`"),
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
    let own = "[keys]\nfirst-error = \"F2\"\nhide-prm = \"gh\"\nunsure = []\nhelp = \"F1\"";
    desk.app.keys = stepscope::app::keys::Keys::new(Keymap::read("own", own, "vim").unwrap());
    let screen = desk.screen();
    assert!(screen.contains("F2 first error here") && screen.contains("gh hide PRM") && screen.contains("F1help"), "{screen}");
    assert!(!screen.contains("unsure"), "what has no key is no hot key:\n{screen}");
    let before = desk.app.session.decisions();
    desk.keys("x");
    assert_eq!(desk.app.session.decisions(), before, "x is not bound any more");
    desk.keys("<F2>");
    assert_eq!(desk.app.session.decisions(), before + 1);
    desk.keys("<F1>gh");
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
