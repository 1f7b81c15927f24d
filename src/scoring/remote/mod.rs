//! A process reward model behind a server. Tokens and read positions come from the checkpoint's own files, so that a score means the
//! same here and there; only the decoder runs elsewhere. Runs inside of `stepscope worker`, so waiting blocks nothing.

mod http;
mod llama;
mod rows;
mod vllm;

use std::ops::ControlFlow;
use std::path::Path;

use super::{Api, Cost, ScoreRequest, Scored, Scorer, ServerSpec, WorkerModel};
use crate::prm::outline::{Outline, PathTokens};
use crate::prm::{CheckpointSource, Readout};
use http::{Patience, Server, ServerError};
use rows::{Row, Sequence};

/// Most paths of one request to a server, and tokens after which no further path is added.
const BATCH: (usize, usize) = (16, 32_768);

/// A scorer that asks a server.
struct Remote {
    outline: Outline,
    server: Server,
    api: Api,
    model: String,
    pooling: vllm::Pooling,
}

/// Opens the text side of the checkpoint and finds the model on the server. The token is read from `STEPSCOPE_SERVER_TOKEN`. Errors are one line for people.
pub(super) fn load(prm: &Path, spec: &ServerSpec) -> Result<Box<dyn Scorer>, String> {
    let token = std::env::var(http::TOKEN).ok();
    let server = Server::new(&spec.url, token, Patience::default())?;
    let place = format!("{} {:?} {}", spec.url, spec.api, spec.model.as_deref().unwrap_or(""));
    let source = CheckpointSource::Dir(prm.to_owned());
    let mut outline = Outline::open(&source, false, &place).map_err(|error| error.to_string())?;
    if outline.readout() == Readout::LogRatio {
        return Err("--server: expected a model that is one decoder; this one is the ratio of two".to_owned());
    }
    if outline.readout() == Readout::Written {
        return Err("--server: expected a model that is read at steps; this one writes critiques and runs on this machine only"
            .to_owned());
    }
    let tokens = matches!(outline.readout(), Readout::Tokens(_));
    match (spec.api, tokens) {
        (Api::LlamaCpp, false) => outline = Outline::open(&source, true, &place).map_err(|error| error.to_string())?,
        (Api::VllmCompletions, false) => {
            return Err(
                "--server-api vllm-completions: expected a model that is read at tokens; this one has a head (vllm-pooling)"
                    .to_owned(),
            );
        }
        _ => {}
    }
    let model = match (&spec.model, spec.api) {
        (Some(model), _) => model.clone(),
        (None, Api::LlamaCpp) => String::new(),
        (None, _) => only_model(&server)?,
    };
    Ok(Box::new(Remote { outline, server, api: spec.api, model, pooling: vllm::Pooling::default() }))
}

fn only_model(server: &Server) -> Result<String, String> {
    let answer = server.get("/v1/models").map_err(|error| error.to_string())?;
    let models = answer.get("data").and_then(|data| data.as_array()).into_iter().flatten();
    let names: Vec<&str> = models.filter_map(|model| model.get("id")?.as_str()).collect();
    match names.as_slice() {
        [name] => Ok((*name).to_owned()),
        [] => Err(format!("{}/v1/models: expected a model, found none", server.base())),
        several => {
            let list = super::protocol::one_line(&several.join(", "));
            Err(format!("{}: expected --server-model to name one of {list}", server.base()))
        }
    }
}

impl Scorer for Remote {
    fn model(&self) -> WorkerModel {
        let mut model = super::local::worker_model(self.outline.info());
        model.name = format!("{} at {}", model.name, self.server.base());
        model
    }

    fn score(&mut self, request: &ScoreRequest, on: &mut dyn FnMut(usize, Scored) -> ControlFlow<()>) -> Result<Cost, String> {
        let asked = self.outline.paths(&super::local::asked(request)).map_err(|error| error.to_string())?;
        for (node, reason) in asked.left_out {
            if on(node, Scored::NotScored(reason)).is_break() {
                return Ok(Cost::default());
            }
        }
        // What the server computes of the paths it gets is not known: at most all of it.
        let mut cost = Cost { unique: asked.unique as u64, ..Cost::default() };
        for batch in batches(&asked.list, self.most()) {
            cost.naive += batch.iter().map(|path| path.ids.len() as u64).sum::<u64>();
            cost.tokens = cost.naive;
            for (path, rows) in batch.iter().zip(self.answers(batch)?) {
                let mut rows = rows.map(Vec::into_iter);
                for (_, node) in &path.reads {
                    let scored = match &mut rows {
                        Ok(rows) => rows.next().map(|row| self.outline.score(&row).map_or_else(Scored::NotScored, Scored::Score)),
                        Err(reason) => Some(Scored::NotScored(reason.clone())),
                    };
                    if scored.is_some_and(|scored| on(*node, scored).is_break()) {
                        return Ok(cost);
                    }
                }
            }
        }
        Ok(cost)
    }
}

impl Remote {
    /// Most paths of one request.
    fn most(&self) -> usize {
        if self.api == Api::VllmPooling { BATCH.0 } else { 1 }
    }

    /// The rows of each path, or why the server refused it. What it cannot do with all of them it may do with each: one that is too long
    /// costs no other its score.
    fn answers(&self, batch: &[PathTokens]) -> Result<Vec<Result<Vec<Row>, String>>, String> {
        match self.rows(batch) {
            Ok(rows) => Ok(rows.into_iter().map(Ok).collect()),
            Err(ServerError::Refused(reason)) if batch.len() <= 1 => Ok(vec![Err(reason); batch.len()]),
            Err(ServerError::Refused(_)) => {
                let apart = batch.chunks(1).map(|path| self.answers(path)).collect::<Result<Vec<_>, _>>()?;
                Ok(apart.into_iter().flatten().collect())
            }
            Err(error) => Err(error.to_string()),
        }
    }

    /// Logits of every read position, path by path.
    fn rows(&self, batch: &[PathTokens]) -> Result<Vec<Vec<Row>>, ServerError> {
        let sequence =
            |path: &PathTokens| Sequence { ids: path.ids.clone(), reads: path.reads.iter().map(|(read, _)| *read).collect() };
        let sequences: Vec<Sequence> = batch.iter().map(sequence).collect();
        let each = |ask: &dyn Fn(&Sequence) -> Result<Vec<Row>, ServerError>| sequences.iter().map(ask).collect();
        let readout = self.outline.readout();
        match (self.api, &readout) {
            (Api::VllmCompletions, Readout::Tokens(tokens)) => {
                each(&|sequence| vllm::completions(&self.server, &self.model, sequence, tokens))
            }
            (Api::LlamaCpp, Readout::Tokens(tokens)) => each(&|sequence| llama::completion(&self.server, sequence, tokens)),
            (Api::LlamaCpp, _) => each(&|sequence| {
                let states = llama::states(&self.server, sequence)?;
                self.outline.logits(&states).map_err(|error| ServerError::Refused(error.to_string()))
            }),
            (Api::VllmPooling | Api::VllmCompletions, readout) => {
                self.pooling.logits(&self.server, &self.model, &sequences, readout.width())
            }
        }
    }
}

/// Cuts paths into requests of so many at most, and of bounded size.
fn batches(paths: &[PathTokens], most: usize) -> impl Iterator<Item = &[PathTokens]> {
    let mut rest = paths;
    std::iter::from_fn(move || {
        let mut tokens = 0;
        let fits = rest.iter().take(most).take_while(|path| {
            let first = tokens == 0;
            tokens += path.ids.len();
            first || tokens <= BATCH.1
        });
        let (batch, behind) = rest.split_at(fits.count());
        rest = behind;
        (!batch.is_empty()).then_some(batch)
    })
}
