//! Speed of scoring one solution of about 512 tokens: `prefill FOLDER [TOKENS [ITERATIONS]]`. Threads: `RAYON_NUM_THREADS`.
//!
//! One line in the form of the peers' scripts beside this file, for `paired.py`.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measuring program")]

use std::ops::ControlFlow;
use std::time::Instant;

use stepscope::prm::{CheckpointSource, Prm, PrmRequest};

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|a| a != "--bench");
    let Some(folder) = arguments.next() else { return println!("prefill FOLDER [TOKENS [ITERATIONS]]") };
    let tokens: usize = arguments.next().map_or(512, |a| a.parse().unwrap());
    let iterations: usize = arguments.next().map_or(4, |a| a.parse().unwrap());
    let source = if folder == "embedded" { CheckpointSource::Embedded } else { CheckpointSource::Dir(folder.into()) };
    let start = Instant::now();
    let mut prm = Prm::load(&source).unwrap();
    let loaded = start.elapsed().as_secs_f64();
    prm.remember_prefixes(0);
    let mut rates = Vec::new();
    for i in 0..=iterations {
        let request = solution(&prm, i, tokens);
        let start = Instant::now();
        let stats = prm.score(&request, &mut |_, _| ControlFlow::Continue(())).unwrap();
        rates.push(stats.tokens as f64 / start.elapsed().as_secs_f64());
    }
    // The first one is for the caches.
    let mut rates = rates.split_off(1);
    rates.sort_by(f64::total_cmp);
    let (best, median) = (rates[rates.len() - 1], rates[(rates.len() - 1) / 2]);
    println!("stepscope {} best={best:.1} med={median:.1} load={loaded:.3}", prm.info().computes);
}

/// A request of about that many tokens that begins like no other, in steps of about 60 tokens.
fn solution(prm: &Prm, number: usize, tokens: usize) -> PrmRequest {
    let mut steps: Vec<String> = Vec::new();
    let count = |request: &PrmRequest| {
        let tree = prm.tokens(request).unwrap();
        tree.prefix.len() + tree.nodes.iter().map(|n| n.as_ref().map_or(0, |n| n.ids.len())).sum::<usize>()
    };
    let problem = format!("{number} bakers fill 6 trays with 12 rolls each. How many rolls are left?");
    loop {
        let i = steps.len();
        steps.push(format!("We compute {i} + {i} = {} rolls, so {} rolls are left of the {i} trays. ", 2 * i, 7 * i).repeat(2));
        let request = PrmRequest::linear(&problem, steps.clone());
        if count(&request) >= tokens {
            return request;
        }
    }
}
