//! Labels of solutions that a file no longer holds: somebody changed its texts, or it is cut into other steps. They stay in the store and can
//! be seen nowhere, which is said.

use std::collections::BTreeSet;

use tokio::sync::mpsc::UnboundedSender;

use super::identity;
use crate::app::Message;
use crate::corpus::{Corpus, STDIN, escaped};
use crate::labels::{Given, Session};
use crate::text::many;
use crate::trace::Trace;

/// Looks for them beside the screen, once every file is read, one file after the other; what is found is told.
pub fn look(corpora: &[Corpus], session: &Session, messages: &UnboundedSender<Message>) {
    let mut given = session.given();
    let mut sought = |corpus: &Corpus| is_a_place(corpus).then(|| given.remove(&identity(corpus.name()))).flatten();
    let all: Vec<(Corpus, Given)> = corpora.iter().filter_map(|corpus| Some((corpus.clone(), sought(corpus)?))).collect();
    if all.is_empty() {
        return;
    }
    // What a language model wrote is in no file.
    let (own, messages) = (session.samples().next().map(|_| session.clone()), messages.clone());
    let search = move || {
        for (corpus, sought) in all {
            corpus.wait();
            let strays = count(&corpus, sought, own.as_ref(), || messages.is_closed());
            if strays > 0 {
                let name = escaped(corpus.name());
                let _ = messages.send(Message::Alarm(mark(strays), format!("{name}: {}", told(strays))));
            }
        }
    };
    // A thread of its own: it may wait for long, and reading for the screen must not wait behind it. Without it nothing is told.
    let _ = std::thread::Builder::new().name("strays".to_owned()).spawn(search);
}

/// What goes by the name of standard input is another text each time.
pub fn is_a_place(corpus: &Corpus) -> bool {
    corpus.name() != STDIN
}

fn mark(strays: usize) -> String {
    format!("{} of other texts", many(strays, "label"))
}

/// What is said of so many labels.
pub fn told(strays: usize) -> String {
    let labels = if strays == 1 { "1 label given here speaks" } else { &format!("{strays} labels given here speak") };
    format!(
        "{labels} of a solution that the file no longer holds: its text was changed, or it is cut into other steps. Labels stay with the text that was judged"
    )
}

/// How many of the decisions speak of solutions that the file does not hold. Where they were given is looked at first, and then, if that is
/// not enough, all of it, until `stop`.
pub fn count(corpus: &Corpus, mut sought: Given, own: Option<&Session>, stop: impl Fn() -> bool) -> usize {
    let there = corpus.problem_count();
    let places: BTreeSet<usize> = sought.values().filter_map(|(item, _)| usize::try_from(*item).ok()).collect();
    let near = places.iter().copied().filter(|item| *item < there);
    for problem in near.chain((0..there).filter(|item| !places.contains(item))) {
        if sought.is_empty() || stop() {
            return 0;
        }
        if let Some(trace) = &corpus.problem(problem).trace {
            found(&mut sought, own.and_then(|session| session.recut(trace)).as_ref().unwrap_or(trace));
        }
    }
    sought.values().map(|(_, times)| times).sum()
}

/// Strikes out what a trace holds, also beside its solutions.
pub fn found(sought: &mut Given, trace: &Trace) {
    for solution in &trace.solutions {
        for name in trace.names(solution.leaf) {
            sought.remove(&name);
        }
    }
    for end in trace.steps().filter(|id| trace.node(*id).children.is_empty()) {
        sought.remove(&trace.record_key(end));
    }
}
