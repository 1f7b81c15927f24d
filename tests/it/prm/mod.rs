//! Process reward models: scores against `PyTorch`, laws of the tree walk, and every way a checkpoint can be wrong.

pub(crate) mod checkpoints;

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;

use proptest::prelude::*;
use serde::Deserialize;
use stepscope::prm::{CheckpointSource, NodeScore, Prm, PrmNode, PrmRequest, ScoreStats, inspect};

use checkpoints::{copy, load, rewrite};

/// One reference case: what transformers says in f32.
#[derive(Deserialize)]
struct Case {
    #[serde(default)]
    name: String,
    problem: String,
    steps: Vec<String>,
    ids: Vec<u32>,
    #[serde(default)]
    read: Vec<usize>,
    #[serde(default)]
    logits: Vec<[f64; 2]>,
    scores: Vec<f64>,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn fixture() -> PathBuf {
    root().join("tests/fixtures/prm/tiny-qwen2")
}

fn cases() -> Vec<Case> {
    serde_json::from_slice(&fs::read(fixture().join("cases.json")).unwrap()).unwrap()
}

fn tiny() -> Prm {
    Prm::load(&CheckpointSource::Dir(fixture())).unwrap()
}

fn score(prm: &mut Prm, request: &PrmRequest) -> (Vec<f64>, ScoreStats) {
    let (scores, stats) = results(prm, request);
    let value = |s: NodeScore| match s {
        NodeScore::Score(s) => s.value(),
        other => panic!("not scored: {other:?}"),
    };
    (scores.into_iter().map(value).collect(), stats)
}

fn results(prm: &mut Prm, request: &PrmRequest) -> (Vec<NodeScore>, ScoreStats) {
    let mut scores = BTreeMap::new();
    let stats = prm.score(request, &mut |node, score| {
        assert!(scores.insert(node, score).is_none(), "node {node} came twice");
        ControlFlow::Continue(())
    });
    assert!(scores.keys().copied().eq(0..request.nodes.len()), "every node comes once");
    (scores.into_values().collect(), stats.unwrap())
}

fn linear(case: &Case) -> PrmRequest {
    PrmRequest::linear(&case.problem, case.steps.clone())
}

fn assert_close(got: &[f64], want: &[f64], tolerance: f64, what: &str) {
    assert_eq!(got.len(), want.len(), "{what}");
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        assert!((g - w).abs() <= tolerance, "{what}, step {i}: {g}, {w} was expected within {tolerance}");
    }
}

/// The tokens of a linear request, and the positions read.
fn ids(prm: &Prm, request: &PrmRequest) -> (Vec<u32>, Vec<usize>) {
    let tree = prm.tokens(request).unwrap();
    let (mut ids, mut read) = (tree.prefix, Vec::new());
    for node in tree.nodes {
        let node = node.unwrap();
        read.extend(node.read.iter().map(|&r| ids.len().checked_add_signed(r).unwrap()));
        ids.extend(node.ids);
    }
    (ids, read)
}

#[test]
fn tokens_are_those_of_the_whole_rendered_text() {
    let prm = tiny();
    for case in cases() {
        let (ids, read) = ids(&prm, &linear(&case));
        // The reference goes on behind the last separator with <|im_end|> and a line break, which no step sees.
        assert_eq!(ids, case.ids[..case.ids.len() - 2], "{}", case.name);
        assert_eq!(read, case.read, "{}", case.name);
    }
}

#[test]
fn scores_are_those_of_pytorch() {
    let mut prm = tiny();
    for case in cases() {
        let (scores, stats) = score(&mut prm, &linear(&case));
        assert_close(&scores, &case.scores, 1e-4, &case.name);
        let difference: Vec<f64> = scores.iter().map(|p| (p / (1.0 - p)).ln()).collect();
        let want: Vec<f64> = case.logits.iter().map(|[a, b]| b - a).collect();
        assert_close(&difference, &want, 1e-3, &case.name);
        assert!(stats.tokens <= stats.unique_tokens);
    }
}

#[test]
fn configurations_of_old_and_new_transformers_are_one_model() {
    let dir = copy();
    fs::copy(fixture().join("config-old.json"), dir.path().join("config.json")).unwrap();
    let mut old = load(&dir).unwrap();
    assert_eq!(old.info().context, tiny().info().context);
    assert_ne!(old.info().key, tiny().info().key);
    for case in cases().iter().take(2) {
        assert_close(&score(&mut old, &linear(case)).0, &case.scores, 1e-4, &case.name);
    }
}

#[test]
fn weights_stored_as_bf16_stay_close_at_every_position() {
    let dir = copy();
    rewrite(dir.path(), |tensors| {
        for (_, dtype, _, data) in tensors.iter_mut() {
            "BF16".clone_into(dtype);
            *data = data.as_chunks::<4>().0.iter().flat_map(|b| bf16(f32::from_le_bytes(*b)).to_le_bytes()).collect();
        }
    });
    let mut prm = load(&dir).unwrap();
    assert_eq!(prm.info().dtype, "BF16");
    for case in cases() {
        assert_close(&score(&mut prm, &linear(&case)).0, &case.scores, 0.02, &case.name);
    }
}

/// Round to nearest, ties to even.
pub(crate) fn bf16(x: f32) -> u16 {
    let bits = x.to_bits();
    u16::try_from((bits + 0x7fff + (bits >> 16 & 1)) >> 16).unwrap()
}

#[test]
fn the_built_in_model_scores_as_its_reference_says() {
    let path = root().join("assets/prm/reference.json");
    let cases: Vec<Case> = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let mut prm = Prm::load(&CheckpointSource::Embedded).unwrap();
    assert!(prm.info().embedded);
    for (i, case) in cases.iter().enumerate() {
        let (ids, _) = ids(&prm, &linear(case));
        assert!(case.ids.starts_with(&ids) && case.ids.len() <= ids.len() + 2, "tokens of text {i}");
        assert_close(&score(&mut prm, &linear(case)).0, &case.scores, 1e-4, &format!("text {i}"));
    }
}

#[test]
fn every_prefix_alone_gets_the_scores_of_the_full_pass() {
    let mut prm = tiny();
    for case in &cases()[..3] {
        for n in 1..=case.steps.len() {
            // A model without memory of earlier requests.
            let mut fresh = tiny();
            let request = PrmRequest::linear(&case.problem, case.steps[..n].to_vec());
            assert_close(&score(&mut fresh, &request).0, &case.scores[..n], 1e-4, &case.name);
            assert_close(&score(&mut prm, &request).0, &case.scores[..n], 1e-4, &case.name);
        }
    }
}

/// A tree of three first steps with shared starts and branches, and the path to each node.
fn tree() -> (PrmRequest, Vec<Vec<usize>>) {
    let texts = [
        "We compute 2 + 2 = 4.",
        "So 4.",
        "So 5.",
        "The answer is 4.",
        "We compute 2 * 2 = 4.",
        "",
        "So 4.",
        "So 4.",
        "\nIt is 7.",
    ];
    let parents = [None, Some(0), Some(0), Some(1), None, Some(4), Some(5), Some(0), None];
    let nodes =
        texts.iter().zip(parents).map(|(t, parent)| PrmNode { parent, text: (*t).to_owned(), ..PrmNode::default() }).collect();
    let path = |mut i: usize| {
        let mut path = vec![i];
        while let Some(p) = parents[i] {
            path.insert(0, p);
            i = p;
        }
        path
    };
    (PrmRequest { problem: "2+2?".to_owned(), nodes }, (0..texts.len()).map(path).collect())
}

#[test]
fn a_tree_gets_the_scores_of_its_paths_and_computes_each_token_once() {
    let (request, paths) = tree();
    let mut prm = tiny();
    let (scores, stats) = score(&mut prm, &request);
    assert!(stats.tokens <= stats.unique_tokens, "{stats:?}");
    for (node, path) in paths.iter().enumerate() {
        let alone = PrmRequest::linear(&request.problem, path.iter().map(|&i| request.nodes[i].text.clone()));
        let (alone, _) = score(&mut tiny(), &alone);
        assert_close(&[scores[node]], &alone[alone.len() - 1..], 1e-5, &format!("node {node}"));
    }
    // The same request again needs the read positions alone; another step below a known path needs its own tokens alone.
    let mut longer = request.clone();
    longer.nodes.push(PrmNode { parent: Some(8), text: "So it is 7.".to_owned(), ..PrmNode::default() });
    let again = score(&mut prm, &longer);
    assert_close(&again.0[..9], &scores, 1e-5, "again");
    assert!(again.1.tokens < stats.tokens);
}

#[test]
fn ten_samples_compute_the_problem_once() {
    let (mut prm, mut fresh) = (tiny(), tiny());
    let mut computed = 0;
    for i in 0..10 {
        let sample =
            PrmRequest::linear("How many rolls are left?", [format!("{i} trays hold 12 rolls."), format!("So {i}2 rolls.")]);
        let (scores, stats) = score(&mut prm, &sample);
        fresh.remember_prefixes(0);
        let other = PrmRequest::linear("another", ["text"]);
        score(&mut fresh, &other);
        assert_close(&scores, &score(&mut fresh, &sample).0, 1e-5, "alone");
        computed += stats.tokens;
        // Behind the problem, of which the words of the role line are read again with each first step.
        assert!(i == 0 || stats.tokens + prm.tokens(&sample).unwrap().prefix.len() <= stats.unique_tokens, "{stats:?}");
        assert_eq!(stats.unique_tokens, stats.naive_tokens);
    }
    assert!(computed > 0);
}

#[test]
fn an_edited_step_computes_what_follows_it() {
    let mut prm = tiny();
    let texts: Vec<String> =
        (0..12).map(|i| format!("We compute {i} + {i} = {} rolls, so {} rolls are left.", 2 * i, 7 * i)).collect();
    let mut request = PrmRequest::linear("How many rolls are left?", texts);
    let (before, _) = score(&mut prm, &request);
    // Something else in between, as when the cursor moves on.
    score(&mut prm, &PrmRequest::linear("2+2?", ["4"]));
    request.nodes[8].text = "So 9 rolls.".to_owned();
    for node in &mut request.nodes[..8] {
        node.known = true;
    }
    let mut scores = BTreeMap::new();
    let stats = prm.score(&request, &mut |node, score| {
        scores.insert(node, score);
        ControlFlow::Continue(())
    });
    let tokens = prm.tokens(&request).unwrap().nodes;
    let new: usize = tokens[8..].iter().map(|n| n.as_ref().unwrap().ids.len()).sum();
    assert_eq!(stats.unwrap().tokens, new);
    assert!(scores.keys().copied().eq(8..12), "{scores:?}");
    for node in &mut request.nodes {
        node.known = false;
    }
    let (alone, _) = score(&mut tiny(), &request);
    assert_close(&alone[..8], &before[..8], 1e-5, "before the edit");
    for (node, score) in scores {
        let NodeScore::Score(score) = score else { panic!("{score:?}") };
        assert_close(&[score.value()], &alone[node..=node], 1e-5, "behind the edit");
    }
}

/// Steps of a 4-ary tree, and the text of each.
fn wide_tree(depth: usize) -> PrmRequest {
    let mut request = PrmRequest { problem: "2+2?".to_owned(), nodes: Vec::new() };
    let mut level = vec![None];
    for d in 0..depth {
        let mut next = Vec::new();
        for parent in level {
            for branch in 0..4 {
                next.push(Some(request.nodes.len()));
                let text = format!("So {} + {branch} = {d}.", request.nodes.len());
                request.nodes.push(PrmNode { parent, text, ..PrmNode::default() });
            }
        }
        level = next;
    }
    request
}

#[test]
fn a_wide_tree_costs_its_unique_tokens_whatever_is_remembered() {
    let request = wide_tree(4);
    let mut prm = tiny();
    let (scores, stats) = score(&mut prm, &request);
    assert!(stats.tokens <= stats.unique_tokens && stats.naive_tokens > 3 * stats.unique_tokens, "{stats:?}");
    // With little or no memory more is computed, and the same comes out.
    for bytes in [0, 100_000] {
        prm.remember_prefixes(bytes);
        let (again, stats) = score(&mut prm, &request);
        assert_close(&again, &scores, 1e-5, "less memory");
        assert!(stats.tokens > stats.unique_tokens);
    }
    for leaf in [85, 200, 339] {
        let mut path = vec![leaf];
        while let Some(parent) = request.nodes[path[0]].parent {
            path.insert(0, parent);
        }
        let alone = PrmRequest::linear(&request.problem, path.iter().map(|&n| request.nodes[n].text.clone()));
        let (alone, _) = score(&mut tiny(), &alone);
        assert_close(&alone, &path.iter().map(|&n| scores[n]).collect::<Vec<_>>(), 1e-5, "path");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Any tree, any part of it known before, any memory: the scores are those of its paths alone.
    #[test]
    fn any_tree_gets_the_scores_of_its_paths(
        parents in prop::collection::vec(any::<prop::sample::Index>(), 1..24),
        lengths in prop::collection::vec(0..20_usize, 24),
        known in prop::collection::vec(any::<bool>(), 24),
        bytes in prop::sample::select(vec![0_u64, 200_000, 1 << 30]),
    ) {
        let mut request = PrmRequest { problem: "2+2?".to_owned(), nodes: Vec::new() };
        for (i, index) in parents.iter().enumerate() {
            let parent = index.index(i + 1).checked_sub(1);
            let text = format!("We compute {} {}.", i % 3, "rolls ".repeat(lengths[i]));
            request.nodes.push(PrmNode { parent, text, ..PrmNode::default() });
        }
        let mut prm = tiny();
        prm.remember_prefixes(bytes);
        let first = PrmRequest { nodes: request.nodes[..parents.len() / 2].to_vec(), ..request.clone() };
        score(&mut prm, &first);
        for (node, known) in request.nodes.iter_mut().zip(&known) {
            node.known = *known;
        }
        let mut got = BTreeMap::new();
        prm.score(&request, &mut |node, score| {
            got.insert(node, score);
            ControlFlow::Continue(())
        }).unwrap();
        prop_assert!(got.keys().copied().eq((0..parents.len()).filter(|&n| !known[n])));
        let mut fresh = tiny();
        for (node, score) in got {
            let mut path = vec![node];
            while let Some(parent) = request.nodes[path[0]].parent {
                path.insert(0, parent);
            }
            fresh.remember_prefixes(0);
            let alone = PrmRequest::linear(&request.problem, path.iter().map(|&n| request.nodes[n].text.clone()));
            let alone = self::score(&mut fresh, &alone).0;
            let NodeScore::Score(score) = score else { panic!("{score:?}") };
            prop_assert!((score.value() - alone[alone.len() - 1]).abs() < 1e-5);
        }
    }
}

#[test]
fn a_long_solution_comes_in_pieces() {
    let case = cases().remove(3);
    let mut prm = tiny();
    let mut calls = 0;
    let stats = prm.score(&linear(&case), &mut |node, _| {
        assert_eq!(node, calls);
        calls += 1;
        if calls == 5 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let stats = stats.unwrap();
    assert_eq!(calls, 5);
    assert!(stats.tokens <= 256 && stats.unique_tokens > 1_400, "{stats:?}");
    // What was stopped can be asked again.
    assert_close(&score(&mut prm, &linear(&case)).0, &case.scores, 1e-4, "after a break");
}

#[test]
fn a_step_that_does_not_fit_says_so_and_the_others_are_scored() {
    let mut prm = tiny();
    let long = "We compute 2 + 2 = 4. ".repeat(600);
    let mut request = PrmRequest::linear("2+2?", ["4", long.as_str(), "5"]);
    request.nodes.push(PrmNode { parent: Some(0), text: "6".to_owned(), ..PrmNode::default() });
    let (results, stats) = results(&mut prm, &request);
    assert!(matches!(results[0], NodeScore::Score(_)) && matches!(results[3], NodeScore::Score(_)));
    for node in [1, 2] {
        let NodeScore::NotScored(reason) = &results[node] else { panic!("node {node} does not fit") };
        assert!(reason.starts_with("needs ") && reason.ends_with("tokens, the context of this model is 4096"), "{reason}");
    }
    assert!(stats.tokens < 100);
}

#[test]
fn odd_requests() {
    let mut prm = tiny();
    assert_eq!(score(&mut prm, &PrmRequest::default()).1, ScoreStats::default());
    let wrong = PrmRequest {
        problem: String::new(),
        nodes: vec![PrmNode { parent: Some(0), text: String::new(), ..PrmNode::default() }],
    };
    let error = prm.score(&wrong, &mut |_, _| ControlFlow::Continue(())).unwrap_err();
    assert!(error.to_string().contains("parent of node 0 is 0"), "{error}");
    let empty = score(&mut prm, &PrmRequest::linear("", ["", "", ""]));
    assert_eq!(empty.0.len(), 3);
}

/// A model without attention and MLP output, so that a state depends on the token alone and its score can be computed on paper.
#[test]
fn a_model_computed_by_hand() {
    let dir = copy();
    let sep = cases()[0].ids[cases()[0].read[0]] as usize;
    let floats = |data: &mut Vec<u8>, f: &dyn Fn(usize) -> f32| {
        *data = (0..data.len() / 4).flat_map(|i| f(i).to_le_bytes()).collect();
    };
    rewrite(dir.path(), |tensors| {
        for (name, _, _, data) in tensors.iter_mut() {
            match name.as_str() {
                // Root mean square 2: normed to 1 in the first half, -1 in the second.
                "model.embed_tokens.weight" => {
                    for i in 0..64 {
                        let x: f32 = if i < 32 { 2.0 } else { -2.0 };
                        data[(sep * 64 + i) * 4..][..4].copy_from_slice(&x.to_le_bytes());
                    }
                }
                "model.norm.weight" => floats(data, &|_| 1.0),
                // Identity and 0.5: 1.5 in the first half, -0.5 and so 0 after the rectifier in the second.
                "score.0.weight" => floats(data, &|i| if i / 64 == i % 64 { 1.0 } else { 0.0 }),
                "score.0.bias" => floats(data, &|_| 0.5),
                "score.2.weight" => floats(data, &|i| [[0.01, 100.0], [0.02, -100.0]][i / 64][i % 64 / 32]),
                "score.2.bias" => floats(data, &|i| [0.1, 0.3][i]),
                n if n.ends_with("o_proj.weight") || n.ends_with("down_proj.weight") => floats(data, &|_| 0.0),
                _ => {}
            }
        }
    });
    // Logits 32 * 1.5 * 0.01 + 0.1 = 0.58 and 32 * 1.5 * 0.02 + 0.3 = 1.26: softmax of index 1 is 1 / (1 + e^-0.68).
    let want = 1.0 / (1.0 + (-0.68_f64).exp());
    let (scores, _) = score(&mut load(&dir).unwrap(), &PrmRequest::linear("2+2?", ["4", "5", ""]));
    assert_close(&scores, &[want; 3], 1e-5, "by hand");
}

#[test]
fn numbers_that_are_not_finite_are_no_scores() {
    for (name, bad) in [("score.0.bias", f32::NAN), ("score.2.bias", f32::INFINITY), ("model.norm.weight", f32::NAN)] {
        let dir = copy();
        rewrite(dir.path(), |t| {
            let (.., data) = t.iter_mut().find(|t| t.0 == name).unwrap();
            data[..4].copy_from_slice(&bad.to_le_bytes());
        });
        let mut prm = load(&dir).unwrap();
        let (results, _) = results(&mut prm, &PrmRequest::linear("2+2?", ["4", "5"]));
        for result in results {
            let NodeScore::NotScored(reason) = result else { panic!("{name}: a score from {bad}") };
            assert!(reason.contains("NaN") || reason.contains("inf"), "{reason}");
        }
    }
}

#[test]
fn inspection_says_what_the_built_in_model_is() {
    let found = inspect(&CheckpointSource::Embedded);
    assert_eq!(found.problem, None, "{found}");
    assert_eq!(found.family.as_deref(), Some("qwen-prm"));
    assert!(found.to_string().contains("usable       yes"));
}

/// Processor seconds of this process (Linux), which other programs on the machine do not change.
fn processor_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<f64> =
        stat.rsplit(')').next().unwrap_or("").split_whitespace().skip(11).take(2).flat_map(str::parse).collect();
    fields.iter().sum::<f64>() / 100.0
}

/// Run by hand: `cargo test --test it prm::speed -- --ignored --nocapture`.
#[test]
#[ignore = "measures, proves nothing"]
fn speed() {
    for (name, source) in [("tiny", CheckpointSource::Dir(fixture())), ("built-in", CheckpointSource::Embedded)] {
        let start = std::time::Instant::now();
        let mut prm = Prm::load(&source).unwrap();
        println!("{name}: loaded in {:.3} s", start.elapsed().as_secs_f64());
        let steps: Vec<String> =
            (0..24).map(|i| format!("We compute {i} + {i} = {} rolls, so {} rolls are left.", 2 * i, 7 * i)).collect();
        for round in 0..4 {
            let request = PrmRequest::linear(format!("{round} A baker fills 6 trays with 12 rolls each."), steps.clone());
            let (start, before) = (std::time::Instant::now(), processor_seconds());
            let (mut first, mut stats) = (None, ScoreStats::default());
            for again in 0..8 {
                let mut request = request.clone();
                request.problem = format!("{again} {}", request.problem);
                let done = prm.score(&request, &mut |_, _| {
                    first.get_or_insert_with(|| start.elapsed());
                    ControlFlow::Continue(())
                });
                stats.tokens += done.unwrap().tokens;
            }
            let (wall, processor) = (start.elapsed().as_secs_f64(), processor_seconds() - before);
            let tokens = stats.tokens as f64;
            println!(
                "{name}: {tokens} tokens, {:.0} tokens/s, {:.0} a processor second, first score after {:?}",
                tokens / wall,
                tokens / processor,
                first.unwrap()
            );
        }
    }
}
