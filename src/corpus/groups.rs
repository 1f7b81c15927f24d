//! Which records form one unit, and which units show the same problem. Numbers are given in order of first appearance and never
//! change.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

const NONE: u32 = u32::MAX;

/// Keys are hashes already.
#[derive(Debug, Default)]
struct Same(u64);

impl Hasher for Same {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

/// Members in groups; a group's members are chained through `next`.
#[derive(Debug, Default)]
struct Chains {
    by_key: HashMap<u64, u32, BuildHasherDefault<Same>>,
    first: Vec<u32>,
    last: Vec<u32>,
    /// Next member of the same group, for every member; `NONE` for the last.
    next: Vec<u32>,
}

impl Chains {
    fn len(&self) -> usize {
        self.first.len()
    }

    /// Puts `member` into the group of this key, or into a new one of its own.
    fn push(&mut self, member: u32, key: Option<u64>) -> u32 {
        if self.next.len() <= member as usize {
            self.next.resize(member as usize + 1, NONE);
        }
        let new = narrow(self.len());
        let group = key.map_or(new, |key| *self.by_key.entry(key).or_insert(new));
        if group == new {
            self.first.push(member);
            self.last.push(member);
        } else {
            let last = std::mem::replace(&mut self.last[group as usize], member);
            self.next[last as usize] = member;
        }
        group
    }

    fn members(&self, group: usize) -> impl Iterator<Item = usize> + '_ {
        let mut at = self.first.get(group).copied().unwrap_or(NONE);
        std::iter::from_fn(move || {
            let member = (at != NONE).then_some(at as usize)?;
            at = self.next.get(member).copied().unwrap_or(NONE);
            Some(member)
        })
    }
}

/// Units of several records, which exist in some formats alone.
#[derive(Debug, Default)]
struct Shared {
    records: Chains,
    /// Problem of every unit; `NONE` while no record has named it.
    problem: Vec<u32>,
}

/// What a format says of a record without reading it whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct RecordKeys {
    /// Records with the same key form one unit.
    pub(super) unit: Option<u64>,
    /// Units with the same hash show the same problem.
    pub(super) problem: Option<u64>,
}

/// Units and problems of the records seen so far.
#[derive(Debug, Default)]
pub(super) struct Groups {
    records: usize,
    /// `None` while every record is a unit, which needs no table.
    shared: Option<Shared>,
    problems: Chains,
    /// Records behind each problem: tells whether what was read of it is still all.
    weight: Vec<u32>,
}

impl Groups {
    /// Records that were put into units.
    pub(super) fn records(&self) -> usize {
        self.records
    }

    pub(super) fn units(&self) -> usize {
        self.shared.as_ref().map_or(self.records, |shared| shared.records.len())
    }

    pub(super) fn problems(&self) -> usize {
        self.problems.len()
    }

    /// True when units can grow after they were first seen.
    pub(super) fn units_grow(&self) -> bool {
        self.shared.is_some()
    }

    /// Adds the next record of the file.
    pub(super) fn push(&mut self, keys: RecordKeys) {
        let record = narrow(self.records);
        if keys.unit.is_some() && self.shared.is_none() {
            self.shared = Some(self.share());
        }
        self.records += 1;
        let Some(shared) = &mut self.shared else {
            self.assign(record, keys.problem);
            return;
        };
        let unit = shared.records.push(record, keys.unit);
        if unit as usize == shared.problem.len() {
            shared.problem.push(NONE);
        }
        match shared.problem[unit as usize] {
            // A record of the unit that names the problem may still come.
            NONE if keys.unit.is_some() && keys.problem.is_none() => {}
            NONE => {
                let problem = self.assign(unit, keys.problem);
                if let Some(shared) = &mut self.shared {
                    shared.problem[unit as usize] = problem;
                    // Those of the unit's records that came before it was known.
                    let earlier = narrow(shared.records.members(unit as usize).count()).saturating_sub(1);
                    self.weight[problem as usize] += earlier;
                }
            }
            problem => self.weight[problem as usize] += 1,
        }
    }

    /// The end of the file: units whose problem nobody named are problems of their own.
    pub(super) fn finish(&mut self) {
        let Some(mut shared) = self.shared.take() else { return };
        for unit in 0..shared.problem.len() {
            if shared.problem[unit] == NONE {
                shared.problem[unit] = self.assign(narrow(unit), None);
            }
        }
        self.shared = Some(shared);
    }

    /// The records of a unit, in the order of the file.
    pub(super) fn unit_records(&self, unit: usize) -> Vec<usize> {
        match &self.shared {
            Some(shared) => shared.records.members(unit).collect(),
            None if unit < self.records => vec![unit],
            None => Vec::new(),
        }
    }

    /// The units of a problem, in the order in which their problem became known.
    pub(super) fn problem_units(&self, problem: usize) -> Vec<usize> {
        self.problems.members(problem).collect()
    }

    /// These of the problems that are known by a hash, each with it.
    pub(super) fn keys_of(&self, problems: &BTreeSet<usize>) -> Vec<(usize, u64)> {
        let keys = self.problems.by_key.iter().map(|(&key, &group)| (group as usize, key));
        keys.filter(|(problem, _)| problems.contains(problem)).collect()
    }

    /// The problem that is known by this hash.
    pub(super) fn with_key(&self, key: u64) -> Option<usize> {
        self.problems.by_key.get(&key).map(|&group| group as usize)
    }

    /// The problem of every unit.
    pub(super) fn problems_of_units(&self) -> Vec<usize> {
        let mut of = vec![0; self.units()];
        for problem in 0..self.problems() {
            self.problems.members(problem).for_each(|unit| of[unit] = problem);
        }
        of
    }

    /// The record of a problem that has no other.
    pub(super) fn only_record(&self, problem: usize) -> Option<usize> {
        if self.weight(problem) != 1 {
            return None;
        }
        let unit = self.problems.members(problem).next()?;
        match &self.shared {
            Some(shared) => shared.records.members(unit).next(),
            None => Some(unit),
        }
    }

    /// Number of records behind a problem; changes whenever the problem grows.
    pub(super) fn weight(&self, problem: usize) -> u32 {
        self.weight.get(problem).copied().unwrap_or(0)
    }

    fn assign(&mut self, unit: u32, hash: Option<u64>) -> u32 {
        let problem = self.problems.push(unit, hash);
        if problem as usize == self.weight.len() {
            self.weight.push(0);
        }
        self.weight[problem as usize] += 1;
        problem
    }

    /// The tables for units of several records, filled with the units of one record so far.
    fn share(&self) -> Shared {
        let mut shared = Shared { problem: vec![NONE; self.records], ..Shared::default() };
        for record in 0..narrow(self.records) {
            shared.records.push(record, None);
        }
        for problem in 0..self.problems.len() {
            for unit in self.problems.members(problem) {
                shared.problem[unit] = narrow(problem);
            }
        }
        shared
    }
}

/// Record numbers fit into 32 bits: the smallest record takes two bytes, so this would be a file of 8 GB without any content.
fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(NONE - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(unit: Option<u64>, problem: Option<u64>) -> RecordKeys {
        RecordKeys { unit, problem }
    }

    fn problems(groups: &Groups) -> Vec<Vec<usize>> {
        (0..groups.problems()).map(|problem| groups.problem_units(problem)).collect()
    }

    #[test]
    fn units_of_one_problem_need_not_stand_together() {
        let mut groups = Groups::default();
        for problem in [Some(7), Some(8), None, Some(7), None, Some(8)] {
            groups.push(keys(None, problem));
        }
        groups.finish();
        assert_eq!(groups.units(), 6);
        assert_eq!(problems(&groups), [vec![0, 3], vec![1, 5], vec![2], vec![4]]);
        assert_eq!(groups.weight(0), 2);
    }

    #[test]
    fn records_of_several_trees_may_interleave() {
        let mut groups = Groups::default();
        groups.push(keys(None, None)); // a bad record in front: a unit of its own
        for (unit, problem) in [(1, Some(70)), (2, None), (1, None), (3, Some(70)), (2, Some(80)), (2, None), (4, None)] {
            groups.push(keys(Some(unit), problem));
        }
        assert_eq!(problems(&groups), [vec![0], vec![1, 3], vec![2]]);
        groups.finish();
        assert_eq!(groups.units(), 5);
        assert_eq!(
            (0..5).map(|unit| groups.unit_records(unit)).collect::<Vec<_>>(),
            [vec![0], vec![1, 3], vec![2, 5, 6], vec![4], vec![7]]
        );
        assert_eq!(problems(&groups), [vec![0], vec![1, 3], vec![2], vec![4]]);
        assert_eq!(groups.problems_of_units(), [0, 1, 2, 1, 3]);
        assert_eq!((0..4).map(|problem| groups.weight(problem)).collect::<Vec<_>>(), [1, 3, 3, 1]);
    }
}
