//! The file below the store: where it is, which one it is, what kind of disk it lies on.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use etcetera::BaseStrategy;

use super::StoreError;

/// The store when none is named: `stepscope/labels.db` in the data directory of the user (XDG base directories).
pub fn default_path() -> Result<PathBuf, StoreError> {
    let dirs = etcetera::choose_base_strategy().map_err(|_| StoreError::NoHome)?;
    Ok(dirs.data_dir().join("stepscope").join("labels.db"))
}

/// Makes the directories above the store, and makes them durable: a store in a lost directory is lost. Where that may change, the store is
/// [not made](StoreError::NotMade) yet.
pub(super) fn make_parents(path: &Path) -> Result<(), StoreError> {
    let Some(parent) = path.parent().filter(|parent| !parent.exists()) else { return Ok(()) };
    let doing = "make the directory of the label store";
    let io = |cause| StoreError::Io { path: parent.to_owned(), doing, cause }.not_made();
    let first_missing = parent.ancestors().take_while(|dir| !dir.exists()).last().unwrap_or(parent);
    fs::create_dir_all(parent).map_err(io)?;
    for dir in parent.ancestors() {
        sync_dir(dir).map_err(io)?;
        if Some(dir) == first_missing.parent() {
            break;
        }
    }
    Ok(())
}

/// Makes what was made, renamed or removed in a directory durable.
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    if cfg!(unix) { File::open(dir)?.sync_all() } else { Ok(()) }
}

/// Device and inode: which file a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileId {
    pub(super) device: u64,
    pub(super) inode: u64,
}

impl FileId {
    /// The file at this path now; `None` when there is none, or on systems that do not number files.
    #[cfg(unix)]
    pub(super) fn of(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let found = fs::metadata(path).ok()?;
        Some(Self { device: found.dev(), inode: found.ino() })
    }

    /// The file at this path now; `None` when there is none, or on systems that do not number files.
    #[cfg(not(unix))]
    pub(super) fn of(_path: &Path) -> Option<Self> {
        None
    }
}

impl std::fmt::Display for FileId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:x}:{:x}", self.device, self.inode)
    }
}

/// What is known of a file system by its magic number (statfs(2), linux/magic.h).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileSystem {
    pub(super) name: String,
    /// Memory is not shared between machines, which write-ahead logging needs.
    pub(super) network: bool,
    /// Nothing is kept when the machine stops.
    pub(super) volatile: bool,
}

impl FileSystem {
    #[cfg(target_os = "linux")]
    pub(super) fn of(path: &Path) -> Option<Self> {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let found = rustix::fs::statfs(path).or_else(|_| rustix::fs::statfs(parent)).ok()?;
        // The type of f_type differs between architectures; magic numbers have 32 bits.
        #[expect(clippy::cast_sign_loss, clippy::cast_possible_truncation, reason = "magic numbers have 32 bits")]
        Some(Self::from_magic(found.f_type as u32))
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn of(_path: &Path) -> Option<Self> {
        None
    }

    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "other systems have no magic numbers"))]
    fn from_magic(magic: u32) -> Self {
        let (name, network) = match magic {
            0x0000_EF53 => ("ext4", false),
            0x5846_5342 => ("xfs", false),
            0x9123_683E => ("btrfs", false),
            0xF2F5_2010 => ("f2fs", false),
            0x2FC1_2FC1 => ("zfs", false),
            0xCA45_1A4E => ("bcachefs", false),
            0x794C_7630 => ("overlayfs", false),
            0x0102_1994 => ("tmpfs", false),
            0x8584_58F6 => ("ramfs", false),
            0x0000_4D44 => ("vfat", false),
            0x2011_BAB0 => ("exfat", false),
            0x7366_746E | 0x5346_544E => ("ntfs", false),
            0x6573_5546 => ("fuse", false),
            0x0000_6969 => ("nfs", true),
            0x0000_517B => ("smb", true),
            0xFF53_4D42 => ("cifs", true),
            0xFE53_4D42 => ("smb2", true),
            0x0102_1997 => ("9p", true),
            0x5346_414F | 0x6B41_4653 => ("afs", true),
            0x00C3_6400 => ("ceph", true),
            0x0BD0_0BD0 => ("lustre", true),
            0x0116_1970 => ("gfs2", true),
            _ => return Self { name: format!("unknown (magic {magic:#010x})"), network: false, volatile: false },
        };
        Self { name: name.to_owned(), network, volatile: matches!(magic, 0x0102_1994 | 0x8584_58F6) }
    }
}

/// Median time in which the disk confirms 4 KiB in a new file beside the store; `None` when nothing can be written there.
pub(super) fn sync_time(store: &Path, rounds: usize) -> Option<Duration> {
    let path = scratch(store, "sync")?;
    let measure = || -> io::Result<Vec<Duration>> {
        let mut file = File::options().write(true).create_new(true).open(&path)?;
        (0..rounds)
            .map(|_| {
                file.write_all(&[0x5a; 4096])?;
                let start = Instant::now();
                file.sync_data()?;
                Ok(start.elapsed())
            })
            .collect()
    };
    let times = measure();
    // A name that was taken is somebody else's file.
    if times.as_ref().err().is_none_or(|error| error.kind() != io::ErrorKind::AlreadyExists) {
        let _ = fs::remove_file(&path);
    }
    median(times.ok()?)
}

/// A name beside the store that nothing else uses.
pub(super) fn scratch(store: &Path, purpose: &str) -> Option<PathBuf> {
    let mut name = std::ffi::OsString::from(".");
    name.push(store.file_name()?);
    name.push(format!(".{purpose}-{}", std::process::id()));
    Some(store.with_file_name(name))
}

/// The middle one of some times.
pub(super) fn median(mut times: Vec<Duration>) -> Option<Duration> {
    times.sort_unstable();
    times.get(times.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_file_systems_are_known() {
        assert!(FileSystem::from_magic(0x6969).network);
        assert!(!FileSystem::from_magic(0xEF53).network);
        assert!(FileSystem::from_magic(0x0102_1994).volatile);
        assert_eq!(FileSystem::from_magic(7).name, "unknown (magic 0x00000007)");
    }

    #[test]
    fn missing_directories_are_made() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b/labels.db");
        make_parents(&path).unwrap();
        assert!(path.parent().unwrap().is_dir());
    }

    #[test]
    fn sync_time_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        assert!(sync_time(&dir.path().join("labels.db"), 3).is_some());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        assert_eq!(sync_time(&dir.path().join("nowhere/labels.db"), 3), None);
    }
}
