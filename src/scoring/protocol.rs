//! The line protocol between stepscope and a scorer.
//!
//! A scorer is any program that reads requests from standard input and writes answers to standard output, one JSON object a line,
//! UTF-8, at most [`MAX_REQUEST_LINE`] bytes a request and [`MAX_ANSWER_LINE`] bytes an answer. Standard error is free text; its last
//! line is shown when the scorer dies. `stepscope worker` is one such program; `--scorer-cmd COMMAND` plugs in any other.
//!
//! A whole conversation (`>` to the scorer, `<` from it):
//!
//! ```text
//! < {"type":"hello","protocol":1,"server":"my-scorer 0.1"}
//! > {"type":"hello","protocol":1}
//! < {"type":"ready","model":{"name":"my-prm","key":"sha256:6b...","family":"mine","semantics":"correctness","threshold":0.5}}
//! > {"type":"score","id":7,"problem":"1+1?","nodes":[{"parent":null,"key":"9c0f...","text":"1+1 is 2.","known":true},
//!                                                    {"parent":0,"key":"41d2...","text":"So 2+2 is 5.","ends":true}]}
//! < {"type":"score","id":7,"key":"41d2...","score":0.04}
//! < {"type":"done","id":7,"tokens":31,"seconds":0.02}
//! > {"type":"cancel","id":8}
//! < {"type":"done","id":8,"cancelled":true}
//! ```
//!
//! To the scorer:
//! - `hello`: the protocol version of the asker. A scorer may ignore it.
//! - `score`: a tree of steps. `parent` is the index of an earlier node, or null for a first step; a step is judged after the problem and
//!   all of its ancestors. `key` (32 hexadecimal digits) names the step in the answers. A node with `"known": true` wants no answer; it is
//!   there because others stand on it. `"ends": true` says that a solution ends with this step, whether or not others go on; a scorer of
//!   `outcome` is asked about such steps only. Requests are answered one after another, in order.
//! - `sample`: steps to be written by a language model, where the process holds one (`stepscope worker --sampler DIR`); no scorer is asked for
//!   them. `{"type":"sample","id":9,"problem":"1+1?","steps":["1+1 is 2."],"first":0,"count":4,"temperature":0.8,"seed":0}`; the text of each
//!   number from `first` on is always the same.
//! - `cancel`: the request of this `id` is no longer wanted. It still ends with `done`.
//! - End of input: finish what was asked and exit with status 0.
//!
//! From the scorer:
//! - `hello`: first line. Another `protocol` number than [`VERSION`] ends the conversation.
//! - `ready`: the model is loaded. `key` must change whenever scores would: they are cached under it. `semantics` is `correctness` or `value`
//!   (scores in `0..=1`), `advantage` (`-1..=1`) or `log-ratio` (any finite number). A step with a score below `threshold` counts as wrong. `context`
//!   (tokens), `embedded`, `dtype`, `threads`, `posterior` and `scale` may be left out. `scale` holds a `range` other than that of the semantics (`[-1, 1]`, null for
//!   an open end), the `aggregate` of solutions (`min`, `prod`, `last`, `mean`, `geo`, `soft-min`, `sum`), `outcome` for a model that judges whole
//!   solutions only, and the `spread` of an open range; with `posterior` (`0..=1`, for `correctness` alone) whole solutions are judged by the
//!   first-error posterior with this tau, as in `analysis::decide`.
//! - `score`: a finite number inside the range of `semantics`, for one step. Anything else (NaN, null, text, out of range) makes the step
//!   "not scored" and is shown as such.
//! - `not_scored`: no score for this step, with a `reason` for people.
//! - `rationale`: what the model gives beside the score or `not_scored` of a step, which follows: `{"tokens":[["So",-0.2],..]}`, tokens with
//!   their shares, or `{"critiques":[{"text":"..","score":0.9},..]}`, what a critic wrote (`score` null without a verdict). May be left out, and
//!   may come again while it grows.
//! - `vector`: in the place of `score`, from a process that measures how alike steps are (`stepscope worker --vectors DIR`) and judges none: finite
//!   numbers, as many for each step, of which the direction alone counts: `{"type":"vector","id":7,"key":"41d2...","vector":[12,-127,3]}`.
//! - `sample`: a step of this `number`; it comes again while it grows, and once more, with `"whole": true`, when it has come to its end.
//! - `done`: the request is over; `tokens` (really read), `unique` (every step of the tree once), `naive` (every solution of the tree alone),
//!   `peak_rss_mb` (the most memory held so far) and `seconds` are for display and may be left out. Steps without an answer count as not scored.
//! - `failed`: a `message` for people. With an `id` the request is over; without one (or before `ready`) the scorer is.
//!
//! Both sides ignore fields and message types that they do not know.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Cost, Sample, SampleRequest, ScoreRequest, WorkerModel};
use crate::analysis::alike::Vector;
use crate::trace::{Rationale, Semantics, StepKey};

/// Version of the protocol. It changes only when an old partner would misunderstand a new one.
pub const VERSION: u64 = 1;

/// Longest line to a scorer, in bytes.
pub const MAX_REQUEST_LINE: usize = 64 << 20;

/// Longest line from a scorer, in bytes.
pub const MAX_ANSWER_LINE: usize = 1 << 20;

/// A message to the scorer.
#[derive(Debug, Clone, PartialEq)]
pub enum ToScorer {
    /// Says which protocol the asker speaks.
    Hello {
        /// Protocol version.
        protocol: u64,
    },
    /// Asks for scores.
    Score(ScoreRequest),
    /// Asks for steps.
    Sample(SampleRequest),
    /// Takes a request back.
    Cancel {
        /// The request.
        id: u64,
    },
    /// A message of a later version.
    Other(String),
}

/// A message from the scorer, with numbers not yet checked against the meaning of the scores.
#[derive(Debug, Clone, PartialEq)]
pub enum FromScorer {
    /// Says which protocol the scorer speaks.
    Hello {
        /// Protocol version.
        protocol: u64,
    },
    /// The model is loaded.
    Ready(WorkerModel),
    /// A score as it was written: a number or whatever stood in its place.
    Score {
        /// The request.
        id: u64,
        /// The step.
        key: StepKey,
        /// The number, or the text that stood there.
        score: Result<f64, String>,
    },
    /// The direction of a step.
    Vector {
        /// The request.
        id: u64,
        /// The step.
        key: StepKey,
        /// The direction.
        vector: Vector,
    },
    /// No score.
    NotScored {
        /// The request.
        id: u64,
        /// The step.
        key: StepKey,
        /// Why.
        reason: String,
    },
    /// What the model gives beside the answer of a step.
    Rationale {
        /// The request.
        id: u64,
        /// The step.
        key: StepKey,
        /// Words or tokens.
        rationale: Rationale,
    },
    /// A step that is being written.
    Sample {
        /// The request.
        id: u64,
        /// The step.
        sample: Sample,
    },
    /// The request is over.
    Done {
        /// The request.
        id: u64,
        /// Work that it took.
        cost: Cost,
        /// Time the model took, in seconds.
        seconds: f64,
        /// The request was taken back.
        cancelled: bool,
    },
    /// Something went wrong.
    Failed {
        /// The request, if it belongs to one.
        id: Option<u64>,
        /// What happened.
        message: String,
    },
    /// A message of a later version.
    Other(String),
}

/// A line that is not a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// Not a JSON object.
    #[error("expected a JSON object with a \"type\", found {0:?}")]
    NotAnObject(String),
    /// A message without something that it must have.
    #[error("a {kind:?} message: {problem}")]
    Field {
        /// Type of the message.
        kind: String,
        /// What is missing or wrong.
        problem: String,
    },
}

// One flat shape for all messages: serde's tagged enums cannot hold numbers while serde_json keeps their digits.
#[derive(Deserialize)]
struct Raw {
    #[serde(rename = "type")]
    kind: String,
    protocol: Option<u64>,
    id: Option<u64>,
    model: Option<Value>,
    problem: Option<String>,
    nodes: Option<Value>,
    key: Option<StepKey>,
    score: Option<Value>,
    vector: Option<Value>,
    reason: Option<String>,
    rationale: Option<Value>,
    steps: Option<Value>,
    first: Option<u64>,
    count: Option<u64>,
    temperature: Option<f64>,
    seed: Option<u64>,
    number: Option<Value>,
    text: Option<Value>,
    whole: Option<Value>,
    tokens: Option<u64>,
    unique: Option<u64>,
    naive: Option<u64>,
    peak_rss_mb: Option<u64>,
    seconds: Option<f64>,
    cancelled: Option<bool>,
    message: Option<String>,
}

impl Raw {
    fn parse(line: &[u8]) -> Result<Self, LineError> {
        // The loose pass is taken only after the strict one failed: Python writes bare NaN.
        serde_json::from_slice(line).or_else(|error| {
            let text = String::from_utf8_lossy(line);
            serde_json::from_str(&quote_non_numbers(&text)).map_err(|_| {
                if error.is_data() && text.trim_start().starts_with('{') && text.contains("\"type\"") {
                    LineError::Field { kind: "JSON".into(), problem: one_line(&error.to_string()) }
                } else {
                    LineError::NotAnObject(clip(&text, 60))
                }
            })
        })
    }

    /// A scorer that says how much it read and no more is taken to have read every step once.
    fn cost(&self) -> Cost {
        let plain = Cost::plain(self.tokens.unwrap_or(0));
        Cost {
            unique: self.unique.unwrap_or(plain.unique),
            naive: self.naive.unwrap_or(plain.naive),
            peak_rss_mb: self.peak_rss_mb.unwrap_or(0),
            ..plain
        }
    }

    fn need<T>(&self, name: &str, value: Option<T>) -> Result<T, LineError> {
        value.ok_or_else(|| LineError::Field { kind: one_line(&self.kind), problem: format!("no {name:?}") })
    }

    fn bad(&self, problem: &str) -> LineError {
        LineError::Field { kind: one_line(&self.kind), problem: one_line(problem) }
    }
}

impl ToScorer {
    /// The message as one line, with its line end.
    pub fn to_line(&self) -> String {
        #[derive(Serialize)]
        struct Tagged<'a, T> {
            #[serde(rename = "type")]
            kind: &'static str,
            #[serde(flatten)]
            request: &'a T,
        }
        match self {
            Self::Hello { protocol } => line(&serde_json::json!({"type": "hello", "protocol": protocol})),
            Self::Score(request) => line(&Tagged { kind: "score", request }),
            Self::Sample(request) => line(&Tagged { kind: "sample", request }),
            Self::Cancel { id } => line(&serde_json::json!({"type": "cancel", "id": id})),
            Self::Other(kind) => line(&serde_json::json!({"type": kind})),
        }
    }

    /// Reads a line. Every parent stands before its child in what comes out.
    pub fn parse(line: &[u8]) -> Result<Self, LineError> {
        let mut raw = Raw::parse(line)?;
        Ok(match raw.kind.as_str() {
            "hello" => Self::Hello { protocol: raw.need("protocol", raw.protocol)? },
            "cancel" => Self::Cancel { id: raw.need("id", raw.id)? },
            "score" => {
                let id = raw.need("id", raw.id)?;
                let (problem, nodes) = (raw.problem.take(), raw.nodes.take());
                let problem = raw.need("problem", problem)?;
                let nodes = raw.need("nodes", nodes)?;
                let request = ScoreRequest { id, problem, nodes: nodes_of(nodes).map_err(|error| raw.bad(&error))? };
                Self::Score(request)
            }
            "sample" => {
                let (problem, steps) = (raw.problem.take(), raw.steps.take());
                let steps = steps.and_then(|steps| serde_json::from_value(steps).ok());
                let temperature = raw.temperature.filter(|temperature| temperature.is_finite() && *temperature >= 0.0);
                Self::Sample(SampleRequest {
                    id: raw.need("id", raw.id)?,
                    problem: raw.need("problem", problem)?,
                    steps: raw.need("steps", steps)?,
                    first: raw.first.unwrap_or(0),
                    count: raw.need("count", raw.count)?,
                    temperature: raw.need("temperature", temperature)?,
                    seed: raw.seed.unwrap_or(0),
                })
            }
            other => Self::Other(one_line(other)),
        })
    }
}

fn nodes_of(value: Value) -> Result<Vec<super::RequestNode>, String> {
    let nodes: Vec<super::RequestNode> = serde_json::from_value(value).map_err(|error| format!("nodes: {error}"))?;
    match nodes.iter().enumerate().find(|(index, node)| node.parent.is_some_and(|parent| parent >= *index)) {
        Some((index, node)) => Err(format!("nodes[{index}]: expected the parent to be an earlier node, found {:?}", node.parent)),
        None => Ok(nodes),
    }
}

impl FromScorer {
    /// The message as one line, with its line end.
    pub fn to_line(&self) -> String {
        use serde_json::json;
        line(&match self {
            Self::Hello { protocol } => {
                json!({"type": "hello", "protocol": protocol, "server": concat!("stepscope ", env!("CARGO_PKG_VERSION"))})
            }
            Self::Ready(model) => json!({"type": "ready", "model": model}),
            Self::Score { id, key, score: Ok(score) } => json!({"type": "score", "id": id, "key": key, "score": score}),
            Self::Score { id, key, score: Err(text) } => json!({"type": "score", "id": id, "key": key, "score": text}),
            Self::Vector { id, key, vector } => json!({"type": "vector", "id": id, "key": key, "vector": vector.steps()}),
            Self::NotScored { id, key, reason } => json!({"type": "not_scored", "id": id, "key": key, "reason": reason}),
            Self::Rationale { id, key, rationale } => json!({"type": "rationale", "id": id, "key": key, "rationale": rationale}),
            Self::Sample { id, sample: Sample { number, text, is_whole } } => {
                json!({"type": "sample", "id": id, "number": number, "text": text, "whole": is_whole})
            }
            Self::Done { id, cost: Cost { tokens, unique, naive, peak_rss_mb }, seconds, cancelled } => {
                let mut done = json!({"type": "done", "id": id, "tokens": tokens, "unique": unique, "naive": naive,
                    "peak_rss_mb": peak_rss_mb, "seconds": seconds});
                if *cancelled {
                    done["cancelled"] = true.into();
                }
                done
            }
            Self::Failed { id: Some(id), message } => json!({"type": "failed", "id": id, "message": message}),
            Self::Failed { id: None, message } => json!({"type": "failed", "message": message}),
            Self::Other(kind) => json!({"type": kind}),
        })
    }

    /// Reads a line.
    pub fn parse(line: &[u8]) -> Result<Self, LineError> {
        let mut raw = Raw::parse(line)?;
        let text = |text: Option<String>| one_line(text.as_deref().unwrap_or("no reason given"));
        Ok(match raw.kind.as_str() {
            "hello" => Self::Hello { protocol: raw.need("protocol", raw.protocol)? },
            "ready" => {
                let model = raw.model.take();
                Self::Ready(model_of(raw.need("model", model)?).map_err(|error| raw.bad(&error))?)
            }
            "score" => {
                Self::Score { id: raw.need("id", raw.id)?, key: raw.need("key", raw.key)?, score: number(raw.score.as_ref()) }
            }
            "vector" => {
                let vector = raw.vector.take();
                let numbers: Result<Vec<f64>, _> = serde_json::from_value(raw.need("vector", vector)?);
                let vector = numbers.ok().and_then(|numbers| Vector::of(&numbers));
                let vector = vector.ok_or_else(|| raw.bad("vector: expected finite numbers that are not all zero"))?;
                Self::Vector { id: raw.need("id", raw.id)?, key: raw.need("key", raw.key)?, vector }
            }
            "not_scored" => {
                Self::NotScored { id: raw.need("id", raw.id)?, key: raw.need("key", raw.key)?, reason: text(raw.reason) }
            }
            "rationale" => {
                let rationale = raw.rationale.take();
                let rationale = serde_json::from_value(raw.need("rationale", rationale)?);
                let rationale = rationale.map_err(|error| raw.bad(&format!("rationale: {error}")))?;
                Self::Rationale { id: raw.need("id", raw.id)?, key: raw.need("key", raw.key)?, rationale }
            }
            "sample" => {
                let text = raw.text.as_ref().and_then(Value::as_str).map(str::to_owned);
                let number = raw.number.as_ref().and_then(Value::as_u64);
                let is_whole = raw.whole.as_ref().and_then(Value::as_bool).unwrap_or(false);
                let sample = Sample { number: raw.need("number", number)?, text: raw.need("text", text)?, is_whole };
                Self::Sample { id: raw.need("id", raw.id)?, sample }
            }
            "done" => Self::Done {
                id: raw.need("id", raw.id)?,
                cost: raw.cost(),
                seconds: raw.seconds.filter(|seconds| seconds.is_finite() && *seconds >= 0.0).unwrap_or(0.0),
                cancelled: raw.cancelled.unwrap_or(false),
            },
            "failed" => Self::Failed { id: raw.id, message: text(raw.message) },
            other => Self::Other(one_line(other)),
        })
    }
}

fn model_of(value: Value) -> Result<WorkerModel, String> {
    let mut model: WorkerModel = serde_json::from_value(value).map_err(|error| format!("model: {error}"))?;
    if !model.threshold.is_finite() {
        return Err(format!("model: expected a finite threshold, found {}", model.threshold));
    }
    let allowed = model.semantics == Semantics::Correctness;
    if let Some(tau) = model.posterior.filter(|tau| !allowed || !(0.0..=1.0).contains(tau)) {
        return Err(format!("model: expected a posterior between 0 and 1 for correctness scores, found {tau}"));
    }
    if model.key.is_empty() {
        return Err("model: expected a key that names the weights, found nothing".into());
    }
    model.name = one_line(&model.name);
    model.family = one_line(&model.family);
    Ok(model)
}

fn number(value: Option<&Value>) -> Result<f64, String> {
    match value {
        // Digits that overflow f64 do not come out as a finite number.
        Some(Value::Number(number)) => {
            number.as_f64().filter(|value| value.is_finite()).ok_or_else(|| clip(&number.to_string(), 40))
        }
        Some(Value::String(text)) => Err(clip(text, 40)),
        Some(other) => Err(clip(&other.to_string(), 40)),
        None => Err("nothing".into()),
    }
}

fn line(message: &impl Serialize) -> String {
    // Invariant: every key is a string and no number is NaN, the only things that serde_json refuses.
    let mut line = serde_json::to_string(message).unwrap_or_default();
    line.push('\n');
    line
}

/// Puts bare `NaN`, `Infinity` and `-Infinity` outside of strings into quotes.
fn quote_non_numbers(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut in_string = false;
    let mut escaped = false;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let bare =
            if in_string { None } else { ["NaN", "Infinity", "-Infinity"].into_iter().find(|word| rest.starts_with(word)) };
        if let Some(word) = bare {
            out.push('"');
            out.push_str(word);
            out.push('"');
            rest = &rest[word.len()..];
            continue;
        }
        if c == '"' && !escaped {
            in_string = !in_string;
        }
        escaped = in_string && c == '\\' && !escaped;
        out.push(c);
        rest = &rest[c.len_utf8()..];
    }
    out
}

fn clip(text: &str, chars: usize) -> String {
    let clean = one_line(text);
    if clean.chars().count() <= chars { clean } else { clean.chars().take(chars).chain(['…']).collect() }
}

/// One line of at most 300 characters without control characters: texts of other programs stand in messages.
pub(crate) fn one_line(text: &str) -> String {
    const MAX: usize = 300;
    let printable = |c: char| {
        if c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c) || ('\u{2066}'..='\u{2069}').contains(&c) { ' ' } else { c }
    };
    let words: String = text.chars().take(4 * MAX).map(printable).collect();
    let line = words.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= MAX { line } else { line.chars().take(MAX).chain(['…']).collect() }
}
