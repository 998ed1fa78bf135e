//! What a run leaves behind: handed over in parts, read by everybody who may see the run, and kept within a budget.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde_json::json;

use super::{Claimed, RUNNER_KEY};
use crate::app::{Answer, TestApp};

const PART: usize = 256 << 10;

impl TestApp {
    async fn part(&self, run: &Claimed, file: &str, part: usize, parts: usize, bytes: &[u8]) -> Answer {
        let data = STANDARD.encode(bytes);
        self.runner("part", run.says(json!({ "file": file, "part": part, "parts": parts, "data": data }))).await
    }

    async fn file(&self, run: &Claimed, name: &str) -> Answer {
        self.get(format!("/v1/demo/loadtest/{}/{name}", run.run_id)).send().await
    }

    /// A run that is over, with as many full parts of a history, and a report.
    async fn over(&self, parts: usize) -> Claimed {
        self.queued().await;
        let run = self.claimed("r").await;
        for part in 0..parts {
            self.part(&run, "history.ndjson.gz", part, parts, &[7; PART]).await.expect(StatusCode::OK);
        }
        self.part(&run, "report.json", 0, 1, b"{}").await.expect(StatusCode::OK);
        self.finish(&run, "passed").await.expect(StatusCode::OK);
        run
    }

    async fn names(&self, run: &Claimed) -> Vec<String> {
        let files = self.run(&run.run_id).await["files"].as_array().unwrap().clone();
        files.iter().map(|file| file["name"].as_str().unwrap().to_owned()).collect()
    }
}

#[tokio::test]
async fn files_are_handed_over_in_parts_and_read_whole() {
    let app = TestApp::with_runner().await;
    app.queued().await;
    let run = app.claimed("r").await;
    let page = b"<!doctype html><title>run</title>";
    assert_eq!(app.part(&run, "report.html", 0, 1, page).await.expect(StatusCode::OK)["whole"], true);
    let history: Vec<u8> = (0..2 * PART + 1_000).map(|at| (at % 251) as u8).collect();
    let chunks: Vec<&[u8]> = history.chunks(PART).collect();
    for (part, whole) in [(2, false), (0, false), (0, false), (1, true)] {
        let answer = app.part(&run, "history.ndjson.gz", part, 3, chunks[part]).await;
        assert_eq!(answer.expect(StatusCode::OK)["whole"], whole);
        assert_eq!(app.file(&run, "history.ndjson.gz").await.status.is_success(), whole, "half a file is none");
    }
    app.finish(&run, "passed").await.expect(StatusCode::OK);
    let sent = app.file(&run, "history.ndjson.gz").await;
    assert!(sent.status == StatusCode::OK && sent.body == history);
    assert_eq!(sent.header("content-type"), "application/gzip");
    assert_eq!(sent.header("content-length"), history.len().to_string());
    let saved = format!("attachment; filename=\"{}.history.ndjson.gz\"", run.run_id);
    assert_eq!(sent.header("content-disposition"), saved);
    let sent = app.file(&run, "report.html").await;
    assert_eq!((&sent.body[..], sent.header("content-type")), (&page[..], "text/html; charset=utf-8"));
    let policy = sent.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.ends_with("sandbox"), "it runs nothing: {policy}");
    assert_eq!(app.names(&run).await, ["history.ndjson.gz", "report.html"]);
    app.file(&run, "report.json").await.refused(404, "not_kept");
    app.file(&run, "export.ndjson.gz").await.refused(404, "not_kept");
    for name in ["report.html", "report.json", "history.ndjson.gz", "export.ndjson.gz"] {
        app.get(format!("/v1/demo/loadtest/fake/{name}")).send().await.refused(404, "run_not_found");
    }
}

#[tokio::test]
async fn parts_that_are_no_parts_are_refused_by_name() {
    let app = TestApp::with_runner().await;
    app.queued().await;
    let run = app.claimed("r").await;
    app.part(&run, "report.pdf", 0, 1, b"x").await.wrong("file");
    app.part(&run, "report.json", 1, 1, b"x").await.wrong("part");
    app.part(&run, "report.json", 0, 0, b"x").await.wrong("parts");
    app.part(&run, "report.json", 0, 1_025, b"x").await.wrong("parts");
    app.part(&run, "report.json", 0, 1, b"").await.wrong("data");
    app.part(&run, "report.json", 0, 1, &[0; PART + 1]).await.wrong("data");
    let odd = json!({ "file": "report.json", "part": 0, "parts": 1, "data": "no base64!" });
    app.runner("part", run.says(odd)).await.wrong("data");
    app.part(&run, "report.json", 0, 2, &[0; PART]).await.expect(StatusCode::OK);
    app.part(&run, "report.json", 1, 3, b"x").await.wrong("parts");
    app.finish(&run, "passed").await.expect(StatusCode::OK);
    app.part(&run, "report.json", 1, 2, b"x").await.refused(409, "run_lost");
}

#[tokio::test]
async fn over_the_budget_the_oldest_histories_go_first_and_the_runs_are_remembered() {
    let app = TestApp::with(&[("RUNNER_KEY", RUNNER_KEY), ("LOADTEST_KEEP_MB", "1")]).await;
    let mut runs = Vec::new();
    for _ in 0..3 {
        // Half of the budget.
        runs.push(app.over(2).await);
    }
    assert_eq!(app.names(&runs[0]).await, ["report.json"], "its history made room");
    app.file(&runs[0], "history.ndjson.gz").await.refused(404, "not_kept");
    assert_eq!(app.names(&runs[2]).await, ["history.ndjson.gz", "report.json"]);
    app.file(&runs[2], "history.ndjson.gz").await.expect(StatusCode::OK);
    app.queued().await;
    let last = app.claimed("r").await;
    app.part(&last, "history.ndjson.gz", 0, 5, &[7; PART]).await.wrong("parts");
    // Reports alone fill it: the oldest of those go, too.
    for part in 0..4 {
        app.part(&last, "report.html", part, 4, &[7; PART]).await.expect(StatusCode::OK);
    }
    assert_eq!(app.names(&last).await, ["report.html"]);
    for run in &runs {
        assert!(app.names(run).await.is_empty());
        assert_eq!(app.run(&run.run_id).await["status"], "passed", "the run is remembered");
    }
}
