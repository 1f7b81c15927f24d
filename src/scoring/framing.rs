//! Cuts a byte stream into lines of bounded length.

/// A piece of the stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Framed {
    /// A line without its line end.
    Line(Vec<u8>),
    /// A line longer than the bound; its bytes were dropped.
    TooLong,
}

/// Collects bytes until a line is complete. Holds at most `max` bytes.
#[derive(Debug)]
pub(super) struct LineSplitter {
    buffer: Vec<u8>,
    max: usize,
    // The rest of a line that was too long is being dropped.
    dropping: bool,
}

impl LineSplitter {
    pub(super) fn new(max: usize) -> Self {
        Self { buffer: Vec::new(), max, dropping: false }
    }

    /// Takes in a chunk and hands out the lines that it completes.
    pub(super) fn push(&mut self, mut chunk: &[u8], mut on: impl FnMut(Framed)) {
        while let Some(end) = memchr::memchr(b'\n', chunk) {
            self.keep(&chunk[..end]);
            chunk = &chunk[end + 1..];
            self.flush(&mut on);
        }
        self.keep(chunk);
    }

    /// Hands out what stands behind the last line end.
    pub(super) fn finish(&mut self, mut on: impl FnMut(Framed)) {
        if self.dropping || !self.buffer.is_empty() {
            self.flush(&mut on);
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.dropping || self.buffer.len() + bytes.len() > self.max {
            self.dropping = true;
            self.buffer = Vec::new();
        } else {
            self.buffer.extend_from_slice(bytes);
        }
    }

    fn flush(&mut self, on: &mut impl FnMut(Framed)) {
        let mut line = std::mem::take(&mut self.buffer);
        if std::mem::take(&mut self.dropping) {
            on(Framed::TooLong);
        } else {
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            on(Framed::Line(line));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(chunks: &[&str], max: usize) -> Vec<Framed> {
        let mut splitter = LineSplitter::new(max);
        let mut out = Vec::new();
        for chunk in chunks {
            splitter.push(chunk.as_bytes(), |line| out.push(line));
        }
        splitter.finish(|line| out.push(line));
        out
    }

    fn line(text: &str) -> Framed {
        Framed::Line(text.into())
    }

    #[test]
    fn lines_do_not_depend_on_the_borders_of_chunks() {
        assert_eq!(split(&["ab\r\nc", "d", "\n\nlast"], 10), [line("ab"), line("cd"), line(""), line("last")]);
    }

    #[test]
    fn a_line_that_is_too_long_is_dropped_and_the_next_one_is_read() {
        assert_eq!(split(&["abc", "def\nok\n", "0123456789"], 5), [Framed::TooLong, line("ok"), Framed::TooLong]);
    }
}
