//! `stepscope doctor`: what a trainer really reads of an export, and the traps in it. Told record by record, however large the file is.

use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::builder::PossibleValuesParser;
use serde_json::{Value, json};

use super::out;
use crate::corpus::{Corpus, Source};
use crate::formats::{mapping, parse_json};
use crate::prm::TrainerTokens;
use crate::training::{Diagnosis, Reading, Settings, StepReading, Survey, TRAINERS, Tokens, Trainer, Trap, trainer};

/// Options of `doctor`.
#[derive(Debug, clap::Args)]
#[command(
    after_long_help = "--json prints {\"trainer\",\"records\",\"details\":[{\"record\",\"ids\",\"labels\",\"tokens\",\"steps\":[{\"tokens\":[from,to],\
\"separator\":[from,to],\"at\",\"label\",\"cut\"}],\"traps\":[{\"step\",\"message\"}]}],\"trapped\"}; -100 marks tokens that the loss does not look at.\n\n\
A record that cannot be read is a trap. Exit codes: 0 no trap, 1 failed, 2 usage, 3 a trap was found."
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
    /// Last tokens that the trainer keeps of a prompt (0: all), where that is not its default
    #[arg(long, value_name = "N")]
    pub max_prompt_length: Option<usize>,
    /// Records shown in full beside those with traps; all are checked
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub show: usize,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Exit code where a trap was found: the same as that of others that are done and have left something out.
const TRAPPED: u8 = 3;
/// Most records with traps that are shown.
const MOST_TRAPPED: usize = 20;

/// Checks every record of a file.
pub fn run(args: &DoctorArgs) -> anyhow::Result<ExitCode> {
    let trainer = trainer(&args.trainer).with_context(|| format!("no trainer {:?}", args.trainer))?;
    let tokens = TrainerTokens::load(&args.tokenizer)?;
    let limit = |given: Option<usize>, own: Option<usize>| given.map_or(own, |length| (length > 0).then_some(length));
    let settings = Settings {
        separator: args.separator.clone(),
        max_length: limit(args.max_length, trainer.max_length()),
        max_prompt_length: limit(args.max_prompt_length, trainer.max_prompt_length()),
    };
    // The trainer reads the fields as they are.
    let corpus = Corpus::open(Source::Path(args.file.clone()), Some(mapping::bare()))?;
    corpus.wait();
    let mut survey = Survey::default();
    for record in (0..corpus.record_count()).filter_map(|record| value(&corpus, record).ok()) {
        survey.add(&record, trainer.label_fields());
    }
    let mut report = Report { trainer, tokens: &tokens, args, trapped: 0 };
    report.begin(corpus.record_count())?;
    for record in 0..corpus.record_count() {
        let diagnosis = match value(&corpus, record) {
            Ok(value) => trainer.read(&value, &settings, &survey, &tokens),
            Err(message) => Diagnosis { reading: None, traps: vec![Trap { step: None, message }] },
        };
        report.add(record, &diagnosis)?;
    }
    report.end(corpus.record_count())
}

/// A record as it stands, or why it is none.
fn value(corpus: &Corpus, record: usize) -> Result<Value, String> {
    let bytes = corpus.raw(record).map_err(|error| error.to_string())?;
    parse_json(&bytes).map_err(|failure| format!("the record cannot be read: {failure}"))
}

struct Report<'a> {
    trainer: &'static dyn Trainer,
    tokens: &'a TrainerTokens,
    args: &'a DoctorArgs,
    trapped: usize,
}

impl Report<'_> {
    fn begin(&self, records: usize) -> io::Result<()> {
        let head = format!("{{\n  \"trainer\": {:?},\n  \"records\": {records},\n  \"details\": [", self.trainer.name());
        if self.args.json { out::print(&head) } else { Ok(()) }
    }

    fn add(&mut self, record: usize, diagnosis: &Diagnosis) -> io::Result<()> {
        let trapped = !diagnosis.traps.is_empty();
        self.trapped += usize::from(trapped);
        if self.args.json {
            let between = if record == 0 { "\n    " } else { ",\n    " };
            return out::print(&(between.to_owned() + &out::harmless(&detail(record, diagnosis).to_string())));
        }
        if record < self.args.show || (trapped && self.trapped <= MOST_TRAPPED) {
            return out::print_safe(&self.tell(record, diagnosis));
        }
        Ok(())
    }

    fn tell(&self, record: usize, diagnosis: &Diagnosis) -> String {
        let mut text = format!("record {}\n", record + 1);
        // Writing to a string cannot fail.
        if let Some(reading) = &diagnosis.reading {
            let _ = writeln!(text, "  {} tokens, {} steps", reading.uncut, reading.steps.len());
            for (index, step) in reading.steps.iter().enumerate() {
                text.push_str(&self.step(index, step, reading));
            }
        }
        for trap in &diagnosis.traps {
            let place = trap.step.map(|step| format!("step {}: ", step + 1)).unwrap_or_default();
            let _ = writeln!(text, "  TRAP {place}{}", trap.message);
        }
        text
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

    fn end(self, records: usize) -> anyhow::Result<ExitCode> {
        if self.args.json {
            out::print(&format!("\n  ],\n  \"trapped\": {}\n}}\n", self.trapped))?;
        } else {
            let more = self.trapped.saturating_sub(MOST_TRAPPED);
            let more = if more > 0 { format!(" ({more} of them not shown)") } else { String::new() };
            out::print(&format!("{}: {records} records, {} with traps{more}\n", self.trainer.name(), self.trapped))?;
        }
        Ok(if self.trapped > 0 { ExitCode::from(TRAPPED) } else { ExitCode::SUCCESS })
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
