//! `traffic assert-queue`: reads a sale's export, from a server or straight from its database, and judges its order and
//! its seats.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, anyhow, bail};
use domain::{Refusal, SaleId};
use server::config::DatabaseUrl;
use store::export::Export;
use store::{Failure, NoObserver, Options, Store};
use tokio::sync::mpsc;

use crate::cli::AssertQueueArgs;
use crate::real;

const EXIT_VIOLATED: u8 = 1;
/// One for the snapshot, one for whatever else the store does by itself.
const CONNECTIONS: usize = 2;
/// Lines on their way; the reader is faster than the database.
const LINES: usize = 256;

pub(crate) fn run(args: &AssertQueueArgs) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let export = runtime.block_on(async {
        match args.database_url(real::env)? {
            Some(url) => from_database(url, &args.sale).await,
            None => {
                let key = args.target.admin_key()?;
                Ok(lab::fetch_export(args.target.base_url(), key, &args.sale).await?.into_bytes())
            }
        }
    })?;
    let assertion = lab::assert_queue(&*export)?;
    if args.json {
        println!("{}", assertion.to_json());
    } else {
        print!("{}", assertion.render());
    }
    Ok(if assertion.passed() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_VIOLATED) })
}

/// From one snapshot. Nothing is written: a database that is not there, or has another schema, is an error.
async fn from_database(url: String, sale: &str) -> anyhow::Result<Vec<u8>> {
    let Ok(sale) = sale.parse::<SaleId>() else { bail!("--sale: `{sale}` is no id of a sale") };
    let url: DatabaseUrl = url.parse().map_err(|why| anyhow!("--database-url {why}"))?;
    check_schema(&url).await.context("--database-url")?;
    let options = Options {
        url: url.reveal(),
        clock: Arc::new(real::SystemClock::start()),
        observer: Arc::new(NoObserver),
        connections: CONNECTIONS,
        hand_driven_from: None,
        // Whatever it may lose, it is only read.
        may_lose: true,
    };
    let store = Store::open(options).await.context("--database-url")?;
    let (sink, mut lines) = mpsc::channel::<Vec<u8>>(LINES);
    let collect = async {
        let mut all = Vec::new();
        while let Some(line) = lines.recv().await {
            all.extend(line);
        }
        all
    };
    let (read, all) = tokio::join!(store.read(Export { sale, sink }), collect);
    store.close().await;
    match read {
        Ok(_) => Ok(all),
        Err(Failure::Refused(Refusal::SaleNotFound)) => bail!("--sale: {sale} is not in this database"),
        Err(failure) => Err(failure).context("reading the sale"),
    }
}

/// A store that is opened makes its file and brings the schema up; who only wants to look must not.
async fn check_schema(url: &DatabaseUrl) -> anyhow::Result<()> {
    let (schema, known) = match url {
        DatabaseUrl::Sqlite(path) => {
            let shown = path.display();
            if !path.is_file() {
                bail!("{shown} is not there");
            }
            let look = store::inspect::inspect(path).with_context(|| format!("{shown} cannot be read"))?;
            (look.schema, look.known_schema)
        }
        DatabaseUrl::Postgres(url) => {
            let look = store::inspect_postgres::inspect(url.reveal(), &real::SystemClock::start()).await?;
            (look.schema.unwrap_or(0), look.known_schema)
        }
    };
    if schema != known {
        bail!(
            "the database has schema {schema}, and this program knows {known}: use the program that made it, or \
             `traffic migrate`"
        );
    }
    Ok(())
}
