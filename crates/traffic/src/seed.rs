//! `traffic seed`: a new demo sale, one line SALE_ID=<id> on stdout.

use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::json;

use crate::cli::SeedArgs;
use crate::http;

pub(crate) fn run(args: &SeedArgs) -> anyhow::Result<ExitCode> {
    let url = format!("{}/v1/demo/reset", args.target.base_url());
    let sale = json!({
        "total_seats": args.total_seats,
        "admit_per_minute": args.admit_per_minute,
        "waiting_room_cap": args.waiting_room_cap,
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = runtime.block_on(http::post(&url, args.target.admin_key()?, &sale))?;
    let id = answer["sale_id"].as_str().context("the answer names no sale")?;
    println!("SALE_ID={id}");
    Ok(ExitCode::SUCCESS)
}
