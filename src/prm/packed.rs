//! Weights in the layout of the kernels of this processor, in a file beside the weights that they were made from.
//!
//! It is mapped as memory: nothing is read, hashed and packed again at each start, and processes that score shards on one machine share it.
//! It is used while every file that it was made from is the file that it was, and on the kind of processor that it was made on; without
//! it, or when it is out of date, the weights themselves are read. It is as large as they are, so that it is made when somebody asks for it.
//!
//! Every array has a checksum, which is compared once for a file as it is: what was found is noted beside it.
//!
//! Layout: arrays that begin at lines of 64 bytes, a JSON table of contents, its length as 8 bytes (little endian), [`MAGIC`].

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytemuck::Pod;
use memmap2::{Advice, Mmap};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::PrmError;
use super::checkpoint::{Checkpoint, Layout};
use super::config::DecoderConfig;
use super::families::Opened;
use super::kernels::{Dots, Level};
use super::linear::Precision;
use super::lined::{LINE, Lined, map};
use super::matrices::all_matrices;
use super::request::CheckpointSource;
use super::safetensors::Values;
use crate::text::hex;

/// Its name in a checkpoint folder.
pub(super) const FILE: &str = "weights.stepscope";
const MAGIC: [u8; 8] = *b"stepscop";
/// Changes with the layout of panels.
const VERSION: u32 = 3;
/// Ending of the note that the arrays of a file were compared with their checksums.
const COMPARED: &str = "compared";
/// Shortest age of a file for such a note: a change in the same tick of the clock would not be seen.
const SETTLED: Duration = Duration::from_millis(50);
/// Longest table of contents.
const MAX_CONTENTS: u64 = 64 << 20;

/// What a file was when the weights were packed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    file: String,
    bytes: u64,
    /// Nanoseconds since 1970, or a hash.
    state: String,
}

impl Stamp {
    /// Of a file, by its size and the time of its last change.
    pub(super) fn of(path: &Path) -> Self {
        let meta = fs::metadata(path).ok();
        let changed = meta.as_ref().and_then(|m| m.modified().ok()).and_then(|t| t.duration_since(UNIX_EPOCH).ok());
        Self {
            file: path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned()),
            bytes: meta.map_or(0, |m| m.len()),
            state: changed.map_or_else(String::new, |t| t.as_nanos().to_string()),
        }
    }

    /// Of a small file, by its content.
    pub(super) fn of_bytes(file: &str, bytes: &[u8]) -> Self {
        Self { file: file.to_owned(), bytes: bytes.len() as u64, state: hex(&Sha256::digest(bytes)) }
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Contents {
    version: u32,
    processor: String,
    precision: String,
    /// SHA-256 of the weights.
    weights: String,
    sources: Vec<Stamp>,
    arrays: Vec<Array>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Array {
    name: String,
    /// Of a tensor that is no matrix of the decoder: its number kind and shape.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tensor: Option<(String, Vec<usize>)>,
    /// Bytes from the beginning of the file.
    at: u64,
    bytes: u64,
    /// [`checksum`] of them.
    sum: u64,
}

/// A checksum at the speed of memory. It finds what happens to files, and is no seal.
fn checksum(bytes: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
    let mix = |lane: u64, word: [u8; 8]| (lane ^ u64::from_le_bytes(word)).wrapping_mul(FACTOR).rotate_left(29);
    let mut lanes = [1_u64, 2, 3, 4];
    let (blocks, rest) = bytes.as_chunks::<32>();
    for block in blocks {
        let (words, _) = block.as_chunks::<8>();
        for (lane, word) in lanes.iter_mut().zip(words) {
            *lane = mix(*lane, *word);
        }
    }
    let (words, last) = rest.as_chunks::<8>();
    let mut tail = [0; 8];
    tail[..last.len()].copy_from_slice(last);
    let end = [tail, (bytes.len() as u64).to_le_bytes()];
    let lanes = lanes.map(u64::to_le_bytes);
    lanes.iter().chain(words).chain(&end).fold(0, |sum, word| mix(sum, *word))
}

/// What is known of a file without a look at its content: any writing to it changes that.
fn state_of(file: &File) -> Option<(String, Duration)> {
    let meta = file.metadata().ok()?;
    let changed = Duration::new(u64::try_from(meta.ctime()).ok()?, u32::try_from(meta.ctime_nsec()).ok()?);
    let age = SystemTime::now().duration_since(UNIX_EPOCH + changed).unwrap_or_default();
    Some((format!("{}:{} {changed:?} {}", meta.dev(), meta.ino(), meta.len()), age))
}

/// What decides the layout of panels, beside the numbers.
fn processor() -> String {
    format!("{} {:?} {:?}", std::env::consts::ARCH, Level::of_processor(), Dots::of_processor())
}

/// An open file of packed weights.
#[derive(Debug)]
pub(super) struct Packed {
    /// As shown in messages.
    file: String,
    map: Arc<Mmap>,
    arrays: BTreeMap<String, Array>,
    weights: Vec<u8>,
}

impl Packed {
    /// Opens a file that holds the tensors of a layout as its sources have them now, for this processor; or says why it is not used.
    pub(super) fn open(path: &Path, sources: &[Stamp], precision: Precision, layout: &Layout) -> Result<Self, String> {
        let mut file = File::open(path).map_err(|e| e.to_string())?;
        let contents = contents(&mut file)?;
        if contents.version != VERSION || contents.processor != processor() || contents.precision != precision.name() {
            return Err("it was made by another version of the program or on another processor".to_owned());
        }
        if let Some(stamp) = sources.iter().find(|s| !contents.sources.contains(s)) {
            return Err(format!("{} has changed since it was made", stamp.file));
        }
        if contents.sources.len() != sources.len() {
            return Err("it was made from other files".to_owned());
        }
        let map = map(&file).map_err(|e| e.to_string())?;
        // A hint; where it is not taken, pages come when they are looked at.
        let _ = map.advise(Advice::WillNeed);
        let inside = |array: &Array| array.at.checked_add(array.bytes).is_some_and(|end| end <= map.len() as u64);
        if !contents.arrays.iter().all(inside) {
            return Err("it is damaged: its end is missing".to_owned());
        }
        compare(path, &file, &map, &contents.arrays)?;
        let arrays: BTreeMap<String, Array> = contents.arrays.into_iter().map(|a| (a.name.clone(), a)).collect();
        let held: HashSet<&str> = arrays.keys().flat_map(|key| parts(key).chain([key.as_str()])).collect();
        if let Some((name, _)) = layout.iter().find(|(name, _)| !held.contains(name.as_str())) {
            return Err(format!("tensor {name} is not in it"));
        }
        let weights = bytes_of(&contents.weights).ok_or("it is damaged: no hash of the weights")?;
        Ok(Self { file: path.display().to_string(), map, arrays, weights })
    }

    /// An array that is not what its name says.
    pub(super) fn damaged(&self, name: &str) -> PrmError {
        let message =
            format!("the packed weights {name} are damaged; delete the file, or make it anew with stepscope models pack");
        PrmError::Weights { file: self.file.clone(), message }
    }

    /// SHA-256 of the weights that it was made from.
    pub(super) fn weights(&self) -> Vec<u8> {
        self.weights.clone()
    }

    /// An array of numbers.
    pub(super) fn array<T: Pod>(&self, name: &str) -> Option<Lined<T>> {
        let Array { at, bytes, .. } = self.arrays.get(name)?;
        let at = usize::try_from(*at).ok()?;
        Lined::mapped(&self.map, at..at.checked_add(usize::try_from(*bytes).ok()?)?)
    }

    /// A tensor that is no matrix of the decoder, as it was stored.
    pub(super) fn tensor(&self, name: &str) -> Option<(Vec<usize>, Values)> {
        let (kind, shape) = self.arrays.get(name)?.tensor.as_ref()?;
        let values = match kind.as_str() {
            "F32" => Values::F32(self.array(name)?.to_vec()),
            "BF16" => Values::Bf16(self.array(name)?.to_vec()),
            _ => Values::Q8(self.array(name)?.to_vec()),
        };
        Some((shape.clone(), values))
    }
}

/// Compares the arrays, which lie inside of the map, with their checksums; not again as long as nobody writes to the file.
fn compare(path: &Path, file: &File, map: &Mmap, arrays: &[Array]) -> Result<(), String> {
    let note = path.with_extension(COMPARED);
    let state = state_of(file);
    if state.as_ref().is_some_and(|(state, _)| fs::read_to_string(&note).is_ok_and(|noted| noted == *state)) {
        return Ok(());
    }
    for Array { name, at, bytes, sum, .. } in arrays {
        let range = usize::try_from(*at).ok().zip(usize::try_from(at + bytes).ok());
        if range.and_then(|(start, end)| map.get(start..end)).is_none_or(|content| checksum(content) != *sum) {
            return Err(format!("it is damaged: {name} does not have its checksum; make it anew with stepscope models pack"));
        }
    }
    if let Some((state, _)) = state.filter(|(_, age)| *age >= SETTLED) {
        // Where nothing can be written, it is compared each time.
        let _ = fs::write(note, state);
    }
    Ok(())
}

/// The tensors that a matrix was made of, by the name of one of its arrays.
fn parts(array: &str) -> impl Iterator<Item = &str> {
    let name = array.rsplit_once('.').map_or(array, |(name, _)| name);
    name.split('+')
}

fn contents(file: &mut File) -> Result<Contents, String> {
    let damaged = |e: io::Error| format!("it is damaged: {e}");
    let mut end = [0u8; 16];
    let at = file.seek(SeekFrom::End(-16)).map_err(damaged)?;
    file.read_exact(&mut end).map_err(damaged)?;
    let (length, magic) = end.split_at(8);
    let length = length.try_into().map_or(u64::MAX, u64::from_le_bytes);
    let Some(start) = at.checked_sub(length).filter(|_| magic == MAGIC && length <= MAX_CONTENTS) else {
        return Err("it is damaged, or no file of packed weights".to_owned());
    };
    file.seek(SeekFrom::Start(start)).map_err(damaged)?;
    let mut json = Vec::new();
    file.take(length).read_to_end(&mut json).map_err(damaged)?;
    serde_json::from_slice(&json).map_err(|e| format!("it is damaged: {e}"))
}

fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    let pairs = hex.as_bytes().chunks_exact(2).map(|pair| std::str::from_utf8(pair).ok());
    let bytes: Option<Vec<u8>> = pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect();
    bytes.filter(|b| b.len() == 32 && hex.len() == 64)
}

/// A file that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PackedFile {
    /// Where it stands.
    pub file: String,
    /// Its size.
    pub bytes: u64,
}

/// Packs the weights of a checkpoint for this processor, and of the model that it is compared with where its family has one.
///
/// # Errors
/// What [`super::Prm::load`] refuses is refused here too; and a folder that cannot be written to.
pub fn pack(source: &CheckpointSource) -> Result<Vec<PackedFile>, PrmError> {
    let mut checkpoint = Checkpoint::open(source)?;
    if checkpoint.embedded {
        let message = "the built-in model needs no packed weights; expected the folder of a checkpoint".to_owned();
        return Err(PrmError::Place { place: checkpoint.place, message });
    }
    let mut opened = Opened::new(&checkpoint)?;
    let layout = opened.layout();
    checkpoint.check(&layout)?;
    let mut files = vec![write(&mut checkpoint, &opened.config, &layout)?];
    if let Some(mut second) = opened.reference.take() {
        files.push(write(&mut second.checkpoint, &second.config, &second.layout)?);
    }
    Ok(files)
}

/// Writes the packed file of a checked checkpoint. It is there as a whole or not at all.
fn write(checkpoint: &mut Checkpoint, config: &DecoderConfig, layout: &Layout) -> Result<PackedFile, PrmError> {
    let path = checkpoint.packed_file();
    let io = |source| PrmError::Io { path: path.display().to_string(), source };
    // Taken before reading: a file that changes meanwhile is then not the one that was packed.
    let sources = checkpoint.stamps();
    let precision = checkpoint.precision(layout);
    let (mut weights, digest) = checkpoint.read(layout)?;
    let folder = path.parent().map_or_else(PathBuf::new, Path::to_owned);
    // What the umask leaves, as of any file: whoever may read the weights may read them packed.
    let file = tempfile::Builder::new().permissions(Permissions::from_mode(0o666)).tempfile_in(&folder);
    // The kind alone: the rest of the error names a file that nobody knows.
    let file = file.map_err(|error| io(error.kind().into()))?;
    let mut body = Body { file: BufWriter::new(file), at: 0, arrays: Vec::new() };
    for matrix in all_matrices(config) {
        let packed = weights.matrix(&matrix, precision)?;
        for (end, bytes) in packed.arrays() {
            body.add(format!("{}{end}", matrix.tensors.join("+")), None, bytes).map_err(io)?;
        }
    }
    for (name, shape, values) in weights.rest() {
        let (kind, bytes) = match &values {
            Values::F32(values) => ("F32", bytemuck::cast_slice(values)),
            Values::Bf16(values) => ("BF16", bytemuck::cast_slice(values)),
            Values::Q8(blocks) => ("Q8_0", blocks.as_slice()),
        };
        body.add(name, Some((kind.to_owned(), shape)), bytes).map_err(io)?;
    }
    let contents = Contents {
        version: VERSION,
        processor: processor(),
        precision: precision.name().to_owned(),
        weights: hex(&digest),
        sources,
        arrays: Vec::new(),
    };
    let bytes = body.finish(contents, &path).map_err(io)?;
    Ok(PackedFile { file: path.display().to_string(), bytes })
}

/// A file in the making; dropped, it is gone.
struct Body {
    file: BufWriter<tempfile::NamedTempFile>,
    at: u64,
    arrays: Vec<Array>,
}

impl Body {
    fn add(&mut self, name: String, tensor: Option<(String, Vec<usize>)>, bytes: &[u8]) -> io::Result<()> {
        let at = self.at.next_multiple_of(LINE as u64);
        let space = usize::try_from(at - self.at).unwrap_or(0);
        self.file.write_all(&[0; LINE][..space])?;
        self.file.write_all(bytes)?;
        self.at = at + bytes.len() as u64;
        self.arrays.push(Array { name, tensor, at, bytes: bytes.len() as u64, sum: checksum(bytes) });
        Ok(())
    }

    /// Ends the file with its contents and puts it in its place; returns its size.
    fn finish(mut self, contents: Contents, path: &Path) -> io::Result<u64> {
        let json = serde_json::to_vec(&Contents { arrays: self.arrays, ..contents })?;
        self.file.write_all(&json)?;
        self.file.write_all(&(json.len() as u64).to_le_bytes())?;
        self.file.write_all(&MAGIC)?;
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|e| e.error)?;
        Ok(self.at + json.len() as u64 + 16)
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::super::model::Prm;
    use super::super::request::{NodeScore, PrmRequest};
    use super::*;

    /// A copy of a small checkpoint.
    fn checkpoint() -> (tempfile::TempDir, CheckpointSource) {
        let dir = tempfile::tempdir().unwrap();
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/prm/tiny-qwen2");
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), dir.path().join(entry.file_name())).unwrap();
        }
        let source = CheckpointSource::Dir(dir.path().to_owned());
        (dir, source)
    }

    fn scores(source: &CheckpointSource) -> (String, Vec<u64>) {
        let mut prm = Prm::load(source).unwrap();
        let mut scores = Vec::new();
        let request = PrmRequest::linear("How many are 3 + 4?", ["3 + 4 = 7.", "The answer is 7."]);
        prm.score(&request, &mut |_, score| {
            if let NodeScore::Score(score) = score {
                scores.push(score.value().to_bits());
            }
            ControlFlow::Continue(())
        })
        .unwrap();
        assert_eq!(scores.len(), 2);
        (prm.info().key.clone(), scores)
    }

    fn state(source: &CheckpointSource) -> Result<(), String> {
        let checkpoint = Checkpoint::open(source).unwrap();
        let opened = Opened::new(&checkpoint).unwrap();
        let layout = opened.layout();
        checkpoint.packed(&layout).map(|_| ())
    }

    #[test]
    fn packed_weights_give_the_same_key_and_the_same_bits() {
        let (dir, source) = checkpoint();
        let want = scores(&source);
        assert!(state(&source).is_err());
        let files = pack(&source).unwrap();
        assert_eq!(files[0].bytes, fs::metadata(dir.path().join(FILE)).unwrap().len());
        let mode = |name: &str| fs::metadata(dir.path().join(name)).unwrap().permissions().mode();
        fs::write(dir.path().join("plain"), "").unwrap();
        assert_eq!(mode(FILE), mode("plain"), "whoever may read other files may read this one");
        assert_eq!(state(&source), Ok(()));
        assert_eq!(scores(&source), want);
    }

    #[test]
    fn packed_weights_of_other_files_are_not_used() {
        let (dir, source) = checkpoint();
        let want = scores(&source);
        pack(&source).unwrap();
        let weights = dir.path().join("model.safetensors");
        let mut bytes = fs::read(&weights).unwrap();
        let last = bytes.len() - 6;
        bytes[last] ^= 0x40;
        fs::write(&weights, bytes).unwrap();
        File::options().write(true).open(&weights).unwrap().set_modified(UNIX_EPOCH).unwrap();
        assert_eq!(state(&source), Err("model.safetensors has changed since it was made".to_owned()));
        let changed = scores(&source);
        assert_ne!(changed.0, want.0);
        pack(&source).unwrap();
        assert_eq!((state(&source), scores(&source)), (Ok(()), changed));
    }

    #[test]
    fn numbers_that_were_altered_are_found_and_not_used() {
        let (dir, source) = checkpoint();
        let want = scores(&source);
        pack(&source).unwrap();
        let (place, note) = (dir.path().join(FILE), dir.path().join(FILE).with_extension(COMPARED));
        std::thread::sleep(SETTLED * 2);
        assert_eq!((state(&source), note.is_file()), (Ok(()), true));
        let mut bytes = fs::read(&place).unwrap();
        let before = fs::metadata(&place).unwrap().modified().unwrap();
        bytes[4000..8000].fill(0xFF);
        fs::write(&place, bytes).unwrap();
        File::options().write(true).open(&place).unwrap().set_modified(before).unwrap();
        let found = state(&source).unwrap_err();
        assert!(found.contains("does not have its checksum"), "{found}");
        assert_eq!(scores(&source), want);
    }

    #[test]
    fn damaged_packed_weights_are_not_used() {
        let (dir, source) = checkpoint();
        let want = scores(&source);
        pack(&source).unwrap();
        let (place, whole) = (dir.path().join(FILE), fs::read(dir.path().join(FILE)).unwrap());
        let start =
            whole.len() - 16 - usize::try_from(u64::from_le_bytes(whole[whole.len() - 16..][..8].try_into().unwrap())).unwrap();
        let text = String::from_utf8(whole[start..whole.len() - 16].to_vec()).unwrap();
        let with = |text: &str| [&whole[..start], text.as_bytes(), &(text.len() as u64).to_le_bytes(), &MAGIC].concat();
        let first = serde_json::from_str::<Contents>(&text).unwrap().arrays[0].clone();
        let moved = |at: u64, bytes: u64| {
            let mut contents: Contents = serde_json::from_str(&text).unwrap();
            let content = usize::try_from(at).ok().and_then(|at| whole.get(at..at.checked_add(usize::try_from(bytes).ok()?)?));
            contents.arrays[0] = Array { at, bytes, sum: content.map_or(0, checksum), ..first.clone() };
            with(&serde_json::to_string(&contents).unwrap())
        };
        let cases = [
            whole[..whole.len() - 1].to_vec(),
            whole[..10].to_vec(),
            Vec::new(),
            whole[100_000..].to_vec(),
            [&whole[..start], &u64::MAX.to_le_bytes()[..], &MAGIC].concat(),
            with("{}"),
            with(&text.replace("\"version\":3", "\"version\":4")),
            with(&text.replace("q_proj", "q_prox")),
            with(&text.replace("\"weights\":\"", "\"weights\":\"x")),
            moved(0, u64::MAX),
            moved(u64::MAX - 1, 2),
        ];
        for (i, bytes) in cases.iter().enumerate() {
            fs::write(&place, bytes).unwrap();
            assert!(state(&source).is_err(), "case {i}");
            assert_eq!(scores(&source), want, "case {i}");
        }
        // What only a look at the array shows is an error, and no panic.
        for bytes in [moved(first.at + 4, first.bytes), moved(first.at, first.bytes - 4), moved(first.at, first.bytes - 3)] {
            fs::write(&place, bytes).unwrap();
            assert!(Prm::load(&source).is_err());
        }
    }
}
