//! Real files, where they are at hand: `STEPSCOPE_DATA`, by default beside the checkout.

use stepscope::formats::{Framing, Labelled, Unit, detect, parse_json};
use stepscope::labels::policy::Policy;
use stepscope::trace::Trace;

use super::stepscope::assert_lossless;
use super::{foreign, format, joined, lines, raw, written};

/// The bytes of a real file; `None`, with a line that says so, when it is not there.
fn real(path: &str) -> Option<Vec<u8>> {
    crate::support::data(path).map(|path| std::fs::read(path).unwrap())
}

/// The objects of a JSON list, as they stand in the file.
fn objects(bytes: &[u8]) -> Vec<Vec<u8>> {
    let (mut out, mut depth, mut start, mut in_string, mut escaped) = (Vec::new(), 0, 0, false, false);
    for (at, &byte) in bytes.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' if !in_string => {
                if depth == 0 {
                    start = at;
                }
                depth += 1;
            }
            b'}' if !in_string => {
                depth -= 1;
                if depth == 0 {
                    out.push(bytes[start..=at].to_vec());
                }
            }
            _ => {}
        }
    }
    out
}

/// Reads every record of a real file as the format that is detected.
fn read(name: &str, records: &[Vec<u8>]) -> Vec<Trace> {
    let sample: Vec<_> = records.iter().take(50).map(|record| parse_json(record).unwrap()).collect();
    assert_eq!(detect(&sample).unwrap().0.name(), name);
    let format = format(name);
    let all = records.iter().enumerate().map(|(index, record)| {
        let Unit { trace, errors } = format.read_unit(&raw(records, &[index]));
        assert_eq!(errors, [], "record {index}");
        assert!(format.problem_hash(record).is_some());
        trace.unwrap()
    });
    all.collect()
}

#[test]
fn processbench_files() {
    for (file, count) in [("gsm8k", 303), ("math", 772), ("olympiadbench", 751), ("omnimath", 749)] {
        let Some(bytes) = real(&format!("processbench/{file}.json")) else { return };
        let records = objects(&bytes);
        assert_eq!(records.len(), count);
        let traces = read("processbench", &records);
        // The whole file comes back byte for byte.
        let mut out = Framing::Array.start().as_bytes().to_vec();
        for (index, (trace, record)) in traces.iter().zip(&records).enumerate() {
            let items: Vec<_> = foreign(trace).into_iter().map(|item| Labelled { raw: Some(record), ..item }).collect();
            let (written, _) = written("processbench", &items, Policy::default());
            if index > 0 {
                out.extend_from_slice(Framing::Array.between().as_bytes());
            }
            out.extend_from_slice(&Framing::Array.record(&written[0]));
        }
        out.extend_from_slice(Framing::Array.end().as_bytes());
        assert!(out == bytes, "{file}");
        traces.iter().take(50).for_each(assert_lossless);
    }
}

#[test]
fn gsm8k_model_solutions() {
    let Some(bytes) = real("gsm8k-solutions/example_model_solutions.jsonl") else { return };
    let traces = read("gsm8k-samples", &lines(&bytes));
    assert_eq!(traces.len(), 991);
    assert_eq!(traces.iter().map(|trace| trace.solutions.len()).sum::<usize>(), 991 * 4);
    let answered = traces.iter().flat_map(|trace| &trace.solutions).filter(|solution| solution.final_answer.is_some()).count();
    assert!(answered > 3900, "{answered}");
    traces.iter().take(100).for_each(assert_lossless);
}

#[test]
fn qwen_best_of_8() {
    let Some(bytes) = real("qwen-math-bestof8/math_cot_100.jsonl") else { return };
    let traces = read("qwen-samples", &lines(&bytes));
    assert_eq!(traces.len(), 76);
    assert!(traces.iter().all(|trace| trace.solutions.len() == 8));
    // Each text re-joins from its steps where it shares none of them with another text.
    for (trace, record) in
        traces.iter().zip(lines(&bytes)).filter(|(trace, _)| !trace.branches() && trace.nodes[0].children.len() == 1)
    {
        let value = parse_json(&record).unwrap();
        assert_eq!(value["code"][0], joined(trace, 0));
    }
    traces.iter().for_each(assert_lossless);
}

#[test]
fn openr_samples() {
    let Some(tree) = real("openr-samples/math-aps-tree.jsonl") else { return };
    let traces = read("openr", &lines(&tree));
    // Original nodes, each of which stands with some step.
    let nodes = |trace: &Trace| -> usize {
        trace.nodes.iter().filter_map(|node| node.extra.get("openr")).map(|bounds| bounds.as_array().unwrap().len()).sum()
    };
    assert_eq!(traces.iter().map(nodes).collect::<Vec<_>>(), [143, 90]);
    assert_eq!(traces.iter().map(|trace| trace.solutions.len()).collect::<Vec<_>>(), [137, 85]);
    assert!(traces.iter().all(|trace| trace.branches() && trace.nodes[0].stats.mc.is_some()));
    traces.iter().for_each(assert_lossless);

    let flat = real("openr-samples/math-aps.jsonl").unwrap();
    let flat = read("openr", &lines(&flat));
    assert_eq!(flat.iter().map(nodes).collect::<Vec<_>>(), [90]);
    flat.iter().for_each(assert_lossless);
}

#[test]
fn math_shepherd_and_prm800k_samples_come_back_byte_for_byte() {
    for (file, name, count) in [("math-shepherd", "math-shepherd", 6), ("prm800k", "prm800k", 4)] {
        let Some(bytes) = real(&format!("openr-samples/{file}.jsonl")) else { return };
        let records = lines(&bytes);
        let traces = read(name, &records);
        assert_eq!(traces.len(), count);
        for (trace, record) in traces.iter().zip(&records) {
            let items: Vec<_> = foreign(trace).into_iter().map(|item| Labelled { raw: Some(record), ..item }).collect();
            assert_eq!(written(name, &items, Policy::default()).0, std::slice::from_ref(record));
            // Labels that say the same again give the same labels.
            let again: Vec<_> = items.into_iter().map(|item| Labelled { touched: true, ..item }).collect();
            let policy = "keep-as-rated".parse().map(|after_error| Policy { after_error, ..Policy::default() }).unwrap();
            let rewritten = written(name, &again, policy).0;
            let back = super::one(name, std::str::from_utf8(&rewritten[0]).unwrap());
            assert_eq!(super::recorded(&back, 0), super::recorded(trace, 0));
            assert_eq!(back.nodes.len(), trace.nodes.len());
            assert_lossless(trace);
        }
    }
}

#[test]
fn versaprm_sample() {
    let Some(bytes) = real("versaprm-prm800k/prm800k_phase2_eval_small.json") else { return };
    let traces = read("versaprm", &objects(&bytes));
    assert_eq!(traces.len(), 10);
    assert_eq!(traces.iter().filter(|trace| trace.nodes.iter().any(|node| node.children.len() > 1)).count(), 6);
    traces.iter().for_each(assert_lossless);
}
