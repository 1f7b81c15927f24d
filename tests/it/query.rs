//! The language of filters and orders.

use proptest::prelude::*;
use stepscope::query::{Facts, Kind, Names, ORDERS, Opinion, QUANTITIES, Query, STEP_QUANTITIES, completions};
use stepscope::trace::{FirstError, SolutionLabels, Trace};

use super::desk::{Desk, SOLUTIONS};

/// Asks a question of the first solution of the demo, with these scores of its steps.
fn ask<T>(scores: &[Option<f64>], question: impl Fn(&Facts<'_>) -> T) -> T {
    let desk = Desk::new(&[("demo/solutions.json", SOLUTIONS)], (120, 40));
    let trace: &Trace = desk.app.trace().unwrap();
    let path = trace.path(trace.solutions[0].leaf);
    let mut all = vec![None; path.len()];
    all[..scores.len()].copy_from_slice(scores);
    let own = SolutionLabels::unseen(path.len());
    let predicted = if all.iter().all(Option::is_some) { FirstError::At(1) } else { FirstError::Unknown };
    question(&Facts { predicted, later: true, assigned: Some(true), ..Facts::bare(trace, 0, &path, &all, &own) })
}

fn truth(text: &str) -> Option<bool> {
    let query = Query::filter(text, &Names::new()).unwrap_or_else(|error| panic!("{}", error.in_line(text)));
    ask(&[Some(0.9), Some(0.25)], |facts| query.holds(facts))
}

#[test]
fn questions_mean_what_they_say() {
    for (text, expected) in [
        ("len > 2 and later", Some(true)),
        ("later & !flagged", Some(true)),
        ("not (later or flagged)", Some(false)),
        ("1 + 2 * 3 = 7", Some(true)),
        ("(1 + 2) * 3 == 9 and -2 < -1", Some(true)),
        ("1 - 2 - 3 = -4", Some(true)),
        ("min(3, 2, len) = 2 and max(1, 2) >= 2 and abs(-3) = 3", Some(true)),
        ("later + later = 2", Some(true)),
        ("later = 1", Some(true)),
        (".5 < 1.5", Some(true)),
        // Not every step has a score.
        ("min_prm < .3", None),
        ("min_prm < .3 and flagged", Some(false)),
        ("min_prm < .3 or later", Some(true)),
        ("!(min_prm < .3)", None),
        ("1 / 0 > 1", None),
        (".1 + .2 == .3 and .8388 != .84", Some(true)),
        // Of what one says oneself it is known that nothing was said; a record may leave out what is so.
        ("kind ~ slip", Some(false)),
        ("tags !~ done", Some(true)),
        ("by !~ done and by ~ done", Some(false)),
        ("min_prm * flagged = 0 and flagged * min_prm / len = 0", Some(true)),
        ("min_prm * later = 0", None),
        ("problem ~ \"[a-z]\"", Some(true)),
        ("text ~ 'no such words'", Some(false)),
        ("text !~ 'no such words'", Some(true)),
    ] {
        assert_eq!(truth(text), expected, "{text}");
    }
}

#[test]
fn what_is_wrong_with_a_question_is_said_where_it_is() {
    for (text, expected) in [
        ("len", "\u{25b8}len: this is a number, not true or false; compare it, as in len > 1"),
        ("len >", "len >\u{25b8}: a name, a number or a bracket is expected at the end"),
        ("len > 3 later", "len > 3 \u{25b8}later: later is one too many; `and`, `or` or a comparison is expected"),
        ("lenn > 3", "\u{25b8}lenn > 3: nothing is called lenn; is it len?"),
        ("text > 3", "\u{25b8}text > 3: > takes numbers, and this is a text; texts are looked into with ~"),
        ("len and later", "\u{25b8}len and later: and takes true or false, and this is a number"),
        ("!len", "!\u{25b8}len: ! takes true or false, and this is a number"),
        ("(later", "\u{25b8}(later: this bracket is not closed"),
        ("later ~ x", "\u{25b8}later ~ x: ~ takes a text, and this is true or false"),
        ("text ~ '('", "text ~ \u{25b8}'(': no pattern: error: unclosed group"),
        ("text ~ 'a", "text ~ \u{25b8}'a: a text without its end; ' is missing"),
        ("len # 3", "len \u{25b8}# 3: '#' means nothing here"),
        ("1.2.3 > 0", "\u{25b8}1.2.3 > 0: \"1.2.3\" is no number"),
        ("min > 3", "min \u{25b8}> 3: min takes numbers in brackets, as in min(drop, .5)"),
    ] {
        let error = Query::filter(text, &Names::new()).unwrap_err();
        assert_eq!(error.in_line(text), expected, "{text}");
    }
    let deep = format!("{}later{}", "(".repeat(500), ")".repeat(500));
    assert!(Query::filter(&deep, &Names::new()).unwrap_err().what.contains("more than 100"));
    assert!(Query::filter(&"!".repeat(5000), &Names::new()).is_err() && Query::order(&"-".repeat(5000), &Names::new()).is_err());
    assert!(Query::order("text", &Names::new()).is_err());
    // Names that stand in one another, each in many places or in a long chain.
    for (links, more) in [(15, "x1|x1|x1|x1".to_owned()), (14, format!("x1{}", "|z".repeat(4_900)))] {
        let link = |at: usize| (format!("x{at}"), more.replace("x1", &format!("x{}", at + 1)));
        let last = [(format!("x{links}"), "later".to_owned()), ("z".to_owned(), "later".to_owned())];
        let names: Names = (0..links).map(link).chain(last).collect();
        assert!(Query::filter("x0", &names).unwrap_err().what.contains("more than 2500 parts"));
    }
}

#[test]
fn the_share_of_right_answers_is_worked_out_once_a_problem() {
    let query = Query::order("solved", &Names::new()).unwrap();
    let kept = std::cell::OnceCell::new();
    let worked_out = ask(&[], |facts| query.number(facts));
    assert_eq!(
        ask(&[], |facts| query
            .number(&Facts { solved: Some(&kept), ..Facts::bare(facts.trace, 0, facts.path, facts.scores, facts.own) })),
        worked_out
    );
    assert_eq!(kept.get(), Some(&worked_out));
    let kept = std::cell::OnceCell::from(Some(0.25));
    assert_eq!(
        ask(&[], |facts| query
            .number(&Facts { solved: Some(&kept), ..Facts::bare(facts.trace, 0, facts.path, facts.scores, facts.own) })),
        Some(0.25)
    );
}

#[test]
fn two_models_that_differ_are_divided_whatever_a_third_one_knows() {
    let opinion = |first_error| Opinion { scores: Vec::new(), first_error };
    let divided = Query::filter("divided", &Names::new()).unwrap();
    let (none, at) = (FirstError::NoError, FirstError::At);
    for (predicted, others, expected) in [
        (at(1), vec![FirstError::Unknown, at(2)], Some(true)),
        (FirstError::Unknown, vec![at(1), none], Some(true)),
        (at(1), vec![at(1), FirstError::Unknown], None),
        (at(1), vec![at(1), at(1)], Some(false)),
        (FirstError::Unknown, vec![at(1)], None),
        (at(1), vec![], None),
    ] {
        let others: Vec<Opinion> = others.into_iter().map(opinion).collect();
        let found = ask(&[], |f| {
            divided.holds(&Facts { predicted, others: &others, ..Facts::bare(f.trace, 0, f.path, f.scores, f.own) })
        });
        assert_eq!(found, expected, "{predicted:?} {others:?}");
    }
}

#[test]
fn a_number_in_a_pattern_stands_as_it_was_typed() {
    let fits = |text: &str, pattern: &str| {
        let line = serde_json::json!({"id": text, "generator": "m", "problem": "P?", "steps": ["One."], "label": -1,
            "final_answer_correct": true});
        let bytes: &'static [u8] = Box::leak(format!("{line}\n").into_bytes().into_boxed_slice());
        let mut desk = Desk::new(&[("one.jsonl", bytes)], (80, 24));
        desk.keys(&format!("&id ~ {pattern}<Enter>"));
        desk.app.queue.places().len() == 1
    };
    assert!(fits("r0012", "0012") && !fits("r12", "0012") && fits("v1.50", "1.50") && !fits("v1.5", "1.50"));
}

#[test]
fn the_shuffle_is_the_same_in_every_build_and_even() {
    let desk = Desk::new(&[("demo/solutions.json", SOLUTIONS)], (120, 40));
    let query = Query::order("random", &Names::new()).unwrap();
    let mut numbers = Vec::new();
    for rank in 0..desk.app.items.total() {
        let Some(trace) = desk.app.items.trace(desk.app.items.at_rank(rank).unwrap()) else { continue };
        let path = trace.path(trace.solutions[0].leaf);
        let (scores, own) = (vec![None; path.len()], SolutionLabels::unseen(path.len()));
        numbers.push(query.number(&Facts::bare(trace, 0, &path, &scores, &own)).unwrap());
    }
    assert!(numbers.iter().all(|number| (0.0..1.0).contains(number)));
    let quarter = |from: f64| numbers.iter().filter(|number| (from..from + 0.25).contains(*number)).count();
    assert!([0.0, 0.25, 0.5, 0.75].map(quarter).iter().all(|count| *count >= 3), "{numbers:?}");
    assert!((numbers[0] - FIRST).abs() < 1e-12, "{:.17}", numbers[0]);
}

/// What the first solution of the demo draws: another number is another order of everybody's queue.
const FIRST: f64 = 0.949_881_768_631;

#[test]
fn every_name_and_order_can_be_asked_for() {
    for quantity in QUANTITIES {
        let query = Query::order(quantity.name, &Names::new())
            .or_else(|_| Query::filter(&format!("{} ~ x", quantity.name), &Names::new()));
        let query = query.unwrap_or_else(|error| panic!("{}: {error}", quantity.name));
        ask(&[], |facts| (query.number(facts), query.holds(facts)));
        assert_eq!(completions(quantity.name, QUANTITIES, &Names::new()).first(), Some(&quantity.name.to_owned()));
    }
    for quantity in STEP_QUANTITIES.iter().filter(|quantity| quantity.kind == Kind::Truth) {
        assert!(Query::steps(&format!("!{}", quantity.name)).is_ok(), "{}", quantity.name);
    }
    assert!(Query::steps("suspect").unwrap().needs_scores());
    for order in ORDERS.iter().filter(|order| !order.expression.is_empty()) {
        assert!(Query::order(order.expression, &Names::new()).is_ok(), "{}", order.name);
    }
    let letters: std::collections::HashSet<char> = ORDERS.iter().map(|order| order.letter).collect();
    assert_eq!(letters.len(), ORDERS.len());
}

proptest! {
    #[test]
    fn no_question_panics(text in "([a-z_]{1,9}|[0-9.]{1,4}|[-+*/<>=!~&|(),'\" ]|é|and|or|len|text|later|min){0,24}") {
        for query in [Query::filter(&text, &Names::new()), Query::order(&text, &Names::new())] {
            match query {
                Ok(query) => { ask(&[Some(0.5)], |facts| (query.holds(facts), query.number(facts))); }
                Err(error) => prop_assert!(error.in_line(&text).contains("▸")),
            }
        }
    }
}
