//! Words that tell how quantities relate ("more than", "half", "each") in the step, and whether an operation fits. Those of the problem alone say
//! nothing about a step, but which source it comes from.

use super::equations::with_operation;
use super::{Seen, count, flag};

/// Kinds of relations.
pub(super) const RELATIONS: usize = 19;

const MORE: usize = 0;
const LESS: usize = 1;
const TIMES: usize = 2;
const TWICE: usize = 3;
const HALF: usize = 4;
const EACH: usize = 5;
const PER: usize = 6;
const LEFT: usize = 7;
const TOTAL: usize = 8;
const PERCENT: usize = 9;
const DIFFERENCE: usize = 10;
const AVERAGE: usize = 11;
const THAN: usize = 12;
const SHARE: usize = 13;
const COST: usize = 14;
const SPENT: usize = 15;
const PROFIT: usize = 16;
const RATIO: usize = 17;
const TIME: usize = 18;

pub(super) const NAMES: &[&str] = &[
    "more",
    "less",
    "times",
    "twice",
    "half",
    "each",
    "per",
    "left",
    "total",
    "percent",
    "difference",
    "average",
    "than",
    "share",
    "cost",
    "spent",
    "profit",
    "ratio",
    "time",
    "more_but_minus",
    "less_but_plus",
    "twice_without_times",
    "half_without_over",
    "left_without_minus",
    "total_without_plus",
    "each_without_times",
];

pub(super) fn values(seen: &Seen) -> Vec<f32> {
    let problem = &seen.problem.words.relations;
    let step = &seen.words.relations;
    let [plus, minus, times, over] = with_operation(&seen.reading);
    let computes = !seen.reading.equations.is_empty();
    let none = |equations: f32| equations < 0.5;
    let says = |kind: usize| step[kind] > 0 && computes;
    let mut values: Vec<f32> = step.iter().map(|n| count(*n)).collect();
    values.extend([
        count(problem[MORE]) * minus,
        count(problem[LESS]) * plus,
        flag(problem[TWICE] > 0 && says(TWICE) && none(times)),
        flag(says(HALF) && none(over + times)),
        flag(says(LEFT) && none(minus)),
        flag(says(TOTAL) && none(plus + times)),
        flag(says(EACH) && none(times + over)),
    ]);
    values
}

/// The relation that a word names, with a look at the two words behind it.
pub(super) fn relation(word: &str, next: &str, after: &str) -> Option<usize> {
    Some(match word {
        "more" | "additional" | "extra" => MORE,
        "less" | "fewer" => LESS,
        "times" => TIMES,
        "twice" => TWICE,
        "half" => HALF,
        "each" | "every" => EACH,
        "per" => PER,
        "left" => LEFT,
        "total" | "altogether" | "combined" | "sum" => TOTAL,
        "percent" => PERCENT,
        "difference" => DIFFERENCE,
        "how" if matches!(next, "much" | "many") && after == "more" => DIFFERENCE,
        "average" => AVERAGE,
        "than" => THAN,
        "split" => SHARE,
        "gave" | "sold" | "ate" | "lost" => SPENT,
        "ratio" => RATIO,
        _ => return beginning(word),
    })
}

fn beginning(word: &str) -> Option<usize> {
    const BEGINNINGS: &[(&str, usize)] = &[
        ("double", TWICE),
        ("remain", LEFT),
        ("share", SHARE),
        ("divid", SHARE),
        ("equal", SHARE),
        ("cost", COST),
        ("price", COST),
        ("pay", COST),
        ("spen", SPENT),
        ("give", SPENT),
        ("profit", PROFIT),
        ("hour", TIME),
        ("minute", TIME),
        ("day", TIME),
        ("week", TIME),
        ("month", TIME),
        ("year", TIME),
    ];
    BEGINNINGS.iter().find(|(beginning, _)| word.starts_with(beginning)).map(|(_, kind)| *kind)
}

/// Signs that name a relation like a word does.
pub(super) fn count_signs(text: &str, relations: &mut [usize; RELATIONS]) {
    for byte in text.bytes() {
        match byte {
            b'%' => relations[PERCENT] += 1,
            b'$' => relations[COST] += 1,
            _ => {}
        }
    }
}
