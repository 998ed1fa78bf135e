//! Traces as clients meet them: an id in each problem while a collector is named, the caller's where there is one.

use http::StatusCode;
use serde_json::Value;

use crate::app::TestApp;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

async fn refused(app: &TestApp, traceparent: &str) -> Value {
    let call = app.get("/v1/sales/nowhere").header("traceparent", traceparent);
    call.send().await.expect(StatusCode::NOT_FOUND).clone()
}

/// Asked of one node: the dice of tests are the same in all.
#[tokio::test]
async fn a_problem_names_its_trace() {
    let app = TestApp::one_node_with(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")]).await;
    for flags in ["00", "01"] {
        let body = refused(&app, &format!("00-{TRACE}-00f067aa0ba902b7-{flags}")).await;
        assert_eq!(body["trace_id"], TRACE, "sampled or not");
    }
    let [one, other] = [refused(&app, "nonsense").await, refused(&app, "nonsense").await];
    let id = |body: &Value| body["trace_id"].as_str().unwrap().to_owned();
    assert!(id(&one).len() == 32 && id(&one).bytes().all(|byte| byte.is_ascii_hexdigit()), "{one}");
    assert_ne!(id(&one), id(&other));
    assert_ne!(one["request_id"], other["request_id"]);
}

#[tokio::test]
async fn without_a_collector_there_is_no_trace() {
    let app = TestApp::with(&[("OTEL_SERVICE_NAME", "doors")]).await;
    assert!(app.shared().spans.is_none());
    let body = refused(&app, &format!("00-{TRACE}-00f067aa0ba902b7-01")).await;
    assert!(body.get("trace_id").is_none(), "{body}");
}
