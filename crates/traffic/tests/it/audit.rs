//! `traffic audit verify`: a copy of the log is judged without a server, and what was done to it is named.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use domain::{Clock, EventId, Timestamp};
use store::audit::Act;
use store::audit_chain::{SealAudit, in_hex};
use store::audit_copy::AuditExport;
use store::catalog::{CreateEvent, Event};
use store::lease::Lead;
use store::{NoObserver, Options, Store};
use uuid::Uuid;

use crate::process::{Server, wait_for};

const NOW: Timestamp = Timestamp(1_795_435_200_000);

struct StoppedClock;

impl Clock for StoppedClock {
    fn wall(&self) -> Timestamp {
        NOW
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

/// A log of two seals with two acts each and one act after them, and the digest of the first seal.
async fn log(folder: &Path) -> (Vec<String>, String) {
    let url = format!("sqlite://{}", folder.join("traffic.db").display());
    let (clock, observer) = (Arc::new(StoppedClock), Arc::new(NoObserver));
    let options = Options { url, clock, observer, connections: 1, hand_driven_from: None, may_lose: true };
    let store = Store::open(options).await.unwrap();
    let epoch = store.run(Lead { holder: Uuid::nil(), alone: true }).await.unwrap().unwrap();
    let mut digests = Vec::new();
    for number in 1..=5 {
        let id = Uuid::from_u128(number);
        let event =
            Event { id: EventId(id), name: "Night".to_owned(), venue: "Hall".to_owned(), starts_at: NOW, group: None };
        let (actor, subject, details) = ("operator".to_owned(), id.to_string(), format!("{{\"number\":{number}}}"));
        let act = Act { id, actor, act: "create_event", subject, details };
        store.run(CreateEvent { event, key: None, act }).await.unwrap();
        if number % 2 == 0 {
            digests.push(store.run(SealAudit { epoch }).await.unwrap().unwrap().digest);
        }
    }
    let (sink, mut lines) = tokio::sync::mpsc::channel(64);
    store.read(AuditExport { sink }).await.unwrap();
    let mut all = Vec::new();
    while let Some(line) = lines.recv().await {
        all.push(String::from_utf8(line).unwrap().trim_end().to_owned());
    }
    store.close().await;
    (all, in_hex(&digests[0]).as_str().unwrap().to_owned())
}

fn verify(folder: &Path, lines: &[String], more: &[&str]) -> Output {
    let file = folder.join("audit.ndjson");
    std::fs::write(&file, lines.join("\n")).unwrap();
    let args = ["audit", "verify", "--file", file.to_str().unwrap()];
    Command::new(env!("CARGO_BIN_EXE_traffic")).args(args).args(more).output().unwrap()
}

#[track_caller]
fn says(output: &Output, code: i32, text: &str) {
    let said = [output.stdout.as_slice(), &output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.code() == Some(code) && said.contains(text), "{text} is not in: {output:?}");
}

#[tokio::test]
async fn a_copy_of_the_log_is_verified_and_the_first_broken_seal_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (lines, first) = log(folder.path()).await;
    let verify = |lines: &[String], more: &[&str]| verify(folder.path(), lines, more);
    says(&verify(&lines, &[]), 0, "seals 2   entries 4   not sealed yet 1");
    says(&verify(&lines, &["--contains", &first]), 0, "PASS");
    says(&verify(&lines, &["--contains", &"0".repeat(64)]), 1, "the log was made anew");

    let act =
        |number: u32| lines.iter().position(|line| line.contains(&format!("{{\\\"number\\\":{number}}}"))).unwrap();
    let mut changed = lines.clone();
    changed[act(3)] = changed[act(3)].replace("operator", "nobody");
    says(&verify(&changed, &[]), 1, "BROKEN at seal 2: the entries under it are not those that were sealed");

    let end = lines.len() - 1;
    let counted = |lines: &mut Vec<String>, entries: i64| {
        let end = lines.len() - 1;
        lines[end] = serde_json::json!({ "type": "end", "seals": 2, "entries": entries }).to_string();
    };
    let mut removed = lines.clone();
    removed.remove(act(1));
    says(&verify(&removed, &[]), 1, "the copy is not whole");
    counted(&mut removed, 4);
    says(&verify(&removed, &[]), 1, "BROKEN at seal 1");
    let mut inserted = lines.clone();
    inserted.insert(act(4), lines[act(4)].clone());
    counted(&mut inserted, 6);
    says(&verify(&inserted, &[]), 1, "BROKEN at seal 2");
    says(&verify(&lines[..end], &[]), 1, "the copy is cut off");
    says(&verify(&["no log".to_owned()], &[]), 1, "line 1 is not of an audit log");
}

#[test]
fn the_log_of_a_running_server_is_verified() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::spawn(folder.path());
    assert!(server.ready().is_some(), "{}", server.log());
    server.open_sale(10);
    let url = format!("http://{}", server.address);
    let verify = |key: &str| {
        let args = ["audit", "verify", "--base-url", &url, "--admin-key", key];
        Command::new(env!("CARGO_BIN_EXE_traffic")).args(args).output().unwrap()
    };
    let key = server::config::DEV_ADMIN_KEY;
    wait_for("a seal", || !String::from_utf8_lossy(&verify(key).stdout).starts_with("seals 0"));
    says(&verify(key), 0, "PASS");
    says(&verify("guessed"), 1, "answers 401");
    let args = ["audit", "verify", "--base-url", "https://tickets.example.org", "--admin-key", key];
    says(&Command::new(env!("CARGO_BIN_EXE_traffic")).args(args).output().unwrap(), 1, "give them with --file");
}
