//! The real program as a child of the test, and requests to it over plain sockets.
//!
//! Whatever happens, a server ends with its value. Ports come from below the range of outgoing connections.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use std::{fmt, fs, thread};

use serde_json::{Value, json};

/// A deadline against a hang, not a measure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(2);
const ADMIN_KEY: &str = "dev-admin-key";

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) executed: Instant,
    process: Mutex<Child>,
    log: PathBuf,
}

impl Server {
    pub(crate) fn spawn(data: &Path) -> Self {
        Self::spawn_under(&[], data)
    }

    /// `wrapper`: the words of a command that runs the command which follows it.
    pub(crate) fn spawn_under(wrapper: &[&str], data: &Path) -> Self {
        let database = format!("sqlite://{}", data.join("traffic.db").display());
        Self::spawn_with(wrapper, &data.with_extension("log"), &["--database-url", &database])
    }

    /// With these flags, and a file for what it has to say.
    pub(crate) fn spawn_with(wrapper: &[&str], log: &Path, flags: &[&str]) -> Self {
        Self::spawn_at(free_address(), wrapper, log, flags)
    }

    /// At an address that it may have had in an earlier life.
    pub(crate) fn spawn_at(address: SocketAddr, wrapper: &[&str], log: &Path, flags: &[&str]) -> Self {
        // A second process beside each server would only disturb.
        Self::spawn_in(&[("LOADTEST_RUNNER", "off")], address, wrapper, log, flags)
    }

    /// In this environment.
    pub(crate) fn spawn_in(
        env: &[(&str, &str)],
        address: SocketAddr,
        wrapper: &[&str],
        log: &Path,
        flags: &[&str],
    ) -> Self {
        let log = log.to_owned();
        let words: Vec<&str> = wrapper.iter().copied().chain([env!("CARGO_BIN_EXE_traffic")]).collect();
        let executed = now();
        let process = Command::new(words[0])
            .args(&words[1..])
            .args(["serve", "--dev", "--http-addr", &address.to_string()])
            .args(flags)
            .env_remove("ADMIN_API_KEY")
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", words[0]));
        Self { address, executed, process: Mutex::new(process), log }
    }

    /// How long after its start it was ready; `None` when it ended before.
    pub(crate) fn ready(&self) -> Option<Duration> {
        while self.executed.elapsed() < PATIENCE {
            if self.exited().is_some() {
                return None;
            }
            let answer = Line::new(self.address).send("GET", "/health/ready", &[], None);
            if answer.is_some_and(|answer| answer.status == 200) {
                return Some(self.executed.elapsed());
            }
            thread::sleep(LOOK_EVERY);
        }
        panic!("neither ready nor gone:\n{}", self.log());
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.lock().unwrap().id()
    }

    pub(crate) fn exited(&self) -> Option<ExitStatus> {
        self.process.lock().unwrap().try_wait().unwrap()
    }

    /// Waits for a server that ends by itself.
    pub(crate) fn ended(&self) -> ExitStatus {
        let asked = now();
        while asked.elapsed() < PATIENCE {
            if let Some(status) = self.exited() {
                return status;
            }
            thread::sleep(LOOK_EVERY);
        }
        panic!("it should have ended by itself:\n{}", self.log());
    }

    /// SIGKILL.
    pub(crate) fn kill(&self) -> ExitStatus {
        let mut process = self.process.lock().unwrap();
        process.kill().unwrap();
        process.wait().unwrap()
    }

    /// Stops its clock: it holds what it holds, and does nothing.
    pub(crate) fn freeze(&self) {
        signal("-STOP", self.pid());
    }

    pub(crate) fn thaw(&self) {
        signal("-CONT", self.pid());
    }

    /// SIGTERM, and the end that follows.
    pub(crate) fn stop(&self) -> ExitStatus {
        signal("-TERM", self.pid());
        self.ended()
    }

    /// The same for a server under a tracer, which would let it run on and end alone.
    pub(crate) fn stop_traced(&self) -> ExitStatus {
        self.children().for_each(|child| signal("-TERM", child));
        self.ended()
    }

    pub(crate) fn children(&self) -> impl Iterator<Item = u32> + use<> {
        // Each thread has its own.
        let threads = fs::read_dir(format!("/proc/{}/task", self.pid())).into_iter().flatten().flatten();
        let of = |thread: fs::DirEntry| fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        let children: String = threads.map(of).collect();
        children.split_whitespace().filter_map(|child| child.parse().ok()).collect::<Vec<_>>().into_iter()
    }

    /// What it has written to standard error.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    pub(crate) fn operator(&self, method: &str, path: &str, body: Option<&Value>) -> Option<Answer> {
        Line::new(self.address).send(method, path, &[("x-admin-key", ADMIN_KEY)], body)
    }

    /// A request of the operator that must succeed.
    pub(crate) fn operate(&self, path: &str, body: &Value) -> Value {
        let answer = self.operator("POST", path, Some(body)).unwrap_or_else(|| panic!("{path}: {}", self.log()));
        assert!((200..300).contains(&answer.status), "{path}: {answer:?}");
        answer.json()
    }

    /// An open sale that calls everybody soon, whose windows outlast every test.
    pub(crate) fn open_sale(&self, seats: u32) -> String {
        self.open_slow_sale(seats, 60_000)
    }

    /// The same with so many calls a minute.
    pub(crate) fn open_slow_sale(&self, seats: u32, admit_per_minute: u32) -> String {
        let event = json!({ "name": "Crash", "venue": "Hall", "starts_at": "2099-01-01T00:00:00Z" });
        let event = self.operate("/v1/admin/events", &event)["event_id"].clone();
        let sale = json!({
            "event_id": event, "opens_at": "2020-01-01T00:00:00Z", "ends_at": "2099-01-01T00:00:00Z",
            "admit_per_minute": admit_per_minute, "total_seats": seats,
            "claim_window_sec": 3_600, "shopping_window_sec": 3_600, "hold_ttl_sec": 3_600,
        });
        self.operate("/v1/admin/sales", &sale)["sale_id"].as_str().unwrap().to_owned()
    }

    /// Ids and sessions of new accounts.
    pub(crate) fn accounts(&self, count: usize, prefix: &str) -> Vec<(String, String)> {
        let made = self.operate("/v1/admin/accounts/bulk", &json!({ "count": count, "prefix": prefix }));
        let text = |account: &Value, field: &str| account[field].as_str().unwrap().to_owned();
        let accounts = made["accounts"].as_array().unwrap();
        accounts.iter().map(|account| (text(account, "user_id"), text(account, "token"))).collect()
    }

    /// Everything of a sale, as lines of JSON.
    pub(crate) fn export(&self, sale: &str) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(lab::fetch_export(&format!("http://{}", self.address), ADMIN_KEY, sale)).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.exited().is_none() {
            // A tracer that is killed lets its child run on: the child goes first.
            self.children().for_each(|child| signal("-KILL", child));
            self.kill();
        }
    }
}

pub(crate) fn signal(name: &str, pid: u32) {
    let sent = Command::new("kill").args([name, &pid.to_string()]).stderr(Stdio::null()).status();
    sent.expect("every Unix has kill");
}

/// Free now, and no outgoing connection draws it.
pub(crate) fn free_address() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, testbed::free_port()))
}

#[expect(clippy::disallowed_methods, reason = "a real process has no hand clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

pub(crate) fn wait_for(what: &str, mut come: impl FnMut() -> bool) {
    let asked = now();
    while !come() {
        assert!(asked.elapsed() < PATIENCE, "waited too long for {what}");
        thread::sleep(Duration::from_micros(100));
    }
}

#[expect(clippy::disallowed_methods, reason = "how long to test is told from outside")]
pub(crate) fn number_from_env(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok().filter(|text| !text.is_empty())?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}: `{text}` is not a whole number")))
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The code of a refusal.
    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, String::from_utf8_lossy(&self.body))
    }
}

/// A client with a connection that it keeps; after an error it makes a new one.
pub(crate) struct Line {
    address: SocketAddr,
    deadline: Duration,
    open: Option<BufReader<TcpStream>>,
}

impl Line {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self::with_deadline(address, PATIENCE)
    }

    /// Hangs up when nothing comes for so long.
    pub(crate) fn with_deadline(address: SocketAddr, deadline: Duration) -> Self {
        Self { address, deadline, open: None }
    }

    /// `None` when no whole answer came: nobody knows what happened.
    pub(crate) fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Option<Answer> {
        let mut stream = match self.open.take() {
            Some(stream) => stream,
            None => self.connect()?,
        };
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n");
        if !body.is_empty() {
            request += &format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len());
        }
        headers.iter().for_each(|(name, value)| request += &format!("{name}: {value}\r\n"));
        stream.get_mut().write_all(format!("{request}\r\n{body}").as_bytes()).ok()?;
        let answer = answer(&mut stream)?;
        self.open = Some(stream);
        Some(answer)
    }

    /// Whether there is somebody to send to.
    pub(crate) fn reach(&mut self) -> bool {
        if self.open.is_none() {
            self.open = self.connect();
        }
        self.open.is_some()
    }

    fn connect(&self) -> Option<BufReader<TcpStream>> {
        let stream = TcpStream::connect(self.address).ok()?;
        stream.set_nodelay(true).ok()?;
        stream.set_read_timeout(Some(self.deadline)).ok()?;
        Some(BufReader::new(stream))
    }
}

fn answer(stream: &mut BufReader<TcpStream>) -> Option<Answer> {
    let mut line = String::new();
    stream.read_line(&mut line).ok()?;
    let status = line.split(' ').nth(1)?.parse().ok()?;
    let (mut length, mut chunked) = (0, false);
    loop {
        line.clear();
        stream.read_line(&mut line).ok().filter(|bytes| *bytes > 0)?;
        let Some((name, value)) = line.split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        }
        chunked |= name.eq_ignore_ascii_case("transfer-encoding") && value.trim() == "chunked";
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    while chunked {
        line.clear();
        stream.read_line(&mut line).ok()?;
        let mut chunk = vec![0; usize::from_str_radix(line.trim(), 16).ok()?];
        stream.read_exact(&mut chunk).ok()?;
        stream.read_line(&mut line).ok()?;
        chunked = !chunk.is_empty();
        body.append(&mut chunk);
    }
    Some(Answer { status, body })
}
