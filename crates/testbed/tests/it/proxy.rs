//! The proxy's faults, one by one, before a server that sends back what it hears.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use testbed::{Flow, Postgres, Proxy, Way};

/// How long silence is listened to. A lower bound: waiting longer cannot make a test fail.
const SILENCE: Duration = Duration::from_millis(100);
/// Against a hang.
const PATIENCE: Duration = Duration::from_secs(30);

/// Sends back what it hears, on every connection, for as long as the test's process lives.
fn echo() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, testbed::free_port())).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut from, mut to) = stream.and_then(|from| Ok((from.try_clone()?, from))).unwrap();
            // An end is an end, whichever way the connection was lost.
            thread::spawn(move || std::io::copy(&mut from, &mut to).map(drop).unwrap_or_default());
        }
    });
    port
}

struct Client(TcpStream);

impl Client {
    fn of(proxy: &Proxy) -> Self {
        let stream = TcpStream::connect(proxy.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(stream)
    }

    fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).unwrap();
    }

    fn hears(&mut self, text: &str) {
        let mut heard = vec![0; text.len()];
        self.0.read_exact(&mut heard).unwrap();
        assert_eq!(String::from_utf8(heard).unwrap(), text);
    }

    fn asks(&mut self, text: &str) {
        self.send(text);
        self.hears(text);
    }

    fn hears_nothing(&mut self) {
        self.0.set_read_timeout(Some(SILENCE)).unwrap();
        let error = self.0.read(&mut [0]).expect_err("neither bytes nor an end");
        assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
        self.0.set_read_timeout(Some(PATIENCE)).unwrap();
    }

    fn is_cut(&mut self) {
        match self.0.read(&mut [0]) {
            Ok(length) => assert_eq!(length, 0, "bytes instead of the end"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "real sockets take real time")]
fn now() -> Instant {
    Instant::now()
}

#[test]
fn bytes_pass_both_ways_and_so_does_the_end() {
    let proxy = Proxy::to(echo());
    let mut client = Client::of(&proxy);
    client.asks("hello");
    let long = "0123456789".repeat(100_000);
    let mut sender = Client(client.0.try_clone().unwrap());
    thread::scope(|scope| {
        scope.spawn(|| sender.send(&long));
        client.hears(&long);
    });
    client.0.shutdown(std::net::Shutdown::Write).unwrap();
    client.is_cut();
    let start = now();
    while proxy.connections() > 0 {
        assert!(start.elapsed() < PATIENCE, "a connection that is over is forgotten");
        thread::yield_now();
    }
}

#[test]
fn a_delay_holds_what_comes_and_loses_nothing() {
    let delay = Duration::from_millis(60);
    let proxy = Proxy::to(echo());
    let mut client = Client::of(&proxy);
    client.asks("warm");
    proxy.set(Way::ToServer, Flow::Delay(delay));
    let start = now();
    client.asks("one way");
    assert!(start.elapsed() >= delay);
    proxy.set(Way::ToClient, Flow::Delay(delay));
    let start = now();
    client.asks("both ways");
    assert!(start.elapsed() >= 2 * delay);
}

#[test]
fn what_is_held_arrives_when_it_may() {
    for way in [Way::ToServer, Way::ToClient] {
        let proxy = Proxy::to(echo());
        let mut client = Client::of(&proxy);
        proxy.set(way, Flow::Hold);
        client.send("late");
        client.hears_nothing();
        proxy.set(way, Flow::Pass);
        client.hears("late");
    }
}

#[test]
fn a_connection_that_lost_bytes_never_recovers_and_a_new_one_is_well() {
    for way in [Way::ToServer, Way::ToClient] {
        let proxy = Proxy::to(echo());
        let (mut hit, mut idle) = (Client::of(&proxy), Client::of(&proxy));
        hit.asks("well");
        idle.asks("well");
        proxy.set(way, Flow::Lose);
        hit.send("lost");
        hit.hears_nothing();
        proxy.set(way, Flow::Pass);
        hit.send("behind a gap");
        hit.hears_nothing();
        idle.asks("lost nothing");
        Client::of(&proxy).asks("new");
    }
}

#[test]
fn cutting_ends_every_connection_and_lets_new_ones_in() {
    let proxy = Proxy::to(echo());
    let mut clients = [Client::of(&proxy), Client::of(&proxy)];
    clients.iter_mut().for_each(|client| client.asks("hello"));
    // One of them in the middle of a fault.
    proxy.set(Way::ToClient, Flow::Hold);
    clients[0].send("held");
    clients[0].hears_nothing();
    proxy.cut();
    clients.iter_mut().for_each(Client::is_cut);
    proxy.set(Way::ToClient, Flow::Pass);
    Client::of(&proxy).asks("again");
}

#[test]
fn a_proxy_that_refuses_keeps_whom_it_has_and_takes_nobody_new() {
    let proxy = Proxy::to(echo());
    let mut inside = Client::of(&proxy);
    inside.asks("hello");
    for _ in 0..3 {
        proxy.refuse(true);
        let error = TcpStream::connect(proxy.address()).expect_err("nobody listens");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        inside.asks("still here");
        proxy.refuse(false);
        Client::of(&proxy).asks("back");
    }
}

#[test]
fn a_reply_is_cut_once_and_only_the_one_that_was_meant() {
    let proxy = Proxy::to(echo());
    let (mut meant, mut other) = (Client::of(&proxy), Client::of(&proxy));
    proxy.cut_reply(b"COMMIT", b"");
    meant.asks("select 1;");
    other.asks("select 2;");
    meant.send("COM");
    meant.hears("COM");
    assert_eq!(proxy.replies_cut(), 0);
    meant.send("MIT");
    meant.is_cut();
    assert_eq!(proxy.replies_cut(), 1);
    other.asks("COMMIT");
}

#[test]
fn a_reply_is_known_by_what_it_says() {
    let proxy = Proxy::to(echo());
    let mut client = Client::of(&proxy);
    proxy.cut_reply(b"", b"DONE");
    client.asks("COMMIT, DO");
    client.send("NE");
    client.is_cut();
    // What the first one waited for does not count for the second.
    proxy.cut_reply(b"A", b"B");
    let mut client = Client::of(&proxy);
    client.asks("B");
    client.asks("A");
    client.send("B");
    client.is_cut();
    assert_eq!(proxy.replies_cut(), 2);
}

#[test]
fn a_commit_whose_reply_is_cut_is_done_all_the_same() {
    let server = Postgres::start();
    let proxy = Proxy::to(server.port());
    let through =
        testbed::Psql::new(server.url("postgres").replace(&server.port().to_string(), &proxy.port().to_string()));
    through.run("create table seats (id text)").unwrap();
    proxy.cut_reply(b"commit", b"COMMIT\0");
    let error = through.run("begin; insert into seats values ('A-1'); commit").unwrap_err();
    assert!(error.contains("closed the connection"), "{error}");
    assert_eq!((proxy.replies_cut(), through.run("select id from seats").unwrap()), (1, "A-1".to_owned()));
}

#[test]
fn a_dropped_proxy_takes_its_connections_along() {
    let proxy = Proxy::to(echo());
    let (address, mut client) = (proxy.address(), Client::of(&proxy));
    client.asks("hello");
    drop(proxy);
    client.is_cut();
    assert!(TcpStream::connect(address).is_err());
    // One that nobody has ever connected to ends as well, shut or open.
    drop(Proxy::to(echo()));
    let shut = Proxy::to(echo());
    shut.refuse(true);
    drop(shut);
}

#[test]
fn without_a_server_behind_it_a_caller_hears_the_end() {
    let proxy = Proxy::to(testbed::free_port());
    Client::of(&proxy).is_cut();
}
