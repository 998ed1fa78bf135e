//! A key that is taken is 1 to 128 visible characters, and the one that was sent.
#![no_main]

use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;
use server::routes::keyed::find;

fuzz_target!(|sent: (Option<&[u8]>, Option<&str>)| {
    let (in_header, in_body) = sent;
    let mut headers = HeaderMap::new();
    if let Some(value) = in_header.and_then(|bytes| HeaderValue::from_bytes(bytes).ok()) {
        headers.insert("idempotency-key", value);
    }
    let header = headers.get("idempotency-key").map(HeaderValue::as_bytes);
    match find(&headers, in_body) {
        Ok(Some(key)) => {
            assert!((1..=128).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()), "{key:?}");
            assert!([header, in_body.map(str::as_bytes)].into_iter().flatten().all(|one| one == key.as_bytes()));
        }
        Ok(None) => assert!(header.is_none() && in_body.is_none()),
        Err(problem) => assert!(matches!(problem.status.as_u16(), 400 | 422), "{problem:?}"),
    }
});
