//! Whatever a body holds, it is read or refused with a status that says whose fault it is.
#![no_main]

use axum::body::Body;
use http::Request;
use libfuzzer_sys::fuzz_target;
use server::body::{FAN_BYTES_MAX, json};
use server::problem::Problem;
use server::routes::auth::{Login, Registration};
use server::routes::holds::Wish;

fn judge<T>(read: Result<server::body::Json<T>, Problem>) {
    if let Err(problem) = read {
        assert!(matches!(problem.status.as_u16(), 400 | 413 | 415 | 422), "{problem:?}");
        assert_eq!(problem.status.as_u16() == 422, problem.field.is_some(), "{problem:?}");
        assert!(!problem.detail.is_empty());
    }
}

fuzz_target!(|data: &[u8]| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let request = || {
        let request = Request::post("/").header("content-type", "application/json");
        request.body(Body::from(data.to_vec())).expect("a request")
    };
    runtime.block_on(async {
        judge(json::<Registration>(request(), FAN_BYTES_MAX).await);
        judge(json::<Login>(request(), FAN_BYTES_MAX).await);
        judge(json::<Wish>(request(), FAN_BYTES_MAX).await);
    });
});
