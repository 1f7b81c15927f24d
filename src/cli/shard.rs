//! Parts of a job, so that many machines share it.

use std::str::FromStr;

/// Part `index + 1` of `count`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    index: usize,
    count: usize,
}

impl Default for Shard {
    /// Everything.
    fn default() -> Self {
        Self { index: 0, count: 1 }
    }
}

impl Shard {
    /// True when the problem of this number, counted from 0, belongs to the part.
    pub fn holds(self, problem: usize) -> bool {
        problem % self.count == self.index
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/').and_then(|(part, count)| Some((part.parse().ok()?, count.parse().ok()?)));
        match parts {
            Some((part, count)) if (1..=count).contains(&part) => Ok(Self { index: part - 1, count }),
            _ => Err(format!("expected I/N with I from 1 to N, found {text:?}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_in_exactly_one_part() {
        let shards: Vec<Shard> = ["1/3", "2/3", "3/3"].iter().map(|text| text.parse().unwrap()).collect();
        assert!((0..100).all(|problem| shards.iter().filter(|shard| shard.holds(problem)).count() == 1));
        for bad in ["", "0/3", "4/3", "1", "a/b", "1/0", "-1/2"] {
            assert!(bad.parse::<Shard>().is_err(), "{bad}");
        }
    }
}
