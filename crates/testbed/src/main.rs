//! Starts one server for a shell script: `testbed postgres` or `testbed redis`. Prints its URL, and ends it when standard
//! input closes, which it does when the script is gone.

use std::io::{Read, Write};
use std::process::ExitCode;

use testbed::{Postgres, Redis};

fn main() -> ExitCode {
    let kind = std::env::args().nth(1).unwrap_or_default();
    let kept: std::io::Result<()> = match kind.as_str() {
        "postgres" => {
            let server = Postgres::start();
            keep(&server.url("postgres"))
        }
        "redis" => {
            let server = Redis::start();
            keep(&server.url())
        }
        other => {
            eprintln!("which server: postgres or redis? '{other}' is neither");
            return ExitCode::from(2);
        }
    };
    if kept.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn keep(url: &str) -> std::io::Result<()> {
    let mut output = std::io::stdout();
    writeln!(output, "{url}")?;
    output.flush()?;
    std::io::stdin().read_to_end(&mut Vec::new()).map(drop)
}
