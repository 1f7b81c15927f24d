//! The trace: an arena of nodes in which every path from the root is a prefix of a solution.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::{
    EndState, FirstError, Label, Origin, Outcome, Problem, PromptKey, Rating, RecordKey, SolutionLabels, StepKey, Words,
};

/// What a search did: for each of its iterations, by number, the steps that it made or valued anew, and the value it then took each to
/// have, in the source's own range.
pub type History = BTreeMap<u64, Vec<(NodeId, Option<f64>)>>;

/// Fields of a source that have no place of their own, kept verbatim for a lossless round trip.
pub type Extra = serde_json::Map<String, Value>;

/// Index of a node in its trace; 0 is the root, which stands for the problem and has no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(u32);

impl NodeId {
    /// The root of every trace.
    pub const ROOT: Self = Self(0);

    /// Position in [`Trace::nodes`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What kind of text a step holds, so that the screen can draw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StepKind {
    /// Prose with mathematics.
    #[default]
    Text,
    /// Thought text of a reasoning model (inside `<think>`).
    Thought,
    /// Program code.
    Code,
    /// Output of a tool.
    Tool,
}

impl StepKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Text, Self::Thought, Self::Code, Self::Tool];

    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Thought => "thought",
            Self::Code => "code",
            Self::Tool => "tool",
        }
    }

    /// The kind of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Numbers that a search or an earlier scoring run left on a node. Not-a-number in a source becomes `None` with a warning.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct NodeStats {
    /// Monte Carlo estimate: share of rollouts from here that reach the right answer, `0..=1`.
    pub mc: Option<f64>,
    /// Number of rollouts behind `mc`.
    pub mc_k: Option<u64>,
    /// Rollouts behind `mc` that were right.
    pub mc_hits: Option<u64>,
    /// Action value of the search, in the source's own range.
    pub q: Option<f64>,
    /// State value of the search, in the source's own range.
    pub value: Option<f64>,
    /// Prior probability of the policy.
    pub prior: Option<f64>,
    /// Visit count.
    pub visits: Option<u64>,
    /// Step score by a process reward model that the source recorded, `0..=1`.
    pub prm: Option<f64>,
}

/// One step in the tree.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The step before this one; `None` for the root alone.
    pub parent: Option<NodeId>,
    /// Steps that follow, in source order.
    pub children: Vec<NodeId>,
    /// Number of steps from the root: 0 for the root, 1 for a first step.
    pub depth: usize,
    /// Content key; the root carries a key that no step has.
    pub key: StepKey,
    /// The text as read.
    pub text: String,
    /// The exact separator behind the text in the source, so that a split text re-joins byte for byte.
    pub sep_after: String,
    /// Nothing stands between this step and the next one, which were one text; else an empty separator is one that the source does not
    /// give.
    pub glued: bool,
    /// What the text holds.
    pub kind: StepKind,
    /// Numbers of the search.
    pub stats: NodeStats,
    /// Rating that the source gives this node itself (alternatives have one without being on a solution's path).
    pub rating: Option<Rating>,
    /// Unknown fields of the source.
    pub extra: Extra,
}

impl Node {
    /// The source says that a person wrote the step.
    pub fn by_a_person(&self) -> bool {
        self.extra.get("source").is_some_and(|source| source == "human")
    }

    fn new(parent: Option<NodeId>, depth: usize, key: StepKey, text: &str) -> Self {
        Self {
            parent,
            children: Vec::new(),
            depth,
            key,
            text: text.to_owned(),
            sep_after: String::new(),
            glued: false,
            kind: StepKind::Text,
            stats: NodeStats::default(),
            rating: None,
            extra: Extra::new(),
        }
    }
}

/// Field of a node that a language model wrote on request.
const SAMPLED: &str = "sampled";

/// One path from the root that somebody offered as a solution.
#[derive(Debug, Clone, PartialEq)]
pub struct Solution {
    /// Its last step (the root for a solution without steps).
    pub leaf: NodeId,
    /// Identifier in the source, not necessarily unique.
    pub source_id: Option<String>,
    /// Model or person that wrote it.
    pub generator: Option<String>,
    /// The answer it arrives at.
    pub final_answer: Option<String>,
    /// Whether that answer is right.
    pub outcome: Outcome,
    /// First error that the source records.
    pub first_error: FirstError,
    /// Ratings that the source records, one a step of the path; may be shorter.
    pub ratings: Vec<Option<Rating>>,
    /// How the recorded labelling ended.
    pub end_state: EndState,
    /// The recorded labels carry an "unsure" mark.
    pub unsure: bool,
    /// Who gave the recorded labels, where the source says so.
    pub annotator: Option<String>,
    /// What the recorded labels say in words; `None` when they have none.
    pub words: Option<Box<Words>>,
    /// Step scores that the source records, one a step of the path; may be shorter.
    pub scores: Vec<Option<f64>>,
    /// Index of the record that it was read from, counted from 0 in its file.
    pub record: usize,
    /// Unknown fields of the source.
    pub extra: Extra,
}

impl Solution {
    /// A solution that ends at `leaf` and of which nothing else is known.
    pub fn new(leaf: NodeId) -> Self {
        Self {
            leaf,
            source_id: None,
            generator: None,
            final_answer: None,
            outcome: Outcome::Unknown,
            first_error: FirstError::Unknown,
            ratings: Vec::new(),
            end_state: EndState::Open,
            unsure: false,
            annotator: None,
            words: None,
            scores: Vec::new(),
            record: 0,
            extra: Extra::new(),
        }
    }
}

/// A problem and everything that was tried on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// What is to be solved.
    pub problem: Problem,
    /// Key of the problem text.
    pub prompt_key: PromptKey,
    /// The tree; `nodes[0]` is the root. Parents stand before their children.
    pub nodes: Vec<Node>,
    /// The solutions, in source order.
    pub solutions: Vec<Solution>,
    /// The iterations of the search that made the tree; empty where the source does not say.
    pub history: History,
    /// Things the reader repaired or wants to be known, one line each.
    pub warnings: Vec<String>,
    /// Unknown fields of the source that belong to the whole trace.
    pub extra: Extra,
    // Invariant: holds every node but the root. A step key names a whole path, so one map serves the whole tree.
    by_key: HashMap<StepKey, NodeId>,
    /// Solutions that were cut anew, by their leaf.
    origins: HashMap<NodeId, Origin>,
}

impl Trace {
    /// What the solution that ends here is called in its source, when it was cut anew.
    pub fn origin(&self, leaf: NodeId) -> Option<&Origin> {
        self.origins.get(&leaf)
    }

    /// What its nodes and texts take in memory, in bytes, about.
    pub fn bytes(&self) -> usize {
        let texts = self.nodes.iter().map(|node| node.text.len()).sum::<usize>() + self.problem.text.len();
        texts + self.nodes.len() * size_of::<Node>() + self.solutions.len() * size_of::<Solution>()
    }

    /// Everything that the solution that ends here is or was called: by its steps of now, then by those of its sources.
    pub fn names(&self, leaf: NodeId) -> impl Iterator<Item = RecordKey> + '_ {
        std::iter::once(self.record_key(leaf))
            .chain(self.origin(leaf).into_iter().flat_map(|origin| origin.records.iter().copied()))
    }

    /// The node of this id.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// The node with this key.
    pub fn find(&self, key: StepKey) -> Option<NodeId> {
        self.by_key.get(&key).copied()
    }

    /// All node ids but the root, parents before children.
    pub fn steps(&self) -> impl Iterator<Item = NodeId> + '_ {
        (1..self.nodes.len()).map(|index| NodeId(u32::try_from(index).unwrap_or(u32::MAX)))
    }

    /// The steps from the first one to `leaf`; empty for the root.
    pub fn path(&self, leaf: NodeId) -> Vec<NodeId> {
        let mut path = Vec::with_capacity(self.node(leaf).depth);
        let mut at = leaf;
        while let Some(parent) = self.node(at).parent {
            path.push(at);
            at = parent;
        }
        path.reverse();
        path
    }

    /// The steps of one solution.
    pub fn solution_path(&self, solution: &Solution) -> Vec<NodeId> {
        self.path(solution.leaf)
    }

    /// The key of the path that ends at `leaf`, as a whole.
    pub fn record_key(&self, leaf: NodeId) -> RecordKey {
        if leaf == NodeId::ROOT { self.prompt_key.record() } else { self.node(leaf).key.record() }
    }

    /// Labels of a solution as the source records them.
    pub fn recorded_labels(&self, solution: &Solution) -> SolutionLabels {
        let steps = self.node(solution.leaf).depth;
        let Words { error_kind, end_reason, progress, remarks } = solution.words.as_deref().cloned().unwrap_or_default();
        SolutionLabels {
            unsure: solution.unsure,
            annotator: solution.annotator.clone(),
            error_kind,
            end_reason,
            progress,
            remarks,
            ..SolutionLabels::recorded(steps, solution.first_error, &solution.ratings, solution.end_state)
        }
    }

    /// Ratings that the source gives to the steps of a solution one by one, and not by a verdict on the whole, one a step. A step that its
    /// annotator wrote and left without one counts as right where the verdict does.
    pub fn recorded_ratings(&self, solution: &Solution) -> Vec<Option<Rating>> {
        let implied = self.recorded_labels(solution).steps;
        let written = |id: NodeId, label: Label| (label == Label::Good && self.node(id).by_a_person()).then_some(Rating::Good);
        let steps = self.solution_path(solution).into_iter().zip(implied).enumerate();
        steps.map(|(at, (id, label))| solution.ratings.get(at).copied().flatten().or_else(|| written(id, label))).collect()
    }

    /// Step scores of a solution as the source records them, one a step: those of the solution, else those of its nodes.
    pub fn recorded_scores(&self, solution: &Solution) -> Vec<Option<f64>> {
        let own = |index: usize| solution.scores.get(index).copied().flatten();
        let path = self.solution_path(solution).into_iter().enumerate();
        path.map(|(index, id)| own(index).or(self.node(id).stats.prm)).collect()
    }

    /// Lowest and highest value that a search number of this name (`q`, `value`, `mc`) takes, where the source has a fixed range: `0..=1` where
    /// it declares nothing.
    pub fn value_range(&self, name: &str) -> Option<(f64, f64)> {
        match self.extra.get("value_range").and_then(|ranges| ranges.get(name)) {
            None => Some((0.0, 1.0)),
            Some(range) => range.get(0).and_then(Value::as_f64).zip(range.get(1).and_then(Value::as_f64)),
        }
    }

    /// True when some step has more than one step behind it.
    pub fn branches(&self) -> bool {
        // Parents stand before their children, so that without branches the last one is behind all others.
        self.nodes.last().is_some_and(|last| last.depth + 1 < self.nodes.len())
    }

    /// Number of solutions whose path runs through `node`.
    pub fn solutions_through(&self, node: NodeId) -> usize {
        let depth = self.node(node).depth;
        self.solutions.iter().filter(|solution| self.ancestor_at(solution.leaf, depth) == Some(node)).count()
    }

    /// The node `depth` steps below the root on the way to `leaf`; `None` when the path is shorter.
    pub fn ancestor_at(&self, leaf: NodeId, depth: usize) -> Option<NodeId> {
        let mut at = leaf;
        while self.node(at).depth > depth {
            at = self.node(at).parent?;
        }
        (self.node(at).depth == depth).then_some(at)
    }

    /// Takes over the steps and solutions of another trace of the same problem, merging equal prefixes. Returns `false`, and
    /// changes nothing, when the problems differ.
    pub fn absorb(&mut self, other: Trace) -> bool {
        if other.prompt_key != self.prompt_key {
            return false;
        }
        let mut ids = vec![NodeId::ROOT; other.nodes.len()];
        for (index, node) in other.nodes.into_iter().enumerate().skip(1) {
            // Invariant: parents stand before their children, so the parent's new id is known.
            let parent = node.parent.map_or(NodeId::ROOT, |parent| ids[parent.index()]);
            let id = self.child(parent, &node.text);
            let mine = &mut self.nodes[id.index()];
            mine.take_sep(&node.sep_after, node.glued);
            mine.rating = mine.rating.or(node.rating);
            if mine.stats == NodeStats::default() {
                mine.stats = node.stats;
            }
            if mine.extra.is_empty() {
                mine.extra = node.extra;
            }
            if mine.kind == StepKind::default() {
                mine.kind = node.kind;
            }
            ids[index] = id;
        }
        self.solutions.extend(other.solutions.into_iter().map(|mut solution| {
            solution.leaf = ids[solution.leaf.index()];
            solution
        }));
        self.origins.extend(other.origins.into_iter().map(|(leaf, origin)| (ids[leaf.index()], origin)));
        if self.history.is_empty() {
            let here = |(id, value): (NodeId, Option<f64>)| (ids[id.index()], value);
            self.history = other.history.into_iter().map(|(at, touched)| (at, touched.into_iter().map(here).collect())).collect();
        } else if !other.history.is_empty() {
            self.warnings.push("the iterations of the first search of this problem are kept, and no others".to_owned());
        }
        self.warnings.extend(other.warnings);
        self.problem.reference_solution = self.problem.reference_solution.take().or(other.problem.reference_solution);
        if let Some(warning) = self.problem.refer_to(other.problem.reference_answer).filter(|said| !self.warnings.contains(said))
        {
            self.warnings.push(warning);
        }
        for (key, value) in other.extra {
            self.extra.entry(key).or_insert(value);
        }
        true
    }

    /// The same with steps that a language model wrote, each behind the step of this key (the root's for first steps); `None` where all of
    /// them stand here already, or none of their places does. Nodes keep their numbers.
    pub fn with_samples<'a>(&self, samples: impl IntoIterator<Item = (StepKey, &'a str)>) -> Option<Self> {
        let mut grown: Option<Self> = None;
        for (parent, text) in samples {
            let trace = grown.as_ref().unwrap_or(self);
            let root = (parent == self.node(NodeId::ROOT).key).then_some(NodeId::ROOT);
            let Some(parent) = root.or_else(|| trace.find(parent)) else { continue };
            if trace.find(trace.key_behind(parent, text)).is_none() {
                let trace = grown.get_or_insert_with(|| self.clone());
                let id = trace.child(parent, text);
                trace.nodes[id.index()].extra.insert(SAMPLED.to_owned(), true.into());
            }
        }
        grown
    }

    /// A language model wrote this step on request.
    pub fn is_sampled(&self, id: NodeId) -> bool {
        self.node(id).extra.get(SAMPLED).is_some_and(|sampled| *sampled == true)
    }

    /// Steps of some solution were cut anew.
    pub fn is_recut(&self) -> bool {
        !self.origins.is_empty()
    }

    fn key_behind(&self, parent: NodeId, text: &str) -> StepKey {
        if parent == NodeId::ROOT { self.prompt_key.step(text) } else { self.node(parent).key.step(text) }
    }

    /// The child of `parent` with this text; made when there is none.
    fn child(&mut self, parent: NodeId, text: &str) -> NodeId {
        let key = self.key_behind(parent, text);
        if let Some(id) = self.find(key) {
            return id;
        }
        let id = NodeId(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
        let depth = self.node(parent).depth + 1;
        self.nodes.push(Node::new(Some(parent), depth, key, text));
        self.nodes[parent.index()].children.push(id);
        self.by_key.insert(key, id);
        id
    }
}

/// Builds a [`Trace`] step by step; equal steps below the same parent become one node.
#[derive(Debug)]
pub struct TraceBuilder {
    trace: Trace,
}

impl TraceBuilder {
    /// A trace of this problem with a root and nothing else.
    pub fn new(problem: Problem) -> Self {
        let prompt_key = PromptKey::of(&problem.text);
        let root = Node::new(None, 0, prompt_key.root(), "");
        Self {
            trace: Trace {
                problem,
                prompt_key,
                nodes: vec![root],
                solutions: Vec::new(),
                history: History::new(),
                warnings: Vec::new(),
                extra: Extra::new(),
                by_key: HashMap::new(),
                origins: HashMap::new(),
            },
        }
    }

    /// The step `text` below `parent`: an equal one that stands there already, or a new one.
    pub fn child(&mut self, parent: NodeId, text: &str) -> NodeId {
        self.trace.child(parent, text)
    }

    /// Adds a whole path below the root and returns its nodes.
    pub fn path<S: AsRef<str>>(&mut self, steps: impl IntoIterator<Item = S>) -> Vec<NodeId> {
        let mut at = NodeId::ROOT;
        steps
            .into_iter()
            .map(|text| {
                at = self.child(at, text.as_ref());
                at
            })
            .collect()
    }

    /// The node of this id, to fill in what the source says of it.
    pub fn node_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.trace.nodes[id.index()]
    }

    /// Says what the steps from the node of this index on are.
    pub fn paint(&mut self, from: usize, kind: StepKind) {
        for node in self.trace.nodes.iter_mut().skip(from.max(1)) {
            node.kind = kind;
        }
    }

    /// The trace as built so far.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// Adds a solution and gives it back to be filled in.
    pub fn solution(&mut self, leaf: NodeId) -> &mut Solution {
        self.trace.solutions.push(Solution::new(leaf));
        let last = self.trace.solutions.len() - 1;
        &mut self.trace.solutions[last]
    }

    /// Says how the source names the solution that ends here.
    pub(super) fn origin(&mut self, leaf: NodeId, origin: Origin) {
        self.trace.origins.insert(leaf, origin);
    }

    /// The solution that was added last.
    pub fn last_solution(&mut self) -> Option<&mut Solution> {
        self.trace.solutions.last_mut()
    }

    /// Says that an iteration of the search made a step or valued it anew. The root, which no search makes, has no history.
    pub fn touch(&mut self, iteration: u64, id: NodeId, value: Option<f64>) {
        if id != NodeId::ROOT {
            self.trace.history.entry(iteration).or_default().push((id, value));
        }
    }

    /// Notes something that the reader repaired.
    pub fn warn(&mut self, warning: impl Into<String>) {
        self.trace.warnings.push(warning.into());
    }

    /// Keeps unknown fields of the whole trace.
    pub fn extra(&mut self, extra: Extra) {
        self.trace.extra.extend(extra);
    }

    /// Keeps one unknown field of the whole trace.
    pub fn note(&mut self, key: &str, value: impl Into<Value>) {
        self.trace.extra.insert(key.to_owned(), value.into());
    }

    /// The finished trace.
    pub fn finish(mut self) -> Trace {
        self.trace.history.values_mut().for_each(|touched| touched.sort_by_key(|(id, _)| *id));
        self.trace
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_samples() -> Trace {
        let mut builder = TraceBuilder::new(Problem { text: "q".into(), ..Problem::default() });
        let a = builder.path(["one", "two", "three"]);
        builder.solution(a[2]);
        let b = builder.path(["one", "two", "drei", "vier"]);
        builder.solution(b[3]);
        builder.finish()
    }

    #[test]
    fn equal_prefixes_become_one_path() {
        let trace = two_samples();
        assert_eq!(trace.nodes.len(), 1 + 2 + 1 + 2);
        let [a, b] = [&trace.solutions[0], &trace.solutions[1]].map(|solution| trace.solution_path(solution));
        assert_eq!(a[..2], b[..2]);
        assert_ne!(a[2], b[2]);
        assert_eq!(trace.solutions_through(a[1]), 2);
        assert_eq!(trace.solutions_through(b[3]), 1);
        assert!(trace.branches());
    }

    #[test]
    fn absorbing_a_trace_of_the_same_problem_merges_prefixes() {
        let mut trace = two_samples();
        let nodes = trace.nodes.len();
        assert!(trace.absorb(two_samples()));
        assert_eq!(trace.nodes.len(), nodes);
        assert_eq!(trace.solutions.len(), 4);
        let other = TraceBuilder::new(Problem { text: "another".into(), ..Problem::default() }).finish();
        assert!(!trace.absorb(other));
    }

    #[test]
    fn the_record_key_of_a_prefix_is_not_that_of_the_whole() {
        let trace = two_samples();
        let path = trace.solution_path(&trace.solutions[0]);
        assert_ne!(trace.record_key(path[1]), trace.record_key(path[2]));
    }

    #[test]
    fn a_solution_without_steps_is_the_root() {
        let mut builder = TraceBuilder::new(Problem::default());
        builder.solution(NodeId::ROOT);
        let trace = builder.finish();
        assert!(trace.solution_path(&trace.solutions[0]).is_empty());
        assert_eq!(trace.recorded_labels(&trace.solutions[0]).steps, Vec::new());
    }
}
