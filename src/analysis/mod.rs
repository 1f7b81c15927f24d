//! Metrics over traces, labels and scores: data in, numbers out. Nothing here reads files or draws.

pub mod aggregate;
pub mod bootstrap;
pub mod calibration;
pub mod decide;
pub mod dispute;
pub mod meaning;
pub mod paired;
pub mod processbench;
pub mod signals;
