//! What an answer forbids a fan's browser, so that a page of somebody else cannot use it.

use http::{Method, StatusCode};

use super::operations;
use super::wire::Served;
use crate::app::{Answer, TestApp};

/// One style of its own inside, and no script.
const PLAIN: [&str; 1] = ["/docs"];
/// Whose scripts are files of this host.
const PAGES: [&str; 4] = ["/", "/fan", "/lab", "/organiser"];

#[track_caller]
fn is_protected(answer: &Answer) {
    let header = |name: &str| answer.headers.get(name).map_or("", |value| value.to_str().unwrap());
    assert_eq!(
        (header("x-content-type-options"), header("x-frame-options"), header("referrer-policy")),
        ("nosniff", "DENY", "no-referrer"),
        "{answer:?}"
    );
    let policy = header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{answer:?}");
    assert!(!policy.contains("unsafe-eval") && !policy.contains("http") && !policy.contains('*'), "{answer:?}");
    // The map of seats is asked for again with what was got, and stays with whom it was shown to.
    assert!(matches!(header("cache-control"), "no-store" | "private, no-cache"), "{answer:?}");
    assert!(answer.headers.get("access-control-allow-origin").is_none(), "no other site reads it: {answer:?}");
}

/// Data, or a page without scripts.
#[track_caller]
fn runs_nothing(answer: &Answer) {
    is_protected(answer);
    assert!(!answer.header("content-security-policy").contains("script-src"), "{answer:?}");
}

#[tokio::test]
async fn every_answer_tells_browsers_to_run_frame_guess_and_keep_nothing() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    let shopper = app.admitted(&sale).await;
    for operation in operations() {
        let call = || app.call(operation.method.clone(), operation.filled(&sale));
        runs_nothing(&call().header("origin", "https://evil.example").send().await);
        let call = match operation.credential.as_deref() {
            Some("session") => call().bearer(&shopper.fan),
            Some("admission") => call().admission(&shopper),
            // An operator could end the sale, and a stream does not end.
            _ => continue,
        };
        if operation.method == Method::GET && !operation.path.ends_with("/stream") {
            runs_nothing(&call.send().await);
        }
    }
    for path in PLAIN {
        let page = app.get(path).send().await;
        page.expect(StatusCode::OK);
        runs_nothing(&page);
        let policy = page.header("content-security-policy");
        assert!(policy.contains("style-src 'unsafe-inline'"), "the control: a page has what it needs: {policy}");
    }
    let of_sale = format!("/fan/{sale}");
    for path in PAGES.into_iter().chain([of_sale.as_str()]) {
        let page = app.get(path).send().await;
        page.expect(StatusCode::OK);
        if !crate::ui::is_built(&page) {
            runs_nothing(&page);
            continue;
        }
        let policy = page.header("content-security-policy").to_owned();
        assert!(policy.contains("script-src 'self'; style-src 'self';"), "files of this host alone: {policy}");
        assert!(!policy.contains("unsafe-inline"), "{policy}");
        let mut kept = page;
        // A page for everybody is asked for anew each time; one that was filled in for somebody is kept by nobody.
        assert!(matches!(kept.header("cache-control"), "no-store" | "no-cache"), "{kept:?}");
        kept.headers.insert("cache-control", http::HeaderValue::from_static("no-store"));
        is_protected(&kept);
    }
    runs_nothing(&app.get("/nowhere").send().await);
    runs_nothing(&app.call(Method::PUT, "/v1/me").send().await);
}

#[tokio::test]
async fn a_proxy_that_is_trusted_and_nobody_else_says_that_tls_was_there() {
    let ask = |said: &str| format!("GET / HTTP/1.1\r\nHost: t\r\n{said}Connection: close\r\n\r\n");
    let promises = |answer: &str| {
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        answer.to_ascii_lowercase().contains("\r\nstrict-transport-security: max-age=")
    };
    let behind = Served::with(&[("TRUSTED_PROXIES", "127.0.0.1")]).await;
    assert!(promises(&behind.send(&ask("X-Forwarded-Proto: https\r\n")).await));
    for said in ["", "X-Forwarded-Proto: http\r\n", "X-Forwarded-Proto: https\r\nX-Forwarded-Proto: http\r\n"] {
        assert!(!promises(&behind.send(&ask(said)).await), "{said:?}");
    }
    let open = Served::new().await;
    assert!(!promises(&open.send(&ask("X-Forwarded-Proto: https\r\n")).await));
}
