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

fn traffic(arguments: &[&str], env: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let ended = Command::new(env!("CARGO_BIN_EXE_traffic")).args(arguments).envs(env.iter().copied()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (ended.status.code(), text(ended.stdout), text(ended.stderr))
}

#[test]
fn every_wrong_setting_is_named_at_once_with_its_source() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("traffic.toml");
    std::fs::write(&file, "# mine\nhttp_adr = \":1\"\nsession_ttl_days = 0\n").unwrap();
    let path = file.to_str().unwrap();
    let flags = ["serve", "--dev", "--config", path, "--lab", "maybe"];
    let (code, _, said) = traffic(&flags, &[("DB_MAX_CONNS", "many")]);
    let expected = [
        format!("error: `http_adr` is no setting: is http_addr meant? (config file {path}, line 2)"),
        "error: lab is `maybe`, not on, off or auto (flag --lab)".to_owned(),
        format!("error: session_ttl_days is `0`, not a whole number from 1 to 365 (config file {path}, line 3)"),
        "error: db_max_conns is `many`, not a whole number from 1 to 1000 (environment variable DB_MAX_CONNS)"
            .to_owned(),
    ];
    assert_eq!(said.lines().collect::<Vec<_>>(), expected);
    assert_eq!(code, Some(2));
    let (code, _, said) = traffic(&["serve", "--dev", "--config", "/nowhere/t.toml"], &[]);
    assert!(code == Some(2) && said.starts_with("error: --config /nowhere/t.toml: "), "{said}");
}

#[test]
fn doctor_shows_every_setting_with_its_source_and_no_secret() {
    let data = tempfile::tempdir().unwrap();
    let database = format!("sqlite://{}", data.path().join("traffic.db").display());
    let flags = ["doctor", "--dev", "--http-addr", "127.0.0.1:0", "--database-url", &database, "--settings"];
    let env = [("ADMIN_API_KEY", "hunter2-hunter2"), ("HOLD_TTL_MINUTES", "9"), ("TRAFFIC_HTTP_ADDR", "hunter2")];
    let (code, told, _) = traffic(&flags, &env);
    assert_eq!(code, Some(0), "{told}");
    let line =
        |start: &str| told.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("no {start}: {told}"));
    assert!(
        line("hold_ttl_minutes ")
            .ends_with("= 9                                (environment variable HOLD_TTL_MINUTES)"),
        "{told}"
    );
    assert!(line("admin_api_key ").contains("= (hidden) ") && line("jwt_secret ").contains("= (not set) "), "{told}");
    assert!(line("session_ttl_days ").ends_with("(default)") && line("env ").ends_with("(flag --dev)"), "{told}");
    assert!(line("warn  settings").contains("TRAFFIC_HTTP_ADDR is not read: is HTTP_ADDR meant?"), "{told}");

    let (_, as_json, _) = traffic(&[&flags[..], &["--json"]].concat(), &env);
    let json: serde_json::Value = serde_json::from_str(&as_json).unwrap();
    let settings = json["settings"].as_array().unwrap();
    let hold = settings.iter().find(|one| one["key"] == "hold_ttl_minutes").unwrap();
    assert_eq!((&hold["value"], &hold["source"]), (&"9".into(), &"environment variable HOLD_TTL_MINUTES".into()));
    assert!(!told.contains("hunter2") && !as_json.contains("hunter2"), "{told}");

    let (_, without, _) = traffic(&flags[..flags.len() - 1], &env);
    assert!(!without.contains("hold_ttl_minutes"), "{without}");
}
