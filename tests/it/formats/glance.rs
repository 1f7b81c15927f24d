//! What a record says at a glance is what reading it finds.

use stepscope::corpus::{Corpus, Source};
use stepscope::formats::mapping::{self, Spec};
use stepscope::formats::{FORMATS, Format, RawRecord};
use stepscope::query::{Facts, Told};
use stepscope::trace::{FirstError, SolutionLabels, Trace};

use super::fixture;
use super::sets::{FILES, sets};

/// Everything of it: steps, problem, answer, identifier, author, recorded error, outcome, number of samples.
type All = (Vec<String>, String, Option<String>, Option<String>, Option<String>, FirstError, Option<bool>, usize);

fn all(told: &dyn Told) -> All {
    let owned = |text: Option<std::borrow::Cow<'_, str>>| text.map(std::borrow::Cow::into_owned);
    let steps: Vec<String> = told.steps().into_iter().map(std::borrow::Cow::into_owned).collect();
    assert_eq!(steps.len(), told.step_count());
    let names = (owned(told.answer()), owned(told.id()), owned(told.generator()));
    (steps, told.problem().into_owned(), names.0, names.1, names.2, told.recorded(), told.right(), told.samples())
}

fn whole(trace: &Trace) -> All {
    let path = trace.path(trace.solutions[0].leaf);
    let (scores, own) = (vec![None; path.len()], SolutionLabels::unseen(path.len()));
    all(&Facts::bare(trace, 0, &path, &scores, &own))
}

/// What was found, without an answer or outcome that is left to reading.
fn as_far_as(seen: &All, mut found: All) -> All {
    found.2 = found.2.filter(|_| seen.2.is_some());
    found.6 = found.6.filter(|_| seen.6.is_some());
    found
}

/// Whether something is seen at a glance, which then is the same as what reading finds.
pub(super) fn is_seen(format: &dyn Format, bytes: &[u8]) -> bool {
    let Some(glance) = format.glance(bytes) else { return false };
    let shown = || format!("{}: {}", format.name(), bytes.escape_ascii());
    let trace = format.read(&RawRecord { index: 0, line: 1, bytes }).unwrap_or_else(|error| panic!("{error}: {}", shown()));
    let seen = all(&glance);
    assert_eq!(seen, as_far_as(&seen, whole(&trace)), "{}", shown());
    // Records of one problem are one problem, whoever looks at them.
    assert!(seen.1.is_empty() || glance.problem_hash() == format.problem_hash(bytes), "{}", shown());
    true
}

#[test]
fn what_is_seen_at_a_glance_is_what_reading_finds() {
    let seen: Vec<(&str, usize)> = FORMATS
        .iter()
        .map(|format| (format.name(), fixture(format.name()).iter().filter(|record| is_seen(*format, record)).count()))
        .filter(|(_, count)| *count > 0)
        .collect();
    println!("{seen:?}");
    for name in ["processbench", "trl"] {
        assert!(seen.iter().any(|(known, _)| *known == name), "{name}: {seen:?}");
    }
}

#[test]
fn a_mapping_is_seen_at_a_glance_where_all_lies_at_the_top() {
    let format = |text: &str| mapping::format(text.parse::<Spec>().unwrap()).unwrap();
    let records = [
        r#"{"q": "p", "s": ["a", "b\\n"], "l": 1, "n": 7, "who": "m"}"#,
        r#"{"q": "p", "s": ["a", "b"], "l": -1, "n": "x"}"#,
        r#"{"q": "p", "s": ["a", "b"], "l": null}"#,
        r#"{"q": "p", "s": ["a", "b"], "l": [true, false]}"#,
        r#"{"q": "p", "s": ["a", "b"], "l": [1, 0]}"#,
        r#"{"q": "p", "s": ["a", "b"], "l": [1, null]}"#,
        r#"{"q": "p", "s": "a\n\nb", "l": 0}"#,
        r#"{"q": "p", "s": ["a", "b"], "l": 2}"#,
        r#"{"q": "p", "s": [], "l": -1, "a": "4"}"#,
        r#"{"q": {"s": "p"}, "s": [], "l": "1.0"}"#,
    ];
    let seen = |text: &str| records.iter().filter(|record| is_seen(format(text), record.as_bytes())).count();
    assert_eq!(seen("problem=q,steps=s,label=l,id=n,generator=who"), 5);
    assert_eq!(seen("problem=q,steps=s,label=l,as=correct"), 3);
    assert_eq!(seen("problem=q,steps=s,answer=a"), 7);
    // What reading takes from one place twice, counts from one or looks for further down is left to it.
    assert_eq!(seen("problem=q,steps=s,label=l,base=1"), 1, "a list needs no base");
    for text in ["problem=q,steps=s,id=q", "problem=q.s,steps=s", "steps=s"] {
        assert_eq!(seen(text), 0, "{text}");
    }
}

#[test]
fn real_records_are_seen_at_a_glance_as_they_are_read() {
    let Some(folder) = sets() else { return };
    let mut most = 0;
    for (name, ..) in FILES {
        let corpus = Corpus::open(Source::Path(folder.join(name)), None).unwrap();
        corpus.wait();
        let seen = corpus.glance(0..corpus.problem_count().min(200), |problem, glance| Some((problem, all(glance))));
        most = most.max(seen.iter().flatten().count());
        for (problem, seen) in seen.into_iter().flatten() {
            let view = corpus.problem(problem);
            assert_eq!(seen, as_far_as(&seen, whole(view.trace.as_ref().unwrap())), "{name}, problem {}", problem + 1);
        }
    }
    // Some problems have several records.
    assert!(most > 150, "{most}");
}
