//! How large a picture is, by the head of its file. No pixel is looked at.

use std::path::Path;

/// What there is to say of a picture that lies at `path`, or beside the file `beside` that names it: `640x480`, or why that is not known.
pub(super) fn look_at(path: &str, beside: &str) -> String {
    let folder = Path::new(beside).parent().unwrap_or(Path::new(""));
    let places = [folder.join(path), Path::new(path).to_path_buf()];
    // A pipe or a device has no size and may have no end.
    let Some(place) = places.iter().find(|place| place.is_file()) else { return "(not found)".to_owned() };
    match imagesize::size(place) {
        Ok(size) => format!("{}x{}", size.width, size.height),
        Err(_) => "(of unknown size)".to_owned(),
    }
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
