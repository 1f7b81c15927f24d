//! Several files at once: what stands on the command line, with folders taken apart into the files of traces in them.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::Value;

use super::Source;
use super::error::{OpenError, Refusal};

/// The name that stands for standard input.
pub(crate) const STDIN: &str = "-";
/// Most files of a folder, and how deep they may lie. An open file takes one of the files that the system lets a program open, and about 5 KB:
/// its corpus with an index of few records, what the screen knows of it, twice, and what the system keeps of it.
const FILES: usize = 50_000;
const DEPTH: usize = 6;
/// Endings of files that are looked at in a folder; a file named on the command line may have any.
const ENDINGS: &[&str] = &["jsonl", "ndjson", "json", "csv", "tsv", "parquet", "arrow", "eval", "traj", "tree"];
const PACKED: &[&str] = &["gz", "zst", "bz2"];
/// Files that describe a data set of the hub and are none.
const DESCRIPTIONS: &[&str] =
    &["dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json", "config.json", "package.json"];

/// Endings of what an export writes beside its file.
const BESIDE: &[&str] = &[".manifest.json", ".dataset_info.json", ".settings.json"];

/// Device and inode: the same for every name of a file or folder.
pub(super) type FileId = (u64, u64);

pub(super) fn file_id(path: &Path) -> Option<FileId> {
    fs::metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

/// The sources that paths stand for: `-` is standard input, a folder the files of traces in it, in the order of its shards where the
/// folder says it (`dataset_dict.json`, `state.json`), else by name, numbers by value. What has several names, by links or because it is
/// named twice, is one source; `tell` hears of it.
pub fn sources(paths: &[PathBuf], tell: &mut dyn FnMut(String)) -> Vec<Result<Source, OpenError>> {
    let mut out = Vec::new();
    let mut taken = HashMap::new();
    for path in paths {
        if path.as_os_str() == STDIN {
            out.push(Ok(Source::Stdin));
        } else if path.is_dir() {
            let mut files = Vec::new();
            let found = collect(path, FILES, &mut Vec::new(), false, &mut files);
            let found = found.and_then(|()| if files.is_empty() { Err(Refusal::Folder(empty())) } else { Ok(()) });
            match found {
                Ok(()) => out.extend(once(path, files, &mut taken, tell).into_iter().map(|file| Ok(Source::Path(file)))),
                Err(reason) => out.push(Err(OpenError { path: path.clone(), reason })),
            }
        } else {
            let files = vec![Found { path: path.clone(), linked: false }];
            out.extend(once(path, files, &mut taken, tell).into_iter().map(|file| Ok(Source::Path(file))));
        }
    }
    let_open(out.len());
    out
}

/// Files that a program opens beside those of traces.
const SPARE: usize = 200;

/// Lets this program open so many files at once, as far as the system allows it: a file stays open as long as its corpus.
fn let_open(files: usize) {
    let limit = getrlimit(Resource::Nofile);
    let wanted = (files + SPARE) as u64;
    if limit.current.is_some_and(|current| current < wanted) {
        let current = Some(limit.maximum.map_or(wanted, |most| most.min(wanted)));
        // Who needs more files than that says so when they are opened.
        let _ = setrlimit(Resource::Nofile, Rlimit { current, ..limit });
    }
}

fn empty() -> String {
    format!("without a file of traces ({})", ENDINGS.join(", "))
}

/// A file of a folder.
struct Found {
    path: PathBuf,
    /// A link leads to it.
    linked: bool,
}

/// The files that are not `taken` yet, each by one of its names: where a name has no link in it, by that.
fn once(named: &Path, files: Vec<Found>, taken: &mut HashMap<FileId, PathBuf>, tell: &mut dyn FnMut(String)) -> Vec<PathBuf> {
    let mut best = HashMap::new();
    let with_id = |file: Found| (file_id(&file.path), file);
    let files: Vec<(Option<FileId>, Found)> = files.into_iter().map(with_id).collect();
    for linked in [false, true] {
        for (at, (id, _)) in files.iter().enumerate().filter(|(_, (_, file))| file.linked == linked) {
            id.map(|id| best.entry(id).or_insert(at));
        }
    }
    let (mut out, mut more, mut first) = (Vec::new(), 0, None);
    for (at, (id, Found { path, .. })) in files.into_iter().enumerate() {
        match id {
            Some(id) if best[&id] != at || taken.contains_key(&id) => {
                more += 1;
                first.get_or_insert((path, id));
            }
            _ => {
                taken.extend(id.map(|id| (id, path.clone())));
                out.push(path);
            }
        }
    }
    if let Some((path, id)) = first {
        let shown = |path: &Path| path.to_string_lossy().into_owned();
        let (name, read) = (shown(&path), taken.get(&id).map_or_else(String::new, |path| shown(path)));
        tell(if path == named {
            format!("{name}: is {read}, which is read once")
        } else {
            format!("{}: more names of files that are read once: {more} ({name} is {read})", shown(named))
        });
    }
    out
}

/// The files of traces in a folder, `most` of them at most. `above` are the folders that lead to it: a link back to one of them is not followed.
fn collect(
    folder: &Path,
    most: usize,
    above: &mut Vec<Option<FileId>>,
    linked: bool,
    files: &mut Vec<Found>,
) -> Result<(), Refusal> {
    let id = file_id(folder);
    if above.len() > DEPTH || (id.is_some() && above.contains(&id)) {
        return Ok(());
    }
    above.push(id);
    for path in entries(folder)? {
        let linked = linked || path.is_symlink();
        if path.is_dir() {
            collect(&path, most, above, linked, files)?;
        } else if is_traces(&path) {
            files.push(Found { path, linked });
            if files.len() > most {
                return Err(Refusal::Folder(format!("of more than {most} files: open folders in it, or put the files together")));
            }
        }
    }
    above.pop();
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
    if is_ours(folder) {
        names.retain(|name| name != "manifest.json");
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

/// Whether a folder is a data set that an export wrote: its card says so.
fn is_ours(folder: &Path) -> bool {
    let (card, mut head) = (folder.join("README.md"), Vec::new());
    let read = card.is_file() && fs::File::open(card).and_then(|file| file.take(4096).read_to_end(&mut head)).is_ok();
    read && String::from_utf8_lossy(&head).contains("\n- stepscope\n")
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
    let described = DESCRIPTIONS.contains(&name) || BESIDE.iter().any(|ending| name.ends_with(ending));
    ENDINGS.contains(&inner.as_str()) && !described && !derived
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
        let sources = sources(&[root.to_owned()], &mut |_| ());
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
    fn a_file_with_several_names_is_one_source() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        for name in ["r1/a.jsonl", "r2/a.jsonl"] {
            fs::create_dir_all(path(name).parent().unwrap()).unwrap();
            fs::write(path(name), "").unwrap();
        }
        std::os::unix::fs::symlink("r2", path("latest")).unwrap();
        std::os::unix::fs::symlink("..", path("r1/up")).unwrap();
        assert_eq!(names(dir.path()), ["r1/a.jsonl", "r2/a.jsonl"]);
        let (one, same) = (path("r1/a.jsonl"), path("r1/../r1/a.jsonl"));
        let mut told = Vec::new();
        let found = sources(&[one.clone(), dir.path().to_owned(), same, path("none")], &mut |note| told.push(note));
        let found: Vec<_> = found.into_iter().map(Result::unwrap).collect();
        assert_eq!(format!("{found:?}"), format!("{:?}", [one, path("r2/a.jsonl"), path("none")].map(Source::Path)));
        assert!(told.len() == 2 && told[0].contains(": more names of files that are read once: 2 ("), "{told:?}");
        assert!(told[1].ends_with("r1/a.jsonl, which is read once"), "{told:?}");
    }

    #[test]
    fn what_exports_write_beside_their_files_is_no_file_of_traces() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["t.jsonl", "t.jsonl.manifest.json", "t.jsonl.dataset_info.json", "t.jsonl.settings.json", "manifest.json"] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        assert_eq!(names(dir.path()), ["manifest.json", "t.jsonl"]);
        fs::write(dir.path().join("README.md"), "---\ntags:\n- process-reward-model\n- stepscope\n---\n").unwrap();
        assert_eq!(names(dir.path()), ["t.jsonl"]);
    }

    #[test]
    fn a_folder_of_too_many_files_says_how_many_would_do() {
        let dir = tempfile::tempdir().unwrap();
        (0..3).for_each(|number| fs::write(dir.path().join(format!("{number}.json")), "").unwrap());
        let collected =
            |most| collect(dir.path(), most, &mut Vec::new(), false, &mut Vec::new()).map_err(|error| error.to_string());
        assert_eq!(collected(3), Ok(()));
        assert!(collected(2).is_err_and(|error| error.contains("of more than 2 files: ")));
    }

    #[test]
    fn a_folder_without_traces_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let error = sources(&[dir.path().to_owned()], &mut |_| ()).remove(0).unwrap_err().to_string();
        assert!(
            error.ends_with(
                ": is a directory without a file of traces (jsonl, ndjson, json, csv, tsv, parquet, arrow, eval, traj, tree)"
            ),
            "{error}"
        );
        assert!(matches!(sources(&[PathBuf::from("-")], &mut |_| ())[0], Ok(Source::Stdin)));
    }
}
