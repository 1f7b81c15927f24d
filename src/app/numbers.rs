//! What one's own labels say of the model's scores, and where errors are: a page of figures with their plots.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;

use super::App;
use super::describe::short;
use super::items::ItemId;
use crate::analysis::bootstrap::interval_of_groups;
use crate::analysis::calibration::{BINS, auc, calibration};
use crate::analysis::processbench::{Case, Subset, judged};
use crate::analysis::signals::f1_interval;
use crate::text::{Glyphs, many};
use crate::trace::{FirstError, PromptKey, StepKey};
use crate::ui::theme::score_bar;

/// Cells of a bar.
const BAR: usize = 30;
/// Positions of first errors that have a row of their own.
const POSITIONS: usize = 12;
/// Steps of which an interval is drawn at most.
const MOST_DRAWN: usize = 2000;
/// Columns and rows of the plot.
const PLOT: (usize, usize) = (40, 12);

/// What the judged solutions in memory say. A step that solutions share was judged once, and counts once.
#[derive(Debug, Default)]
struct Tally {
    judged: usize,
    /// Problems that these are of.
    problems: HashSet<PromptKey>,
    /// Wrong steps that count already, and steps with a score.
    counted: (HashSet<StepKey>, HashSet<(StepKey, bool)>),
    /// First errors by step, from 0; the last one is all behind.
    positions: [usize; POSITIONS + 1],
    right: usize,
    /// Score as a place, and whether the step was called right.
    steps: Vec<(f64, bool)>,
    /// The problem of each of them.
    step_problems: Vec<PromptKey>,
    /// The same by file, and by the step's place in its solution: first, second, third to fifth, behind.
    files: BTreeMap<usize, Vec<(f64, bool)>>,
    places: [Vec<(f64, bool)>; 4],
    cases: Vec<Case>,
    /// The problem of each of them.
    case_problems: Vec<PromptKey>,
}

/// `13 solutions of 2 problems`; the problems are left out where each has one.
fn solutions(count: usize, problems: usize) -> String {
    let of = if count == problems { String::new() } else { format!(" of {}", many(problems, "problem")) };
    many(count, "solution") + &of
}

/// ` [low, high]` of an interval.
fn between(interval: Option<(f64, f64)>) -> String {
    interval.map_or(String::new(), |(low, high)| format!(" [{low:.1}, {high:.1}]"))
}

impl App {
    /// The page; `None` as long as nothing in memory is judged.
    pub(super) fn numbers(&self) -> Option<String> {
        let tally = self.tally_numbers();
        if tally.judged == 0 {
            return None;
        }
        let mut page = format!("Your verdicts on {} in memory.\n\nFirst error\n", solutions(tally.judged, tally.problems.len()));
        let rows = std::iter::once(("none".to_owned(), tally.right)).chain(
            tally
                .positions
                .iter()
                .enumerate()
                .map(|(at, &count)| (if at < POSITIONS { format!("step {}", at + 1) } else { "later".to_owned() }, count)),
        );
        let most = tally.positions.iter().copied().chain([tally.right]).max().unwrap_or(1).max(1) as f64;
        for (name, count) in rows.filter(|(_, count)| *count > 0) {
            row(&mut page, &name, &score_bar(count as f64 / most, BAR, &self.look.glyphs), &count.to_string());
        }
        if !self.show_prm {
            page.push_str("\nWhat they say of the scores is hidden as the scores are.\n");
            return Some(page);
        }
        self.of_scores(&tally, &mut page);
        Some(page)
    }

    /// The items in memory, but for those with a known answer that come in between.
    pub(super) fn shown_in_memory(&self) -> impl Iterator<Item = ItemId> + '_ {
        let shown = move |item: &ItemId| self.items.files.get(item.file).is_some_and(|file| !file.hidden);
        self.items.loaded().filter(shown)
    }

    fn tally_numbers(&self) -> Tally {
        let mut tally = Tally::default();
        for (file, trace) in self.shown_in_memory().filter_map(|item| Some((item.file, self.items.trace(item)?))) {
            for solution in trace.solutions.iter().take(2000) {
                let said = self.own_labels(trace, solution.leaf).first_error;
                let path = trace.path(solution.leaf);
                match said {
                    FirstError::At(step) => {
                        let new = path.get(step).is_none_or(|&id| tally.counted.0.insert(trace.node(id).key));
                        tally.positions[step.min(POSITIONS)] += usize::from(new);
                    }
                    FirstError::NoError => tally.right += 1,
                    FirstError::Unknown | FirstError::Unlabelable => continue,
                }
                tally.judged += 1;
                tally.problems.insert(trace.prompt_key);
                let opinion = self.scoring.opinion(trace, &path);
                let scores: Option<Vec<f64>> = opinion.scores.iter().copied().collect();
                let Some(scores) = scores else { continue };
                for (at, right) in judged(said, scores.len()) {
                    if tally.counted.1.insert((trace.node(path[at]).key, right)) {
                        let step = (scores[at], right);
                        tally.places[if at < 2 { at } else { 2 + usize::from(at > 4) }].push(step);
                        tally.files.entry(file).or_default().push(step);
                        tally.steps.push(step);
                        tally.step_problems.push(trace.prompt_key);
                    }
                }
                tally.cases.push(Case { gold: said, predicted: opinion.first_error });
                tally.case_problems.push(trace.prompt_key);
            }
        }
        tally
    }

    fn of_scores(&self, tally: &Tally, page: &mut String) {
        let name = self.scoring.name();
        if tally.cases.is_empty() {
            let _ = writeln!(page, "\nNo solution with a verdict has all its scores by {name}.");
            return;
        }
        let found = Subset::of(name, &tally.cases);
        let percent = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.1} %"));
        // Writing to a string cannot fail.
        let _ = writeln!(
            page,
            "\n{name} against your verdicts, {}\n  first errors named exactly  {} of {}\n  right solutions left alone  {} of {}\n  F1                          {}",
            solutions(tally.cases.len(), tally.case_problems.iter().collect::<HashSet<_>>().len()),
            percent(found.acc_error),
            found.n_error,
            percent(found.acc_correct),
            found.n_correct,
            found.f1.map_or("-".to_owned(), |f1| {
                format!("{f1:.1}{} (95 %, bootstrap over problems)", between(f1_interval(&tally.cases, &tally.case_problems)))
            })
        );
        let above = |steps: &[(f64, bool)]| Some(100.0 * auc(steps)?);
        if let Some(share) = above(&tally.steps) {
            // Of more steps the interval takes longer than a key may, and is narrow.
            let few = tally.steps.len() <= MOST_DRAWN;
            let drawn = |sample: &[usize]| above(&sample.iter().map(|&at| tally.steps[at]).collect::<Vec<_>>());
            let interval = few.then(|| interval_of_groups(&tally.step_problems, drawn)).flatten();
            let _ = writeln!(page, "  right above wrong step      {}{} of the pairs", percent(Some(share)), between(interval));
        }
        let Some(found) = calibration(&self.scoring.meaning, &tally.steps) else { return };
        let _ = writeln!(page, "\nScore and truth of {} steps: calibration error {:.3}\n", tally.steps.len(), found.error);
        let _ = writeln!(page, "  scores     steps  mean  right");
        for (at, bin) in found.bins.iter().enumerate().filter(|(_, bin)| bin.steps > 0) {
            let from = at as f64 / BINS as f64;
            let bar = score_bar(bin.right, BAR / 2, &self.look.glyphs);
            let (low, high, mean, right) = (short(from), short(from + 0.1), short(bin.score), short(bin.right));
            let _ = writeln!(page, "  {low:>3} to {high:<4} {:>4}  {mean:>4}  {right:>4}  {bar}", bin.steps);
        }
        self.of_parts(tally, page);
        let points: Vec<(f64, f64)> = found.bins.iter().filter(|bin| bin.steps > 0).map(|bin| (bin.score, bin.right)).collect();
        let _ = writeln!(page, "\nright, from 0 to 1, over the mean score of a bin; the line is where they are the same\n");
        for line in plot(&points, self.look.glyphs == Glyphs::ASCII) {
            let _ = writeln!(page, "  {line}");
        }
    }
}

impl App {
    /// The same in short by file, where several are open, and by the step's place in its solution.
    fn of_parts(&self, tally: &Tally, page: &mut String) {
        let name = |file: &usize| self.items.files.get(*file).map_or(String::new(), |file| file.short_name().to_owned());
        let files = tally.files.iter().filter(|_| tally.files.len() > 1).map(|(file, steps)| (name(file), steps));
        let places = ["step 1", "step 2", "steps 3 to 5", "later"].map(str::to_owned).into_iter().zip(&tally.places);
        let parts: Vec<_> = files.chain(places).filter(|(_, steps)| !steps.is_empty()).collect();
        let wide = parts.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        // Writing to a string cannot fail.
        let _ = writeln!(page, "\n  {:wide$}  steps  mean  right  error", "");
        for (name, steps) in parts {
            let mean = |of: &dyn Fn(&(f64, bool)) -> f64| short(steps.iter().map(of).sum::<f64>() / steps.len() as f64);
            let found = calibration(&self.scoring.meaning, steps);
            let error = found.map_or("-".to_owned(), |found| format!("{:.3}", found.error));
            let (score, right) = (mean(&|step| step.0), mean(&|step| f64::from(u8::from(step.1))));
            let _ = writeln!(page, "  {name:wide$}  {:>5}  {score:>4}  {right:>5}  {error}", steps.len());
        }
    }
}

fn row(page: &mut String, name: &str, bar: &str, count: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(page, "  {name:<8} {bar:<BAR$} {count:>5}");
}

/// Points of the unit square over its diagonal, in dots of Braille or in ASCII signs; the top row is 1.
fn plot(points: &[(f64, f64)], ascii: bool) -> Vec<String> {
    let (columns, rows) = PLOT;
    // Dots of a sign: two beside one another, four above one another.
    let (wide, high) = if ascii { (columns, rows) } else { (2 * columns, 4 * rows) };
    let place = |value: f64, cells: usize| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place inside of the plot")]
        let at = (value.clamp(0.0, 1.0) * (cells - 1) as f64).round() as usize;
        at
    };
    let line = (0..wide).map(|x| (x, place(x as f64 / (wide - 1) as f64, high))).filter(|(x, _)| ascii || x % 4 == 0);
    let crosses = |&(x, y): &(f64, f64)| {
        let (x, y) = (place(x, wide), place(y, high));
        let reach = usize::from(!ascii);
        (x.saturating_sub(reach)..=x + reach).flat_map(move |x| (y.saturating_sub(reach)..=y + reach).map(move |y| (x, y)))
    };
    if ascii {
        let mut grid = vec![vec![' '; wide]; high];
        let mut put = |(x, y): (usize, usize), sign| grid[high - 1 - y][x] = sign;
        line.for_each(|at| put(at, '.'));
        points.iter().flat_map(crosses).for_each(|at| put(at, 'o'));
        return grid.into_iter().map(|row| row.into_iter().collect::<String>().trim_end().to_owned()).collect();
    }
    let mut grid = vec![vec![0_u32; columns]; rows];
    for (x, y) in line.chain(points.iter().flat_map(crosses)).filter(|&(x, y)| x < wide && y < high) {
        let from_top = high - 1 - y;
        // Bits of the dots, column by column from above; the fourth row came later to the alphabet.
        let bit = [[0, 3], [1, 4], [2, 5], [6, 7]][from_top % 4][x % 2];
        grid[from_top / 4][x / 2] |= 1 << bit;
    }
    let sign = |dots: u32| char::from_u32(0x2800 + dots).unwrap_or(' ');
    grid.into_iter().map(|row| row.into_iter().map(sign).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_has_its_points_where_they_are() {
        let rows = plot(&[(0.0, 1.0), (1.0, 1.0), (0.5, 0.0)], true);
        assert_eq!(rows.len(), PLOT.1);
        assert!(rows[0].starts_with('o') && rows[0].ends_with('o'), "{rows:#?}");
        assert_eq!(rows[PLOT.1 - 1].find('o'), Some(20), "{rows:#?}");
        let dots = plot(&[], false);
        assert!(dots.iter().all(|row| row.chars().count() == PLOT.0));
        assert!(dots[PLOT.1 - 1].starts_with('\u{2840}'), "the line begins in the lower left: {dots:#?}");
    }
}
