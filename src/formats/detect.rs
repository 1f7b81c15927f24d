//! Which format a file has, judged by the keys of its first records.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::json::excerpt;
use super::mapping::{self, Proposal};
use super::{FORMATS, Format};

/// How well a record fits a format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// It does not.
    No,
    /// Some marks of the format are there: `1..=99`.
    Maybe(u8),
    /// All of them are.
    Sure,
}

impl Confidence {
    fn points(self) -> u64 {
        match self {
            Self::No => 0,
            Self::Maybe(points) => u64::from(points),
            Self::Sure => 100,
        }
    }
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::No => f.write_str("no"),
            Self::Maybe(points) => write!(f, "likely ({points} of 100)"),
            Self::Sure => f.write_str("sure"),
        }
    }
}

/// What a format thinks of a record, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detection {
    /// How well the record fits.
    pub confidence: Confidence,
    /// The marks that were found, for people.
    pub evidence: Cow<'static, str>,
}

impl Detection {
    pub(super) const NO: Self = Self { confidence: Confidence::No, evidence: Cow::Borrowed("") };

    pub(super) fn sure(evidence: &'static str) -> Self {
        Self { confidence: Confidence::Sure, evidence: Cow::Borrowed(evidence) }
    }

    pub(super) fn maybe(points: u8, evidence: impl Into<Cow<'static, str>>) -> Self {
        Self { confidence: Confidence::Maybe(points), evidence: evidence.into() }
    }

    /// Sure when the record has all of these keys.
    pub(super) fn by_keys(value: &Value, keys: &[&str]) -> Self {
        if !keys.iter().all(|key| value.get(key).is_some()) {
            return Self::NO;
        }
        let named: Vec<_> = keys.iter().map(|key| format!("`{key}`")).collect();
        Self { confidence: Confidence::Sure, evidence: Cow::Owned(named.join(" and ")) }
    }

    /// [`Detection::NO`] unless `fits`.
    pub(super) fn sure_if(fits: bool, evidence: &'static str) -> Self {
        if fits { Self::sure(evidence) } else { Self::NO }
    }
}

/// Why a format was taken for a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The marks that were found.
    pub marks: String,
    /// How well the best of the sampled records fits.
    pub confidence: Confidence,
    /// Sampled records that show them.
    pub agreed: usize,
    /// Sampled records.
    pub sampled: usize,
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}, {} of {} sampled records", self.marks, self.confidence, self.agreed, self.sampled)
    }
}

/// No single format fits the sampled records.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DetectError {
    /// There was nothing to look at.
    #[error("no records")]
    NoRecords,
    /// No format knows these records.
    #[error(
        "no known format: the first records have {keys}; say what they mean, as in `--map {proposal}`{open}, or force one of `stepscope formats` with --format"
    )]
    Unknown {
        /// The keys that were seen, for people.
        keys: String,
        /// A mapping that may fit, or the shape of one.
        proposal: String,
        /// What no record decides of it, in brackets; empty for nothing.
        open: String,
    },
    /// The records are of several formats.
    #[error("mixed formats: {found} of {sampled} sampled records; --format NAME reads the file as one of them")]
    Mixed {
        /// Formats and how many records each fits, for people.
        found: String,
        /// Sampled records.
        sampled: usize,
    },
}

/// The format of a file, from some of its records. At least nine in ten of the records that any format recognises must agree, and
/// at least half of all must be recognised: broken records are told one by one later, other formats must not hide among them.
pub fn detect(samples: &[Value]) -> Result<(&'static dyn Format, Evidence), DetectError> {
    if samples.is_empty() {
        return Err(DetectError::NoRecords);
    }
    // Rows of detections, one a record.
    let table: Vec<Vec<Detection>> =
        samples.iter().map(|value| FORMATS.iter().map(|format| format.detect(value)).collect()).collect();
    let fits = |row: &[Detection], column: usize| row[column].confidence > Confidence::No;
    let recognised = table.iter().filter(|row| (0..FORMATS.len()).any(|column| fits(row, column))).count();
    if recognised * 2 < samples.len() || recognised == 0 {
        return Err(unknown(samples));
    }
    let mut best: Option<(usize, u64)> = None;
    for column in 0..FORMATS.len() {
        let agreed = table.iter().filter(|row| fits(row, column)).count();
        let points = table.iter().map(|row| row[column].confidence.points()).sum();
        // Only strictly better: of equals the earlier, more specific one stays.
        if agreed * 10 >= recognised * 9 && best.is_none_or(|(_, most)| points > most) {
            best = Some((column, points));
        }
    }
    let Some((column, _)) = best else {
        return Err(mixed(&table));
    };
    let strongest = table.iter().map(|row| &row[column]).max_by_key(|detection| detection.confidence);
    let marks = strongest.map(|detection| detection.evidence.to_string()).unwrap_or_default();
    let agreed = table.iter().filter(|row| fits(row, column)).count();
    let confidence = strongest.map_or(Confidence::No, |detection| detection.confidence);
    Ok((FORMATS[column], Evidence { marks, confidence, agreed, sampled: samples.len() }))
}

fn mixed(table: &[Vec<Detection>]) -> DetectError {
    let mut counts = BTreeMap::<&str, usize>::new();
    for row in table {
        let column = (0..FORMATS.len()).rev().max_by_key(|&column| row[column].confidence);
        if let Some(column) = column.filter(|&column| row[column].confidence > Confidence::No) {
            *counts.entry(FORMATS[column].name()).or_default() += 1;
        }
    }
    let found = counts.iter().map(|(name, count)| format!("{name} fits {count}")).collect::<Vec<_>>().join(", ");
    DetectError::Mixed { found, sampled: table.len() }
}

/// What could be said of the keys of the records.
fn unknown(samples: &[Value]) -> DetectError {
    let Proposal { spec, open } = mapping::propose(samples);
    let known = spec.get("steps").is_some();
    let proposal = if known { spec.to_string() } else { "problem=KEY,steps=KEY,label=KEY,base=0".to_owned() };
    let open = open.iter().map(|(key, what)| format!("{key}: {what}")).collect::<Vec<_>>().join("; ");
    let open = if open.is_empty() { open } else { format!(" ({open})") };
    DetectError::Unknown { keys: keys_seen(samples), proposal, open }
}

fn keys_seen(samples: &[Value]) -> String {
    const SHOWN: usize = 12;
    let mut keys = Vec::new();
    for value in samples {
        for key in value.as_object().into_iter().flat_map(serde_json::Map::keys) {
            if !keys.contains(&key) && keys.len() <= SHOWN {
                keys.push(key);
            }
        }
    }
    if keys.is_empty() {
        return format!("no keys (they are {})", samples.first().map(super::json::describe).unwrap_or_default());
    }
    let more = if keys.len() > SHOWN { ", …" } else { "" };
    let shown: Vec<_> = keys.iter().take(SHOWN).map(|key| format!("\"{}\"", excerpt(key, 24))).collect();
    format!("the keys {}{more}", shown.join(", "))
}
