//! Gives up load runs whose runner has died.

use store::Failure;
use store::runs::LapseRuns;
use store::runs::look::AnyLapsed;

use crate::app::App;

pub async fn tick(app: &App) -> Result<(), Failure> {
    if app.config.lab && app.store.read(AnyLapsed).await? {
        let runs = app.store.run(LapseRuns).await?;
        tracing::warn!(runs, "load runs were given up: nothing was heard of their runners");
    }
    Ok(())
}
