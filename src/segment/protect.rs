//! Regions of a text that must stay in one piece: fenced code, display formulas, LaTeX environments, Markdown tables.

use std::collections::HashMap;
use std::ops::Range;

const BEGIN: &str = "\\begin{";
const END: &str = "\\end{";
/// Most bytes of the name of an environment.
const NAME: usize = 39;

/// All regions, in order, without overlaps.
pub(super) fn regions(text: &str) -> Vec<Range<usize>> {
    let (mut all, tables) = (closed(text), tables(text));
    if tables.is_empty() {
        return all;
    }
    all.extend(tables);
    all.sort_by_key(|region| region.start);
    // A formula in a cell belongs to the table, and a table in fenced code to the code.
    all.dedup_by(|next, region| {
        let inside = next.start < region.end;
        if inside {
            region.end = region.end.max(next.end);
        }
        inside
    });
    all
}

/// All regions but tables, in order, without overlaps. What is opened and never closed is no region.
pub(super) fn closed(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    // A search that found nothing is not repeated further down, and environments are matched all at once: the whole stays linear.
    let (mut dead, mut ends) = (Vec::new(), None);
    let mut at = 0;
    while let Some(offset) = bytes[at..].iter().position(|byte| matches!(byte, b'`' | b'~' | b'$' | b'\\')) {
        let start = at + offset;
        let rest = &text[start..];
        let end = if rest.starts_with("```") {
            fence_end(text, start, "```", &mut dead)
        } else if rest.starts_with("~~~") {
            fence_end(text, start, "~~~", &mut dead)
        } else if rest.starts_with("$$") {
            find(text, start + 2, "$$", &mut dead)
        } else if rest.starts_with("\\[") && !text[..start].ends_with('\\') {
            find(text, start + 2, "\\]", &mut dead)
        } else if rest.starts_with(BEGIN) {
            ends.get_or_insert_with(|| environments(text)).get(&start).copied()
        } else {
            None
        };
        match end {
            Some(end) => {
                out.push(start..end);
                at = end;
            }
            // All marks are ASCII, so the next byte is a character border.
            None => at = start + 1,
        }
    }
    out
}

/// True when `at` stands in one of the ordered regions.
pub(super) fn covers(regions: &[Range<usize>], at: usize) -> bool {
    let after = regions.partition_point(|region| region.start <= at);
    after > 0 && at < regions[after - 1].end
}

/// End of the first `mark` from `from` on; `dead` holds the marks that do not come any more.
fn find(text: &str, from: usize, mark: &'static str, dead: &mut Vec<&'static str>) -> Option<usize> {
    if dead.contains(&mark) {
        return None;
    }
    let found = text[from..].find(mark).map(|at| from + at + mark.len());
    if found.is_none() {
        dead.push(mark);
    }
    found
}

fn line_start(text: &str, at: usize) -> bool {
    // Only the white space before it is looked at: the line may be all of a long text.
    let before = text[..at].trim_end_matches(|c: char| c != '\n' && c.is_whitespace());
    before.is_empty() || before.ends_with('\n')
}

/// End of the fenced code that starts at `start`: behind the next line that begins with the same fence.
fn fence_end(text: &str, start: usize, fence: &'static str, dead: &mut Vec<&'static str>) -> Option<usize> {
    if dead.contains(&fence) || !line_start(text, start) {
        return None;
    }
    let mut at = start + 3;
    while let Some(next) = text[at..].find(fence) {
        let found = at + next;
        at = found + 3;
        if line_start(text, found) {
            return Some(at);
        }
    }
    dead.push(fence);
    None
}

/// End of each environment that is closed, by its start. An end closes the last open beginning of its name.
fn environments(text: &str) -> HashMap<usize, usize> {
    let (mut open, mut ends) = (HashMap::<&str, Vec<usize>>::new(), HashMap::new());
    for (start, _) in text.match_indices('\\') {
        let rest = &text[start..];
        if let Some(name) = rest.strip_prefix(BEGIN).and_then(name) {
            open.entry(name).or_default().push(start);
        } else if let Some(name) = rest.strip_prefix(END).and_then(name)
            && let Some(begin) = open.get_mut(name).and_then(Vec::pop)
        {
            ends.insert(begin, start + END.len() + name.len() + 1);
        }
    }
    ends
}

/// The name before the next closing brace.
fn name(text: &str) -> Option<&str> {
    let end = text.bytes().take(NAME + 1).position(|byte| byte == b'}')?;
    Some(&text[..end])
}

/// Tables as in GitHub Flavored Markdown, <https://github.github.com/gfm/#tables-extension->: a header, dashes below each of its cells,
/// and all lines with a bar that follow.
fn tables(text: &str) -> Vec<Range<usize>> {
    let mut tables: Vec<Range<usize>> = Vec::new();
    if !text.contains('|') {
        return tables;
    }
    // The row before, and whether a table goes on there.
    let (mut start, mut before, mut open) = (0, None::<(usize, &str)>, false);
    for line in text.split_inclusive('\n') {
        let row = line.trim();
        let end = start + line.trim_end().len();
        let goes_on = open && row.contains('|');
        if goes_on && let Some(table) = tables.last_mut() {
            table.end = end;
        }
        let head = before.filter(|_| !goes_on && is_rule(row)).filter(|(_, head)| cells(head) == cells(row));
        tables.extend(head.map(|(start, _)| start..end));
        open = goes_on || head.is_some();
        before = row.contains('|').then_some((start, row));
        start += line.len();
    }
    tables
}

/// True for the row of dashes between the header and the rest of a table.
fn is_rule(row: &str) -> bool {
    let dashes = |cell: &str| {
        let cell = cell.trim();
        let cell = cell.strip_prefix(':').unwrap_or(cell);
        let cell = cell.strip_suffix(':').unwrap_or(cell);
        !cell.is_empty() && cell.bytes().all(|byte| byte == b'-')
    };
    row.contains('|') && inner(row).split('|').all(dashes)
}

/// A row without the bars at its ends.
fn inner(row: &str) -> &str {
    let row = row.strip_prefix('|').unwrap_or(row);
    row.strip_suffix('|').unwrap_or(row)
}

/// Number of cells of a row. A bar behind a backslash is none between cells.
fn cells(row: &str) -> usize {
    let row = inner(row).as_bytes();
    1 + row.iter().enumerate().filter(|&(at, &byte)| byte == b'|' && (at == 0 || row[at - 1] != b'\\')).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        regions(text).into_iter().map(|region| &text[region]).collect()
    }

    #[test]
    fn environments_end_with_the_end_of_their_own_name() {
        let nested = r"\begin{a}\begin{b}\begin{a}x\end{a}\end{a}";
        assert_eq!(found(&format!(r"\end{{a}} {nested} \end{{b}}")), [nested]);
        // An outer one that is never closed does not open what stands inside of it.
        assert_eq!(found(r"\begin{a} \begin{a}x\end{a} \begin{a}"), [r"\begin{a}x\end{a}"]);
    }

    #[test]
    fn tables_have_a_row_of_dashes_below_as_many_cells() {
        let table = "  a | b\n:-- | --:\n1 | 2 \\| 3\n|x|";
        assert_eq!(found(&format!("p\n{table}\n\n| no |\n")), [table]);
        for text in ["| a |\n| b |", "|---|", "| a | b |\n|---|", "a\n---\nb", "|a|\n\n|-|"] {
            assert_eq!(found(text), Vec::<&str>::new(), "{text:?}");
        }
        assert_eq!(found("| a |\n|-|\n| $$b |\nc$$ d"), ["| a |\n|-|\n| $$b |\nc$$"]);
        let fenced = "```\n| a |\n|-|\n```";
        assert_eq!(found(fenced), [fenced]);
    }
}
