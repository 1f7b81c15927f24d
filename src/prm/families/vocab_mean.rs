//! The llemma models of easy-to-hard generalisation (ScalableMath/llemma-7b-prm-*, -oprm-*).
//!
//! `# Question`, the problem, `# Solution`, the steps, all set apart by empty lines. The logistic function of the mean over the logits of
//! the whole vocabulary at the first line break behind a step is P(correct); the line behind `# Answer` is judged, the heading is not.
//! The authors also read the end-of-text token behind the whole text; a step is read here at its line break even when it is the last
//! one, so that its score does not depend on what follows. Source: Edward-Sun/easy-to-hard (arXiv:2403.09472).

use super::super::PrmError;
use super::super::checkpoint::Checkpoint;
use super::super::readout::{Readout, sigmoid};
use super::super::request::PrmRequest;
use super::super::tokenizer::{Part, Vocabulary};
use super::super::tokens::{NodeTokens, TokenTree};
use super::{Convention, Family, Fit, Meaning, Opening, Preset, causal_lm, filled, plan, problem};

pub(super) const FAMILY: Family = Family {
    name: "vocab-mean",
    about: "an empty line after each step, mean of all logits at its first line break: logistic function",
    looks_for: "architectures \"*ForCausalLM\" and a name with llemma and prm or oprm",
    presets: &[Preset {
        name: "llemma",
        models: "llemma-7b-prm-prm800k, -metamath, llemma-7b-oprm (the -orm models: family outcome)",
        meaning: Meaning::CORRECT,
        settings: &[("bos", "auto"), ("lead", "# Question\n\n{q}\n\n# Solution\n\n"), ("heading", "# Answer")],
    }],
    fingerprint,
    open,
};

fn fingerprint(checkpoint: &Checkpoint) -> Option<Fit> {
    causal_lm(checkpoint, &[("llemma", &["llemma-7b-prm", "llemma_7b_prm", "llemma-34b-prm", "llemma-7b-oprm"])])
}

struct VocabMean {
    vocabulary: Vocabulary,
    bos: Option<u32>,
    lead: String,
    heading: String,
    line_break: u32,
}

fn open(at: &Opening<'_>) -> Result<Box<dyn Convention>, PrmError> {
    let mut vocabulary = at.vocabulary()?;
    let bos = at.bos(&mut vocabulary)?;
    let text = |key: &str| at.settings.text(key).to_owned();
    let line_break = match vocabulary.encode_behind(".", "\n\n").as_deref() {
        Ok([first, second]) if first == second => *first,
        _ => return Err(vocabulary.bad_token("\n\n", "must be the same token twice")),
    };
    Ok(Box::new(VocabMean { lead: text("lead"), heading: text("heading"), vocabulary, bos, line_break }))
}

impl Convention for VocabMean {
    fn plan(&self, request: &PrmRequest) -> Result<TokenTree, PrmError> {
        let lead = Part::Text(filled(&self.lead, &[("{q}", &request.problem)]));
        let prefix = problem(self.vocabulary.ids(self.bos.map(Part::Control).iter().chain([&lead])))?;
        let node = |text: &str, _| {
            let ids = self.vocabulary.encode_behind("\n", &format!("{text}\n\n"))?;
            if !ids.ends_with(&[self.line_break; 2]) {
                return Err("the tokenizer joins the end of this step with the empty line behind it".to_owned());
            }
            let read = if text.trim() == self.heading { Vec::new() } else { vec![ids.len().cast_signed() - 2] };
            Ok(NodeTokens { ids, tail: Vec::new(), read })
        };
        Ok(plan(request, prefix, node))
    }

    fn readout(&self) -> Readout {
        Readout::VocabularyMean
    }

    fn score(&self, logits: &[f32]) -> f64 {
        logits.first().map_or(f64::NAN, |z| sigmoid(*z))
    }
}
