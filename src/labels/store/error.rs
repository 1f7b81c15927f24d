//! What can go wrong with a store, each in one line.

use std::path::PathBuf;

use super::super::Draft;

/// Why a store cannot be opened, read or written. What lies behind an error is a part of its message, and no source of its own that
/// would be said once more.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such file, and nobody asked to make one.
    #[error("{path}: there is no label store", path = path.display())]
    Missing {
        /// The store.
        path: PathBuf,
    },
    /// The file is no `SQLite` database.
    #[error("{path}: expected a label store (SQLite), found {found}; the file was not changed", path = path.display())]
    NotSqlite {
        /// The store.
        path: PathBuf,
        /// What it looks like.
        found: String,
    },
    /// A database of another program.
    #[error("{path}: expected a label store, found an SQLite database of another program (application id {found:#010x}); it was not changed", path = path.display())]
    Foreign {
        /// The store.
        path: PathBuf,
        /// Its application id.
        found: u32,
    },
    /// Written by a newer version of this program.
    #[error("{path}: expected a label store of schema {known} at most, found schema {found}: a newer stepscope wrote it", path = path.display())]
    Newer {
        /// The store.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest schema that this program knows.
        known: i64,
    },
    /// A setting on which durability rests is not in force.
    #[error("{path}: expected {setting} to be {expected}, found {found}: labels would not be safe", path = path.display())]
    Setting {
        /// The store.
        path: PathBuf,
        /// Its name.
        setting: &'static str,
        /// What was asked for.
        expected: String,
        /// What the database answers.
        found: String,
    },
    /// The `SQLite` library has a known bug that loses data.
    #[error("expected SQLite 3.51.3 or newer, found {found}")]
    Library {
        /// Its version.
        found: &'static str,
    },
    /// The store can be read but not written.
    #[error("{path}: this store cannot be written", path = path.display())]
    ReadOnly {
        /// The store.
        path: PathBuf,
    },
    /// Another process held the store too long.
    #[error("{path}: {holder} has been writing to this store for more than {seconds} seconds", path = path.display())]
    Busy {
        /// The store.
        path: PathBuf,
        /// Name and number of that process, as far as the system tells them.
        holder: String,
        /// How long was waited, in seconds.
        seconds: u64,
    },
    /// The content contradicts itself.
    #[error("{path}: the store is damaged: {what}; `stepscope store check` tells more", path = path.display())]
    Damaged {
        /// The store.
        path: PathBuf,
        /// What was found.
        what: String,
    },
    /// The file was deleted or exchanged while it was open.
    #[error("{path}: the store was deleted or replaced while it was open; put it back, or start again to label into the new one", path = path.display())]
    Replaced {
        /// The store.
        path: PathBuf,
    },
    /// The decision holds more text than a store takes.
    #[error("expected a text of at most {limit} bytes, found {found}")]
    TooLong {
        /// In bytes.
        limit: usize,
        /// In bytes.
        found: usize,
    },
    /// What was remembered beside labels is not what this version remembers.
    #[error("{path}: what was remembered cannot be understood and is left as it is: {cause}", path = path.display())]
    Remembered {
        /// The store.
        path: PathBuf,
        /// What is wrong with it.
        cause: serde_json::Error,
    },
    /// No place for the default store.
    #[error("expected a home directory for the label store, found none; name a file with --store FILE")]
    NoHome,
    /// The operating system refused.
    #[error("{path}: cannot {doing}: {cause}", path = path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// Its answer.
        cause: std::io::Error,
    },
    /// The database refused.
    #[error("{path}: cannot {doing}: {cause}", path = path.display())]
    Sqlite {
        /// The store.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// Its answer.
        cause: rusqlite::Error,
    },
    /// A new store cannot be made as things are.
    #[error("{cause}")]
    NotMade {
        /// Why.
        cause: Box<StoreError>,
    },
    /// A decision is not saved. The draft comes back, so that nothing that was decided is lost.
    #[error("NOT SAVED: {cause}")]
    NotSaved {
        /// The decision.
        draft: Box<Draft>,
        /// Why.
        cause: Box<StoreError>,
    },
}

impl StoreError {
    /// Why a new store could not be made; apart from all other reasons where things may change.
    pub(super) fn not_made(self) -> Self {
        if self.may_pass() { Self::NotMade { cause: Box::new(self) } } else { self }
    }

    /// Without the way to a command that tells more, for what that command itself says.
    pub(super) fn plain(&self) -> String {
        match self {
            Self::Damaged { path, what } => format!("{}: the store is damaged: {what}", path.display()),
            other => other.to_string(),
        }
    }

    /// True when the disk, one that is not there, or a permission is in the way of writing: what can be done about it needs no new start.
    pub(super) fn may_pass(&self) -> bool {
        use rusqlite::ErrorCode::{CannotOpen, DiskFull, PermissionDenied as Denied, SystemIoFailure};
        use std::io::ErrorKind::{NotFound, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
        match self {
            Self::Sqlite { cause, .. } => {
                matches!(cause.sqlite_error_code(), Some(CannotOpen | DiskFull | Denied | SystemIoFailure))
            }
            Self::Io { cause, .. } => {
                matches!(cause.kind(), NotFound | PermissionDenied | QuotaExceeded | ReadOnlyFilesystem | StorageFull)
            }
            Self::ReadOnly { .. } => true,
            _ => false,
        }
    }

    /// True when it may help to open the database anew: it failed itself, and not the decision or a person.
    pub(super) fn ends_the_connection(&self) -> bool {
        use rusqlite::ErrorCode::{ConstraintViolation, DatabaseBusy, DatabaseLocked, ReadOnly, TooBig, TypeMismatch};
        match self {
            Self::Sqlite { cause, .. } => !matches!(
                cause.sqlite_error_code(),
                Some(ConstraintViolation | DatabaseBusy | DatabaseLocked | ReadOnly | TooBig | TypeMismatch)
            ),
            Self::Io { .. } | Self::Damaged { .. } => true,
            _ => false,
        }
    }
}
