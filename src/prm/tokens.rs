//! A request as tokens: a tree whose nodes are walked depth first, in runs that fit one pass of the decoder.

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

    /// Number of tokens.
    pub(super) fn len(&self) -> usize {
        self.ids.len() + self.tail.len()
    }
}

/// Where each node stands on its path, and the order of work.
#[derive(Debug)]
pub(super) struct Plan {
    /// Nodes depth first, children in the order of the request.
    pub(super) order: Vec<usize>,
    /// Position of each node's first token; only of meaning where `blocked` is `None`.
    pub(super) start: Vec<usize>,
    /// Why a node cannot be scored.
    pub(super) blocked: Vec<Option<String>>,
    /// Tokens of the tree with every node that can be scored counted once, and the prefix if there is one.
    pub(super) unique: usize,
}

impl Plan {
    /// Lays out the tree for a context of `context` tokens.
    pub(super) fn new(request: &PrmRequest, tree: &TokenTree, context: usize) -> Result<Self, PrmError> {
        let count = request.nodes.len();
        let (mut start, mut end) = (vec![0; count], vec![0; count]);
        let mut blocked: Vec<Option<String>> = vec![None; count];
        let mut unique = 0;
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
                unique += tokens.map_or(0, NodeTokens::len);
            }
        }
        if unique > 0 {
            unique += tree.prefix.len();
        }
        Ok(Self { order: depth_first(request), start, blocked, unique })
    }

    /// The nodes from `at` in the order that are one chain and together add at most `limit` tokens to the first `known` positions
    /// of their path; at least one.
    pub(super) fn run(&self, request: &PrmRequest, tree: &TokenTree, at: usize, known: usize, limit: usize) -> &[usize] {
        let mut to = at + 1;
        while let Some(&next) = self.order.get(to) {
            let last = self.order[to - 1];
            let open = tree.nodes[last].as_ref().is_ok_and(|n| n.tail.is_empty());
            let chained = open && request.nodes[next].parent == Some(last) && self.blocked[next].is_none();
            let tokens = tree.nodes[next].as_ref().map_or(usize::MAX, NodeTokens::len);
            if !chained || (self.start[next].saturating_add(tokens)).saturating_sub(known) > limit {
                break;
            }
            to += 1;
        }
        &self.order[at..to]
    }
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
        let nodes = parents.iter().map(|&parent| PrmNode { parent, text: String::new() }).collect();
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
        assert_eq!(plan.run(&request, &tokens, 0, 0, 256), [0, 2, 5]);
        assert_eq!(plan.run(&request, &tokens, 0, 10, 6), [0, 2]);
        assert_eq!(plan.run(&request, &tokens, 0, 0, 1), [0]);
        assert_eq!(plan.run(&request, &tokens, 3, 12, 256), [4]);
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
