//! Steps cut anew: merged or split by somebody who disagrees with the source. The source's trace stays as it is; this makes another
//! one beside it.

use serde::{Deserialize, Serialize};

use super::{FirstError, Node, NodeId, NodeStats, Rating, RecordKey, Solution, StepKey, StepKind, Trace, TraceBuilder};

/// Tags behind each step that step labels refer to: of Math-Shepherd, Qwen's PRM and MM-PRM.
pub const STEP_TAGS: [&str; 3] = ["ки", "<extra_0>", "<prm>"];

/// Signs that may stand between the full stop of a sentence and its end.
pub const CLOSERS: [char; 12] = ['"', '\'', ')', ']', '}', '”', '’', '*', '`', '$', '」', '』'];

/// A place in a solution as the source cuts it: a step, from 0, and a byte in its text. Written `[step, at]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "(usize, usize)", into = "(usize, usize)")]
pub struct Cut {
    /// Index of the source's step.
    pub step: usize,
    /// Byte in its text.
    pub at: usize,
}

impl From<(usize, usize)> for Cut {
    fn from((step, at): (usize, usize)) -> Self {
        Self { step, at }
    }
}

impl From<Cut> for (usize, usize) {
    fn from(cut: Cut) -> Self {
        (cut.step, cut.at)
    }
}

/// What a solution that was cut anew is called in its source: what was said of it there can be found. One that was cut by a rule and then by hand
/// has two sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The solution, as the steps before these name it, and those before them.
    pub records: Vec<RecordKey>,
    /// For each step, the source's steps that begin in it: several where steps were merged, none behind the first part of a split one.
    pub steps: Vec<Vec<Earlier>>,
}

/// A step of the source of a solution that was cut anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    /// The step.
    pub key: StepKey,
    /// The steps of its own source that begin in it; empty where it has none.
    pub before: Vec<Earlier>,
}

impl Origin {
    /// What the source calls step `index`, and what the source's source does.
    pub fn keys(&self, index: usize) -> Vec<StepKey> {
        let mut level: Vec<&Earlier> = self.steps.get(index).into_iter().flatten().collect();
        let mut keys = Vec::new();
        while !level.is_empty() {
            keys.extend(level.iter().map(|step| step.key));
            level = level.into_iter().flat_map(|step| &step.before).collect();
        }
        keys
    }
}

/// A step of a solution that was cut anew.
struct Piece {
    text: String,
    sep_after: String,
    glued: bool,
    kind: StepKind,
    /// The source's steps that it holds wholly or in part.
    steps: std::ops::RangeInclusive<usize>,
    /// It begins where a source step does.
    begins: bool,
    /// It ends where one does, too.
    whole: bool,
}

impl Piece {
    /// The source's step that it is.
    fn same(&self) -> Option<usize> {
        (self.whole && self.steps.start() == self.steps.end()).then_some(*self.steps.start())
    }
}

impl Trace {
    /// Beginnings of the steps as the source cuts a solution.
    pub fn own_starts(&self, solution: &Solution) -> Vec<Cut> {
        (0..self.node(solution.leaf).depth).map(|step| Cut { step, at: 0 }).collect()
    }

    /// The place of a byte in step `index` of a solution that is cut at `starts`, in terms of the source. `None` behind its end.
    pub fn cut_at(&self, solution: &Solution, starts: &[Cut], index: usize, byte: usize) -> Option<Cut> {
        let nodes: Vec<&Node> = self.solution_path(solution).into_iter().map(|id| self.node(id)).collect();
        let mut at = *starts.get(index)?;
        let mut left = byte;
        loop {
            let node = nodes.get(at.step)?;
            let rest = node.text.len().checked_sub(at.at)?;
            if left < rest {
                return Some(Cut { step: at.step, at: at.at + left });
            }
            left = left.saturating_sub(rest + node.joint().len());
            at = Cut { step: at.step + 1, at: 0 };
        }
    }

    /// The same problem with solutions cut where `starts` says; an empty list keeps the source's steps. `None` when nothing changes.
    /// What the source records of steps follows as far as the steps are the same.
    pub fn recut<'a>(&self, starts: impl Fn(&Solution) -> &'a [Cut]) -> Option<Trace> {
        let pieces: Vec<Option<Vec<Piece>>> =
            self.solutions.iter().map(|solution| self.pieces(solution, starts(solution))).collect();
        if pieces.iter().all(Option::is_none) {
            return None;
        }
        let mut builder = TraceBuilder::new(self.problem.clone());
        let ids = self.copy_kept(&mut builder, &pieces);
        for (solution, pieces) in self.solutions.iter().zip(&pieces) {
            let Some(pieces) = pieces else {
                let leaf = ids[solution.leaf.index()].unwrap_or(NodeId::ROOT);
                *builder.solution(leaf) = Solution { leaf, ..solution.clone() };
                if let Some(origin) = self.origin(solution.leaf) {
                    builder.origin(leaf, origin.clone());
                }
                continue;
            };
            let mut leaf = NodeId::ROOT;
            for piece in pieces {
                leaf = builder.child(leaf, &piece.text);
                self.follow(solution, piece, builder.node_mut(leaf));
            }
            *builder.solution(leaf) = Solution { leaf, ..followed(solution, pieces) };
            builder.origin(leaf, self.origin_of(solution, pieces));
        }
        self.warnings.iter().for_each(|warning| builder.warn(warning.clone()));
        builder.extra(self.extra.clone());
        Some(builder.finish())
    }

    /// How the source names a solution and its steps.
    fn origin_of(&self, solution: &Solution, pieces: &[Piece]) -> Origin {
        let path = self.solution_path(solution);
        let own = self.origin(solution.leaf);
        let earlier = |index: usize| {
            let before = own.and_then(|own| own.steps.get(index)).cloned().unwrap_or_default();
            path.get(index).map(|&id| Earlier { key: self.node(id).key, before })
        };
        let begin = |piece: &Piece| {
            let first = piece.steps.start() + usize::from(!piece.begins);
            (first..=*piece.steps.end()).filter_map(earlier).collect()
        };
        Origin { records: self.names(solution.leaf).collect(), steps: pieces.iter().map(begin).collect() }
    }

    /// What the source says of a step, as far as it still fits. A step that was there before, on another path, keeps what it has.
    fn follow(&self, solution: &Solution, piece: &Piece, node: &mut Node) {
        node.take_sep(&piece.sep_after, piece.glued);
        node.kind = piece.kind;
        let path = self.solution_path(solution);
        let at = |step: usize| path.get(step).map(|&id| self.node(id));
        if let Some(same) = piece.same().and_then(at) {
            node.rating = node.rating.or(same.rating);
        }
        // Statistics of a search are those of all that was said so far: they follow to the step that ends at the same place.
        if let Some(last) = at(*piece.steps.end()).filter(|_| piece.whole && node.stats == NodeStats::default()) {
            node.stats = last.stats;
        }
    }

    /// The texts of the steps of a solution cut at `starts`, as [`Trace::recut`] makes them.
    pub fn texts_cut(&self, solution: &Solution, starts: &[Cut]) -> Vec<String> {
        match self.pieces(solution, starts) {
            Some(pieces) => pieces.into_iter().map(|piece| piece.text).collect(),
            None => self.solution_path(solution).into_iter().map(|id| self.node(id).text.clone()).collect(),
        }
    }

    /// Copies every node but those that only solutions with `pieces` run through. Gives the new ids by the old ones.
    fn copy_kept(&self, builder: &mut TraceBuilder, pieces: &[Option<Vec<Piece>>]) -> Vec<Option<NodeId>> {
        let mut kept: Vec<bool> = self.nodes.iter().map(|node| node.children.is_empty()).collect();
        for (solution, pieces) in self.solutions.iter().zip(pieces) {
            kept[solution.leaf.index()] &= pieces.is_none();
        }
        for (solution, _) in self.solutions.iter().zip(pieces).filter(|(_, pieces)| pieces.is_none()) {
            kept[solution.leaf.index()] = true;
        }
        for index in (1..self.nodes.len()).rev() {
            if let (true, Some(parent)) = (kept[index], self.nodes[index].parent) {
                kept[parent.index()] = true;
            }
        }
        let mut ids = vec![Some(NodeId::ROOT); self.nodes.len()];
        for (index, node) in self.nodes.iter().enumerate().skip(1) {
            // Invariant: parents stand before their children, and a kept node has a kept parent.
            let parent = node.parent.and_then(|parent| ids[parent.index()]).filter(|_| kept[index]);
            ids[index] = parent.map(|parent| {
                let id = builder.child(parent, &node.text);
                let copy = builder.node_mut(id);
                *copy = Node { parent: copy.parent, children: std::mem::take(&mut copy.children), ..node.clone() };
                id
            });
        }
        ids
    }

    /// The steps of a solution cut at `starts`; `None` when they are the source's own, or no cuts of this solution.
    fn pieces(&self, solution: &Solution, starts: &[Cut]) -> Option<Vec<Piece>> {
        let own = self.own_starts(solution);
        if starts.is_empty() || starts == own {
            return None;
        }
        let nodes: Vec<&Node> = self.solution_path(solution).into_iter().map(|id| self.node(id)).collect();
        let inside =
            |cut: &Cut| nodes.get(cut.step).is_some_and(|n| cut.at < n.text.len().max(1) && n.text.is_char_boundary(cut.at));
        let ascending = starts.windows(2).all(|pair| pair[0] < pair[1]);
        if starts.first() != own.first() || !ascending || !starts.iter().all(inside) {
            return None;
        }
        let end = Cut { step: nodes.len(), at: 0 };
        let ends = starts.iter().skip(1).chain([&end]);
        Some(starts.iter().zip(ends).map(|(from, to)| piece(&nodes, *from, *to)).collect())
    }
}

impl Node {
    /// Takes over what stands behind this step on another path or in another record; what is known stays.
    pub(super) fn take_sep(&mut self, sep_after: &str, glued: bool) {
        if self.sep_after.is_empty() && !self.glued {
            sep_after.clone_into(&mut self.sep_after);
            self.glued = glued;
        }
    }

    /// What stands between this step and the next one when both become one text: the separator without tags that mark the end of a
    /// step; a list of steps has no separators, so a line end stands in their place; Chinese sentences need none.
    pub fn joint(&self) -> &str {
        let needs_none = self.text.trim_end_matches(CLOSERS).ends_with(['。', '？', '！']);
        let tagged = STEP_TAGS.iter().find_map(|tag| self.sep_after.rsplit_once(tag));
        let sep = tagged.map_or(self.sep_after.as_str(), |(before, behind)| match behind {
            "" if before.trim().is_empty() => before,
            _ => behind,
        });
        if sep.is_empty() && !needs_none && !self.glued { "\n" } else { sep }
    }
}

/// Where a text ends without the white space and the step tags behind it; there is some text before them.
fn body(text: &str) -> usize {
    let mut body = text.trim_end();
    // Letters right before it make another word of the first tag.
    let untagged = |text: &str| {
        let rest = STEP_TAGS
            .iter()
            .find_map(|tag| text.strip_suffix(tag).filter(|rest| tag.starts_with('<') || !rest.ends_with(char::is_alphanumeric)));
        rest.map(|rest| rest.trim_end().len()).filter(|&end| end > 0)
    };
    while let Some(end) = untagged(body) {
        body = &body[..end];
    }
    body.len()
}

/// The text from one place to another. White space and step tags before a cut inside a step go into the separator.
fn piece(nodes: &[&Node], from: Cut, to: Cut) -> Piece {
    let last = if to.at > 0 { to.step } else { to.step - 1 };
    let mut text = String::new();
    for (step, node) in nodes.iter().enumerate().take(last + 1).skip(from.step) {
        let begin = if step == from.step { from.at } else { 0 };
        let end = if step == last && to.at > 0 { to.at } else { node.text.len() };
        text.push_str(&node.text[begin..end]);
        if step < last {
            text.push_str(node.joint());
        }
    }
    let mut sep_after = nodes[last].sep_after.clone();
    let kept = body(&text);
    if to.at > 0 {
        sep_after = text.split_off(kept);
    } else if from.at > 0 && kept < text.trim_end().len() {
        // The last part of a step that tags cut.
        sep_after.insert_str(0, &text.split_off(kept));
    }
    Piece {
        text,
        glued: sep_after.is_empty() && (to.at > 0 || nodes[last].glued),
        sep_after,
        kind: nodes[from.step].kind,
        steps: from.step..=last,
        begins: from.at == 0,
        whole: from.at == 0 && to.at == 0,
    }
}

/// What the source says of a solution, as far as it still fits.
fn followed(solution: &Solution, pieces: &[Piece]) -> Solution {
    let first_error = match solution.first_error {
        FirstError::At(k) => {
            let holding: Vec<usize> = (0..pieces.len()).filter(|&piece: &usize| pieces[piece].steps.contains(&k)).collect();
            // In which part of a split step the error stands, nobody has said.
            if let [only] = holding[..] { FirstError::At(only) } else { FirstError::Unknown }
        }
        other => other,
    };
    let by_step = |values: &[Option<f64>], ends_alike: bool| -> Vec<Option<f64>> {
        let value = |piece: &Piece| {
            let step = if ends_alike && piece.whole { Some(*piece.steps.end()) } else { piece.same() };
            step.and_then(|step| values.get(step).copied().flatten())
        };
        if values.is_empty() { Vec::new() } else { pieces.iter().map(value).collect() }
    };
    // Of an error that has no place any more, what was said of the steps before it remains.
    let before = match (solution.first_error, first_error) {
        (FirstError::At(k), FirstError::Unknown) => k,
        _ => 0,
    };
    let rating = |piece: &Piece| {
        let of = |step: usize| solution.ratings.get(step).copied().flatten();
        let right = |step: usize| step < before || of(step) == Some(Rating::Good);
        // Right steps put together are right.
        let all_right = *piece.steps.end() < before || (piece.begins && piece.whole && piece.steps.clone().all(right));
        piece.same().and_then(of).or_else(|| all_right.then_some(Rating::Good))
    };
    // What was said of a step is said of the one in which it begins.
    let begins = |step: usize| {
        let inside = |piece: &Piece| (piece.steps.start() + usize::from(!piece.begins)..=*piece.steps.end()).contains(&step);
        pieces.iter().position(inside)
    };
    let words = solution.words.clone().map(|mut words| {
        words.remarks.iter_mut().for_each(|remark| remark.step = remark.step.and_then(begins));
        words
    });
    Solution {
        first_error,
        ratings: if solution.ratings.is_empty() && before == 0 { Vec::new() } else { pieces.iter().map(rating).collect() },
        // A score is read off at the end of a step: it follows to the piece that ends there.
        scores: by_step(&solution.scores, true),
        words,
        ..solution.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{Problem, Remark, Words, Writing};

    /// `a b.`, `c d`, `e` and, through the same first step, `a b.`, `x`.
    fn source() -> Trace {
        let mut builder = TraceBuilder::new(Problem { text: "q".into(), ..Problem::default() });
        let path = builder.path(["a b.", "c d", "e"]);
        for id in &path {
            builder.node_mut(*id).sep_after = "\n\n".into();
        }
        let solution = builder.solution(path[2]);
        solution.first_error = FirstError::At(1);
        solution.scores = vec![Some(0.9), Some(0.2), Some(0.1)];
        let path = builder.path(["a b.", "x"]);
        builder.solution(path[1]);
        builder.finish()
    }

    fn texts(trace: &Trace, solution: usize) -> Vec<&str> {
        trace.solution_path(&trace.solutions[solution]).into_iter().map(|id| trace.node(id).text.as_str()).collect()
    }

    fn recut(starts: &[(usize, usize)]) -> Option<Trace> {
        let source = source();
        let starts: Vec<Cut> = starts.iter().copied().map(Cut::from).collect();
        source.recut(|solution| if solution.leaf == source.solutions[0].leaf { &starts } else { &[] })
    }

    #[test]
    fn steps_are_merged_with_the_separator_between_them_and_scores_follow() {
        let cut = recut(&[(0, 0), (2, 0)]).unwrap();
        assert_eq!(texts(&cut, 0), ["a b.\n\nc d", "e"]);
        assert_eq!(texts(&cut, 1), ["a b.", "x"]);
        assert_eq!(cut.solutions[0].first_error, FirstError::At(0));
        assert_eq!(cut.solutions[0].scores, [Some(0.2), Some(0.1)]);
        assert_eq!(cut.nodes.len(), 1 + 2 + 2, "the old path is gone where nothing else runs through it");
    }

    #[test]
    fn words_follow_the_step_in_which_theirs_begins() {
        let mut source = source();
        let remark = |step| Remark { writing: Writing::Critique, step, text: "x".into() };
        let words =
            Words { error_kind: "sum".into(), remarks: vec![remark(None), remark(Some(1)), remark(Some(2))], ..Words::default() };
        source.solutions[0].words = Some(Box::new(words));
        let leaf = source.solutions[0].leaf;
        for (starts, expected) in
            [(&[(0, 0), (2, 0)][..], [None, Some(0), Some(1)]), (&[(0, 0), (1, 0), (1, 2), (2, 0)], [None, Some(1), Some(3)])]
        {
            let starts: Vec<Cut> = starts.iter().copied().map(Cut::from).collect();
            let cut = source.recut(|solution| if solution.leaf == leaf { &starts } else { &[] }).unwrap();
            let labels = cut.recorded_labels(&cut.solutions[0]);
            assert_eq!(labels.remarks.iter().map(|remark| remark.step).collect::<Vec<_>>(), expected);
            assert_eq!(labels.error_kind, "sum");
        }
    }

    #[test]
    fn a_step_is_split_and_the_white_space_goes_between() {
        let cut = recut(&[(0, 0), (1, 0), (1, 2), (2, 0)]).unwrap();
        assert_eq!(texts(&cut, 0), ["a b.", "c", "d", "e"]);
        let path = cut.solution_path(&cut.solutions[0]);
        assert_eq!(path.iter().map(|&id| cut.node(id).sep_after.as_str()).collect::<Vec<_>>(), ["\n\n", " ", "\n\n", "\n\n"]);
        assert_eq!(cut.solutions[0].first_error, FirstError::Unknown, "which half is wrong is not known");
        assert_eq!(cut.solutions[0].ratings, [Some(Rating::Good), None, None, None], "that those before are right is");
        assert_eq!(cut.solutions[0].scores, [Some(0.9), None, None, Some(0.1)]);
        assert_eq!(path[0], cut.solution_path(&cut.solutions[1])[0], "the first step is still shared");
    }

    #[test]
    fn steps_that_were_one_text_are_known_as_such_wherever_they_are_cut_later() {
        let glued = |trace: &Trace| {
            trace.solution_path(&trace.solutions[0]).into_iter().map(|id| trace.node(id).glued).collect::<Vec<_>>()
        };
        let mut builder = TraceBuilder::new(Problem { text: "q".into(), ..Problem::default() });
        let path = builder.path(["pab", "c", "d"]);
        builder.node_mut(path[0]).glued = true;
        builder.solution(path[2]);
        // A shorter solution does not know what stands behind its end, which the longer one does.
        let short = builder.path(["pa"]);
        builder.solution(short[0]);
        let source = builder.finish();
        let starts = [(0, 0), (0, 1), (0, 2), (1, 0), (2, 0)].map(Cut::from);
        let long = source.solutions[0].leaf;
        let cut = source.recut(|solution| if solution.leaf == long { &starts } else { &starts[..2] }).unwrap();
        assert_eq!((texts(&cut, 0), glued(&cut)), (vec!["p", "a", "b", "c", "d"], vec![true, true, true, false, false]));
        assert_eq!(cut.nodes.len(), 1 + 5, "the shorter one runs through the same steps");
        // The second record of a problem is cut before it comes to the first.
        for known in ["c", "p"] {
            let mut whole = TraceBuilder::new(source.problem.clone());
            let path = whole.path([known]);
            whole.solution(path[0]);
            let mut whole = whole.finish();
            assert!(whole.absorb(cut.clone()));
            whole.solutions.remove(0);
            assert_eq!(glued(&whole), [true, true, true, false, false]);
        }
    }

    #[test]
    fn a_trace_that_is_cut_twice_knows_both_of_its_sources() {
        let source = source();
        let key =
            |trace: &Trace, solution: usize, step: usize| trace.node(trace.solution_path(&trace.solutions[solution])[step]).key;
        let [halves, merged] = [[(0, 0), (0, 2), (1, 0)], [(0, 0), (2, 0), (3, 0)]].map(|cuts| cuts.map(Cut::from));
        let once = source.recut(|_| &halves[..]).unwrap();
        let leaf = once.solutions[1].leaf;
        let twice = once.recut(|solution| if solution.leaf == leaf { &[] } else { &merged[..2] }).unwrap();
        assert_eq!(texts(&twice, 0), ["a b.", "c d\n\ne"]);
        let origin = twice.origin(twice.solutions[0].leaf).unwrap();
        let records = [&once, &source].map(|trace| trace.record_key(trace.solutions[0].leaf));
        assert_eq!(origin.records, records);
        assert_eq!(origin.keys(0), [key(&once, 0, 0), key(&once, 0, 1), key(&source, 0, 0)]);
        assert_eq!(twice.origin(twice.solutions[1].leaf), once.origin(leaf), "what is not cut again has the source it had");
        let mut whole = TraceBuilder::new(source.problem.clone()).finish();
        assert!(whole.absorb(once.clone()));
        assert_eq!(whole.origin(whole.solutions[0].leaf), once.origin(once.solutions[0].leaf));
    }

    #[test]
    fn cuts_that_do_not_fit_change_nothing() {
        for starts in [&[][..], &[(0, 0), (1, 0), (2, 0)], &[(1, 0)], &[(0, 0), (0, 0)], &[(0, 0), (9, 0)], &[(0, 0), (1, 99)]] {
            assert!(recut(starts).is_none(), "{starts:?}");
        }
    }

    #[test]
    fn a_byte_of_a_merged_step_is_found_in_the_source() {
        let source = source();
        let starts = [Cut { step: 0, at: 0 }, Cut { step: 2, at: 0 }];
        let at = |byte| source.cut_at(&source.solutions[0], &starts, 0, byte);
        assert_eq!(at(2), Some(Cut { step: 0, at: 2 }));
        assert_eq!(at(6), Some(Cut { step: 1, at: 0 }));
        assert_eq!(at(8), Some(Cut { step: 1, at: 2 }));
        assert_eq!(source.cut_at(&source.solutions[0], &starts, 1, 5), None);
        let mut builder = TraceBuilder::new(Problem::default());
        let path = builder.path(["a", "b"]);
        builder.solution(path[1]);
        let source = builder.finish();
        let merged = source.recut(|_| &starts[..1]).unwrap();
        assert_eq!(texts(&merged, 0), ["a\nb"]);
        let at = source.cut_at(&source.solutions[0], &starts[..1], 0, 2);
        assert_eq!(at, Some(Cut { step: 1, at: 0 }), "a list of steps has no separators; a line end is put between them");
    }
}
