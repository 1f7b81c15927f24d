//! What `eval` tells people: a table, and more of the signals.

use std::fmt::Write as _;

use super::eval::{Measured, Report};
use crate::analysis::process::{Flawed, Lowest, Notch};
use crate::analysis::processbench::{Offsets, Subset};
use crate::analysis::signals::Worth;

/// Cells of a whole bar.
const BAR: usize = 40;

/// A number, or a dash where there is none.
fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
}

/// A 95 % interval, or a dash.
pub(super) fn span(interval: Option<(f64, f64)>) -> String {
    interval.map_or_else(|| "-".to_owned(), |(low, high)| format!("{low:.1} to {high:.1}"))
}

/// The report for people.
pub(super) fn table(report: &Report) -> String {
    let width = report.subsets.iter().map(|measured| measured.subset.name.chars().count()).max().unwrap_or(0).max(6);
    let rule = match (report.threshold, report.posterior) {
        (Some(threshold), None) => format!(", threshold {threshold}"),
        (Some(threshold), Some(tau)) => format!(", first-error posterior below {tau:.3}; a step by itself below {threshold:.3}"),
        _ => String::new(),
    };
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{}{rule}", crate::corpus::escaped(&report.scorer));
    let _ = writeln!(
        text,
        "{:width$} {:>8} {:>9} {:>9} {:>9} {:>6} {:>12} {:>8} {:>8} {:>8}",
        "subset", "wrong", "right", "acc wrong", "acc right", "F1", "95 % of F1", "step AUC", "skipped", "unscored"
    );
    for measured in &report.subsets {
        let Subset { name, n_error, n_correct, acc_error, acc_correct, f1 } = &measured.subset;
        let _ = writeln!(
            text,
            "{:width$} {n_error:>8} {n_correct:>9} {:>9} {:>9} {:>6} {:>12} {:>8} {:>8} {:>8}",
            crate::corpus::escaped(name),
            number(*acc_error, 1),
            number(*acc_correct, 1),
            number(*f1, 1),
            span(measured.f1_interval),
            number(measured.step_auc, 3),
            measured.skipped,
            measured.unscored
        );
    }
    let (all, some) = (report.subsets.len(), report.subsets.iter().filter(|measured| measured.subset.f1.is_some()).count());
    let of = if some < all { format!(" of {some} of {all} subsets") } else { String::new() };
    let _ = writeln!(text, "mean F1{of} {}", number(report.mean_f1, 1));
    for Measured { subset, problems, .. } in &report.subsets {
        let solutions = subset.n_error + subset.n_correct;
        if solutions != *problems {
            let name = crate::corpus::escaped(&subset.name);
            let _ = writeln!(text, "{name}: {solutions} solutions of {problems} problems; intervals are over problems");
        }
    }
    text
}

/// How the F1 hangs on the threshold, where the lowest scores stand, and what a right answer excuses.
fn process(text: &mut String, measured: &Measured) {
    // Of equal ones the first.
    let best = measured.sweep.iter().reduce(|best, notch| if notch.f1 > best.f1 { notch } else { best });
    if let Some(best) = best.filter(|best| best.f1.is_some()) {
        let used = number(measured.subset.f1, 1);
        let _ = writeln!(
            text,
            "  F1 at other thresholds, at best {} at {:.2} (chosen on these solutions; {used} as used)",
            number(best.f1, 1),
            best.at
        );
        let _ = writeln!(text, "  {:>9} {:>9} {:>9} {:>6}", "threshold", "acc wrong", "acc right", "F1");
        for notch @ Notch { at, acc_error, acc_correct, f1 } in &measured.sweep {
            let bar = "#".repeat(cells(f1.unwrap_or(0.0) / 100.0));
            let mark = if std::ptr::eq(notch, best) { " best" } else { "" };
            let (wrong, right, f1) = (number(*acc_error, 1), number(*acc_correct, 1), number(*f1, 1));
            let line = format!("  {at:>9.2} {wrong:>9} {right:>9} {f1:>6}  {bar}{mark}");
            let _ = writeln!(text, "{}", line.trim_end());
        }
    }
    let Lowest { solutions, last, tenths } = measured.lowest;
    if solutions > 0 {
        let share = |count: usize| 100.0 * count as f64 / solutions as f64;
        let way: Vec<String> = tenths.iter().map(|count| format!("{:.0}", share(*count))).collect();
        let _ = writeln!(
            text,
            "  lowest score at the last step in {:.1} % of {solutions} solutions; else by tenths of the way: {}",
            share(last),
            way.join(" ")
        );
    }
    let Flawed { right, flawed, excused } = measured.flawed;
    if right > 0 {
        let _ = writeln!(
            text,
            "  of {right} solutions with a right answer {flawed} have a wrong step, and {excused} of these pass as free of errors"
        );
    }
}

/// Cells of a bar for a share from 0 to 1.
fn cells(share: f64) -> usize {
    (0..BAR).filter(|n| (*n as f64 + 0.5) / BAR as f64 <= share).count()
}

/// What each signal is worth and how reliable the scores are, for people: a table of signals and a plot of bars for each file.
pub(super) fn signals(report: &Report) -> String {
    let mut text = String::new();
    for measured in &report.subsets {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "\n{}\n  {:<10} {:>9} {:>7} {:>6}  95 % of F1",
            crate::corpus::escaped(&measured.subset.name),
            "signal",
            "precision",
            "recall",
            "F1"
        );
        for Worth { signal, precision, recall, f1, f1_interval } in &measured.signals {
            let span = span(*f1_interval);
            let _ = writeln!(
                text,
                "  {:<10} {:>9} {:>7} {:>6}  {span}",
                signal.name(),
                number(*precision, 1),
                number(*recall, 1),
                number(*f1, 1)
            );
        }
        let Offsets { early, exact, late, missed } = measured.offsets;
        let _ = writeln!(text, "  first errors named: {exact} exactly, {early} early, {late} late, {missed} not at all");
        process(&mut text, measured);
        let Some(ece) = measured.ece else { continue };
        let _ = writeln!(
            text,
            "  calibration error {ece:.3}\n  {:>5} {:>6} {:>6}  share of right steps; | is the score",
            "steps", "score", "right"
        );
        for bin in measured.reliability.iter().filter(|bin| bin.steps > 0) {
            let cell = |n: usize| (n as f64 + 0.5) / BAR as f64;
            let mark =
                |n: usize| (bin.score * BAR as f64 - n as f64).clamp(0.0, 1.0) > 0.0 && bin.score <= (n + 1) as f64 / BAR as f64;
            let bar: String = (0..BAR)
                .map(|n| {
                    if mark(n) {
                        '|'
                    } else if cell(n) <= bin.right {
                        '#'
                    } else {
                        '.'
                    }
                })
                .collect();
            let _ = writeln!(text, "  {:>5} {:>6.3} {:>6.3}  {bar}", bin.steps, bin.score, bin.right);
        }
    }
    text
}
