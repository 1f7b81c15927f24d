//! Writing text token by token with a decoder: what critics do.

use std::ops::ControlFlow;

use super::PrmError;
use super::decoder::Decoder;
use super::head::LmHead;
use crate::analysis::bootstrap::bits;

/// How the next token is chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sampling {
    /// 0 takes the most probable token; above, logits are divided by it.
    pub(super) temperature: f32,
    /// Only the most probable tokens that together reach this probability (nucleus, arXiv:1904.09751); 1 for all.
    pub(super) top_p: f64,
    /// Only this many of the most probable tokens; 0 for all.
    pub(super) top_k: usize,
    /// The same seed gives the same text.
    pub(super) seed: u64,
    /// Tokens after which the text ends.
    pub(super) max_tokens: usize,
}

/// Where a text ends before `max_tokens`.
pub(super) struct Stop<'a> {
    /// Tokens that end it; they are not part of it.
    pub(super) ids: &'a [u32],
    /// Texts that end it; they are part of it.
    pub(super) texts: &'a [&'a str],
    /// The text of tokens.
    pub(super) decode: &'a dyn Fn(&[u32]) -> String,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Generated {
    pub(super) ids: Vec<u32>,
    pub(super) text: String,
    /// For each token the log-probabilities that the watched tokens had in its place, at temperature 1.
    pub(super) watched: Vec<Vec<f32>>,
    /// It ended by itself, and not for its length.
    pub(super) is_complete: bool,
}

/// Tokens among which a text that ends the writing is looked for: it is shorter than as many tokens.
const STOP_TOKENS: usize = 48;

/// Writes behind the current path of the decoder and the token `last`, with which the path goes on, and with what was written. `on` sees all tokens after each new
/// one and can end the text.
pub(super) fn generate(
    decoder: &mut dyn Decoder,
    head: &LmHead,
    last: u32,
    sampling: Sampling,
    stop: &Stop<'_>,
    watch: &[u32],
    on: &mut dyn FnMut(&[u32]) -> ControlFlow<()>,
) -> Result<Generated, PrmError> {
    let mut random = Random(sampling.seed);
    let mut written = Generated::default();
    let mut next = last;
    for _ in 0..sampling.max_tokens {
        if decoder.length() >= decoder.context() {
            break;
        }
        let state = decoder.forward(&[next], &[0])?;
        let logits: Vec<f32> = head.logits(&state)?.flatten_all()?.to_vec1()?;
        if logits.iter().any(|z| z.is_nan()) {
            return Err(PrmError::Compute("the model's logits hold NaN".to_owned()));
        }
        next = choose(&logits, sampling, &mut random);
        if stop.ids.contains(&next) {
            written.is_complete = true;
            break;
        }
        let total = log_sum(&logits);
        #[expect(clippy::cast_possible_truncation, reason = "a logarithm, rounded to the kind of the logits")]
        let log_p = |&id: &u32| logits.get(id as usize).map_or(f32::NEG_INFINITY, |z| (f64::from(*z) - total) as f32);
        written.watched.push(watch.iter().map(log_p).collect());
        written.ids.push(next);
        let end = (stop.decode)(&written.ids[written.ids.len().saturating_sub(STOP_TOKENS)..]);
        written.is_complete = stop.texts.iter().any(|text| end.contains(text));
        if written.is_complete || on(&written.ids).is_break() {
            break;
        }
    }
    written.text = (stop.decode)(&written.ids);
    Ok(written)
}

fn log_sum(logits: &[f32]) -> f64 {
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    f64::from(top) + logits.iter().map(|z| f64::from(z - top).exp()).sum::<f64>().ln()
}

/// The next token. Equal logits count in the order of their ids.
fn choose(logits: &[f32], sampling: Sampling, random: &mut Random) -> u32 {
    let mut order: Vec<u32> = (0..u32::try_from(logits.len()).unwrap_or(u32::MAX)).collect();
    let logit = |id: u32| logits[id as usize];
    if sampling.temperature <= 0.0 {
        return order.into_iter().reduce(|a, b| if logit(b) > logit(a) { b } else { a }).unwrap_or(0);
    }
    let better = |&a: &u32, &b: &u32| logit(b).total_cmp(&logit(a)).then(a.cmp(&b));
    if sampling.top_k > 0 && sampling.top_k < order.len() {
        order.select_nth_unstable_by(sampling.top_k, better);
        order.truncate(sampling.top_k);
    }
    order.sort_unstable_by(better);
    let top = order.first().map_or(0.0, |&id| logit(id));
    let weights: Vec<f64> = order.iter().map(|&id| f64::from((logit(id) - top) / sampling.temperature).exp()).collect();
    let limit = weights.iter().sum::<f64>() * sampling.top_p;
    let mut kept = 0.0;
    let inside = weights.iter().take_while(|&&w| {
        let is_inside = kept < limit;
        kept += if is_inside { w } else { 0.0 };
        is_inside
    });
    let inside = inside.count().max(1);
    let mut left = random.unit() * weights[..inside.min(weights.len())].iter().sum::<f64>();
    for (&id, weight) in order.iter().zip(&weights[..inside.min(weights.len())]) {
        left -= weight;
        if left < 0.0 {
            return id;
        }
    }
    order.get(inside - 1).copied().unwrap_or(0)
}

/// Random numbers of a seed.
struct Random(u64);

impl Random {
    /// At least 0 and below 1.
    fn unit(&mut self) -> f64 {
        (bits(&mut self.0) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GREEDY: Sampling = Sampling { temperature: 0.0, top_p: 1.0, top_k: 0, seed: 1, max_tokens: 8 };

    #[test]
    fn the_most_probable_token_is_taken_at_temperature_0() {
        assert_eq!(choose(&[0.5, 2.0, 2.0, -1.0], GREEDY, &mut Random(1)), 1);
    }

    #[test]
    fn tokens_are_drawn_as_often_as_their_probability_says() {
        let sampling = Sampling { temperature: 2.0, ..GREEDY };
        let mut random = Random(7);
        let mut counts = [0; 3];
        for _ in 0..30_000 {
            // exp(z / 2) is 1, 2 and 5.
            counts[choose(&[0.0, 2.0 * 2.0_f32.ln(), 2.0 * 5.0_f32.ln()], sampling, &mut random) as usize] += 1;
        }
        for (count, want) in counts.into_iter().zip([1.0, 2.0, 5.0]) {
            assert!((f64::from(count) / 30_000.0 - want / 8.0).abs() < 0.01, "{counts:?}");
        }
    }

    #[test]
    fn what_is_cut_off_is_never_drawn() {
        let mut random = Random(3);
        let logits = [5.0_f32.ln(), 3.0_f32.ln(), 2.0_f32.ln()];
        for _ in 0..500 {
            let warm = Sampling { temperature: 1.0, ..GREEDY };
            assert!(choose(&logits, Sampling { top_k: 2, ..warm }, &mut random) < 2);
            // 0.5 alone reaches 0.45; 0.8 is needed for 0.6.
            assert_eq!(choose(&logits, Sampling { top_p: 0.45, ..warm }, &mut random), 0);
            assert!(choose(&logits, Sampling { top_p: 0.6, ..warm }, &mut random) < 2);
        }
    }
}
