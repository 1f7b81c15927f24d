//! The one integration test binary: one module a topic.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on has failed"
)]

mod alike;
mod alternatives;
mod analysis;
mod annotate;
mod answers;
mod app;
mod bad_files;
mod beside;
mod budget;
mod checks;
mod command_line;
mod comparing;
mod consensus;
mod containers;
mod corpus;
mod day;
mod desk;
#[cfg(feature = "candle")]
mod doctor;
mod export;
mod export_files;
mod export_labels;
#[cfg(feature = "candle")]
mod families;
mod faults;
mod features;
mod figures;
mod follow;
mod formats;
mod fuzz;
mod hints;
mod keys;
mod labels;
mod layers;
mod linear;
mod mapping;
mod math;
mod path;
#[cfg(feature = "candle")]
mod prm;
mod pty;
mod query;
mod queue;
mod ratings;
mod readme;
mod recut;
mod refit;
mod reload;
#[cfg(feature = "candle")]
mod remote;
mod replay;
mod review;
mod sampling;
mod saving;
mod scoring;
mod screenshot;
mod scripts;
mod search_replay;
mod seeking;
mod segmenting;
mod support;
mod text;
mod theme;
mod train_head;
#[cfg(feature = "candle")]
mod tree_cost;
mod trust;
mod views;
