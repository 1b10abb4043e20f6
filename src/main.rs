//! Arguments in, exit status out.

use std::process::ExitCode;

use clap::Parser as _;
use nhi_scan::wipe::Wiping;

#[global_allocator]
static HEAP: Wiping = Wiping::SYSTEM;

fn main() -> ExitCode {
    match nhi_scan::cli::Cli::try_parse() {
        Ok(cli) => nhi_scan::run::run(cli),
        Err(error) => {
            // Help and version are no errors, and a closed pipe is none either.
            let _ = error.print();
            if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS }
        }
    }
}
