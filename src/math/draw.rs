//! A formula as cells: on one line, or as tall as it needs.
//!
//! On one line whatever TeX shows by place is shown by brackets: `\frac{a+b}{2}` is `(a + b)/2`, a root covers one sign or has
//! brackets. Scripts are Unicode scripts where all their signs have one, else `^(...)` and `_(...)`.

use super::Reason;
use super::drawing::{Drawing, Strip};
use super::environment::{Align, Grid, Kind};
use super::parse::Node;
use super::shapes::{bracketed, fenced, marked, scripted, small, spaced_left, tall_root};
use super::symbols::{Accent, Class, subscript, superscript};

/// Cells of the largest drawing.
const CELLS: usize = 40_000;
/// Longest script drawn in small signs.
const SMALL: usize = 8;

/// Draws nodes on one line, or (`tall`) over several.
pub(super) fn draw(nodes: &[Node], tall: bool) -> Result<Drawing, Reason> {
    let artist = Artist { tall };
    match nodes {
        // Lines of a derivation keep their lines also where formulas are flat.
        [Node::Grid(grid)] if grid.kind == Kind::Lines || (grid.open.is_empty() && grid.kind == Kind::Matrix) => {
            artist.grid(grid)
        }
        nodes => artist.row(nodes, false),
    }
}

struct Artist {
    tall: bool,
}

/// What stands at the left of the next node.
#[derive(Clone, Copy, PartialEq)]
struct Left {
    class: Option<Class>,
    /// Cells of explicit space in between.
    space: usize,
    /// It is a fraction, whose bar must not touch what comes.
    fraction: bool,
}

impl Artist {
    /// Nodes beside each other. In scripts (`tight`) operators stand close.
    fn row(&self, nodes: &[Node], tight: bool) -> Result<Drawing, Reason> {
        self.row_behind(nodes, tight, false)
    }

    /// The same; with `behind`, an operator at the start has its left operand in another cell.
    fn row_behind(&self, nodes: &[Node], tight: bool, behind: bool) -> Result<Drawing, Reason> {
        let mut out = Drawing::empty();
        let mut left = Left { class: None, space: 0, fraction: false };
        for (at, node) in nodes.iter().enumerate() {
            if let Node::Space(cells) = node {
                out.push(&Drawing::blank(*cells));
                left.space += cells;
                continue;
            }
            let next = nodes.get(at + 1..).and_then(|rest| rest.iter().find(|node| !matches!(node, Node::Space(0 | 1))));
            let before = if at == 0 && behind { Some(Class::Close) } else { left.class };
            let class = resolved(node, before, next.map(class));
            let drawn = self.node(node, left, next, tight)?;
            let drawn_something = drawn.height() > 1 || drawn.width() > 0;
            if left.space == 0 && drawn_something {
                out.push(&Drawing::blank(self.gap(left, class, node, tight)));
            }
            out.push(&drawn);
            if out.width() * out.height() > CELLS {
                return Err(Reason::TooLarge);
            }
            if drawn_something {
                // A sign in front of an operand joins it.
                let class = if class == Class::Ord && self::class(node) == Class::Bin { Class::Open } else { class };
                left = Left { class: Some(class), space: 0, fraction: is_fraction(node) };
            }
        }
        Ok(out)
    }

    /// Empty cells between neighbours.
    fn gap(&self, left: Left, right: Class, node: &Node, tight: bool) -> usize {
        use Class::{Bin, Close, Inner, Integral, Large, Limit, Name, Number, Ord, Rel};
        let behind_bar = left.fraction && !matches!(right, Close | Class::Punct);
        let Some(left) = left.class else { return 0 };
        let operand = |class| matches!(class, Ord | Number | Inner | Close);
        if self.tall && (is_fraction(node) || behind_bar) {
            return 1;
        }
        let wide = match (left, right) {
            (Rel | Bin, _) | (_, Rel | Bin) => !tight,
            (Name | Limit | Large | Integral, Ord | Number | Inner | Name | Limit | Large | Integral) => true,
            (left, Name | Limit | Large | Integral) => operand(left),
            // A mixed number.
            (Number, Inner) => is_fraction(node),
            _ => false,
        };
        usize::from(wide)
    }

    fn node(&self, node: &Node, left: Left, next: Option<&Node>, tight: bool) -> Result<Drawing, Reason> {
        Ok(match node {
            Node::Atom { text, bold, .. } => Drawing::of(Strip::ink(text, *bold)),
            Node::Space(cells) => Drawing::blank(*cells),
            Node::Group(nodes) => self.row(nodes, tight)?,
            Node::Fraction { top, bottom, bar } => self.fraction(top, bottom, *bar, left, next)?,
            Node::Root { index, body } => self.root(index, body, left, next)?,
            Node::Script { base, parts } => self.script(base, parts, left, next, tight)?,
            Node::Accent { accent, body } => self.accent(*accent, body)?,
            Node::Fenced { open, close, body, added } => {
                let body = self.row(body, tight)?;
                fenced(open, &body, close, *added)?
            }
            Node::Grid(grid) => self.grid_inside(grid)?,
            Node::Boxed(body) => self.boxed(body)?,
            Node::Stack { base, label, over, brace } => self.labelled(base, label, *over, *brace)?,
        })
    }

    fn fraction(&self, top: &[Node], bottom: &[Node], bar: bool, left: Left, next: Option<&Node>) -> Result<Drawing, Reason> {
        let (above, below) = (self.row(top, false)?, self.row(bottom, false)?);
        if self.tall {
            let nested = above.height() > 1 || below.height() > 1;
            let width = above.width().max(below.width()) + if nested && bar { 2 } else { 0 };
            let line = if bar { Strip::added(&"─".repeat(width.max(1))) } else { Strip::default() };
            let stacked = Drawing::stack(vec![above.centred(width), (0, Drawing::of(line)), below.centred(width)], 1);
            return if bar { Ok(stacked) } else { fenced("(", &stacked, ")", true) };
        }
        if !bar {
            let mut out = Drawing::of(Strip::added("("));
            out.push(&above);
            out.push(&Drawing::of(Strip::added(" choose ")));
            out.push(&below);
            out.push(&Drawing::of(Strip::added(")")));
            return Ok(out);
        }
        let numeric = |nodes: &[Node]| matches!(nodes, [Node::Atom { class: Class::Number, .. }]);
        let mixed = left.class == Some(Class::Number) && numeric(top) && numeric(bottom);
        let glued = (glues_left(left) && !mixed) || next.is_some_and(glues_right);
        let mut out = if is_product(top) { above } else { bracketed(&above) };
        out.push(&Drawing::of(Strip::added("/")));
        out.push(&if is_single(bottom) { below } else { bracketed(&below) });
        Ok(if glued { bracketed(&out) } else { out })
    }

    fn root(&self, index: &[Node], body: &[Node], left: Left, next: Option<&Node>) -> Result<Drawing, Reason> {
        let inside = self.row(body, false)?;
        let degree = self.row(index, true)?;
        if degree.height() > 1 {
            return Err(Reason::NoForm);
        }
        let degree = degree.rows.into_iter().next().unwrap_or_default();
        let sign = match degree.text.as_str() {
            "" => Strip::added("√"),
            "3" => Strip::ink("∛", false),
            "4" => Strip::ink("∜", false),
            _ => {
                let mut small = small(&degree, superscript).ok_or(Reason::NoForm)?;
                // Not to be taken for a power of what stands before.
                if left.class.is_some() && left.space == 0 {
                    let mut spaced = Strip::default();
                    spaced.pad(1);
                    spaced.push(&small);
                    small = spaced;
                }
                small.push(&Strip::added("√"));
                small
            }
        };
        // A bar over a single sign says no more, and takes a row.
        if self.tall && (!is_sign(body) || next.is_some_and(glues_right)) {
            return Ok(tall_root(&sign, inside));
        }
        let mut out = Drawing::of(sign);
        out.push(&if is_sign(body) && !next.is_some_and(glues_right) { inside } else { bracketed(&inside) });
        Ok(out)
    }

    fn script(
        &self,
        base: &Node,
        parts: &[(bool, Vec<Node>)],
        left: Left,
        next: Option<&Node>,
        tight: bool,
    ) -> Result<Drawing, Reason> {
        // Behind the base stands a script, not what comes next.
        let mut drawn = self.node(base, left, None, tight)?;
        if !self.tall && needs_brackets(base) {
            drawn = bracketed(&drawn);
        }
        let limits = matches!(class(base), Class::Large | Class::Limit);
        if self.tall && limits && !tight {
            return self.limits(drawn, parts);
        }
        let (mut above, mut below) = (None, None);
        for (at, (up, nodes)) in parts.iter().enumerate() {
            let script = self.row(nodes, true)?;
            let flat = script.rows.first().filter(|_| script.height() == 1);
            let forms = if *up { superscript } else { subscript };
            let little = flat.and_then(|strip| small(strip, forms)).filter(|strip| strip.width <= SMALL || limits);
            match (little, self.tall) {
                (Some(little), false) => drawn.push(&Drawing::of(little)),
                (Some(little), true) if drawn.height() == 1 && above.is_none() && below.is_none() => {
                    drawn.push(&Drawing::of(little));
                }
                (little, true) => {
                    let script = little.map_or(script, Drawing::of);
                    *(if *up { &mut above } else { &mut below }) = Some(script);
                }
                (None, false) => {
                    drawn.push(&Drawing::of(Strip::added(if *up { "^" } else { "_" })));
                    let followed = at + 1 < parts.len() || next.is_some_and(glues_right);
                    drawn.push(&if is_sign(nodes) && !followed { script } else { bracketed(&script) });
                }
            }
        }
        Ok(if above.is_some() || below.is_some() { scripted(drawn, above, below) } else { drawn })
    }

    /// Scripts below and above their base.
    fn limits(&self, base: Drawing, parts: &[(bool, Vec<Node>)]) -> Result<Drawing, Reason> {
        let part = |up: bool| -> Result<Option<Drawing>, Reason> {
            parts.iter().find(|(above, _)| *above == up).map(|(_, nodes)| self.row(nodes, true)).transpose()
        };
        let (above, below) = (part(true)?, part(false)?);
        let width = [Some(&base), above.as_ref(), below.as_ref()].into_iter().flatten().map(Drawing::width).max().unwrap_or(0);
        let line = usize::from(above.is_some());
        let rows = [above, Some(base), below].into_iter().flatten().map(|part| part.centred(width)).collect();
        Ok(Drawing::stack(rows, line))
    }

    fn accent(&self, accent: Accent, body: &[Node]) -> Result<Drawing, Reason> {
        let inside = self.row(body, true)?;
        let single = inside.rows.first().filter(|_| inside.height() == 1);
        let Some(strip) = single else {
            let line = Drawing::of(Strip::added(&"_".repeat(inside.width())));
            return match accent {
                Accent::Overline => Ok(Drawing::stack(vec![(0, line), (0, inside)], 1)),
                _ => Err(Reason::NoForm),
            };
        };
        let clusters = crate::text::clusters(&strip.text).count();
        let mark = match accent {
            Accent::Overline => '\u{305}',
            Accent::Underline => '\u{332}',
            Accent::Cancel => '\u{336}',
            Accent::Mark(mark) if clusters == 1 => mark,
            Accent::Mark(mark) => {
                let mut out = bracketed(&inside);
                if let Some(row) = out.rows.first_mut() {
                    let at = row.text.len();
                    row.text.push(mark);
                    row.added.push(at..row.text.len());
                }
                return Ok(out);
            }
        };
        Ok(Drawing::of(marked(strip, mark)))
    }

    fn boxed(&self, body: &[Node]) -> Result<Drawing, Reason> {
        let inside = self.row(body, false)?;
        // A frame would take two rows more, and break the line that it stands in, for what brackets say as well.
        if inside.height() == 1 {
            let mut out = Drawing::of(Strip::added("⟦"));
            out.push(&inside);
            out.push(&Drawing::of(Strip::added("⟧")));
            return Ok(out);
        }
        let (width, base) = (inside.width(), inside.base);
        let line = |left: &str, right: &str| Strip::added(&format!("{left}{}{right}", "─".repeat(width + 2)));
        let mut rows = vec![line("┌", "┐")];
        for row in inside.rows {
            let mut framed = Strip::added("│ ");
            let rest = width - row.width;
            framed.push(&row);
            framed.pad(rest);
            framed.push(&Strip::added(" │"));
            rows.push(framed);
        }
        rows.push(line("└", "┘"));
        Ok(Drawing { rows, base: base + 1 })
    }

    /// `\overset`, `\underbrace` and their like.
    fn labelled(&self, base: &[Node], label: &[Node], over: bool, brace: bool) -> Result<Drawing, Reason> {
        // Said so often that it has a sign of its own.
        if let ([Node::Atom { text: sign, .. }], [Node::Atom { text: mark, .. }], true, false) = (base, label, over, brace)
            && sign == "="
            && mark == "?"
        {
            return Ok(Drawing::of(Strip::ink("≟", false)));
        }
        if !self.tall {
            return Err(Reason::NoForm);
        }
        let (base, label) = (self.row(base, false)?, self.row(label, true)?);
        let width = base.width().max(label.width());
        let span = base.width().max(2);
        let mut parts = vec![base.centred(width)];
        if brace {
            let (left, right) = if over { ("╭", "╮") } else { ("╰", "╯") };
            let line = Drawing::of(Strip::added(&format!("{left}{}{right}", "─".repeat(span - 2))));
            parts.push(line.centred(width.max(span)));
        }
        if label.width() > 0 {
            parts.push(label.centred(width));
        }
        let last = parts.len() - 1;
        if over {
            parts.reverse();
        }
        Ok(Drawing::stack(parts, if over { last } else { 0 }))
    }

    /// A grid with something beside it.
    fn grid_inside(&self, grid: &Grid) -> Result<Drawing, Reason> {
        if self.tall || (grid.rows.len() == 1 && grid.kind == Kind::Lines) {
            return self.grid(grid);
        }
        if !grid.rules.is_empty() {
            return Err(Reason::NoForm);
        }
        let mut out = Drawing::of(Strip::added(if grid.kind == Kind::Cases { "{ " } else { grid.open }));
        for (number, row) in grid.rows.iter().enumerate() {
            if number > 0 {
                out.push(&Drawing::of(Strip::added("; ")));
            }
            for (column, cell) in row.iter().enumerate() {
                let between = match (column, grid.kind) {
                    (0, _) => "",
                    (_, Kind::Lines) => " ",
                    (_, Kind::Cases) => "  ",
                    (column, Kind::Matrix) if grid.bars.contains(&column) => " | ",
                    (_, Kind::Matrix) => ", ",
                };
                out.push(&Drawing::of(Strip::added(between)));
                let comma = cell.iter().any(|node| class(node) == Class::Punct) && grid.kind == Kind::Matrix;
                let cell = self.row(cell, false)?;
                out.push(&if comma { bracketed(&cell) } else { cell });
            }
        }
        out.push(&Drawing::of(Strip::added(grid.close)));
        Ok(out)
    }

    /// A grid as rows and columns.
    fn grid(&self, grid: &Grid) -> Result<Drawing, Reason> {
        let mut cells: Vec<Vec<Drawing>> = Vec::new();
        for row in &grid.rows {
            let drawn: Result<Vec<Drawing>, Reason> = row
                .iter()
                .enumerate()
                .map(|(column, cell)| self.row_behind(cell, false, grid.kind == Kind::Lines && column % 2 == 1))
                .collect();
            cells.push(drawn?);
        }
        let columns = cells.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| cells.iter().filter_map(|row| row.get(column)).map(Drawing::width).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let total: usize = widths.iter().sum::<usize>() + 3 * columns;
        if total * cells.iter().map(|row| row.iter().map(Drawing::height).max().unwrap_or(1) + 1).sum::<usize>() > CELLS {
            return Err(Reason::TooLarge);
        }
        let rows = lines_of(grid, cells, &widths);
        let wide = rows.iter().flatten().map(Drawing::width).max().unwrap_or(0);
        let rule = || Drawing::of(Strip::added(&"─".repeat(wide)));
        let single = rows.len() == 1;
        let first = rows.first().and_then(Option::as_ref).map_or(0, |row| row.base);
        let mut body = Drawing::stack(rows.into_iter().map(|row| (0, row.unwrap_or_else(rule))).collect(), 0);
        body.base = if single { first } else { body.height().saturating_sub(1) / 2 };
        if grid.kind == Kind::Cases {
            body = spaced_left(&body);
        }
        fenced(grid.open, &body, grid.close, true)
    }
}

/// The lines of a grid whose columns are that wide: rows, blank lines between high ones; `None` for a rule.
fn lines_of(grid: &Grid, cells: Vec<Vec<Drawing>>, widths: &[usize]) -> Vec<Option<Drawing>> {
    let between = |column: usize| match grid.kind {
        Kind::Lines if column % 2 == 1 => 1,
        Kind::Lines => 4,
        Kind::Matrix | Kind::Cases => 2,
    };
    let mut rows = Vec::new();
    let mut high = false;
    for (number, row) in cells.into_iter().enumerate() {
        let tall = row.iter().any(|cell| cell.height() > 1);
        if grid.rules.contains(&number) {
            rows.push(None);
        } else if number > 0 && (tall || high) {
            rows.push(Some(Drawing::empty()));
        }
        high = tall;
        let mut line = Drawing::empty();
        for (column, wide) in widths.iter().enumerate() {
            if column > 0 || grid.bars.contains(&0) {
                let bar = grid.bars.contains(&column);
                line.push(&if bar { Drawing::of(Strip::added(" │ ")) } else { Drawing::blank(between(column)) });
            }
            let cell = row.get(column).cloned().unwrap_or_else(Drawing::empty);
            let room = wide - cell.width();
            let before = match grid.align(column) {
                Align::Left => 0,
                Align::Centre => room / 2,
                Align::Right => room,
            };
            line.push(&Drawing::blank(before));
            line.push(&cell);
            line.push(&Drawing::blank(room - before));
        }
        rows.push(Some(line));
    }
    if grid.rules.contains(&grid.rows.len()) {
        rows.push(None);
    }
    rows
}

/// The class of a node by itself.
pub(super) fn class(node: &Node) -> Class {
    match node {
        Node::Atom { class, .. } => *class,
        Node::Space(_) => Class::Text,
        Node::Group(nodes) => match nodes.as_slice() {
            [single] => class(single),
            _ => Class::Ord,
        },
        Node::Script { base, .. } => class(base),
        Node::Stack { base, .. } => base.first().map_or(Class::Ord, class),
        Node::Accent { .. } | Node::Boxed(_) => Class::Ord,
        Node::Fraction { .. } | Node::Root { .. } | Node::Fenced { .. } | Node::Grid(_) => Class::Inner,
    }
}

/// The class of a node between its neighbours: an operator without operands is a sign.
fn resolved(node: &Node, left: Option<Class>, next: Option<Class>) -> Class {
    use Class::{Bin, Integral, Large, Limit, Name, Open, Ord, Punct, Rel};
    let class = class(node);
    let unary = matches!(left, None | Some(Bin | Rel | Open | Punct | Large | Integral | Name | Limit));
    // `mod` and other words keep their distance.
    let word = matches!(node, Node::Atom { text, .. } if text == "mod");
    if class == Bin && !word && (unary || matches!(next, None | Some(Rel | Punct))) { Ord } else { class }
}

/// True when what stands at the left is multiplied with, or applied to, what comes.
fn glues_left(left: Left) -> bool {
    use Class::{Close, Inner, Name, Number, Ord};
    left.space < 2 && matches!(left.class, Some(Ord | Number | Inner | Close | Name))
}

/// True when this node would be read together with what stands before it.
fn glues_right(node: &Node) -> bool {
    use Class::{Inner, Integral, Large, Limit, Name, Number, Open, Ord};
    match node {
        Node::Atom { class: Class::Text, text, .. } => text.starts_with(char::is_alphanumeric),
        Node::Atom { text, .. } if text == "," || text == "\u{2032}" => false,
        Node::Group(nodes) => nodes.first().is_some_and(glues_right),
        _ => matches!(class(node), Ord | Number | Open | Inner | Name | Limit | Large | Integral),
    }
}

/// True for nodes that need no brackets above a slash: no operator but a sign in front, and what stands in brackets already.
fn is_product(nodes: &[Node]) -> bool {
    let mut depth = 0_usize;
    let mut plain = |node: &Node| match node {
        Node::Atom { class: Class::Open, .. } => {
            depth += 1;
            true
        }
        Node::Atom { class: Class::Close, text, .. } if text != "!" => match depth.checked_sub(1) {
            Some(less) => {
                depth = less;
                true
            }
            None => false,
        },
        _ if depth > 0 => true,
        Node::Atom { class, text, .. } => matches!(class, Class::Ord | Class::Number) || text == "!",
        Node::Script { base, .. } => matches!(**base, Node::Atom { class: Class::Ord | Class::Number, .. }),
        Node::Root { .. } | Node::Fenced { .. } | Node::Accent { .. } => true,
        _ => false,
    };
    match nodes {
        [Node::Group(inside)] => is_product(inside),
        [Node::Atom { text, class: Class::Bin, .. }, rest @ ..] if text == "-" && !rest.is_empty() => {
            rest.iter().all(&mut plain) && depth == 0
        }
        nodes => !nodes.is_empty() && nodes.iter().all(&mut plain) && depth == 0,
    }
}

fn is_fraction(node: &Node) -> bool {
    match node {
        Node::Fraction { bar, .. } => *bar,
        Node::Group(nodes) => matches!(nodes.as_slice(), [single] if is_fraction(single)),
        _ => false,
    }
}

/// True for nodes that need no brackets below a slash.
fn is_single(nodes: &[Node]) -> bool {
    match nodes {
        [Node::Group(inside)] => is_single(inside),
        [Node::Script { base, .. }] => matches!(**base, Node::Atom { class: Class::Ord | Class::Number, .. }),
        [Node::Fenced { open, close, .. }] => !open.is_empty() && !close.is_empty(),
        [Node::Root { .. } | Node::Accent { .. }] => true,
        nodes => is_sign(nodes),
    }
}

/// True for one sign or number.
fn is_sign(nodes: &[Node]) -> bool {
    match nodes {
        [Node::Group(inside)] => is_sign(inside),
        [Node::Atom { class: Class::Number, .. }] => true,
        [Node::Atom { class: Class::Ord, text, .. }] => text.chars().count() == 1,
        _ => false,
    }
}

/// True when a script behind this node would be read as part of it.
fn needs_brackets(base: &Node) -> bool {
    match base {
        Node::Fraction { bar, .. } => *bar,
        Node::Root { .. } | Node::Script { .. } => true,
        Node::Grid(grid) => grid.open.is_empty(),
        Node::Group(nodes) => matches!(nodes.as_slice(), [single] if needs_brackets(single)),
        _ => false,
    }
}
