//! `traffic assert-queue`: reads a sale's export and judges its order and its seats.

use std::process::ExitCode;

use crate::cli::AssertQueueArgs;

const EXIT_VIOLATED: u8 = 1;

pub(crate) fn run(args: &AssertQueueArgs) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let key = args.target.admin_key()?;
    let export = runtime.block_on(lab::fetch_export(args.target.base_url(), key, &args.sale))?;
    let assertion = lab::assert_queue(export.as_bytes())?;
    print!("{}", assertion.render());
    Ok(if assertion.passed() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_VIOLATED) })
}
