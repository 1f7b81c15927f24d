//! What several topics need.

use std::path::PathBuf;

/// A file of the real data sets, or `None` (with a line that says so) when they are not there.
pub(crate) fn data(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("STEPSCOPE_DATA")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    let path = root.join(name);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: {} is not there", path.display());
    None
}

/// The text of the README.
pub(crate) fn readme() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap()
}
