//! `traffic lab`: plans that are only looked at, reports that are read again, and runs from a trace.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use lab::{LabError, Trace};

use crate::cli::{CompareArgs, LabCommand, PlanArgs, ReplayArgs, ReportArgs};
use crate::runner;
use crate::sim::{self, Plan};

/// Reports and traces are small; a larger file is another one by mistake.
const FILE_LIMIT: u64 = 64 << 20;

pub(crate) fn run(command: &LabCommand) -> anyhow::Result<ExitCode> {
    sim::judged(match command {
        LabCommand::Scenarios => scenarios(),
        LabCommand::Plan(args) => plan(args),
        LabCommand::Report(args) => report(args),
        LabCommand::Compare(args) => compare(args),
        LabCommand::Replay(args) => replay(args),
        LabCommand::Runner(args) => runner::run(args),
    })
}

fn scenarios() -> anyhow::Result<ExitCode> {
    let line = |info: &lab::scenarios::ScenarioInfo| format!("{}\t{}\n", info.name, info.stands_for);
    say(&lab::scenarios::list().iter().map(line).collect::<String>())?;
    Ok(ExitCode::SUCCESS)
}

fn plan(args: &PlanArgs) -> anyhow::Result<ExitCode> {
    let (knobs, sale_id) = sim::knobs(&args.knobs)?;
    let preview = lab::preview(&args.scenario, &knobs, sale_id.is_none())?;
    say(&if args.json { preview.to_json() + "\n" } else { preview.render() })?;
    Ok(ExitCode::SUCCESS)
}

fn report(args: &ReportArgs) -> anyhow::Result<ExitCode> {
    let json = read(&args.report)?;
    let named = named(&args.report);
    match &args.html {
        None => say(&lab::report_table(&json).map_err(named)?)?,
        Some(Some(out)) if out.as_os_str() == "-" => say(&lab::report_html(&json).map_err(named)?)?,
        Some(out) => {
            let out = out.clone().unwrap_or_else(|| args.report.with_extension("html"));
            let page = lab::report_html(&json).map_err(named)?;
            std::fs::write(&out, page).with_context(|| format!("writing {}", out.display()))?;
            say(&format!("{}\n", out.display()))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn compare(args: &CompareArgs) -> anyhow::Result<ExitCode> {
    let comparison = lab::compare(&read(&args.a)?, &read(&args.b)?)?;
    say(comparison.render())?;
    Ok(ExitCode::from(comparison.exit_code()))
}

fn replay(args: &ReplayArgs) -> anyhow::Result<ExitCode> {
    let trace = Trace::read(&read(&args.trace)?).map_err(named(&args.trace))?;
    if args.plan {
        let (knobs, sale_id) = sim::knobs(&args.run.knobs)?;
        say(&trace.preview(&knobs, sale_id.is_none())?.render())?;
        return Ok(ExitCode::SUCCESS);
    }
    sim::play(&args.run, &Plan::Trace(trace))
}

/// A reader that has read enough, such as `head`, is no error.
fn say(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

fn named(path: &Path) -> impl Fn(LabError) -> LabError {
    let path = path.to_owned();
    move |error| refused(&path, &error.to_string())
}

fn refused(path: &Path, why: &str) -> LabError {
    LabError::BadPlan(format!("{}: {why}", path.display()))
}

/// A file that is not there, or is not text, is refused like one that holds something else.
fn read(path: &PathBuf) -> Result<String, LabError> {
    let size = std::fs::metadata(path).map_err(|error| refused(path, &error.to_string()))?.len();
    if size > FILE_LIMIT {
        return Err(refused(
            path,
            &format!("{size} bytes are more than the {FILE_LIMIT} that a report or a trace has"),
        ));
    }
    std::fs::read_to_string(path).map_err(|error| refused(path, &error.to_string()))
}
