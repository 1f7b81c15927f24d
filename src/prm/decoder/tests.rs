use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::super::checkpoint::Checkpoint;
use super::super::generate::{Sampling, Stop, generate};
use super::super::head::LmHead;
use super::super::matrices::layout;
use super::super::request::CheckpointSource;
use super::*;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/prm");

/// Logits of hidden states `(rows, hidden)` under a linear head `(labels, hidden)`.
fn project(hidden: &Tensor, head: &Tensor) -> Vec<Vec<f32>> {
    hidden.matmul(&head.t().unwrap()).unwrap().to_vec2().unwrap()
}

/// Both that compute the same.
fn targets() -> [Target; 2] {
    [Target::Native, Target::Tensors(candle_core::Device::Cpu)]
}

fn load(dir: PathBuf, target: &Target) -> (Box<dyn Decoder>, Option<LmHead>) {
    load_as(dir, Precision::F32, target)
}

fn load_as(dir: PathBuf, precision: Precision, target: &Target) -> (Box<dyn Decoder>, Option<LmHead>) {
    let (config, mut weights, head) = open(dir);
    (target.load(config, &mut weights, precision).unwrap(), head)
}

fn open(dir: PathBuf) -> (DecoderConfig, Weights, Option<LmHead>) {
    let mut checkpoint = Checkpoint::open(&CheckpointSource::Dir(dir)).unwrap();
    let config = DecoderConfig::read(&checkpoint.config, &checkpoint.config_file).unwrap();
    let is_whole = checkpoint.architecture().ends_with("ForCausalLM");
    let mut layout = layout(&config);
    if is_whole {
        layout.extend(LmHead::layout(&config));
    }
    checkpoint.check(&layout).unwrap();
    let (mut weights, _) = checkpoint.load(&layout, "test", &Target::Native).unwrap();
    let head = is_whole.then(|| LmHead::load(&mut weights, &config).unwrap());
    (config, weights, head)
}

fn tiny(target: &Target) -> Box<dyn Decoder> {
    load(Path::new(FIXTURES).join("tiny-qwen2"), target).0
}

#[derive(Deserialize)]
struct Case {
    tokens: u32,
    read: Vec<usize>,
    states: Vec<Vec<f32>>,
    two: Vec<Vec<f32>>,
    mean: Vec<f32>,
    log_p: Vec<f32>,
}

fn assert_near(got: &[f32], want: &[f32], what: &str) {
    assert_eq!(got.len(), want.len(), "{what}");
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        assert!((g - w).abs() <= 1e-4, "{what}, number {i}: {g}, {w} was expected");
    }
}

/// Every architecture, as old and new versions of transformers describe it.
#[test]
fn states_and_logits_are_those_of_transformers() {
    for (name, config) in
        ["qwen2", "qwen3", "llama", "mistral"].into_iter().flat_map(|n| [(n, "config.json"), (n, "config-old.json")])
    {
        let from = Path::new(FIXTURES).join("decoders").join(name);
        let dir = tempfile::tempdir().unwrap();
        for (file, to) in [(config, "config.json"), ("model.safetensors", "model.safetensors")] {
            std::fs::copy(from.join(file), dir.path().join(to)).unwrap();
        }
        std::fs::write(dir.path().join("tokenizer.json"), "{}").unwrap();
        let cases: Vec<Case> = serde_json::from_slice(&std::fs::read(from.join("cases.json")).unwrap()).unwrap();
        for (case, target) in cases.iter().flat_map(|case| targets().map(|target| (case, target))) {
            let (mut decoder, head) = load(dir.path().to_owned(), &target);
            let head = head.unwrap();
            let ids: Vec<u32> = (0..case.tokens).map(|i| i * 7919 % 96).collect();
            let what = format!("{name} {config}, {} tokens, {target:?}", case.tokens);
            let states = decoder.forward(&ids, &case.read).unwrap();
            assert_near(&flat(&states), &case.states.concat(), &what);
            let two = project(&states, &head.rows(&[5, 90]).unwrap());
            assert_near(&two.concat(), &case.two.concat(), &what);
            assert_near(&project(&states, &head.mean_row().unwrap()).concat(), &case.mean, &what);
            decoder.set_length(0);
            let all = decoder.forward(&ids[..40], &(0..40).collect::<Vec<_>>()).unwrap();
            assert_near(&head.log_probabilities(&all, &ids[1..41]).unwrap(), &case.log_p, &what);
        }
    }
}

#[derive(Deserialize)]
struct Long {
    read: Vec<usize>,
    states: Vec<Vec<f32>>,
}

/// Relative errors of states, row by row.
fn errors(got: &[f32], want: &[f32], width: usize) -> Vec<f32> {
    let square = |row: &[f32]| row.iter().map(|x| x * x).sum::<f32>();
    let rows = got.chunks(width).zip(want.chunks(width));
    rows.map(|(g, w)| (square(&g.iter().zip(w).map(|(g, w)| g - w).collect::<Vec<_>>()) / square(w)).sqrt()).collect()
}

#[test]
fn accuracy_is_flat_over_4096_positions() {
    for name in ["qwen3", "llama"] {
        let from = Path::new(FIXTURES).join("decoders").join(name);
        let dir = tempfile::tempdir().unwrap();
        std::fs::copy(from.join("model.safetensors"), dir.path().join("model.safetensors")).unwrap();
        std::fs::write(dir.path().join("tokenizer.json"), "{}").unwrap();
        let config = std::fs::read_to_string(from.join("config.json")).unwrap();
        let config = config.replace("\"max_position_embeddings\": 2048", "\"max_position_embeddings\": 4096");
        std::fs::write(dir.path().join("config.json"), config).unwrap();
        let long: Long = serde_json::from_slice(&std::fs::read(from.join("long.json")).unwrap()).unwrap();
        let (want, width) = (long.states.concat(), long.states[0].len());
        let ids: Vec<u32> = (0..4096).map(|i| i * 7919 % 96).collect();
        let [native, tensors] = targets();
        for (target, precision, bound) in [
            (&native, Precision::F32, 2e-5),
            (&native, Precision::Bf16, 0.03),
            (&tensors, Precision::F32, 2e-5),
            (&tensors, Precision::Bf16, 0.03),
        ] {
            let (mut decoder, _) = load_as(dir.path().to_owned(), precision, target);
            let got = flat(&decoder.forward(&ids, &long.read).unwrap());
            let errors = errors(&got, &want, width);
            assert!(errors.iter().all(|e| *e < bound), "{name} {target:?} {precision:?}: {errors:?}");
        }
    }
}

/// A folder of a configuration and weights from somewhere else.
fn folder(config: &str, weights: &str) -> tempfile::TempDir {
    let from = Path::new(FIXTURES).join("decoders");
    let dir = tempfile::tempdir().unwrap();
    std::fs::copy(from.join(config).join("config.json"), dir.path().join("config.json")).unwrap();
    std::fs::copy(from.join(weights), dir.path().join("model.gguf")).unwrap();
    std::fs::write(dir.path().join("tokenizer.json"), "{}").unwrap();
    dir
}

#[test]
fn products_of_bytes_stay_close_to_those_of_f32_at_every_position() {
    let dir = folder("qwen2", "qwen2-q8_0.gguf");
    let ids: Vec<u32> = (0..1500).map(|i| i * 7919 % 96).collect();
    let read: Vec<usize> = (0..1500).collect();
    let (mut exact, _) = load(dir.path().to_owned(), &Target::Native);
    let (mut bytes, _) = load_as(dir.path().to_owned(), Precision::Q8, &Target::Native);
    let (want, got) = (flat(&exact.forward(&ids, &read).unwrap()), flat(&bytes.forward(&ids, &read).unwrap()));
    // Relative error of the states of each hundred positions: it must not grow with the position.
    let part = want.len() / 15;
    let errors = want.chunks(part).zip(got.chunks(part)).map(|(want, got)| {
        let off: f32 = want.iter().zip(got).map(|(w, g)| (w - g) * (w - g)).sum();
        (off / want.iter().map(|w| w * w).sum::<f32>()).sqrt()
    });
    let errors: Vec<f32> = errors.collect();
    assert!(errors.iter().all(|e| (1e-4..0.05).contains(e)), "{errors:?}");
}

#[test]
fn a_gguf_backbone_is_the_model_that_it_was_made_from() {
    for (config, weights, cases) in [("llama", "llama.gguf", "llama/cases.json"), ("qwen2", "qwen2-q8_0.gguf", "qwen2-q8_0.json")]
    {
        let dir = folder(config, weights);
        let cases = std::fs::read(Path::new(FIXTURES).join("decoders").join(cases)).unwrap();
        let cases: Vec<Case> = serde_json::from_slice(&cases).unwrap();
        for target in targets() {
            let (mut decoder, head) = load(dir.path().to_owned(), &target);
            let ids: Vec<u32> = (0..64).map(|i| i * 7919 % 96).collect();
            let states = decoder.forward(&ids, &cases[0].read).unwrap();
            assert_near(&flat(&states), &cases[0].states.concat(), weights);
            let two = project(&states, &head.unwrap().rows(&[5, 90]).unwrap());
            assert_near(&two.concat(), &cases[0].two.concat(), weights);
        }
    }
}

/// Every header that was cut or changed in one place is refused in one line or still describes the same data; none panics or asks for
/// more memory than the file has.
#[test]
fn crafted_gguf_files_give_one_line() {
    let good = std::fs::read(Path::new(FIXTURES).join("decoders/qwen2-q8_0.gguf")).unwrap();
    let dir = folder("qwen2", "qwen2-q8_0.gguf");
    let file = dir.path().join("model.gguf");
    let open = |bytes: &[u8]| {
        std::fs::write(&file, bytes).unwrap();
        Checkpoint::open(&CheckpointSource::Dir(dir.path().to_owned())).map_err(|e| e.to_string())
    };
    assert!(open(&good).is_ok());
    for at in (0..good.len().min(2_600)).step_by(29) {
        let error = open(&good[..at]).unwrap_err();
        assert!(error.contains("model.gguf") && !error.contains('\n'), "{error}");
        for value in [0xff, 0x80, 0x00] {
            let mut bytes = good.clone();
            bytes[at] = value;
            if let Err(error) = open(&bytes) {
                assert!(error.contains("model.gguf") && !error.contains('\n'), "{error}");
            }
        }
    }
    let mut bytes = good.clone();
    bytes[4] = 1;
    assert!(open(&bytes).unwrap_err().contains("GGUF version 1, 2 or 3 was expected"));
    bytes = good.clone();
    bytes[8..16].fill(0xff);
    assert!(open(&bytes).unwrap_err().contains("the header claims 18446744073709551615 tensors"));
    let cut = open(&good[..good.len() - 1]).unwrap_err();
    assert!(cut.contains("leaves the file"), "{cut}");
}

#[test]
fn a_text_is_written_token_by_token() {
    let from = Path::new(FIXTURES).join("decoders/qwen3");
    let dir = tempfile::tempdir().unwrap();
    for file in ["config.json", "model.safetensors"] {
        std::fs::copy(from.join(file), dir.path().join(file)).unwrap();
    }
    std::fs::write(dir.path().join("tokenizer.json"), "{}").unwrap();
    let (mut decoder, head) = load(dir.path().to_owned(), &Target::Native);
    let head = head.unwrap();
    let prompt: Vec<u32> = (0..20).map(|i| i * 7919 % 96).collect();
    let sampling = Sampling { temperature: 0.0, top_p: 1.0, top_k: 0, seed: 5, max_tokens: 12 };
    let decode = |ids: &[u32]| ids.iter().fold(String::new(), |text, id| text + &id.to_string() + " ");
    let open = Stop { ids: &[], texts: &[], decode: &decode };
    let write = |decoder: &mut dyn Decoder, sampling, stop: &Stop<'_>| {
        decoder.set_length(19);
        generate(decoder, &head, prompt[19], sampling, stop, &[3, 4], &mut |_| ControlFlow::Continue(())).unwrap()
    };
    decoder.forward(&prompt, &[]).unwrap();
    let greedy = write(decoder.as_mut(), sampling, &open);
    assert!(greedy.ids.len() == 12 && greedy.watched.len() == 12 && !greedy.is_complete);
    // Each token is the most probable one behind all before it, computed in one pass.
    let all = [prompt.as_slice(), &greedy.ids].concat();
    decoder.set_length(0);
    let states = decoder.forward(&all[..31], &(19..31).collect::<Vec<_>>()).unwrap();
    let logits: Vec<Vec<f32>> = head.logits(&states).unwrap().to_vec2().unwrap();
    for (row, &id) in logits.iter().zip(&greedy.ids) {
        let top = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        assert!(top - row[id as usize] < 1e-4);
    }
    let watched = head.log_probabilities(&states, &[3; 12]).unwrap();
    assert_near(&greedy.watched.iter().map(|w| w[0]).collect::<Vec<_>>(), &watched, "watched");
    // Stops, by token and by text.
    let stop = Stop { ids: &greedy.ids[5..6], ..open };
    let first = greedy.ids.iter().position(|id| *id == greedy.ids[5]).unwrap();
    let short = write(decoder.as_mut(), sampling, &stop);
    assert!(short.ids == greedy.ids[..first] && short.is_complete);
    let text = format!("{} {} ", greedy.ids[2], greedy.ids[3]);
    let short = write(decoder.as_mut(), sampling, &Stop { ids: &[], texts: &[&text], decode: &decode });
    assert!(short.text.ends_with(&text) && short.is_complete && short.ids.len() <= 4);
    // The same seed writes the same text, another one another.
    let warm = Sampling { temperature: 1.0, ..sampling };
    let one = write(decoder.as_mut(), warm, &open);
    assert_eq!(one, write(decoder.as_mut(), warm, &open));
    assert_ne!(one.ids, write(decoder.as_mut(), Sampling { seed: 6, ..warm }, &open).ids);
}

fn flat(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn ids(n: u32) -> Vec<u32> {
    (0..n).map(|i| i * 7919 % 640).collect()
}

fn assert_close(a: &Tensor, b: &Tensor) {
    assert_eq!(a.dims(), b.dims());
    let difference = (a - b).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
    assert!(difference < 2e-4, "{difference}");
}

#[test]
fn prefill_in_chunks_is_one_pass() {
    let open = || open(Path::new(FIXTURES).join("tiny-qwen2"));
    in_chunks(|chunk| {
        let (config, mut weights, _) = open();
        let mut decoder = native::Native::load(config, &mut weights, Precision::F32).unwrap();
        decoder.chunk = chunk;
        decoder
    });
    in_chunks(|chunk| {
        let (config, mut weights, _) = open();
        let device = candle_core::Device::Cpu;
        let mut decoder = tensors::Tensors::load(config, &mut weights, Precision::F32, &device).unwrap();
        decoder.chunk = chunk;
        decoder
    });
}

fn in_chunks<D: Decoder>(make: impl Fn(usize) -> D) {
    let (ids, read) = (ids(700), [0, 6, 7, 13, 255, 256, 511, 512, 513, 699]);
    let want = make(4096).forward(&ids, &read).unwrap();
    for chunk in [1, 7, 256] {
        assert_close(&make(chunk).forward(&ids, &read).unwrap(), &want);
    }
    // Token by token through the cache, which grows on the way.
    let mut decoder = make(256);
    for (i, id) in ids.iter().enumerate() {
        let state = decoder.forward(&[*id], &[0]).unwrap();
        if let Some(at) = read.iter().position(|&r| r == i) {
            assert_close(&state, &want.narrow(0, at, 1).unwrap());
        }
    }
}

#[test]
fn a_cache_that_was_cut_back_continues_as_if_nothing_had_been_there() {
    let ids = ids(600);
    for target in targets() {
        let mut decoder = tiny(&target);
        decoder.forward(&ids, &[]).unwrap();
        decoder.set_length(40);
        let after = decoder.forward(&ids[300..330], &[29]).unwrap();
        let alone = tiny(&target).forward(&[&ids[..40], &ids[300..330]].concat(), &[69]).unwrap();
        assert_close(&after, &alone);
    }
}

#[test]
fn what_was_saved_of_one_decoder_is_gone_on_with_by_another() {
    let ids = ids(200);
    for (mut from, mut to) in targets().iter().flat_map(|from| targets().map(|to| (tiny(from), tiny(&to)))) {
        from.forward(&ids, &[]).unwrap();
        // What stands in the cache already is written over.
        to.forward(&ids[100..130], &[]).unwrap();
        to.set_length(0);
        to.forward(&ids[..20], &[]).unwrap();
        for column in 20..150 {
            let mut saved = Vec::new();
            from.save_column(column, &mut saved);
            assert_eq!(saved.len(), from.cache_width());
            to.restore(&saved);
        }
        assert_eq!(to.length(), 150);
        from.set_length(150);
        assert_close(&to.forward(&ids[150..170], &[3, 19]).unwrap(), &from.forward(&ids[150..170], &[3, 19]).unwrap());
    }
}

/// Branches beside one another see their own path alone, through windows too.
#[test]
fn branches_of_a_pass_are_what_they_are_alone() {
    for name in ["qwen2", "mistral"] {
        let dir = tempfile::tempdir().unwrap();
        for file in ["config.json", "model.safetensors"] {
            std::fs::copy(Path::new(FIXTURES).join("decoders").join(name).join(file), dir.path().join(file)).unwrap();
        }
        std::fs::write(dir.path().join("tokenizer.json"), "{}").unwrap();
        let ids: Vec<u32> = (0..90).map(|i| i * 7919 % 96).collect();
        for target in targets() {
            let mut decoder = load(dir.path().to_owned(), &target).0;
            decoder.forward(&ids[..30], &[]).unwrap();
            // Two branches behind the path, and one behind the first of them.
            let segments = [
                Segment { tokens: 20, sees: first_columns(30) },
                Segment { tokens: 25, sees: first_columns(30) },
                Segment { tokens: 15, sees: vec![0..30, 30..50] },
            ];
            let states = decoder.pass(&ids[30..], &segments, &[19, 44, 59]).unwrap();
            assert_eq!(decoder.length(), 30);
            for (row, path) in
                [&ids[..50], &[&ids[..30], &ids[50..75]].concat(), &[&ids[..50], &ids[75..]].concat()].into_iter().enumerate()
            {
                let alone = load(dir.path().to_owned(), &Target::Native).0.forward(path, &[path.len() - 1]).unwrap();
                assert_close(&states.narrow(0, row, 1).unwrap(), &alone);
            }
        }
    }
}

#[test]
fn more_tokens_than_the_context_are_an_error_and_leave_the_cache_alone() {
    for target in targets() {
        let mut decoder = tiny(&target);
        decoder.forward(&ids(10), &[]).unwrap();
        assert!(decoder.forward(&ids(4090), &[]).is_err());
        assert_eq!(decoder.length(), 10);
        assert_eq!(decoder.forward(&[], &[]).unwrap().dims(), [0, 64]);
    }
}

#[test]
fn a_device_that_the_program_was_not_built_for_is_named_with_the_way_to_it() {
    let features = [(Device::Cuda(1), "cuda", cfg!(feature = "cuda")), (Device::Metal(0), "metal", cfg!(feature = "metal"))];
    for (device, feature, is_built) in features {
        let Err(error) = Target::open(device) else { continue };
        let error = error.to_string();
        assert!(error.starts_with(&format!("--device {device}: ")) && !error.contains('\n'), "{error}");
        assert!(is_built || error.ends_with(&format!("--features {feature}")), "{error}");
    }
}
