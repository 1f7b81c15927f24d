//! What several topics need.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// A file or folder of the real data sets, in `STEPSCOPE_DATA` or else beside the checkout; `None`, with a line that says so, when it is not
/// there. Who names a folder wants it tested: without that one the test fails.
pub(crate) fn data(name: &str) -> Option<PathBuf> {
    let named = std::env::var_os("STEPSCOPE_DATA").map(PathBuf::from);
    assert!(named.as_ref().is_none_or(|folder| folder.is_dir()), "STEPSCOPE_DATA: there is no folder {named:?}");
    let path = named.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data")).join(name);
    if path.exists() {
        return Some(path);
    }
    // Past the capture of the test harness, which shows what a passing test prints to nobody.
    let thread = std::thread::current();
    let _ = writeln!(std::io::stderr(), "{} skipped: {} is not there", thread.name().unwrap_or("test"), path.display());
    None
}

/// The text of the README.
pub(crate) fn readme() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap()
}

/// A folder in which the program runs and knows no other.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// The folder itself.
    pub(crate) fn at(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.at().join(name)
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stepscope"));
        command.args(args).current_dir(self.at()).env("XDG_CACHE_HOME", self.path("cache"));
        for variable in ["XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"] {
            command.env(variable, self.at());
        }
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }
}
