//! Every family of process reward models against an independent reading of its convention
//! (`tests/fixtures/prm/families/make.py`).

mod critics;
mod laws;

pub(crate) use critics::folder as critic_folder;

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;
use stepscope::prm::{CheckpointSource, NodeScore, Prm, PrmRequest, inspect};

use crate::support::Folder;

/// One tiny checkpoint.
#[derive(Deserialize)]
pub(crate) struct Entry<C = Case> {
    /// Name of its folder, by which some families are recognised.
    pub(crate) folder: String,
    tokenizer: String,
    files: Vec<String>,
    tokenizer_config: Value,
    settings: Option<Value>,
    /// `config.json` in the styles of transformers 4 and 5.
    config: BTreeMap<String, Value>,
    pub(crate) cases: Vec<C>,
}

/// What the reference says of one solution.
#[derive(Deserialize)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) problem: String,
    pub(crate) steps: Vec<String>,
    pub(crate) ids: Vec<u32>,
    pub(crate) read: Vec<usize>,
    pub(crate) scores: Vec<f64>,
}

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/prm/families")
}

pub(crate) fn entries() -> Vec<Entry> {
    serde_json::from_slice(&fs::read(fixtures().join("families.json")).unwrap()).unwrap()
}

pub(crate) fn entry(folder: &str) -> Entry {
    entries().into_iter().find(|e| e.folder == folder).unwrap()
}

impl<C> Entry<C> {
    /// Puts the checkpoint folder together below `root`.
    pub(crate) fn folder(&self, root: &Path, style: &str) -> PathBuf {
        let dir = root.join(&self.folder);
        fs::create_dir_all(&dir).unwrap();
        let json = |name: &str, value: &Value| fs::write(dir.join(name), value.to_string()).unwrap();
        json("config.json", &self.config[style]);
        if self.tokenizer_config.as_object().is_some_and(|c| !c.is_empty()) {
            json("tokenizer_config.json", &self.tokenizer_config);
        }
        if let Some(settings) = &self.settings {
            json("stepscope.json", settings);
        }
        fs::copy(fixtures().join(format!("{}.json", self.tokenizer)), dir.join("tokenizer.json")).unwrap();
        if self.settings.as_ref().is_some_and(|settings| settings.get("reference").is_some()) {
            reference(&root.join("reference-model"));
        }
        for file in &self.files {
            fs::copy(fixtures().join(format!("{file}.safetensors")), dir.join(format!("{file}.safetensors"))).unwrap();
        }
        dir
    }

    pub(crate) fn load(&self, style: &str) -> (Prm, tempfile::TempDir) {
        let root = tempfile::tempdir().unwrap();
        let dir = self.folder(root.path(), style);
        (Prm::load(&CheckpointSource::Dir(dir)).unwrap(), root)
    }
}

/// The second model of the implicit rewards: the other decoder, of which only the decoder counts.
fn reference(dir: &Path) {
    let other = entry("VersaPRM-Base-8B");
    let made = other.folder(dir.parent().unwrap(), "new");
    if !dir.exists() {
        fs::rename(made, dir).unwrap();
    }
}

impl Case {
    pub(crate) fn request(&self) -> PrmRequest {
        PrmRequest::linear(&self.problem, self.steps.clone())
    }
}

/// The scores of a request, with the reason where there is none.
pub(crate) fn results(prm: &mut Prm, request: &PrmRequest) -> Vec<Result<f64, String>> {
    let mut scores = BTreeMap::new();
    prm.score(request, &mut |node, score| {
        let score = match score {
            NodeScore::Score(score) => Ok(score.value()),
            NodeScore::NotScored(reason) => Err(reason),
            NodeScore::Rationale(_) => return ControlFlow::Continue(()),
        };
        assert!(scores.insert(node, score).is_none(), "node {node} came twice");
        ControlFlow::Continue(())
    })
    .unwrap();
    assert!(scores.keys().copied().eq(0..request.nodes.len()), "every node comes once");
    scores.into_values().collect()
}

pub(crate) fn scores(prm: &mut Prm, request: &PrmRequest) -> Vec<f64> {
    results(prm, request).into_iter().map(Result::unwrap).collect()
}

/// The largest difference; both must have the same number of scores.
pub(crate) fn difference(got: &[f64], want: &[f64]) -> f64 {
    assert_eq!(got.len(), want.len());
    got.iter().zip(want).map(|(g, w)| (g - w).abs()).fold(0.0, f64::max)
}

/// The tokens of a linear request, and the positions read.
fn ids(prm: &Prm, request: &PrmRequest) -> (Vec<u32>, Vec<usize>) {
    let tree = prm.tokens(request).unwrap();
    let (mut ids, mut read, mut tail) = (tree.prefix, Vec::new(), Vec::new());
    for node in tree.nodes {
        let node = node.unwrap();
        tail = node.tail;
        match node.read.as_slice() {
            // Rewards of all tokens: the reference knows the last one.
            [.., last] if node.read.len() > 1 => read.push(ids.len().checked_add_signed(last + 1).unwrap()),
            reads => read.extend(reads.iter().map(|r| ids.len().checked_add_signed(*r).unwrap())),
        }
        ids.extend(node.ids);
    }
    ids.extend(tail);
    (ids, read)
}

#[test]
fn tokens_and_read_positions_are_those_of_the_reference() {
    for entry in entries() {
        let (prm, _root) = entry.load("new");
        for case in &entry.cases {
            let what = format!("{} {}", entry.folder, case.name);
            let (ids, read) = ids(&prm, &case.request());
            // What stands behind the last step, such as the end of a chat message, is seen by no step.
            assert!(case.ids.starts_with(&ids) && case.ids.len() <= ids.len() + 3, "{what}\n{ids:?}\n{:?}", case.ids);
            assert_eq!(read, case.read, "{what}");
        }
    }
}

/// With `--nocapture` it prints a row for each checkpoint: family, preset, tokens of its cases and the largest difference.
#[test]
fn scores_are_those_of_the_reference_in_both_styles_of_configuration() {
    println!("{:<36} {:<12} {:<14} {:>24}  largest difference", "checkpoint", "family", "preset", "tokens of its cases");
    for entry in entries() {
        let (mut worst, mut info) = (0.0f64, None);
        for style in ["new", "old"] {
            let (mut prm, _root) = entry.load(style);
            for case in entry.cases.iter().filter(|case| style == "new" || case.name != "long") {
                let (scored, refused): (Vec<_>, Vec<_>) = results(&mut prm, &case.request()).into_iter().partition(Result::is_ok);
                assert_eq!(!refused.is_empty(), prm.info().meaning.outcome, "{} {}: {refused:?}", entry.folder, case.name);
                let scored: Vec<f64> = scored.into_iter().map(Result::unwrap).collect();
                let off = difference(&scored, &case.scores);
                assert!(off <= 1e-4, "{} {} {style}: {off}", entry.folder, case.name);
                worst = worst.max(off);
            }
            info = Some((prm.info().family, prm.info().model));
        }
        let (family, preset) = info.unwrap();
        let tokens = entry.cases.iter().map(|case| case.ids.len().to_string()).collect::<Vec<_>>().join(" ");
        println!("{:<36} {family:<12} {preset:<14} {tokens:>24}  {worst:.1e}", entry.folder);
    }
}

#[test]
fn packed_weights_change_no_bit_of_any_score_and_no_key() {
    for entry in entries() {
        let root = tempfile::tempdir().unwrap();
        let source = CheckpointSource::Dir(entry.folder(root.path(), "new"));
        let request = entry.cases[0].request();
        let scored = || {
            let mut prm = Prm::load(&source).unwrap();
            (prm.info().clone(), results(&mut prm, &request))
        };
        let want = scored();
        let files = stepscope::prm::pack(&source).unwrap();
        let shown = stepscope::prm::inspect(&source).packed.unwrap();
        assert!(!files.is_empty() && shown.contains("is used"), "{}: {shown}", entry.folder);
        assert_eq!(scored(), want, "{}", entry.folder);
    }
}

fn outcome_models() -> impl Iterator<Item = Entry> {
    ["Qwen2.5-Math-RM-72B", "llemma-7b-orm-prm800k"].into_iter().map(entry)
}

#[test]
fn a_solution_is_judged_where_it_ends_whatever_else_is_asked() {
    for entry in outcome_models() {
        let (mut prm, _root) = entry.load("new");
        let steps = ["It is 2 + 2.", "That is 4.", "So the answer is 4."];
        let mut request = PrmRequest::linear("2+2?", steps);
        let [short, long] = [2, 3].map(|n| results(&mut prm, &PrmRequest::linear("2+2?", steps[..n].to_vec())).pop().unwrap());
        assert!((short.clone().unwrap() - long.clone().unwrap()).abs() > 1e-4, "{}", entry.folder);
        // A solution that is the beginning of another one.
        request.nodes[1].ends = true;
        let both = results(&mut prm, &request);
        assert!(both[0].is_err(), "{both:?}");
        let off = difference(&[*both[1].as_ref().unwrap(), *both[2].as_ref().unwrap()], &[short.unwrap(), long.unwrap()]);
        assert!(off <= 1e-5, "{} {off}", entry.folder);
        // A request that was cut off.
        request.nodes.truncate(2);
        request.nodes[1].ends = false;
        assert!(results(&mut prm, &request).iter().all(Result::is_err), "{}", entry.folder);
    }
}

/// The empty line behind a step is the reward of nobody where a solution ends with the step, and stands in the text of those that go on.
#[test]
fn an_implicit_reward_of_a_last_step_ends_with_the_step() {
    let (mut prm, _root) = entry("EurusPRM-Stage2").load("new");
    let steps = ["It is 2 + 2.", "That is 4.", "So the answer is 4."];
    let mut request = PrmRequest::linear("2+2?", steps);
    let (whole, short) = (scores(&mut prm, &request), scores(&mut prm, &PrmRequest::linear("2+2?", steps[..2].to_vec())));
    assert!((short[1] - whole[1]).abs() > 1e-6, "the empty line has a reward of its own");
    let path = |request: &PrmRequest| ids(&prm, request).0;
    let tokens = path(&request);
    request.nodes[1].ends = true;
    assert_eq!(path(&request), tokens);
    let both = scores(&mut prm, &request);
    assert!(difference(&both, &[whole[0], short[1], whole[2]]) <= 1e-7, "{both:?} {whole:?} {short:?}");
}

#[test]
fn scores_of_whole_solutions_are_the_same_from_the_cache_and_from_a_file() {
    let folder = Folder::new();
    entry("Qwen2.5-Math-RM-72B").folder(folder.at(), "new");
    let solution = r#"{"id":"a","problem":"2+2?","steps":["It is 2 + 2.","That is 4.","So the answer is 4."],"final_answer_correct":true,"label":-1,"generator":"g"}"#;
    fs::write(folder.path("in.jsonl"), solution).unwrap();
    let scored = |out: &str| {
        let done = folder.run(&["score", "in.jsonl", "-o", out, "--prm", "Qwen2.5-Math-RM-72B"]);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let line: Value = serde_json::from_slice(&fs::read(folder.path(out)).unwrap()).unwrap();
        line["steps"].as_array().unwrap().iter().map(|step| step["score"].as_f64()).collect::<Vec<_>>()
    };
    let first = scored("a.jsonl");
    assert!(first[0].is_none() && first[1].is_none() && first[2].is_some(), "{first:?}");
    assert_eq!(scored("b.jsonl"), first);
    assert_eq!(scored("c.jsonl"), first);
    assert_eq!(scored("a.jsonl"), first);
    let eval = folder.run(&["eval", "in.jsonl", "--prm", "Qwen2.5-Math-RM-72B"]);
    assert!(!eval.status.success() && String::from_utf8_lossy(&eval.stderr).contains("judges whole solutions"), "{eval:?}");
}

/// The text of thousands of steps is read once and not once a step.
#[test]
fn a_solution_of_thousands_of_steps_is_answered_soon() {
    for entry in outcome_models().chain([entry("ReasonFlux-PRM-1.5B")]) {
        let (mut prm, _root) = entry.load("new");
        let begun = std::time::Instant::now();
        let all = results(&mut prm, &PrmRequest::linear("2+2?", (0..6000).map(|n| format!("{n}+1"))));
        let last = all.last().unwrap().as_ref().unwrap_err();
        assert!(last.contains("context of this model"), "{}: {last}", entry.folder);
        assert!(begun.elapsed().as_secs() < 60, "{}: {:?}", entry.folder, begun.elapsed());
    }
}

/// They decide tokens as much as the tokenizer does.
#[test]
fn the_special_tokens_of_a_tokenizer_are_part_of_the_key() {
    let root = tempfile::tempdir().unwrap();
    let dir = entry("math-shepherd-mistral-7b-prm").folder(root.path(), "new");
    let key = || Prm::load(&CheckpointSource::Dir(dir.clone())).unwrap().info().key.clone();
    let with = key();
    fs::write(dir.join("tokenizer_config.json"), r#"{"bos_token":null}"#).unwrap();
    let without = key();
    fs::write(dir.join("tokenizer_config.json"), r#"{"bos_token":{"content":"</s>"}}"#).unwrap();
    assert!(with != without && without != key() && with != key());
}

#[test]
fn a_reward_model_under_another_name_is_told_by_its_configuration_or_asked_about() {
    let universal = Entry { folder: "uprm".to_owned(), ..entry("Universal-PRM-7B") };
    let root = tempfile::tempdir().unwrap();
    let dir = universal.folder(root.path(), "old");
    let source = CheckpointSource::Dir(dir.clone());
    let found = || inspect(&source);
    let unclear = found().problem.unwrap();
    for part in ["qwen-rm and universal both fit", "stepscope.json", r#"{"model": "universal"}"#] {
        assert!(unclear.contains(part) && !unclear.contains('\n'), "{unclear}");
    }
    for (theta, positions, model) in [(1_000_000, 32_768, "universal"), (10_000, 4096, "qwen-rm")] {
        crate::prm::checkpoints::edit(&dir, "config.json", |config| {
            config["rope_theta"] = theta.into();
            config["max_position_embeddings"] = positions.into();
        });
        let shown = found();
        assert!(shown.problem.is_none() && shown.to_string().contains(&format!("model        {model}\n")), "{shown}");
    }
}
