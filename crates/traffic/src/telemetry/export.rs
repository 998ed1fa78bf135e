//! Sends finished spans to the collector: in a thread of its own, in batches, and never so that anybody waits for it.

use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc as threads};
use std::time::Duration;

use server::config::TracingSettings;
use server::spans::SpanCounts;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;
use uuid::Uuid;

use super::otlp::{self, Resource};
use super::post::{Post, Unsent};
use super::record::Finished;

/// Spans that wait: a second of a busy node. What comes on top is dropped, and counted.
const QUEUE_MAX: usize = 8_192;
/// In one request to the collector: some hundred kilobytes.
const BATCH_MAX: usize = 512;
/// How long a batch may fill.
const FILLS_FOR: Duration = Duration::from_secs(2);
/// Of one batch, while the collector says "not now" or cannot be reached.
const TRIES_MAX: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);
/// What is left at the end of the process may take so long, whatever the collector does.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// The thread that sends.
pub(crate) struct Exporter {
    stop: watch::Sender<bool>,
    ended: threads::Receiver<()>,
}

impl Exporter {
    /// And the queue that feeds it.
    pub(super) fn start(
        settings: &TracingSettings,
        instance: Uuid,
        counts: Arc<SpanCounts>,
    ) -> anyhow::Result<(Self, mpsc::Sender<Finished>)> {
        let (queue, spans) = mpsc::channel(QUEUE_MAX);
        let (stop, stopping) = watch::channel(false);
        let (alive, ended) = threads::channel();
        let post = Post::new(&settings.url, &settings.headers)?;
        let sender = Sender { post, resource: resource(settings, instance), counts, stopping, failing: false };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new().name("traces".to_owned()).spawn(move || {
            runtime.block_on(sender.run(spans));
            // Says by its end that all was sent.
            drop(alive);
        })?;
        Ok((Self { stop, ended }, queue))
    }

    /// Sends what is left, if that goes quickly: the end of the process waits for no collector.
    pub(crate) fn finish(self) {
        self.stop.send_replace(true);
        if self.ended.recv_timeout(LAST_WORDS) == Err(threads::RecvTimeoutError::Timeout) {
            tracing::warn!("the last traces were not sent: the collector does not take them in time");
        }
    }
}

/// Attributes of the process; those of the operator come last.
fn resource(settings: &TracingSettings, instance: Uuid) -> Resource {
    let own = [
        ("service.name", settings.service.clone()),
        ("service.version", env!("CARGO_PKG_VERSION").to_owned()),
        ("service.instance.id", instance.to_string()),
    ];
    let given = |name: &str| settings.resource.iter().any(|(known, _)| known == name);
    let own = own.into_iter().filter(|(name, _)| !given(name)).map(|(name, value)| (name.to_owned(), value));
    own.chain(settings.resource.iter().cloned()).collect()
}

struct Sender {
    post: Post,
    resource: Resource,
    counts: Arc<SpanCounts>,
    stopping: watch::Receiver<bool>,
    /// Said once, until it goes well again.
    failing: bool,
}

impl Sender {
    /// Until it is told to stop, and all that waited is sent or given up.
    async fn run(mut self, mut spans: mpsc::Receiver<Finished>) {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        while self.gather(&mut spans, &mut batch).await {
            self.deliver(&batch).await;
            batch.clear();
            if self.failing && *self.stopping.borrow() {
                self.counts.dropped.fetch_add(spans.len() as u64, Ordering::Relaxed);
                return;
            }
        }
    }

    /// The next batch; false when there is none and there will be none.
    async fn gather(&mut self, spans: &mut mpsc::Receiver<Finished>, batch: &mut Vec<Finished>) -> bool {
        tokio::select! {
            biased;
            _ = self.stopping.wait_for(|stop| *stop) => {}
            first = spans.recv() => batch.extend(first),
        }
        let mut filled = std::pin::pin!(sleep(FILLS_FOR));
        while batch.len() < BATCH_MAX && !*self.stopping.borrow() {
            let room = BATCH_MAX - batch.len();
            tokio::select! {
                taken = spans.recv_many(batch, room) => if taken == 0 { break },
                () = filled.as_mut() => break,
                _ = self.stopping.wait_for(|stop| *stop) => break,
            }
        }
        while batch.len() < BATCH_MAX
            && let Ok(more) = spans.try_recv()
        {
            batch.push(more);
        }
        !batch.is_empty()
    }

    async fn deliver(&mut self, batch: &[Finished]) {
        let body = otlp::export(&self.resource, batch);
        let many = batch.len() as u64;
        match self.tried(body).await {
            Ok(()) => {
                self.counts.exported.fetch_add(many, Ordering::Relaxed);
                if std::mem::take(&mut self.failing) {
                    tracing::info!(collector = %self.post, "the collector takes traces again");
                }
            }
            Err(why) => {
                let dropped = self.counts.dropped.fetch_add(many, Ordering::Relaxed) + many;
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::warn!(collector = %self.post, %why, dropped, "the collector takes no traces: they are dropped");
                }
            }
        }
    }

    /// Several times, as long as that may help.
    async fn tried(&mut self, body: Vec<u8>) -> Result<(), Unsent> {
        let body = bytes::Bytes::from(body);
        for round in 1.. {
            let sent = tokio::select! {
                sent = self.post.send(body.clone()) => sent,
                () = self.too_late() => Err(Unsent::Later("the process ends".to_owned())),
            };
            match sent {
                Err(Unsent::Later(_)) if round < TRIES_MAX && !*self.stopping.borrow() => {
                    tokio::select! {
                        () = sleep(PAUSE * round) => {}
                        _ = self.stopping.wait_for(|stop| *stop) => {}
                    }
                }
                sent => return sent,
            }
        }
        unreachable!("the last round returns")
    }

    /// Some time after the process was told to end.
    async fn too_late(&self) {
        // An error means that nobody can tell any more, which is an end too.
        drop(self.stopping.clone().wait_for(|stop| *stop).await);
        sleep(LAST_WORDS / 2).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(resource: &[(&str, &str)]) -> TracingSettings {
        TracingSettings {
            url: "http://localhost:4318/v1/traces".parse().unwrap(),
            headers: Vec::new(),
            service: "doors".to_owned(),
            resource: resource.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            sampler: server::spans::Sampler::default(),
        }
    }

    #[test]
    fn what_the_operator_says_of_the_process_wins() {
        let resource = resource(&settings(&[("service.instance.id", "one"), ("zone", "a")]), Uuid::nil());
        let of = |name: &str| {
            resource.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(
            (of("service.name"), of("service.instance.id"), of("zone")),
            (vec!["doors"], vec!["one"], vec!["a"])
        );
    }
}
