//! One HTTP request to a running server: what `seed` needs, and how `sim` sees whether one is there.

use anyhow::{Context as _, bail};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use std::time::Duration;
use tokio::net::TcpStream;

/// Longer than any answer takes; a server that hangs must not hang us.
const PATIENCE: Duration = Duration::from_secs(60);

/// A minute: the data of a large sale is read in some seconds.
const READY_LOOKS: u32 = 600;
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The status and body of an answer.
pub(crate) async fn send(request: Request<Full<Bytes>>) -> anyhow::Result<(StatusCode, Bytes)> {
    let authority = request.uri().authority().context("the address names no host")?.to_string();
    tokio::time::timeout(PATIENCE, exchange(&authority, request)).await.context("no answer in time")?
}

async fn exchange(authority: &str, mut request: Request<Full<Bytes>>) -> anyhow::Result<(StatusCode, Bytes)> {
    let stream = connect(authority).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let driving = tokio::spawn(connection);
    request.headers_mut().insert(hyper::header::HOST, authority.parse()?);
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
    *request.uri_mut() = path.parse()?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    driving.abort();
    Ok((status, body))
}

/// `localhost` is 127.0.0.1 here, as in the lab.
async fn connect(authority: &str) -> anyhow::Result<TcpStream> {
    let (host, port) = authority.rsplit_once(':').unwrap_or((authority, "80"));
    let host = if host == "localhost" { "127.0.0.1" } else { host };
    TcpStream::connect(format!("{host}:{port}")).await.with_context(|| format!("nobody answers at {authority}"))
}

/// Whether somebody listens there.
pub(crate) async fn listens(base_url: &str) -> anyhow::Result<bool> {
    let uri: Uri =
        base_url.parse().with_context(|| format!("`{base_url}` is no address such as http://localhost:8080"))?;
    if uri.scheme_str() != Some("http") {
        bail!("`{base_url}`: only http:// addresses are understood");
    }
    let authority = uri.authority().context("the address names no host")?;
    Ok(connect(authority.as_str()).await.is_ok())
}

/// Whether the server there has loaded its data.
pub(crate) async fn is_ready(base_url: &str) -> bool {
    readiness(base_url).await == Some(StatusCode::OK)
}

async fn readiness(base_url: &str) -> Option<StatusCode> {
    let request = Request::get(format!("{base_url}/health/ready")).body(Full::default()).ok()?;
    send(request).await.ok().map(|(status, _)| status)
}

/// Waits for a server that is reading its data.
pub(crate) async fn wait_ready(base_url: &str) -> anyhow::Result<()> {
    for _ in 0..READY_LOOKS {
        if readiness(base_url).await != Some(StatusCode::SERVICE_UNAVAILABLE) {
            return Ok(());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    bail!("the server at {base_url} is not ready")
}

/// Sends JSON with the admin key and returns the JSON of a 2xx; anything else is an error with the server's words.
pub(crate) async fn post(url: &str, admin_key: &str, body: &serde_json::Value) -> anyhow::Result<serde_json::Value> {
    let request = Request::post(url)
        .header("content-type", "application/json")
        .header("x-admin-key", admin_key)
        .body(Full::new(Bytes::from(body.to_string())))?;
    let (status, body) = send(request).await?;
    let answer: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    if !status.is_success() {
        let detail = answer["detail"].as_str().unwrap_or("no reason given");
        bail!("{url} answers {status}: {detail}");
    }
    Ok(answer)
}
