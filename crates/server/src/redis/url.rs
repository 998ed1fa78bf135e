//! `REDIS_URL`, parsed before the start: one server, a Sentinel group or a Cluster.

use std::fmt;

use ::redis::{ConnectionInfo, IntoConnectionInfo};

const FORMS: &str = "redis://HOST[:PORT][/DB], rediss://.. (TLS), unix:///PATH, redis-sentinel://HOST:PORT,../NAME[/DB] or \
                     redis-cluster://HOST:PORT,..";
const SENTINEL_PORT: u16 = 26379;

/// Never printed with its password.
#[derive(Clone)]
pub struct RedisUrl(pub(super) Servers);

#[derive(Clone)]
pub(super) enum Servers {
    One(Box<ConnectionInfo>),
    /// Whoever the sentinels say is the master of this name.
    Sentinel {
        sentinels: Vec<ConnectionInfo>,
        name: String,
        /// How to speak to the master; its address is not.
        master: Box<ConnectionInfo>,
    },
    /// Nodes to ask for the others.
    Cluster(Vec<ConnectionInfo>),
}

impl RedisUrl {
    /// The error names the form that is asked for, never the text, which may hold a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once("://").ok_or_else(wrong_form)?;
        if rest.contains('#') {
            return Err("has a fragment: TLS without checking certificates is not supported".to_owned());
        }
        Ok(Self(match scheme {
            "redis" | "rediss" => Servers::One(Box::new(server(scheme, rest)?)),
            "unix" if rest.starts_with('/') => Servers::One(Box::new(server(scheme, rest)?)),
            "redis-sentinel" => sentinel("redis", rest)?,
            "rediss-sentinel" => sentinel("rediss", rest)?,
            "redis-cluster" => Servers::Cluster(cluster("redis", rest)?),
            "rediss-cluster" => Servers::Cluster(cluster("rediss", rest)?),
            _ => return Err(wrong_form()),
        }))
    }
}

fn wrong_form() -> String {
    format!("is not of the form {FORMS}; special characters of a password are percent-encoded")
}

fn server(scheme: &str, rest: &str) -> Result<ConnectionInfo, String> {
    if scheme != "unix" && rest.contains('?') {
        return Err("has parameters, which only unix:///PATH?db=&user=&pass= takes".to_owned());
    }
    let server = format!("{scheme}://{rest}").into_connection_info().map_err(|_| wrong_form())?;
    if server.redis_settings().db() < 0 {
        return Err("names a negative database".to_owned());
    }
    Ok(server)
}

fn sentinel(scheme: &str, rest: &str) -> Result<Servers, String> {
    let (user, rest) = split_user(rest);
    let (hosts, path) = rest.split_once('/').ok_or("names no master after the sentinels: ../NAME")?;
    let (name, db) = path.split_once('/').unwrap_or((path, ""));
    if name.is_empty() {
        return Err("names no master after the sentinels: ../NAME".to_owned());
    }
    let sentinels = hosts.split(',').map(|host| server(scheme, &with_port(host)));
    Ok(Servers::Sentinel {
        sentinels: sentinels.collect::<Result<_, _>>()?,
        name: name.to_owned(),
        master: Box::new(server(scheme, &format!("{user}master/{db}"))?),
    })
}

fn cluster(scheme: &str, rest: &str) -> Result<Vec<ConnectionInfo>, String> {
    let (user, hosts) = split_user(rest);
    if hosts.trim_end_matches('/').contains('/') {
        return Err("names a database, and a Redis Cluster has only one".to_owned());
    }
    hosts.trim_end_matches('/').split(',').map(|host| server(scheme, &format!("{user}{host}"))).collect()
}

/// `user:password@`, where there is one, and what follows.
fn split_user(rest: &str) -> (&str, &str) {
    rest.rfind('@').map_or(("", rest), |at| rest.split_at(at + 1))
}

/// A sentinel's own port where none is named; after the bracket of an IPv6 address.
fn with_port(host: &str) -> String {
    let after_address = host.rfind(']').map_or(host, |end| &host[end..]);
    if after_address.contains(':') { host.to_owned() } else { format!("{host}:{SENTINEL_PORT}") }
}

/// The addresses only.
impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let addresses = |servers: &[ConnectionInfo]| {
            servers.iter().map(|server| server.addr().to_string()).collect::<Vec<_>>().join(",")
        };
        match &self.0 {
            Servers::One(server) => write!(f, "{}", server.addr()),
            Servers::Sentinel { sentinels, name, .. } => write!(f, "{name} of {}", addresses(sentinels)),
            Servers::Cluster(nodes) => write!(f, "cluster {}", addresses(nodes)),
        }
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_server_a_sentinel_group_and_a_cluster_are_understood() {
        let cases = [
            ("redis://cache", "cache:6379"),
            ("redis://user:p%40ss@10.0.0.1:7000/2", "10.0.0.1:7000"),
            ("rediss://:secret@cache.example:6380", "cache.example:6380"),
            ("unix:///run/redis.sock?db=1&pass=secret", "/run/redis.sock"),
            ("redis-sentinel://:secret@s1,s2:26380,[::1]/main/3", "main of s1:26379,s2:26380,::1:26379"),
            ("rediss-cluster://user:secret@c1:7001,c2:7002/", "cluster c1:7001,c2:7002"),
        ];
        for (text, shown) in cases {
            let url = RedisUrl::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"));
            assert_eq!(url.to_string(), shown);
            assert!(!format!("{url:?}").contains("secret"), "{url:?}");
        }
        let Servers::One(server) = RedisUrl::parse("redis://user:p%40ss@h/2").unwrap().0 else { panic!("one server") };
        let settings = server.redis_settings();
        assert_eq!((settings.username(), settings.password(), settings.db()), (Some("user"), Some("p@ss"), 2));
        let Servers::Sentinel { sentinels, master, .. } = RedisUrl::parse("redis-sentinel://:pw@s/main/3").unwrap().0
        else {
            panic!("a sentinel group")
        };
        assert_eq!((master.redis_settings().password(), master.redis_settings().db()), (Some("pw"), 3));
        assert_eq!(sentinels[0].redis_settings().password(), None, "the password is the servers', not the sentinels'");
    }

    #[test]
    fn a_wrong_url_is_refused_without_its_password() {
        let cases = [
            ("cache:6379", "is not of the form redis://"),
            ("http://:secret@cache", "is not of the form redis://"),
            ("redis://:secret@", "is not of the form redis://"),
            ("redis://:secret@cache:port", "is not of the form redis://"),
            ("redis://:secret@cache/one", "is not of the form redis://"),
            ("redis://:sec/ret@cache", "percent-encoded"),
            ("redis://:secret@cache/-1", "names a negative database"),
            ("redis://:secret@cache?x=1", "has parameters"),
            ("rediss://:secret@cache/#insecure", "without checking certificates is not supported"),
            ("unix://run/redis.sock", "is not of the form redis://"),
            ("redis-sentinel://:secret@s1,s2", "names no master"),
            ("redis-sentinel://:secret@s1/", "names no master"),
            ("redis-sentinel://:secret@s1,,s2/main", "is not of the form redis://"),
            ("redis-cluster://:secret@c1/1", "names a database"),
            ("redis-cluster://", "is not of the form redis://"),
        ];
        for (text, expected) in cases {
            let why = RedisUrl::parse(text).map(|url| url.to_string()).expect_err(text);
            assert!(why.contains(expected) && !why.contains("secret") && !why.contains("sec/ret"), "{text}: {why}");
        }
    }
}
