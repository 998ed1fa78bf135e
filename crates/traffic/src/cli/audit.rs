//! The command line of `audit`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Target;

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Make every seal of the log again and name the first that does not hold; exit 1 where one does not
    #[command(after_help = EXAMPLES)]
    Verify(AuditVerifyArgs),
}

const EXAMPLES: &str = "\
Whoever has the database can make all seals anew. That shows in a digest that was written down elsewhere: each is in the
log of the server.

Examples:
  traffic audit verify
  curl -H \"X-Admin-Key: $ADMIN_API_KEY\" http://localhost:8080/v1/admin/audit.ndjson > audit.ndjson
  traffic audit verify --file audit.ndjson --contains 5f3c...";

#[derive(Debug, Args)]
pub(crate) struct AuditVerifyArgs {
    /// Lines that were exported before, instead of asking a server
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// A digest that was written down elsewhere: one of the seals must have it
    #[arg(long, value_name = "DIGEST")]
    pub(crate) contains: Option<String>,
    #[command(flatten)]
    pub(crate) target: Target,
}
