//! The pages: what `npm run build` made of `web/`, in the binary. A debug build reads it from the disk at each request.

use std::io::Write;

use axum::extract::{Path, State};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use rust_embed::{Embed, EmbeddedFile};

use crate::app::Shared;
use crate::problem::Problem;

#[derive(Embed)]
#[folder = "../../web/dist"]
struct Built;

/// A page's scripts, styles and pictures are files of this host, and it asks this host alone. QR codes are `data:`.
pub(crate) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
    form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
/// For a page that has its one style inside, and no script.
const PLAIN_POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'";
/// The name of a file in `assets/` changes with its content.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// Kept, and asked for anew each time.
const ASK_ANEW: HeaderValue = HeaderValue::from_static("no-cache");

/// Every path of a page, and the page that is there. What the rest of the path means, the page reads for itself.
const PAGES: &[(&str, &str)] = &[
    ("/fan", "fan"),
    ("/fan/{sale}/seats", "fan"),
    ("/fan/orders/{id}", "fan"),
    ("/fan/tickets", "fan"),
    ("/fan/tickets/{id}", "fan"),
    ("/lab", "lab"),
    ("/lab/runs", "lab"),
    ("/lab/runs/{id}", "lab"),
    ("/lab/compare", "lab"),
    ("/organiser", "organiser"),
    ("/organiser/new", "organiser"),
    ("/organiser/sales/{id}", "organiser"),
    ("/organiser/sales/{id}/line", "organiser"),
    ("/organiser/sales/{id}/orders", "organiser"),
    ("/organiser/sales/{id}/exceptions", "organiser"),
    ("/organiser/sales/{id}/audit", "organiser"),
    ("/organiser/sales/{id}/report", "organiser"),
];

/// Every path here, with names in braces where something goes.
pub(crate) fn templates() -> impl Iterator<Item = &'static str> {
    ["/", "/assets/{file}"].into_iter().chain(PAGES.iter().map(|(path, _)| *path))
}

pub(crate) fn routes() -> axum::Router<Shared> {
    let mut router = axum::Router::new().route("/", get(first)).route("/assets/{file}", get(asset));
    for (path, name) in PAGES {
        router = router.route(path, get(async move |headers: HeaderMap| page(name, &headers)));
    }
    router
}

/// Rehearsals where the lab is on, else the sales.
async fn first(State(app): State<Shared>, headers: HeaderMap) -> Response {
    page(if app.config.lab { "lab" } else { "fan" }, &headers)
}

pub(crate) fn page(name: &str, asked: &HeaderMap) -> Response {
    match file(&format!("{name}/index.html"), asked) {
        Some(response) => {
            ([(header::CONTENT_SECURITY_POLICY, POLICY), (header::CACHE_CONTROL, "no-cache")], response).into_response()
        }
        None => unbuilt(),
    }
}

/// In the place of every page of a binary that was built without them.
pub(crate) fn unbuilt() -> Response {
    (plain_page_headers(), Html(include_str!("ui/unbuilt.html"))).into_response()
}

/// A text that was built, to be filled in.
pub(crate) fn built(path: &str) -> Option<String> {
    String::from_utf8(Built::get(path)?.data.into_owned()).ok()
}

/// The policy of the waiting page: its own script and style, by their digests, and nothing else.
pub(crate) fn waiting_policy() -> Option<String> {
    let digests: serde_json::Value = serde_json::from_str(&built("waiting/policy.json")?).ok()?;
    let (script, style) = (digests["script"].as_str()?, digests["style"].as_str()?);
    Some(format!(
        "default-src 'none'; script-src {script}; style-src {style}; img-src data:; connect-src 'self'; \
         form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ))
}

/// A page that was filled in for one reader: kept by nobody, small on the way where that is understood.
pub(crate) fn written(page: String, policy: &str, asked: &HeaderMap) -> Response {
    let accepted = asked.get(header::ACCEPT_ENCODING).and_then(|list| list.to_str().ok()).unwrap_or_default();
    let packed = accepts(accepted, "gzip").then(|| gzip(page.as_bytes()).ok()).flatten();
    let is_packed = packed.is_some();
    let mut response = packed.unwrap_or_else(|| page.into_bytes()).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding, accept-language, cookie"));
    if is_packed {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    if let Ok(policy) = HeaderValue::from_str(policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

fn gzip(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut packer = GzEncoder::new(Vec::with_capacity(bytes.len() / 2), Compression::default());
    packer.write_all(bytes)?;
    packer.finish()
}

async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Result<Response, Problem> {
    // One name: a part of a path would lead elsewhere.
    let plain = !name.contains(['/', '\\']) && !name.starts_with('.');
    let found = plain.then(|| file(&format!("assets/{name}"), &headers)).flatten();
    let mut response = found.ok_or_else(Problem::no_such_page)?;
    response.headers_mut().insert(header::CACHE_CONTROL, FOR_EVER);
    Ok(response)
}

/// Headers of a page that is one answer: its style inside, no script.
pub(crate) fn plain_page_headers() -> [(HeaderName, &'static str); 1] {
    [(header::CONTENT_SECURITY_POLICY, PLAIN_POLICY)]
}

/// A file as it is kept, in the smallest form that was asked for; 304 where the browser has it.
fn file(path: &str, asked: &HeaderMap) -> Option<Response> {
    let kind = content_type(path)?;
    let (file, coding) = encoded(path, asked).or_else(|| Some((Built::get(path)?, None)))?;
    let tag = etag(&file);
    let known = asked.get(header::IF_NONE_MATCH).is_some_and(|tags| names(tags, &tag));
    let mut response = if known { StatusCode::NOT_MODIFIED.into_response() } else { file.data.into_response() };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(header::CACHE_CONTROL, ASK_ANEW);
    headers.insert(header::ETAG, HeaderValue::from_str(&tag).ok()?);
    if let Some(coding) = coding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    Some(response)
}

fn encoded(path: &str, asked: &HeaderMap) -> Option<(EmbeddedFile, Option<&'static str>)> {
    let accepted = asked.get(header::ACCEPT_ENCODING)?.to_str().ok()?;
    [("br", "br"), ("gzip", "gz")]
        .into_iter()
        .filter(|(coding, _)| accepts(accepted, coding))
        .find_map(|(coding, ending)| Some((Built::get(&format!("{path}.{ending}"))?, Some(coding))))
}

/// Whether a list such as `gzip;q=0.5, br` names this coding, and not with `q=0`.
fn accepts(list: &str, coding: &str) -> bool {
    list.split(',').any(|item| {
        let words = item.split(';').map(str::trim);
        let weight = || words.clone().find_map(|word| word.strip_prefix("q=")?.parse::<f32>().ok()).unwrap_or(1.0);
        words.clone().next().is_some_and(|name| name.eq_ignore_ascii_case(coding)) && weight() > 0.0
    })
}

fn names(tags: &HeaderValue, tag: &str) -> bool {
    tags.to_str().is_ok_and(|tags| tags.split(',').any(|one| one.trim().trim_start_matches("W/") == tag))
}

fn etag(file: &EmbeddedFile) -> String {
    let hash: String = file.metadata.sha256_hash()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hash}\"")
}

/// None for what is no file of a page: a compressed form is not asked for by its own name.
fn content_type(path: &str) -> Option<&'static str> {
    Some(match path.rsplit_once('.')?.1 {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "json" => "application/json",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coding_is_taken_only_where_it_is_wanted() {
        for (list, br, gzip) in [
            ("gzip, deflate, br, zstd", true, true),
            ("gzip;q=0.5, br;q=0", false, true),
            ("GZIP", false, true),
            ("brotli, xgzip", false, false),
            ("identity;q=1, *;q=0", false, false),
            ("br ; q=0.1", true, false),
            ("", false, false),
        ] {
            assert_eq!((accepts(list, "br"), accepts(list, "gzip")), (br, gzip), "{list}");
        }
    }

    #[test]
    fn a_tag_is_found_among_others() {
        let names = |tags: &'static str| names(&HeaderValue::from_static(tags), "\"a\"");
        assert!(names("\"a\"") && names("\"b\", W/\"a\""));
        assert!(!names("\"ab\"") && !names("a") && !names(""));
    }

    #[test]
    fn what_lies_beside_the_pages_is_not_served() {
        for path in ["assets/main.js.br", "assets/main.js.gz", ".gitignore", "assets/x", "assets/x.map"] {
            assert_eq!(content_type(path), None, "{path}");
        }
    }
}
