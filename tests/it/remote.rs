//! Models behind servers: a small server of our own plays vLLM and llama.cpp, with every fault that a server can have.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Output;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use serde_json::{Value, json};

use crate::families::{Case, Entry, entries};
use crate::support::Folder;

/// What came in.
#[derive(Debug, Clone)]
struct Asked {
    path: String,
    token: Option<String>,
    body: Value,
}

/// A server on this machine that answers with status and body.
struct Mock {
    url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Mock {
    fn start(answer: impl Fn(&Asked, usize) -> (u16, String) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let request = read(&stream);
                let mut log = log.lock().unwrap();
                let (status, body) = answer(&request, log.len());
                log.push(request);
                let more = if status == 302 { "location: http://127.0.0.1:9/\r\n" } else { "" };
                // A client that has given up is no fault of the server.
                let _ = write!(
                    stream,
                    "HTTP/1.1 {status} X\r\nconnection: close\r\n{more}content-length: {}\r\n\r\n{body}",
                    body.len()
                );
            }
        });
        Self { url, asked }
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn read(stream: &TcpStream) -> Asked {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let (mut length, mut token) = (0, None);
    loop {
        line.clear();
        reader.read_line(&mut line).unwrap();
        match line.trim_end().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.parse().unwrap(),
            Some((name, value)) if name.eq_ignore_ascii_case("authorization") => token = Some(value.to_owned()),
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    Asked { path, token, body: serde_json::from_slice(&body).unwrap_or(Value::Null) }
}

/// A checkpoint, one solution of its fixture, and a folder for both.
struct Place {
    folder: Folder,
    prm: String,
    entry: Entry,
}

impl Place {
    fn new(model: &str) -> Self {
        let folder = Folder::new();
        let entry = entries().into_iter().find(|entry| entry.folder == model).unwrap();
        let prm = entry.folder(folder.at(), "new").display().to_string();
        let case = entry.cases.iter().find(|case| case.name == "odd").unwrap();
        let solution = json!({"id": "a", "generator": "g", "problem": case.problem, "steps": case.steps, "final_answer_correct": true, "label": -1});
        fs::write(folder.path("in.jsonl"), solution.to_string()).unwrap();
        Self { folder, prm, entry }
    }

    fn case(&self) -> &Case {
        self.entry.cases.iter().find(|case| case.name == "odd").unwrap()
    }

    fn run(&self, url: &str, api: &str) -> Output {
        self.folder
            .command(&[
                "score",
                "in.jsonl",
                "-o",
                "out.jsonl",
                "--force",
                "--no-cache",
                "--prm",
                &self.prm,
                "--server",
                url,
                "--server-api",
                api,
            ])
            .env("STEPSCOPE_SERVER_TOKEN", "secret-token")
            .output()
            .unwrap()
    }

    /// Scores, or the reasons why there are none.
    fn scores(&self, url: &str, api: &str) -> Vec<Result<f64, String>> {
        let output = self.run(url, api);
        let line: Value = serde_json::from_str(&fs::read_to_string(self.folder.path("out.jsonl")).unwrap()).unwrap();
        let step = |step: &Value| match step["score"].as_f64() {
            Some(score) => Ok(score),
            None => Err(step["reason"].as_str().unwrap().to_owned()),
        };
        let steps: Vec<Result<f64, String>> = line["steps"].as_array().unwrap().iter().map(step).collect();
        // A run that scored nothing is a failure.
        assert_eq!(output.status.success(), steps.iter().any(Result::is_ok), "{}", String::from_utf8_lossy(&output.stderr));
        steps
    }

    #[track_caller]
    fn expect(&self, got: &[Result<f64, String>]) {
        let want = &self.case().scores;
        assert_eq!(got.len(), want.len());
        for (got, want) in got.iter().zip(want) {
            assert!((got.as_ref().unwrap() - want).abs() < 1e-5, "{got:?}, expected {want}");
        }
    }
}

/// Rows of a head with two labels that mean these scores.
fn rows(scores: &[f64]) -> Vec<Value> {
    scores.iter().map(|p| json!([1.0 - p, p])).collect()
}

fn pooled(data: &Value, tokens: usize) -> String {
    json!({"object": "list", "data": [{"index": 0, "object": "pooling", "data": data}], "usage": {"prompt_tokens": tokens}})
        .to_string()
}

const MODELS: &str = r#"{"object":"list","data":[{"id":"our-model"}]}"#;

#[test]
#[expect(clippy::cast_possible_truncation, reason = "the server answers in f32")]
fn vllm_pools_one_row_a_step_in_any_payload() {
    let place = Place::new("my-trl-prm");
    let (scores, ids) = (place.case().scores.clone(), place.case().ids.clone());
    let bytes: Vec<u8> = scores.iter().flat_map(|p| [1.0 - p, *p]).flat_map(|x| (x as f32).to_le_bytes()).collect();
    let text = base64::engine::general_purpose::STANDARD.encode(bytes);
    let logits: Vec<Value> = scores.iter().map(|p| json!([0.0, (p / (1.0 - p)).ln()])).collect();
    let flat: Vec<f64> = scores.iter().flat_map(|p| [1.0 - p, *p]).collect();
    for data in [json!(rows(&scores)), json!(text), json!(logits), json!(flat)] {
        let tokens = ids.len();
        let mock = Mock::start(move |asked, _| match asked.path.as_str() {
            "/v1/models" => (200, MODELS.to_owned()),
            _ => (200, pooled(&data, tokens)),
        });
        place.expect(&place.scores(&mock.url, "vllm-pooling"));
        let asked = mock.asked();
        assert!(asked.iter().all(|asked| asked.token.as_deref() == Some("Bearer secret-token")));
        let body = &asked.last().unwrap().body;
        assert_eq!((&body["model"], &body["add_special_tokens"]), (&json!("our-model"), &json!(false)));
        assert_eq!(body["input"], json!([ids]), "the tokens of the reference are sent, no text");
    }
}

#[test]
fn a_row_for_every_token_and_an_old_dialect_are_understood() {
    let place = Place::new("my-trl-prm");
    let (scores, read, tokens) = (place.case().scores.clone(), place.case().read.clone(), place.case().ids.len());
    let mock = Mock::start(move |asked, _| match asked.path.as_str() {
        "/v1/models" => (200, MODELS.to_owned()),
        _ if asked.body.get("softmax").is_none() => (400, r#"{"error":{"message":"unknown field"}}"#.to_owned()),
        _ => {
            let mut all = vec![json!([0.5, 0.5]); tokens];
            for (at, p) in read.iter().zip(&scores) {
                all[*at] = json!([1.0 - p, p]);
            }
            (200, pooled(&json!(all), tokens))
        }
    });
    place.expect(&place.scores(&mock.url, "vllm-pooling"));
}

/// One row by itself may look like shares; what the server gave before tells.
#[test]
fn logits_of_a_single_step_are_not_taken_for_shares_once_others_were_seen() {
    let place = Place::new("my-trl-prm");
    let problem = |q: &str| {
        json!({"id": q, "problem": q, "steps": ["It is so."], "final_answer_correct": true, "label": -1, "generator": "g"})
            .to_string()
    };
    let problems = ["1+1?", "2+2?"].map(problem);
    fs::write(place.folder.path("in.jsonl"), problems.join("\n")).unwrap();
    let mock = Mock::start(move |asked, before| {
        if asked.path == "/v1/models" {
            return (200, MODELS.to_owned());
        }
        let row = if before <= 1 { json!([[-1.0, 1.0]]) } else { json!([[0.3, 0.7]]) };
        (200, pooled(&row, asked.body["input"][0].as_array().unwrap().len()))
    });
    let output = place.run(&mock.url, "vllm-pooling");
    let lines = fs::read_to_string(place.folder.path("out.jsonl")).unwrap();
    let score = |line: &str| serde_json::from_str::<Value>(line).unwrap()["steps"][0]["score"].as_f64().unwrap();
    let scores: Vec<f64> = lines.lines().map(score).collect();
    let logistic = |z: f64| 1.0 / (1.0 + (-z).exp());
    assert!((scores[0] - logistic(2.0)).abs() < 1e-5 && (scores[1] - logistic(0.4)).abs() < 1e-5, "{scores:?} {output:?}");
}

#[test]
fn faults_of_a_server_are_one_line_and_never_a_wrong_score() {
    let place = Place::new("my-trl-prm");
    let (scores, tokens) = (place.case().scores.clone(), place.case().ids.len());
    let good = pooled(&json!(rows(&scores)), tokens);
    let short = pooled(&json!(rows(&scores[1..])), tokens);
    let other_tokens = pooled(&json!(rows(&scores)), tokens + 1);
    let mut holed = rows(&scores);
    holed[1] = json!([0.5, null]);
    let holed = pooled(&json!(holed), tokens);
    for (status, body, said) in [
        (200, short.as_str(), "expected a row for each of 4 steps"),
        (200, &other_tokens, "the server read"),
        (200, "<html>", "expected JSON"),
        (200, "{}", "expected a list \"data\""),
        (404, r#"{"detail":"Not Found"}"#, "status 404: Not Found"),
        (401, "no secret-token here", "status 401: no … here (the token is read from STEPSCOPE_SERVER_TOKEN)"),
        (302, "", "sends us elsewhere"),
        (400, "\u{1b}]52;c;aGk=\u{7}\u{1b}[2J\u{9b}31m no \u{202e}more\nof this", "status 400: "),
    ] {
        let body = body.to_owned();
        let mock = Mock::start(move |asked, _| match asked.path.as_str() {
            "/v1/models" => (200, MODELS.to_owned()),
            _ => (status, body.clone()),
        });
        for step in place.scores(&mock.url, "vllm-pooling") {
            let reason = step.unwrap_err();
            assert!(reason.contains(said) && reason.contains(&mock.url), "{said}: {reason}");
            assert!(!reason.contains(|c: char| c.is_control() || c == '\u{202e}'), "{reason:?}");
        }
    }
    // One bad number costs one step.
    for bad in ["null", "1e400", "-1e999"] {
        let holed = holed.replacen("null", bad, 1);
        let mock = Mock::start(move |asked, _| (200, if asked.path == "/v1/models" { MODELS.to_owned() } else { holed.clone() }));
        let steps = place.scores(&mock.url, "vllm-pooling");
        assert!(
            steps[1].as_ref().unwrap_err().contains("finite") && steps.iter().filter(|step| step.is_ok()).count() == 3,
            "{bad}: {steps:?}"
        );
    }
    // A busy server is asked again.
    let mock = Mock::start(move |asked, before| match (asked.path.as_str(), before) {
        ("/v1/models", _) => (200, MODELS.to_owned()),
        (_, 0..3) => (503, "busy".to_owned()),
        _ => (200, good.clone()),
    });
    place.expect(&place.scores(&mock.url, "vllm-pooling"));
    assert_eq!(mock.asked().len(), 4);
}

#[test]
fn a_path_that_is_refused_costs_no_other_its_score_and_the_reason_is_that_of_the_dialect_understood() {
    let place = Place::new("my-trl-prm");
    let long = "so it is ".repeat(200);
    let sample = |(id, step): (&str, &str)| {
        json!({"id": id, "generator": "g", "problem": "1+1?", "steps": [step], "final_answer_correct": true, "label": -1})
            .to_string()
    };
    fs::write(place.folder.path("in.jsonl"), [("a", "It is 2."), ("b", &long), ("c", "It is 3.")].map(sample).join("\n"))
        .unwrap();
    let mock = Mock::start(|asked, _| {
        if asked.path == "/v1/models" {
            return (200, MODELS.to_owned());
        }
        let lengths: Vec<usize> =
            asked.body["input"].as_array().unwrap().iter().map(|ids| ids.as_array().unwrap().len()).collect();
        let refused = |why: &str| (400, json!({"error": {"message": why}}).to_string());
        if asked.body["task"] != "token_classify" {
            return refused("extra inputs are not permitted");
        }
        if lengths.iter().any(|tokens| *tokens > 100) {
            return refused("the maximum context length is 100 tokens");
        }
        let data = |(index, tokens): (usize, &usize)| json!({"index": index, "data": vec![[0.4, 0.6]; *tokens]});
        let data: Vec<Value> = lengths.iter().enumerate().map(data).collect();
        (200, json!({"data": data, "usage": {"prompt_tokens": lengths.iter().sum::<usize>()}}).to_string())
    });
    let output = place.run(&mock.url, "vllm-pooling");
    let lines = fs::read_to_string(place.folder.path("out.jsonl")).unwrap();
    let steps: Vec<Value> = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["steps"][0].take()).collect();
    assert!([0, 2].iter().all(|at| (steps[*at]["score"].as_f64().unwrap() - 0.6).abs() < 1e-5), "{steps:?} {output:?}");
    assert!(steps[1]["reason"].as_str().unwrap().contains("maximum context length is 100"), "{:?}", steps[1]);
}

#[test]
fn what_cannot_work_is_said_at_the_start() {
    let place = Place::new("my-trl-prm");
    let two = Mock::start(|_, _| (200, r#"{"data":[{"id":"a"},{"id":"b"}]}"#.to_owned()));
    for (url, api, said) in [
        (two.url.as_str(), "vllm-pooling", "expected --server-model to name one of a, b"),
        (&two.url, "vllm-completions", "this one has a head (vllm-pooling)"),
        ("http://example.org", "vllm-pooling", "plain http is taken for this machine alone"),
        ("https://user:pw@example.org", "vllm-pooling", "without user and password"),
    ] {
        let output = place.run(url, api);
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && text.contains(said) && text.lines().count() == 1, "{text}");
    }
}

/// Alternatives at every read position of a verdict model: these two tokens with the score as the share of the first.
fn verdicts(case: &Case, good: u32, bad: u32) -> BTreeMap<usize, Value> {
    let verdict =
        |p: f64| json!({good.to_string(): {"logprob": (0.9 * p).ln()}, bad.to_string(): {"logprob": (0.9 * (1.0 - p)).ln()}});
    case.read.iter().zip(&case.scores).map(|(at, p)| (*at, verdict(*p))).collect()
}

#[test]
fn verdict_tokens_are_read_from_log_probabilities() {
    // The ids of "+" and "-" in the tokenizer of the fixture.
    let (good, bad) = (10, 12);
    let place = Place::new("Llama3.1-8B-PRM-Deepseek-Data");
    let ids = place.case().ids.clone();
    let at = verdicts(place.case(), good, bad);
    let mock = Mock::start(move |asked, _| {
        if asked.path == "/v1/models" {
            return (200, MODELS.to_owned());
        }
        // The path may end at its last read position, whose successor is then the generated token.
        let sent = asked.body["prompt"].as_array().unwrap().len();
        assert_eq!(asked.body["prompt"], json!(ids[..sent]));
        let mut before = vec![Value::Null; sent];
        for (read, verdict) in at.range(..sent - 1) {
            before[read + 1] = verdict.clone();
        }
        let last = at.get(&(sent - 1)).cloned().unwrap_or(json!({}));
        let last: BTreeMap<String, Value> =
            last.as_object().unwrap().iter().map(|(id, v)| (format!("token_id:{id}"), v["logprob"].clone())).collect();
        let choice = json!({"prompt_logprobs": before, "logprobs": {"top_logprobs": [last]}});
        (200, json!({"choices": [choice]}).to_string())
    });
    place.expect(&place.scores(&mock.url, "vllm-completions"));

    let at = verdicts(place.case(), good, bad);
    let mock = Mock::start(move |asked, _| {
        let sent = asked.body["prompt"].as_array().unwrap().len();
        let biased: Vec<u64> = asked.body["logit_bias"].as_array().unwrap().iter().filter_map(|pair| pair[0].as_u64()).collect();
        assert_eq!(
            (biased, &asked.body["n_probs"]),
            (vec![good.into(), bad.into()], &json!(2)),
            "no other token comes before them"
        );
        let verdict = &at[&(sent - 1)];
        let list: Vec<Value> = verdict
            .as_object()
            .unwrap()
            .iter()
            .map(|(id, v)| json!({"id": id.parse::<u32>().unwrap(), "token": "x", "prob": v["logprob"].as_f64().unwrap().exp()}))
            .collect();
        (200, json!({"completion_probabilities": [{"top_probs": list}]}).to_string())
    });
    place.expect(&place.scores(&mock.url, "llama-cpp"));
}

#[test]
fn hidden_states_of_llama_cpp_go_through_our_own_head() {
    let place = Place::new("my-trl-prm");
    let tensors =
        candle_core::safetensors::load(format!("{}/my-trl-prm.safetensors", place.prm), &candle_core::Device::Cpu).unwrap();
    let weight: Vec<Vec<f32>> = tensors["score.weight"].to_vec2().unwrap();
    let bias: Vec<f32> = tensors["score.bias"].to_vec1().unwrap();
    let state =
        |token: usize| -> Vec<f32> { (0..weight[0].len()).map(|i| ((token * 31 + i * 7) % 13) as f32 / 13.0 - 0.5).collect() };
    let score = |state: &[f32]| {
        let logit = |k: usize| weight[k].iter().zip(state).map(|(w, x)| w * x).sum::<f32>() + bias[k];
        1.0 / (1.0 + f64::from(logit(0) - logit(1)).exp())
    };
    let want: Vec<f64> = place.case().read.iter().map(|read| score(&state(*read))).collect();
    let states: Vec<Vec<f32>> = (0..place.case().ids.len()).map(state).collect();
    let mean = json!([{"index": 0, "embedding": states[0]}]).to_string();
    let mock = Mock::start(move |asked, _| {
        let sent = asked.body["input"].as_array().unwrap().len();
        (200, json!([{"index": 0, "embedding": states[..sent]}]).to_string())
    });
    for (got, want) in place.scores(&mock.url, "llama-cpp").iter().zip(&want) {
        assert!((got.as_ref().unwrap() - want).abs() < 1e-5, "{got:?}, expected {want}");
    }
    let mock = Mock::start(move |_, _| (200, mean.clone()));
    assert!(place.scores(&mock.url, "llama-cpp").iter().all(|step| step.as_ref().unwrap_err().contains("one flat list")));
}
