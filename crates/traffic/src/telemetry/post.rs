//! One request to a collector: OTLP over HTTP, with or without TLS.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use server::config::Secret;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// For a whole exchange, as OpenTelemetry has it by default.
const PATIENCE: Duration = Duration::from_secs(10);
/// Of an answer nothing is used but its status.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Why a batch did not arrive.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unsent {
    /// It may be taken later.
    Later(String),
    Never(String),
}

impl fmt::Display for Unsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Later(why) | Self::Never(why)) = self;
        f.write_str(why)
    }
}

/// Where traces go.
pub(super) struct Post {
    url: Uri,
    host: String,
    port: u16,
    headers: HeaderMap,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl fmt::Display for Post {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.url)
    }
}

impl Post {
    pub(super) fn new(url: &Uri, given: &[(HeaderName, Secret)]) -> anyhow::Result<Self> {
        let authority = url.authority().context("the collector's address names no host")?;
        // An IPv6 address is in brackets there, and nowhere else.
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let is_tls = url.scheme_str() == Some("https");
        let tls = if is_tls { Some((connector()?, ServerName::try_from(host.clone())?)) } else { None };
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("traffic/", env!("CARGO_PKG_VERSION"))));
        headers.insert(HOST, HeaderValue::try_from(authority.as_str())?);
        for (name, value) in given {
            let mut value = HeaderValue::try_from(value.reveal())?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let port = authority.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        Ok(Self { url: url.clone(), host, port, headers, tls })
    }

    pub(super) async fn send(&self, body: Bytes) -> Result<(), Unsent> {
        let exchange = async { self.exchange(body).await.map_err(|error| format!("{error:#}")) };
        let late = |_| Err("no answer in time".to_owned());
        match tokio::time::timeout(PATIENCE, exchange).await.unwrap_or_else(late) {
            Ok(status) if status.is_success() => Ok(()),
            // The four that OTLP calls worth another try.
            Ok(status) if [429, 502, 503, 504].contains(&status.as_u16()) => Err(Unsent::Later(answered(status))),
            Ok(status) => Err(Unsent::Never(answered(status))),
            Err(why) => Err(Unsent::Later(why)),
        }
    }

    async fn exchange(&self, body: Bytes) -> anyhow::Result<StatusCode> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await.context("nobody answers there")?;
        stream.set_nodelay(true)?;
        match &self.tls {
            None => self.over(stream, body).await,
            Some((tls, name)) => {
                let stream = tls.connect(name.clone(), stream).await.context("no TLS with it")?;
                self.over(stream, body).await
            }
        }
    }

    async fn over(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        body: Bytes,
    ) -> anyhow::Result<StatusCode> {
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let driving = tokio::spawn(connection);
        let path = self.url.path_and_query().map_or("/", |path| path.as_str());
        let mut request = Request::post(path).body(Full::new(body))?;
        *request.headers_mut() = self.headers.clone();
        let answer = sender.send_request(request).await;
        let status = match answer {
            Ok(answer) => {
                let status = answer.status();
                // An answer without an end is an answer all the same.
                drop(Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await);
                Ok(status)
            }
            Err(error) => Err(error),
        };
        driving.abort();
        Ok(status?)
    }
}

fn answered(status: StatusCode) -> String {
    format!("it answers {status}")
}

/// Trusts whom the system trusts.
fn connector() -> anyhow::Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    let (_, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        bail!(
            "this system trusts no certificate, so that the collector cannot be asked over TLS: install ca-certificates"
        );
    }
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
