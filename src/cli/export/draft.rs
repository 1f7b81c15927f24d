//! A file that appears under its name only when it is whole and on the disk.

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context;
use sha2::{Digest, Sha256};

use crate::corpus::Corpus;
use crate::formats::Framing;
use crate::text::hex;

/// Drafts of this process so far.
static DRAFTS: AtomicUsize = AtomicUsize::new(0);

/// A file that appears under its name only when it is whole and on the disk.
pub(super) struct Draft {
    target: PathBuf,
    path: PathBuf,
    file: BufWriter<File>,
    hash: Sha256,
    /// Records taken in.
    pub(super) records: u64,
}

impl Draft {
    pub(super) fn create(target: &Path) -> anyhow::Result<Self> {
        let name = target.file_name().context("the file to write has no name")?;
        let mut temporary = std::ffi::OsString::from(".");
        temporary.push(name);
        // A table and the lines that it is made of have one target.
        let number = DRAFTS.fetch_add(1, Ordering::Relaxed);
        temporary.push(format!(".{}-{number}.part", std::process::id()));
        let path = target.with_file_name(temporary);
        remove_orphans(target, name);
        let shown = crate::corpus::escaped(&target.to_string_lossy());
        let file = File::options().write(true).create_new(true).open(&path).with_context(|| format!("writing {shown}"))?;
        Ok(Self { target: target.to_owned(), path, file: BufWriter::new(file), hash: Sha256::new(), records: 0 })
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.hash.update(bytes);
        self.file.write_all(bytes).context("writing the export")
    }

    pub(super) fn record(&mut self, framing: Framing, bytes: &[u8]) -> anyhow::Result<()> {
        self.bytes(if self.records == 0 { framing.start() } else { framing.between() }.as_bytes())?;
        self.records += 1;
        self.bytes(&framing.record(bytes))
    }

    /// Ends the framing and puts the file in its place. Gives its SHA-256.
    pub(super) fn finish(mut self, framing: Framing, replace: bool) -> anyhow::Result<String> {
        if self.records == 0 {
            self.bytes(framing.start().as_bytes())?;
        }
        if self.records > 0 || !framing.start().is_empty() {
            self.bytes(framing.end().as_bytes())?;
        }
        self.finish_plain(replace)
    }

    /// Another draft of the same file, to be put in place instead.
    pub(super) fn again(&self) -> anyhow::Result<Self> {
        Self::create(&self.target)
    }

    /// What was written so far, to be read again.
    pub(super) fn read_back(&mut self) -> anyhow::Result<std::io::BufReader<File>> {
        self.file.flush().context("writing the export")?;
        Ok(std::io::BufReader::new(File::open(&self.path)?))
    }

    /// Flushes, syncs, renames, syncs the folder.
    pub(super) fn finish_plain(mut self, replace: bool) -> anyhow::Result<String> {
        let sha256 = hex(&self.hash.clone().finalize());
        self.file.flush().context("writing the export")?;
        self.file.get_ref().sync_all().context("writing the export to the disk")?;
        if hash_of(&self.path)? != sha256 {
            anyhow::bail!("what the disk gives back is not what was written; nothing was put in its place");
        }
        if replace { std::fs::rename(&self.path, &self.target) } else { rename_to_free(&self.path, &self.target) }
            .context("putting the export in its place")?;
        let folder = self.target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        File::open(folder)?.sync_all()?;
        Ok(sha256)
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

/// SHA-256 of a file.
pub(super) fn hash_of(path: &Path) -> anyhow::Result<String> {
    let mut hash = Sha256::new();
    let mut file = File::open(path)?;
    let mut block = vec![0; 1 << 20];
    loop {
        match file.read(&mut block)? {
            0 => return Ok(hex(&hash.finalize())),
            read => hash.update(&block[..read]),
        }
    }
}

/// SHA-256 of what a corpus holds, for sources that cannot be read twice.
pub(super) fn hash_of_content(corpus: &Corpus) -> anyhow::Result<String> {
    let mut hash = Sha256::new();
    corpus.each_block(|block| hash.update(block))?;
    Ok(hex(&hash.finalize()))
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After a rename there is nothing left under this name.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Renames a file, and refuses to replace one that appeared under the new name in the meantime.
fn rename_to_free(from: &Path, to: &Path) -> std::io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    match rustix::fs::renameat_with(rustix::fs::CWD, from, rustix::fs::CWD, to, rustix::fs::RenameFlags::NOREPLACE) {
        // Not every file system knows this way; those that do not (network ones above all) have hard links.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::OPNOTSUPP) => {}
        renamed => return Ok(renamed?),
    }
    std::fs::hard_link(from, to)
}

/// True when no process has this number any more.
fn is_gone(process: i32) -> bool {
    let process = rustix::process::Pid::from_raw(process);
    process.is_some_and(|process| rustix::process::test_kill_process(process) == Err(rustix::io::Errno::SRCH))
}

/// Removes drafts of earlier exports to the same target whose process is gone.
fn remove_orphans(target: &Path, name: &std::ffi::OsStr) {
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let (prefix, name) =
        (format!(".{}.", name.to_string_lossy()), |entry: &std::fs::DirEntry| entry.file_name().to_string_lossy().into_owned());
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let file = name(&entry);
        let draft = file.strip_prefix(&prefix).and_then(|rest| rest.strip_suffix(".part"));
        let process = draft.and_then(|draft| draft.split_once('-')).and_then(|(id, _)| id.parse::<i32>().ok());
        if process.is_some_and(is_gone) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drafts_of_processes_that_live_stay_and_those_of_others_go() {
        let folder = tempfile::tempdir().unwrap();
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        let draft = |process: u32| folder.path().join(format!(".out.jsonl.{process}-0.part"));
        let [own, first, dead] = [std::process::id(), 1, child.id()].map(draft);
        for path in [&own, &first, &dead] {
            std::fs::write(path, "x").unwrap();
        }
        remove_orphans(&folder.path().join("out.jsonl"), std::ffi::OsStr::new("out.jsonl"));
        assert_eq!([own, first, dead].map(|path| path.exists()), [true, true, false]);
    }

    #[test]
    fn a_file_that_appeared_in_the_meantime_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let [from, to] = ["from", "to"].map(|name| folder.path().join(name));
        std::fs::write(&from, "new").unwrap();
        std::fs::write(&to, "old").unwrap();
        assert_eq!(rename_to_free(&from, &to).unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read_to_string(&to).unwrap(), "old");
        std::fs::remove_file(&to).unwrap();
        rename_to_free(&from, &to).unwrap();
        assert_eq!((from.exists(), std::fs::read_to_string(&to).unwrap().as_str()), (false, "new"));
    }
}
