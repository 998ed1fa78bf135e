//! No handler is reached by another name than its own, and no header gives a request another path or method.

use std::collections::BTreeSet;

use http::{Method, StatusCode};
use serde_json::json;

use super::{Operation, fill, operations};
use crate::app::{Answer, Call, Fan, Shopper, TestApp};

/// Other spellings of one place in a path. Servers, proxies and file systems have read each of these as a plain slash,
/// or have thrown it away.
const SLASHES: [&str; 16] = [
    "//",
    "/./",
    "/x/../",
    "/%2e/",
    "/%2e%2e/",
    "/%252e%252e/",
    "%2f",
    "%2F",
    "%252f",
    "%5c",
    "\\",
    "/;/",
    "/;a=b/",
    "/..;/",
    "/%20/",
    "%00/",
];
const ENDS: [&str; 20] = [
    "/", "//", "/.", "/..", "/%2e", ".", "..", "...", "%2e", "%20", "%00", "%09", "%0d%0a", ";", ";a=b", "%3b", "%3f",
    "%23", ".json", "~",
];
const BEGINNINGS: [&str; 8] = ["/", "/.", "/..", "/x/..", "/%2e", "/index.php", "/;a=b", "/v1/.."];

/// Everything that looks like this path and is not.
fn variants(path: &str) -> BTreeSet<String> {
    let mut found: BTreeSet<String> = ENDS.iter().map(|end| format!("{path}{end}")).collect();
    found.extend(BEGINNINGS.iter().map(|beginning| format!("{beginning}{path}")));
    for (at, _) in path.match_indices('/').skip(1) {
        found.extend(SLASHES.iter().map(|slash| format!("{}{slash}{}", &path[..at], &path[at + 1..])));
    }
    for (at, letter) in path.char_indices().filter(|(_, letter)| letter.is_ascii_lowercase()) {
        let around = |other: &str| format!("{}{other}{}", &path[..at], &path[at + 1..]);
        found.insert(around(&letter.to_ascii_uppercase().to_string()));
        found.insert(around(&format!("%25{:02x}", u32::from(letter))));
    }
    found.remove(path);
    found
}

/// The same path with one letter of a fixed part in percent signs. A letter of an id may be written so: that is the same
/// id, asked for with the same credential.
fn encoded(template: &str, sale: &str) -> Vec<String> {
    let parts: Vec<&str> = template.split('/').collect();
    let encode = |at: usize| {
        let first = parts[at].chars().next()?;
        let odd = format!("%{:02x}{}", u32::from(first), &parts[at][1..]);
        let all =
            parts.iter().enumerate().map(|(other, part)| if other == at { odd.clone() } else { (*part).to_owned() });
        (first != '{').then(|| fill(&all.collect::<Vec<_>>().join("/"), sale))
    };
    (0..parts.len()).filter_map(encode).collect()
}

struct Attacker {
    app: TestApp,
    sale: String,
    fan: Fan,
    shopper: Shopper,
}

impl Attacker {
    async fn new() -> Self {
        let app = TestApp::start().await;
        let sale = app.sale().await;
        let (fan, shopper) = (app.fan().await, app.admitted(&sale).await);
        Self { app, sale, fan, shopper }
    }

    fn with_credential(&self, operation: &Operation, path: &str) -> Call {
        let call = self.app.call(operation.method.clone(), path);
        match operation.credential.as_deref() {
            Some("session") => call.bearer(&self.fan),
            Some("admission") => call.admission(&self.shopper),
            Some("admin") => call.admin(),
            _ => call,
        }
    }
}

/// Status and code: what a "no" is.
fn judged(answer: &Answer) -> (u16, Option<String>) {
    (answer.status.as_u16(), answer["code"].as_str().map(str::to_owned))
}

#[tokio::test]
async fn no_other_spelling_of_a_path_reaches_its_handler() {
    let attacker = Attacker::new().await;
    let mut tried = 0;
    for operation in operations() {
        let path = operation.filled(&attacker.sale);
        let plain = judged(&attacker.app.call(operation.method.clone(), &path).send().await);
        if operation.credential.is_some() {
            assert!(matches!(plain.0, 401 | 403), "the control: {path} is protected: {plain:?}");
        }
        for odd in variants(&path).into_iter().chain(encoded(&operation.path, &attacker.sale)) {
            // An end that is no other path is not a request at all.
            let Ok(uri) = odd.parse::<http::Uri>() else { continue };
            assert_eq!(uri.path(), odd, "nothing is lost on the way to the router");
            tried += 1;
            let without = judged(&attacker.app.call(operation.method.clone(), &odd).send().await);
            let is_no = matches!(without.0, 400 | 404 | 405) || (operation.credential.is_some() && without == plain);
            assert!(is_no, "{} {odd}: {without:?}, and {path}: {plain:?}", operation.method);
            // Nor with everything that the plain path asks for: an odd id names nothing.
            let with = judged(&attacker.with_credential(&operation, &odd).send().await);
            let is_no = matches!(with.0, 400 | 404 | 405) || with.1.as_deref() == Some("admission_foreign");
            assert!(is_no, "{} {odd} with its credential: {with:?}", operation.method);
        }
    }
    assert!(tried > 4_000, "{tried} variants");
}

/// A page that takes any id is there for an odd one too: its script asks, and hears that there is no such thing.
fn fits_another(path: &str) -> bool {
    let fits = |part: &str, of: &str| of == part || (of.starts_with('{') && !part.is_empty());
    server::router::templates().any(|template| {
        let (parts, of): (Vec<_>, Vec<_>) = (path.split('/').collect(), template.split('/').collect());
        template.contains('{') && parts.len() == of.len() && parts.iter().zip(&of).all(|(part, of)| fits(part, of))
    })
}

#[tokio::test]
async fn no_other_spelling_of_a_page_is_a_page() {
    let app = TestApp::start().await;
    let described: BTreeSet<String> = operations().into_iter().map(|operation| operation.path).collect();
    let mut pages = 0;
    for page in server::router::templates().filter(|path| !described.contains(path)) {
        let plain = app.get(&page).send().await;
        // No file and no place in line has such a name, and what takes forms shows nothing.
        let here = matches!(plain.status.as_u16(), 200 | 303 | 405) || page.starts_with("/assets/");
        assert!(here, "the control: {plain:?}");
        pages += usize::from(plain.status == StatusCode::OK);
        for odd in variants(&page).into_iter().filter(|odd| odd.parse::<http::Uri>().is_ok() && !fits_another(odd)) {
            app.get(&odd).send().await.refused(404, "not_found");
        }
    }
    assert!(pages > 10, "{pages} pages");
}

/// Headers by which some servers let a request name another path.
const PATH_HEADERS: [&str; 7] = [
    "x-original-url",
    "x-rewrite-url",
    "x-original-uri",
    "x-forwarded-uri",
    "x-forwarded-path",
    "x-forwarded-prefix",
    "destination",
];
/// And another method.
const METHOD_HEADERS: [&str; 3] = ["x-http-method-override", "x-http-method", "x-method-override"];

#[tokio::test]
async fn no_header_gives_a_request_another_path() {
    let attacker = Attacker::new().await;
    let app = &attacker.app;
    // Without a body that changes by itself.
    let harmless = app.get("/v1/demo/config").send().await;
    harmless.expect(StatusCode::OK);
    for operation in operations() {
        let path = operation.filled(&attacker.sale);
        for name in PATH_HEADERS {
            let through = app.get("/v1/demo/config").header(name, &path).send().await;
            assert_eq!(through.expect(StatusCode::OK), &harmless.json, "{name}: {path}");
            app.get("/nowhere")
                .admin()
                .bearer(&attacker.fan)
                .header(name, &path)
                .send()
                .await
                .refused(404, "not_found");
        }
        let plain = judged(&app.call(operation.method.clone(), &path).send().await);
        if operation.credential.is_some() {
            for name in PATH_HEADERS {
                let call = app.call(operation.method.clone(), &path).header(name, "/health/live").send().await;
                assert_eq!(judged(&call), plain, "{name} does not lead around the check of {path}");
            }
        }
    }
}

#[tokio::test]
async fn no_header_and_no_query_gives_a_request_another_method() {
    let attacker = Attacker::new().await;
    let (app, sale, shopper) = (&attacker.app, &attacker.sale, &attacker.shopper);
    let hold = app.held(sale, shopper, &["GA-1-1"]).await;
    let of_hold = format!("/v1/sales/{sale}/holds/{hold}");
    let holds = format!("/v1/sales/{sale}/holds");
    for method in [Method::GET, Method::POST, Method::PATCH, Method::PUT] {
        for name in METHOD_HEADERS {
            let call = app.call(method.clone(), &of_hold).admission(shopper).header(name, "DELETE");
            call.send().await.refused(405, "method_not_allowed");
        }
        for query in ["?_method=DELETE", "?method=DELETE", "?X-HTTP-Method-Override=DELETE"] {
            let call = app.call(method.clone(), format!("{of_hold}{query}")).admission(shopper);
            call.send().await.refused(405, "method_not_allowed");
        }
    }
    for name in METHOD_HEADERS {
        let asked = app.get(&holds).admission(shopper).header(name, "POST").json(&json!({ "seat_ids": ["GA-1-2"] }));
        assert_eq!(asked.send().await["hold_id"], json!(hold), "a question stays one");
        let join = app.get(format!("/v1/sales/{sale}/waiting-room/join")).bearer(&attacker.fan).header(name, "POST");
        join.send().await.refused(405, "method_not_allowed");
    }
    assert_eq!(app.stats(sale).await["joined"], 1, "only the shopper");
    app.release(sale, shopper, &hold).await.expect(StatusCode::NO_CONTENT);
}
