//! Lines of score files that are there already, found by scorer and solution. Only their places are held in memory: files of millions
//! of solutions are continued and put together.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::Deserialize;

use super::score_out::ScoredSolution;
use super::scorer::shown;
use crate::analysis::meaning::Meaning;
use crate::scoring::batch::{Answer, Answers};
use crate::trace::RecordKey;

/// Where a line stands.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    file: usize,
    start: u64,
    // Without the line end.
    len: usize,
    // Counted from 1.
    number: usize,
}

/// Whole lines of score files.
#[derive(Debug, Default)]
pub struct Known {
    files: Vec<(PathBuf, File)>,
    scorers: Vec<String>,
    places: HashMap<(usize, RecordKey), Place>,
    /// The file of a finished run: what it could not score is tried again.
    finished: Option<usize>,
}

// What is read of every line at once.
#[derive(Deserialize)]
struct Head {
    record_key: RecordKey,
    scorer: String,
}

impl Known {
    /// Adds the lines of a file, whose scorers must be among `allowed` where that is given. Returns their places in the order of the
    /// file and the length of the file up to the end of the last whole line.
    pub fn add(&mut self, path: &Path, mut file: File, allowed: Option<&[String]>) -> anyhow::Result<(Vec<Place>, u64)> {
        file.seek(SeekFrom::Start(0)).with_context(|| shown(path))?;
        let number = self.files.len();
        let mut reader = BufReader::with_capacity(1 << 20, file.try_clone().with_context(|| shown(path))?);
        self.files.push((path.to_owned(), file));
        let mut places: Vec<Place> = Vec::new();
        let mut start = 0;
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = reader.read_until(b'\n', &mut line).with_context(|| shown(path))?;
            if line.pop() != Some(b'\n') {
                // The end, or half a line that a killed run left.
                return Ok((places, start));
            }
            let place = Place { file: number, start, len: line.len(), number: places.len() + 1 };
            let Ok(head) = serde_json::from_slice::<Head>(&line) else {
                bail!("{}: expected a line of scores, found something else; use --force to replace the file", self.name(place));
            };
            if let Some(allowed) = allowed.filter(|allowed| !allowed.contains(&head.scorer)) {
                let now = allowed.join(", ");
                let was = head.scorer;
                bail!("{}: written by {was:?}, now scoring with {now:?}; use --force to replace the file", self.name(place));
            }
            let scorer = self.scorer(head.scorer);
            self.places.insert((scorer, head.record_key), place);
            places.push(place);
            start += read as u64;
        }
    }

    /// Adds the output of a finished run, and returns its solutions.
    pub fn add_finished(&mut self, path: &Path, allowed: &[String]) -> anyhow::Result<HashSet<RecordKey>> {
        self.finished = Some(self.files.len());
        self.add(path, File::open(path).with_context(|| shown(path))?, Some(allowed))?;
        Ok(self.places.iter().filter(|(_, place)| Some(place.file) == self.finished).map(|((_, key), _)| *key).collect())
    }

    fn scorer(&mut self, name: String) -> usize {
        self.scorers.iter().position(|known| *known == name).unwrap_or_else(|| {
            self.scorers.push(name);
            self.scorers.len() - 1
        })
    }

    /// The scorers whose lines are known, in order of first appearance.
    pub fn scorers(&self) -> &[String] {
        &self.scorers
    }

    /// The line of a solution by a scorer.
    pub fn find(&self, scorer: &str, solution: RecordKey) -> Option<Place> {
        let scorer = self.scorers.iter().position(|known| known == scorer)?;
        self.places.get(&(scorer, solution)).copied()
    }

    /// File and line, for messages.
    pub fn name(&self, place: Place) -> String {
        format!("{}: line {}", shown(&self.files[place.file].0), place.number)
    }

    /// The text of a line.
    pub fn text(&self, place: Place) -> anyhow::Result<String> {
        let mut bytes = vec![0; place.len];
        let read = self.files[place.file].1.read_exact_at(&mut bytes, place.start);
        let text = read.and_then(|()| String::from_utf8(bytes).map_err(|_| io::ErrorKind::InvalidData.into()));
        text.with_context(|| self.name(place))
    }

    /// Adds what the line of a solution says of its steps.
    pub fn learn(&self, scorer: &str, solution: RecordKey, meaning: &Meaning, answers: &mut Answers) -> anyhow::Result<()> {
        let Some(place) = self.find(scorer, solution) else { return Ok(()) };
        let line: ScoredSolution = serde_json::from_str(&self.text(place)?).with_context(|| self.name(place))?;
        for step in line.steps {
            let score = match step.score {
                Some(score) => Ok(meaning.score(score).with_context(|| self.name(place))?),
                None if Some(place.file) == self.finished => continue,
                None => Err(step.reason.unwrap_or_default()),
            };
            answers.insert(step.step_key, Answer { score, rationale: step.rationale });
        }
        Ok(())
    }
}
