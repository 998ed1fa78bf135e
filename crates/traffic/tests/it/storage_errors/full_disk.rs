//! A disk without room: a small tmpfs in a mount namespace of its own, which is gone with the test.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::{Shop, is};
use crate::process::{Line, Server};

/// Room for all that the fans of one test write before the log is written back.
const SIZE: &str = "64m";

/// Whoever is not root becomes it in a user namespace; root in a container may have to do without one.
const NAMESPACES: [&[&str]; 2] = [&["--user", "--mount"], &["--mount"]];

/// A small disk. It is mounted where only the holder and those who enter its namespaces see it; the test reaches it
/// through `/proc`.
struct SmallDisk {
    holder: Child,
    namespaces: &'static [&'static str],
    seen: PathBuf,
}

impl SmallDisk {
    fn mount(at: &Path) -> Self {
        NAMESPACES.iter().find_map(|namespaces| Self::mount_in(namespaces, at)).expect(
            "this test fills a small disk of its own, and this machine does not let it mount one: it needs root or user \
             namespaces (unshare)",
        )
    }

    fn mount_in(namespaces: &'static [&'static str], at: &Path) -> Option<Self> {
        let script = format!("mount -t tmpfs -o size={SIZE} small {} && echo mounted && exec cat", at.display());
        let become_root: &[&str] = if namespaces.contains(&"--user") { &["--map-root-user"] } else { &[] };
        let mut holder = Command::new("unshare")
            .args(namespaces)
            .args(become_root)
            .args(["sh", "-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare is part of util-linux");
        let mut said = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut said).unwrap();
        let seen = PathBuf::from(format!("/proc/{}/root{}", holder.id(), at.display()));
        let disk = Self { holder, namespaces, seen };
        (said.trim() == "mounted").then_some(disk)
    }

    /// A shop on it, with its server.
    fn shop() -> (Self, Shop, Server) {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("disk");
        fs::create_dir(&at).unwrap();
        let disk = Self::mount(&at);
        let holder = disk.holder.id().to_string();
        let enter = [&["nsenter", "--target", &holder, "--preserve-credentials"], disk.namespaces].concat();
        let (enter, seen) = (enter.into_iter().map(str::to_owned).collect(), disk.seen.join("data"));
        let (shop, server) = Shop::on(folder, enter, at.join("data"), seen);
        (disk, shop, server)
    }

    fn ballast(&self) -> PathBuf {
        self.seen.join("ballast")
    }

    /// Leaves no room at all.
    fn fill(&self) {
        let mut ballast = File::create(self.ballast()).unwrap();
        while ballast.write_all(&[0; 4_096]).is_ok() {}
    }

    fn free(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        self.holder.wait().unwrap();
    }
}

#[test]
fn a_full_disk_refuses_writes_while_polls_go_on_and_then_all_goes_on() {
    let (disk, mut shop, server) = SmallDisk::shop();
    let mut line = Line::new(server.address);
    while shop.fans.iter().filter(|fan| fan.is_inside()).count() < 20 {
        for fan in shop.fans[..40].iter_mut().filter(|fan| !fan.rests(0)) {
            fan.step(&mut line, 0, &shop.seen).unwrap();
        }
    }
    disk.fill();
    shop.buy_until(&server, is("storage_full")).expect("the log grows with every purchase");
    let mut polls = 0;
    for turn in 0..20 {
        for fan in shop.fans.iter_mut().filter(|fan| fan.position.is_some()) {
            // The poll of a called fan is the one that writes.
            let polled = fan.poll(&mut line);
            assert!(polled.as_ref().err().is_none_or(is("storage_full")), "{polled:?}");
            polls += usize::from(polled.is_ok());
        }
        // A write may find room again where the log starts anew. Another one each time: joins have a limit.
        if let Some(newcomer) = shop.fans.iter_mut().filter(|fan| fan.position.is_none()).nth(turn) {
            let step = newcomer.step(&mut line, 0, &shop.seen);
            assert!(step.as_ref().err().is_none_or(is("storage_full")), "{step:?}");
        }
    }
    assert!(polls > 100, "{polls} polls were answered");
    assert!(server.exited().is_none(), "{}", server.log());
    shop.check(&server);

    disk.free();
    shop.buy_all(&server);
    shop.check(&server);
    server.kill();
    shop.everything_is_there();
}

#[test]
fn a_start_on_a_full_disk_says_so_and_loses_nothing() {
    let (disk, mut shop, server) = SmallDisk::shop();
    disk.fill();
    shop.buy_until(&server, is("storage_full")).expect("the log grows with every purchase");
    server.kill();
    let server = shop.spawn();
    assert!(server.ready().is_none(), "{}", server.log());
    let log = server.log();
    assert!(!server.ended().success() && log.contains("the disk is full"), "{log}");
    disk.free();
    shop.everything_is_there();
}
