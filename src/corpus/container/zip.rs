//! Zip archives of [Inspect](https://inspect.aisi.org.uk/eval-logs.html) (`.eval`): every sample is a record. A sample is one member,
//! `samples/ID_epoch_N.json`, or, in the chunked layout, a folder of members with a `sample.json`; one archive may hold both. An id may
//! hold a `/`.
//!
//! Nothing is ever written to disk, so names of members can do no harm. Sizes that the archive states are not believed.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value};
use zip::ZipArchive;
use zip::result::ZipError;

use super::super::blocks::{BlockError, BlockText, Blocks};
use super::super::error::{Refusal, escaped};
use super::super::store::{Bytes, Reader};
use super::packed::{RATIO, RATIO_FROM};
use super::{Container, over_limit, unpacked_limit};
use crate::formats::parse_json;

/// Most members of an archive.
const MEMBERS: usize = 100_000;
/// Most bytes of one unpacked member: a record can be no longer.
const MEMBER: u64 = super::super::framing::RECORD_LIMIT;

/// The container.
pub(super) struct Zip;

impl Container for Zip {
    fn fits(&self, head: &[u8]) -> bool {
        // What torch saves is a Zip archive too and stays for the refusal of pickles.
        head.starts_with(b"PK\x03\x04") && memchr::memmem::find(head, b"data.pkl").is_none()
    }

    fn open(&self, bytes: Arc<Bytes>) -> Result<Bytes, Refusal> {
        bytes.wait().map_err(|error| Refusal::io(&error))?;
        let mut archive = ZipArchive::new(Reader::new(bytes, 0)).map_err(|error| damaged(&error))?;
        if archive.len() > MEMBERS {
            return Err(Refusal::Container(format!("a Zip archive of {} members (limit {MEMBERS})", archive.len())));
        }
        if archive.has_duplicate_names() {
            return Err(Refusal::Container("a Zip archive with two members of one name".to_owned()));
        }
        if archive.has_overlapping_files().map_err(|error| damaged(&error))? {
            return Err(Refusal::Container("a Zip archive whose members share bytes (a decompression bomb?)".to_owned()));
        }
        let names: Vec<Option<String>> =
            (0..archive.len()).map(|index| archive.name_for_index(index)?.ok().map(std::borrow::Cow::into_owned)).collect();
        if !names.iter().flatten().any(|name| name == "header.json" || name.starts_with("_journal/")) {
            return Err(Refusal::Container("a Zip archive but no Inspect log; unpack it first".to_owned()));
        }
        let samples = samples(&names);
        if samples.is_empty() {
            return Err(Refusal::Blank("the Inspect log has no samples"));
        }
        let state = Mutex::new(State { archive, unpacked: 0, furthest: 0 });
        Ok(Bytes::Blocks(BlockText::new(Box::new(Log { state, names, samples }))))
    }
}

fn damaged(error: &ZipError) -> Refusal {
    Refusal::Container(format!("a Zip archive that is cut or damaged: {}", escaped(&error.to_string())))
}

/// Members of one sample, by their index in the archive.
#[derive(Debug, Default)]
struct Sample {
    /// The sample or, in the chunked layout, what is not in chunks.
    shell: usize,
    /// Chunks by the number of their first item.
    messages: BTreeMap<u64, usize>,
    attachments: BTreeMap<u64, usize>,
}

/// The samples in the order of the archive.
fn samples(names: &[Option<String>]) -> Vec<Sample> {
    let mut samples: Vec<Sample> = Vec::new();
    let mut chunked: BTreeMap<&str, usize> = BTreeMap::new();
    let members =
        || names.iter().enumerate().filter_map(|(index, name)| Some((index, name.as_deref()?.strip_prefix("samples/")?)));
    let folders: HashSet<&str> = members().filter_map(|(_, name)| name.strip_suffix("/sample.json")).collect();
    for (index, name) in members() {
        if let Some(sample) = name.strip_suffix("/sample.json") {
            chunked.insert(sample, samples.len());
        } else if !is_whole(name, &folders) {
            continue;
        }
        samples.push(Sample { shell: index, ..Sample::default() });
    }
    for (index, name) in members() {
        let Some((rest, start)) = name.strip_suffix(".json").and_then(|name| name.rsplit_once('/')) else { continue };
        let (Some((sample, sequence)), Ok(start)) = (rest.rsplit_once('/'), start.parse()) else { continue };
        let Some(sample) = chunked.get(sample).map(|&at| &mut samples[at]) else { continue };
        match sequence {
            "messages" => sample.messages.insert(start, index),
            "attachments" => sample.attachments.insert(start, index),
            // Events and calls repeat what the messages say, at many times the size.
            _ => None,
        };
    }
    samples
}

/// True of a member that is a sample by itself. Ids come as they are into its name, those with a `/` too (`HumanEval/0_epoch_1.json`).
fn is_whole(name: &str, folders: &HashSet<&str>) -> bool {
    let Some(stem) = name.strip_suffix(".json") else { return false };
    let numbered = stem.rsplit_once("_epoch_").is_some_and(|(_, epoch)| epoch.bytes().all(|byte| byte.is_ascii_digit()));
    let chunk = name.match_indices('/').any(|(at, _)| folders.contains(&name[..at]));
    let odd = name.split('/').any(|part| matches!(part, "" | "." | ".."));
    !chunk && !odd && (numbered || !name.contains('/'))
}

#[derive(Debug)]
struct State {
    archive: ZipArchive<Reader>,
    /// Bytes unpacked on the way to the furthest sample that was read.
    unpacked: u64,
    furthest: usize,
}

/// An Inspect log.
#[derive(Debug)]
struct Log {
    state: Mutex<State>,
    names: Vec<Option<String>>,
    samples: Vec<Sample>,
}

impl Blocks for Log {
    fn name(&self) -> &'static str {
        "Zip archive"
    }

    fn count(&self) -> Option<usize> {
        Some(self.samples.len())
    }

    fn member(&self, index: usize) -> Option<String> {
        self.names.get(self.samples.get(index)?.shell)?.clone()
    }

    fn block(&self, index: usize) -> Result<Option<Vec<u8>>, BlockError> {
        let Some(sample) = self.samples.get(index) else { return Ok(None) };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = self.sample(&mut state.archive, sample)?;
        if index >= state.furthest {
            state.furthest = index + 1;
            state.unpacked += text.len() as u64;
            let limit = unpacked_limit();
            if state.unpacked > limit {
                return Err(BlockError::Fatal(io::Error::other(over_limit("the archive", limit))));
            }
        }
        // Inside of strings line ends are escaped: these stand between tokens.
        text.iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
        text.push(b'\n');
        Ok(Some(text))
    }
}

impl Log {
    fn sample(&self, archive: &mut ZipArchive<Reader>, sample: &Sample) -> Result<Vec<u8>, BlockError> {
        let shell = self.unpack(archive, sample.shell)?;
        if sample.messages.is_empty() && sample.attachments.is_empty() {
            return Ok(shell);
        }
        let Value::Object(mut whole) = self.json(sample.shell, &shell)? else { return Ok(shell) };
        let mut messages = Vec::new();
        for &member in sample.messages.values() {
            messages.extend(self.list(archive, member)?);
        }
        // References name an attachment by its number.
        let mut attachments = Map::new();
        for &member in sample.attachments.values() {
            for text in self.list(archive, member)? {
                attachments.insert(attachments.len().to_string(), text);
            }
        }
        whole.insert("messages".to_owned(), messages.into());
        whole.insert("attachments".to_owned(), attachments.into());
        Ok(Value::Object(whole).to_string().into_bytes())
    }

    fn list(&self, archive: &mut ZipArchive<Reader>, member: usize) -> Result<Vec<Value>, BlockError> {
        let bytes = self.unpack(archive, member)?;
        match self.json(member, &bytes)? {
            Value::Array(items) => Ok(items),
            _ => Err(self.skip(member, "expected a list")),
        }
    }

    fn json(&self, member: usize, bytes: &[u8]) -> Result<Value, BlockError> {
        parse_json(bytes).map_err(|failure| self.skip(member, &failure.to_string()))
    }

    fn skip(&self, member: usize, message: &str) -> BlockError {
        let name = self.names.get(member).and_then(Option::as_deref).unwrap_or_default();
        BlockError::Skip(format!("member {}: {}", escaped(name), escaped(message)))
    }

    /// The bytes of a member, as far as the limits allow.
    fn unpack(&self, archive: &mut ZipArchive<Reader>, index: usize) -> Result<Vec<u8>, BlockError> {
        let skip = |message: String| self.skip(index, &message);
        let mut file = archive.by_index(index).map_err(|error| skip(error.to_string()))?;
        if !file.is_file() {
            return Err(skip("is no file".to_owned()));
        }
        let packed = file.compressed_size().max(1);
        let mut bytes = Vec::new();
        let limit = MEMBER.min((packed.saturating_mul(RATIO)).max(RATIO_FROM));
        file.by_ref().take(limit + 1).read_to_end(&mut bytes).map_err(|error| skip(error.to_string()))?;
        if bytes.len() as u64 > limit {
            return Err(skip(format!(
                "unpacks to more than {limit} bytes from {packed} (limits {MEMBER} bytes and {RATIO} to 1)"
            )));
        }
        Ok(bytes)
    }
}
