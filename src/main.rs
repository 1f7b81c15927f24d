//! The program: parses arguments, calls the library, turns errors into a message and an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    stepscope::cli::main()
}
