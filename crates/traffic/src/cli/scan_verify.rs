//! What `traffic scan-verify` is asked.

use std::path::PathBuf;

use clap::Args;
use domain::SaleId;

pub(super) const SCAN_VERIFY_EXAMPLES: &str = "\
For a door without a connection. Reads codes from the arguments, or from standard input, one a line, and answers each
with a line of its own at once: `good` or `BAD`, and why. Exit 0 only if there was one and all were good.
It remembers what it has let in until it ends; what another door has let in it cannot know.

Examples:
  curl -s https://tickets.example/.well-known/jwks.json >keys.json
  curl -s -H \"X-Admin-Key: $ADMIN_API_KEY\" https://tickets.example/v1/admin/sales/$SALE_ID/revoked >revoked.txt
  traffic scan-verify --keys keys.json --sale $SALE_ID --revoked revoked.txt";

#[derive(Debug, Args)]
pub(crate) struct ScanVerifyArgs {
    /// The public keys: a saved /.well-known/jwks.json
    #[arg(long, value_name = "FILE")]
    pub(crate) keys: PathBuf,
    /// The sale of this evening; without it tickets of every sale are good
    #[arg(long, value_name = "ID", value_parser = sale)]
    pub(crate) sale: Option<SaleId>,
    /// Tickets that were cancelled or issued again: a saved /v1/admin/sales/{id}/revoked
    #[arg(long, value_name = "FILE")]
    pub(crate) revoked: Option<PathBuf>,
    /// Codes; without them, or with `-`, they come from standard input
    #[arg(value_name = "CODE")]
    pub(crate) codes: Vec<String>,
}

impl ScanVerifyArgs {
    pub(crate) fn reads_standard_input(&self) -> bool {
        self.codes.is_empty() || self.codes == ["-"]
    }
}

fn sale(text: &str) -> Result<SaleId, String> {
    text.parse().map_err(|_| "not the id of a sale".to_owned())
}
