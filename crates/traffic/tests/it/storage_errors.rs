//! The real program on storage that fails: syncs with EIO, a full disk, no file handles. Nothing is acknowledged after
//! the first failure, the program stops or refuses as designed, and all that was acknowledged before is there afterwards.
//!
//! The faults are real ones: strace makes system calls fail, a small tmpfs is full, a limit is lowered under way. Where
//! the machine does not allow that, these tests fail and say so: a fault that was not injected proves nothing.

mod full_disk;
mod no_handles;
mod sync;

use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::crash::files;
use crate::journey::book::Book;
use crate::journey::fan::{Fan, Seen, Trouble};
use crate::process::{Line, PATIENCE, Server, now};

const FANS: usize = 150;
const SEATS: u32 = 200;

/// An installation with an open sale, and fans of it.
struct Shop {
    folder: TempDir,
    /// Words of a command that runs the server where it can see its data.
    wrapper: Vec<String>,
    /// As the server sees it, and as the test does.
    data: PathBuf,
    data_seen: PathBuf,
    sale: String,
    fans: Vec<Fan>,
    seen: Seen,
}

impl Shop {
    /// Made by a server that has ended since.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let (shop, server) = Self::on(folder, Vec::new(), data.clone(), data);
        assert!(server.stop().success(), "{}", server.log());
        shop
    }

    /// Every fourth number: fans whose payments always go through.
    fn on(folder: TempDir, wrapper: Vec<String>, data: PathBuf, data_seen: PathBuf) -> (Self, Server) {
        let mut shop =
            Self { folder, wrapper, data, data_seen, sale: String::new(), fans: Vec::new(), seen: Seen::default() };
        let server = ready(shop.spawn());
        let sale = server.open_sale(SEATS);
        let accounts = server.accounts(FANS, "fan");
        shop.fans = (0..).step_by(4).zip(accounts).map(|(number, account)| Fan::new(number, &sale, account)).collect();
        shop.sale = sale;
        (shop, server)
    }

    fn spawn(&self) -> Server {
        let wrapper: Vec<&str> = self.wrapper.iter().map(String::as_str).collect();
        Server::spawn_under(&wrapper, &self.data)
    }

    /// After a normal start everything that was acknowledged is there, and the fans who were cut off go on to their orders.
    fn everything_is_there(&mut self) {
        files::check_integrity(&self.data_seen);
        let server = ready(self.spawn());
        self.check(&server);
        self.buy_all(&server);
        self.check(&server);
        assert!(!server.log().contains("panicked"), "{}", server.log());
    }

    fn check(&self, server: &Server) {
        let book = Book::read(&server.export(&self.sale));
        book.is_sound();
        self.fans.iter().for_each(|fan| book.keeps_its_word_to(fan));
    }

    /// Every journey to its end; nothing may be refused any more.
    fn buy_all(&mut self, server: &Server) {
        let refused = self.buy_until(server, |_| false);
        assert!(refused.is_none());
    }

    /// A request of each fan in turn, until one of them meets the trouble that is waited for. `None`: all have bought.
    fn buy_until(&mut self, server: &Server, awaited: impl Fn(&Trouble) -> bool) -> Option<Trouble> {
        let mut line = Line::new(server.address);
        let asked = now();
        while asked.elapsed() < PATIENCE {
            for fan in self.fans.iter_mut().filter(|fan| !fan.rests(0)) {
                match fan.step(&mut line, 0, &self.seen) {
                    Err(trouble) if awaited(&trouble) => return Some(trouble),
                    Err(trouble) => panic!("{trouble:?}\n{}", server.log()),
                    Ok(()) => {}
                }
            }
            if self.fans.iter().all(|fan| fan.order.is_some()) {
                return None;
            }
            thread::sleep(Duration::from_millis(1));
        }
        panic!("nobody is called any more:\n{}", server.log());
    }
}

fn ready(server: Server) -> Server {
    assert!(server.ready().is_some(), "it does not start:\n{}", server.log());
    server
}

fn is(code: &str) -> impl Fn(&Trouble) -> bool {
    move |trouble| matches!(trouble, Trouble::Refused(answer) if answer.code() == code)
}

/// A tool that a test cannot do without must work, or the test says why it proves nothing.
fn must_run(words: &[&str], why: &str) {
    let ran = Command::new(words[0]).args(&words[1..]).output();
    match ran {
        Ok(ran) if ran.status.success() => {}
        Ok(ran) => panic!("{why}: `{}` fails: {}", words.join(" "), String::from_utf8_lossy(&ran.stderr)),
        Err(error) => panic!("{why}: {}: {error}", words[0]),
    }
}
