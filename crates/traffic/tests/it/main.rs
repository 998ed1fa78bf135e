//! Tests of the whole: what no single crate can check about itself. One binary, so that they link once.

mod kill;
mod tidy;
