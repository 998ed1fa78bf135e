//! What the server fills in for a fan: the waiting page, and the whole way through forms for browsers without scripts.

use http::{Method, StatusCode};
use serde_json::json;

use crate::app::{Answer, Call, Fan, TestApp};
use crate::ui::is_built;

/// What the page promises to a phone with a weak signal.
const BYTES_MAX: usize = 6_000;
const SITE: &str = "same-origin";

fn cookie(call: Call, fan: &Fan) -> Call {
    call.header("cookie", format!("traffic_session={}", fan.token)).header("sec-fetch-site", SITE)
}

fn form(call: Call, fields: &[(&str, &str)]) -> Call {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    call.header("content-type", "application/x-www-form-urlencoded").body(body)
}

fn html(page: &Answer) -> String {
    String::from_utf8(page.body.to_vec()).unwrap()
}

#[track_caller]
fn leads_to(answer: &Answer, path: &str) {
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, path), "{answer:?}");
}

/// What stands after `name="` in the page's body tag.
fn mark(page: &str, name: &str) -> String {
    let start = format!("data-{name}=\"");
    page.split_once(start.as_str()).unwrap().1.split('"').next().unwrap().to_owned()
}

async fn line(app: &TestApp, sale: &str, fan: &Fan) -> Answer {
    cookie(app.get(format!("/fan/{sale}/line")), fan).send().await
}

#[tokio::test]
async fn who_has_no_place_is_sent_to_the_sale() {
    let app = TestApp::start().await;
    let (sale, fan) = (app.sale().await, app.fan().await);
    leads_to(&app.get(format!("/fan/{sale}/line")).send().await, &format!("/fan/{sale}"));
    leads_to(&line(&app, &sale, &fan).await, &format!("/fan/{sale}"));
    leads_to(&app.get("/fan/nonsense/line").send().await, "/fan");
    leads_to(&app.get("/fan/https:%2f%2fevil.example/line").send().await, "/fan");
    app.join(&sale, &fan).await.expect(StatusCode::CREATED);
    line(&app, &sale, &fan).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn the_waiting_page_says_what_the_status_says() {
    let app = TestApp::start().await;
    let sale = app.sale_with(json!({ "admit_per_minute": 60, "max_active": 1, "currency": "INR" })).await;
    let fans = app.fans(12).await;
    for fan in &fans {
        app.join(&sale, fan).await.expect(StatusCode::CREATED);
    }
    let page = line(&app, &sale, &fans[11]).await;
    page.expect(StatusCode::OK);
    if !is_built(&page) {
        return;
    }
    let status = app.status(&sale, &fans[11]).await;
    let shown = html(&page);
    assert!(!shown.contains("{{"), "{shown}");
    for (name, member) in [("position", "position"), ("ahead", "ahead_count")] {
        assert_eq!(mark(&shown, name), status[member].to_string(), "{name}");
    }
    assert_eq!((mark(&shown, "sale"), mark(&shown, "state")), (sale.clone(), "still".to_owned()));
    assert!(shown.contains("<title>11 · Night</title>") && shown.contains("₹50"), "{shown}");
    assert!(shown.contains("<noscript><meta http-equiv=\"refresh\" content=\""), "it goes on without scripts: {shown}");
    assert_eq!(page.header("cache-control"), "no-store");
    let asked = app.asked();
    line(&app, &sale, &fans[10]).await.expect(StatusCode::OK);
    line(&app, &sale, &fans[10]).await.expect(StatusCode::OK);
    assert!(app.asked() <= asked + 1, "thousands who load the page ask the store for nothing but once for the event");

    app.pass(1_000).await;
    let inside = html(&line(&app, &sale, &fans[0]).await);
    assert_eq!(mark(&inside, "state"), "inside", "asking with this page comes in");
    assert!(inside.contains(&format!("href=\"/fan/{sale}/seats\"")), "{inside}");
    assert!(!mark(&inside, "deadline").is_empty());
    let looked = cookie(app.get(format!("/fan/{sale}/line")), &fans[1]).header("sec-purpose", "prefetch").send().await;
    looked.expect(StatusCode::OK);
    assert_eq!(app.stats(&sale).await["inside"], 1);
    app.post(format!("/v1/admin/sales/{sale}/pause")).admin().send().await.expect(StatusCode::OK);
    app.heard().await;
    assert_eq!(mark(&html(&line(&app, &sale, &fans[11]).await), "state"), "paused");
    app.leave(&sale, &fans[11]).await.expect(StatusCode::OK);
    app.heard().await;
    let left = html(&line(&app, &sale, &fans[11]).await);
    assert_eq!(mark(&left, "state"), "left");
    assert!(!left.contains("http-equiv"), "nothing more happens to it: {left}");
}

#[tokio::test]
async fn the_waiting_page_is_one_small_answer_under_a_policy_of_its_own() {
    let app = TestApp::start().await;
    let (sale, fan) = (app.sale().await, app.fan().await);
    app.join(&sale, &fan).await.expect(StatusCode::CREATED);
    if !is_built(&line(&app, &sale, &fan).await) {
        return;
    }
    for language in ["en", "de", "hi"] {
        let ask = || cookie(app.get(format!("/fan/{sale}/line")), &fan).header("accept-language", language);
        let (plain, packed) = (ask().send().await, ask().header("accept-encoding", "gzip, br").send().await);
        assert_eq!(packed.header("content-encoding"), "gzip");
        assert!(packed.body.len() <= BYTES_MAX, "{language}: {} bytes", packed.body.len());
        let page = html(&plain);
        assert!(page.contains(&format!("<html lang=\"{language}\">")));
        assert!(!page.contains(" src=") && !page.contains("rel=\"stylesheet\""), "one answer: {page}");
        let policy = plain.header("content-security-policy");
        for (name, tag) in [("script-src", "script"), ("style-src", "style")] {
            let inside = page.split_once(&format!("<{tag}>")).unwrap().1;
            let inside = inside.split_once(&format!("</{tag}>")).unwrap().0;
            assert!(policy.contains(&format!("{name} 'sha256-{}'", sha256(inside))), "{name}: {policy}");
        }
        assert!(!policy.contains("unsafe-inline") && policy.starts_with("default-src 'none'"), "{policy}");
    }
}

fn sha256(text: &str) -> String {
    use base64::Engine as _;
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    base64::prelude::BASE64_STANDARD.encode(digest)
}

#[tokio::test]
async fn a_language_is_chosen_by_a_link_and_kept() {
    let app = TestApp::start().await;
    let (sale, fan) = (app.sale().await, app.fan().await);
    for page in [format!("/fan/{sale}"), format!("/fan/{sale}/line")] {
        let chosen = cookie(app.get(format!("{page}?lang=de")), &fan).send().await;
        leads_to(&chosen, &page);
        assert!(chosen.header("set-cookie").starts_with("traffic_lang=de; Path=/; "), "{chosen:?}");
        let unknown = cookie(app.get(format!("{page}?lang=xx")), &fan).send().await;
        assert_eq!(unknown.header("set-cookie"), "");
    }
    let page = app.get(format!("/fan/{sale}")).header("cookie", "traffic_lang=de").header("accept-language", "hi");
    let page = page.send().await;
    assert!(!is_built(&page) || html(&page).contains("Anmelden"));
}

#[tokio::test]
async fn the_sale_page_has_its_facts_and_forms_without_scripts() {
    let app = TestApp::start().await;
    let event = json!({ "name": "<script>alert(1)</script>\"", "venue": "A & B", "starts_at": "2027-01-18T20:00:00Z" });
    let made = app.post("/v1/admin/events").admin().json(&event).send().await;
    let sale = app.sale_with(json!({ "event_id": made["event_id"] })).await;
    let fan = app.fan().await;
    let page = app.get(format!("/fan/{sale}")).send().await;
    page.expect(StatusCode::OK);
    if !is_built(&page) {
        return;
    }
    let shown = html(&page);
    assert!(shown.contains("<title>&lt;script&gt;alert(1)&lt;/script&gt;&quot;</title>"), "{shown}");
    assert!(!shown.contains("<script>alert") && !shown.contains("{{"), "{shown}");
    assert!(shown.contains("2027-01-18 20:00 UTC") && shown.contains("A &amp; B") && shown.contains("$50"), "{shown}");
    assert!(shown.contains("action=\"/fan/sign-in\"") && !shown.contains("/join\""), "{shown}");

    let join = format!("action=\"/fan/{sale}/join\"");
    let signed_in = html(&cookie(app.get(format!("/fan/{sale}")), &fan).send().await);
    assert!(signed_in.contains(&join) && !signed_in.contains("/fan/sign-in"), "{signed_in}");
    let odd = html(&app.get(format!("/fan/{sale}?problem=%3Cscript%3E")).send().await);
    assert!(odd.contains("That did not work") && !odd.contains("<script>alert"), "{odd}");
    let full = html(&app.get(format!("/fan/{sale}?problem=room_full")).send().await);
    assert!(full.contains("The waiting room is full"), "{full}");
    app.join(&sale, &fan).await.expect(StatusCode::CREATED);
    app.heard().await;
    let in_line = html(&cookie(app.get(format!("/fan/{sale}")), &fan).send().await);
    assert!(in_line.contains(&format!("href=\"/fan/{sale}/line\"")) && !in_line.contains(&join), "{in_line}");
}

#[tokio::test]
async fn a_fan_comes_in_and_goes_by_forms_alone() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    let page = format!("/fan/{sale}");
    let account = [("email", "plain@example.com"), ("password", "a long password"), ("next", page.as_str())];
    let sign_in = || app.post("/fan/sign-in").header("sec-fetch-site", SITE);
    leads_to(&form(sign_in(), &account).send().await, &format!("{page}?problem=login_failed"));
    let made = form(sign_in(), &[&account[..], &[("new", "1")]].concat()).send().await;
    leads_to(&made, &page);
    assert!(made.header("set-cookie").contains("HttpOnly; SameSite=Lax"), "{made:?}");
    let again = form(sign_in(), &[&account[..], &[("new", "1")]].concat()).send().await;
    leads_to(&again, &format!("{page}?problem=email_taken"));
    let known = form(sign_in(), &account).send().await;
    leads_to(&known, &page);
    let session = known.header("set-cookie").split(';').next().unwrap().to_owned();
    let mine = |call: Call| call.header("cookie", &session).header("sec-fetch-site", SITE);

    leads_to(&mine(app.post(format!("{page}/join"))).send().await, &format!("{page}/line"));
    mine(app.get(format!("{page}/line"))).send().await.expect(StatusCode::OK);
    assert_eq!(app.stats(&sale).await["joined"], 1);
    leads_to(&mine(app.post(format!("{page}/join"))).send().await, &format!("{page}/line"));
    leads_to(&mine(app.post(format!("{page}/leave"))).send().await, &format!("{page}/line"));
    assert_eq!(app.stats(&sale).await["left"], 1);
    app.heard().await;
    leads_to(&mine(app.post(format!("{page}/leave"))).send().await, &format!("{page}?problem=not_in_queue"));

    let out = form(mine(app.post("/fan/sign-out")), &[("next", page.as_str())]).send().await;
    leads_to(&out, &page);
    assert!(out.header("set-cookie").contains("Max-Age=0"), "{out:?}");
}

#[tokio::test]
async fn a_form_of_another_site_does_nothing() {
    let app = TestApp::start().await;
    let (sale, fan) = (app.sale().await, app.fan().await);
    let page = format!("/fan/{sale}");
    let session = format!("traffic_session={}", fan.token);
    for site in ["cross-site", "same-site"] {
        let ask = |path: &str| app.post(path).header("cookie", &session).header("sec-fetch-site", site);
        leads_to(&ask(&format!("{page}/join")).send().await, &format!("{page}?problem=cross_site"));
        leads_to(&ask(&format!("{page}/leave")).send().await, &format!("{page}?problem=cross_site"));
        let fields = [("email", "evil@example.com"), ("password", "a long password"), ("new", "1"), ("next", &page)];
        for path in ["/fan/sign-in", "/fan/sign-out"] {
            let answer = form(ask(path), &fields).send().await;
            leads_to(&answer, &format!("{page}?problem=cross_site"));
            assert_eq!(answer.header("set-cookie"), "");
        }
    }
    assert_eq!(app.stats(&sale).await["joined"], 0);
    leads_to(&app.post(format!("{page}/join")).send().await, &format!("{page}?problem=session_invalid"));
    let elsewhere = [("email", "a@b.c"), ("password", "x"), ("next", "https://evil.example/")];
    leads_to(
        &form(app.post("/fan/sign-in").header("sec-fetch-site", SITE), &elsewhere).send().await,
        "/fan?problem=login_failed",
    );
}

#[tokio::test]
async fn doors_that_are_shut_refuse_a_form_too() {
    let app = TestApp::start().await;
    let terms = json!({ "opens_at": app.now().plus_sec(60), "ends_at": app.now().plus_sec(120) });
    let (sale, fan) = (app.sale_with(terms).await, app.fan().await);
    let page = format!("/fan/{sale}");
    let join = || cookie(app.post(format!("{page}/join")), &fan);
    leads_to(&join().send().await, &format!("{page}?problem=sale_closed"));
    let shown = cookie(app.get(&page), &fan).send().await;
    assert!(!html(&shown).contains("/join\""), "{shown:?}");
    app.advance(60_000);
    leads_to(&join().send().await, &format!("{page}/line"));
}

#[tokio::test]
async fn forms_are_taken_by_the_fans_pages_alone() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    let fields = [("email", "a@example.com"), ("password", "a long password")];
    for path in ["/v1/auth/register", "/v1/auth/login"] {
        form(app.post(path), &fields).send().await.refused(415, "unsupported_media_type");
    }
    let json = app.post("/fan/sign-in").json(&json!({ "email": "a@example.com", "password": "a long password" }));
    json.send().await.refused(415, "unsupported_media_type");
    let long = form(app.post("/fan/sign-in"), &[("email", &"x".repeat(10_000))]).send().await;
    long.refused(413, "payload_too_large");
    for path in [format!("/fan/{sale}/join"), "/fan/sign-in".to_owned()] {
        app.get(&path).send().await.refused(405, "method_not_allowed");
        app.call(Method::DELETE, &path).send().await.refused(405, "method_not_allowed");
    }
}
