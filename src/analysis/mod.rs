//! Metrics over traces, labels and scores: data in, numbers out. Nothing here reads files or draws.

pub mod aggregate;
pub mod agreement;
pub mod alike;
pub mod best_of;
pub mod bootstrap;
pub mod calibration;
pub mod clusters;
pub mod dawid_skene;
pub mod decide;
pub mod dispute;
pub mod label_errors;
pub mod likeness;
pub mod logistic;
pub mod meaning;
pub mod paired;
pub mod process;
pub mod processbench;
pub mod quality;
pub mod signals;
pub mod tau;
pub mod wilson;
