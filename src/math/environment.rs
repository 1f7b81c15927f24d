//! Environments: rows and columns.

use super::Reason;
use super::parse::{Node, Parser, Stop, group_len};
use super::symbols::Command;

/// How the columns of a grid stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Centre,
    Right,
}

/// What an environment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Lines of a derivation.
    Lines,
    /// A matrix or array.
    Matrix,
    /// A definition by cases.
    Cases,
}

/// Rows and columns.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Grid {
    pub(super) kind: Kind,
    pub(super) open: &'static str,
    pub(super) close: &'static str,
    pub(super) rows: Vec<Vec<Vec<Node>>>,
    /// Columns; the last one holds for all further columns, lines start over.
    pub(super) columns: Vec<Align>,
    /// A vertical line stands in front of these columns.
    pub(super) bars: Vec<usize>,
    /// A horizontal line stands above these rows.
    pub(super) rules: Vec<usize>,
}

impl Grid {
    /// Lines of a derivation.
    pub(super) fn lines(rows: Vec<Vec<Vec<Node>>>) -> Self {
        let columns = vec![Align::Right, Align::Left];
        Self { kind: Kind::Lines, open: "", close: "", rows, columns, bars: Vec::new(), rules: Vec::new() }
    }

    /// Alignment of a column.
    pub(super) fn align(&self, column: usize) -> Align {
        let column = if self.kind == Kind::Lines { column % 2 } else { column.min(self.columns.len().saturating_sub(1)) };
        self.columns.get(column).copied().unwrap_or(Align::Centre)
    }
}

impl<'a> Parser<'a> {
    /// `\substack`.
    pub(super) fn substack(&mut self) -> Result<Node, Reason> {
        self.skip_space();
        if self.next() != Some('{') {
            return Err(Reason::Unbalanced);
        }
        let mut rows = Vec::new();
        loop {
            match self.row(false)? {
                (nodes, Stop::NewRow) => rows.push(vec![nodes]),
                (nodes, Stop::Brace) => {
                    rows.push(vec![nodes]);
                    break;
                }
                _ => return Err(Reason::Unbalanced),
            }
        }
        let (bars, rules) = (Vec::new(), Vec::new());
        Ok(Node::Grid(Grid { kind: Kind::Matrix, open: "", close: "", rows, columns: vec![Align::Centre], bars, rules }))
    }

    /// The environment whose `\begin` was taken.
    pub(super) fn environment(&mut self) -> Result<Node, Reason> {
        let name = self.braced_name()?;
        self.optional_argument();
        let mut grid = Grid::lines(Vec::new());
        match name.trim_end_matches('*') {
            "align" | "aligned" | "split" | "flalign" | "eqnarray" => {}
            "gather" | "gathered" | "multline" | "equation" | "displaymath" | "math" => {
                grid.columns = vec![Align::Left, Align::Left];
            }
            "cases" => (grid.kind, grid.open, grid.columns) = (Kind::Cases, "{", vec![Align::Left]),
            "array" => {
                self.skip_space();
                grid.kind = Kind::Matrix;
                self.columns(&mut grid)?;
            }
            matrix => {
                (grid.open, grid.close) = match matrix {
                    "matrix" | "smallmatrix" => ("", ""),
                    "pmatrix" => ("(", ")"),
                    "bmatrix" => ("[", "]"),
                    "Bmatrix" => ("{", "}"),
                    "vmatrix" => ("|", "|"),
                    "Vmatrix" => ("\u{2016}", "\u{2016}"),
                    _ => return Err(Reason::Unknown(format!("begin{{{}}}", name.chars().take(24).collect::<String>()))),
                };
                (grid.kind, grid.columns) = (Kind::Matrix, vec![Align::Centre]);
            }
        }
        self.rows(&mut grid, name)?;
        Ok(Node::Grid(grid))
    }

    /// The columns of an array.
    fn columns(&mut self, grid: &mut Grid) -> Result<(), Reason> {
        let len = group_len(self.rest()).ok_or(Reason::Unbalanced)?;
        let spec = self.rest().get(1..len - 1).unwrap_or_default();
        self.at += len;
        grid.columns.clear();
        let mut at = 0;
        while let Some(c) = spec.get(at..).and_then(|rest| rest.chars().next()) {
            at += c.len_utf8();
            match c {
                'l' => grid.columns.push(Align::Left),
                'c' => grid.columns.push(Align::Centre),
                'r' => grid.columns.push(Align::Right),
                '|' => grid.bars.push(grid.columns.len()),
                ' ' => {}
                // What stands between columns may be space only.
                '@' => {
                    let between = spec.get(at..).and_then(group_len).and_then(|len| spec.get(at + 1..at + len - 1));
                    let blank = between.filter(|between| between.trim_matches(['\\', ',', ';', ' ', '!', '~', ':']).is_empty());
                    at += blank.ok_or_else(|| Reason::Unknown("array{@}".to_owned()))?.len() + 2;
                }
                _ => return Err(Reason::Unknown(format!("array{{{}}}", spec.chars().take(12).collect::<String>()))),
            }
        }
        Ok(())
    }

    fn rows(&mut self, grid: &mut Grid, name: &str) -> Result<(), Reason> {
        let mut row = Vec::new();
        loop {
            self.skip_space();
            while row.is_empty() && self.command() == Some(Command::Rule) {
                self.taken_command(Stop::Source);
                grid.rules.push(grid.rows.len());
                self.skip_space();
            }
            let (nodes, stop) = self.row(false)?;
            row.push(nodes);
            match stop {
                Stop::Cell => {}
                Stop::NewRow => grid.rows.push(std::mem::take(&mut row)),
                Stop::End => break,
                _ => return Err(Reason::Unbalanced),
            }
        }
        if self.braced_name()? != name {
            return Err(Reason::Unbalanced);
        }
        // `\\` in front of `\end` starts no row.
        if row.len() > 1 || row.first().is_some_and(|cell| !cell.is_empty()) {
            grid.rows.push(row);
        }
        Ok(())
    }

    fn braced_name(&mut self) -> Result<&'a str, Reason> {
        let rest = self.rest().strip_prefix('{').ok_or(Reason::Unbalanced)?;
        let end = rest.find('}').filter(|end| *end < 64).ok_or(Reason::Unbalanced)?;
        self.at += end + 2;
        rest.get(..end).ok_or(Reason::Unbalanced)
    }
}
