//! The real program, killed with SIGKILL in the middle of joins: every place it acknowledged is there afterwards.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

const FANS: usize = 300;
/// Joins acknowledged before the kill: the rest is under way or never sent.
const KILLED_AFTER: usize = 120;
const JOINERS: usize = 8;

struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    fn start(data: &Path) -> Self {
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_traffic"))
            .args(["serve", "--dev", "--http-addr", &address.to_string(), "--database-url"])
            .arg(format!("sqlite://{}", data.join("traffic.db").display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { process, address };
        // A deadline against a hang, not a measure: 60 s.
        for _ in 0..1_200 {
            if matches!(server.send("GET", "/health/ready", &[], None), Some((200, _))) {
                return server;
            }
            thread::sleep(Duration::from_millis(50));
        }
        panic!("the server does not become ready");
    }

    /// One request on a connection of its own; `None` when no whole answer came.
    fn send(&self, method: &str, path: &str, headers: &[String], body: Option<&Value>) -> Option<(u16, Value)> {
        let mut stream = TcpStream::connect(self.address).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n");
        if !body.is_empty() {
            request += &format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len());
        }
        headers.iter().for_each(|header| request += &format!("{header}\r\n"));
        stream.write_all(format!("{request}\r\n{body}").as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some((status, serde_json::from_str(body).unwrap_or_default()))
    }

    fn operator(&self, path: &str, body: &Value) -> Value {
        let key = "x-admin-key: dev-admin-key".to_owned();
        let (status, answer) = self.send("POST", path, &[key], Some(body)).expect("an answer");
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
        answer
    }

    fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

fn bearer(token: &str) -> Vec<String> {
    vec![format!("authorization: Bearer {token}")]
}

/// An open sale whose drip stands still, so that nobody is called during the test.
fn still_sale(server: &Server) -> String {
    let event = json!({ "name": "Kill", "venue": "Hall", "starts_at": "2099-01-01T00:00:00Z" });
    let event = server.operator("/v1/admin/events", &event)["event_id"].clone();
    let sale = json!({
        "event_id": event, "opens_at": "2020-01-01T00:00:00Z", "ends_at": "2099-01-01T00:00:00Z",
        "admit_per_minute": 0, "total_seats": 100,
    });
    server.operator("/v1/admin/sales", &sale)["sale_id"].as_str().unwrap().to_owned()
}

fn tokens(server: &Server) -> Vec<String> {
    let accounts = server.operator("/v1/admin/accounts/bulk", &json!({ "count": FANS, "prefix": "kill" }));
    let accounts = accounts["accounts"].as_array().unwrap();
    accounts.iter().map(|account| account["token"].as_str().unwrap().to_owned()).collect()
}

/// Everybody joins from several connections at once until the server is killed; returns what was acknowledged.
fn join_until_killed(server: Server, sale: &str, tokens: &[String]) -> BTreeMap<usize, i64> {
    let acknowledged = Mutex::new(BTreeMap::new());
    let next = AtomicUsize::new(0);
    let path = format!("/v1/sales/{sale}/waiting-room/join");
    let join = || {
        loop {
            let fan = next.fetch_add(1, Ordering::Relaxed);
            let Some(token) = tokens.get(fan) else { break };
            let Some((201, answer)) = server.send("POST", &path, &bearer(token), None) else { break };
            acknowledged.lock().unwrap().insert(fan, answer["position"].as_i64().unwrap());
        }
    };
    thread::scope(|scope| {
        (0..JOINERS).for_each(|_| drop(scope.spawn(join)));
        while acknowledged.lock().unwrap().len() < KILLED_AFTER && next.load(Ordering::Relaxed) < FANS {
            thread::yield_now();
        }
        let pid = server.process.id().to_string();
        assert!(Command::new("kill").args(["-9", &pid]).status().unwrap().success());
    });
    server.kill();
    acknowledged.into_inner().unwrap()
}

#[test]
fn an_acknowledged_place_survives_kill_9() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    let (sale, tokens) = (still_sale(&server), tokens(&server));
    let acknowledged = join_until_killed(server, &sale, &tokens);
    assert!((KILLED_AFTER..FANS).contains(&acknowledged.len()), "{} joins before the kill", acknowledged.len());

    let server = Server::start(data.path());
    for (fan, position) in &acknowledged {
        let path = format!("/v1/sales/{sale}/waiting-room/status");
        let (status, answer) = server.send("GET", &path, &bearer(&tokens[*fan]), None).expect("an answer");
        assert_eq!((status, answer["position"].as_i64()), (200, Some(*position)), "fan {fan}");
    }
    let path = format!("/v1/admin/sales/{sale}/queue-entries");
    let key = vec!["x-admin-key: dev-admin-key".to_owned()];
    let (_, page) = server.send("GET", &path, &key, None).expect("an answer");
    let positions: Vec<i64> =
        page["entries"].as_array().unwrap().iter().map(|entry| entry["position"].as_i64().unwrap()).collect();
    assert_eq!(positions, (1..=positions.len() as i64).collect::<Vec<_>>(), "gap-free");

    let path = format!("/v1/sales/{sale}/waiting-room/join");
    let (status, answer) = server.send("POST", &path, &bearer(&tokens[FANS - 1]), None).expect("an answer");
    let last = positions.len() as i64;
    assert_eq!((status, answer["position"].as_i64()), (201, Some(last + 1)), "the line goes on where it was");
    server.kill();
}
