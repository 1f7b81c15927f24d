//! Steps that the tokenizer sees as one text: a step's last tokens may be others once a step follows (`.` and `.⏎⏎`). Every text that is
//! judged is therefore tokenised whole. A step owns the tokens inside of it that all judged texts through it share; those that differ are
//! the tail of the step or belong to the next one, so that every judged path of a tree has the tokens of its whole text.

use super::super::request::PrmRequest;
use super::super::tokenizer::{Part, Vocabulary};
use super::super::tokens::{NodeTokens, TokenTree};

/// How the text goes on.
pub(super) struct Joint<'a> {
    pub(super) vocabulary: &'a Vocabulary,
    /// Tokens before the text, up to a control token.
    pub(super) prefix: Vec<u32>,
    /// The text before the first step.
    pub(super) lead: String,
    /// The text between two steps.
    pub(super) glue: &'a str,
    /// What stands behind a text that ends here.
    pub(super) end: &'a [Part],
    /// Tokens that the model can read; texts behind a longer one are not tokenised.
    pub(super) context: usize,
}

/// A text from its first step on.
#[derive(Default)]
struct Text {
    ids: Vec<u32>,
    /// Bytes up to the end of each token.
    ends: Vec<usize>,
}

/// What the texts through a node begin with alike: so many tokens of the text that ends at this node.
#[derive(Clone, Copy)]
struct Shared {
    with: usize,
    tokens: usize,
}

impl Joint<'_> {
    /// Tokens of the nodes; the state behind the end is read where `judged` says so and a score is wanted.
    pub(super) fn plan(self, request: &PrmRequest, judged: impl Fn(usize) -> bool) -> TokenTree {
        let texts = self.texts(request, judged);
        let ids =
            |node: usize| texts[node].as_ref().and_then(|text| Some(text.as_ref().ok()?.ids.as_slice())).unwrap_or_default();
        let shared = self.shared(request, &texts);
        let node = |node: usize| {
            let own = shared[node].map_or(0, |shared| shared.tokens);
            let before = parent(request, node).and_then(|parent| shared[parent]).map_or(0, |shared| shared.tokens);
            let own_ids = shared[node].and_then(|shared| ids(shared.with).get(before..own)).unwrap_or_default().to_vec();
            match &texts[node] {
                None => Ok(NodeTokens { ids: own_ids, ..NodeTokens::default() }),
                Some(Err(reason)) => Err(reason.clone()),
                Some(Ok(text)) => self.judged(own_ids, text.ids.get(own..).unwrap_or_default()),
            }
        };
        let nodes = (0..request.nodes.len()).map(node).collect();
        TokenTree { nodes, prefix: self.prefix }
    }

    fn judged(&self, ids: Vec<u32>, rest: &[u32]) -> Result<NodeTokens, String> {
        let tail = [rest, &self.vocabulary.ids(self.end)?].concat();
        match ids.len() + tail.len() {
            0 => Err("the step has no token at which it could be judged".to_owned()),
            n => Ok(NodeTokens { read: vec![n.cast_signed() - 1], ids, tail }),
        }
    }

    /// The texts that are judged, by the nodes at which they end.
    fn texts(&self, request: &PrmRequest, judged: impl Fn(usize) -> bool) -> Vec<Option<Result<Text, String>>> {
        // Nodes with a text, up to them or before them, that does not fit.
        let mut full = vec![false; request.nodes.len()];
        let mut text = |node: usize| {
            full[node] = parent(request, node).is_some_and(|parent| full[parent]);
            if request.nodes[node].known || !judged(node) {
                return None;
            }
            if full[node] {
                return Some(Err(format!("the steps before it fill the context of this model, {} tokens", self.context)));
            }
            let text = format!("{}{}", self.lead, request.steps_to(node).join(self.glue));
            let text = self.vocabulary.encode_with_ends(&text).map(|(ids, ends)| Text { ids, ends });
            full[node] = text.as_ref().is_ok_and(|text| self.prefix.len() + text.ids.len() > self.context);
            Some(text)
        };
        (0..request.nodes.len()).map(&mut text).collect()
    }

    /// For each node what the judged texts through it share up to its end; `None` where there are none.
    fn shared(&self, request: &PrmRequest, texts: &[Option<Result<Text, String>>]) -> Vec<Option<Shared>> {
        let mut bytes = Vec::with_capacity(texts.len());
        for (index, node) in request.nodes.iter().enumerate() {
            let before = parent(request, index).map_or(self.lead.len(), |parent| bytes[parent] + self.glue.len());
            bytes.push(before + node.text.len());
        }
        let none = Text::default();
        let text = |node: usize| texts[node].as_ref().and_then(|text| text.as_ref().ok());
        let mut shared: Vec<Option<Shared>> =
            (0..texts.len()).map(|with| Some(Shared { with, tokens: text(with)?.ids.len() })).collect();
        for node in (0..texts.len()).rev() {
            let Some(mut own) = shared[node] else { continue };
            let Text { ids, ends } = text(own.with).unwrap_or(&none);
            own.tokens = own.tokens.min(ends.partition_point(|end| *end <= bytes[node]));
            shared[node] = Some(own);
            let Some(parent) = parent(request, node) else { continue };
            let both = |other: Shared| {
                let begins = ids.iter().take(own.tokens);
                let alike = begins.zip(&text(other.with).unwrap_or(&none).ids).take_while(|(a, b)| a == b).count();
                Shared { tokens: other.tokens.min(alike), ..other }
            };
            shared[parent] = Some(shared[parent].map_or(own, both));
        }
        shared
    }
}

/// The node before, which stands earlier in the request.
fn parent(request: &PrmRequest, node: usize) -> Option<usize> {
    request.nodes[node].parent.filter(|parent| *parent < node)
}
