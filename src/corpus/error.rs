//! Why a file cannot be opened as a corpus: one clear line each.

use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;

use super::spool::cache_folder;
use crate::text::acts;

/// A file that cannot be opened. The message holds no control characters, whatever the path or the file hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {reason}", escaped(&path.to_string_lossy()))]
pub struct OpenError {
    /// The path as it was given.
    pub path: PathBuf,
    /// What is wrong.
    pub reason: Refusal,
}

/// What is wrong with a file that cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nothing has this path.
    #[error("no such file")]
    NotFound,
    /// It exists and may not be read.
    #[error("no permission to read this file")]
    Denied,
    /// The same, or it is packed and there is no place for what it holds.
    #[error("no permission to read this file, or to write what it unpacks to: no file can be made in {0}")]
    NoPlace(String),
    /// A folder.
    #[error("is a directory; expected a file of traces")]
    Directory,
    /// Something one would wait for forever.
    #[error("is {0}; expected a regular file")]
    NotAFile(&'static str),
    /// The operating system refuses.
    #[error("cannot be read: {0}")]
    Io(String),
    /// Nothing in it.
    #[error("no records: the file is empty")]
    Empty,
    /// Nothing but white space or a byte order mark, or an array without elements.
    #[error("no records: {0}")]
    Blank(&'static str),
    /// What Git leaves where the data should be.
    #[error("is a Git LFS pointer, not the data{}; fetch the data with `git lfs pull`", .size.map(|size| format!(" ({size} bytes)")).unwrap_or_default())]
    LfsPointer {
        /// Size of the data in bytes, as the pointer states it.
        size: Option<u64>,
    },
    /// A pickle, bare or zipped.
    #[error("is a pickle; pickle files can run code and are never loaded")]
    Pickle,
    /// A file of another kind, known by its first bytes.
    #[error("is {kind}; {advice}")]
    Binary {
        /// What it is.
        kind: &'static str,
        /// What can be done.
        advice: &'static str,
    },
    /// An archive or a table that cannot be opened.
    #[error("is {0}")]
    Container(String),
    /// A folder without a file of traces, or with too many.
    #[error("is a directory {0}")]
    Folder(String),
    /// Text in another encoding.
    #[error("is {encoding} text; expected UTF-8 (convert it with `iconv -f {encoding} -t UTF-8`)")]
    Encoding {
        /// Name of the encoding, as iconv knows it.
        encoding: &'static str,
    },
    /// The first record does not end within the limit.
    #[error("no record ends within the first {bytes} bytes (limit {limit} bytes a record)")]
    TooLong {
        /// Bytes looked at.
        bytes: u64,
        /// Largest record.
        limit: u64,
    },
    /// None of the records looked at is JSON.
    #[error("no record can be read; line {line}: {message}")]
    Unreadable {
        /// Physical line of the first record, from 1.
        line: usize,
        /// What is wrong with it.
        message: String,
    },
    /// A detector of a format panicked.
    #[error("internal error while its first records were looked at, please report it")]
    Defect,
    /// JSON, but of no known format.
    #[error("{0}")]
    UnknownFormat(String),
}

impl Refusal {
    /// The refusal that an error of the operating system stands for.
    pub(super) fn io(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::NotFound,
            io::ErrorKind::PermissionDenied => no_place(&places()).map_or(Self::Denied, Self::NoPlace),
            io::ErrorKind::IsADirectory => Self::Directory,
            _ => Self::Io(escaped(&error.to_string())),
        }
    }
}

/// Where what is unpacked may lie: on the user's cache disk, else with the temporary files.
fn places() -> Vec<PathBuf> {
    cache_folder().into_iter().chain([std::env::temp_dir()]).collect()
}

/// These folders, when no file can be made in any of them: an error of permission does not say whether it was reading or unpacking.
fn no_place(folders: &[PathBuf]) -> Option<String> {
    let shown = || folders.iter().map(|folder| escaped(&folder.to_string_lossy())).collect::<Vec<_>>().join(" or ");
    (!folders.iter().any(|folder| tempfile::tempfile_in(folder).is_ok())).then(shown)
}

/// The text with control and direction characters written as escapes, so that it is one harmless line.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for ch in text.chars() {
        match ch {
            '\n' | '\r' | '\t' => out.extend(ch.escape_default()),
            _ if acts(ch) => {
                // Writing to a string cannot fail.
                let _ = write!(out, "<U+{:04X}>", u32::from(ch));
            }
            _ => out.push(ch),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_in_which_nothing_can_be_unpacked_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let (there, none) = (dir.path().to_owned(), dir.path().join("none"));
        assert_eq!(no_place(&[none.clone(), there.clone()]), None);
        let both = [none.clone(), there.join("no\nne")];
        assert_eq!(no_place(&both), Some(format!("{0} or {1}/no\\nne", none.display(), there.display())));
        let error = Refusal::NoPlace("/ro".into()).to_string();
        assert!(error.ends_with("no file can be made in /ro"), "{error}");
    }

    #[test]
    fn messages_hold_no_control_characters() {
        let error = OpenError { path: PathBuf::from("a\nb\u{1b}[2J\u{202e}"), reason: Refusal::NotFound };
        assert_eq!(error.to_string(), "a\\nb<U+001B>[2J<U+202E>: no such file");
    }
}
