//! The executable: reads the command line, runs one subcommand, answers with an exit code.

mod address;
mod assert_queue;
mod audit;
mod bench;
mod cli;
mod doctor;
mod http;
mod lab_command;
mod migrate;
mod moving;
mod openapi;
mod private_server;
mod ready;
mod real;
mod runner;
mod scan_verify;
mod seed;
mod serve;
mod signals;
mod sim;
mod telemetry;

use std::process::ExitCode;

use clap::Parser as _;

use cli::{AuditCommand, Cli, Command};
use telemetry::Telemetry;

/// Many small allocations on two cores: a good third faster than the system's allocator under load.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What was asked cannot be understood: arguments or settings.
const EXIT_USAGE: u8 = 2;
const EXIT_FAILED: u8 = 1;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    match telemetry::init(&cli.log, cli.log_format).and_then(|telemetry| run(cli.command, &telemetry)) {
        Ok(code) => code,
        Err(error) => failed(&error),
    }
}

fn run(command: Command, telemetry: &Telemetry) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(args) => serve::run(&args, telemetry),
        Command::Seed(args) => seed::run(&args),
        Command::AssertQueue(args) => assert_queue::run(&args),
        Command::Audit { command: AuditCommand::Verify(args) } => audit::verify(&args),
        Command::ScanVerify(args) => scan_verify::run(&args),
        Command::Sim(args) => sim::run(&args),
        Command::Lab { command } => lab_command::run(&command),
        Command::Ready(args) => ready::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Migrate(args) => migrate::run(&args),
        Command::Openapi(args) => openapi::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::BenchBare(args) => bench::bare::run(&args),
    }
}

/// `--help` and `--version` come here too, and are no errors. Where the terminal is gone nobody can be told.
fn usage(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    if error.use_stderr() { ExitCode::from(EXIT_USAGE) } else { ExitCode::SUCCESS }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    if let Some(config) = error.downcast_ref::<server::config::ConfigError>() {
        config.lines.iter().for_each(|line| eprintln!("error: {line}"));
        return ExitCode::from(EXIT_USAGE);
    }
    eprintln!("error: {error:#}");
    ExitCode::from(EXIT_FAILED)
}
