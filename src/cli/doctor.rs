//! `stepscope doctor`: what a trainer really reads of an export, and the traps in it.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::builder::PossibleValuesParser;
use serde_json::{Value, json};

use super::out;
use crate::corpus::{Corpus, Source};
use crate::formats::{by_name, parse_json};
use crate::prm::TrainerTokens;
use crate::training::{Diagnosis, Reading, Settings, StepReading, Survey, TRAINERS, Tokens, Trainer, trainer};

/// Options of `doctor`.
#[derive(Debug, clap::Args)]
#[command(
    after_long_help = "--json prints {\"trainer\",\"records\",\"trapped\",\"details\":[{\"record\",\"ids\",\"labels\",\"tokens\",\"steps\":[{\"tokens\":[from,to],\
\"separator\":[from,to],\"at\",\"label\",\"cut\"}],\"traps\":[{\"step\",\"message\"}]}]}; -100 marks tokens that the loss does not look at.\n\n\
Exit codes: 0 no trap, 1 a trap was found, 2 usage."
)]
pub struct DoctorArgs {
    /// File that a trainer will read
    pub file: PathBuf,
    /// The trainer
    #[arg(long, value_parser = PossibleValuesParser::new(TRAINERS.iter().map(|trainer| trainer.name())))]
    pub trainer: String,
    /// Folder with the tokenizer.json that the training will use
    #[arg(long, value_name = "DIR")]
    pub tokenizer: PathBuf,
    /// What stands behind each step, where that is not the trainer's default; \n is a line end
    #[arg(long, value_name = "TEXT", value_parser = super::export::unescaped)]
    pub separator: Option<String>,
    /// Tokens at which the trainer cuts sequences off (0: never), where that is not its default
    #[arg(long, value_name = "N")]
    pub max_length: Option<usize>,
    /// Records shown in full beside those with traps; all are checked
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub show: usize,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Most records with traps that are shown.
const MOST_TRAPPED: usize = 20;

/// Checks every record of a file.
pub fn run(args: &DoctorArgs) -> anyhow::Result<ExitCode> {
    let trainer = trainer(&args.trainer).with_context(|| format!("no trainer {:?}", args.trainer))?;
    let tokens = TrainerTokens::load(&args.tokenizer)?;
    let settings = Settings {
        separator: args.separator.clone(),
        max_length: args.max_length.map_or_else(|| trainer.max_length(), |length| (length > 0).then_some(length)),
    };
    // The trainer reads the fields as they are: any format cuts a file into records.
    let corpus = Corpus::open(Source::Path(args.file.clone()), by_name("stepscope"))?;
    corpus.wait();
    let mut survey = Survey::default();
    for record in 0..corpus.record_count() {
        survey.add(&value(&corpus, record)?, trainer.label_fields());
    }
    let mut report = Report { trainer, tokens: &tokens, args, trapped: 0, text: String::new(), details: Vec::new() };
    for record in 0..corpus.record_count() {
        let diagnosis = trainer.read(&value(&corpus, record)?, &settings, &survey, &tokens);
        report.add(record, &diagnosis);
    }
    report.print(corpus.record_count())
}

fn value(corpus: &Corpus, record: usize) -> anyhow::Result<Value> {
    let bytes = corpus.raw(record)?;
    match parse_json(&bytes) {
        Ok(value) => Ok(value),
        Err(failure) => bail!("record {}: {failure}", record + 1),
    }
}

struct Report<'a> {
    trainer: &'static dyn Trainer,
    tokens: &'a TrainerTokens,
    args: &'a DoctorArgs,
    trapped: usize,
    text: String,
    details: Vec<Value>,
}

impl Report<'_> {
    fn add(&mut self, record: usize, diagnosis: &Diagnosis) {
        let trapped = !diagnosis.traps.is_empty();
        self.trapped += usize::from(trapped);
        if self.args.json {
            self.details.push(detail(record, diagnosis));
        } else if record < self.args.show || (trapped && self.trapped <= MOST_TRAPPED) {
            self.tell(record, diagnosis);
        }
    }

    fn tell(&mut self, record: usize, diagnosis: &Diagnosis) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "record {}", record + 1);
        if let Some(reading) = &diagnosis.reading {
            let _ = writeln!(self.text, "  {} tokens, {} steps", reading.uncut, reading.steps.len());
            for (index, step) in reading.steps.iter().enumerate() {
                let line = self.step(index, step, reading);
                self.text.push_str(&line);
            }
        }
        for trap in &diagnosis.traps {
            let place = trap.step.map(|step| format!("step {}: ", step + 1)).unwrap_or_default();
            let _ = writeln!(self.text, "  TRAP {place}{}", trap.message);
        }
    }

    /// One line: label and position, the tokens that end the step, and its separator.
    fn step(&self, index: usize, step: &StepReading, reading: &Reading) -> String {
        let tokens = |range: std::ops::Range<usize>| {
            let ids = reading.ids.get(range.start.min(reading.ids.len())..range.end.min(reading.ids.len())).unwrap_or_default();
            ids.iter().map(|&id| format!("{id} {:?}", self.tokens.text(id))).collect::<Vec<_>>().join(", ")
        };
        let shown = step.tokens.start.max(step.tokens.end.saturating_sub(4))..step.tokens.end;
        let more = if shown.start > step.tokens.start { "… " } else { "" };
        let cut = if step.cut { " (cut off)" } else { "" };
        format!(
            "  step {}: label {} at token {}{cut}; text {}..{}: {more}{}; separator: {}\n",
            index + 1,
            step.mark,
            step.at,
            step.tokens.start,
            step.tokens.end,
            tokens(shown),
            tokens(step.separator.clone())
        )
    }

    fn print(self, records: usize) -> anyhow::Result<ExitCode> {
        if self.args.json {
            out::print_json(&json!({
                "trainer": self.trainer.name(),
                "records": records,
                "trapped": self.trapped,
                "details": self.details,
            }))?;
        } else {
            let more = self.trapped.saturating_sub(MOST_TRAPPED);
            let more = if more > 0 { format!(" ({more} of them not shown)") } else { String::new() };
            let verdict = format!("{}: {records} records, {} with traps{more}\n", self.trainer.name(), self.trapped);
            out::print_safe(&(self.text + &verdict))?;
        }
        Ok(if self.trapped > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

fn detail(record: usize, diagnosis: &Diagnosis) -> Value {
    let empty = Reading::default();
    let reading = diagnosis.reading.as_ref().unwrap_or(&empty);
    let steps: Vec<_> = reading
        .steps
        .iter()
        .map(|step| {
            json!({
                "tokens": [step.tokens.start, step.tokens.end],
                "separator": [step.separator.start, step.separator.end],
                "at": step.at,
                "label": step.mark.value(),
                "cut": step.cut,
            })
        })
        .collect();
    json!({
        "record": record,
        "ids": reading.ids,
        "labels": reading.labels.iter().map(|mark| mark.value()).collect::<Vec<_>>(),
        "tokens": reading.uncut,
        "steps": steps,
        "traps": diagnosis.traps.iter().map(|trap| json!({"step": trap.step, "message": trap.message})).collect::<Vec<_>>(),
    })
}
