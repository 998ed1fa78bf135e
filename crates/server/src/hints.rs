//! Words between nodes that something has changed: who hears one looks at once, and not only at the next turn. A hint that is
//! lost costs a moment; without any, nodes look by the clock.

use std::future::pending;

use domain::SaleId;

/// Where no way between the nodes is set up: nothing is told and nothing heard.
#[derive(Debug, Default)]
pub struct Hints;

impl Hints {
    /// Something of this sale was committed here.
    pub fn changed(&self, _sale: SaleId) {}

    /// Resolves when another node has said so.
    pub async fn heard(&self) {
        pending::<()>().await;
    }

    /// Whether others' hints arrive now.
    pub fn are_flowing(&self) -> bool {
        false
    }
}
