//! Regions of a text that must stay in one piece: fenced code, display formulas, LaTeX environments.

use std::ops::Range;

/// All closed regions, in order, without overlaps. What is opened and never closed is no region.
pub(super) fn regions(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    // Searches that found nothing need not be repeated further down: this keeps the whole linear.
    let mut dead = Dead::default();
    let mut at = 0;
    while let Some(offset) = bytes[at..].iter().position(|byte| matches!(byte, b'`' | b'~' | b'$' | b'\\')) {
        let start = at + offset;
        let rest = &text[start..];
        let end = if rest.starts_with("```") || rest.starts_with("~~~") {
            fence_end(text, start, &mut dead)
        } else if rest.starts_with("$$") {
            find(text, start + 2, "$$", &mut dead)
        } else if rest.starts_with("\\[") && !text[..start].ends_with('\\') {
            find(text, start + 2, "\\]", &mut dead)
        } else if rest.starts_with("\\begin{") {
            environment_end(text, start, &mut dead)
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

/// Closing marks that do not come any more.
#[derive(Default)]
struct Dead(Vec<String>);

impl Dead {
    fn has(&self, mark: &str) -> bool {
        self.0.iter().any(|known| known == mark)
    }

    fn add(&mut self, mark: &str) {
        // Names of environments come from the text: there is no use in remembering thousands.
        if self.0.len() < 64 {
            self.0.push(mark.to_owned());
        }
    }
}

/// End of the first `mark` from `from` on.
fn find(text: &str, from: usize, mark: &str, dead: &mut Dead) -> Option<usize> {
    if dead.has(mark) {
        return None;
    }
    let found = text[from..].find(mark).map(|at| from + at + mark.len());
    if found.is_none() {
        dead.add(mark);
    }
    found
}

fn line_start(text: &str, at: usize) -> bool {
    // Only the white space before it is looked at: the line may be all of a long text.
    let before = text[..at].trim_end_matches(|c: char| c != '\n' && c.is_whitespace());
    before.is_empty() || before.ends_with('\n')
}

/// End of the fenced code that starts at `start`: behind the next line that begins with the same fence.
fn fence_end(text: &str, start: usize, dead: &mut Dead) -> Option<usize> {
    let fence = &text[start..start + 3];
    if dead.has(fence) || !line_start(text, start) {
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
    dead.add(fence);
    None
}

/// End of the environment that starts at `start`, with environments of the same name inside of it counted.
fn environment_end(text: &str, start: usize, dead: &mut Dead) -> Option<usize> {
    let name_start = start + "\\begin{".len();
    let name_end = name_start + text[name_start..].bytes().take(40).position(|byte| byte == b'}')?;
    let name = &text[name_start..name_end];
    let (open, close) = (format!("\\begin{{{name}}}"), format!("\\end{{{name}}}"));
    if dead.has(&close) {
        return None;
    }
    let (mut depth, mut at) = (1_usize, name_end);
    while let Some(next) = text[at..].find(&close) {
        let end = at + next;
        depth += text[at..end].matches(&open).count();
        depth -= 1;
        at = end + close.len();
        if depth == 0 {
            return Some(at);
        }
    }
    dead.add(&close);
    None
}
