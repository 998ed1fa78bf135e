//! Fans who join, wait, hold and pay, and the book in which it must all be found: for every test that breaks something
//! under them.

pub(crate) mod book;
pub(crate) mod dice;
pub(crate) mod fan;
