//! A request as tokens: a tree whose nodes are walked depth first.

use super::PrmError;
use super::request::PrmRequest;

/// The tokens of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenTree {
    /// Tokens before every first step.
    pub prefix: Vec<u32>,
    /// For each node its own tokens, or why it has none.
    pub nodes: Vec<Result<NodeTokens, String>>,
}

/// The tokens that one step adds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NodeTokens {
    /// Tokens that later steps see.
    pub ids: Vec<u32>,
    /// Tokens behind them that are there for this step's score only.
    pub tail: Vec<u32>,
    /// Positions whose states make the score, ascending, counted from the first of `ids` through `tail`; -1 is the token before the step.
    pub read: Vec<isize>,
}

impl NodeTokens {
    /// Tokens whose score is read at the last one.
    pub(super) fn read_last(ids: Vec<u32>) -> Self {
        let read = vec![ids.len().cast_signed() - 1];
        Self { ids, tail: Vec::new(), read }
    }

    /// The tokens behind the read positions; behind the last token of all stands none.
    pub(super) fn read_next(&self) -> Vec<u32> {
        let all = [self.ids.as_slice(), &self.tail].concat();
        self.read.iter().filter_map(|read| all.get(usize::try_from(read + 1).ok()?).copied()).collect()
    }

    /// Number of tokens.
    pub(super) fn len(&self) -> usize {
        self.ids.len() + self.tail.len()
    }
}

/// Where each node stands on its path, and the order of work.
#[derive(Debug)]
pub(super) struct Plan {
    /// Nodes depth first, children in the order of the request, without those that are known and lead to none that is not.
    pub(super) order: Vec<usize>,
    /// Position of each node's first token; only of meaning where `blocked` is `None`.
    pub(super) start: Vec<usize>,
    /// Why a node cannot be scored.
    pub(super) blocked: Vec<Option<String>>,
    /// Tokens of the tree with every node that can be scored counted once, and the prefix if there is one.
    pub(super) unique: usize,
    /// The same with every path from the root to a leaf counted alone.
    pub(super) naive: usize,
}

impl Plan {
    /// Lays out the tree for a context of `context` tokens.
    pub(super) fn new(request: &PrmRequest, tree: &TokenTree, context: usize) -> Result<Self, PrmError> {
        let count = request.nodes.len();
        let (mut start, mut end) = (vec![0; count], vec![0; count]);
        let mut blocked: Vec<Option<String>> = vec![None; count];
        let mut paths: Vec<usize> = vec![0; count];
        for (i, node) in request.nodes.iter().enumerate() {
            if let Some(parent) = node.parent.filter(|&p| p >= i) {
                return Err(PrmError::Request(format!("the parent of node {i} is {parent}, a smaller number was expected")));
            }
            let above = node.parent.and_then(|p| blocked[p].as_ref().map(|reason| (p, reason)));
            start[i] = node.parent.map_or(tree.prefix.len(), |p| end[p]);
            let tokens = tree.nodes.get(i).and_then(|n| n.as_ref().ok());
            end[i] = start[i].saturating_add(tokens.map_or(0, |n| n.ids.len()));
            let needed = start[i].saturating_add(tokens.map_or(0, NodeTokens::len));
            blocked[i] = match (above, tree.nodes.get(i)) {
                (Some((p, _)), _) if end[p] <= context => Some("a step before it could not be read".to_owned()),
                (_, Some(Err(reason))) => Some(reason.clone()),
                _ if needed > context => Some(format!("needs {needed} tokens, the context of this model is {context}")),
                _ => None,
            };
            if blocked[i].is_none() {
                paths[i] = needed;
                // Only the last nodes of paths count as paths; what their parents add in tails was counted there.
                if let Some(p) = node.parent {
                    paths[p] = 0;
                }
            }
        }
        let own = tree.nodes.iter().zip(&blocked).filter(|(_, blocked)| blocked.is_none());
        let unique: usize = own.map(|(n, _)| n.as_ref().map_or(0, NodeTokens::len)).sum();
        let unique = if unique > 0 { unique + tree.prefix.len() } else { 0 };
        let needed = needed(request);
        let mut order = depth_first(request);
        order.retain(|&i| needed[i]);
        Ok(Self { order, start, blocked, unique, naive: paths.iter().sum() })
    }
}

/// For each node whether its score is wanted, or that of a node behind it.
fn needed(request: &PrmRequest) -> Vec<bool> {
    let mut needed: Vec<bool> = request.nodes.iter().map(|n| !n.known).collect();
    for (i, node) in request.nodes.iter().enumerate().rev() {
        if let Some(parent) = node.parent.filter(|_| needed[i]) {
            needed[parent] = true;
        }
    }
    needed
}

/// Nodes depth first without recursion, so that a chain of any length is walked.
fn depth_first(request: &PrmRequest) -> Vec<usize> {
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); request.nodes.len()];
    let mut stack: Vec<usize> = Vec::new();
    for (i, node) in request.nodes.iter().enumerate().rev() {
        match node.parent {
            Some(parent) => children[parent].push(i),
            None => stack.push(i),
        }
    }
    let mut order = Vec::with_capacity(request.nodes.len());
    while let Some(node) = stack.pop() {
        order.push(node);
        stack.append(&mut children[node]);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::super::request::PrmNode;
    use super::*;

    fn tree(parents: &[Option<usize>], lengths: &[usize]) -> (PrmRequest, TokenTree) {
        let nodes = parents.iter().map(|&parent| PrmNode { parent, ..PrmNode::default() }).collect();
        let tokens = lengths.iter().map(|&n| Ok(NodeTokens::read_last(vec![1; n]))).collect();
        (PrmRequest { problem: String::new(), nodes }, TokenTree { prefix: vec![0; 10], nodes: tokens })
    }

    #[test]
    fn nodes_are_walked_depth_first_in_the_order_of_the_request() {
        let (request, tokens) = tree(&[None, None, Some(0), Some(1), Some(0), Some(2)], &[2, 3, 4, 5, 6, 7]);
        let plan = Plan::new(&request, &tokens, 100).unwrap();
        assert_eq!(plan.order, [0, 2, 5, 4, 1, 3]);
        assert_eq!(plan.start, [10, 10, 12, 13, 12, 16]);
        assert_eq!(plan.unique, 37);
        // Leaves 5, 4 and 3 with their paths.
        assert_eq!(plan.naive, (10 + 2 + 4 + 7) + (10 + 2 + 6) + (10 + 3 + 5));
    }

    #[test]
    fn what_does_not_fit_says_how_much_it_needs() {
        let (request, tokens) = tree(&[None, Some(0), Some(1), Some(0)], &[5, 90, 5, 5]);
        let plan = Plan::new(&request, &tokens, 100).unwrap();
        assert_eq!(plan.blocked[0], None);
        assert_eq!(plan.blocked[1].as_deref(), Some("needs 105 tokens, the context of this model is 100"));
        assert_eq!(plan.blocked[2].as_deref(), Some("needs 110 tokens, the context of this model is 100"));
        assert_eq!(plan.blocked[3], None);
        assert_eq!(plan.unique, 20);
    }

    #[test]
    fn known_nodes_stay_only_where_they_lead_to_others() {
        let (mut request, tokens) = tree(&[None, Some(0), Some(0), Some(2)], &[2, 3, 4, 5]);
        for node in [0, 1, 2] {
            request.nodes[node].known = true;
        }
        assert_eq!(Plan::new(&request, &tokens, 100).unwrap().order, [0, 2, 3]);
    }

    #[test]
    fn a_parent_that_comes_later_is_an_error() {
        let (request, tokens) = tree(&[Some(0)], &[1]);
        assert!(Plan::new(&request, &tokens, 100).unwrap_err().to_string().contains("smaller number"));
    }

    #[test]
    fn a_chain_of_any_length_is_walked() {
        let parents: Vec<Option<usize>> = (0..200_000_usize).map(|i| i.checked_sub(1)).collect();
        let (request, tokens) = tree(&parents, &vec![1; parents.len()]);
        assert_eq!(Plan::new(&request, &tokens, 64).unwrap().unique, 64);
    }
}
