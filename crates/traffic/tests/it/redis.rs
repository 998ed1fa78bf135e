//! The real program with a Redis that speaks TLS only: it trusts whom it is told to trust, and starts without it too.

use std::path::Path;
use std::process::Command;

use crate::process::{Line, Server, wait_for};

fn openssl(folder: &Path, words: &str) {
    let done = Command::new("openssl").args(words.split(' ')).current_dir(folder).output().expect("openssl");
    assert!(done.status.success(), "openssl {words}: {}", String::from_utf8_lossy(&done.stderr));
}

/// `ca.pem`, and `server.pem` for `localhost` signed by it.
fn certificates(folder: &Path) {
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2";
    openssl(folder, &format!("req -x509 {key} -keyout ca.key -out ca.pem -subj /CN=test-authority"));
    let signed =
        "-CA ca.pem -CAkey ca.key -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE";
    openssl(folder, &format!("req -x509 {key} {signed} -keyout server.key -out server.pem -subj /CN=localhost"));
}

fn metrics(server: &Server) -> String {
    let answer = Line::new(server.address).send("GET", "/metrics", &[], None).expect("an answer");
    String::from_utf8(answer.body).unwrap()
}

#[test]
fn redis_over_tls_is_used_where_its_certificate_is_trusted_and_missed_by_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    certificates(folder.path());
    let file = |name: &str| folder.path().join(name).display().to_string();
    let port = testbed::free_port();
    let (tls_port, cert, key, ca) = (port.to_string(), file("server.pem"), file("server.key"), file("ca.pem"));
    let _redis = testbed::Redis::start_with(&[
        "--tls-port",
        &tls_port,
        "--tls-cert-file",
        &cert,
        "--tls-key-file",
        &key,
        "--tls-ca-cert-file",
        &ca,
        "--tls-auth-clients",
        "no",
    ]);
    let url = format!("REDIS_URL=rediss://localhost:{port}");
    let data = |name: &str| {
        let data = folder.path().join(name);
        std::fs::create_dir(&data).unwrap();
        data
    };
    let trusting = Server::spawn_under(&["env", &url, &format!("SSL_CERT_FILE={ca}")], &data("trusting"));
    assert!(trusting.ready().is_some(), "{}", trusting.log());
    wait_for("Redis", || metrics(&trusting).contains("traffic_redis_up 1\n"));
    let doubting = Server::spawn_under(&["env", &url, &format!("SSL_CERT_FILE={cert}.none")], &data("doubting"));
    assert!(doubting.ready().is_some(), "{}", doubting.log());
    wait_for("a word about it", || doubting.log().contains("limits are this node's own until Redis is there"));
    assert!(metrics(&doubting).contains("traffic_redis_up 0\n"));
    for server in [trusting, doubting] {
        assert!(server.stop().success(), "{}", server.log());
    }
}
