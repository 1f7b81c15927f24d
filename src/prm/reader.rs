//! Decoders with what they have read: which tokens they hold, and keys and values of tokens that an earlier request had them read.

use std::ops::ControlFlow;

use candle_core::Tensor;

use super::PrmError;
use super::decoder::Decoder;
use super::pass::{Pass, Work};
use super::prefix::{PrefixCache, common};
use super::request::ScoreStats;
use super::tokens::NodeTokens;

/// One decoder, or two where the score is a ratio of two models; all read the same tokens.
#[derive(Debug)]
pub(super) struct Reader {
    decoders: Vec<Box<dyn Decoder>>,
    /// The tokens whose keys and values the decoders hold.
    path: Vec<u32>,
    /// Keys and values of these and of tokens that are not on this path.
    prefixes: PrefixCache,
    /// Tokens of one pass, after which scores come out.
    run: usize,
}

/// What one comes to on the way through a request.
pub(super) enum Met<'a> {
    /// A node that is wanted and cannot be computed, and why.
    Blocked(usize, &'a str),
    /// The nodes of a pass.
    Read(Pass),
}

impl Reader {
    /// Decoders that have read nothing, and at most `bytes` of keys and values of earlier tokens.
    pub(super) fn new(decoders: Vec<Box<dyn Decoder>>, bytes: u64, run: usize) -> Self {
        let width = decoders.iter().map(|d| d.cache_width()).sum();
        Self { decoders, path: Vec::new(), prefixes: PrefixCache::new(width, bytes), run }
    }

    /// Forgets what was read on other paths, and keeps at most `bytes` from now on.
    pub(super) fn remember_prefixes(&mut self, bytes: u64) {
        self.prefixes = PrefixCache::new(self.decoders.iter().map(|d| d.cache_width()).sum(), bytes);
    }

    /// Goes through the nodes of a request, depth first, until `on` breaks.
    pub(super) fn each(
        &mut self,
        work: Work<'_>,
        on: &mut dyn FnMut(Met<'_>) -> Result<ControlFlow<()>, PrmError>,
    ) -> Result<ScoreStats, PrmError> {
        let Work { plan, request, .. } = work;
        let mut stats = ScoreStats { tokens: 0, unique_tokens: plan.unique, naive_tokens: plan.naive };
        let mut at = 0;
        while let Some(&first) = plan.order.get(at) {
            let met = if let Some(reason) = &plan.blocked[first] {
                at += 1;
                if request.nodes[first].known {
                    continue;
                }
                Met::Blocked(first, reason)
            } else {
                let pass = self.pass(work, at)?;
                at += pass.nodes.len();
                stats.tokens += pass.ids.len();
                Met::Read(pass)
            };
            if on(met)?.is_break() {
                break;
            }
        }
        Ok(stats)
    }

    /// Computes the nodes from place `at` of the order that have room in one pass, and remembers them.
    fn pass(&mut self, work: Work<'_>, at: usize) -> Result<Pass, PrmError> {
        let straight = work.straight(at);
        let spine = self.seek(&straight);
        let elsewhere = |node: usize| {
            let tokens = work.tokens(node).map_or(&[][..], |t| &t.ids);
            let path = [&work.path_to(node), tokens].concat();
            !tokens.is_empty() && 2 * self.prefixes.known(&path).saturating_sub(work.plan.start[node]) >= tokens.len()
        };
        let mut pass = Pass::new(work, at, spine, self.run, elsewhere);
        let (rows, order) = pass.reads();
        for decoder in &mut self.decoders {
            let states = decoder.pass(&pass.ids, &pass.segments, &rows)?;
            let order = Tensor::from_slice(&order, order.len(), states.device())?;
            pass.states.push(states.index_select(&order, 0)?);
        }
        self.remember(work, &pass, &straight);
        Ok(pass)
    }

    /// Brings the longest known beginning of a path into the caches of the decoders, and returns its length.
    fn seek(&mut self, path: &[u32]) -> usize {
        let held = common(&self.path, path);
        let known = held.max(self.prefixes.known(path));
        self.path.truncate(held);
        for decoder in &mut self.decoders {
            decoder.set_length(held);
        }
        if known > held {
            self.prefixes.read(&path[..known], held, |mut token| {
                for decoder in &mut self.decoders {
                    let (own, rest) = token.split_at(decoder.cache_width());
                    decoder.restore(own);
                    token = rest;
                }
            });
            self.path.extend(&path[held..known]);
        }
        known
    }

    /// Keeps the keys and values that a pass computed, and goes on along its straight path.
    fn remember(&mut self, work: Work<'_>, pass: &Pass, straight: &[u32]) {
        let decoders = &self.decoders;
        let save = |column: usize, out: &mut Vec<f32>| decoders.iter().for_each(|d| d.save_column(column, out));
        for (i, placed) in pass.nodes.iter().enumerate() {
            let mut path = work.path_to(placed.node);
            if i == 0 {
                self.prefixes.insert(&path, pass.spine, save);
            }
            path.extend(work.tokens(placed.node).iter().flat_map(|t: &&NodeTokens| &t.ids));
            self.prefixes.insert(&path, placed.from, |index, out| save(pass.column(placed, index), out));
        }
        let length = pass.spine + pass.straight_rows();
        self.path.extend(&straight[pass.spine..length]);
        for decoder in &mut self.decoders {
            decoder.set_length(length);
        }
    }

    /// Reads a text with the first decoder, which then stands before its last token: what is known of it is not read again. Returns the
    /// decoder with the number of tokens that it read.
    pub(super) fn before_last(&mut self, text: &[u32]) -> Result<(&mut dyn Decoder, usize), PrmError> {
        let body = text.split_last().map_or(&[][..], |(_, body)| body);
        let known = self.seek(body);
        let [decoder, ..] = self.decoders.as_mut_slice() else {
            return Err(PrmError::Compute("there is no decoder".to_owned()));
        };
        decoder.forward(&body[known..], &[])?;
        self.prefixes.insert(body, known, |index, out| decoder.save_column(index, out));
        self.path.extend(&body[known..]);
        Ok((decoder.as_mut(), body.len() - known))
    }

    /// Takes note of tokens that [`Self::before_last`]'s decoder went on with.
    pub(super) fn went_on(&mut self, text: &[u32], written: &[u32]) {
        let length = self.decoders.first().map_or(0, |d| d.length());
        self.path = text.iter().chain(written).copied().take(length).collect();
    }
}
