//! Groups of texts that are alike: spherical k-means (Dhillon and Modha 2001) from k-means++ (Arthur and Vassilvitskii 2007), with random numbers
//! that are always the same, and the words that tell one group from the others.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::alike::{Bag, Middle, Vector};
use super::bootstrap::pick;

/// Points that the middles are found by, and the numbers of all of them together; the other points go to the nearest middle.
const FITTED: (usize, usize) = (4000, 2_000_000);
/// Tries from other beginnings, of which the best is taken.
const TRIES: u64 = 6;
/// Rounds after which a try ends, if it has not come to rest before.
const ROUNDS: usize = 40;
/// Most dimensions of words, and of vectors.
const WIDTH: (usize, usize) = (20_000, 256);
/// Words that describe a group.
const WORDS: usize = 6;
/// Most groups.
pub const MOST: usize = 99;

/// Texts as points on a sphere.
#[derive(Debug, Clone, Default)]
pub struct Points {
    /// Number of dimensions.
    width: usize,
    /// For each text its places that are not zero, ascending; of length 1, or empty for a text that has nothing in common with others.
    rows: Vec<Vec<(u32, f32)>>,
}

/// A group.
#[derive(Debug, Clone, PartialEq)]
pub struct Cluster {
    /// Its texts, as indices, ascending.
    pub members: Vec<usize>,
    /// The one nearest to the middle.
    pub medoid: usize,
    /// Mean cosine of its texts to the middle, -1 to 1.
    pub tightness: f64,
}

impl Points {
    /// Texts by their words: what many texts have says little of each (inverse document frequency), and what a single one has joins it to none.
    pub fn of_bags(bags: &[Bag]) -> Self {
        let mut counts: HashMap<u64, u32> = HashMap::new();
        for (key, _) in bags.iter().flat_map(Bag::weights) {
            *counts.entry(*key).or_default() += 1;
        }
        let mut keys: Vec<(u64, u32)> = counts.into_iter().filter(|(_, count)| *count > 1).collect();
        // What stands in few texts of many joins few, and every place costs memory in every middle.
        keys.sort_unstable_by_key(|&(key, count)| (Reverse(count), key));
        keys.truncate(WIDTH.0);
        keys.sort_unstable();
        let total = bags.len() as f64;
        let row = |bag: &Bag| {
            let known = |&(key, weight): &(u64, f64)| {
                let at = keys.binary_search_by_key(&key, |(key, _)| *key).ok()?;
                Some((at, weight * (1.0 + (total / f64::from(keys[at].1)).ln())))
            };
            unit(bag.weights().iter().filter_map(known).collect())
        };
        Self { width: keys.len(), rows: bags.iter().map(row).collect() }
    }

    /// Texts by a model's vectors.
    pub fn of_vectors(vectors: &[Option<Vector>]) -> Self {
        let middle = Middle::of(vectors);
        let direction = |vector: &Option<Vector>| vector.as_ref().and_then(|vector| middle.direction(vector));
        let row = |vector| direction(vector).map_or_else(Vec::new, |numbers| unit(folded(&numbers)));
        let rows: Vec<Vec<(u32, f32)>> = vectors.iter().map(row).collect();
        let width = vectors.iter().flatten().next().map_or(0, |vector| vector.steps().len());
        Self { width: width.min(WIDTH.1), rows }
    }

    /// The cosine of two texts, -1 to 1.
    pub fn cosine(&self, a: usize, b: usize) -> f64 {
        let mut other = vec![0.0; self.width];
        self.rows[b].iter().for_each(|&(at, number)| other[at as usize] = f64::from(number));
        dot(&self.rows[a], &other)
    }
}

/// Numbers with their places in at most as many dimensions as vectors may have: each number goes to a place and gets a sign by chance, always the
/// same ones, which keeps cosines nearly as they are (feature hashing, Weinberger et al. 2009).
fn folded(numbers: &[f64]) -> Vec<(usize, f64)> {
    if numbers.len() <= WIDTH.1 {
        return numbers.iter().copied().enumerate().collect();
    }
    let (mut state, mut places) = (0, vec![0.0; WIDTH.1]);
    for number in numbers {
        let place = pick(&mut state, 2 * WIDTH.1);
        places[place / 2] += if place.is_multiple_of(2) { *number } else { -number };
    }
    places.into_iter().enumerate().collect()
}

fn unit(row: Vec<(usize, f64)>) -> Vec<(u32, f32)> {
    let length = row.iter().map(|(_, number)| number * number).sum::<f64>().sqrt().max(f64::MIN_POSITIVE);
    #[expect(clippy::cast_possible_truncation, reason = "f32 is enough for directions, and there are few dimensions")]
    let row = row.into_iter().map(|(at, number)| (at as u32, (number / length) as f32)).collect();
    row
}

fn dot(row: &[(u32, f32)], middle: &[f64]) -> f64 {
    row.iter().map(|&(at, number)| f64::from(number) * middle[at as usize]).sum()
}

/// The nearest of some middles with its cosine; the first of equals.
fn nearest(row: &[(u32, f32)], middles: &[Vec<f64>]) -> (usize, f64) {
    let near = middles.iter().map(|middle| dot(row, middle)).enumerate();
    near.reduce(|best, next| if next.1 > best.1 { next } else { best }).unwrap_or((0, 0.0))
}

/// How many groups so many texts are put into unless somebody says otherwise.
pub fn usual(texts: usize) -> usize {
    (2..12).find(|count| 2 * count * count >= texts).unwrap_or(12)
}

/// Puts points into at most `count` groups ([`MOST`] at most), the largest first; groups of equal size stand in the order of their first texts. The
/// same points always come into the same groups. There are fewer groups than were asked for where there are fewer different texts. Texts that have
/// nothing in common with others are one of the groups.
/// `stop` ends the work early, without groups.
pub fn clusters(points: &Points, count: usize, stop: &dyn Fn() -> bool) -> Option<Vec<Cluster>> {
    let numbers = points.rows.iter().map(Vec::len).sum::<usize>() / points.rows.len().max(1);
    let alone = |point: &usize| points.rows[*point].is_empty();
    let mut fitted = spread(points.rows.len(), FITTED.0.min(FITTED.1 / numbers.max(1)));
    fitted.retain(|point| !alone(point));
    let most = count.clamp(1, MOST);
    let count = most.saturating_sub(usize::from((0..points.rows.len()).any(|point| alone(&point)))).max(1);
    let mut best: Option<(f64, Vec<Vec<f64>>)> = None;
    for seed in 0..TRIES {
        let mut middles = begin(points, &fitted, count, seed);
        let mut reached = f64::NEG_INFINITY;
        for _ in 0..ROUNDS {
            if stop() {
                return None;
            }
            let (sum, moved) = round(points, &fitted, &middles);
            middles = moved;
            if sum <= reached + 1e-9 {
                break;
            }
            reached = sum;
        }
        if best.as_ref().is_none_or(|(sum, _)| reached > *sum + 1e-9) {
            best = Some((reached, middles));
        }
    }
    Some(grouped(points, &best.map_or_else(Vec::new, |(_, middles)| middles), most))
}

/// At most `most` of so many numbers, evenly spread.
fn spread(count: usize, most: usize) -> Vec<usize> {
    if count <= most { (0..count).collect() } else { (0..most).map(|at| at * count / most).collect() }
}

/// The first middles: texts, each drawn the likelier the farther it is from those before.
fn begin(points: &Points, fitted: &[usize], count: usize, seed: u64) -> Vec<Vec<f64>> {
    let mut state = seed;
    let mut middles: Vec<Vec<f64>> = Vec::new();
    let mut far: Vec<f64> = vec![1.0; fitted.len()];
    while middles.len() < count {
        let total: f64 = far.iter().sum();
        if total < 1e-6 {
            break;
        }
        let mut left = pick(&mut state, 1 << 30) as f64 / f64::from(1 << 30) * total;
        let drawn = far.iter().position(|share| {
            left -= share;
            left < 0.0
        });
        let drawn = drawn.or_else(|| far.iter().rposition(|share| *share > 0.0)).unwrap_or(0);
        let mut middle = vec![0.0; points.width];
        points.rows[fitted[drawn]].iter().for_each(|&(at, number)| middle[at as usize] = f64::from(number));
        for (far, &point) in far.iter_mut().zip(fitted) {
            let apart = 1.0 - dot(&points.rows[point], &middle);
            // Rounding is no distance: equal texts are drawn once.
            *far = far.min(if apart < 1e-5 { 0.0 } else { apart });
        }
        far[drawn] = 0.0;
        middles.push(middle);
    }
    middles
}

/// Puts every text to its nearest middle; gives the sum of the cosines and the middles of what came together. A middle without texts is gone.
fn round(points: &Points, fitted: &[usize], middles: &[Vec<f64>]) -> (f64, Vec<Vec<f64>>) {
    let mut sums = vec![vec![0.0; points.width]; middles.len()];
    let mut total = 0.0;
    for &point in fitted {
        let (at, near) = nearest(&points.rows[point], middles);
        total += near;
        if let Some(sum) = sums.get_mut(at) {
            points.rows[point].iter().for_each(|&(at, number)| sum[at as usize] += f64::from(number));
        }
    }
    let scaled = sums.into_iter().filter_map(|mut sum| {
        let length = sum.iter().map(|number| number * number).sum::<f64>().sqrt();
        for number in &mut sum {
            *number /= length;
        }
        (length > 1e-9).then_some(sum)
    });
    (total, scaled.collect())
}

fn grouped(points: &Points, middles: &[Vec<f64>], most: usize) -> Vec<Cluster> {
    let mut groups: Vec<Vec<(usize, f64)>> = vec![Vec::new(); middles.len() + 1];
    for (point, row) in points.rows.iter().enumerate() {
        let (at, near) = if row.is_empty() { (middles.len().min(most - 1), 0.0) } else { nearest(row, middles) };
        groups[at].push((point, near));
    }
    let mut clusters: Vec<Cluster> = groups
        .into_iter()
        .filter_map(|group| {
            let (medoid, _) = group.iter().copied().reduce(|best, next| if next.1 > best.1 { next } else { best })?;
            let tightness = group.iter().map(|(_, near)| near).sum::<f64>() / group.len() as f64;
            Some(Cluster { members: group.into_iter().map(|(point, _)| point).collect(), medoid, tightness })
        })
        .collect();
    clusters.sort_by(|a, b| b.members.len().cmp(&a.members.len()).then(a.members.cmp(&b.members)));
    clusters
}

/// For each group the words that tell it from the other texts: those that most of its texts and few others have, the most telling first.
pub fn telling_words(texts: &[&str], clusters: &[Cluster]) -> Vec<Vec<String>> {
    let words: Vec<BTreeSet<String>> = texts.iter().map(|text| words(text)).collect();
    let count = |texts: &mut dyn Iterator<Item = usize>| {
        let mut counts: BTreeMap<&str, f64> = BTreeMap::new();
        for word in texts.flat_map(|text| &words[text]) {
            *counts.entry(word).or_default() += 1.0;
        }
        counts
    };
    let all = count(&mut (0..texts.len()));
    let told = |cluster: &Cluster| {
        let (inside, outside) = (cluster.members.len() as f64, (texts.len() - cluster.members.len()) as f64);
        let own = count(&mut cluster.members.iter().copied());
        let told = |(word, has): (&str, f64)| {
            // What nobody else has may be chance, the more so in small groups: half a text is added everywhere.
            let here = (has + 0.5) / (inside + 1.0);
            let there = (all.get(word).copied().unwrap_or(has) - has + 0.5) / (outside + 1.0);
            (here * (here / there).ln(), word.to_owned())
        };
        // A word of one text of several describes that text.
        let shared = own.into_iter().filter(|(_, has)| *has > 1.0 || inside < 2.0);
        let mut told: Vec<(f64, String)> = shared.map(told).filter(|(tells, _)| *tells > 0.0).collect();
        told.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        told.into_iter().take(WORDS).map(|(_, word)| word).collect()
    };
    clusters.iter().map(told).collect()
}

/// Words that say how a sentence is built, and nothing of what it is about.
const BUILDING: &[&str] = &[
    "all", "also", "and", "any", "are", "because", "been", "but", "can", "could", "did", "does", "for", "from", "had", "has",
    "have", "her", "his", "how", "into", "its", "let", "may", "not", "now", "our", "out", "over", "she", "should", "since",
    "some", "such", "than", "that", "the", "their", "them", "then", "there", "these", "they", "this", "those", "thus", "too",
    "was", "were", "what", "when", "where", "which", "while", "who", "will", "with", "would", "you", "your",
];

/// The words of a text, in small letters: three letters at least, a command of LaTeX with its backslash.
fn words(text: &str) -> BTreeSet<String> {
    let lower = text.to_lowercase();
    let mut found = BTreeSet::new();
    let mut rest = lower.as_str();
    while let Some(at) = rest.find(|sign: char| sign.is_alphabetic() || sign == '\\') {
        let from = &rest[at..];
        let bare = from.strip_prefix('\\').unwrap_or(from);
        let letters = bare.find(|sign: char| !sign.is_alphabetic()).unwrap_or(bare.len());
        let end = from.len() - bare.len() + letters;
        if bare[..letters].chars().nth(2).is_some() && !BUILDING.contains(&&from[..end]) {
            found.insert(from[..end].to_owned());
        }
        // A backslash before something else is passed over by itself.
        rest = &from[end.max(1)..];
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXTS: [&str; 7] = [
        "Multiply the number of boxes by 4 pencils to get 12 pencils.",
        "The derivative of the function vanishes at the origin.",
        "Multiply the number of bags by 5 pencils to get 20 pencils.",
        "The derivative of the function is positive at the origin.",
        "Multiply the number of cases by 7 pencils to get 21 pencils.",
        "The derivative of this function vanishes at the point.",
        "Multiply the number of boxes by 9 pencils to get 18 pencils.",
    ];

    fn by_words(texts: &[&str], count: usize) -> Vec<Cluster> {
        let bags: Vec<Bag> = texts.iter().map(|text| Bag::of(text)).collect();
        clusters(&Points::of_bags(&bags), count, &|| false).unwrap()
    }

    #[test]
    fn texts_that_say_the_same_come_together_and_are_told_by_their_words() {
        let found = by_words(&TEXTS, 2);
        let members: Vec<&[usize]> = found.iter().map(|cluster| cluster.members.as_slice()).collect();
        assert_eq!(members, [&[0, 2, 4, 6][..], &[1, 3, 5]]);
        assert!(found.iter().all(|cluster| cluster.members.contains(&cluster.medoid)));
        let words = telling_words(&TEXTS, &found);
        assert!(words[0].contains(&"pencils".to_owned()) && words[1].contains(&"derivative".to_owned()), "{words:?}");
        assert_eq!(found, by_words(&TEXTS, 2), "the same every time");
    }

    #[test]
    fn nothing_one_text_equal_texts_and_texts_without_words_are_no_trouble() {
        assert_eq!(by_words(&[], 3), []);
        assert_eq!(by_words(&["one"], 3).len(), 1);
        let same = by_words(&["the same words"; 5], 3);
        assert_eq!(same.len(), 1, "{same:?}");
        assert_eq!(same[0].members.len(), 5);
        let found = by_words(&["", "=", "", "the same words", "the same words"], 9);
        assert_eq!(found.iter().map(|cluster| cluster.members.len()).sum::<usize>(), 5);
        assert_eq!(telling_words(&["", ""], &by_words(&["", ""], 2)).len(), 1);
        let alone = [&TEXTS[..], &["=", "?"]].concat();
        assert_eq!((by_words(&alone, 1).len(), by_words(&alone, 3).len()), (1, 3));
        assert!(by_words(&TEXTS, 0).len() == 1 && by_words(&TEXTS, 1000).len() <= 7);
    }

    #[test]
    fn directions_from_their_middle_fall_into_groups() {
        let vector = |numbers: &[f64]| Vector::of(numbers);
        let vectors = [[9.0, 1.0, 0.1], [9.0, 0.9, 0.0], [9.0, -1.0, 0.1], [9.0, -1.1, 0.0]].map(|numbers| vector(&numbers));
        let found = clusters(&Points::of_vectors(&vectors), 2, &|| false).unwrap();
        assert_eq!(found.iter().map(|cluster| cluster.members.clone()).collect::<Vec<_>>(), [vec![0, 1], vec![2, 3]]);
        assert_eq!(Vector::of(&[]), None);
        assert_eq!(Vector::of(&[0.0, 0.0]), None);
        assert_eq!(Vector::of(&[1.0, f64::NAN]), None);
        let again: Vec<f64> = vectors[0].as_ref().unwrap().steps().iter().map(|&step| f64::from(step)).collect();
        assert_eq!(vector(&again), vectors[0], "what was written in steps is read as them");
        // Folded into fewer dimensions they stay as far apart as they were, nearly.
        let wide = |at: usize| {
            Vector::of(&(0..3000).map(|n| f64::from(u8::from(n % 3 == at % 2)) + 0.001 * (n * at % 7) as f64).collect::<Vec<_>>())
        };
        let found = clusters(&Points::of_vectors(&[wide(0), wide(1), wide(2), wide(3)]), 2, &|| false).unwrap();
        assert_eq!(found.iter().map(|cluster| cluster.members.clone()).collect::<Vec<_>>(), [vec![0, 2], vec![1, 3]]);
        let odd = [vector(&[1.0, 2.0]), vector(&[1.0]), None];
        assert_eq!(clusters(&Points::of_vectors(&odd), 2, &|| false).unwrap().iter().map(|c| c.members.len()).sum::<usize>(), 3);
    }

    #[test]
    fn words_are_letters_and_commands() {
        let found: Vec<String> = words(r"So \frac{a}{b} = \ 12 apples\\ Ärger\,x \pi").into_iter().collect();
        assert_eq!(found, ["\\frac", "apples", "ärger"]);
        assert_eq!(usual(0), 2);
        assert_eq!((usual(100), usual(100_000)), (8, 12));
    }
}
