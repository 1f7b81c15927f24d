//! What sessions of an annotator remember beside labels, each under a name that the caller chose: where they stopped, filters.

use rusqlite::{OptionalExtension, TransactionBehavior};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::connect::sql;
use super::{Store, StoreError};

const READ: &str = "SELECT value FROM place WHERE annotator = ?1 AND file = ?2";
const WRITE: &str = "INSERT INTO place(annotator, file, value) VALUES(?1, ?2, ?3) \
                     ON CONFLICT(annotator, file) DO UPDATE SET value = excluded.value";

impl Store {
    /// What this annotator remembers under a name, if anything.
    ///
    /// # Errors
    /// That it cannot be read, or is nothing of this kind.
    pub fn place<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>, StoreError> {
        let (path, annotator) = (self.path.clone(), self.annotator.clone());
        let found = self.link()?.conn.query_row(READ, (annotator, name), |row| row.get::<_, String>(0)).optional();
        let text = found.map_err(sql(&path, "read the last place"))?;
        text.map(|text| serde_json::from_str(&text)).transpose().map_err(|cause| StoreError::Remembered { path, cause })
    }

    /// Makes something else of what is remembered under a name, in one go: what other sessions wrote meanwhile is not lost. What cannot be
    /// understood is left as it is.
    ///
    /// # Errors
    /// That it cannot be read or written, or is nothing of this kind.
    pub fn change_place<T: DeserializeOwned + Serialize>(
        &mut self,
        name: &str,
        change: impl FnOnce(Option<T>) -> T,
    ) -> Result<(), StoreError> {
        let (path, annotator) = (self.path.clone(), self.annotator.clone());
        if self.read_only() {
            return Err(StoreError::ReadOnly { path });
        }
        let failed = sql(&path, "keep the place");
        let remembered = |cause| StoreError::Remembered { path: path.clone(), cause };
        let conn = &mut self.link()?.conn;
        let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&failed)?;
        let found = transaction.query_row(READ, (&annotator, name), |row| row.get::<_, String>(0)).optional();
        let before = found.map_err(&failed)?.map(|text| serde_json::from_str(&text)).transpose().map_err(remembered)?;
        let now = serde_json::to_string(&change(before)).map_err(remembered)?;
        transaction.execute(WRITE, (&annotator, name, now)).map_err(&failed)?;
        transaction.commit().map_err(&failed)
    }
}
