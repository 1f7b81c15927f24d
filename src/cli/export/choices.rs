//! The decisions of an export on the command line. Each target says which of them change what it writes; those must be made.

use clap::CommandFactory;
use clap::error::ErrorKind;

use crate::cli::Cli;
use crate::formats::Writer;
use crate::labels::policy::{
    AfterError, Alternatives, Level, Neutral, PairRule, Policy, QualityControl, Repeats, Switch, Unlabelled, Unsure, Values,
};

/// The decisions of an export.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Policy (a target asks for what it needs)")]
pub struct PolicyArgs {
    /// What becomes of neutral steps (rating 0)
    #[arg(long)]
    pub neutral: Option<Neutral>,
    /// What becomes of steps behind the first error
    #[arg(long)]
    pub after_error: Option<AfterError>,
    /// What becomes of steps and solutions that nobody labelled
    #[arg(long)]
    pub unlabelled: Option<Unlabelled>,
    /// What becomes of solutions that were flagged as unsure
    #[arg(long)]
    pub unsure: Option<Unsure>,
    /// What one example is, for trainers of single judgements
    #[arg(long)]
    pub level: Option<Level>,
    /// What a step label is, for trainers that take right and wrong as well as shares
    #[arg(long)]
    pub values: Option<Values>,
    /// Which two steps make a pair, for trainers of preferences; all samples of a problem in one file are compared
    #[arg(long)]
    pub pairs: Option<PairRule>,
    /// What joins problem and steps, for targets of one text; \\n is a line end
    #[arg(long, value_name = "TEXT", value_parser = unescaped)]
    pub glue: Option<String>,
    /// Pair steps that are not both rated when their values lie at least this far apart
    #[arg(long, value_name = "GAP", value_parser = gap)]
    pub min_gap: Option<f64>,
    /// Most pairs behind one beginning
    #[arg(long, value_name = "N", value_parser = count)]
    pub pairs_per_step: Option<usize>,
    /// Leave out pairs whose solutions end with the same answer
    #[arg(long)]
    pub distinct_answers: bool,
    /// What becomes of rated steps beside the solutions, where the target has no place for them
    #[arg(long, default_value = "ignore")]
    pub alternatives: Alternatives,
    /// What becomes of records that were made to check annotators
    #[arg(long, default_value = "exclude")]
    pub quality_control: QualityControl,
    /// What becomes of rows of a problem that are the same to the byte, as samples with one judged beginning give them; records that keep
    /// their format and --author each keep theirs
    #[arg(long, default_value = "once")]
    pub repeats: Repeats,
}

/// A text in which `\\n`, `\\t` and `\\\\` are escapes.
pub(crate) fn unescaped(text: &str) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            out.push(character);
            continue;
        }
        out.push(match characters.next() {
            Some('n') => '\n',
            Some('t') => '\t',
            Some('\\') => '\\',
            other => return Err(format!("expected \\n, \\t or \\\\, found \\{}", other.map(String::from).unwrap_or_default())),
        });
    }
    Ok(out)
}

/// A number from 0 on.
fn gap(text: &str) -> Result<f64, String> {
    let gap = text.parse::<f64>().ok().filter(|gap| gap.is_finite() && *gap >= 0.0);
    gap.ok_or_else(|| "expected a number from 0 on".to_owned())
}

/// A whole number from 1 on.
fn count(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|&count| count > 0).ok_or_else(|| "expected a whole number from 1 on".to_owned())
}

impl PolicyArgs {
    fn given(&self, switch: Switch) -> bool {
        match switch {
            Switch::Neutral => self.neutral.is_some(),
            Switch::AfterError => self.after_error.is_some(),
            Switch::Unlabelled => self.unlabelled.is_some(),
            Switch::Unsure => self.unsure.is_some(),
            Switch::Level => self.level.is_some(),
            Switch::Values => self.values.is_some(),
            Switch::Pairs => self.pairs.is_some(),
            Switch::Glue => self.glue.is_some(),
        }
    }

    /// The policy; ends the program with a usage error when a decision is missing that changes what `target` writes.
    pub fn policy(&self, target: &str, writer: &dyn Writer) -> Policy {
        let missing: Vec<_> = writer.asks().iter().filter(|&&switch| !self.given(switch)).collect();
        if !missing.is_empty() {
            let lines: Vec<_> = missing.iter().map(|switch| format!("  --{} ({})", switch.name(), switch.choices())).collect();
            let message = format!("{target} needs decisions that change what is written:\n{}", lines.join("\n"));
            let mut whole = Cli::command();
            whole.build();
            let export = whole.find_subcommand_mut("export").map(std::mem::take).unwrap_or_default();
            export.clone().error(ErrorKind::MissingRequiredArgument, message).exit();
        }
        Policy {
            neutral: self.neutral.unwrap_or_default(),
            after_error: self.after_error.unwrap_or_default(),
            unlabelled: self.unlabelled.unwrap_or_default(),
            unsure: self.unsure.unwrap_or_default(),
            alternatives: self.alternatives,
            quality_control: self.quality_control,
            repeats: self.repeats,
            level: self.level.unwrap_or_default(),
            values: self.values.unwrap_or_default(),
            pairs: self.pairs.unwrap_or_default(),
            min_gap: self.min_gap,
            pairs_per_step: self.pairs_per_step,
            distinct_answers: self.distinct_answers,
            glue: self.glue.clone().unwrap_or_default(),
        }
    }

    /// Decisions that were made and change nothing that `writer` writes, as they stand on the command line.
    pub fn unused(&self, writer: &dyn Writer) -> Vec<String> {
        let asks = |switch: &Switch| writer.asks().contains(switch);
        let switches = Switch::ALL.iter().filter(|switch| self.given(**switch) && !asks(switch)).map(|switch| switch.name());
        let of_pairs = [
            ("min-gap", self.min_gap.is_some()),
            ("pairs-per-step", self.pairs_per_step.is_some()),
            ("distinct-answers", self.distinct_answers),
        ];
        let of_pairs = of_pairs.into_iter().filter(|(_, given)| *given && !asks(&Switch::Pairs)).map(|(name, _)| name);
        switches.chain(of_pairs).map(|name| format!("--{name}")).collect()
    }

    /// The decisions that were made, as a manifest tells them.
    pub fn told(&self, policy: &Policy) -> serde_json::Map<String, serde_json::Value> {
        let made = Switch::ALL.iter().filter(|&&switch| self.given(switch));
        let mut told: serde_json::Map<_, _> =
            made.map(|&switch| (switch.name().replace('-', "_"), policy.choice(switch).into())).collect();
        told.insert("alternatives".into(), policy.alternatives.to_string().into());
        told.insert("quality_control".into(), policy.quality_control.to_string().into());
        told.insert("repeats".into(), policy.repeats.to_string().into());
        if let Some(gap) = policy.min_gap {
            told.insert("min_gap".into(), gap.into());
        }
        if let Some(most) = policy.pairs_per_step {
            told.insert("pairs_per_step".into(), most.into());
        }
        if policy.distinct_answers {
            told.insert("distinct_answers".into(), true.into());
        }
        told
    }
}
