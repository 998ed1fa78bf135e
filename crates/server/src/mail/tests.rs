//! Mail to a server of the test's own and into a folder; what the setting takes.

use std::sync::atomic::Ordering::Relaxed;

use lettre::transport::smtp::authentication::Credentials;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::*;

const NEW_YEAR: Timestamp = Timestamp(1_262_304_000_000);

fn mail() -> Mail {
    Mail { to: "ann@example.com".to_owned(), subject: "Your code", text: "1234 5678 é\n.\nthe end\n".to_owned() }
}

fn post(url: &str) -> Post {
    Post::new(Some(&MailUrl::parse(url).unwrap()), MailFrom::parse("Hall <hall@example.com>").unwrap())
}

async fn sent(post: &Post) {
    post.send(mail(), post.stamp().unwrap(), NEW_YEAR).await;
}

fn counted(post: &Post) -> (u64, u64) {
    (post.figures.sent.load(Relaxed), post.figures.failed.load(Relaxed))
}

/// A mail server of a few lines: says `to_data` after the text, and returns what it was told.
async fn server(to_data: &'static str) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp-plain://{}", listener.local_addr().unwrap());
    let heard = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        conversation(stream, to_data).await
    });
    (url, heard)
}

async fn conversation(stream: TcpStream, to_data: &str) -> Vec<String> {
    let (from, mut to) = stream.into_split();
    let mut lines = BufReader::new(from).lines();
    let mut heard = Vec::new();
    let mut in_data = false;
    to.write_all(b"220 here\r\n").await.unwrap();
    while let Some(line) = lines.next_line().await.unwrap() {
        let answer = match line.as_str() {
            "." if in_data => {
                in_data = false;
                Some(to_data)
            }
            _ if in_data => None,
            "DATA" => {
                in_data = true;
                Some("354 go on")
            }
            _ => Some("250 fine"),
        };
        heard.push(line);
        if let Some(answer) = answer {
            to.write_all(format!("{answer}\r\n").as_bytes()).await.unwrap();
            if answer == to_data {
                break;
            }
        }
    }
    heard
}

#[tokio::test]
async fn a_mail_server_is_told_whom_from_and_what() {
    let (url, heard) = server("250 taken").await;
    let post = post(&url);
    sent(&post).await;
    assert_eq!(counted(&post), (1, 0));
    let heard = heard.await.unwrap();
    for line in [
        "MAIL FROM:<hall@example.com>",
        "RCPT TO:<ann@example.com>",
        "From: Hall <hall@example.com>",
        "To: ann@example.com",
        "Subject: Your code",
        "Date: Fri, 01 Jan 2010 00:00:00 +0000",
    ] {
        assert!(heard.iter().any(|heard| heard.starts_with(line)), "{line}: {heard:#?}");
    }
    assert!(heard.iter().any(|line| line == ".."), "a dot alone would have ended the mail: {heard:#?}");
}

#[tokio::test]
async fn what_the_server_does_not_take_is_counted_and_leaves_room_again() {
    let (url, heard) = server("554 no spam here").await;
    let post = post(&url);
    sent(&post).await;
    assert_eq!(counted(&post), (0, 1));
    assert!(heard.await.unwrap().iter().any(|line| line == "DATA"));
    assert_eq!(post.room.available_permits(), WAITING_MAX);
}

#[tokio::test]
async fn mails_that_wait_are_bounded_and_without_a_server_there_is_no_stamp() {
    let post = post("smtp-plain://127.0.0.1:1");
    let stamps: Vec<Stamp> = (0..WAITING_MAX).map(|_| post.stamp().unwrap()).collect();
    assert_eq!(post.stamp().err(), Some(NoRoom::Full));
    drop(stamps);
    assert!(post.stamp().is_ok());
    assert_eq!(Post::new(None, MailFrom::nobody()).stamp().err(), Some(NoRoom::Off));
}

#[tokio::test]
async fn a_folder_gets_one_file_for_each_mail() {
    let folder = tempfile::tempdir().unwrap();
    let post = post(&format!("file://{}/not/yet/there", folder.path().display()));
    sent(&post).await;
    sent(&post).await;
    assert_eq!(counted(&post), (2, 0));
    let files: Vec<_> = std::fs::read_dir(folder.path().join("not/yet/there")).unwrap().flatten().collect();
    assert_eq!(files.len(), 2);
    let text = std::fs::read_to_string(files[0].path()).unwrap();
    assert!(text.contains("To: ann@example.com") && text.contains("1234 5678"), "{text}");
}

#[test]
fn a_url_names_a_server_or_a_folder_and_never_shows_its_password() {
    let shown = |text: &str| MailUrl::parse(text).map(|url| format!("{url} {url:?}")).unwrap();
    assert_eq!(shown("smtp://mail.example.com"), "mail.example.com:587 MailUrl(mail.example.com:587)");
    assert_eq!(shown("smtps://ann:s3cret@mail.example.com"), "mail.example.com:465 MailUrl(mail.example.com:465)");
    assert_eq!(shown("smtp-plain://10.0.0.7:2525/"), "10.0.0.7:2525 MailUrl(10.0.0.7:2525)");
    assert_eq!(shown("file://data/mail"), "file://data/mail MailUrl(file://data/mail)");
    let MailUrl::Server(server) = MailUrl::parse("smtp://ann%40x.org:s%3Acret@mail").unwrap() else {
        panic!("a server")
    };
    assert!(server.is_for(&Credentials::new("ann@x.org".to_owned(), "s:cret".to_owned())));
}

#[test]
fn a_wrong_url_is_refused_without_repeating_it() {
    for (text, why) in [
        ("mail.example.com:s3cret", "is not of the form"),
        ("http://s3cret@mail", "has only one of user and password"),
        ("http://mail", "is not of the form"),
        ("smtp://", "is not of the form"),
        ("file://", "names no folder"),
        ("smtp://s3cret@mail", "has only one of user and password"),
        ("smtp://mail/s3cret", "has something behind the host"),
        ("smtp://mail?tls=s3cret", "has something behind the host"),
        ("smtp-plain://ann:s3cret@mail", "would send a password without TLS"),
    ] {
        let wrong = MailUrl::parse(text).unwrap_err();
        assert!(wrong.contains(why) && !wrong.contains("s3cret"), "{text}: {wrong}");
    }
    assert!(MailFrom::parse("nobody").unwrap_err().contains("is `nobody`, not of the form"));
}
