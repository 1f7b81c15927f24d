//! Several files at once: what stands on the command line, with folders taken apart into the files of traces in them.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Source;
use super::error::{OpenError, Refusal};

/// The name that stands for standard input.
pub(super) const STDIN: &str = "-";
/// Most files of a folder, and how deep they may lie.
const FILES: usize = 10_000;
const DEPTH: usize = 6;
/// Endings of files that are looked at in a folder; a file named on the command line may have any.
const ENDINGS: &[&str] = &["jsonl", "ndjson", "json", "csv", "tsv", "parquet", "arrow", "eval", "traj", "tree"];
const PACKED: &[&str] = &["gz", "zst", "bz2"];
/// Files that describe a data set of the hub and are none.
const DESCRIPTIONS: &[&str] =
    &["dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json", "config.json", "package.json"];

/// The sources that paths stand for: `-` is standard input, a folder the files of traces in it, in the order of its shards where the
/// folder says it (`dataset_dict.json`, `state.json`), else by name, numbers by value.
pub fn sources(paths: &[PathBuf]) -> Vec<Result<Source, OpenError>> {
    let mut out = Vec::new();
    for path in paths {
        if path.as_os_str() == STDIN {
            out.push(Ok(Source::Stdin));
        } else if path.is_dir() {
            let mut files = Vec::new();
            let found = collect(path, DEPTH, &mut files);
            let found = found.and_then(|()| if files.is_empty() { Err(Refusal::Folder(empty())) } else { Ok(files) });
            match found {
                Ok(files) => out.extend(files.into_iter().map(|file| Ok(Source::Path(file)))),
                Err(reason) => out.push(Err(OpenError { path: path.clone(), reason })),
            }
        } else {
            out.push(Ok(Source::Path(path.clone())));
        }
    }
    out
}

fn empty() -> String {
    format!("without a file of traces ({})", ENDINGS.join(", "))
}

fn collect(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), Refusal> {
    for path in entries(folder)? {
        if path.is_dir() {
            if depth > 0 {
                collect(&path, depth - 1, files)?;
            }
        } else if is_traces(&path) {
            files.push(path);
            if files.len() > FILES {
                return Err(Refusal::Folder(format!("of more than {FILES} files")));
            }
        }
    }
    Ok(())
}

/// What is in a folder, in order: first what its description names.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, Refusal> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| Refusal::io(&error))? {
        let name = entry.map_err(|error| Refusal::io(&error))?.file_name();
        if !name.as_encoded_bytes().starts_with(b".") {
            names.push(name);
        }
    }
    // Beside its samples, lm-evaluation-harness writes what it counted over them.
    let counted = |name: &OsString, start: &str| name.to_string_lossy().starts_with(start);
    if names.iter().any(|name| counted(name, "samples_")) {
        let json = |name: &OsString| Path::new(name).extension().is_some_and(|extension| extension == "json");
        names.retain(|name| !(name == "results.json" || counted(name, "results_") && json(name)));
    }
    names.sort_by_cached_key(|name| natural(&name.to_string_lossy()));
    let mut known = HashSet::new();
    let described = described(folder);
    let paths = described.iter().map(OsStr::new).filter(|name| names.iter().any(|known| known == name));
    let paths: Vec<PathBuf> = paths
        .chain(names.iter().map(OsString::as_os_str))
        .filter(|name| known.insert(name.to_os_string()))
        .map(|name| folder.join(name))
        .collect();
    Ok(paths)
}

/// Splits or shards in the order that `datasets` wrote down.
fn described(folder: &Path) -> Vec<String> {
    let json = |name: &str| -> Option<Value> { serde_json::from_slice(&fs::read(folder.join(name)).ok()?).ok() };
    let strings = |list: &Value, text: fn(&Value) -> Option<&str>| -> Vec<String> {
        list.as_array().into_iter().flatten().filter_map(text).map(str::to_owned).collect()
    };
    if let Some(dict) = json("dataset_dict.json") {
        return strings(&dict["splits"], Value::as_str);
    }
    json("state.json").map(|state| strings(&state["_data_files"], |file| file["filename"].as_str())).unwrap_or_default()
}

fn is_traces(path: &Path) -> bool {
    let ending = |path: &Path| path.extension().and_then(OsStr::to_str).map(str::to_ascii_lowercase).unwrap_or_default();
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    // What `datasets` computed of a column.
    let derived = name.starts_with("indices-") || name.starts_with("cache-");
    let inner = if PACKED.contains(&ending(path).as_str()) {
        ending(Path::new(path.file_stem().unwrap_or_default()))
    } else {
        ending(path)
    };
    ENDINGS.contains(&inner.as_str()) && !DESCRIPTIONS.contains(&name) && !derived
}

/// A key by which `data-2` stands before `data-10`: runs of text and the numbers behind them.
fn natural(name: &str) -> Vec<(String, u64)> {
    let mut parts = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let text = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let digits = rest[text..].find(|c: char| !c.is_ascii_digit()).map_or(rest.len(), |at| text + at);
        parts.push((rest[..text].to_owned(), rest[text..digits].parse().unwrap_or(u64::MAX)));
        rest = &rest[digits..];
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(root: &Path) -> Vec<String> {
        let sources = sources(&[root.to_owned()]);
        let name = |source: Result<Source, OpenError>| match source {
            Ok(Source::Path(path)) => path.strip_prefix(root).unwrap().to_string_lossy().into_owned(),
            other => format!("{other:?}"),
        };
        sources.into_iter().map(name).collect()
    }

    #[test]
    fn files_of_a_folder_come_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("dataset_dict.json", r#"{"splits": ["train", "test"]}"#);
        write("train/state.json", r#"{"_data_files": [{"filename": "b.arrow"}, {"filename": "../../x.arrow"}]}"#);
        for name in ["train/a.arrow", "train/b.arrow", "train/cache-1.arrow", "test/10.json", "test/9.json", "test/.x.json"] {
            write(name, "");
        }
        for name in ["more.jsonl.gz", "readme.md", "dataset_info.json", "results_1.json"] {
            write(name, "");
        }
        for name in ["log/samples_gsm8k_2026-01-01.jsonl", "log/results_2026-01-01.json", "log/results_prm.jsonl"] {
            write(name, "");
        }
        let (samples, other) = ("log/samples_gsm8k_2026-01-01.jsonl", "log/results_prm.jsonl");
        let expected =
            ["train/b.arrow", "train/a.arrow", "test/9.json", "test/10.json", other, samples, "more.jsonl.gz", "results_1.json"];
        assert_eq!(names(dir.path()), expected);
    }

    #[test]
    fn a_folder_without_traces_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let error = sources(&[dir.path().to_owned()]).remove(0).unwrap_err().to_string();
        assert!(
            error.ends_with(
                ": is a directory without a file of traces (jsonl, ndjson, json, csv, tsv, parquet, arrow, eval, traj, tree)"
            ),
            "{error}"
        );
        assert!(matches!(sources(&[PathBuf::from("-")])[0], Ok(Source::Stdin)));
    }
}
