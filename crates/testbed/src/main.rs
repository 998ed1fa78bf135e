//! Starts one server for a shell script: `testbed postgres [--durable]` or `testbed redis`. Prints its URL and the number of
//! its first process, and ends it when standard input closes, which it does when the script is gone.

use std::io::{Read, Write};
use std::process::ExitCode;

use testbed::{Postgres, Redis};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let kept = match words[..] {
        ["postgres"] => keep_postgres(&Postgres::start()),
        ["postgres", "--durable"] => keep_postgres(&Postgres::durable()),
        ["redis"] => {
            let server = Redis::start();
            keep(&server.url(), server.pid())
        }
        _ => {
            eprintln!("which server: postgres [--durable] or redis? '{}' is neither", words.join(" "));
            return ExitCode::from(2);
        }
    };
    if kept.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn keep_postgres(server: &Postgres) -> std::io::Result<()> {
    keep(&server.url("postgres"), server.pid())
}

fn keep(url: &str, pid: Option<u32>) -> std::io::Result<()> {
    let mut output = std::io::stdout();
    writeln!(output, "{url} {}", pid.unwrap_or_default())?;
    output.flush()?;
    std::io::stdin().read_to_end(&mut Vec::new()).map(drop)
}
