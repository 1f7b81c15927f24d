//! The scorer inside of `stepscope worker`: a process reward model on this machine.

use std::path::Path;

use super::Scorer;

/// Loads the built-in model, or the one in a checkpoint folder. The error is one line for people.
#[cfg(feature = "candle")]
pub fn load(prm: Option<&Path>) -> Result<Box<dyn Scorer>, String> {
    use crate::prm::{CheckpointSource, Prm};
    let source = prm.map_or(CheckpointSource::Embedded, |dir| CheckpointSource::Dir(dir.to_owned()));
    let prm = Prm::load(&source).map_err(|error| error.to_string())?;
    Ok(Box::new(prm))
}

/// Says that this program was built without an inference engine.
#[cfg(not(feature = "candle"))]
pub fn load(_prm: Option<&Path>) -> Result<Box<dyn Scorer>, String> {
    Err("built without candle: this program cannot run models".into())
}

#[cfg(feature = "candle")]
mod candle {
    use std::ops::ControlFlow;

    use crate::prm::{NodeScore, Prm, PrmNode, PrmRequest};
    use crate::scoring::{Cost, ScoreRequest, Scored, Scorer, WorkerModel};

    impl Scorer for Prm {
        fn model(&self) -> WorkerModel {
            let info = self.info();
            WorkerModel {
                name: info.name.clone(),
                key: info.key.clone(),
                family: info.family.to_owned(),
                semantics: info.semantics,
                threshold: info.threshold,
                context: info.context as u64,
                embedded: info.embedded,
            }
        }

        fn score(
            &mut self,
            request: &ScoreRequest,
            on: &mut dyn FnMut(usize, Scored) -> ControlFlow<()>,
        ) -> Result<Cost, String> {
            let nodes = request.nodes.iter().map(|node| PrmNode { parent: node.parent, text: node.text.clone() }).collect();
            let request = PrmRequest { problem: request.problem.clone(), nodes };
            let mut forward = |node, scored| {
                on(
                    node,
                    match scored {
                        NodeScore::Score(score) => Scored::Score(score),
                        NodeScore::NotScored(reason) => Scored::NotScored(reason),
                    },
                )
            };
            let stats = Prm::score(self, &request, &mut forward).map_err(|error| error.to_string())?;
            Ok(Cost { tokens: stats.tokens as u64 })
        }
    }
}
