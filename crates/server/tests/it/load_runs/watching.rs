//! A run as a stream of events.

use std::time::Duration;

use axum::body::Body;
use http::StatusCode;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::app::TestApp;

/// More than one second between two events, on a busy machine.
const SOON: Duration = Duration::from_secs(20);

async fn open(app: &TestApp, run: &str) -> Body {
    let response = app.get(format!("/v1/demo/loadtest/{run}/events")).open().await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    response.into_body()
}

/// The next snapshot; none at the end.
async fn next(body: &mut Body) -> Option<Value> {
    let frame = timeout(SOON, body.frame()).await.expect("an event a second")?;
    let bytes = frame.unwrap().into_data().unwrap();
    let text = std::str::from_utf8(&bytes).unwrap();
    let lines: Vec<&str> = text.strip_suffix("\n\n").unwrap().split('\n').collect();
    assert_eq!((lines[1], lines.len()), ("event: run", 4), "{text}");
    Some(serde_json::from_str(lines[3].strip_prefix("data: ").unwrap()).unwrap())
}

async fn until(body: &mut Body, status: &str) -> Value {
    loop {
        let shown = next(body).await.expect("not the end");
        if shown["status"] == status {
            return shown;
        }
    }
}

#[tokio::test]
async fn a_stream_says_what_the_run_says_and_ends_with_it() {
    let app = TestApp::with_runner().await;
    let id = app.queued().await;
    let mut body = open(&app, &id).await;
    assert_eq!(next(&mut body).await.unwrap(), app.run(&id).await);
    let run = app.claimed("r").await;
    app.progress(&run).await.expect(StatusCode::OK);
    assert_eq!(until(&mut body, "running").await["progress"]["requests_total"], 700);
    app.finish(&run, "passed").await.expect(StatusCode::OK);
    assert_eq!(until(&mut body, "passed").await, app.run(&id).await);
    assert_eq!(next(&mut body).await, None, "the last event was the last");
    let mut late = open(&app, &id).await;
    assert_eq!(next(&mut late).await.unwrap()["status"], json!("passed"));
    assert_eq!(next(&mut late).await, None);
}

#[tokio::test]
async fn so_many_may_watch_and_a_leaver_makes_room() {
    let app = TestApp::one_node().await;
    let id = app.queued().await;
    let path = format!("/v1/demo/loadtest/{id}/events");
    let mut watching = Vec::new();
    for _ in 0..32 {
        watching.push(open(&app, &id).await);
    }
    app.get(&path).send().await.refused(503, "overloaded");
    let head = app.call(http::Method::HEAD, &path).send().await;
    assert_eq!(head.status, StatusCode::OK, "to look takes no place");
    watching.pop();
    watching.push(open(&app, &id).await);
    assert_eq!(app.streams_open(), 0, "the places of fans are others");
}

#[tokio::test]
async fn a_node_that_shuts_down_ends_its_streams() {
    let app = TestApp::start().await;
    let id = app.queued().await;
    let mut body = open(&app, &id).await;
    next(&mut body).await.unwrap();
    app.drain();
    while next(&mut body).await.is_some() {}
}
