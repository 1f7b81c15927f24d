//! Parts of a text that are to be shown as they stand: code and drawings in other languages.

use std::ops::Range;

/// A fenced code block of Markdown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence {
    /// From the first byte of the opening fence to the last of the closing one.
    pub block: Range<usize>,
    /// The code between, with its last newline.
    pub code: Range<usize>,
    /// The first word behind the opening fence, in lower case; empty when there is none.
    pub language: String,
}

/// The fenced code blocks of a text, in order. Rules of `CommonMark` 0.31, section 4.5, on the outermost level: three or more
/// backquotes or tildes, indented by at most three spaces; a block that is never closed goes on to the end.
pub fn fences(text: &str) -> Vec<Fence> {
    let mut found = Vec::new();
    let mut open: Option<(char, usize, Fence)> = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let end = at + line.len();
        let marker = fence_marker(line);
        if let Some((sign, count, fence)) = &mut open {
            if marker.is_some_and(|(other, length, info)| other == *sign && length >= *count && info.is_empty()) {
                fence.code.end = at;
                fence.block.end = at + line.trim_end_matches('\n').len();
                found.extend(open.take().map(|(_, _, fence)| fence));
            }
        } else if let Some((sign, count, info)) = marker {
            let language = info.split_whitespace().next().unwrap_or_default();
            let language = language.trim_matches(['{', '}', '.']).to_ascii_lowercase();
            open = Some((sign, count, Fence { block: at..text.len(), code: end..text.len(), language }));
        }
        at = end;
    }
    found.extend(open.map(|(_, _, fence)| fence));
    found
}

/// The sign of a fence line, how often it stands there, and the info string behind it.
fn fence_marker(line: &str) -> Option<(char, usize, &str)> {
    let content = line.trim_start_matches(' ');
    let sign = content.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let info = content.trim_start_matches(sign);
    let count = content.len() - info.len();
    // A line such as ```` ```x``` ```` is inline code.
    let is_fence = line.len() - content.len() <= 3 && count >= 3 && !(sign == '`' && info.contains('`'));
    is_fence.then(|| (sign, count, info.trim()))
}

/// What is no prose and no mathematics: fenced code, code between backquotes on one line, and `[asy]` drawings. Ascending, disjoint.
pub(super) fn verbatim_ranges(text: &str) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = fences(text).into_iter().map(|fence| fence.block).collect();
    let mut at = 0;
    while let Some(start) = text.get(at..).and_then(|rest| rest.find("[asy]")).map(|offset| at + offset) {
        let end = text.get(start..).and_then(|rest| rest.find("[/asy]")).map_or(text.len(), |offset| start + offset + 6);
        ranges.push(start..end);
        at = end;
    }
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        ranges.extend(code_spans(line).into_iter().map(|range| range.start + start..range.end + start));
        start += line.len();
    }
    ranges.sort_by_key(|range| (range.start, std::cmp::Reverse(range.end)));
    let mut end = 0;
    ranges.retain(|range| {
        let free = range.start >= end;
        end = end.max(range.end);
        free
    });
    ranges
}

/// Code between runs of backquotes of the same length on one line, with the backquotes.
pub(super) fn code_spans(line: &str) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    let mut open: Option<(usize, usize)> = None;
    let mut at = 0;
    while let Some(offset) = line.get(at..).and_then(|rest| rest.find('`')) {
        let start = at + offset;
        let run = line.bytes().skip(start).take_while(|byte| *byte == b'`').count();
        at = start + run;
        match open {
            Some((from, length)) if length == run => {
                spans.push(from..at);
                open = None;
            }
            Some(_) => {}
            None => open = Some((start, run)),
        }
    }
    spans
}
