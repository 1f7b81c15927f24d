//! Prompts in which a tag stands behind each step, as running text, as pieces tokenised alone, or as one answer of a chat.
//!
//! Settings: `pieces` (`text`, `alone`, `chat`), `bos`, `system`, `lead` (before the first step, `{q}` is the problem), `label` (before
//! a step, `{i}` is its number; left out where the step has one of its own), `tag`, `glue` (between a tag and the next step).

use super::super::PrmError;
use super::super::request::PrmRequest;
use super::super::tokenizer::{Part, Vocabulary};
use super::super::tokens::{NodeTokens, TokenTree};
use super::chat::{Chat, Frame};
use super::{Opening, filled, plan, problem};

pub(super) struct Tagged {
    pub(super) vocabulary: Vocabulary,
    pieces: Pieces,
    lead: String,
    label: String,
    tag: String,
    /// The tokens of the tag behind a word.
    tag_ids: Vec<u32>,
    glue: String,
}

enum Pieces {
    /// The whole text is tokenised as one, behind the token of the begin of a text.
    Text(Option<u32>),
    /// The problem and each step are tokenised alone.
    Alone(Option<u32>),
    /// Places: the problem, the steps.
    Chat(Frame),
}

impl Tagged {
    pub(super) fn open(at: &Opening<'_>) -> Result<Self, PrmError> {
        let mut vocabulary = at.vocabulary()?;
        let bos = at.bos(&mut vocabulary)?;
        let text = |key: &str| at.settings.text(key).to_owned();
        let pieces = match at.settings.one_of("pieces", &["text", "alone", "chat"])? {
            "text" => Pieces::Text(bos),
            "alone" => Pieces::Alone(bos),
            _ => Pieces::Chat(Chat::of(at.checkpoint, &vocabulary)?.dialogue(&mut vocabulary, at.settings.text("system"))?),
        };
        let tag = text("tag");
        let tag_ids = vocabulary.encode_behind(".", &tag).map_err(|message| vocabulary.bad_token(&tag, &message))?;
        if tag_ids.is_empty() {
            return Err(vocabulary.bad_token(&tag, "must be at least one token"));
        }
        Ok(Self { vocabulary, pieces, lead: text("lead"), label: text("label"), tag, tag_ids, glue: text("glue") })
    }

    pub(super) fn plan(&self, request: &PrmRequest) -> Result<TokenTree, PrmError> {
        let lead = filled(&self.lead, &[("{q}", &request.problem)]);
        // Spaces before the first step belong to its first word.
        let spaces = &self.lead[self.lead.trim_end().len()..];
        let before = [Part::text(lead.strip_suffix(spaces).unwrap_or(&lead))];
        let (prefix, first) = match &self.pieces {
            Pieces::Text(bos) => (self.behind_bos(*bos, &before), spaces),
            Pieces::Alone(bos) => (self.behind_bos(*bos, &[Part::text(&lead)]), ""),
            Pieces::Chat(frame) => (self.vocabulary.ids(&frame.opening(&request.problem).0), lead.as_str()),
        };
        Ok(plan(request, problem(prefix)?, |text, number| self.node(text, number, first)))
    }

    /// What stands before the first step: the end of the lead, or the end of some problem.
    fn before(&self) -> &str {
        let end = self.lead.rsplit('}').next().unwrap_or_default().trim_end();
        if end.is_empty() { "." } else { end }
    }

    fn behind_bos(&self, bos: Option<u32>, text: &[Part]) -> Result<Vec<u32>, String> {
        self.vocabulary.ids(bos.map(Part::Control).iter().chain(text))
    }

    fn node(&self, text: &str, number: usize, first: &str) -> Result<NodeTokens, String> {
        let own = text.starts_with("Step") || text.starts_with("step");
        let label = if own { String::new() } else { filled(&self.label, &[("{i}", &number.to_string())]) };
        let body = format!("{label}{text}{}", self.tag);
        let ids = match (&self.pieces, number) {
            (Pieces::Alone(_), _) => self.vocabulary.encode(&body)?,
            (Pieces::Text(_), 1) => self.vocabulary.encode_behind(self.before(), &format!("{first}{body}"))?,
            (Pieces::Chat(frame), 1) => {
                let text = Part::Text(format!("{first}{body}"));
                self.vocabulary.ids(frame.cut(1).1.iter().chain([&text]))?
            }
            (Pieces::Text(_) | Pieces::Chat(_), _) => {
                self.vocabulary.encode_behind(&self.tag, &format!("{}{body}", self.glue))?
            }
        };
        // Invariant: one tag a step, at its end, so that a score can never move to another step.
        if ids.last() != self.tag_ids.last() {
            return Err(format!("the tokenizer joins the end of this step with the tag {:?}", self.tag));
        }
        if let [tag] = self.tag_ids[..]
            && ids.iter().filter(|&&id| id == tag).count() > 1
        {
            return Err(format!("the step itself holds the tag {:?}, at which this model judges", self.tag));
        }
        Ok(NodeTokens::read_last(ids))
    }
}
