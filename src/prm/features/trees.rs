//! Boosted trees in a flat table.
//!
//! Layout, little endian: `STEPTREE`, `u32` format (3), `u32` feature version, `u32` length and bytes of the feature names (UTF-8, one a line),
//! `f64` threshold, `f64` tau of the first-error posterior, `f64` scale and `f64` shift of the logit, `u32` number of trees, for each tree
//! `u32` number of nodes and its nodes in preorder. A node is `u16` feature, `u16` skip, `f32` value: a row with `row[feature] <= value`
//! goes on at the next node, any other `skip` nodes further on. Feature 65535 marks a leaf; its value is added up.

use super::{VERSION, names};

const MAGIC: &[u8] = b"STEPTREE";
const FORMAT: u32 = 3;
const LEAF: u16 = u16::MAX;
/// Largest table: what a program should carry at most.
const MAX_BYTES: usize = 4 << 20;

/// Why a table is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("table of trees: {0}")]
pub struct TableError(String);

/// Trees that add up to the logit of "this step is right".
#[derive(Debug, Clone, PartialEq)]
pub struct Trees {
    // Invariant: every path through a tree leads forward to a leaf of the same tree, and features are indices of `names`.
    nodes: Vec<Node>,
    roots: Vec<usize>,
    scale: f64,
    shift: f64,
    /// A single step with a lower score counts as wrong.
    pub threshold: f64,
    /// A whole solution with a lower first-error posterior counts as wrong.
    pub tau: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Node {
    feature: u16,
    skip: u16,
    value: f32,
}

impl Trees {
    /// Reads a table and checks all of it.
    pub fn read(bytes: &[u8]) -> Result<Self, TableError> {
        if bytes.len() > MAX_BYTES {
            return Err(TableError(format!("{} bytes, at most {MAX_BYTES} were expected", bytes.len())));
        }
        let mut cursor = Cursor { bytes };
        if cursor.take(MAGIC.len())? != MAGIC {
            return Err(TableError("does not begin with STEPTREE".into()));
        }
        cursor.expect("format", FORMAT)?;
        cursor.expect("feature version", VERSION)?;
        let length = cursor.size()?;
        let expected: Vec<&str> = names().collect();
        if cursor.take(length)? != expected.join("\n").as_bytes() {
            return Err(TableError("trained on other features".into()));
        }
        let mut number = || cursor.f64();
        let (threshold, tau, scale, shift) = (number()?, number()?, number()?, number()?);
        if ![threshold, tau].iter().all(|value| (0.0..=1.0).contains(value)) {
            return Err(TableError("threshold and tau are not both between 0 and 1".into()));
        }
        let mut trees = Self { nodes: Vec::new(), roots: Vec::new(), scale, shift, threshold, tau };
        for tree in 0..cursor.size()? {
            let count = cursor.size()?;
            let nodes = cursor.nodes(count)?;
            check(&nodes, expected.len()).map_err(|problem| TableError(format!("tree {tree}: {problem}")))?;
            trees.roots.push(trees.nodes.len());
            trees.nodes.extend(nodes);
        }
        if !cursor.bytes.is_empty() {
            return Err(TableError(format!("{} bytes behind the last tree", cursor.bytes.len())));
        }
        Ok(trees)
    }

    /// The chance that a step with these features is right, `0..=1`. Features that are missing count as 0.
    pub fn probability(&self, row: &[f32]) -> f64 {
        let sum: f64 = self.roots.iter().map(|root| self.leaf(*root, row)).sum();
        1.0 / (1.0 + (-(self.scale * sum + self.shift)).exp())
    }

    fn leaf(&self, root: usize, row: &[f32]) -> f64 {
        let mut at = root;
        loop {
            let node = self.nodes[at];
            if node.feature == LEAF {
                return f64::from(node.value);
            }
            let value = row.get(usize::from(node.feature)).copied().unwrap_or(0.0);
            at += if value <= node.value { 1 } else { usize::from(node.skip) };
        }
    }

    /// How many trees there are.
    pub fn len(&self) -> usize {
        self.roots.len()
    }

    /// True without any tree.
    pub fn is_empty(&self) -> bool {
        self.roots.is_empty()
    }

    /// Splits and leaves of all trees.
    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }
}

/// Checks that every path ends in a leaf inside of the tree.
fn check(nodes: &[Node], features: usize) -> Result<(), String> {
    if nodes.is_empty() {
        return Err("no nodes".into());
    }
    for (at, node) in nodes.iter().enumerate() {
        if node.feature == LEAF {
            continue;
        }
        if usize::from(node.feature) >= features {
            return Err(format!("node {at}: there is no feature {}", node.feature));
        }
        // Both ways lead forward, so every path ends; the last node has nothing to lead to and must be a leaf.
        if node.skip < 2 || at + usize::from(node.skip) >= nodes.len() {
            return Err(format!("node {at}: leads out of the tree"));
        }
    }
    Ok(())
}

fn not_finite(value: f64) -> TableError {
    TableError(format!("found {value}, expected a finite number"))
}

struct Cursor<'a> {
    bytes: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], TableError> {
        let (head, rest) = self.bytes.split_at_checked(count).ok_or_else(|| TableError("cut off".into()))?;
        self.bytes = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], TableError> {
        let (head, rest) = self.bytes.split_first_chunk().ok_or_else(|| TableError("cut off".into()))?;
        self.bytes = rest;
        Ok(*head)
    }

    fn u32(&mut self) -> Result<u32, TableError> {
        self.array().map(u32::from_le_bytes)
    }

    /// A number of things, each of which takes a byte at least.
    fn size(&mut self) -> Result<usize, TableError> {
        let size = usize::try_from(self.u32()?).ok().filter(|size| *size <= self.bytes.len());
        size.ok_or_else(|| TableError("cut off".into()))
    }

    fn f32(&mut self) -> Result<f32, TableError> {
        let value = self.array().map(f32::from_le_bytes)?;
        if value.is_finite() { Ok(value) } else { Err(not_finite(value.into())) }
    }

    fn f64(&mut self) -> Result<f64, TableError> {
        let value = self.array().map(f64::from_le_bytes)?;
        if value.is_finite() { Ok(value) } else { Err(not_finite(value)) }
    }

    fn expect(&mut self, what: &str, expected: u32) -> Result<(), TableError> {
        let found = self.u32()?;
        if found == expected { Ok(()) } else { Err(TableError(format!("{what} {found}, expected {expected}"))) }
    }

    fn nodes(&mut self, count: usize) -> Result<Vec<Node>, TableError> {
        (0..count)
            .map(|_| {
                let feature = self.array().map(u16::from_le_bytes)?;
                let skip = self.array().map(u16::from_le_bytes)?;
                Ok(Node { feature, skip, value: self.f32()? })
            })
            .collect()
    }
}
