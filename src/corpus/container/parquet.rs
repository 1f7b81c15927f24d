//! Parquet files: rows become objects. Only the footer is read at first; pages are decoded when their rows are looked at.

use std::io;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes as Shared;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::{ChunkReader, Length};

use super::super::blocks::{BlockError, BlockText, Blocks};
use super::super::error::{Refusal, escaped};
use super::super::store::{Bytes, Reader};
use super::{Container, columns};

/// Most bytes of the footer.
const FOOTER: u64 = 64 << 20;
/// Fewest and most rows of a block, and the bytes it is to have between them.
const ROWS: (usize, usize) = (256, 2048);
const BLOCK: u64 = 4 << 20;
/// Most readers kept: each thread that reads goes on with its own.
const CURSORS: usize = 8;
/// Most rows that a kept reader is led past to those that are wanted.
const LEAP: usize = 16 * ROWS.1;

/// The container.
pub(super) struct Parquet;

/// A Parquet file as its decoder wants it.
#[derive(Debug, Clone)]
struct Input(Arc<Bytes>);

impl Length for Input {
    fn len(&self) -> u64 {
        self.0.len()
    }
}

impl ChunkReader for Input {
    type T = io::BufReader<Reader>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        Ok(io::BufReader::new(Reader::new(Arc::clone(&self.0), start)))
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Shared> {
        // Checked before anything is allocated: lengths come from the file.
        if start.checked_add(length as u64).is_none_or(|end| end > self.0.len()) {
            return Err(ParquetError::EOF(format!("expected {length} bytes at {start}, beyond the end of the file")));
        }
        let bytes = self.0.read(start, length as u64)?;
        if bytes.len() < length {
            return Err(ParquetError::EOF("the file became shorter".to_owned()));
        }
        Ok(bytes.into())
    }
}

impl Container for Parquet {
    fn fits(&self, head: &[u8]) -> bool {
        head.starts_with(b"PAR1")
    }

    fn open(&self, bytes: Arc<Bytes>) -> Result<Bytes, Refusal> {
        Ok(Bytes::Blocks(BlockText::new(Box::new(Table::open(bytes)?))))
    }
}

impl Table {
    fn open(bytes: Arc<Bytes>) -> Result<Self, Refusal> {
        bytes.wait().map_err(|error| Refusal::io(&error))?;
        check_footer(&bytes)?;
        let input = Input(bytes);
        let load = || ArrowReaderMetadata::load(&input, ArrowReaderOptions::new().with_skip_arrow_metadata(true));
        // The decoder of the footer has had panics on damaged files.
        let metadata = catch_unwind(AssertUnwindSafe(load))
            .unwrap_or_else(|_| Err(ParquetError::General("internal error of the decoder".to_owned())))
            .map_err(|error| damaged(&error.to_string()))?;
        columns::check(metadata.schema())?;
        let mut blocks = Vec::new();
        for (group, meta) in metadata.metadata().row_groups().iter().enumerate() {
            let rows = usize::try_from(meta.num_rows()).map_err(|_| damaged("a negative number of rows"))?;
            let step = rows_of_block(meta);
            if rows > isize::MAX as usize / 2 || blocks.len() + rows / step > 1 << 26 {
                return Err(damaged("a number of rows beyond all bounds"));
            }
            blocks.extend((0..rows).step_by(step).map(|first| (group, first)));
        }
        if blocks.is_empty() {
            return Err(Refusal::Blank("the table has no rows"));
        }
        Ok(Self { input, metadata, blocks, cursors: Mutex::default() })
    }
}

/// How many rows of a group make a block: fewer of long ones.
fn rows_of_block(meta: &RowGroupMetaData) -> usize {
    let bytes = u64::try_from(meta.total_byte_size()).unwrap_or(0);
    let rows = u64::try_from(meta.num_rows()).unwrap_or(0);
    let fit = rows.saturating_mul(BLOCK).checked_div(bytes).map_or(ROWS.1, |rows| usize::try_from(rows).unwrap_or(ROWS.1));
    fit.clamp(ROWS.0, ROWS.1)
}

fn damaged(message: &str) -> Refusal {
    Refusal::Container(format!("a Parquet file that is cut or damaged: {}", escaped(message)))
}

/// Looks at the last eight bytes before any decoder does.
fn check_footer(bytes: &Bytes) -> Result<(), Refusal> {
    let size = bytes.len();
    let end = bytes.read(size.saturating_sub(8), 8).map_err(|error| Refusal::io(&error))?;
    let [a, b, c, d, magic @ ..] = end.as_slice() else { return Err(damaged("too short")) };
    if magic == b"PARE" {
        return Err(Refusal::Container("an encrypted Parquet file".to_owned()));
    }
    if magic != b"PAR1" {
        return Err(damaged("it does not end with PAR1"));
    }
    let footer = u64::from(u32::from_le_bytes([*a, *b, *c, *d]));
    if footer > FOOTER || footer + 12 > size {
        return Err(damaged(&format!("a footer of {footer} bytes in a file of {size} (limit {FOOTER})")));
    }
    Ok(())
}

/// See the module's header.
#[derive(Debug)]
struct Table {
    input: Input,
    metadata: ArrowReaderMetadata,
    /// Row group and first row of each block.
    blocks: Vec<(usize, usize)>,
    /// Readers that stand behind the blocks that were read last. A new one must pass all rows of its group before the first that it is to
    /// give, so that a group read with one for each block would take the square of its rows.
    cursors: Mutex<Vec<Cursor>>,
}

/// A reader of a row group and the row that it gives next.
#[derive(Debug)]
struct Cursor {
    group: usize,
    row: usize,
    reader: ParquetRecordBatchReader,
}

impl Table {
    fn cursors(&self) -> MutexGuard<'_, Vec<Cursor>> {
        self.cursors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The kept reader that stands closest before a row.
    fn kept(&self, group: usize, row: usize) -> Option<Cursor> {
        let mut cursors = self.cursors();
        let near = |cursor: &Cursor| cursor.group == group && cursor.row <= row && row - cursor.row <= LEAP;
        let at = (0..cursors.len()).filter(|&at| near(&cursors[at])).max_by_key(|&at| cursors[at].row)?;
        Some(cursors.remove(at))
    }

    fn keep(&self, cursor: Cursor) {
        let mut cursors = self.cursors();
        if cursors.len() == CURSORS {
            cursors.remove(0);
        }
        cursors.push(cursor);
    }

    /// A reader that begins with this row.
    fn cursor(&self, group: usize, row: usize, batch: usize) -> Result<Cursor, String> {
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(self.input.clone(), self.metadata.clone());
        let rows = builder.with_row_groups(vec![group]).with_batch_size(batch);
        let rows = if row > 0 { rows.with_offset(row) } else { rows };
        Ok(Cursor { group, row, reader: rows.build().map_err(|error| error.to_string())? })
    }

    /// The rows of this range, as lines, from a reader that does not stand behind them. It is kept when it came to the end of the range.
    fn lines(&self, mut cursor: Cursor, rows: &Range<usize>) -> Result<Vec<u8>, String> {
        let mut out = Vec::new();
        while cursor.row < rows.end
            && let Some(batch) = cursor.reader.next()
        {
            let batch = batch.map_err(|error| error.to_string())?;
            let end = cursor.row + batch.num_rows();
            let wanted = rows.start.clamp(cursor.row, end)..rows.end.clamp(cursor.row, end);
            columns::lines(&batch.slice(wanted.start - cursor.row, wanted.len()), &mut out);
            cursor.row = end;
        }
        if cursor.row == rows.end {
            self.keep(cursor);
        }
        Ok(out)
    }
}

impl Blocks for Table {
    fn name(&self) -> &'static str {
        "Parquet file"
    }

    fn count(&self) -> Option<usize> {
        Some(self.blocks.len())
    }

    fn block(&self, index: usize) -> Result<Option<Vec<u8>>, BlockError> {
        let Some(&(group, first)) = self.blocks.get(index) else { return Ok(None) };
        let skip = |message: String| BlockError::Skip(format!("rows from {first} of row group {group}: {}", escaped(&message)));
        let meta = self.metadata.metadata().row_group(group);
        let step = rows_of_block(meta);
        let rows = first..usize::try_from(meta.num_rows()).unwrap_or(first).min(first + step);
        // The decoder takes the pages at their word and documents that it panics on numbers that no writer writes.
        let decode = |cursor: Option<Cursor>| {
            let lines = || self.lines(cursor.map_or_else(|| self.cursor(group, first, step), Ok)?, &rows);
            catch_unwind(AssertUnwindSafe(lines))
                .unwrap_or_else(|_| Err("damaged pages, which their decoder cannot make sense of".to_owned()))
        };
        // A kept reader may stumble over damage before the block, which a new one passes over.
        let kept = self.kept(group, first).and_then(|cursor| decode(Some(cursor)).ok());
        kept.map_or_else(|| decode(None), Ok).map(Some).map_err(skip)
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::{RecordBatch, StringArray};
    use arrow_schema::{DataType, Field, Schema};
    use parquet::arrow::ArrowWriter;

    use super::*;

    const COUNT: usize = 20_000;

    fn table() -> Table {
        let file = tempfile::NamedTempFile::new().unwrap();
        let schema = Arc::new(Schema::new(vec![Field::new("text", DataType::Utf8, false)]));
        let texts: StringArray = (0..COUNT).map(|row| Some(format!("row {row}"))).collect();
        let mut writer = ArrowWriter::try_new(file.as_file(), Arc::clone(&schema), None).unwrap();
        writer.write(&RecordBatch::try_new(schema, vec![Arc::new(texts)]).unwrap()).unwrap();
        writer.close().unwrap();
        Table::open(Arc::new(Bytes::open(file.path()).unwrap())).unwrap()
    }

    #[test]
    fn one_reader_goes_through_a_row_group_of_many_blocks() {
        let table = table();
        let mut text = Vec::new();
        for index in 0..table.blocks.len() {
            text.extend(table.block(index).unwrap().unwrap());
            // A second one would have passed all rows before.
            assert_eq!(table.cursors().iter().map(|cursor| cursor.row).collect::<Vec<_>>(), [COUNT.min((index + 1) * ROWS.1)]);
        }
        let expected: Vec<_> = (0..COUNT).map(|row| format!("{{\"text\":\"row {row}\"}}\n")).collect();
        assert!(table.blocks.len() > 8 && text == expected.concat().into_bytes());
    }

    #[test]
    fn blocks_are_the_same_in_any_order() {
        let (table, other) = (table(), table());
        let one = |table: &Table, index: usize| table.block(index).unwrap().unwrap();
        let blocks: Vec<_> = (0..table.blocks.len()).map(|index| one(&table, index)).collect();
        for index in [7, 3, 5, 9, 4, 0, 8, 2, 6, 1, 1] {
            assert!(one(&other, index) == blocks[index], "{index}");
            assert!(other.cursors().len() <= CURSORS);
        }
    }
}
