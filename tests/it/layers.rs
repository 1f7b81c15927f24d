//! Which folders use which: the table below is the map, and the code is held to it. What the folders own says the header of the crate.

use std::path::{Path, PathBuf};

/// A folder below `src` and the folders of the crate that it must not name.
const FORBIDDEN: &[(&str, &[&str])] = &[
    ("trace", &["analysis", "app", "checks", "cli", "corpus", "formats", "labels", "prm", "scoring", "segment", "shell", "ui"]),
    ("formats", &["app", "cli", "corpus", "prm", "scoring", "shell", "ui"]),
    ("segment", &["app", "cli", "corpus", "labels", "prm", "scoring", "shell", "ui"]),
    ("checks", &["app", "cli", "corpus", "labels", "prm", "scoring", "shell", "ui"]),
    ("analysis", &["app", "cli", "corpus", "prm", "shell", "ui"]),
    ("query", &["app", "cli", "corpus", "formats", "labels", "prm", "scoring", "shell", "ui"]),
    ("training", &["app", "cli", "corpus", "formats", "labels", "prm", "scoring", "shell", "ui"]),
    ("labels", &["app", "cli", "corpus", "prm", "scoring", "shell", "ui"]),
    ("prm", &["app", "cli", "corpus", "labels", "shell", "ui"]),
    ("scoring", &["app", "cli", "labels", "shell", "ui"]),
    (
        "text",
        &["analysis", "app", "checks", "cli", "corpus", "formats", "labels", "prm", "scoring", "segment", "shell", "trace", "ui"],
    ),
    (
        "math",
        &["analysis", "app", "checks", "cli", "corpus", "formats", "labels", "prm", "scoring", "segment", "shell", "trace", "ui"],
    ),
    (
        "typeset",
        &["analysis", "app", "checks", "cli", "corpus", "formats", "labels", "prm", "scoring", "segment", "shell", "trace", "ui"],
    ),
    // `ui::look` and `ui::code` are arithmetic on colours and tokens; widgets and panes stay out of reach.
    ("app", &["cli", "shell", "prm", "ui::panes", "ui::pen"]),
    ("ui", &["cli", "shell", "prm"]),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn folders_use_only_what_they_may() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    for (folder, forbidden) in FORBIDDEN {
        let mut files = Vec::new();
        sources(&src.join(folder), &mut files);
        assert!(!files.is_empty(), "{folder} has no files: the table is out of date");
        for file in files {
            let text = std::fs::read_to_string(&file).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap();
            for name in *forbidden {
                if code.contains(&format!("crate::{name}::")) || code.contains(&format!("crate::{name};")) {
                    wrong.push(format!("{} uses {name}", file.strip_prefix(&src).unwrap().display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
