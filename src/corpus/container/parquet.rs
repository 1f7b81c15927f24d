//! Parquet files: rows become objects. Only the footer is read at first; pages are decoded when their rows are looked at.

use std::io;
use std::sync::Arc;

use bytes::Bytes as Shared;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::reader::{ChunkReader, Length};

use super::super::blocks::{BlockError, BlockText, Blocks};
use super::super::error::{Refusal, escaped};
use super::super::store::{Bytes, Reader};
use super::{Container, columns};

/// Most bytes of the footer.
const FOOTER: u64 = 64 << 20;
/// Rows of a block.
const ROWS: usize = 256;

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
        bytes.wait().map_err(|error| Refusal::io(&error))?;
        check_footer(&bytes)?;
        let input = Input(bytes);
        let load = || ArrowReaderMetadata::load(&input, ArrowReaderOptions::new().with_skip_arrow_metadata(true));
        // The decoder of the footer has had panics on damaged files.
        let metadata = std::panic::catch_unwind(std::panic::AssertUnwindSafe(load))
            .unwrap_or_else(|_| Err(ParquetError::General("internal error of the decoder".to_owned())))
            .map_err(|error| damaged(&error.to_string()))?;
        columns::check(metadata.schema())?;
        let mut blocks = Vec::new();
        for (group, meta) in metadata.metadata().row_groups().iter().enumerate() {
            let rows = usize::try_from(meta.num_rows()).map_err(|_| damaged("a negative number of rows"))?;
            if rows > isize::MAX as usize / 2 || blocks.len() + rows / ROWS > 1 << 26 {
                return Err(damaged("a number of rows beyond all bounds"));
            }
            blocks.extend((0..rows).step_by(ROWS).map(|first| (group, first)));
        }
        if blocks.is_empty() {
            return Err(Refusal::Blank("the table has no rows"));
        }
        Ok(Bytes::Blocks(BlockText::new(Box::new(Table { input, metadata, blocks }))))
    }
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
        let decode = || {
            let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(self.input.clone(), self.metadata.clone());
            let rows = builder.with_row_groups(vec![group]).with_offset(first).with_limit(ROWS).with_batch_size(ROWS);
            let mut out = Vec::new();
            for batch in rows.build().map_err(|error| error.to_string())? {
                columns::lines(&batch.map_err(|error| error.to_string())?, &mut out);
            }
            Ok(out)
        };
        // The decoder takes the pages at their word and documents that it panics on numbers that no writer writes.
        let decoded = std::panic::catch_unwind(std::panic::AssertUnwindSafe(decode));
        let decoded = decoded.unwrap_or_else(|_| Err("damaged pages, which their decoder cannot make sense of".to_owned()));
        decoded.map(Some).map_err(skip)
    }
}
