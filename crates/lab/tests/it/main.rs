//! The lab against a mock server that keeps the contract, or breaks one promise of it on purpose.

mod instrument;
mod lab_run;
mod mock;
mod planted_bugs;
mod scenarios;
