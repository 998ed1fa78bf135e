//! `traffic openapi`: prints the description of the HTTP interface, as JSON or as the document docs/api.md.

mod markdown;
mod shapes;

use std::process::ExitCode;

use anyhow::Context as _;

use crate::cli::OpenapiArgs;

pub(crate) fn run(args: &OpenapiArgs) -> anyhow::Result<ExitCode> {
    let api = server::router::openapi();
    if args.markdown {
        let api = serde_json::to_value(api).context("writing the description")?;
        print!("{}", markdown::document(&api));
    } else {
        println!("{}", api.to_pretty_json().context("writing the description")?);
    }
    Ok(ExitCode::SUCCESS)
}
