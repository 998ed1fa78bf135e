//! Signing in by a code from one's mail: once, in time, within five tries, and nobody learns who has an account.

use std::fs;
use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::app::{Answer, TestApp};

const ANN: &str = "ann@example.com";

/// A server whose mail goes into a folder of the test.
pub(crate) struct Office {
    pub(crate) app: TestApp,
    folder: TempDir,
}

impl Office {
    pub(crate) async fn open() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let url: &'static str = format!("file://{}", folder.path().display()).leak();
        Self { app: TestApp::with(&[("MAIL_URL", url)]).await, folder }
    }

    async fn register(&self, email: &str) -> String {
        let made = self.app.post("/v1/auth/register").json(&json!({ "email": email })).send().await;
        made.expect(StatusCode::CREATED)["user_id"].as_str().expect("an id").to_owned()
    }

    /// Always of one node: each counts for itself.
    async fn ask(&self, email: &str) -> Answer {
        self.app.on(0).post("/v1/auth/code").json(&json!({ "email": email })).send().await
    }

    /// Asks for a code: its id.
    async fn code_id(&self, email: &str) -> Value {
        self.ask(email).await.expect(StatusCode::ACCEPTED)["code_id"].clone()
    }

    async fn sign_in(&self, id: &Value, code: &str) -> Answer {
        self.app.post("/v1/auth/code/verify").json(&json!({ "code_id": id, "code": code })).send().await
    }

    fn mails(&self) -> Vec<String> {
        let files = fs::read_dir(self.folder.path()).expect("the folder").flatten();
        files.map(|file| fs::read_to_string(file.path()).expect("a mail")).collect()
    }

    /// The codes of so many mails, which go out behind the answers.
    pub(crate) async fn codes(&self, count: usize) -> Vec<String> {
        for _ in 0..3_000 {
            let mails = self.mails();
            let codes: Vec<String> = mails.iter().filter_map(|mail| code(mail)).collect();
            if codes.len() >= count {
                return codes;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{count} mails did not come: {:?}", self.mails());
    }
}

/// The line that is digits.
fn code(mail: &str) -> Option<String> {
    let digits = |line: &&str| line.trim().len() == 9 && line.trim().chars().all(|c| c.is_ascii_digit() || c == ' ');
    mail.lines().find(digits).map(|line| line.trim().to_owned())
}

fn other_than(code: &str) -> String {
    let other = |c: char| c.to_digit(10).and_then(|digit| char::from_digit((digit + 1) % 10, 10)).unwrap_or(c);
    code.chars().map(other).collect()
}

#[tokio::test]
async fn an_account_without_a_password_signs_in_with_a_code_from_its_mail_once() {
    let office = Office::open().await;
    let ann = office.register(ANN).await;
    let id = office.code_id(" Ann@Example.com").await;
    let code = office.codes(1).await.remove(0);
    let session = office.sign_in(&id, &code).await;
    assert!(session.header("set-cookie").contains("HttpOnly"));
    let session = session.expect(StatusCode::OK).clone();
    assert_eq!(session["user_id"], ann.as_str());
    let bearer = format!("Bearer {}", session["token"].as_str().expect("a token"));
    let me = office.app.get("/v1/me").header("authorization", bearer).send().await;
    assert_eq!(me.expect(StatusCode::OK)["email"], ANN);
    office.sign_in(&id, &code).await.refused(401, "login_failed");
}

#[tokio::test]
async fn five_wrong_tries_end_a_code_and_no_other() {
    let office = Office::open().await;
    office.register(ANN).await;
    let guessed = office.code_id(ANN).await;
    let code = office.codes(1).await.remove(0);
    let kept = office.code_id(ANN).await;
    let mails = office.codes(2).await;
    for _ in 0..5 {
        office.sign_in(&guessed, &other_than(&code)).await.refused(401, "login_failed");
    }
    office.sign_in(&guessed, &code).await.refused(401, "login_failed");
    let mut last = office.sign_in(&kept, &mails[0]).await;
    if last.status == StatusCode::UNAUTHORIZED {
        last = office.sign_in(&kept, &mails[1]).await;
    }
    last.expect(StatusCode::OK);
}

#[tokio::test]
async fn a_code_ends_after_ten_minutes_and_with_its_own_id_only() {
    let office = Office::open().await;
    office.register(ANN).await;
    let id = office.code_id(ANN).await;
    let code = office.codes(1).await.remove(0);
    office.sign_in(&json!("01990000-0000-7000-8000-00000000ffff"), &code).await.refused(401, "login_failed");
    office.sign_in(&json!("no id"), &code).await.refused(401, "login_failed");
    office.app.advance(600_000);
    office.app.heard().await;
    office.sign_in(&id, &code).await.refused(401, "login_failed");
}

#[tokio::test]
async fn the_answer_does_not_tell_who_has_an_account() {
    let office = Office::open().await;
    office.register(ANN).await;
    let known = office.ask(ANN).await;
    let unknown = office.ask("bob@example.com").await;
    let names = |answer: &Answer| answer.json.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!((known.status, names(&known)), (unknown.status, names(&unknown)));
    office.codes(1).await;
    assert_eq!(office.mails().len(), 1, "nobody else gets mail");
    // Three at once, and then one a minute: for both alike.
    for email in [ANN, "bob@example.com"] {
        office.ask(email).await.expect(StatusCode::ACCEPTED);
        office.ask(email).await.expect(StatusCode::ACCEPTED);
        office.ask(email).await.refused(429, "rate_limited");
    }
    office.ask("carol@example.com").await.expect(StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_login_with_a_password_stays_closed_to_who_has_none() {
    let office = Office::open().await;
    office.register(ANN).await;
    let login = json!({ "email": ANN, "password": "whatever-it-is" });
    office.app.post("/v1/auth/login").json(&login).send().await.refused(401, "login_failed");
    office.code_id(ANN).await;
    let code = office.codes(1).await.remove(0);
    let login = json!({ "email": ANN, "password": code });
    office.app.post("/v1/auth/login").json(&login).send().await.refused(401, "login_failed");
}
