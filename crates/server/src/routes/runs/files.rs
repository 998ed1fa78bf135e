//! Reports and histories of runs, for download.

use std::io;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::RunId;
use futures_util::{StreamExt, stream};
use http::header;
use store::runs::files::{FilesOf, Kind, PartOf};
use store::runs::look::OneRun;

use super::run_id;
use crate::app::{App, Shared};
use crate::extract::{Demo, Named};
use crate::problem::Problem;

/// A report is data that a run wrote, not a page of ours: it runs nothing, sends nothing, and has no origin.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; \
                           base-uri 'none'; form-action 'none'; sandbox";

/// The report as one page that needs nothing else.
#[utoipa::path(get, path = "/v1/demo/loadtest/{run_id}/report.html", tag = "lab", responses(
    (status = 200, content_type = "text/html"), (status = 404, description = "run_not_found or not_kept")))]
pub async fn page(State(app): State<Shared>, _: Demo, Named(id): Named<String>) -> Result<Response, Problem> {
    send(&app, &id, Kind::Page).await
}

/// The report as the lab wrote it (`traffic.loadrun/1`).
#[utoipa::path(get, path = "/v1/demo/loadtest/{run_id}/report.json", tag = "lab", responses(
    (status = 200, content_type = "application/json"), (status = 404, description = "run_not_found or not_kept")))]
pub async fn report(State(app): State<Shared>, _: Demo, Named(id): Named<String>) -> Result<Response, Problem> {
    send(&app, &id, Kind::Report).await
}

/// Every operation of every fan, as compressed lines of JSON.
#[utoipa::path(get, path = "/v1/demo/loadtest/{run_id}/history.ndjson.gz", tag = "lab", responses(
    (status = 200, content_type = "application/gzip"), (status = 404, description = "run_not_found or not_kept")))]
pub async fn history(State(app): State<Shared>, _: Demo, Named(id): Named<String>) -> Result<Response, Problem> {
    send(&app, &id, Kind::History).await
}

/// Everything of the sale when the run ended, as compressed lines of JSON.
#[utoipa::path(get, path = "/v1/demo/loadtest/{run_id}/export.ndjson.gz", tag = "lab", responses(
    (status = 200, content_type = "application/gzip"), (status = 404, description = "run_not_found or not_kept")))]
pub async fn export(State(app): State<Shared>, _: Demo, Named(id): Named<String>) -> Result<Response, Problem> {
    send(&app, &id, Kind::Export).await
}

async fn send(app: &Shared, id: &str, kind: Kind) -> Result<Response, Problem> {
    let run = run_id(id)?;
    app.store.read(OneRun(run)).await?.ok_or_else(Problem::run_not_found)?;
    let files = app.store.read(FilesOf(run)).await?;
    let file = files.into_iter().find(|file| file.kind == kind).ok_or_else(|| Problem::not_kept(kind.name()))?;
    let reader = Reader { app: app.clone(), run, kind, part: 0, parts: file.parts };
    let body = Body::from_stream(stream::unfold(Some(reader), Reader::next).fuse());
    let length = [(header::CONTENT_LENGTH, file.size.to_string())];
    let kept = match kind {
        Kind::Page => [
            (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
            (header::CONTENT_SECURITY_POLICY, PAGE_POLICY.to_owned()),
        ],
        Kind::Report => [(header::CONTENT_TYPE, "application/json".to_owned()), saved_as(run, kind, "inline")],
        Kind::History | Kind::Export => {
            [(header::CONTENT_TYPE, "application/gzip".to_owned()), saved_as(run, kind, "attachment")]
        }
    };
    Ok((length, kept, body).into_response())
}

fn saved_as(run: RunId, kind: Kind, how: &str) -> (header::HeaderName, String) {
    (header::CONTENT_DISPOSITION, format!("{how}; filename=\"{run}.{}\"", kind.name()))
}

/// Reads a part when the one before is sent: a large file never lies in memory.
struct Reader {
    app: Shared,
    run: RunId,
    kind: Kind,
    part: i64,
    parts: i64,
}

impl Reader {
    async fn next(reader: Option<Self>) -> Option<(io::Result<Bytes>, Option<Self>)> {
        let mut reader = reader.filter(|reader| reader.part < reader.parts)?;
        match reader.read().await {
            Ok(bytes) => {
                reader.part += 1;
                Some((Ok(bytes), Some(reader)))
            }
            // The answer has begun: it is cut, and its length tells so.
            Err(why) => Some((Err(io::Error::other(why)), None)),
        }
    }

    async fn read(&self) -> Result<Bytes, String> {
        let Self { run, kind, part, .. } = *self;
        let app: &App = &self.app;
        let bytes = app.store.read(PartOf { run, kind, part }).await.map_err(|error| error.to_string())?;
        bytes.map(Bytes::from).ok_or_else(|| "taken away to make room".to_owned())
    }
}
