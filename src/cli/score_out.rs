//! The output of `score`: a partial file that is appended to, continued after an interruption, and renamed when it is whole.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use super::scorer::shown;
use crate::checks::answer::Agreement;
use crate::scoring::Scored;
use crate::scoring::batch::Answers;
use crate::trace::{RecordKey, Semantics, StepKey, StepScore};

/// One line of the output: the scores of one solution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScoredSolution {
    /// Key of the solution as a whole.
    pub record_key: RecordKey,
    /// Identifier in the source.
    pub source_id: Option<String>,
    /// Name and key of the model.
    pub scorer: String,
    /// How its answer stands to the reference answer, where both are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Agreement>,
    /// One entry a step, first step first.
    pub steps: Vec<ScoredStep>,
}

/// The score of one step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScoredStep {
    /// Key of the step.
    pub step_key: StepKey,
    /// The score, or null.
    pub score: Option<f64>,
    /// Why there is no score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Output that is being written.
#[derive(Debug)]
pub struct Output {
    target: PathBuf,
    partial: PathBuf,
    file: BufWriter<File>,
    // Lines that the partial file held already, and how many of them have been seen again.
    existing: Vec<String>,
    seen: usize,
}

impl Output {
    /// Opens the partial file beside `target` and takes over what an earlier run left in it, or what a finished run left in
    /// `target`. The answers in those lines are added to `answers`. With `force`, whatever is there is thrown away.
    pub fn open(target: &Path, force: bool, scorer: &str, semantics: Semantics, answers: &mut Answers) -> anyhow::Result<Self> {
        if target.is_dir() {
            bail!("{}: is a directory; expected a file to write", shown(target));
        }
        let mut partial = target.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&partial)
            .with_context(|| shown(&partial))?;
        if file.try_lock().is_err() {
            bail!("{}: another run is writing this file", shown(&partial));
        }
        if force {
            file.set_len(0)?;
        }
        let existing = take_over(&mut file, &partial, scorer, semantics, answers)?;
        if !force && existing.is_empty() && target.exists() {
            let mut finished = File::open(target).with_context(|| shown(target))?;
            let (lines, _) = complete_lines(&mut finished).with_context(|| shown(target))?;
            learn(&lines, target, scorer, semantics, answers)?;
        }
        Ok(Self { target: target.to_owned(), partial, file: BufWriter::new(file), existing, seen: 0 })
    }

    /// Adds a line, or checks that the line which stands in its place already is the same.
    pub fn add(&mut self, solution: &ScoredSolution) -> anyhow::Result<()> {
        let mut line = serde_json::to_string(solution)?;
        if let Some(existing) = self.existing.get(self.seen) {
            if *existing != line {
                bail!(
                    "{}: line {} belongs to another input; remove the file, or use --force to start anew",
                    shown(&self.partial),
                    self.seen + 1
                );
            }
            self.seen += 1;
            return Ok(());
        }
        line.push('\n');
        self.file.write_all(line.as_bytes()).with_context(|| shown(&self.partial))
    }

    /// Hands everything to the system, so that a kill of this process loses none of it.
    pub fn flush(&mut self) -> anyhow::Result<()> {
        self.file.flush().with_context(|| shown(&self.partial))
    }

    /// The partial file.
    pub fn partial(&self) -> &Path {
        &self.partial
    }

    /// Makes the file durable and gives it its name. Before, the old file stands there whole; after, the new one.
    pub fn finish(mut self) -> anyhow::Result<()> {
        if self.seen < self.existing.len() {
            bail!("{}: holds more solutions than the input; remove the file, or use --force to start anew", shown(&self.partial));
        }
        self.flush()?;
        self.file.get_ref().sync_all().with_context(|| shown(&self.partial))?;
        std::fs::rename(&self.partial, &self.target).with_context(|| shown(&self.target))?;
        let folder = match self.target.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        File::open(folder).and_then(|folder| folder.sync_all()).with_context(|| shown(folder))
    }
}

/// Reads what an earlier run left, cuts off half a line at the end, and stands behind the last whole one.
fn take_over(
    file: &mut File,
    path: &Path,
    scorer: &str,
    semantics: Semantics,
    answers: &mut Answers,
) -> anyhow::Result<Vec<String>> {
    let (lines, length) = complete_lines(file).with_context(|| shown(path))?;
    learn(&lines, path, scorer, semantics, answers)?;
    file.set_len(length)?;
    file.seek(SeekFrom::End(0))?;
    Ok(lines)
}

/// The lines that have a line end, and their length in bytes.
fn complete_lines(file: &mut File) -> io::Result<(Vec<String>, u64)> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let end = memchr::memrchr(b'\n', &bytes).map_or(0, |end| end + 1);
    bytes.truncate(end);
    let text = String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "expected UTF-8 text"))?;
    Ok((text.lines().map(str::to_owned).collect(), end as u64))
}

fn learn(lines: &[String], path: &Path, scorer: &str, semantics: Semantics, answers: &mut Answers) -> anyhow::Result<()> {
    for (number, line) in lines.iter().enumerate() {
        let place = || format!("{}: line {}", shown(path), number + 1);
        let Ok(solution) = serde_json::from_str::<ScoredSolution>(line) else {
            bail!("{}: expected a line of scores, found something else; use --force to replace the file", place());
        };
        if solution.scorer != scorer {
            bail!("{}: written by {:?}, now scoring with {scorer:?}; use --force to replace the file", place(), solution.scorer);
        }
        for step in solution.steps {
            let known = match step.score {
                Some(score) => Scored::Score(StepScore::new(score, semantics).with_context(place)?),
                None => Scored::NotScored(step.reason.unwrap_or_default()),
            };
            answers.insert(step.step_key, known);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::PromptKey;

    fn solution(n: usize) -> ScoredSolution {
        let step = PromptKey::of("q").step(&n.to_string());
        let steps = vec![
            ScoredStep { step_key: step, score: Some(0.1 + 0.2), reason: None },
            ScoredStep { step_key: step.step("b"), score: None, reason: Some("too long".into()) },
        ];
        ScoredSolution { record_key: step.record(), source_id: Some(format!("s{n}")), scorer: "m@1".into(), answer: None, steps }
    }

    fn open(target: &Path, force: bool, scorer: &str) -> anyhow::Result<(Output, Answers)> {
        let mut answers = Answers::new();
        Ok((Output::open(target, force, scorer, Semantics::Correctness, &mut answers)?, answers))
    }

    #[test]
    fn an_interrupted_file_is_continued_behind_its_last_whole_line() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out.jsonl");
        let (mut output, _) = open(&target, false, "m@1").unwrap();
        output.add(&solution(0)).unwrap();
        output.add(&solution(1)).unwrap();
        output.flush().unwrap();
        let partial = output.partial().to_owned();
        drop(output);
        let text = std::fs::read_to_string(&partial).unwrap();
        std::fs::write(&partial, &text[..text.len() - 9]).unwrap();

        let (mut output, answers) = open(&target, false, "m@1").unwrap();
        assert_eq!(answers.len(), 2, "the answers of the first solution are known");
        for n in 0..3 {
            output.add(&solution(n)).unwrap();
        }
        output.finish().unwrap();
        let lines: Vec<ScoredSolution> =
            std::fs::read_to_string(&target).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines, [solution(0), solution(1), solution(2)]);
        assert!(!partial.exists());
    }

    #[test]
    fn what_belongs_to_something_else_is_refused_and_replaced_by_force() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out.jsonl");
        std::fs::write(&target, "{\"precious\": 1}\n").unwrap();
        assert!(open(&target, false, "m@1").unwrap_err().to_string().contains("--force"));
        let (mut output, _) = open(&target, true, "m@1").unwrap();
        output.add(&solution(0)).unwrap();
        output.finish().unwrap();
        assert!(open(&target, false, "other@2").unwrap_err().to_string().contains("written by \"m@1\""));
        let (mut output, _) = open(&target, false, "m@1").unwrap();
        output.add(&solution(1)).unwrap();
        drop(output);
        let (mut output, _) = open(&target, false, "m@1").unwrap();
        assert!(output.add(&solution(0)).unwrap_err().to_string().contains("another input"));
    }

    #[test]
    fn two_runs_cannot_write_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out.jsonl");
        let first = open(&target, false, "m@1").unwrap();
        assert!(open(&target, false, "m@1").unwrap_err().to_string().contains("another run"));
        drop(first);
        assert!(open(&target, false, "m@1").is_ok());
    }
}
