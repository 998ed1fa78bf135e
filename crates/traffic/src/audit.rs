//! `traffic audit verify`: makes every seal of an audit log again, from a file of its lines or from a server, and names the
//! first that does not hold.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use http_body_util::Full;
use hyper::Request;
use store::audit_copy::{Verdict, check};

use crate::cli::AuditVerifyArgs;
use crate::http;

const EXIT_BROKEN: u8 = 1;

pub(crate) fn verify(args: &AuditVerifyArgs) -> anyhow::Result<ExitCode> {
    let text = match &args.file {
        Some(file) => std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?,
        None => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(fetch(args.target.base_url(), args.target.admin_key()?))?
        }
    };
    let verdict = check(text.lines())?;
    print!("{}", render(&verdict));
    if let Some(kept) = &args.contains
        && !verdict.digests.contains(&kept.to_lowercase())
    {
        println!("no seal has the digest {kept}: the log was made anew since that was written down");
        return Ok(ExitCode::from(EXIT_BROKEN));
    }
    Ok(if verdict.broken.is_none() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_BROKEN) })
}

async fn fetch(base_url: &str, admin_key: &str) -> anyhow::Result<String> {
    if !base_url.starts_with("http://") {
        bail!("{base_url}: only http:// addresses are asked; fetch the lines by other means and give them with --file");
    }
    let url = format!("{base_url}/v1/admin/audit.ndjson");
    let request = Request::get(&url).header("x-admin-key", admin_key).body(Full::default())?;
    let (status, body) = http::send(request).await?;
    if !status.is_success() {
        bail!("{url} answers {status}");
    }
    String::from_utf8(body.to_vec()).context("the log is not text")
}

fn render(verdict: &Verdict) -> String {
    let Verdict { seals, entries, unsealed, .. } = verdict;
    let newest = verdict.digests.last().map_or("none", String::as_str);
    let counts = format!("seals {seals}   entries {entries}   not sealed yet {unsealed}\nnewest digest {newest}\n");
    match verdict.broken {
        Some((seq, why)) => format!("{counts}BROKEN at seal {seq}: {why}\n"),
        None => format!("{counts}PASS\n"),
    }
}
