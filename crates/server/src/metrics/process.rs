//! What the process takes of its machine. What this system does not tell is left out, never guessed.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rustix::fs::statvfs;
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

use super::text::Page;

const KIB: u64 = 1024;

/// The process at one moment. Reading it asks the system: not for a thread that others wait for.
pub struct Process {
    cpu: Duration,
    /// `None` where there is no `/proc`, as on anything but Linux.
    resident_bytes: Option<u64>,
    open_files: Option<u64>,
    open_files_max: Option<u64>,
    disk: Option<Disk>,
}

/// Where an embedded database lies.
struct Disk {
    database_bytes: u64,
    log_bytes: u64,
    /// For whoever is not root.
    free_bytes: u64,
}

impl Process {
    /// `database`: the file of an embedded one.
    pub fn read(database: Option<&Path>) -> Self {
        let status = fs::read_to_string("/proc/self/status").ok();
        Self {
            cpu: cpu(),
            resident_bytes: status.as_deref().and_then(resident_bytes),
            open_files: open_files(),
            open_files_max: getrlimit(Resource::Nofile).current,
            disk: database.and_then(Disk::read),
        }
    }

    pub(super) fn write(&self, page: &mut Page) {
        let help = "CPU time of the process, in all its threads";
        page.counter("process_cpu_seconds_total", help).is(self.cpu.as_secs_f64());
        let gauges = [
            ("process_resident_memory_bytes", "Memory of the process that is in RAM", self.resident_bytes),
            ("process_open_files", "Files and sockets that the process has open", self.open_files),
            ("process_open_files_max", "Files and sockets that it may have open", self.open_files_max),
        ];
        for (name, help, value) in gauges {
            if let Some(value) = value {
                page.gauge(name, help).is(value);
            }
        }
        if let Some(disk) = &self.disk {
            let mut family = page.gauge("storage_bytes", "Size of the embedded database's files");
            family.sample(&[("file", &"database")], disk.database_bytes);
            family.sample(&[("file", &"log")], disk.log_bytes);
            page.gauge("storage_free_bytes", "Room on the disk where they lie").is(disk.free_bytes);
        }
    }
}

impl Disk {
    fn read(database: &Path) -> Option<Self> {
        let size = |path: &Path| fs::metadata(path).map(|file| file.len()).ok();
        // SQLite names its log after the file, whatever ending that has.
        let log = database.with_file_name(format!("{}-wal", database.file_name()?.to_string_lossy()));
        let room = statvfs(database).ok()?;
        Some(Self {
            database_bytes: size(database)?,
            log_bytes: size(&log).unwrap_or_default(),
            free_bytes: room.f_bavail.saturating_mul(room.f_frsize),
        })
    }
}

fn cpu() -> Duration {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(used.tv_sec.unsigned_abs(), u32::try_from(used.tv_nsec).unwrap_or_default())
}

/// `VmRSS:     12345 kB`
fn resident_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kib * KIB)
}

/// Newer kernels tell the number as the size of the folder; others tell 0, and the entries are counted.
fn open_files() -> Option<u64> {
    const FOLDER: &str = "/proc/self/fd";
    let told = fs::metadata(FOLDER).ok()?.len();
    if told > 0 {
        return Some(told);
    }
    Some(fs::read_dir(FOLDER).ok()?.count() as u64)
}

#[cfg(test)]
mod tests {
    use super::super::text::Format;
    use super::*;

    #[test]
    fn resident_memory_is_read_off_its_line() {
        assert_eq!(resident_bytes("Name:\ttraffic\nVmRSS:\t   12 kB\nThreads:\t3\n"), Some(12_288));
        assert_eq!(resident_bytes("Name:\ttraffic\n"), None);
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let process = Process {
            cpu: Duration::from_millis(1_500),
            resident_bytes: None,
            open_files: None,
            open_files_max: Some(7),
            disk: None,
        };
        let mut page = Page::new(Format::Plain);
        process.write(&mut page);
        let text = page.end();
        let samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(samples, ["traffic_process_cpu_seconds_total 1.5", "traffic_process_open_files_max 7"]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_tells_of_itself() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("traffic.db");
        fs::write(&database, [0; 100]).unwrap();
        fs::write(folder.path().join("traffic.db-wal"), [0; 20]).unwrap();
        let before = Process::read(None);
        assert!(before.disk.is_none() && before.resident_bytes.unwrap() > KIB * KIB);
        let files: Vec<fs::File> = (0..50).map(|_| fs::File::open(&database).unwrap()).collect();
        let after = Process::read(Some(&database));
        assert!(after.open_files.unwrap() >= 50 && after.open_files_max.unwrap() >= 50);
        drop(files);
        let disk = after.disk.unwrap();
        assert_eq!((disk.database_bytes, disk.log_bytes), (100, 20));
        assert!(disk.free_bytes > 0 && after.cpu >= before.cpu);
    }
}
