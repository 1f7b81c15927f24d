//! Value heads beside a language model: AlphaMath and SVPO, OVM, ReasonFlux-PRM-1.5B. The head comes as a pickle and is converted once.
//!
//! The value of a step is read at its last token: through `tanh` (AlphaMath), as it is (OVM, trained towards 0 and 1), or through the
//! logistic function (ReasonFlux, whose authors read only the end of the whole answer: the score of the last step). Sources:
//! MARIO-Math-Reasoning/Super_MARIO (arXiv:2405.03553), FreedomIntelligence/OVM (arXiv:2311.09724), Gen-Verse/ReasonFlux.

use super::super::PrmError;
use super::super::checkpoint::Checkpoint;
use super::super::readout::{Readout, sigmoid};
use super::super::request::PrmRequest;
use super::super::tokenizer::{Part, Vocabulary};
use super::super::tokens::{NodeTokens, TokenTree};
use super::joint::Joint;
use super::{Convention, Family, Fit, Meaning, Opening, Preset, filled, named, plan, problem};
use crate::analysis::aggregate::Aggregate;

const LAST: Meaning = Meaning::VALUE.by(Aggregate::Last);

pub(super) const FAMILY: Family = Family {
    name: "value-head",
    about: "the last token of each step, one value through tanh, as it is, or through the logistic function",
    looks_for: "a decoder with tensors v_head.summary.* and value_model in config.json, vscore_head.weight, or reward_head.*",
    presets: &[
        Preset {
            name: "alphamath",
            models: "AlphaMath-7B, SVPO-7B, value_head.pth converted",
            // No threshold of the authors: 0 is even odds.
            meaning: LAST.within(-1.0, 1.0, 0.0),
            settings: &[
                ("bos", "auto"),
                ("lead", "<question> {q} </question>\n"),
                ("step", "<step>\n<p>\n{s}\n</p>\n</step>"),
                ("marked", "<step>"),
                ("glue", ""),
                ("end", "\n"),
                ("value", "tanh"),
            ],
        },
        Preset {
            name: "ovm",
            models: "OVM-Llama2-7B, OVM-Mistral-7b, verifier.pth converted",
            meaning: LAST.open(0.5, 0.25),
            settings: &[
                ("bos", "auto"),
                ("lead", "{q}\n"),
                ("step", "{s}"),
                ("marked", ""),
                ("glue", ""),
                ("end", "\n"),
                ("value", "plain"),
            ],
        },
        Preset {
            name: "reasonflux-1.5b",
            models: "ReasonFlux-PRM-1.5B, reward_head.pt converted",
            meaning: LAST,
            settings: &[
                ("bos", "none"),
                ("lead", "{q}"),
                ("step", "{s}"),
                ("marked", ""),
                ("glue", "\n\n"),
                ("end", ""),
                ("value", "logistic"),
                ("context", "2048"),
            ],
        },
    ],
    fingerprint,
    open,
};

/// The three heads: preset, tensors as they may be named, file before its conversion.
const HEADS: [(&str, [&str; 2], &str); 3] = [
    ("alphamath", ["v_head.summary.weight", "v_head.summary.weight"], "value_head.pth"),
    ("ovm", ["vscore_head.weight", "vscore_head.weight"], "verifier.pth"),
    ("reasonflux-1.5b", ["reward_head.weight", "weight"], "reward_head.pt"),
];

fn fingerprint(checkpoint: &Checkpoint) -> Option<Fit> {
    let value_model = checkpoint.config.get("value_model").and_then(serde_json::Value::as_bool) == Some(true);
    HEADS.iter().find_map(|(preset, tensors, pickle)| {
        let ours = match *preset {
            "alphamath" => value_model || named(checkpoint, &["alphamath", "alaphamath", "svpo"]).is_some(),
            "ovm" => true,
            _ => !checkpoint.architecture().ends_with("RewardModel"),
        };
        let tensor = tensors.iter().find(|name| checkpoint.tensor(name).is_some());
        let evidence = match tensor {
            Some(tensor) => format!("tensor {tensor}"),
            None => format!("the file {pickle}, which must be converted"),
        };
        (ours && (tensor.is_some() || checkpoint.pickle(pickle).is_some())).then(|| Fit::new(preset, evidence))
    })
}

struct ValueHead {
    vocabulary: Vocabulary,
    bos: Option<u32>,
    lead: String,
    step: String,
    marked: String,
    glue: String,
    end: String,
    value: fn(f32) -> f64,
    readout: Readout,
    context: usize,
}

fn open(at: &Opening<'_>) -> Result<Box<dyn Convention>, PrmError> {
    let text = |key: &str| at.settings.text(key).to_owned();
    let mut vocabulary = at.vocabulary()?;
    let bos = at.bos(&mut vocabulary)?;
    let value = match at.settings.one_of("value", &["tanh", "plain", "logistic"])? {
        "tanh" => |z: f32| f64::from(z).tanh(),
        "plain" => |z: f32| f64::from(z),
        _ => sigmoid,
    };
    let (lead, step, marked, glue, end) = (text("lead"), text("step"), text("marked"), text("glue"), text("end"));
    let (readout, context) = (readout(at)?, at.config.context);
    Ok(Box::new(ValueHead { vocabulary, bos, lead, step, marked, glue, end, value, readout, context }))
}

fn readout(at: &Opening<'_>) -> Result<Readout, PrmError> {
    let Some((_, tensors, pickle)) = HEADS.iter().find(|(preset, ..)| *preset == at.settings.preset.name) else {
        return Err(PrmError::Compute(format!("{} has no value head", at.settings.preset.name)));
    };
    let found = tensors.iter().find(|name| at.checkpoint.tensor(name).is_some());
    match (found, at.checkpoint.pickle(pickle)) {
        (None, Some(file)) => Err(PrmError::Pickle { file }),
        (_, _) if tensors[0].starts_with("vscore") => Ok(Readout::Affine),
        (found, _) => {
            let weight = found.unwrap_or(&tensors[0]);
            let bias = weight.replace("weight", "bias");
            let bias = at.checkpoint.tensor(&bias).map(|_| bias.as_str());
            Ok(Readout::linear(weight, bias, 1))
        }
    }
}

impl Convention for ValueHead {
    fn plan(&self, request: &PrmRequest) -> Result<TokenTree, PrmError> {
        if self.end.is_empty() {
            let lead = filled(&self.lead, &[("{q}", &request.problem)]);
            let prefix = self.bos.iter().copied().collect();
            let Self { vocabulary, glue, context, .. } = self;
            let joint = Joint { vocabulary, prefix, lead, glue, end: &[], context: *context };
            return Ok(joint.plan(request, |_| true));
        }
        let lead = Part::Text(filled(&self.lead, &[("{q}", &request.problem)]));
        let prefix = problem(self.vocabulary.ids(self.bos.map(Part::Control).iter().chain([&lead])))?;
        let node = |text: &str, _| {
            let text = if self.marked.is_empty() { text } else { text.trim() };
            let marked = !self.marked.is_empty() && text.starts_with(&self.marked);
            let step = if marked { text.to_owned() } else { filled(&self.step, &[("{s}", text)]) };
            match self.vocabulary.encode_behind(&self.end, &format!("{step}{}", self.end))? {
                ids if ids.is_empty() => Err("the step has no token at which it could be judged".to_owned()),
                ids => Ok(NodeTokens::read_last(ids)),
            }
        };
        Ok(plan(request, prefix, node))
    }

    fn readout(&self) -> Readout {
        self.readout.clone()
    }

    fn score(&self, logits: &[f32]) -> f64 {
        logits.first().map_or(f64::NAN, |z| (self.value)(*z))
    }
}
