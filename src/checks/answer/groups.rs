//! Answers that are the same, put together.

use std::collections::HashMap;

use super::{Agreement, List, MAX_ANSWER, Value, compare, plain, tight};
use crate::checks::arithmetic::Rational;

/// What equal answers that are written differently have in common.
#[derive(PartialEq, Eq, Hash)]
enum Bucket {
    Number(Rational),
    List(Vec<Bucket>),
    Text(String),
}

impl Bucket {
    fn of(plain: &str) -> Option<Self> {
        (plain.len() <= MAX_ANSWER).then(|| Self::of_short(plain))
    }

    fn of_short(text: &str) -> Self {
        if let Some(list) = List::read(text) {
            return Self::List(list.elements.iter().map(|element| Self::of_short(&plain(element))).collect());
        }
        Value::read(text).map_or_else(|| Self::Text(tight(text)), |value| Self::Number(value.number.value))
    }
}

/// Puts answers together that are the same as the first of their group, whichever of the two is held against the other. Each group is a
/// list of indices; groups stand in the order of their first answer. Answers of which the rules do not tell stay apart; where there is no answer,
/// the index is in no group.
pub fn alike(answers: &[Option<&str>]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut by_text: HashMap<String, usize> = HashMap::new();
    let mut by_bucket: HashMap<Bucket, Vec<usize>> = HashMap::new();
    for (at, answer) in answers.iter().enumerate() {
        let Some(answer) = *answer else { continue };
        let plain = plain(answer);
        let text = tight(&plain);
        if let Some(&group) = by_text.get(&text) {
            groups[group].push(at);
            continue;
        }
        let near = Bucket::of(&plain).map(|bucket| by_bucket.entry(bucket).or_default());
        let first = |group: &usize| answers[groups[*group][0]].unwrap_or_default();
        let same = |group: &usize| {
            compare(answer, first(group)) == Agreement::Equal && compare(first(group), answer) == Agreement::Equal
        };
        let known = near.as_ref().and_then(|near| near.iter().copied().find(same));
        let group = known.unwrap_or_else(|| {
            if let Some(near) = near {
                near.push(groups.len());
            }
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[group].push(at);
        by_text.insert(text, group);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_answer_in_other_signs_is_one_group() {
        let answers =
            ["18", r"\boxed{18}", "2/4", "$18.00", "0.5", r"\frac{2}{4}", "1, 2", "1,2", "2, 1", "three", "Three", "", r"x+1"];
        let expected: &[&[usize]] = &[&[0, 1, 3], &[2, 4, 5], &[6, 7], &[8], &[9, 10], &[11], &[12]];
        assert_eq!(alike(&answers.map(Some)), expected);
        assert!(alike(&[]).is_empty());
    }

    #[test]
    fn thousands_of_answers_are_put_together_at_once() {
        let answers: Vec<String> = (0..20_000).map(|number| format!("{} apples", number % 7_000)).collect();
        let answers: Vec<Option<&str>> = answers.iter().map(|answer| Some(answer.as_str())).collect();
        assert_eq!(alike(&answers).len(), 7_000);
        let lists: Vec<String> = (0..5_000).map(|number| format!("({number}, {number}.0)")).collect();
        let start = std::time::Instant::now();
        assert_eq!(alike(&lists.iter().map(|list| Some(list.as_str())).collect::<Vec<_>>()).len(), 5_000);
        // Each against each took minutes.
        assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
    }
}
