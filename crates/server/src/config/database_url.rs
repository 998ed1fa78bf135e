//! Where the data lives. It may hold a password, which is never shown.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::Secret;

const SQLITE: &str = "sqlite://";
const POSTGRES: [&str; 2] = ["postgres://", "postgresql://"];

#[derive(Clone)]
pub enum DatabaseUrl {
    Sqlite(PathBuf),
    /// The whole URL. What is in it the engine reads.
    Postgres(Secret),
}

impl DatabaseUrl {
    /// As the store takes it; never for logs or answers.
    pub fn reveal(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("{SQLITE}{}", path.display()),
            Self::Postgres(url) => url.reveal().to_owned(),
        }
    }

    /// Files and sockets that one connection keeps open: of SQLite the database and its log.
    pub fn files_per_connection(&self) -> u64 {
        match self {
            Self::Sqlite(_) => 2,
            Self::Postgres(_) => 1,
        }
    }
}

impl FromStr for DatabaseUrl {
    type Err = String;

    /// The text is not repeated in the error: it may hold a password.
    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix(SQLITE).filter(|path| !path.is_empty()) {
            return Ok(Self::Sqlite(PathBuf::from(path)));
        }
        if POSTGRES.iter().any(|scheme| text.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty())) {
            return Ok(Self::Postgres(Secret::new(text)));
        }
        Err("is neither sqlite://PATH, such as sqlite://data/traffic.db, nor postgres://USER:PASSWORD@HOST:PORT/NAME"
            .to_owned())
    }
}

/// The user's name, the host and the database. Parameters may hold a password too, and so may what an unescaped sign in a
/// password has cut off: then only the kind is shown.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Postgres(url) = self else { return f.write_str(&self.reveal()) };
        let (scheme, rest) = url.reveal().split_once("://").unwrap_or_default();
        let (authority, more) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if more.contains('@') {
            return write!(f, "{scheme}://(hidden)");
        }
        let name = more.split(['?', '#']).next().unwrap_or_default();
        match authority.rsplit_once('@') {
            Some((who, host)) => write!(f, "{scheme}://{}@{host}{name}", who.split(':').next().unwrap_or_default()),
            None => write!(f, "{scheme}://{authority}{name}"),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        format!("{:?}", text.parse::<DatabaseUrl>().unwrap())
    }

    #[test]
    fn a_password_is_never_shown() {
        assert_eq!(shown("postgres://fan:hunter2@db:5432/traffic?sslmode=require"), "postgres://fan@db:5432/traffic");
        assert_eq!(shown("postgres://fan:hunt@er2@db/traffic"), "postgres://fan@db/traffic");
        for unescaped in ["postgres://fan:hun/t@er2@db/traffic", "postgres://fan:a?b#c@db/traffic"] {
            assert_eq!(shown(unescaped), "postgres://(hidden)");
        }
        assert_eq!(shown("postgresql:///traffic?host=/run/db&password=hunter2"), "postgresql:///traffic");
    }

    #[test]
    fn the_store_gets_the_whole_url() {
        for url in ["postgres://fan:hunter2@db:5432/traffic?sslmode=require", "sqlite://data/traffic.db"] {
            assert_eq!(url.parse::<DatabaseUrl>().unwrap().reveal(), url);
        }
        assert_eq!(shown("sqlite://data/traffic.db"), "sqlite://data/traffic.db");
    }

    #[test]
    fn what_is_no_url_is_refused_without_being_repeated() {
        for wrong in ["", "sqlite://", "postgres://", "mysql://fan:hunter2@db/x", "hunter2"] {
            let refusal = wrong.parse::<DatabaseUrl>().unwrap_err();
            assert!(!refusal.contains("hunter2"), "{refusal}");
        }
    }
}
