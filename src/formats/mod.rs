//! Trace formats: one file each, both directions in it, one row in [`FORMATS`].
//!
//! A format turns the bytes of a record into a [`Trace`] and labels back into bytes. It knows nothing of paths, threads, clocks
//! or the terminal.
