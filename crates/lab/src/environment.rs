//! The machine the generator ran on, and the CPU time it used. Missing facts are missing, never guessed.

use std::fs;

use serde::Serialize;

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Environment {
    pub(crate) lab_version: &'static str,
    pub(crate) server_version: String,
    pub(crate) server_instance: String,
    pub(crate) staleness_ms: u64,
    pub(crate) cpu: Option<String>,
    pub(crate) cores: Option<usize>,
    pub(crate) kernel: Option<String>,
    pub(crate) open_files_limit: Option<String>,
    pub(crate) target: String,
}

pub(crate) fn cpu_model() -> Option<String> {
    let info = fs::read_to_string("/proc/cpuinfo").ok()?;
    info.lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map(|rest| rest.trim_start_matches([' ', '\t', ':']).into())
}

pub(crate) fn kernel() -> Option<String> {
    fs::read_to_string("/proc/sys/kernel/osrelease").ok().map(|text| text.trim().into())
}

pub(crate) fn cores() -> Option<usize> {
    std::thread::available_parallelism().ok().map(usize::from)
}

pub(crate) fn open_files_limit() -> Option<String> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))
        .and_then(|rest| rest.split_whitespace().next())
        .map(Into::into)
}

/// CPU time of this thread in microseconds: with one current-thread runtime, that is the generator.
pub(crate) fn thread_cpu_us() -> Option<u64> {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    stat.split_whitespace().next()?.parse::<u64>().ok().map(|ns| ns / 1_000)
}
