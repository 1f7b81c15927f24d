//! Which problems are being read: none twice at a time, and once more where that was asked for meanwhile.

use std::collections::HashMap;

use crate::app::items::ItemId;

/// The problems that are being read, and whether that was asked for again.
#[derive(Debug, Default)]
pub(super) struct Loading(HashMap<ItemId, bool>);

impl Loading {
    /// A problem is asked for; true when it is to be read now.
    pub(super) fn begin(&mut self, item: ItemId) -> bool {
        self.0.insert(item, self.0.contains_key(&item)).is_none()
    }

    /// It was read; true when it was asked for again since, and may have grown behind the reader.
    pub(super) fn end(&mut self, item: ItemId) -> bool {
        self.0.remove(&item).unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_while_it_is_read_is_read_once_more() {
        let (mut loading, one, other) = (Loading::default(), ItemId { file: 0, problem: 1 }, ItemId { file: 0, problem: 2 });
        assert!(loading.begin(one) && loading.begin(other));
        assert!(!loading.begin(one) && !loading.begin(one));
        assert!(loading.end(one) && !loading.end(other));
        assert!(loading.begin(one));
        assert!(!loading.end(one) && !loading.end(one));
    }
}
