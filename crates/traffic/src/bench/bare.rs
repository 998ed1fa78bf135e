//! The yardstick: axum with one route and a constant answer, in a process of its own. Nothing is checked, counted or kept.

use std::process::ExitCode;

use axum::Router;
use axum::http::header;
use axum::routing::any;
use bytes::Bytes;

use crate::cli::BenchBareArgs;
use crate::signals;

/// Where it answers.
pub(super) const PATH: &str = "/bare";
/// The frame of the JSON around the filling.
const FRAME: [&str; 2] = ["{\"filling\":\"", "\"}"];

/// Serves until it is told to stop. On `axum::serve`, which the product does without: what its own accept loop costs
/// is part of the product's cost.
pub(crate) fn run(args: &BenchBareArgs) -> anyhow::Result<ExitCode> {
    let body = Bytes::from(body(args.bytes));
    // The same headers as the product's answers, so that both write as much.
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    let answer = async move || (headers, body);
    let router = Router::new().route(PATH, any(answer));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut shutdown = signals::shutdown()?;
        let listener = tokio::net::TcpListener::bind(args.addr).await?;
        let asked = async move { drop(shutdown.wait_for(|asked| *asked).await) };
        axum::serve(listener, router).with_graceful_shutdown(asked).await?;
        Ok(ExitCode::SUCCESS)
    })
}

/// JSON of so many bytes; at least the frame's.
fn body(bytes: usize) -> String {
    let filling = bytes.saturating_sub(FRAME.concat().len());
    FRAME.join(&"x".repeat(filling))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_constant_answer_is_json_of_the_size_asked() {
        for bytes in [14, 120, 700] {
            let body = body(bytes);
            assert_eq!(body.len(), bytes);
            assert!(serde_json::from_str::<serde_json::Value>(&body).is_ok(), "{body}");
        }
        assert_eq!(body(0), "{\"filling\":\"\"}");
    }
}
