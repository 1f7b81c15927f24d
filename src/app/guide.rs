//! The guideline at the section that fits what is on the screen, and the annotator's own examples below it.

use std::fmt::Write;

use super::App;
use crate::labels::Action;
use crate::trace::{FirstError, Label};

/// Examples that are listed.
const EXAMPLES: usize = 5;

/// What the cursor stands on, in the words of guidelines, the most telling first.
pub(super) fn context(app: &App) -> Vec<String> {
    let Some(trace) = app.trace() else { return Vec::new() };
    let key = trace.node(app.cursor.node).key;
    let (labels, _) = app.labels_here(trace);
    let mut words: Vec<&str> = Vec::new();
    let kind = app.own().map_or("", |own| own.error_kind(key));
    words.push(kind);
    if app.wrong_equality(key).is_some() {
        words.extend(["arithmetic", "calculation"]);
    }
    match labels.steps.get(app.cursor.step()) {
        Some(Label::Neutral) => words.push("neutral"),
        Some(Label::Bad) => words.extend(["first error", "bad", "error"]),
        Some(Label::AfterError) => words.extend(["after"]),
        Some(Label::Good | Label::Unseen) | None => {}
    }
    if app.own().is_some_and(|own| own.flagged(app.record_key_here())) {
        words.push("unsure");
    }
    if labels.first_error == FirstError::Unlabelable {
        words.extend(["bad problem", "give up", "broken"]);
    }
    if app.predicted_first_error().filter(|_| app.show_prm) == Some(app.cursor.step()) {
        words.extend(["first error", "error"]);
    }
    if !app.cursor.path.is_empty() && app.cursor.step() + 1 == app.cursor.path.len() {
        words.extend(["final answer", "answer"]);
    }
    words.into_iter().filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// The byte at which the section begins whose heading has the earliest of these words; without one, the section that has it in its text.
pub(super) fn section(guide: &str, words: &[String]) -> Option<usize> {
    let mut sections: Vec<(usize, String, String)> = Vec::new();
    let mut at = 0;
    for line in guide.split_inclusive('\n') {
        if line.starts_with('#') {
            sections.push((at, line.to_lowercase(), String::new()));
        } else if let Some((.., text)) = sections.last_mut() {
            text.push_str(&line.to_lowercase());
        }
        at += line.len();
    }
    let has = |text: &str, word: &str| text.match_indices(word).any(|(at, _)| !text[..at].ends_with(char::is_alphanumeric));
    let in_heading = words.iter().find_map(|word| sections.iter().find(|(_, heading, _)| has(heading, word)));
    let in_text = || words.iter().find_map(|word| sections.iter().find(|(.., text)| has(text, word)));
    in_heading.or_else(in_text).map(|(at, ..)| *at)
}

/// The text with each paragraph on one line, to be wrapped where the screen ends and not where its author's did, and the byte of it that
/// was `from`. What Markdown keeps line by line stays so: code, tables, quotes, formulas on lines of their own, and lines that end in two
/// spaces.
pub(super) fn reflow(text: &str, from: usize) -> (String, usize) {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let (mut page, mut at, mut moved) = (String::with_capacity(text.len()), 0, from);
    let (mut fenced, mut formula, mut table, mut open) = (false, false, false, false);
    for (index, line) in lines.iter().enumerate() {
        let words = line.trim();
        let fence = words.starts_with("```") || words.starts_with("~~~");
        let delimiter =
            |line: &&&str| line.contains('|') && line.contains('-') && line.trim().chars().all(|sign| "|:- ".contains(sign));
        table = words.contains('|') && (table || lines.get(index + 1).as_ref().is_some_and(delimiter));
        let apart = fenced || fence || formula || table || words.contains("$$") || words.is_empty() || begins_block(line);
        if open && !apart {
            page.truncate(page.trim_end().len());
            page.push(' ');
            // What stands before the line on its way to `from` has become shorter, or as long as it was.
            if at <= from {
                moved = page.len() + (from - at).saturating_sub(line.len() - line.trim_start().len());
            }
            page.push_str(line.trim_start());
        } else {
            if at <= from {
                moved = page.len() + (from - at);
            }
            page.push_str(line);
        }
        fenced ^= fence;
        formula ^= words.matches("$$").count() % 2 == 1;
        let breaks = line.trim_end_matches(['\n', '\r']).ends_with("  ") || words.ends_with('\\');
        let alone =
            words.starts_with(['#', '>', '|']) || words.chars().all(|sign| "=-*_ ".contains(sign)) || words.contains("$$");
        open = !(fenced || fence || formula || table || breaks || alone);
        at += line.len();
    }
    (page, moved)
}

/// A line that goes on with no paragraph: a heading, a list item, a quote, a rule or the line below a heading.
fn begins_block(line: &str) -> bool {
    let words = line.trim();
    let number = words.trim_start_matches(|sign: char| sign.is_ascii_digit());
    let numbered = number.len() < words.len() && (number.starts_with(". ") || number.starts_with(") "));
    numbered
        || ["#", ">", "- ", "* ", "+ ", "|"].iter().any(|sign| words.starts_with(sign))
        || words.chars().all(|sign| "=-*_ ".contains(sign))
}

/// The annotator's last first errors of the kind under the cursor, or of any kind.
pub(super) fn examples(app: &App) -> String {
    let Some(own) = app.own() else { return String::new() };
    let wanted = app.trace().map_or("", |trace| own.error_kind(trace.node(app.cursor.node).key));
    let mut rows: Vec<String> = own
        .verdicts()
        .filter_map(|judged| match judged.action {
            Action::FirstError { index, kind, step, .. } if wanted.is_empty() || kind == wanted => {
                let (file, problem) = judged.place?;
                let item = super::ItemId { file: app.file(file)?, problem: usize::try_from(problem).ok()? };
                let text = app.items.trace(item).and_then(|trace| Some(trace.node(trace.find(*step)?).text.clone()));
                let text = text.map_or(String::new(), |text| {
                    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(120).collect();
                    format!(": {line}")
                });
                let kind = if kind.is_empty() { String::new() } else { format!(" ({kind})") };
                Some(format!("- problem {}, step {}{kind}{text}", app.items.rank(item) + 1, index + 1))
            }
            _ => None,
        })
        .collect();
    rows.drain(..rows.len().saturating_sub(EXAMPLES));
    if rows.is_empty() {
        return "\n".to_owned();
    }
    let mut page = String::from("\n\n# Your own examples");
    // Writing to a string cannot fail.
    let _ = if wanted.is_empty() { Ok(()) } else { write!(page, ": {wanted}") };
    rows.iter().rev().fold(page + "\n\n", |page, row| page + row + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_are_joined_and_everything_else_stays_line_by_line() {
        let text =
            "# Task\nJudge each\nstep.\n\n- one\n  more\n- two  \nends\n\n```\na\nb\n```\n| a |\n|---|\n| b |\n\nLast\nline.\n";
        let (page, at) = reflow(text, text.find("Last").unwrap());
        assert_eq!(
            page,
            "# Task\nJudge each step.\n\n- one more\n- two  \nends\n\n```\na\nb\n```\n| a |\n|---|\n| b |\n\nLast line.\n"
        );
        assert_eq!(&page[at..at + 4], "Last");
        let (again, _) = reflow(&page, 0);
        assert_eq!(again, page);
        assert_eq!(reflow("", 0), (String::new(), 0));
        assert_eq!(reflow("a\nb", 2), ("a b".to_owned(), 2));
    }

    #[test]
    fn the_section_is_the_one_whose_heading_says_it_first() {
        let guide =
            "# Task\nJudge.\n## First errors\nThe first step that is wrong.\n## Signs\nA lost sign.\n## Neutral\nNothing new.\n";
        let at = |words: &[&str]| section(guide, &words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>());
        assert_eq!(at(&["sign", "first error"]), guide.find("## Signs"));
        assert_eq!(at(&["arithmetic", "first error"]), guide.find("## First"));
        assert_eq!(at(&["new"]), guide.find("## Neutral"), "no heading has it, a text does");
        assert_eq!(at(&["ign"]), None, "words begin where words begin");
    }
}
