//! Fuzzing without a fuzzer: the kept corpus (`tests/fuzz/corpus`) goes through every target in the normal tests, and a runner that needs no
//! other compiler changes its inputs for as long as one likes:
//! `FUZZ=format-trl FUZZ_SECONDS=60 cargo test --test it fuzz::mutations -- --ignored --nocapture`.

#[path = "../fuzz/targets.rs"]
mod targets;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Longest time that one input may keep the processor: other work on the machine is none of its fault.
const HANG: Duration = Duration::from_secs(1);
/// Most memory that a target may need, in kB.
const MEMORY: u64 = 256 << 10;
/// Largest input that is made.
const LARGEST: usize = 64 << 10;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz")
}

/// The inputs of a target, in the order of their names.
fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(folder().join("corpus").join(target)).unwrap_or_else(|_| panic!("{target} has no corpus"));
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

#[test]
fn the_corpus_goes_through_every_target() {
    let scratch = tempfile::tempdir().unwrap();
    let programs = fs::read_to_string(folder().join("Cargo.toml")).unwrap();
    let names: Vec<_> = targets::names().collect();
    for target in &names {
        assert!(programs.contains(&format!("name = \"{target}\"\n")), "tests/fuzz/Cargo.toml has no program {target}");
        let inputs = corpus(target);
        assert!(!inputs.is_empty(), "{target} has no inputs");
        for (path, input) in inputs {
            let start = Instant::now();
            let outcome = targets::run(target, &input, &scratch.path().join("input"));
            // Ten times the bar: other tests run beside this one.
            assert!(start.elapsed() < HANG * 10, "{}: {:?}", path.display(), start.elapsed());
            assert!(!outcome.is_empty(), "{} says nothing", path.display());
        }
    }
    assert_eq!(programs.matches("[[bin]]").count(), names.len(), "tests/fuzz/Cargo.toml has programs of no target");
}

#[test]
#[ignore = "takes the processor for FUZZ_SECONDS a target, on the target FUZZ or all whose names begin so"]
fn mutations() {
    let wanted = std::env::var("FUZZ").unwrap_or_default();
    let seconds = std::env::var("FUZZ_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(10);
    let mut failures = Vec::new();
    let exact = targets::names().any(|name| name == wanted);
    for target in targets::names().filter(|name| *name == wanted || !exact && name.starts_with(&wanted)) {
        failures.extend(fuzz(&target, Duration::from_secs(seconds)));
    }
    assert_eq!(failures, Vec::<String>::new());
}

/// Changes the inputs of a target and keeps those that meet something new. What fails stays in the corpus.
fn fuzz(target: &str, time: Duration) -> Vec<String> {
    let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let scratch = dir.path().join("input");
    let mut pool: Vec<Vec<u8>> = corpus(target).into_iter().map(|(_, input)| input).collect();
    let seed = u64::from(std::process::id());
    let (mut random, mut known, mut failures) = (Random(seed), BTreeSet::new(), Vec::new());
    for input in &pool {
        known.extend(targets::run(target, input, &scratch));
    }
    let (start, mut runs, mut slowest) = (used(), 0_u64, Duration::ZERO);
    while used() < start + time {
        let input = random.changed(&pool, target);
        let began = used();
        let outcome = catch_unwind(AssertUnwindSafe(|| targets::run(target, &input, &scratch)));
        let took = used().saturating_sub(began);
        (runs, slowest) = (runs + 1, slowest.max(took));
        match outcome {
            Ok(outcome) => {
                let news = outcome.into_iter().filter(|message| known.insert(message.clone())).count();
                if news > 0 && pool.len() < 2000 {
                    pool.push(input.clone());
                }
            }
            Err(_) => failures.push(keep(target, "panic", &input)),
        }
        if took > HANG {
            failures.push(keep(target, "slow", &input));
        }
        if failures.len() > 20 {
            break;
        }
    }
    let memory = peak();
    let minutes = used().saturating_sub(start).as_secs_f64() / 60.0;
    println!(
        "{target}: {runs} runs in {minutes:.1} min, slowest {slowest:.1?}, {} inputs of {} outcomes, peak {} MB, {} failures",
        pool.len(),
        known.len(),
        memory >> 10,
        failures.len()
    );
    if memory > MEMORY {
        failures.push(format!("{target}: {memory} kB"));
    }
    failures
}

fn keep(target: &str, what: &str, input: &[u8]) -> String {
    let name = format!(
        "{what}-{:016x}",
        input.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
    );
    let path = folder().join("corpus").join(target).join(name);
    fs::File::create(&path).unwrap().write_all(input).unwrap();
    path.display().to_string()
}

/// Time that all threads of this process have had on a processor, in steps of 10 ms.
fn used() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Behind the name: the fields from the third on, of which the twelfth and the thirteenth are user and system time.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// Most memory that this process has held, in kB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

/// Values and texts at which readers stumble.
const WORDS: &[&str] = &[
    "",
    "0",
    "-1",
    "1e999",
    "NaN",
    "null",
    "true",
    "[]",
    "{}",
    "\"",
    "\\u0000",
    "\\ud800",
    "18446744073709551616",
    "0.5",
    "ки",
    "\n\n",
    "Step 1:",
    "<think>",
    "</think>",
    "<proposer>",
    "<prm>",
    "```",
    "é",
    "\u{202e}",
    "\u{feff}",
    "PAR1",
    "\x1b[2J",
    ",",
    "\t",
    "\r\n",
    "[[",
    "}}",
];

/// SplitMix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).unwrap_or(0)
    }

    pub(crate) fn of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }

    fn word(&mut self) -> &'static str {
        WORDS[self.below(WORDS.len())]
    }

    /// An input made of one of the pool.
    fn changed(&mut self, pool: &[Vec<u8>], target: &str) -> Vec<u8> {
        let mut input = self.of(pool).clone();
        let packed = unpacked(target, &input).filter(|_| self.below(2) == 0);
        if let Some(text) = packed {
            return packed_again(target, &self.text(text, pool));
        }
        if self.below(3) > 0 {
            input = self.text(input, pool);
        } else {
            self.bytes(&mut input, pool);
        }
        input.truncate(LARGEST);
        input
    }

    /// One line of JSON changed as JSON, or the bytes where there is none.
    fn text(&mut self, mut input: Vec<u8>, pool: &[Vec<u8>]) -> Vec<u8> {
        let mut lines: Vec<Vec<u8>> = input.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
        let at = self.below(lines.len());
        let Ok(mut value) = serde_json::from_slice::<Value>(&lines[at]) else {
            self.bytes(&mut input, pool);
            return input;
        };
        for _ in 0..=self.below(4) {
            let nodes = count(&value);
            let place = self.below(nodes);
            let other = self.value(pool);
            self.change(&mut value, place, other);
        }
        lines[at] = value.to_string().into_bytes();
        if self.below(8) == 0 {
            let again = lines[at].clone();
            lines.push(again);
        }
        lines.join(&b'\n')
    }

    /// A value from somewhere.
    fn value(&mut self, pool: &[Vec<u8>]) -> Value {
        match self.below(4) {
            0 => self.word().into(),
            1 => self
                .of(&[json!(null), json!(-1), json!(1.5), json!([]), json!({}), json!([[]]), json!(true), json!(u64::MAX)])
                .clone(),
            2 => serde_json::from_str(self.word()).unwrap_or(Value::Null),
            _ => {
                let line = self.of(pool).split(|&byte| byte == b'\n').next().unwrap_or_default();
                serde_json::from_slice(line).unwrap_or(Value::Null)
            }
        }
    }

    /// Changes the node at this place, counted from the root in order.
    fn change(&mut self, value: &mut Value, place: usize, other: Value) {
        if place == 0 {
            match (self.below(5), &mut *value) {
                (0, Value::Object(map)) if !map.is_empty() => {
                    let key = map.keys().nth(self.below(map.len())).cloned().unwrap_or_default();
                    map.shift_remove(&key);
                }
                (1, Value::Object(map)) => drop(map.insert(self.word().to_owned(), other)),
                (0, Value::Array(list)) if !list.is_empty() => drop(list.remove(self.below(list.len()))),
                (1, Value::Array(list)) => list.push(other),
                (2, _) => *value = json!([value.take()]),
                (3, Value::String(text)) => text.push_str(self.word()),
                _ => *value = other,
            }
            return;
        }
        let mut left = place - 1;
        let children: Vec<&mut Value> = match value {
            Value::Array(list) => list.iter_mut().collect(),
            Value::Object(map) => map.values_mut().collect(),
            _ => return,
        };
        for child in children {
            let size = count(child);
            if left < size {
                return self.change(child, left, other);
            }
            left -= size;
        }
    }

    fn bytes(&mut self, input: &mut Vec<u8>, pool: &[Vec<u8>]) {
        for _ in 0..=self.below(4) {
            let at = self.below(input.len() + 1);
            let end = (at + self.below(64)).min(input.len());
            match self.below(7) {
                0 if at < input.len() => input[at] ^= 1 << self.below(8),
                1 if at < input.len() => input[at] = self.next().to_le_bytes()[0],
                2 => drop(input.splice(at..end, self.word().bytes())),
                3 => drop(input.drain(at..end)),
                4 => drop(input.splice(at..at, input[at..end].to_vec())),
                5 => input.truncate(at),
                _ => {
                    let other = self.of(pool);
                    let from = self.below(other.len() + 1);
                    input.truncate(at);
                    input.extend_from_slice(&other[from..]);
                }
            }
        }
    }
}

/// Number of values in a value, itself included.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(list) => list.iter().map(count).sum::<usize>(),
        Value::Object(map) => map.values().map(count).sum(),
        _ => 0,
    }
}

/// What is inside of a packed input, so that changes reach the records.
fn unpacked(target: &str, input: &[u8]) -> Option<Vec<u8>> {
    use std::io::Read as _;
    let mut text = Vec::new();
    let read: Box<dyn std::io::Read> = match target {
        "file-gzip" => Box::new(flate2::read::GzDecoder::new(input)),
        "file-zstd" => Box::new(zstd::Decoder::new(input).ok()?),
        "file-bzip2" => Box::new(bzip2::read::BzDecoder::new(input)),
        _ => return None,
    };
    read.take(LARGEST as u64).read_to_end(&mut text).ok()?;
    Some(text)
}

fn packed_again(target: &str, text: &[u8]) -> Vec<u8> {
    match target {
        "file-gzip" => {
            let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            out.write_all(text).unwrap();
            out.finish().unwrap()
        }
        "file-zstd" => zstd::encode_all(text, 1).unwrap(),
        _ => {
            let mut out = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
            out.write_all(text).unwrap();
            out.finish().unwrap()
        }
    }
}
