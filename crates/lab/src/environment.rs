//! What a measurement must be read with: the machine and the program that measured, and the server as it describes itself.
//! Missing facts are missing, never guessed.

use std::fs;
use std::path::Path;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::operator::Live;

/// What is not known before the first request, or only after the last, is filled in then.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Environment {
    pub(crate) lab_version: &'static str,
    /// The commit that the program was built from.
    pub(crate) lab_commit: Option<String>,
    pub(crate) lab_build: &'static str,
    pub(crate) server_version: String,
    pub(crate) server_instance: String,
    pub(crate) staleness_ms: u64,
    pub(crate) cpu: Option<String>,
    pub(crate) cores: Option<usize>,
    pub(crate) memory_mib: Option<u64>,
    pub(crate) kernel: Option<String>,
    pub(crate) open_files_limit: Option<String>,
    /// Ports that outgoing connections draw from.
    pub(crate) port_range: Option<String>,
    pub(crate) target: String,
    /// CPU time of the generator's thread over the load's duration.
    pub(crate) generator_cpu_share: Option<f64>,
    /// Of the whole process that generated, from its start to the end of the load.
    pub(crate) generator_peak_memory_mib: Option<u64>,
    /// As the server tells its operator (`GET /v1/admin/server`).
    pub(crate) server: Option<Map<String, Value>>,
}

impl Environment {
    pub(crate) fn of(live: &Live, target: &str, commit: Option<&str>) -> Self {
        Environment {
            lab_version: env!("CARGO_PKG_VERSION"),
            lab_commit: commit.map(Into::into),
            lab_build: if cfg!(debug_assertions) { "debug" } else { "release" },
            server_version: live.version.clone(),
            server_instance: live.instance.clone(),
            staleness_ms: live.staleness_ms,
            cpu: field("/proc/cpuinfo", "model name"),
            cores: std::thread::available_parallelism().ok().map(usize::from),
            memory_mib: field("/proc/meminfo", "MemTotal").and_then(|text| mib(&text)),
            kernel: line("/proc/sys/kernel/osrelease"),
            open_files_limit: open_files_limit(),
            port_range: line("/proc/sys/net/ipv4/ip_local_port_range").map(|range| range.replace('\t', " to ")),
            target: target.into(),
            generator_cpu_share: None,
            generator_peak_memory_mib: None,
            server: None,
        }
    }
}

fn line(path: impl AsRef<Path>) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// The first value of a file of `name : value` lines.
fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| Some(line.strip_prefix(name)?.trim_start_matches([' ', '\t', ':']).trim().to_owned()))
}

/// Of `1234 kB`.
fn mib(text: &str) -> Option<u64> {
    text.strip_suffix(" kB")?.parse::<u64>().ok().map(|kib| kib / 1_024)
}

fn open_files_limit() -> Option<String> {
    field("/proc/self/limits", "Max open files")?.split_whitespace().next().map(Into::into)
}

/// The most memory that this process has had so far.
pub(crate) fn peak_memory_mib() -> Option<u64> {
    field("/proc/self/status", "VmHWM").and_then(|text| mib(&text))
}

/// CPU time of this thread in microseconds: with one current-thread runtime, that is the generator.
pub(crate) fn thread_cpu_us() -> Option<u64> {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    stat.split_whitespace().next()?.parse::<u64>().ok().map(|ns| ns / 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_the_kernel_writes_them() {
        assert_eq!(mib("2048 kB"), Some(2));
        assert_eq!(mib("2048"), None);
    }

    /// The project runs on Linux; elsewhere facts may be missing, which is what this would show.
    #[test]
    fn this_machine_tells_what_it_is() {
        assert!(peak_memory_mib().is_some_and(|mib| mib > 0));
        let live = Live { instance: "i".into(), started_at: None, version: "v".into(), staleness_ms: 0 };
        let environment = Environment::of(&live, "host:1", Some("abc"));
        assert!(environment.kernel.is_some() && environment.cores.is_some_and(|cores| cores > 0));
        assert!(environment.memory_mib.is_some_and(|mib| mib > 100) && environment.open_files_limit.is_some());
        assert!(environment.port_range.is_some_and(|range| range.contains(" to ")));
    }
}
