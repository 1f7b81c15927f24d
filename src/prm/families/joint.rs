//! Steps that the tokenizer sees as one text: a step's last tokens may be others once a step follows (`.` and `.⏎⏎`). Those are the
//! step's tail, and the next step begins with them, so that every path of a tree has the tokens of its whole text.

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
}

impl Joint<'_> {
    /// Tokens of the nodes; the state behind the end is read where `judged` says so.
    pub(super) fn plan(self, request: &PrmRequest, judged: impl Fn(usize) -> bool) -> TokenTree {
        // For each node the text up to its end, and how many of its tokens stay when something follows.
        let mut paths: Vec<(String, usize)> = Vec::with_capacity(request.nodes.len());
        let mut nodes = Vec::with_capacity(request.nodes.len());
        for (i, node) in request.nodes.iter().enumerate() {
            let before = node.parent.and_then(|parent| paths.get(parent));
            let (mut text, known) =
                before.map_or((self.lead.clone(), 0), |(text, known)| (format!("{text}{}", self.glue), *known));
            text.push_str(&node.text);
            let tokens = self.tokens(&text, known, judged(i));
            paths.push((text, tokens.as_ref().map_or(0, |tokens| known + tokens.ids.len())));
            nodes.push(tokens);
        }
        TokenTree { prefix: self.prefix, nodes }
    }

    fn tokens(&self, text: &str, known: usize, judged: bool) -> Result<NodeTokens, String> {
        let own = self.vocabulary.encode(text)?;
        let longer = self.vocabulary.encode(&format!("{text}{}A", self.glue))?;
        let stays = own.iter().zip(&longer).take_while(|(a, b)| a == b).count().max(known);
        let (Some(ids), Some(tail)) = (own.get(known..stays), own.get(stays..)) else {
            return Err("the tokenizer joins the step before with this one".to_owned());
        };
        if !judged {
            return Ok(NodeTokens { ids: ids.to_vec(), ..NodeTokens::default() });
        }
        let tail = [tail, &self.vocabulary.ids(self.end)?].concat();
        match ids.len() + tail.len() {
            0 => Err("the step has no token at which it could be judged".to_owned()),
            n => Ok(NodeTokens { read: vec![n.cast_signed() - 1], ids: ids.to_vec(), tail }),
        }
    }
}
