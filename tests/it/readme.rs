//! What the README says is so: its commands exist, its examples run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::{Folder, readme};

/// A folder with the demo traces as `traces.jsonl`, in which commands run that know no other folder.
struct Place(Folder);

impl Place {
    fn new() -> Self {
        let folder = Folder::new();
        let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo/solutions.json");
        fs::copy(demo, folder.path("traces.jsonl")).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path(name)
    }

    fn run(&self, args: &[&str]) -> Output {
        self.0.run(args)
    }

    fn passes(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

/// The code blocks of a language, in order.
fn blocks(language: &str) -> Vec<String> {
    let start = format!("```{language}\n");
    readme().split(start.as_str()).skip(1).filter_map(|rest| Some(rest.split_once("```")?.0.to_owned())).collect()
}

#[test]
fn the_table_of_commands_is_that_of_the_program() {
    let place = Place::new();
    let text = readme();
    let (_, table) = text.split_once("## Without the terminal").unwrap();
    let rows = table.lines().take_while(|line| !line.starts_with("##")).filter(|line| line.starts_with("| `"));
    let mut commands: Vec<String> = Vec::new();
    for row in rows {
        let first = row.split('|').nth(1).unwrap();
        commands.extend(first.split('`').skip(1).step_by(2).map(str::to_owned));
    }
    let help = place.passes(&["--help"]);
    let (_, listed) = help.split_once("Commands:\n").unwrap();
    // What goes on in the next line stands further in.
    let listed = listed.lines().take_while(|line| !line.is_empty()).filter(|line| !line.starts_with("   "));
    let listed: Vec<&str> = listed.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(listed.len() > 12, "{help}");
    for name in listed {
        assert!(commands.iter().any(|command| command.split(' ').next() == Some(name)), "{name} is not in the README");
    }
    for command in commands {
        // Words in small letters are names of commands; the others stand for arguments.
        let words: Vec<&str> = command.split(' ').take_while(|w| w.chars().all(|c| c.is_ascii_lowercase() || c == '-')).collect();
        let words: Vec<&str> = words.into_iter().take_while(|w| !w.starts_with('-')).collect();
        let help = place.passes(&[words.as_slice(), &["--help"]].concat());
        for option in command.split(' ').filter(|w| w.starts_with('-')) {
            assert!(help.contains(option), "{command}: {option}");
        }
    }
}

#[test]
fn the_first_export_of_the_readme_runs() {
    let place = Place::new();
    let examples = blocks("sh").concat();
    let line = examples.lines().find(|l| l.starts_with("stepscope export")).unwrap();
    let args: Vec<&str> = line.split_whitespace().skip(1).collect();
    // Nobody has labelled yet: the labels of the file itself go out.
    place.passes(&args);
    let written = fs::read_to_string(place.path("train.jsonl")).unwrap();
    assert!(written.lines().count() > 20 && written.contains("\"labels\""));
    assert!(place.path("train.jsonl.manifest.json").exists());
}

#[test]
fn the_filters_orders_and_keys_of_the_readme_are_understood() {
    let place = Place::new();
    let lines = blocks("text").concat();
    let queue = |option: &str, text: &str| {
        let text = text.split("  ").next().unwrap().trim();
        place.passes(&["queue", "traces.jsonl", option, text]);
    };
    let filters: Vec<&str> = lines.lines().filter_map(|l| l.strip_prefix('&')).collect();
    let orders: Vec<&str> = lines.lines().filter_map(|l| l.strip_prefix(":order ")).collect();
    assert!(!filters.is_empty() && orders.len() > 1, "{lines}");
    for filter in filters {
        queue("--filter", filter);
    }
    for order in orders {
        queue("--order", order);
    }
    fs::write(place.path("keys.toml"), blocks("toml").concat()).unwrap();
    place.passes(&["keys", "--keys", "keys.toml"]);
}

#[cfg(feature = "candle")]
#[test]
fn the_scorer_of_the_readme_plugs_in() {
    if Command::new("python3").arg("--version").output().is_err() {
        println!("skipped: no python3 on this machine");
        return;
    }
    let place = Place::new();
    fs::write(place.path("scorer.py"), blocks("python").concat()).unwrap();
    let solution = r#"{"id":"p","steps":["a step of 23 letters it","b"],"problem":"?","final_answer_correct":false,"label":0,"generator":"g"}"#;
    fs::write(place.path("one.jsonl"), solution).unwrap();
    let scored = place.passes(&["score", "one.jsonl", "-o", "out.jsonl", "--json", "--scorer-cmd", "python3 scorer.py"]);
    let summary: serde_json::Value = serde_json::from_str(&scored).unwrap();
    assert_eq!((&summary["scorers"][0], &summary["not_scored"]), (&"length@length-v1".into(), &0.into()));
    let line: serde_json::Value = serde_json::from_str(&fs::read_to_string(place.path("out.jsonl")).unwrap()).unwrap();
    let score = line["steps"][0]["score"].as_f64().unwrap();
    assert!((score - 1.0 / (1.0 + 23.0 / 200.0)).abs() < 1e-6, "{score}");
}

#[cfg(feature = "candle")]
#[test]
fn the_settings_file_of_the_readme_is_understood() {
    let text = readme();
    let (_, rest) = text.split_once("in the folder changes any setting, for example\n`").unwrap();
    let place = Place::new();
    let entries = crate::families::entries();
    let folder = entries.iter().find(|e| e.folder.contains("trl")).unwrap().folder(place.0.at(), "new");
    fs::write(folder.join("stepscope.json"), rest.split_once('`').unwrap().0).unwrap();
    let shown = place.passes(&["models", "inspect", folder.to_str().unwrap()]);
    assert!(shown.contains("separator = \"\\n\\n\"") && shown.contains("usable       yes"), "{shown}");
}
