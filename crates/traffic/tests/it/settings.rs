//! What the program says about settings that it can only judge by looking outside.

use std::process::Command;

#[test]
fn a_wrong_ticket_key_file_stops_the_start_before_the_data_is_touched() {
    let data = tempfile::tempdir().unwrap();
    let database = data.path().join("traffic.db");
    let wrong = data.path().join("ticket.pem");
    std::fs::write(&wrong, "-----BEGIN PRIVATE KEY-----\nc2VjcmV0IG5vbnNlbnNl\n-----END PRIVATE KEY-----\n").unwrap();
    let ended = Command::new(env!("CARGO_BIN_EXE_traffic"))
        .args(["serve", "--dev", "--http-addr", "127.0.0.1:0", "--ticket-key-file"])
        .arg(&wrong)
        .arg("--database-url")
        .arg(format!("sqlite://{}", database.display()))
        .output()
        .unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(2), "{said}");
    assert!(said.contains(&format!("error: ticket_key_file {}: holds a private key", wrong.display())), "{said}");
    assert!(!said.contains("c2VjcmV0"), "{said}");
    assert!(!database.exists());
}
