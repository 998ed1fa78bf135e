//! `traffic openapi`: prints the description of the HTTP interface.

use std::process::ExitCode;

use anyhow::Context as _;

pub(crate) fn run() -> anyhow::Result<ExitCode> {
    let text = server::router::openapi().to_pretty_json().context("writing the description")?;
    println!("{text}");
    Ok(ExitCode::SUCCESS)
}
