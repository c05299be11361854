//! The command line: arguments in, files and one clear line about any error out.

mod args;
mod backend;
mod bench;
mod converge;
mod error;
mod info;
mod output;
mod picture;
mod place;
mod recipe;
mod sample;
mod schedule;
mod scheduler;
mod tensors;
mod unet;
mod wish;

use std::io::Write;
use std::process::ExitCode;

use args::{Args, Command};
use clap::Parser;
use error::CliError;

/// Parses the arguments and does what they say.
pub fn main() -> ExitCode {
    let done = match Args::try_parse() {
        Ok(args) => run(args.command),
        // Help and the version come as an "error" too.
        Err(help) if !help.use_stderr() => say(help.to_string().trim_end()),
        Err(error) => Err(CliError::Arguments(error.to_string())),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // There is nowhere left to complain to if stderr is closed.
            let _ = writeln!(std::io::stderr(), "error: {}", error.line());
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<(), CliError> {
    match command {
        Command::Bench(args) => pollster::block_on(backend::run(args.backend, bench::Bench(&args))),
        Command::Info(args) => info::run(&args),
        Command::Converge(args) => pollster::block_on(backend::run(args.backend, converge::Converge(&args))),
        Command::Schedule(args) => schedule::run(&args),
        Command::Sample(args) => pollster::block_on(backend::run(args.backend, sample::Sample(&args))),
        Command::Unet(args) => pollster::block_on(backend::run(args.backend, unet::Pass(&args))),
    }
}

/// Prints on stdout; a reader that has seen enough is no error.
fn say(text: &str) -> Result<(), CliError> {
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(CliError::Write { file: "the standard output".into(), reason: error.to_string() })
        }
        _ => Ok(()),
    }
}

/// Prints one line of JSON on stdout.
fn say_json(report: &impl serde::Serialize) -> Result<(), CliError> {
    let json = serde_json::to_string(report);
    let unwritable = |reason: String| CliError::Write { file: "the report".into(), reason };
    say(&json.map_err(|e| unwritable(e.to_string()))?)
}
