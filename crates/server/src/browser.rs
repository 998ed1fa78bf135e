//! What every answer forbids a browser: to guess its kind, to show it in a frame, to run anything in it, to tell others
//! where it stood, to keep it, and, once it came over TLS, to ask for it without.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::config::Cidr;

/// An answer is data unless a page says otherwise with a policy of its own.
const DATA_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";
/// A year, for this name alone: names below it are somebody else's to promise.
const TLS_ONLY: &str = "max-age=31536000";
/// Who ended TLS says so here; only of a trusted proxy is it believed.
const SCHEME: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// `tls`: the request came over it.
pub(crate) fn protect(headers: &mut HeaderMap, tls: bool) {
    for (name, value) in [(header::X_CONTENT_TYPE_OPTIONS, "nosniff"), (header::X_FRAME_OPTIONS, "DENY")] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(DATA_POLICY));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if tls {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(TLS_ONLY));
    }
}

/// Whether the proxy that we hear this from, `peer`, was asked over TLS. A proxy that passes on what another one said puts
/// its own word last.
pub(crate) fn came_over_tls(peer: Option<IpAddr>, proxies: &[Cidr], headers: &HeaderMap) -> bool {
    peer.is_some_and(|peer| proxies.iter().any(|proxy| proxy.contains(peer)))
        && headers
            .get_all(SCHEME)
            .iter()
            .next_back()
            .and_then(|value| value.to_str().ok()?.rsplit(',').next())
            .is_some_and(|scheme| scheme.trim().eq_ignore_ascii_case("https"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_trusted_proxys_last_word_says_tls() {
        let proxies = ["10.0.0.0/8".parse().unwrap()];
        let tls = |peer: &str, said: &[&str]| {
            let values = said.iter().map(|value| (SCHEME, HeaderValue::from_str(value).unwrap()));
            came_over_tls(peer.parse().ok(), &proxies, &values.collect())
        };
        assert!(tls("10.1.1.1", &["https"]) && tls("::ffff:10.1.1.1", &["HTTPS"]));
        assert!(tls("10.1.1.1", &["http, https"]) && tls("10.1.1.1", &["http", "https"]));
        assert!(!tls("10.1.1.1", &["https, http"]) && !tls("10.1.1.1", &["https", "http"]));
        assert!(!tls("10.1.1.1", &[]) && !tls("10.1.1.1", &[""]) && !tls("10.1.1.1", &["httpsx"]));
        assert!(!tls("192.0.2.1", &["https"]), "anybody can say so");
        assert!(!tls("nobody", &["https"]), "no peer, no word");
    }
}
