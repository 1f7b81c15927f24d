//! What to do when a store is damaged or gone: where sound copies lie, and a new store for decisions that cannot be saved.

use std::path::{Path, PathBuf};

use super::{Access, Store, StoreError, backup, connect, default_path, sound};
use crate::labels::Draft;

/// The same error with the way out, where the content of a store contradicts itself.
pub(super) fn advised(error: StoreError) -> StoreError {
    match error {
        StoreError::Damaged { path, what } => {
            let way_out = way_out(&path).join("; ");
            StoreError::Damaged { what: format!("{what}; {way_out}"), path }
        }
        other => other,
    }
}

/// What can be done about a store with something wrong in it; nothing where there is none.
pub(super) fn way_out(store: &Path) -> Vec<String> {
    if !store.is_file() {
        return Vec::new();
    }
    let merge = format!("`stepscope store merge {} -o NEW.db` takes over what is sound in it", store.display());
    sound_copy(store).into_iter().chain([merge]).collect()
}

/// A line that names the newest sound copy of a store, where there is one.
pub(super) fn sound_copy(store: &Path) -> Option<String> {
    newest_sound_copy(store).map(|(copy, events)| format!("the newest sound copy is {}: {events} events", copy.display()))
}

/// The newest daily copy beside a store in which nothing is wrong, and how many events it holds.
fn newest_sound_copy(store: &Path) -> Option<(PathBuf, usize)> {
    let whole = |path: &Path| {
        sound(path, &connect(path, Access::View).ok()?).ok()?;
        let mut events = 0;
        Store::begin(path, "", Access::View, |_| events += 1).ok()?;
        Some(events)
    };
    let store = std::path::absolute(store).ok()?;
    backup::dailies(&store).into_iter().rev().find_map(|(_, copy)| whole(&copy).map(|events| (copy, events)))
}

impl Store {
    /// Writes decisions that could not be saved into a new store of their own: beside this one, else in the user's data folder, else where
    /// temporary files go. Gives its path; `stepscope store merge` brings it together with others.
    pub fn rescue(&self, unsaved: &[Draft]) -> Result<PathBuf, StoreError> {
        let stem = self.path.file_stem().unwrap_or_default().to_string_lossy();
        let name = format!("{stem}.unsaved-{}.db", (self.now)().strftime("%Y%m%dT%H%M%S"));
        let beside = self.path.parent().filter(|folder| folder.is_dir()).map(Path::to_owned);
        let data = default_path().ok().and_then(|path| Some(path.parent()?.to_owned()));
        let mut refused = StoreError::Missing { path: self.path.clone() };
        for folder in beside.into_iter().chain(data).chain([std::env::temp_dir()]) {
            let path = folder.join(&name);
            if path.exists() {
                continue;
            }
            match self.fill(&path, unsaved) {
                Ok(()) => return Ok(path),
                Err(error) => {
                    // Half of them would be taken for all.
                    let _ = std::fs::remove_file(&path);
                    refused = error;
                }
            }
        }
        Err(refused)
    }

    fn fill(&self, path: &Path, unsaved: &[Draft]) -> Result<(), StoreError> {
        let (mut store, _) = Self::open(path, &self.annotator)?;
        // They come behind everything that was seen when they were decided.
        store.lamport = self.lamport;
        for draft in unsaved {
            store.append(draft.clone())?;
        }
        store.settle()
    }
}
