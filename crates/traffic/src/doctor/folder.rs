//! The data folder: there or makeable, writable, private, with room, on a disk of this machine that syncs.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::Clock as _;

use super::{Check, size};
use crate::real::SystemClock;

const WHAT: &str = "data folder";
/// Syncs that are measured: half a second on the slowest disk that passes.
const SYNCS: usize = 40;
/// What one commit of a small batch writes.
const SYNC_BYTES: usize = 4_096;
/// A disk needs longer to make anything durable; memory and a sync that does nothing do not.
const SUSPICIOUSLY_FAST: Duration = Duration::from_micros(20);
/// A purchase commits three times: over 150 ms of waiting, and tens of commits a second in all.
const SLOW: Duration = Duration::from_millis(50);
/// The log grows to 64 MiB, a full disk refuses every write: less than this may not last for one sale.
const FREE_BYTES_MIN: u64 = 256 << 20;
/// A sale of a million fans with its log and a copy.
const FREE_BYTES_WARN: u64 = 2 << 30;

pub(super) fn checks(database: &Path) -> Vec<Check> {
    let folder = match database.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    let Some(there) = nearest(&folder) else { return vec![unusable(&folder, "no part of this path is a folder")] };
    let measured = match sync_times(&there) {
        Ok(times) => times,
        Err(error) => return vec![unusable(&folder, &error.to_string())],
    };
    let mut checks = vec![private(&folder, database, folder == there)];
    checks.extend(file_system(&there));
    checks.extend(room(&there));
    checks.push(syncs(&measured));
    checks
}

fn unusable(folder: &Path, why: &str) -> Check {
    let found = format!("{}: {why}", folder.display());
    let advice = "make it a folder that the server's user may write to, or choose another with --database-url";
    Check::fail(WHAT, found, advice)
}

/// The folder, or where it would be made.
fn nearest(folder: &Path) -> Option<PathBuf> {
    for part in folder.ancestors() {
        let part = if part.as_os_str().is_empty() { Path::new(".") } else { part };
        match fs::metadata(part) {
            Ok(found) => return found.is_dir().then(|| part.to_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(_) => return None,
        }
    }
    None
}

fn private(folder: &Path, database: &Path, there: bool) -> Check {
    if !there {
        return Check::ok(WHAT, format!("{} is not there yet; the server makes it, private", folder.display()));
    }
    // The folder itself may be shared (".", /tmp) as long as the file is not.
    let open_to = |path: &Path| fs::metadata(path).ok().map(|file| file.permissions().mode() & 0o777);
    match (open_to(folder), open_to(database)) {
        (_, Some(mode)) if mode & 0o077 != 0 => Check::warn(
            WHAT,
            format!("{} has mode {mode:03o}: others on this machine may open it", database.display()),
            format!("signing keys are in there: chmod 600 {}", database.display()),
        ),
        (Some(mode), _) if mode & 0o077 != 0 => Check::warn(
            WHAT,
            format!("{} has mode {mode:03o}: others on this machine may look into it", folder.display()),
            format!("chmod 700 {}, if nothing else is in there", folder.display()),
        ),
        _ => Check::ok(WHAT, format!("{} is writable and private", folder.display())),
    }
}

fn file_system(folder: &Path) -> Option<Check> {
    let folder = folder.canonicalize().ok()?;
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    Some(judge_file_system(file_system_of(&mounts, &folder)?))
}

/// The kind of the innermost mount that holds the folder. A later mount lies over an earlier one.
fn file_system_of<'a>(mounts: &'a str, folder: &Path) -> Option<&'a str> {
    let mounts = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        Some((words.next()?.replace("\\040", " "), words.next()?))
    });
    let around = mounts.filter(|(point, _)| folder.starts_with(point));
    around.max_by_key(|(point, _)| point.len()).map(|(_, kind)| kind)
}

fn judge_file_system(kind: &str) -> Check {
    let what = "file system";
    let remote = ["nfs", "cifs", "smb", "9p", "fuse", "afs", "ceph", "glusterfs", "virtiofs"];
    if remote.iter().any(|prefix| kind.starts_with(prefix)) {
        let advice = "file locks and syncs are not reliable there: put the data on a disk of this machine";
        return Check::warn(what, format!("{kind} is shared or remote"), advice);
    }
    if matches!(kind, "tmpfs" | "ramfs") {
        return Check::warn(what, format!("{kind} is memory"), "a restart of the machine loses everything: use a disk");
    }
    Check::ok(what, kind)
}

fn room(folder: &Path) -> Option<Check> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some(judge_room(disk.f_bavail.saturating_mul(disk.f_frsize)))
}

fn judge_room(free: u64) -> Check {
    let (what, found) = ("free space", size(free));
    let advice = format!("a full disk refuses every write: make room, {} or more", size(FREE_BYTES_WARN));
    match free {
        0..FREE_BYTES_MIN => Check::fail(what, found, advice),
        FREE_BYTES_MIN..FREE_BYTES_WARN => Check::warn(what, found, advice),
        _ => Check::ok(what, found),
    }
}

/// In a file without a name, which is gone when it is closed.
fn sync_times(folder: &Path) -> io::Result<Vec<Duration>> {
    let clock = SystemClock::start();
    let mut file: File = tempfile::tempfile_in(folder)?;
    let mut times = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        file.write_all(&[0x5a; SYNC_BYTES])?;
        let before = clock.monotonic();
        file.sync_data()?;
        times.push(clock.monotonic().saturating_sub(before));
    }
    times.sort_unstable();
    Ok(times)
}

/// `times` are sorted.
fn syncs(times: &[Duration]) -> Check {
    let what = "fsync";
    let (median, max) = (times[times.len() / 2], times[times.len() - 1]);
    let ms = |time: Duration| time.as_secs_f64() * 1_000.0;
    let found = format!("median {:.3} ms, worst {:.1} ms of {}", ms(median), ms(max), times.len());
    if median < SUSPICIOUSLY_FAST {
        let advice = "faster than a disk can be: memory, or a sync that does nothing; power loss would undo sales";
        return Check::warn(what, found, advice);
    }
    if median > SLOW {
        let advice = "every purchase waits for three of these: use a local SSD for the data folder";
        return Check::warn(what, found, advice);
    }
    Check::ok(what, found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    #[test]
    fn the_innermost_mount_counts() {
        let mounts = "disk / ext4 rw 0 0\nhost:/x /data nfs4 rw 0 0\ntmp /data/my\\040files tmpfs rw 0 0\n";
        let kind = |folder: &str| file_system_of(mounts, Path::new(folder));
        assert_eq!(kind("/srv"), Some("ext4"));
        assert_eq!(kind("/data/sale"), Some("nfs4"));
        assert_eq!(kind("/database"), Some("ext4"), "a name that only begins alike");
        assert_eq!(kind("/data/my files/a"), Some("tmpfs"));
    }

    #[test]
    fn file_systems_without_reliable_locks_or_without_a_disk_are_warned_of() {
        for kind in ["nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "tmpfs"] {
            assert_eq!(judge_file_system(kind).status, Status::Warn, "{kind}");
        }
        for kind in ["ext4", "xfs", "btrfs", "zfs", "overlay"] {
            assert_eq!(judge_file_system(kind).status, Status::Ok, "{kind}");
        }
    }

    #[test]
    fn room_is_judged_at_its_bounds() {
        let status = |free| judge_room(free).status;
        assert_eq!((status(FREE_BYTES_MIN - 1), status(FREE_BYTES_MIN)), (Status::Fail, Status::Warn));
        assert_eq!((status(FREE_BYTES_WARN - 1), status(FREE_BYTES_WARN)), (Status::Warn, Status::Ok));
    }

    #[test]
    fn a_sync_that_is_too_fast_or_too_slow_is_warned_of() {
        let check = |micros| syncs(&[Duration::from_micros(micros); 5]);
        assert_eq!(check(19).status, Status::Warn);
        assert_eq!(check(20).status, Status::Ok);
        assert_eq!(check(50_000).status, Status::Ok);
        assert_eq!(check(50_001).status, Status::Warn);
        assert!(check(1_500).found.starts_with("median 1.500 ms, worst 1.5 ms of 5"), "{}", check(1_500));
    }

    #[test]
    fn a_folder_below_a_file_cannot_be_made() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        assert_eq!(checks(&file.join("data/traffic.db"))[0].status, Status::Fail);
        assert_eq!(nearest(&folder.path().join("a/b")), Some(folder.path().to_owned()));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing was left behind");
    }
}
