//! Checkpoints on disk: in shards, with an adapter, and every way one can be wrong.

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use proptest::prelude::*;
use stepscope::prm::{CheckpointSource, NodeScore, Prm, PrmRequest, inspect};

use super::{assert_close, cases, fixture, linear, score, tiny};

/// A copy of the fixture in a folder that goes away.
pub(super) fn copy() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for name in ["config.json", "tokenizer.json", "model.safetensors"] {
        fs::copy(fixture().join(name), dir.path().join(name)).unwrap();
    }
    dir
}

pub(super) fn load(dir: &tempfile::TempDir) -> Result<Prm, String> {
    Prm::load(&CheckpointSource::Dir(dir.path().to_owned())).map_err(|e| e.to_string())
}

/// Loads a folder that must be refused, here and by `inspect`, in one line that holds all of `parts`.
fn refused(dir: &tempfile::TempDir, parts: &[&str]) {
    let error = load(dir).expect_err("the checkpoint must be refused");
    assert!(!error.contains('\n'), "{error}");
    for part in parts {
        assert!(error.contains(part), "{part:?} is not in: {error}");
    }
    assert_eq!(inspect(&CheckpointSource::Dir(dir.path().to_owned())).problem.as_deref(), Some(error.as_str()));
}

pub(crate) type Raw = (String, String, Vec<u64>, Vec<u8>);

pub(crate) fn tensors(path: &Path) -> Vec<Raw> {
    let bytes = fs::read(path).unwrap();
    let length = usize::try_from(u64::from_le_bytes(bytes[..8].try_into().unwrap())).unwrap();
    let header: BTreeMap<String, serde_json::Value> = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let data = &bytes[8 + length..];
    let at = |v: &serde_json::Value, i: usize| usize::try_from(v["data_offsets"][i].as_u64().unwrap()).unwrap();
    let tensors = header.into_iter().filter(|(n, _)| n != "__metadata__");
    let shape = |v: &serde_json::Value| v["shape"].as_array().unwrap().iter().map(|d| d.as_u64().unwrap()).collect();
    tensors.map(|(n, v)| (n, v["dtype"].as_str().unwrap().to_owned(), shape(&v), data[at(&v, 0)..at(&v, 1)].to_vec())).collect()
}

pub(crate) fn write(path: &Path, tensors: &[Raw]) {
    let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
    for (name, dtype, shape, bytes) in tensors {
        let entry = serde_json::json!({"dtype": dtype, "shape": shape, "data_offsets": [data.len(), data.len() + bytes.len()]});
        header.insert(name.clone(), entry);
        data.extend(bytes);
    }
    let header = serde_json::to_vec(&header).unwrap();
    fs::write(path, [(header.len() as u64).to_le_bytes().as_slice(), &header, &data].concat()).unwrap();
}

pub(super) fn rewrite(dir: &Path, change: impl FnOnce(&mut Vec<Raw>)) {
    let path = dir.join("model.safetensors");
    let mut all = tensors(&path);
    change(&mut all);
    write(&path, &all);
}

pub(crate) fn edit(dir: &Path, file: &str, change: impl FnOnce(&mut serde_json::Value)) {
    let path = dir.join(file);
    let mut value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut value);
    fs::write(path, serde_json::to_vec(&value).unwrap()).unwrap();
}

#[test]
fn a_missing_tensor_is_named_with_its_file() {
    for name in ["model.layers.1.self_attn.v_proj.bias", "score.2.weight", "model.norm.weight"] {
        let dir = copy();
        rewrite(dir.path(), |t| t.retain(|(n, ..)| n != name));
        refused(&dir, &[name, "model.safetensors", "missing"]);
    }
}

#[test]
fn a_wrong_shape_is_named_with_both_shapes() {
    let dir = copy();
    rewrite(dir.path(), |t| t.iter_mut().find(|t| t.0 == "score.0.weight").unwrap().2 = vec![32, 128]);
    refused(&dir, &["model.safetensors: tensor score.0.weight has shape [32, 128], [64, 64] was expected", "config.json"]);
    let dir = copy();
    edit(dir.path(), "config.json", |c| c["intermediate_size"] = 96.into());
    refused(&dir, &["mlp.gate_proj.weight has shape [128, 64], [96, 64] was expected"]);
}

#[test]
fn a_wrong_number_kind_is_named() {
    let dir = copy();
    rewrite(dir.path(), |t| t.iter_mut().find(|t| t.0 == "score.0.bias").unwrap().1 = "I32".to_owned());
    refused(&dir, &["model.safetensors", "score.0.bias is stored as I32"]);
}

#[test]
fn a_missing_separator_token_is_named_with_its_file() {
    let dir = copy();
    edit(dir.path(), "tokenizer.json", |t| t["added_tokens"].as_array_mut().unwrap().retain(|t| t["content"] != "<extra_0>"));
    refused(&dir, &["tokenizer.json: token <extra_0> is missing"]);
    // In the vocabulary, but never given back as one token.
    let dir = copy();
    edit(dir.path(), "tokenizer.json", |t| {
        t["added_tokens"].as_array_mut().unwrap().retain(|t| t["content"] != "<extra_0>");
        let n = t["model"]["vocab"].as_object().unwrap().len();
        t["model"]["vocab"]["<extra_0>"] = (n + 10).into();
    });
    refused(&dir, &["tokenizer.json: token <extra_0> must be a single token"]);
}

#[test]
fn a_separator_that_is_listed_as_an_ordinary_token_cannot_be_forged_either() {
    let dir = copy();
    edit(dir.path(), "tokenizer.json", |t| {
        for token in t["added_tokens"].as_array_mut().unwrap() {
            token["special"] = false.into();
        }
    });
    let mut prm = load(&dir).unwrap();
    let case = cases().remove(2);
    assert_eq!(case.name, "forged");
    assert_close(&score(&mut prm, &linear(&case)).0, &case.scores, 1e-4, "forged");
}

#[test]
fn pickles_are_refused_by_name_and_by_their_bytes() {
    let dir = copy();
    fs::remove_file(dir.path().join("model.safetensors")).unwrap();
    refused(&dir, &["expected weights in *.safetensors or *.gguf, found none"]);
    fs::write(dir.path().join("pytorch_model.bin"), b"PK\x03\x04").unwrap();
    refused(&dir, &["pytorch_model.bin: this is a pickle file", "save_file"]);
    for start in [b"PK\x03\x04\x00\x00\x08\x08\x00\x00".as_slice(), b"\x80\x02}q\x00(X\x01\x00\x00", b"ctorch\n_utils\n"] {
        let dir = copy();
        fs::write(dir.path().join("model.safetensors"), start).unwrap();
        refused(&dir, &["model.safetensors: this is a pickle file"]);
    }
}

#[test]
fn weights_files_that_are_something_else() {
    for (bytes, part) in [
        (b"".as_slice(), "empty"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        (b"GGUF\x03\0\0\0\0\0\0\0", "GGUF"),
        (b"\xff\xff\xff\xff\xff\xff\xff\xff{}", "the header claims 18446744073709551615 bytes"),
        (b"\x02\0\0\0\0\0\0\0[]", "header is not valid"),
        (b"\x10\0\0\0\0\0\0\0{}", "the file has 10 bytes"),
    ] {
        let dir = copy();
        fs::write(dir.path().join("model.safetensors"), bytes).unwrap();
        refused(&dir, &["model.safetensors", part]);
    }
}

#[test]
fn places_that_are_no_checkpoint() {
    let dir = copy();
    let file = dir.path().join("config.json");
    let error = Prm::load(&CheckpointSource::Dir(file)).err().unwrap().to_string();
    assert!(error.contains("expected the folder of a checkpoint"), "{error}");
    let error = Prm::load(&CheckpointSource::Dir(dir.path().join("nowhere"))).err().unwrap().to_string();
    assert!(error.contains("nowhere"), "{error}");
    for name in ["config.json", "tokenizer.json"] {
        let dir = copy();
        fs::remove_file(dir.path().join(name)).unwrap();
        refused(&dir, &[name]);
    }
}

#[test]
fn configurations_that_are_wrong_ask_for_no_memory() {
    for (field, value, part) in [
        ("hidden_size", "4611686018427387904", "hidden_size: expected an integer from 1 to"),
        ("num_attention_heads", "0", "num_attention_heads: expected an integer from 1"),
        ("num_key_value_heads", "3", "not a multiple of num_key_value_heads 3"),
        ("num_hidden_layers", "-1", "num_hidden_layers"),
        ("vocab_size", "\"many\"", "vocab_size: expected an integer from 1 to 4194304, found \"many\""),
        ("intermediate_size", "null", "intermediate_size is missing"),
        ("rms_norm_eps", "0", "rms_norm_eps: expected a number above 0"),
        ("rope_scaling", r#"{"type":"yarn","factor":4.0}"#, "rope_scaling: rotary positions of type \"yarn\" are not supported"),
        ("rope_parameters", r#"{"rope_type":"llama3","factor":8.0}"#, "rope_parameters.low_freq_factor is missing"),
        ("rope_scaling", r#"{"type":"linear","factor":0}"#, "rope_scaling.factor: expected a number above 0"),
        ("model_type", "\"gpt2\"", "model_type: expected one of"),
        ("attention_bias", "true", "attention_bias: expected false"),
        ("rope_parameters", "[]", "rope_parameters: expected an object"),
        ("hidden_act", "\"gelu\"", "hidden_act: expected \"silu\", found \"gelu\""),
        ("architectures", "[\"LlamaForCausalLM\"]", "tensors score.0"),
    ] {
        let dir = copy();
        edit(dir.path(), "config.json", |c| {
            c[field] = serde_json::from_str(value).unwrap();
            if field == "architectures" {
                c["model_type"] = "llama".into();
            }
        });
        refused(&dir, &[part]);
    }
    for (text, part) in [("[1]", "config.json: expected a JSON object, found a list"), ("{", "config.json: not valid JSON")] {
        let dir = copy();
        fs::write(dir.path().join("config.json"), text).unwrap();
        refused(&dir, &[part]);
    }
}

#[test]
fn an_unknown_checkpoint_says_what_was_looked_for_and_found() {
    let dir = copy();
    edit(dir.path(), "config.json", |c| c["architectures"] = serde_json::json!(["Qwen2ForSomething"]));
    rewrite(dir.path(), |t| {
        let head = t.iter_mut().find(|t| t.0 == "score.2.weight").unwrap();
        head.2 = vec![1, 64];
        head.3.truncate(256);
    });
    refused(
        &dir,
        &["looked for", "Qwen2ForProcessRewardModel", "found architectures \"Qwen2ForSomething\"", "\"score.2.weight\" [1, 64]"],
    );
}

#[test]
fn crafted_tokenizers_give_an_error() {
    for text in [
        "{",
        "[]",
        r#"{"version":"1.0","added_tokens":[{"id":7,"content":"<a>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}],"model":{"type":"BPE","vocab":{"a":0,"b":1},"merges":["a b"]}}"#,
        r#"{"version":"1.0","model":{"type":"BPE","vocab":{"a":0},"merges":[["a"]]}}"#,
        r#"{"version":"1.0","truncation":{"direction":"Right","max_length":2,"strategy":"LongestFirst","stride":5},"model":{"type":"WordLevel","vocab":{"a":0},"unk_token":"a"}}"#,
        r#"{"version":"1.0","normalizer":{"type":"Precompiled","precompiled_charsmap":"AAAA"},"model":{"type":"WordLevel","vocab":{"a":0},"unk_token":"a"}}"#,
        r#"{"version":"1.0","normalizer":{"type":"Precompiled","precompiled_charsmap":null},"model":{"type":"WordLevel","vocab":{"a":0},"unk_token":"a"}}"#,
    ] {
        let dir = copy();
        fs::write(dir.path().join("tokenizer.json"), text).unwrap();
        refused(&dir, &["tokenizer.json"]);
    }
}

/// A change of the bytes of a file: cut, turned, or put in.
fn damage(bytes: &mut Vec<u8>, changes: &[(u8, usize, u8)]) {
    // Most damage into the first kilobytes, where the headers are.
    for &(kind, at, value) in changes {
        let at = at % bytes.len().clamp(1, 4096);
        match kind % 4 {
            0 => bytes.truncate(at),
            1 => bytes.splice(at..at, [value]).for_each(drop),
            2 => bytes.splice(at..bytes.len().min(at + usize::from(value)), []).for_each(drop),
            _ => bytes.iter_mut().skip(at).take(1).for_each(|b| *b = value),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// A damaged file is refused in one line, or what it says is still a model whose scores are in range.
    #[test]
    fn damaged_files_never_panic(
        file in 0..4usize,
        changes in proptest::collection::vec((any::<u8>(), any::<usize>(), any::<u8>()), 1..4),
    ) {
        let dir = copy();
        let name = ["config.json", "tokenizer.json", "model.safetensors", "model.gguf"][file];
        let path = dir.path().join(name);
        if name == "model.gguf" {
            fs::remove_file(dir.path().join("model.safetensors")).unwrap();
            fs::copy(fixture().join("../decoders/qwen2-q8_0.gguf"), &path).unwrap();
            edit(dir.path(), "config.json", |c| *c = serde_json::from_slice(&fs::read(fixture().join("../decoders/qwen2/config.json")).unwrap()).unwrap());
        }
        let mut bytes = fs::read(&path).unwrap();
        damage(&mut bytes, &changes);
        fs::write(&path, bytes).unwrap();
        let found = inspect(&CheckpointSource::Dir(dir.path().to_owned()));
        match load(&dir) {
            Err(error) => {
                prop_assert!(!error.contains('\n') && error.len() < 4000, "{error}");
                prop_assert!(found.problem.is_some(), "inspection finds nothing: {error}");
            }
            Ok(mut prm) => {
                prm.score(&PrmRequest::linear("2+2?", ["4", "5"]), &mut |_, score| {
                    if let NodeScore::Score(score) = score {
                        assert!(prm_range(score.value()), "{}", score.value());
                    }
                    ControlFlow::Continue(())
                }).ok();
            }
        }
    }
}

fn prm_range(score: f64) -> bool {
    (0.0..=1.0).contains(&score)
}

#[test]
fn sharded_weights_are_found_through_their_index() {
    let dir = copy();
    let all = tensors(&dir.path().join("model.safetensors"));
    fs::remove_file(dir.path().join("model.safetensors")).unwrap();
    let names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    let (a, b) = all.split_at(all.len() / 2);
    write(&dir.path().join(names[0]), a);
    write(&dir.path().join(names[1]), b);
    let of = |i: usize| a.get(i).map_or(names[1], |_| names[0]);
    let map: serde_json::Map<String, serde_json::Value> =
        all.iter().enumerate().map(|(i, t)| (t.0.clone(), of(i).into())).collect();
    let index = dir.path().join("model.safetensors.index.json");
    fs::write(&index, serde_json::json!({"metadata": {}, "weight_map": map}).to_string()).unwrap();
    let case = cases().remove(1);
    assert_close(&score(&mut load(&dir).unwrap(), &linear(&case)).0, &case.scores, 1e-4, "sharded");
    fs::remove_file(dir.path().join(names[1])).unwrap();
    refused(&dir, &[names[1]]);
    write(&dir.path().join(names[1]), &all);
    refused(&dir, &["stands in", names[0], names[1]]);
    fs::write(&index, r#"{"weight_map":{"a":"../model.safetensors"}}"#).unwrap();
    refused(&dir, &["not a plain file name"]);
}

#[test]
fn an_adapter_beside_the_weights_is_merged() {
    let name = "model.layers.1.self_attn.o_proj";
    let factor = |n: u16, step: u16| (0..n).map(|i| f32::from(i * step % 13) / 13.0 - 0.5).collect::<Vec<f32>>();
    let (a, b) = (factor(2 * 64, 7), factor(64 * 2, 5));
    let raw = |x: &[f32]| x.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
    let dir = copy();
    let factors = [
        (format!("base_model.model.{name}.lora_A.weight"), "F32".to_owned(), vec![2, 64], raw(&a)),
        (format!("base_model.model.{name}.lora_B.weight"), "F32".to_owned(), vec![64, 2], raw(&b)),
    ];
    write(&dir.path().join("adapter_model.safetensors"), &factors);
    fs::write(dir.path().join("adapter_config.json"), r#"{"peft_type":"LORA","r":2,"lora_alpha":3,"bias":"none"}"#).unwrap();
    let merged = copy();
    rewrite(merged.path(), |tensors| {
        let (.., data) = tensors.iter_mut().find(|t| t.0 == format!("{name}.weight")).unwrap();
        for (i, w) in data.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            let change: f32 = (0..2).map(|r| b[i / 64 * 2 + r] * a[r * 64 + i % 64]).sum();
            *w = (f32::from_le_bytes(*w) + 1.5 * change).to_le_bytes();
        }
    });
    let case = cases().remove(1);
    let (mut with, mut whole) = (load(&dir).unwrap(), load(&merged).unwrap());
    let (got, want) = (score(&mut with, &linear(&case)).0, score(&mut whole, &linear(&case)).0);
    assert_close(&got, &want, 1e-5, "merged");
    assert!(got.iter().zip(&case.scores).any(|(g, c)| (g - c).abs() > 1e-3), "the adapter changes scores");
    assert_ne!(with.info().key, tiny().info().key);
    fs::write(dir.path().join("adapter_config.json"), r#"{"r":2,"lora_alpha":3,"use_dora":true}"#).unwrap();
    refused(&dir, &["adapter_config.json: use_dora"]);
    fs::write(dir.path().join("adapter_config.json"), r#"{"r":2,"lora_alpha":3}"#).unwrap();
    write(&dir.path().join("adapter_model.safetensors"), &factors[..1]);
    refused(&dir, &["adapter_model.safetensors", "lora_B.weight\" is missing"]);
    fs::remove_file(dir.path().join("adapter_model.safetensors")).unwrap();
    refused(&dir, &["adapter_model.safetensors"]);
}
