//! A node in parts: processes that answer, processes that work, one database.

use std::fs;

use serde_json::{Value, json};

use crate::process::{Line, Server, wait_for};

struct Nodes {
    folder: tempfile::TempDir,
    database: testbed::Database,
}

impl Nodes {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), database: testbed::database() }
    }

    fn spawn(&self, name: &str, roles: &str) -> Server {
        let log = self.folder.path().join(format!("{name}.log"));
        Server::spawn_with(&[], &log, &["--database-url", self.database.url(), "--roles", roles])
    }
}

fn live(server: &Server) -> Value {
    server.operator("GET", "/health/live", None).expect("an answer").json()
}

/// The whole in its parts: joined at one process, called by a worker, seen at another; and the next worker takes over.
#[test]
fn processes_that_answer_and_processes_that_work_share_one_sale() {
    let nodes = Nodes::new();
    let apis = [nodes.spawn("api0", "api"), nodes.spawn("api1", "api")];
    let workers = [nodes.spawn("worker0", "worker"), nodes.spawn("worker1", "worker")];
    for server in apis.iter().chain(&workers) {
        server.ready().unwrap_or_else(|| panic!("it ended:\n{}", server.log()));
    }
    assert_eq!((&live(&apis[0])["roles"], &live(&workers[0])["roles"]), (&json!(["api"]), &json!(["worker"])));
    let page = workers[0].operator("GET", "/v1/sales", None).expect("an answer");
    assert_eq!(page.status, 404, "a worker answers no fans");

    let sales = apis[1].operator("GET", "/v1/sales", None).expect("an answer").json();
    assert_eq!(sales["sales"].as_array().map(Vec::len), Some(1), "one demo sale of all: {sales}");
    let sale = sales["sales"][0]["sale_id"].as_str().unwrap();
    let bulk = json!({ "count": 1, "prefix": "roles" });
    let accounts = apis[0].operator("POST", "/v1/admin/accounts/bulk", Some(&bulk)).expect("an answer").json();
    let bearer = format!("Bearer {}", accounts["accounts"][0]["token"].as_str().unwrap());
    let ask = |server: &Server, method: &str, what: &str| {
        let path = format!("/v1/sales/{sale}/waiting-room/{what}");
        Line::new(server.address).send(method, &path, &[("authorization", &bearer)], None).expect("an answer")
    };
    assert_eq!(ask(&apis[0], "POST", "join").status, 201);
    let seen = ask(&apis[1], "GET", "status");
    assert_eq!((seen.status, &seen.json()["position"]), (200, &json!(1)));
    wait_for("nobody is called", || ask(&apis[1], "GET", "status").json()["state"] == "inside");

    let leads = || workers.each_ref().map(|worker| worker.exited().is_none() && live(worker)["leads"] == true);
    let leader = leads().iter().position(|leads| *leads).expect("one worker leads");
    assert_eq!(leads().iter().filter(|leads| **leads).count(), 1);
    assert!(workers[leader].stop().success(), "{}", workers[leader].log());
    wait_for("nobody takes over", || leads()[1 - leader]);
    let given_back = fs::read_to_string(nodes.folder.path().join(format!("worker{leader}.log"))).unwrap();
    assert!(!given_back.contains("the lease was not given back"), "{given_back}");
    for server in apis.iter().chain([&workers[1 - leader]]) {
        assert!(server.stop().success(), "{}", server.log());
    }
}

#[test]
fn a_part_of_a_node_on_a_file_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite://{}", folder.path().join("traffic.db").display());
    let log = folder.path().join("refused.log");
    let server = Server::spawn_with(&[], &log, &["--database-url", &database, "--roles", "worker"]);
    assert!(!server.ended().success());
    assert!(
        server.log().contains("roles names a part of a node, but an SQLite file belongs to one process"),
        "{}",
        server.log()
    );
    assert!(!folder.path().join("traffic.db").exists(), "the data was not touched");
}
