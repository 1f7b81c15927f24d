//! An export as a data set of the Hugging Face hub: Parquet files and a card whose head tells their columns.

use std::fmt::Write as _;
use std::io::BufRead;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, anyhow, bail};
use arrow_array::RecordBatch;
use arrow_schema::Schema;
use clap::ValueEnum;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde_json::Value;

use super::ExportArgs;
use super::columns::{Type, arrow_fields, features, quoted};
use super::draft::Draft;
use super::layout::Part;
use crate::formats::{Feature, Loss, Target, halves, parse_json};

/// Records of a row group: a group is in memory at once.
const GROUP: usize = 1000;

/// How a card writes lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Lists {
    /// `sequence: bool`: read by every version of `datasets`.
    Sequence,
    /// `list: bool`: from version 4 on.
    List,
}

/// A file of a data set.
pub(super) struct Table {
    columns: Vec<(String, Type)>,
    rows: u64,
    /// Bytes of the file, and of what is in it.
    size: (u64, u64),
}

/// The columns that hold the records of all parts. `loss` counts what is written in a record and is no text: a table holds text alone.
pub(super) fn columns<'a>(parts: impl Iterator<Item = &'a mut Part>, loss: &mut Loss) -> anyhow::Result<Vec<(String, Type)>> {
    let mut known = Type::Object(Vec::new());
    for part in parts {
        for (index, line) in part.draft.read_back()?.lines().enumerate() {
            let line = line?;
            if !line.is_empty() {
                loss.lose(Feature::NoText.name(), halves(line.as_bytes()));
                known = known.with(Type::of(&row(&line, index)?, "record", 0)?, "record")?;
            }
        }
    }
    if known.columns().is_empty() {
        bail!("no solution makes a record under this policy; the same export without --hub tells why");
    }
    Ok(known.columns().to_vec())
}

/// A record as it was written: one that keeps its format may hold what is JSON for Python alone. `index` counts from 0.
fn row(line: &str, index: usize) -> anyhow::Result<Value> {
    parse_json(line.as_bytes()).map_err(|failure| anyhow!("record {} of the export: {failure}", index + 1))
}

/// Writes the records of a part as a table. Gives the SHA-256 of its file.
pub(super) fn table(
    mut part: Part,
    path: &Path,
    replace: bool,
    columns: &[(String, Type)],
    tables: &mut Vec<Table>,
) -> anyhow::Result<String> {
    let schema = Arc::new(Schema::new(arrow_fields(columns)));
    let properties = WriterProperties::builder()
        .set_created_by(concat!("stepscope ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(GROUP))
        .build();
    let mut draft = Draft::create(path)?;
    let mut writer = ArrowWriter::try_new(&mut draft, Arc::clone(&schema), Some(properties)).context("writing a table")?;
    let mut lines = part.draft.read_back()?.lines().enumerate();
    loop {
        let rows: Vec<Value> = lines.by_ref().take(GROUP).map(|(index, line)| row(&line?, index)).collect::<Result<_, _>>()?;
        if rows.is_empty() {
            break;
        }
        let column = |(name, kind): &(String, Type)| kind.array(&rows.iter().map(|row| row.get(name)).collect::<Vec<_>>());
        let arrays = columns.iter().map(column).collect::<anyhow::Result<Vec<_>>>()?;
        writer.write(&RecordBatch::try_new(Arc::clone(&schema), arrays)?).context("writing a table")?;
    }
    let metadata = writer.close().context("writing a table")?;
    let inside: i64 = metadata.row_groups().iter().map(parquet::file::metadata::RowGroupMetaData::total_byte_size).sum();
    let sha256 = draft.finish_plain(replace)?;
    let size = (std::fs::metadata(path)?.len(), u64::try_from(inside).unwrap_or_default());
    tables.push(Table { columns: columns.to_vec(), rows: part.draft.records, size });
    Ok(sha256)
}

/// The card of a data set.
pub(super) fn card(args: &ExportArgs, target: &Target, manifest: &Value, tables: &[Table]) -> String {
    let name = args.out.file_name().unwrap_or_default().to_string_lossy();
    let mut text = head(args, tables);
    // Writing to a string cannot fail.
    let _ = write!(text, "\n# {}\n\nStep labels, exported by {} as `{}`", cell(&name), plain(&manifest["program"]), target.name);
    let _ = writeln!(text, ": {}.\n\n`manifest.json` holds all of this for programs.", target.doc);
    let counts = ["read", "written", "records", "changed", "recut", "bad_records"];
    let rows = |keys: &[&str]| -> Vec<_> { keys.iter().map(|key| ((*key).to_owned(), plain(&manifest[*key]))).collect() };
    section(&mut text, "Counts", &["solutions", ""], &rows(&counts));
    section(&mut text, "Policy", &["decision", "choice"], &entries(&manifest["policy"]));
    let mut people = rows(&["author"]);
    let names = manifest["annotators"].as_array().into_iter().flatten().map(plain).collect::<Vec<_>>();
    people.push(("annotators".to_owned(), names.len().to_string()));
    people.push(("who".to_owned(), names.join(", ")));
    people.push(("solutions judged by several".to_owned(), plain(&manifest["agreement"]["solutions"])));
    people.push(("with the same first error".to_owned(), plain(&manifest["agreement"]["same_first_error"])));
    section(&mut text, "Annotators", &["", ""], &people);
    let sources = manifest["sources"].as_array().into_iter().flatten();
    let sources =
        sources.map(|source| (plain(&source["path"]), format!("{}, {}", plain(&source["format"]), plain(&source["sha256"]))));
    section(&mut text, "Sources", &["file", "format, SHA-256"], &sources.collect::<Vec<_>>());
    section(&mut text, "Left out", &["why", "solutions"], &entries(&manifest["skipped"]));
    section(&mut text, "Lost", &["what the format cannot hold", "times"], &entries(&manifest["lost"]));
    text
}

/// The head that the hub and `datasets` read.
fn head(args: &ExportArgs, tables: &[Table]) -> String {
    let mut text = "---\n".to_owned();
    if let Some(licence) = &args.licence {
        let _ = writeln!(text, "license: {}", quoted(licence));
    }
    text.push_str("tags:\n- process-reward-model\n- stepscope\nconfigs:\n- config_name: default\n  data_files:\n");
    let splits = || ["train", "test"].into_iter().zip(tables);
    for (split, _) in splits() {
        let _ = writeln!(text, "  - split: {split}\n    path: data/{split}-*");
    }
    let list = if args.lists == Lists::List { "list" } else { "sequence" };
    let columns = tables.first().map(|table| features(&table.columns, list, 2)).unwrap_or_default();
    let _ = write!(text, "dataset_info:\n  features:\n{columns}  splits:\n");
    for (split, table) in splits() {
        let _ = writeln!(text, "  - name: {split}\n    num_bytes: {}\n    num_examples: {}", table.size.1, table.rows);
    }
    let sum = |size: fn(&Table) -> u64| tables.iter().map(size).sum::<u64>();
    let _ = writeln!(text, "  download_size: {}\n  dataset_size: {}\n---", sum(|table| table.size.0), sum(|table| table.size.1));
    text
}

fn entries(value: &Value) -> Vec<(String, String)> {
    value.as_object().into_iter().flatten().map(|(key, value)| (key.clone(), plain(value))).collect()
}

fn section(text: &mut String, title: &str, heads: &[&str; 2], rows: &[(String, String)]) {
    if rows.is_empty() {
        return;
    }
    let _ = write!(text, "\n## {title}\n\n| {} | {} |\n|---|---|\n", heads[0], heads[1]);
    for (key, value) in rows {
        let _ = writeln!(text, "| {} | {} |", cell(key), cell(value));
    }
}

/// A value without the quotes of JSON.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A text inside of a table: nothing in it is Markdown.
fn cell(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '|' | '`' | '*' | '_' | '[' | ']' | '\\' | '#' => out.extend(['\\', character]),
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            '\n' => out.push_str("\\n"),
            '\r' | '\t' => out.push(' '),
            other => out.push(other),
        }
    }
    out
}
