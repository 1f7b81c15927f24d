//! Who holds the right to write to a store: only the kernel knows, and it tells without a file of the store being opened.

use std::path::Path;

/// Where the writer of a write-ahead log locks its shared memory, and the writer of a rollback journal the database (sqlite.org/walformat.html,
/// 2.3.1, and os.h: `RESERVED_BYTE`).
#[cfg(target_os = "linux")]
const PLACES: [(&str, u64); 2] = [("-shm", 120), ("", 0x4000_0001)];

/// Name and number of the process that is writing to this store; `None` where the system does not tell.
#[cfg(target_os = "linux")]
pub(super) fn holder(store: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    let process = PLACES.into_iter().find_map(|(suffix, byte)| {
        let mut name = store.as_os_str().to_owned();
        name.push(suffix);
        let found = std::fs::metadata(name).ok()?;
        let device = (rustix::fs::major(found.dev()), rustix::fs::minor(found.dev()));
        writer(&locks, device, found.ino(), byte).filter(|process| *process != std::process::id())
    })?;
    let name = std::fs::read_to_string(format!("/proc/{process}/comm")).ok();
    Some(name.map_or_else(|| format!("process {process}"), |name| format!("{} (process {process})", name.trim_end())))
}

/// Name and number of the process that is writing to this store; `None` where the system does not tell.
#[cfg(not(target_os = "linux"))]
pub(super) fn holder(_store: &Path) -> Option<String> {
    None
}

/// The process that holds a lock for writing on this byte of a file, by the lines of `/proc/locks`:
/// `1: POSIX  ADVISORY  WRITE 4711 08:01:1234 120 120`. Who waits for a lock stands behind an arrow. Processes of other namespaces have the number 0.
#[cfg(target_os = "linux")]
fn writer(locks: &str, (major, minor): (u32, u32), inode: u64, byte: u64) -> Option<u32> {
    let file = format!("{major:02x}:{minor:02x}:{inode}");
    locks.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, "POSIX" | "OFDLCK", _, "WRITE", process, place, first, last] = words.as_slice() else { return None };
        let end = if *last == "EOF" { u64::MAX } else { last.parse().ok()? };
        let here = *place == file && (first.parse().ok()?..=end).contains(&byte);
        process.parse().ok().filter(|process| here && *process > 0)
    })
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn the_writer_is_the_process_whose_lock_covers_the_byte() {
        let locks = "1: POSIX  ADVISORY  READ 11 08:01:1234 120 127\n\
                     2: POSIX  ADVISORY  WRITE 12 08:01:1234 123 123\n\
                     3: -> POSIX  ADVISORY  WRITE 13 08:01:1234 120 120\n\
                     4: FLOCK  ADVISORY  WRITE 14 08:01:1234 0 EOF\n\
                     5: POSIX  ADVISORY  WRITE 15 08:01:1234 120 120\n\
                     6: POSIX  ADVISORY  WRITE 16 fd:12:77 0 EOF\n";
        assert_eq!(writer(locks, (8, 1), 1234, 120), Some(15));
        assert_eq!(writer(locks, (0xfd, 0x12), 77, 0x4000_0001), Some(16));
        assert_eq!(writer(locks, (8, 2), 1234, 120), None);
    }
}
