//! All targets: the name of the program says which one it is.

#![no_main]

#[path = "../targets.rs"]
#[allow(dead_code, reason = "the names are for the tests")]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let scratch = std::env::temp_dir().join(format!("stepscope-fuzz-{}", std::process::id()));
    targets::run(env!("CARGO_BIN_NAME"), data, &scratch);
});
