//! Pictures that files name: how large they are, by the head of the file, and the picture itself where it is to be drawn.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::ui::picture::{Canvas, Drawn};

/// Bytes of a file that is read for its picture.
const LONGEST: u64 = 64 << 20;

/// Where a picture lies that is named as `path` by the file `beside`. A pipe or a device has no size and may have no end.
fn place(path: &str, beside: &str) -> Option<PathBuf> {
    let folder = Path::new(beside).parent().unwrap_or(Path::new(""));
    [folder.join(path), Path::new(path).to_path_buf()].into_iter().find(|place| place.is_file())
}

/// What there is to say of a picture that lies at `path`, or beside the file `beside` that names it: `640x480`, or why that is not known.
pub(super) fn look_at(path: &str, beside: &str) -> String {
    let Some(place) = place(path, beside) else { return "(not found)".to_owned() };
    match imagesize::size(place) {
        Ok(size) => format!("{}x{}", size.width, size.height),
        Err(_) => "(of unknown size)".to_owned(),
    }
}

/// The same picture for so many columns and rows, or why there is none. One at a time: each may take much memory while it is decoded.
pub(super) fn make(path: &str, beside: &str, cells: (u16, u16), canvas: Canvas) -> Result<Drawn, String> {
    static ONE: Mutex<()> = Mutex::new(());
    /// Numbers that the terminal knows pictures by.
    static NUMBER: AtomicU32 = AtomicU32::new(1);
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let place = place(path, beside).ok_or("is not found")?;
    let unread = |error: std::io::Error| format!("cannot be read: {error}");
    let mut bytes = Vec::new();
    File::open(place).map_err(unread)?.take(LONGEST + 1).read_to_end(&mut bytes).map_err(unread)?;
    if bytes.len() as u64 > LONGEST {
        return Err(format!("is too large to be drawn: its file has more than {} MB", LONGEST >> 20));
    }
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    // A decoder that gives up on a broken file takes nothing else down.
    std::panic::catch_unwind(|| Drawn::of(&bytes, cells, canvas, number)).unwrap_or_else(|_| Err("cannot be decoded".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_of_all_kinds_name_their_size() {
        let folder = tempfile::tempdir().unwrap();
        let jpeg = b"\xff\xd8\xff\xe0\0\x04ab\xff\xc2\0\x11\x08\x01\xe0\x02\x80\x03".to_vec();
        let bmp = [b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".as_slice(), &640_u32.to_le_bytes(), &480_u32.to_le_bytes()].concat();
        let webp = [b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0".as_slice(), &[0x7f, 0x02, 0, 0xdf, 0x01, 0]].concat();
        let heads = [
            ("a.png", b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x02\x80\0\0\x01\xe0\x08".to_vec()),
            ("a.gif", b"GIF89a\x80\x02\xe0\x01rest".to_vec()),
            ("a.jpg", jpeg),
            ("a.bmp", bmp),
            ("a.webp", webp),
        ];
        let record = folder.path().join("traces.jsonl");
        for (name, head) in heads {
            std::fs::write(folder.path().join(name), head).unwrap();
            assert_eq!(look_at(name, record.to_str().unwrap()), "640x480", "{name}");
            assert_eq!(look_at(folder.path().join(name).to_str().unwrap(), "elsewhere.jsonl"), "640x480", "{name}");
        }
        std::fs::write(folder.path().join("a.svg"), "<svg/>").unwrap();
        assert_eq!(look_at("a.svg", record.to_str().unwrap()), "(of unknown size)");
        assert_eq!(look_at("none.png", record.to_str().unwrap()), "(not found)");
        assert_eq!(look_at(".", record.to_str().unwrap()), "(not found)");
    }
}
