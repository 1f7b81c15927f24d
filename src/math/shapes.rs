//! What is put together from drawings: brackets, scripts, roots, marks.

use super::Reason;
use super::drawing::{Drawing, Strip};

/// A drawing in brackets that the source has not got.
pub(super) fn bracketed(inside: &Drawing) -> Drawing {
    let mut out = Drawing::of(Strip::added("("));
    out.push(inside);
    out.push(&Drawing::of(Strip::added(")")));
    out
}

/// A drawing with an empty cell before it.
pub(super) fn spaced_left(body: &Drawing) -> Drawing {
    let mut out = Drawing::blank(1);
    out.push(body);
    out
}

/// A strip in small signs; `None` when one of them has no such form.
pub(super) fn small(strip: &Strip, form: fn(char) -> Option<char>) -> Option<Strip> {
    let text: Option<String> = strip.text.chars().filter(|c| *c != ' ').map(form).collect();
    let plain = strip.added.is_empty() && strip.bold.is_empty();
    text.filter(|text| plain && !text.is_empty()).map(|text| Strip::ink(&text, false))
}

/// Every cluster of a strip with a combining mark.
pub(super) fn marked(strip: &Strip, mark: char) -> Strip {
    let mut out = Strip { width: strip.width, ..Strip::default() };
    let mut added = strip.added.iter().peekable();
    let mut bold = strip.bold.iter().peekable();
    for (at, cluster) in crate::text::clusters(&strip.text) {
        while added.next_if(|range| range.end <= at).is_some() {}
        while bold.next_if(|range| range.end <= at).is_some() {}
        let start = out.text.len();
        out.text.push_str(cluster);
        let end = out.text.len();
        out.text.push(mark);
        let structural = added.peek().is_some_and(|range| range.start <= at);
        out.added.push(if structural { start } else { end }..out.text.len());
        if bold.peek().is_some_and(|range| range.start <= at) {
            out.bold.push(start..out.text.len());
        }
    }
    out
}

/// A base with scripts at its right side, above its first and below its last row.
pub(super) fn scripted(base: Drawing, above: Option<Drawing>, below: Option<Drawing>) -> Drawing {
    let (height, line) = (base.height(), base.base);
    let up = above.as_ref().map_or(0, Drawing::height);
    let tall = height > 1;
    // Beside a tall base scripts begin inside of its height.
    let lift = if tall { up.saturating_sub(1) } else { up };
    let mut rows: Vec<Strip> = vec![Strip::default(); lift];
    let middle = rows.len() + line;
    let width = above.iter().chain(&below).map(Drawing::width).max().unwrap_or(0);
    let mut right: Vec<Strip> = above.map_or_else(Vec::new, |part| part.rows);
    let lower = below.map_or_else(Vec::new, |part| part.rows);
    let start = if tall && !lower.is_empty() { lift + height - 1 } else { lift + height };
    while right.len() < start {
        right.push(Strip::default());
    }
    right.extend(lower);
    rows.extend(base.rows);
    while rows.len() < right.len() {
        rows.push(Strip::default());
    }
    let left_width = rows.iter().map(|row| row.width).max().unwrap_or(0);
    for (at, row) in rows.iter_mut().enumerate() {
        row.pad(left_width - row.width);
        let more = right.get(at).cloned().unwrap_or_default();
        let rest = width - more.width.min(width);
        row.push(&more);
        row.pad(rest);
    }
    Drawing { rows, base: middle }
}

/// A root with its roof.
pub(super) fn tall_root(sign: &Strip, inside: Drawing) -> Drawing {
    let width = inside.width().max(1);
    let lead = sign.width;
    let single = inside.height() == 1;
    let base = inside.base + 1;
    let mut roof = Strip::default();
    roof.pad(lead);
    roof.push(&Strip::added(&if single { "_".repeat(width) } else { format!("┌{}", "─".repeat(width)) }));
    let last = inside.height() - 1;
    let mut rows = vec![roof];
    for (at, row) in inside.rows.into_iter().enumerate() {
        let mut line = Strip::default();
        if at == last {
            line.push(sign);
        } else {
            line.pad(lead);
        }
        if !single {
            line.push(&Strip::added("│"));
        }
        let rest = width - row.width;
        line.push(&row);
        line.pad(rest);
        rows.push(line);
    }
    Drawing { rows, base }
}

/// A body between brackets as tall as it is.
pub(super) fn fenced(open: &str, body: &Drawing, close: &str, added: bool) -> Result<Drawing, Reason> {
    let mut out = fence(open, body, added)?;
    out.push(body);
    out.push(&fence(close, body, added)?);
    Ok(out)
}

fn fence(sign: &str, body: &Drawing, added: bool) -> Result<Drawing, Reason> {
    let height = body.height();
    if sign.is_empty() {
        return Ok(Drawing::empty());
    }
    let one = |text: &str| if added { Strip::added(text) } else { Strip::ink(text, false) };
    if height == 1 {
        return Ok(Drawing::of(one(sign)));
    }
    let [top, middle, bottom, waist] = match sign {
        "(" => ["⎛", "⎜", "⎝", "⎜"],
        ")" => ["⎞", "⎟", "⎠", "⎟"],
        "[" => ["⎡", "⎢", "⎣", "⎢"],
        "]" => ["⎤", "⎥", "⎦", "⎥"],
        "{" => ["⎧", "⎪", "⎩", "⎨"],
        "}" => ["⎫", "⎪", "⎭", "⎬"],
        "⌊" => ["⎢", "⎢", "⎣", "⎢"],
        "⌋" => ["⎥", "⎥", "⎦", "⎥"],
        "⌈" => ["⎡", "⎢", "⎢", "⎢"],
        "⌉" => ["⎤", "⎥", "⎥", "⎥"],
        "|" | "∣" => ["│"; 4],
        "‖" => ["║"; 4],
        "⟨" | "⟩" | "/" | "↑" | "↓" => return Ok(Drawing::of(one(sign))),
        _ => return Err(Reason::NoForm),
    };
    let waist_at = if matches!(sign, "{" | "}") && height > 2 { body.base.clamp(1, height - 2) } else { height };
    let rows = (0..height)
        .map(|at| {
            let piece = if at == 0 {
                top
            } else if at + 1 == height {
                bottom
            } else if at == waist_at {
                waist
            } else {
                middle
            };
            // One piece stands for the sign of the source, the others lengthen it.
            if at == body.base && !added { Strip::ink(piece, false) } else { Strip::added(piece) }
        })
        .collect();
    Ok(Drawing { rows, base: body.base })
}
