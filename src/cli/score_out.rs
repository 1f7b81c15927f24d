//! The output of `score`: a partial file that is appended to, continued after an interruption, and renamed when it is whole.

use std::collections::{BTreeMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use super::score_known::{Known, Place};
use super::scorer::shown;
use crate::analysis::meaning::{Scale, ScoreRule};
use crate::checks::answer::Agreement;
use crate::checks::arithmetic::{Finding, Verdict};
use crate::trace::{Rationale, RecordKey, Semantics, StepKey};

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
    /// What the scores mean: `correctness`, `value`, `advantage` or `log-ratio`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub semantics: Option<Semantics>,
    /// A step with a lower score is suspect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// The tau of the first-error posterior, where that judges solutions, and not the first step below the threshold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub posterior: Option<f64>,
    /// Range, aggregation and the like, where they are not the usual ones.
    #[serde(default, skip_serializing_if = "Scale::is_usual")]
    pub scale: Scale,
    /// One score of the solution, by each way to make it of the steps: `min`, `prod`, `last`, `mean`, `geo`, `soft-min`, `sum`; or `outcome`,
    /// from a model that judges no steps. Empty when a step has no score.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub solution: BTreeMap<String, f64>,
    /// One entry a step, first step first.
    pub steps: Vec<ScoredStep>,
}

impl ScoredSolution {
    /// How its scores are read.
    pub fn rule(&self) -> ScoreRule {
        let Self { semantics, threshold, posterior, scale, .. } = *self;
        ScoreRule { semantics: semantics.unwrap_or(Semantics::Correctness), threshold, posterior, scale }
    }
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
    /// What the model gives beside the score: shares of the tokens, or what a critic wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rationale: Option<Rationale>,
    /// Equalities of the step that fail, or may fail.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Evidence>,
    /// Score and findings together, `0..=1` ([`crate::checks::suspicion`]), where an equality fails and the score is a chance; everywhere else
    /// it would be `1 - score`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspicion: Option<f64>,
}

/// What the exact checks say of one equality.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Whether it fails.
    pub verdict: Verdict,
    /// Its bytes in the step: first, and one behind the last.
    pub span: (usize, usize),
    /// What the left side comes to.
    pub left: String,
    /// What the right side comes to.
    pub right: String,
    /// The same in words.
    #[serde(default)]
    pub says: String,
}

impl Evidence {
    /// `None` for an equality that holds.
    pub fn of(finding: &Finding) -> Option<Self> {
        let span = (finding.span.start, finding.span.end);
        let doubted = finding.verdict != Verdict::Ok;
        doubted.then(|| Self {
            verdict: finding.verdict,
            span,
            left: finding.left.to_string(),
            right: finding.right.to_string(),
            says: finding.sides(),
        })
    }
}

/// Output that is being written.
#[derive(Debug)]
pub struct Output {
    target: PathBuf,
    partial: PathBuf,
    file: BufWriter<File>,
    // Lines that the partial file held already, and how many of them have been seen again.
    existing: Vec<Place>,
    seen: usize,
    // The partial file was made now, and no line was added: it goes again when the run is refused.
    blank: bool,
    // Solutions of the finished output that this one replaces, and that were not found in the input.
    missing: HashSet<RecordKey>,
}

impl Output {
    /// Opens the partial file beside `target` and takes over what an earlier run of these scorers left in it, or what a finished run
    /// left in `target`: both become `known`. With `force`, whatever is there is thrown away.
    pub fn open(target: &Path, force: bool, scorers: &[String], known: &mut Known) -> anyhow::Result<Self> {
        if target.is_dir() {
            bail!("{}: is a directory; expected a file to write", shown(target));
        }
        let mut partial = target.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        // What was written is read again to go on after an interruption: a pipe cannot do that. A link would be replaced by the file.
        for path in [target, &partial] {
            if path.as_os_str() == "-" || path.symlink_metadata().is_ok_and(|found| !found.is_file()) {
                bail!("{}: is no regular file; expected a file to write, which a later run can go on with", shown(path));
            }
        }
        let found = partial.exists();
        let file = OpenOptions::new()
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
        let mut output = Self {
            target: target.to_owned(),
            partial,
            file: BufWriter::new(file),
            existing: Vec::new(),
            seen: 0,
            blank: !found,
            missing: HashSet::new(),
        };
        if !force && target.exists() {
            output.missing = known.add_finished(target, scorers)?;
        }
        let file = output.file.get_mut();
        let (existing, length) = known.add(&output.partial, file.try_clone()?, Some(scorers))?;
        // Half a line at the end goes; writing starts behind the last whole one.
        file.set_len(length)?;
        file.seek(SeekFrom::End(0))?;
        output.existing = existing;
        Ok(output)
    }

    /// Adds the line of a solution, or checks that the line which stands in its place already is the same.
    pub fn add(&mut self, line: &str, known: &Known) -> anyhow::Result<()> {
        if let Some(place) = self.existing.get(self.seen) {
            if known.text(*place)? != line {
                bail!("{} belongs to another input; remove the file, or use --force to start anew", known.name(*place));
            }
            self.seen += 1;
            return Ok(());
        }
        self.blank = false;
        self.file.write_all(line.as_bytes()).and_then(|()| self.file.write_all(b"\n")).with_context(|| shown(&self.partial))
    }

    /// Notes that the input holds a solution.
    pub fn found(&mut self, solution: RecordKey) {
        self.missing.remove(&solution);
    }

    /// Refuses an input that lacks solutions of the output that it would replace.
    pub fn check_input(&self) -> anyhow::Result<()> {
        match self.missing.len() {
            0 => Ok(()),
            count => bail!(
                "{}: has scores of {count} solutions that are not in the input; write to another file, or replace it with --force",
                shown(&self.target)
            ),
        }
    }

    /// Whether solutions of the output that this one replaces were not found in the input yet.
    pub fn is_missing_some(&self) -> bool {
        !self.missing.is_empty()
    }

    /// Hands everything to the system, so that a kill of this process loses none of it.
    pub fn flush(&mut self) -> anyhow::Result<()> {
        self.file.flush().with_context(|| shown(&self.partial))
    }

    /// Makes the file durable and gives it its name. Before, the old file stands there whole; after, the new one.
    pub fn finish(mut self) -> anyhow::Result<()> {
        if self.seen < self.existing.len() {
            bail!("{}: holds more solutions than the input; remove the file, or use --force to start anew", shown(&self.partial));
        }
        self.flush()?;
        self.check_input()?;
        self.file.get_ref().sync_all().with_context(|| shown(&self.partial))?;
        std::fs::rename(&self.partial, &self.target).with_context(|| shown(&self.target))?;
        self.blank = false;
        let folder = match self.target.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        File::open(folder).and_then(|folder| folder.sync_all()).with_context(|| shown(folder))
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if self.blank {
            // One that cannot be removed is continued like any other.
            let _ = std::fs::remove_file(&self.partial);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::meaning::Meaning;
    use crate::scoring::batch::Answers;
    use crate::trace::PromptKey;

    fn solution(n: usize) -> ScoredSolution {
        let step = PromptKey::of("q").step(&n.to_string());
        let steps = vec![
            ScoredStep {
                step_key: step,
                score: Some(0.1 + 0.2),
                reason: None,
                rationale: None,
                findings: Vec::new(),
                suspicion: None,
            },
            ScoredStep {
                step_key: step.step("b"),
                score: None,
                reason: Some("too long".into()),
                rationale: None,
                findings: Vec::new(),
                suspicion: None,
            },
        ];
        ScoredSolution {
            record_key: step.record(),
            source_id: Some(format!("s{n}")),
            scorer: "m@1".into(),
            answer: None,
            semantics: None,
            threshold: None,
            posterior: None,
            scale: Scale::default(),
            solution: BTreeMap::new(),
            steps,
        }
    }

    fn line(n: usize) -> String {
        serde_json::to_string(&solution(n)).unwrap()
    }

    fn open(target: &Path, force: bool, scorer: &str) -> anyhow::Result<(Output, Known)> {
        let mut known = Known::default();
        Ok((Output::open(target, force, &[scorer.to_owned()], &mut known)?, known))
    }

    #[test]
    fn an_interrupted_file_is_continued_behind_its_last_whole_line() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out.jsonl");
        let (mut output, known) = open(&target, false, "m@1").unwrap();
        output.add(&line(0), &known).unwrap();
        output.add(&line(1), &known).unwrap();
        output.flush().unwrap();
        drop((output, known));
        let partial = folder.path().join("out.jsonl.partial");
        let text = std::fs::read_to_string(&partial).unwrap();
        std::fs::write(&partial, &text[..text.len() - 9]).unwrap();

        let (mut output, known) = open(&target, false, "m@1").unwrap();
        let mut answers = Answers::new();
        for n in 0..2 {
            known.learn("m@1", solution(n).record_key, &Meaning::CORRECT, &mut answers).unwrap();
        }
        assert_eq!(answers.len(), 2, "the answers of the first solution are known");
        for n in 0..3 {
            output.add(&line(n), &known).unwrap();
        }
        output.finish().unwrap();
        assert_eq!(std::fs::read_to_string(&target).unwrap(), format!("{}\n{}\n{}\n", line(0), line(1), line(2)));
        assert!(!partial.exists());
    }

    #[test]
    fn scores_of_other_solutions_are_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out.jsonl");
        let write = |numbers: &[usize]| -> anyhow::Result<()> {
            let (mut output, known) = open(&target, false, "m@1")?;
            for &n in numbers {
                output.found(solution(n).record_key);
            }
            output.check_input()?;
            for &n in numbers {
                output.add(&line(n), &known)?;
            }
            output.finish()
        };
        write(&[0, 1, 2]).unwrap();
        let before = std::fs::read_to_string(&target).unwrap();
        let error = write(&[7]).unwrap_err().to_string();
        assert!(error.contains("scores of 3 solutions that are not in the input"), "{error}");
        let error = write(&[0, 1]).unwrap_err().to_string();
        assert!(error.contains("scores of 1 solutions"), "{error}");
        assert_eq!(std::fs::read_to_string(&target).unwrap(), before);
        write(&[3, 0, 2, 1]).unwrap();
        let (_, known) = open(&target, false, "m@1").unwrap();
        let mut answers = Answers::new();
        known.learn("m@1", solution(3).record_key, &Meaning::CORRECT, &mut answers).unwrap();
        assert_eq!(answers.len(), 1, "a step that got no score is asked for again");
    }

    #[test]
    fn what_belongs_to_something_else_is_refused_and_replaced_by_force() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out.jsonl");
        std::fs::write(&target, "{\"precious\": 1}\n").unwrap();
        assert!(open(&target, false, "m@1").unwrap_err().to_string().contains("--force"));
        for place in ["-", "/dev/null"] {
            let error = open(Path::new(place), true, "m@1").unwrap_err().to_string();
            assert!(error.contains("no regular file"), "{error}");
        }
        let (mut output, known) = open(&target, true, "m@1").unwrap();
        output.add(&line(0), &known).unwrap();
        output.finish().unwrap();
        drop(known);
        assert!(open(&target, false, "other@2").unwrap_err().to_string().contains("written by \"m@1\""));
        let target = folder.path().join("begun.jsonl");
        let (mut output, known) = open(&target, false, "m@1").unwrap();
        output.add(&line(1), &known).unwrap();
        drop((output, known));
        let (mut output, known) = open(&target, false, "m@1").unwrap();
        assert!(output.add(&line(0), &known).unwrap_err().to_string().contains("another input"));
    }

    #[test]
    fn a_link_is_refused_and_what_it_leads_to_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real.jsonl"), folder.path().join("link.jsonl"));
        std::fs::write(&real, "precious").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        std::os::unix::fs::symlink(&real, folder.path().join("new.jsonl.partial")).unwrap();
        for target in [&link, &folder.path().join("new.jsonl")] {
            let error = open(target, true, "m@1").unwrap_err().to_string();
            assert!(error.contains("no regular file"), "{error}");
        }
        assert!(link.is_symlink() && std::fs::read_to_string(&real).unwrap() == "precious");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);
    }

    #[test]
    fn a_run_that_is_refused_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out.jsonl");
        let partial = folder.path().join("out.jsonl.partial");
        drop(open(&target, false, "m@1").unwrap());
        assert!(!partial.exists());
        std::fs::write(&target, "{\"precious\": 1}\n").unwrap();
        open(&target, false, "m@1").unwrap_err();
        assert!(!partial.exists());
        std::fs::remove_file(&target).unwrap();
        let (mut output, known) = open(&target, false, "m@1").unwrap();
        output.add(&line(0), &known).unwrap();
        drop((output, known));
        drop(open(&target, false, "m@1").unwrap());
        assert!(partial.exists(), "what an earlier run wrote stays");
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
