//! Tests of the whole: what no single crate can check about itself. One binary, so that they link once.

#![expect(clippy::unwrap_used, reason = "a failed test shows where, which is all that is needed")]

mod api_document;
mod assert_queue;
mod audit;
mod crash;
mod doctor;
mod doors;
mod faults;
mod journey;
mod judged;
mod lab_command;
mod moving;
mod process;
mod redis;
mod roles;
mod runner;
mod scenarios;
mod settings;
mod slo_bounds;
mod storage_errors;
mod tidy;
mod traces;
mod trust;
