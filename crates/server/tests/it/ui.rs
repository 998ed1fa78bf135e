//! The pages as files: their kinds, their tags, their compressed forms. Without built pages every address of a page says how
//! to build them; each test here holds in both cases, and says which it saw.

use http::{Method, StatusCode};

use crate::app::{Answer, TestApp};

const PAGES: [&str; 10] = [
    "/",
    "/fan",
    "/fan/orders/0192",
    "/fan/tickets",
    "/fan/tickets/0192",
    "/lab",
    "/lab/runs/0192",
    "/lab/compare?a=1&b=2",
    "/organiser",
    "/organiser/sales/0192",
];

pub(crate) fn is_built(page: &Answer) -> bool {
    let html = String::from_utf8_lossy(&page.body);
    let built = !html.contains("content=\"pages-not-built\"");
    assert!(built || html.contains("make web"), "a page without pages says how to have them: {page:?}");
    println!("{}", if built { "with the pages that were built" } else { "without pages: they were not built" });
    built
}

/// Addresses of the files that a page asks for.
fn assets(page: &Answer) -> Vec<String> {
    let html = String::from_utf8_lossy(&page.body).into_owned();
    html.split('"').filter(|part| part.starts_with("/assets/")).map(str::to_owned).collect()
}

#[tokio::test]
async fn every_page_is_html_that_asks_this_host_alone() {
    let app = TestApp::start().await;
    for path in PAGES {
        let page = app.get(path).send().await;
        page.expect(StatusCode::OK);
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8", "{path}");
        assert!(!String::from_utf8_lossy(&page.body).contains("//"), "{path} names another host: {page:?}");
        if is_built(&page) {
            let files = assets(&page);
            assert!(files.iter().any(|file| file.ends_with(".js")), "{path}: {files:?}");
            for file in files {
                app.get(&file).send().await.expect(StatusCode::OK);
            }
        }
    }
}

#[tokio::test]
async fn the_first_page_is_the_labs_where_the_lab_is_on_and_else_the_fans() {
    let lab = TestApp::start().await;
    let fan = TestApp::with(&[("TRAFFIC_LAB", "off")]).await;
    for (app, path) in [(&lab, "/lab"), (&fan, "/fan")] {
        assert_eq!(app.get("/").send().await.body, app.get(path).send().await.body, "{path}");
    }
    if is_built(&lab.get("/").send().await) {
        assert_ne!(lab.get("/").send().await.body, fan.get("/").send().await.body);
    }
}

#[tokio::test]
async fn a_file_is_kept_for_ever_and_a_page_asked_for_anew() {
    let app = TestApp::start().await;
    let page = app.get("/lab").send().await;
    if !is_built(&page) {
        app.get("/assets/lab.js").send().await.refused(404, "not_found");
        return;
    }
    for (path, keeps) in [("/lab", "no-cache"), (&assets(&page)[0], "public, max-age=31536000, immutable")] {
        let whole = app.get(path).send().await;
        let tag = whole.header("etag").to_owned();
        assert!(tag.starts_with('"') && tag.len() > 20, "{tag}");
        for tags in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}")] {
            let known = app.get(path).header("if-none-match", tags).send().await;
            assert_eq!((known.status, known.body.len()), (StatusCode::NOT_MODIFIED, 0), "{path}");
            assert_eq!((known.header("etag"), known.header("cache-control")), (tag.as_str(), keeps));
        }
        let other = app.get(path).header("if-none-match", "\"other\"").send().await;
        assert_eq!((other.status, other.header("cache-control")), (StatusCode::OK, keeps));
        let head = app.call(Method::HEAD, path).send().await;
        assert_eq!((head.status, head.body.len(), head.header("etag")), (StatusCode::OK, 0, tag.as_str()));
    }
}

#[tokio::test]
async fn a_file_comes_in_the_smallest_form_that_was_asked_for() {
    let app = TestApp::start().await;
    let page = app.get("/lab").send().await;
    if !is_built(&page) {
        return;
    }
    let script = assets(&page).into_iter().find(|file| file.ends_with(".js")).unwrap();
    let large = largest(&app, &page).await;
    let plain = app.get(&large).send().await;
    assert_eq!(plain.header("content-encoding"), "");
    let mut tags = vec![plain.header("etag").to_owned()];
    for (asked, coding) in [("gzip", "gzip"), ("gzip, deflate, br, zstd", "br"), ("br;q=0, gzip", "gzip")] {
        let packed = app.get(&large).header("accept-encoding", asked).send().await;
        assert_eq!((packed.header("content-encoding"), packed.header("vary")), (coding, "accept-encoding"), "{asked}");
        assert_eq!(packed.header("content-type"), plain.header("content-type"));
        assert!(packed.body.len() < plain.body.len() / 2, "{} of {}", packed.body.len(), plain.body.len());
        tags.push(packed.header("etag").to_owned());
    }
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), 3, "each form has a tag of its own: {tags:?}");
    let odd = app.get(&script).header("accept-encoding", "snappy").send().await;
    assert_eq!(odd.header("content-encoding"), "", "what nobody here knows is not used");
}

async fn largest(app: &TestApp, page: &Answer) -> String {
    let mut best = (0, String::new());
    for file in assets(page) {
        let size = app.get(&file).send().await.body.len();
        best = best.max((size, file));
    }
    best.1
}

#[tokio::test]
async fn nothing_but_files_of_pages_lies_in_assets() {
    let app = TestApp::start().await;
    let page = app.get("/lab").send().await;
    let mut odd = vec![
        "/assets/none.js".to_owned(),
        "/assets/..%2flab%2findex.html".to_owned(),
        "/assets/%2e%2e%2flab%2findex.html".to_owned(),
        "/assets/..%5clab%5cindex.html".to_owned(),
        "/assets/..%2fwaiting%2fpolicy.json".to_owned(),
        "/assets/..%2f..%2fpackage.json".to_owned(),
        "/assets/.gitignore".to_owned(),
        "/assets/".to_owned(),
    ];
    if is_built(&page) {
        odd.extend(
            assets(&page).iter().flat_map(|file| [format!("{file}.br"), format!("{file}.gz"), format!("{file}.map")]),
        );
    }
    for path in odd {
        app.get(&path).send().await.refused(404, "not_found");
    }
}
