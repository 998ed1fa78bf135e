//! The schema, one numbered step at a time, the same for every engine.
//!
//! Invariant: a step that was released is never changed; a later one is added.

pub(crate) const STEPS: [&str; 12] = [
    include_str!("migrations/0001_accounts.sql"),
    include_str!("migrations/0002_sales.sql"),
    include_str!("migrations/0003_waiting_room.sql"),
    include_str!("migrations/0004_shop.sql"),
    include_str!("migrations/0005_operator.sql"),
    include_str!("migrations/0006_nodes.sql"),
    include_str!("migrations/0007_doors.sql"),
    include_str!("migrations/0008_caps.sql"),
    include_str!("migrations/0009_login_codes.sql"),
    include_str!("migrations/0010_signals.sql"),
    include_str!("migrations/0011_counts.sql"),
    include_str!("migrations/0012_lab.sql"),
];

/// The schema version that this program works with.
pub(crate) const KNOWN: i64 = STEPS.len() as i64;
