//! A run from a command line, entered at the server among those that were asked for there: its page and its report are found
//! where all others are. Nothing of the run depends on it.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use lab::{Knobs, Origin, ProgressMode, RunOptions};
use serde_json::{Map, Value, json};
use server::app::Ids as _;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use super::delivery::deliver;
use super::desk::{Claimed, Desk, Refused, Silent};
use super::found::Found;
use super::run::{Seen, heartbeat, latest, note, said};
use crate::real::SystemIds;

/// Somebody looks at the terminal.
const DELIVERS_WITHIN: Duration = Duration::from_secs(30);

pub(crate) struct Entered {
    desk: Arc<Desk>,
    run: Claimed,
    seen: Seen,
    /// Ends the heartbeat.
    over: oneshot::Sender<()>,
    heart: JoinHandle<()>,
}

impl Entered {
    /// Where the lab is off there is no list to enter: `None`, as where the server does not take it, which is said. A stop
    /// that is asked for at the server turns `stop` true.
    pub(crate) async fn begin(options: &RunOptions, stop: watch::Sender<bool>) -> Option<Self> {
        let desk = Arc::new(Desk::of_operator(&options.base_url, &options.admin_key));
        let entry = json!({
            "runner": format!("command line {}", SystemIds.next()), "scenario": options.scenario,
            "sale_id": options.sale_id, "knobs": given(&options.knobs),
        });
        let answer = match desk.say("register", &entry).await {
            Ok(answer) => answer,
            Err(Silent::Refused(Refused { status: 404, .. })) => return None,
            Err(why) => {
                eprintln!("This run is not in the server's list: {why}");
                return None;
            }
        };
        if let Some(other) = answer["beside"].as_str() {
            eprintln!("Another run is under way at this server, and each disturbs the other: {other}");
        }
        let run = Claimed {
            run_id: answer["run_id"].as_str()?.to_owned(),
            claim_id: answer["claim_id"].as_str()?.to_owned(),
        };
        let (over, ended) = oneshot::channel();
        let seen = Seen::default();
        let heart = beat(Arc::clone(&desk), run.clone(), Arc::clone(&seen), stop, ended);
        match heart {
            Ok(heart) => Some(Self { desk, run, seen, over, heart }),
            Err(error) => {
                eprintln!("This run is not in the server's list: {error}");
                None
            }
        }
    }

    /// Shows how the run goes as before, and to the server too.
    pub(crate) fn watched(&self, mode: ProgressMode) -> ProgressMode {
        let seen = Arc::clone(&self.seen);
        ProgressMode::And(Box::new(mode), Arc::new(move |progress| note(&seen, progress)))
    }

    /// Hands over what came of it. Tells where it is to be seen.
    pub(crate) async fn finish(self, found: &Found) {
        if timeout(DELIVERS_WITHIN, deliver(&self.desk, &self.run, found)).await.is_err() {
            eprintln!("The server is away: what the run found is not in its list.");
        }
        // It may have ended by itself.
        let _ = self.over.send(());
        let _ = self.heart.join();
    }
}

/// On a thread of its own: the one that calls is the generator's, whose share of a core is measured.
fn beat(
    desk: Arc<Desk>,
    run: Claimed,
    seen: Seen,
    stop: watch::Sender<bool>,
    ended: oneshot::Receiver<()>,
) -> std::io::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("heartbeat".to_owned()).spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                () = heartbeat(&desk, &run, || said(&latest(&seen), json!({})), &stop) => {}
                _ = ended => {}
            }
        });
    })
}

/// What was not left as it is.
fn given(knobs: &Knobs) -> Map<String, Value> {
    let listed = knobs.listed().into_iter().filter(|(.., origin)| *origin != Origin::Default);
    listed.map(|(name, value, _)| (name.to_owned(), json!(value))).collect()
}
