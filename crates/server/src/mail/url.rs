//! `MAIL_URL`, parsed before the start: a mail server or a folder.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, Tokio1Executor};
use url::Url;

use super::folder::Folder;
use super::smtp::Smtp;
use super::{SEND_MAX, Sender};

const FORMS: &str = "smtp://USER:PASSWORD@HOST[:PORT] (STARTTLS), smtps://.. (TLS at once), smtp-plain://HOST[:PORT] (for a relay \
                     beside this machine) or file://FOLDER";

/// Never printed with its password.
#[derive(Clone)]
pub enum MailUrl {
    /// For development: nothing leaves the machine.
    Folder(PathBuf),
    Server(Server),
}

#[derive(Clone)]
pub struct Server {
    host: String,
    port: u16,
    tls: Tls,
    credentials: Option<Credentials>,
}

impl MailUrl {
    /// The error names the form that is asked for, never the text, which may hold a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(folder) = text.strip_prefix("file://") {
            return if folder.is_empty() { Err("names no folder".to_owned()) } else { Ok(Self::Folder(folder.into())) };
        }
        let url = Url::parse(text).map_err(|_| wrong_form())?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(wrong_form)?.to_owned();
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err("has something behind the host, which it does not take".to_owned());
        }
        let credentials = credentials(&url)?;
        let checked = || TlsParameters::new(host.clone()).map_err(|_| format!("names a host without a name: {host}"));
        let (port, tls) = match url.scheme() {
            "smtp" => (587, Tls::Required(checked()?)),
            "smtps" => (465, Tls::Wrapper(checked()?)),
            "smtp-plain" if credentials.is_some() => {
                return Err("would send a password without TLS: use smtp:// or smtps://".to_owned());
            }
            "smtp-plain" => (25, Tls::None),
            _ => return Err(wrong_form()),
        };
        Ok(Self::Server(Server { port: url.port().unwrap_or(port), host, tls, credentials }))
    }

    /// Where mails of a rehearsal go when nothing else is said: beside the data.
    pub fn beside(data: &Path) -> Self {
        Self::Folder(data.with_file_name("mail"))
    }

    pub(super) fn sender(&self) -> Arc<dyn Sender> {
        match self {
            Self::Folder(path) => Arc::new(Folder::new(path)),
            Self::Server(Server { host, port, tls, credentials }) => {
                let mut server = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
                    .port(*port)
                    .tls(tls.clone())
                    .hello_name(ClientId::default())
                    .timeout(Some(SEND_MAX));
                if let Some(credentials) = credentials {
                    server = server.credentials(credentials.clone());
                }
                Arc::new(Smtp(server.build()))
            }
        }
    }
}

fn wrong_form() -> String {
    format!("is not of the form {FORMS}; special characters of a password are percent-encoded")
}

fn credentials(url: &Url) -> Result<Option<Credentials>, String> {
    let decoded = |text: &str| {
        let text = percent_encoding::percent_decode_str(text).decode_utf8();
        text.map(|text| text.into_owned()).map_err(|_| wrong_form())
    };
    match (url.username(), url.password()) {
        ("", None) => Ok(None),
        ("", Some(_)) | (_, None) => Err("has only one of user and password".to_owned()),
        (user, Some(password)) => Ok(Some(Credentials::new(decoded(user)?, decoded(password)?))),
    }
}

/// The host only.
impl fmt::Display for MailUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => write!(f, "file://{}", path.display()),
            Self::Server(server) => write!(f, "{}:{}", server.host, server.port),
        }
    }
}

impl fmt::Debug for MailUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MailUrl({self})")
    }
}

#[cfg(test)]
impl Server {
    pub(super) fn is_for(&self, credentials: &Credentials) -> bool {
        self.credentials.as_ref() == Some(credentials)
    }
}
