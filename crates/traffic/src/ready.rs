//! `traffic ready`: whether a server has loaded its data and takes requests, as an exit code.

use std::process::ExitCode;

use crate::cli::ReadyArgs;
use crate::{EXIT_FAILED, http};

pub(crate) fn run(args: &ReadyArgs) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let base_url = args.base_url();
    runtime.block_on(async {
        if !http::listens(base_url).await? {
            anyhow::bail!("nobody answers at {base_url}");
        }
        if http::is_ready(base_url).await {
            println!("ready");
            return Ok(ExitCode::SUCCESS);
        }
        eprintln!("the server at {base_url} is not ready");
        Ok(ExitCode::from(EXIT_FAILED))
    })
}
