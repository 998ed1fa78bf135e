//! A run as it is shown.

use domain::load_run::RunState;
use serde_json::{Value, json};
use store::runs::Run;
use store::runs::files::Facts;

use crate::app::App;

/// What a list says of a run.
pub(super) fn in_list(app: &App, run: &Run) -> Value {
    let knobs = json(Some(&run.knobs));
    let mut shown = json!({
        "run_id": run.id, "scenario": run.scenario, "sale_id": run.sale, "status": run.state.name(),
        "passed": run.state.is_over().then_some(run.state == RunState::Passed),
        "reason": run.reason, "knobs": knobs["asked"], "asked_by": run.asked_by, "runner": run.runner,
        "asked_at": app.store.shown(run.asked_at),
        "started_at": run.started_at.map(|at| app.store.shown(at)),
        "finished_at": run.finished_at.map(|at| app.store.shown(at)),
    });
    if let Some(error) = &run.error {
        shown["error"] = json!(error);
    }
    shown
}

/// Everything but the files themselves. `before`: how many wait before it.
pub(super) fn whole(app: &App, run: &Run, before: i64, files: &[Facts]) -> Value {
    let mut shown = in_list(app, run);
    let mut outcome = json(run.outcome.as_deref());
    for (name, none) in [("failures", json!([])), ("checks", json!([])), ("slos", json!([])), ("metrics", json!({}))] {
        let found = outcome[name].take();
        shown[name] = if found.is_null() { none } else { found };
    }
    for name in ["plan_sha256", "lab_run_id", "not_kept"] {
        shown[name] = outcome[name].take();
    }
    shown["progress"] = progress(run).unwrap_or_default();
    shown["waiting_before"] = json!((run.state == RunState::Queued).then_some(before));
    shown["stopping"] = json!(run.stop_asked && run.state == RunState::Running);
    shown["files"] =
        files.iter().map(|file| json!({ "name": file.kind.name(), "bytes": file.size })).collect::<Vec<_>>().into();
    shown
}

/// What its runner told last.
pub(super) fn progress(run: &Run) -> Option<Value> {
    run.progress.as_deref().map(|text| json(Some(text)))
}

/// What was JSON when it was taken in is JSON now.
fn json(text: Option<&str>) -> Value {
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}
