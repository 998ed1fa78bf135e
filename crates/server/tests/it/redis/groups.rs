//! Redis in groups: a Cluster with the keys on several servers, and a master that sentinels choose.

use std::fs;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::node::{Node, account, eventually, sale, spend};

/// Two masters, each with half of the slots.
struct Cluster {
    servers: [testbed::Redis; 2],
}

impl Cluster {
    async fn start() -> Self {
        let servers = [(0, 8191), (8192, 16383)].map(|(first, last)| {
            let bus_port = testbed::free_port().to_string();
            let server = testbed::Redis::start_with(&["--cluster-enabled", "yes", "--cluster-port", &bus_port]);
            assert_eq!(server.ask(&format!("CLUSTER ADDSLOTSRANGE {first} {last}")).as_deref(), Ok("+OK"));
            (server, bus_port)
        });
        let [(one, _), (other, bus_port)] = servers;
        assert_eq!(one.ask(&format!("CLUSTER MEET 127.0.0.1 {} {bus_port}", other.port())).as_deref(), Ok("+OK"));
        let servers = [one, other];
        for server in &servers {
            // A key in each half: a server that knows of the other one points there.
            let answers = || ["foo", "bar"].map(|key| server.ask(&format!("GET {key}")).unwrap_or_default());
            eventually("the servers to agree", || {
                answers().iter().all(|answer| answer == "$-1" || answer.starts_with("-MOVED"))
            })
            .await;
        }
        Self { servers }
    }

    fn url(&self) -> String {
        let [one, other] = &self.servers;
        format!("redis-cluster://127.0.0.1:{},127.0.0.1:{}", one.port(), other.port())
    }
}

#[tokio::test]
async fn a_cluster_shares_limits_and_carries_hints() {
    let cluster = Cluster::start().await;
    let one = Node::start(&cluster.url()).await;
    // Subscribed at the other server: who is asked first is the first in the list.
    let [first, second] = &cluster.servers;
    let turned = format!("redis-cluster://127.0.0.1:{},127.0.0.1:{}", second.port(), first.port());
    let other = Node::start(&turned).await;
    for number in 0..40 {
        spend(&one.limits, account(number));
    }
    for number in 0..40 {
        assert!(other.learns_that_it_is_spent(account(number)).await <= 4, "account {number}");
    }
    for server in &cluster.servers {
        let keys = server.ask("DBSIZE").unwrap();
        assert!(keys.starts_with(':') && keys != ":0", "each has its share: {keys}");
    }
    one.hints.changed(sale());
    other.hints.heard().await;
    other.hints.changed(sale());
    one.hints.heard().await;
}

/// One sentinel, which decides alone.
struct Sentinel {
    process: Child,
    port: u16,
    _folder: TempDir,
}

impl Sentinel {
    fn start(master: &testbed::Redis) -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), testbed::free_port());
        let settings = format!(
            "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor main 127.0.0.1 {} 1\n\
             sentinel down-after-milliseconds main 300\nsentinel failover-timeout main 2000\n",
            folder.path().display(),
            master.port()
        );
        let file = folder.path().join("sentinel.conf");
        fs::write(&file, settings).unwrap();
        let mut command = Command::new("redis-server");
        command.arg(&file).arg("--sentinel").stdin(Stdio::null()).stdout(Stdio::null());
        Self { process: command.spawn().unwrap(), port, _folder: folder }
    }

    fn knows_a_replica(&self) -> bool {
        let ask = ["-p", &self.port.to_string(), "SENTINEL", "REPLICAS", "main"];
        let answer = Command::new("redis-cli").args(ask).output().unwrap();
        !answer.stdout.trim_ascii().is_empty()
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        let ended = self.process.kill().and_then(|()| self.process.wait());
        assert!(ended.is_ok(), "{ended:?}");
    }
}

/// The master dies, the sentinel makes its replica the master, and the nodes meet there.
#[tokio::test]
async fn nodes_follow_the_master_that_sentinels_name() {
    let master = testbed::Redis::start();
    let replica = testbed::Redis::start_with(&["--replicaof", &format!("127.0.0.1 {}", master.port())]);
    eventually("the replica", || master.ask("WAIT 1 100").as_deref() == Ok(":1")).await;
    let sentinel = Sentinel::start(&master);
    let url = format!("redis-sentinel://127.0.0.1:{}/main", sentinel.port);
    let (one, other) = (Node::start(&url).await, Node::start(&url).await);
    spend(&one.limits, account(1));
    assert!(other.learns_that_it_is_spent(account(1)).await <= 4);
    // A sentinel learns of replicas by asking the master now and then.
    eventually("the sentinel to know the replica", || sentinel.knows_a_replica()).await;
    master.stop_now();
    for node in [&one, &other] {
        eventually("the new master", || node.figures.connections() == 2 && node.figures.is_up()).await;
    }
    spend(&one.limits, account(2));
    assert!(other.learns_that_it_is_spent(account(2)).await <= 4);
    assert_ne!(replica.ask("DBSIZE").as_deref(), Ok(":0"));
}
