//! The solutions of a problem by the answer that they arrive at: how many, whether it is right, what the model says of them, and the
//! best and the worst of them to go to.

use std::sync::{Arc, Weak};

use crossterm::event::{KeyCode, KeyEvent};

use super::lists::{self, Window};
use super::views::{ViewKeys, key as key_row, plain};
use super::{App, Effect};
use crate::checks::answer;
use crate::trace::{FirstError, Trace};

/// Solutions that are looked at.
const MOST: usize = 5_000;

/// Its keys.
pub(crate) static VIEW: ViewKeys = ViewKeys {
    name: "answers",
    command: "answers",
    keys: &[
        &[
            key_row(&["Enter"], "goes there", "go to the best solution with this answer; without scores to the first"),
            key_row(&["w"], "worst", "go to the worst one; without scores to the last"),
            key_row(&["Esc", "q", "Ctrl-c"], "closes", "close the table"),
        ],
        lists::KEYS,
    ],
    commands: &[],
};

/// The open table.
#[derive(Debug)]
pub struct Answers {
    /// Of which trace.
    of: Weak<Trace>,
    /// The groups, the largest one first; solutions without an answer are the last.
    pub groups: Vec<Group>,
    /// The chosen group.
    pub chosen: usize,
    /// Solutions that were looked at.
    pub looked: usize,
    /// Solutions of the problem.
    pub solutions: usize,
}

impl Answers {
    /// The groups on a screen of this height.
    pub fn window(&self, height: u16) -> Window {
        Window::around(self.chosen, self.groups.len(), 2, usize::from(height.saturating_sub(3)))
    }
}

/// Solutions with the same answer.
#[derive(Debug, Default)]
pub struct Group {
    /// The answer on one line, as its first solution writes it; empty for none.
    pub answer: String,
    /// The solutions, as indices.
    pub solutions: Vec<usize>,
    /// How many of them are right by file or answer check, as far as that may be seen.
    pub right: usize,
    /// How many are wrong.
    pub wrong: usize,
    /// Mean score of those that have one and may show it.
    pub mean: Option<f64>,
    /// The solution with the highest score, and the score.
    pub best: Option<(usize, f64)>,
    /// The one with the lowest score.
    pub worst: Option<(usize, f64)>,
    /// One's own verdicts: no error, and some error.
    pub own: (usize, usize),
}

impl App {
    pub(super) fn answers_of(&self, trace: &Arc<Trace>) -> Answers {
        let looked = trace.solutions.len().min(MOST);
        let answers: Vec<Option<&str>> =
            trace.solutions[..looked].iter().map(|solution| answer::of_solution(trace, solution)).collect();
        let mut groups = answer::alike(&answers);
        groups.sort_by_key(|group| std::cmp::Reverse(group.len()));
        let none: Vec<usize> = (0..looked).filter(|&at| answers[at].is_none()).collect();
        groups.extend(Some(none).filter(|none| !none.is_empty()));
        let group = |solutions: Vec<usize>| {
            let answer = answers[solutions[0]].map_or_else(String::new, |answer| self.answer_line(answer));
            self.weighed(trace, Group { answer, solutions, ..Group::default() })
        };
        let groups = groups.into_iter().map(group).collect();
        Answers { of: Arc::downgrade(trace), groups, chosen: 0, looked, solutions: trace.solutions.len() }
    }

    /// What file, model and annotator say of a group.
    fn weighed(&self, trace: &Trace, mut group: Group) -> Group {
        let mut scores: Vec<(usize, f64)> = Vec::new();
        for &at in &group.solutions {
            let solution = &trace.solutions[at];
            if let Some(own) = self.own() {
                match own.labels(trace, solution).first_error {
                    FirstError::NoError => group.own.0 += 1,
                    FirstError::At(_) => group.own.1 += 1,
                    FirstError::Unknown | FirstError::Unlabelable => {}
                }
            }
            if self.shows_score_of(trace, solution.leaf) {
                scores.extend(self.scoring.solution_score(trace, &trace.path(solution.leaf)).map(|score| (at, score)));
            }
        }
        // All of a group have the same answer: what is known of one of them would give the others away.
        let shown = |at: &usize| self.reference_shown() && self.shows_score_of(trace, trace.solutions[*at].leaf);
        if group.solutions.iter().all(shown) {
            let known: Vec<bool> =
                group.solutions.iter().filter_map(|&at| answer::is_right(trace, &trace.solutions[at])).collect();
            group.right = known.iter().filter(|right| **right).count();
            group.wrong = known.len() - group.right;
        }
        // Of equal ones the first is the best.
        let better = |a: &&(usize, f64), b: &&(usize, f64)| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0));
        group.best = scores.iter().max_by(better).copied();
        group.worst = scores.iter().min_by(better).copied().filter(|worst| group.best.is_some_and(|best| best.0 != worst.0));
        group.mean = (!scores.is_empty()).then(|| scores.iter().map(|(_, score)| score).sum::<f64>() / scores.len() as f64);
        group
    }
}

/// Opens the table.
pub(super) fn open(app: &mut App) -> Vec<Effect> {
    if app.project.guided {
        app.notice = Some("guided: the answers would be seen before their steps; :guided ends that".to_owned());
        return Vec::new();
    }
    let Some(trace) = app.trace().filter(|trace| !trace.solutions.is_empty()).cloned() else {
        app.notice = Some("there is no solution here".to_owned());
        return Vec::new();
    };
    let answers = app.answers_of(&trace);
    if answers.groups.iter().all(|group| group.answer.is_empty()) {
        app.notice = Some("no solution of this problem names an answer".to_owned());
        return Vec::new();
    }
    app.answers = Some(answers);
    Vec::new()
}

/// A key while the table is open.
pub(super) fn key(app: &mut App, key: KeyEvent) -> Vec<Effect> {
    let Some(answers) = &mut app.answers else { return Vec::new() };
    let last = answers.groups.len().saturating_sub(1);
    match plain(key) {
        KeyCode::Enter => go(app, false),
        KeyCode::Char('w') => go(app, true),
        KeyCode::Esc | KeyCode::Char('q') => app.answers = None,
        code => answers.chosen = lists::chosen_by(code, answers.chosen, last).unwrap_or(answers.chosen),
    }
    Vec::new()
}

/// Goes to the best solution of the chosen group, or to the worst one; without scores, to the first and the last.
fn go(app: &mut App, worst: bool) {
    let Some((answers, trace)) = app.answers.take().zip(app.trace().cloned()) else { return };
    if !answers.of.ptr_eq(&Arc::downgrade(&trace)) {
        app.notice = Some("the problem was read anew meanwhile; look again".to_owned());
        return;
    }
    let Some(group) = answers.groups.get(answers.chosen) else { return };
    let (scored, other) =
        if worst { (group.worst.or(group.best), group.solutions.last()) } else { (group.best, group.solutions.first()) };
    let Some(solution) = scored.map(|(at, _)| at).or(other.copied()) else { return };
    app.leave_spot();
    app.cursor.go_to_solution(&trace, solution);
    app.tree.reveal(&trace, app.cursor.node);
    let answer = if group.answer.is_empty() { "no answer".to_owned() } else { format!("answer {}", group.answer) };
    app.notice = Some(format!("solution {} of {}: {answer}", solution + 1, trace.solutions.len()));
}
