//! Who gets which problems: each to one annotator of a team, a share of them to several, so that agreement can be measured.
//!
//! Nobody hands anything out. Who gets a problem follows from what it says and how the annotators are called, so everybody works it out alike, in
//! any order and on any machine; somebody who joins takes only the problems that fall to them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::trace::PromptKey;

/// "So many annotators on so many percent of the problems", and one on each of the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Overlap {
    /// The team.
    pub annotators: Vec<String>,
    /// How many get each shared problem.
    pub each: usize,
    /// Share of the problems that are shared, in percent.
    pub percent: u8,
}

impl Overlap {
    /// Those who get the problem, in the order of the team.
    pub fn assigned(&self, problem: PromptKey) -> Vec<&str> {
        let shared = number(b"shared", problem, "") < f64::from(self.percent) / 100.0;
        let mut chosen: Vec<(f64, usize)> =
            self.annotators.iter().enumerate().map(|(at, name)| (number(b"assigned", problem, name), at)).collect();
        // Whoever has the highest numbers gets it: a new member changes nobody's but their own.
        chosen.sort_by(|a, b| b.0.total_cmp(&a.0));
        chosen.truncate(if shared { self.each } else { 1 });
        let mut chosen: Vec<usize> = chosen.into_iter().map(|(_, at)| at).collect();
        chosen.sort_unstable();
        chosen.into_iter().map(|at| self.annotators[at].as_str()).collect()
    }

    /// What is wrong with it, in words.
    pub fn wrong(&self) -> Option<String> {
        let team = self.annotators.len();
        if self.percent > 100 {
            return Some(format!("percent is a number from 0 to 100, not {}", self.percent));
        }
        let twice = self.annotators.iter().enumerate().find(|(at, name)| self.annotators[..*at].contains(name));
        if let Some((_, name)) = twice {
            return Some(format!("{name} is named twice"));
        }
        (self.each < 1 || self.each > team).then(|| format!("{} annotators of {team} cannot share a problem", self.each))
    }
}

impl fmt::Display for Overlap {
    /// As it is read from a command line, where a name has no comma in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}%:{}", self.each, self.percent, self.annotators.join(","))
    }
}

impl FromStr for Overlap {
    type Err = String;

    /// `2@20%:mira,ito,ruth`: two of these three on a fifth of the problems.
    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("expected something like 2@20%:mira,ito,ruth, found {text:?}");
        let (plan, team) = text.split_once(':').ok_or_else(expected)?;
        let (each, percent) = plan.split_once('@').ok_or_else(expected)?;
        let overlap = Self {
            annotators: team.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect(),
            each: each.trim().parse().map_err(|_| expected())?,
            percent: percent.trim().trim_end_matches('%').parse().map_err(|_| expected())?,
        };
        overlap.wrong().map_or(Ok(overlap), Err)
    }
}

/// A number from 0 up to but not including 1 that belongs to this problem and name.
fn number(purpose: &[u8], problem: PromptKey, name: &str) -> f64 {
    let mut hasher = Sha256::new();
    hasher.update(purpose);
    hasher.update(problem.as_bytes());
    hasher.update(name.as_bytes());
    let number = hasher.finalize().iter().take(6).fold(0_u64, |number, &byte| number << 8 | u64::from(byte));
    number as f64 / (1_u64 << 48) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_problems_goes_to_several_and_everybody_gets_as_much() {
        let plan: Overlap = "2@20%:mira,ito,ruth".parse().unwrap();
        assert_eq!(plan.to_string(), "2@20%:mira,ito,ruth");
        let given: Vec<Vec<&str>> = (0..3000).map(|n| plan.assigned(PromptKey::of(&n.to_string()))).collect();
        let shared = given.iter().filter(|names| names.len() == 2).count();
        assert!((540..660).contains(&shared), "{shared} of 3000");
        assert!(given.iter().all(|names| [1, 2].contains(&names.len())));
        for name in &plan.annotators {
            let mine = given.iter().filter(|names| names.contains(&name.as_str())).count();
            assert!((1120..1280).contains(&mine), "{name}: {mine} of 3600");
        }
    }

    #[test]
    fn who_joins_takes_problems_and_moves_none_between_the_others() {
        let before: Overlap = "1@0:mira,ito".parse().unwrap();
        let after: Overlap = "1@0:mira,ito,ruth".parse().unwrap();
        for n in 0..500 {
            let problem = PromptKey::of(&n.to_string());
            let now = after.assigned(problem);
            assert!(now == ["ruth"] || now == before.assigned(problem), "{n}");
        }
    }

    #[test]
    fn what_cannot_be_shared_is_refused() {
        for (text, said) in [
            ("2 of 20", "expected something like"),
            ("4@20%:a,b", "4 annotators of 2"),
            ("0@20%:a,b", "0 annotators of 2"),
            ("1@200%:a,b", "from 0 to 100"),
            ("1@20%:a,a", "named twice"),
        ] {
            assert!(text.parse::<Overlap>().unwrap_err().contains(said), "{text}");
        }
    }
}
