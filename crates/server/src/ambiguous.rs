//! Requests that two readers could understand differently are refused before anything is looked at: a proxy in front may
//! go by one of two headers, and we by the other.

use axum::extract::Request;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, ORIGIN, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName};

use crate::problem::Problem;

/// Headers that decide something here, and have one value or none.
static SINGLE: [HeaderName; 11] = [
    HOST,
    AUTHORIZATION,
    CONTENT_TYPE,
    CONTENT_LENGTH,
    TRANSFER_ENCODING,
    ORIGIN,
    HeaderName::from_static("sec-fetch-site"),
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("x-admin-key"),
    HeaderName::from_static("x-demo-key"),
    HeaderName::from_static("x-runner-key"),
];

pub(crate) fn check(request: &Request) -> Result<(), Problem> {
    let headers = request.headers();
    if let Some(name) = repeated(headers) {
        return Err(Problem::ambiguous(name.as_str(), "sent more than once"));
    }
    // The whole address in the request line outranks the header (RFC 9112); who routed by the header went elsewhere.
    let named = request.uri().authority().map(|authority| authority.as_str().as_bytes());
    if named.is_some_and(|named| headers.get(HOST).is_none_or(|host| !host.as_bytes().eq_ignore_ascii_case(named))) {
        return Err(Problem::ambiguous(HOST.as_str(), "not the host that the request line names"));
    }
    Ok(())
}

fn repeated(headers: &HeaderMap) -> Option<&'static HeaderName> {
    // What nearly every request is: nothing comes twice.
    if headers.len() == headers.keys_len() {
        return None;
    }
    SINGLE.iter().find(|name| headers.get_all(*name).iter().nth(1).is_some())
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn refused(uri: &str, headers: &[(&str, &str)]) -> Option<String> {
        let request =
            headers.iter().fold(http::Request::get(uri), |request, (name, value)| request.header(*name, *value));
        let problem = check(&request.body(Body::empty()).unwrap()).err()?;
        assert_eq!((problem.status.as_u16(), problem.code), (400, "ambiguous_request"));
        problem.field
    }

    #[test]
    fn a_header_that_decides_comes_once_and_others_as_often_as_they_like() {
        for name in &SINGLE {
            let name = name.as_str();
            assert_eq!(refused("/", &[(name, "a")]), None, "{name} once");
            assert_eq!(refused("/", &[(name, "a"), ("x", "b"), (name, "a")]), Some(name.to_owned()), "the same twice");
        }
        assert_eq!(
            refused("/", &[("cookie", "a=1"), ("cookie", "b=2"), ("x-forwarded-for", "a"), ("x-forwarded-for", "b")]),
            None
        );
    }

    #[test]
    fn the_request_line_and_the_header_name_the_same_host() {
        assert_eq!(refused("http://Shop.example:80/v1/me", &[("host", "shop.example:80")]), None);
        for host in ["other.example", "shop.example:80", ""] {
            assert_eq!(refused("http://shop.example/v1/me", &[("host", host)]), Some("host".to_owned()), "{host}");
        }
        assert_eq!(refused("http://shop.example/", &[]), Some("host".to_owned()));
    }
}
