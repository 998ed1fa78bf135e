//! What a node measures: each family moves when what it tells of happens, and every one is described.

use std::collections::{BTreeMap, BTreeSet};

use http::{StatusCode, header};
use serde_json::json;

use crate::app::{Fan, TestApp};
use crate::profile::{Profile, profile};

const DESCRIPTION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/metrics.md");
/// What a histogram's samples are called after its name.
const OF_HISTOGRAM: [&str; 3] = ["_bucket", "_sum", "_count"];

/// A page as Prometheus reads it.
struct Page {
    /// Value by name and labels, as written.
    samples: BTreeMap<String, f64>,
    /// Type by family.
    types: BTreeMap<String, String>,
}

impl Page {
    fn read(text: &str) -> Self {
        let (mut samples, mut types) = (BTreeMap::new(), BTreeMap::new());
        for line in text.lines() {
            if let Some(head) = line.strip_prefix("# TYPE ") {
                let (family, kind) = head.split_once(' ').expect("a family and its type");
                assert!(types.insert(family.to_owned(), kind.to_owned()).is_none(), "{family} comes twice");
            } else if !line.starts_with('#') {
                let (sample, value) = line.rsplit_once(' ').expect("a sample and its value");
                let value = value.parse().unwrap_or_else(|_| panic!("{line}"));
                assert!(samples.insert(sample.to_owned(), value).is_none(), "{sample} comes twice");
            }
        }
        Self { samples, types }
    }

    #[track_caller]
    fn value(&self, sample: &str) -> f64 {
        *self.samples.get(sample).unwrap_or_else(|| panic!("no {sample} in {:#?}", self.samples))
    }

    /// The figure of a sale that has no other label.
    #[track_caller]
    fn of(&self, sale: &str, name: &str) -> i64 {
        self.value(&format!("traffic_{name}{{sale=\"{sale}\"}}")) as i64
    }

    /// By type and labels, every family. A histogram's bounds are no label.
    fn families(&self) -> BTreeMap<&str, (&str, BTreeSet<&str>)> {
        let mut families: BTreeMap<&str, (&str, BTreeSet<&str>)> =
            self.types.iter().map(|(name, kind)| (name.as_str(), (kind.as_str(), BTreeSet::new()))).collect();
        for sample in self.samples.keys() {
            let (name, labels) = sample.split_once('{').unwrap_or((sample, ""));
            let of_histogram = OF_HISTOGRAM.iter().find_map(|end| name.strip_suffix(end));
            let family = if self.types.contains_key(name) { name } else { of_histogram.unwrap_or(name) };
            let (_, known) = families.get_mut(family).unwrap_or_else(|| panic!("{sample} has no type"));
            let names = labels.split("\",").filter_map(|label| label.split_once("=\"")).map(|(name, _)| name);
            known.extend(names.filter(|name| *name != "le"));
        }
        families
    }
}

async fn page(app: &TestApp) -> Page {
    let answer = app.get("/metrics").send().await;
    answer.expect(StatusCode::OK);
    Page::read(std::str::from_utf8(&answer.body).expect("text"))
}

/// Joins these, in order.
async fn line(app: &TestApp, sale: &str, count: usize) -> Vec<Fan> {
    let fans = app.fans(count).await;
    for fan in &fans {
        app.join(sale, fan).await.expect(StatusCode::CREATED);
    }
    fans
}

#[tokio::test]
async fn a_page_is_plain_text_and_openmetrics_for_who_asks() {
    let app = TestApp::start().await;
    let plain = app.get("/metrics").send().await;
    assert!(plain.header("content-type").starts_with("text/plain; version=0.0.4"), "{plain:?}");
    let asked =
        app.get("/metrics").header(header::ACCEPT.as_str(), "application/openmetrics-text;version=1.0.0").send();
    let open = asked.await;
    assert!(open.header("content-type").starts_with("application/openmetrics-text; version=1.0.0"), "{open:?}");
    assert!(open.body.ends_with(b"\n# EOF\n") && !plain.body.ends_with(b"# EOF\n"));
}

/// Name, type and labels of each family stand in docs/metrics.md, and nothing else does.
#[tokio::test]
async fn every_family_is_described_and_every_description_is_of_a_family() {
    let app = TestApp::one_node_with(&[("REDIS_URL", "redis://:pass@127.0.0.1:1")]).await;
    let sale = app.sale().await;
    app.admitted(&sale).await;
    let page = page(&app).await;
    let text = std::fs::read_to_string(DESCRIPTION).unwrap();
    let mut described = BTreeMap::new();
    for row in text.lines().filter(|line| line.starts_with("| `traffic_")) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [name, kind, labels, tells, healthy] = cells[..] else { panic!("five cells: {row}") };
        assert!(!tells.is_empty(), "{row}");
        let labels: BTreeSet<&str> = labels.split(',').map(str::trim).filter(|label| !label.is_empty()).collect();
        assert!(described.insert(name.trim_matches('`'), (kind, labels)).is_none(), "{name} is described twice");
        let only_embedded = tells.contains("SQLite only") || healthy.contains("SQLite only");
        let here = page.types.contains_key(name.trim_matches('`'));
        assert!(here || (only_embedded && profile() == Profile::Cluster), "{name} is described, and is not there");
    }
    for (name, family) in page.families() {
        assert_eq!(described.get(name), Some(&family), "{name}");
    }
}

#[tokio::test]
async fn a_node_tells_what_runs_there() {
    let app = TestApp::one_node().await;
    let page = page(&app).await;
    let engine = if profile() == Profile::Embedded { "sqlite" } else { "postgresql" };
    let version = env!("CARGO_PKG_VERSION");
    let build = format!("traffic_build_info{{version=\"{version}\",commit=\"0123456789ab\",engine=\"{engine}\"}}");
    assert_eq!(page.value(&build), 1.0);
    for role in ["api", "worker"] {
        assert_eq!(page.value(&format!("traffic_node_role{{role=\"{role}\"}}")), 1.0);
    }
    let now = app.now().millis() as f64 / 1000.0;
    assert_eq!(page.value("traffic_process_start_time_seconds"), now);
    assert_eq!((page.value("traffic_clock_seconds"), page.value("traffic_draining")), (now, 0.0));
    app.drain();
    app.advance(1_500);
    let later = self::page(&app).await;
    assert_eq!((later.value("traffic_clock_seconds"), later.value("traffic_draining")), (now + 1.5, 1.0));
    assert!(later.value("traffic_process_resident_memory_bytes") > 1e6);
}

#[tokio::test]
async fn joins_are_counted_by_their_result() {
    let app = TestApp::one_node().await;
    let sale = app.sale_with(json!({ "admit_per_minute": 0, "waiting_room_cap": 2 })).await;
    let early = app.sale_with(json!({ "opens_at": app.now().plus_sec(60) })).await;
    let fans = app.fans(3).await;
    for fan in &fans[..2] {
        app.join(&sale, fan).await.expect(StatusCode::CREATED);
    }
    for _ in 0..3 {
        app.join(&sale, &fans[0]).await.expect(StatusCode::OK);
    }
    app.join(&sale, &fans[2]).await.refused(503, "room_full");
    app.join(&early, &fans[2]).await.refused(403, "sale_closed");
    app.join("nothing", &fans[2]).await.refused(404, "sale_not_found");
    let page = page(&app).await;
    let expected = [
        ("new", 2.0),
        ("known", 3.0),
        ("room_full", 1.0),
        ("sale_closed", 1.0),
        ("sale_not_found", 1.0),
        ("other", 0.0),
    ];
    for (result, count) in expected {
        assert_eq!(page.value(&format!("traffic_joins_total{{result=\"{result}\"}}")), count, "{result}");
    }
    assert_eq!(page.value("traffic_join_batch_people_count"), 3.0, "one by one: who was refused was in a batch too");
    assert_eq!(page.value("traffic_join_batch_people_bucket{le=\"1.0\"}"), 3.0);
    assert_eq!(page.value("traffic_join_batch_duration_seconds_count"), 3.0);
    let route = "/v1/sales/{id}/waiting-room/join";
    let answers = page.value(&format!("traffic_http_request_duration_seconds_count{{route=\"{route}\"}}"));
    assert_eq!(answers, 8.0);
}

#[tokio::test]
async fn holds_and_checkouts_are_counted_by_their_result() {
    let app = TestApp::one_node().await;
    let sale = app.sale_with(json!({ "hold_ttl_sec": 60 })).await;
    let (one, two) = (app.admitted(&sale).await, app.admitted(&sale).await);
    let hold = app.held(&sale, &one, &["GA-1-1"]).await;
    app.hold(&sale, &two, "taken", &["GA-1-1"]).await.refused(409, "unavailable");
    let forged = json!({ "hold_id": hold, "idempotency_key": "k", "payment": { "token": "sim_decline" } });
    app.pay(&sale, &one, forged.clone()).await.refused(402, "payment_declined");
    app.checkout(&sale, &one, &hold, "k").await.expect(StatusCode::OK);
    let lost = app.held(&sale, &two, &["GA-1-2"]).await;
    let lost = json!({ "hold_id": lost, "idempotency_key": "l", "payment": { "token": "sim_timeout" } });
    app.pay(&sale, &two, lost).await.refused(503, "outcome_unknown");
    app.advance(30_000);
    app.settle().await;
    let three = app.admitted(&sale).await;
    app.held(&sale, &three, &["GA-1-3"]).await;
    app.advance(60_000);
    app.tick().await;
    let page = page(&app).await;
    for (sample, count) in [
        ("traffic_holds_total{result=\"placed\"}", 3.0),
        ("traffic_holds_total{result=\"unavailable\"}", 1.0),
        ("traffic_checkouts_total{result=\"confirmed\"}", 1.0),
        ("traffic_checkouts_total{result=\"payment_declined\"}", 1.0),
        ("traffic_checkouts_total{result=\"outcome_unknown\"}", 1.0),
        ("traffic_settlements_total{result=\"confirmed\"}", 1.0),
        ("traffic_holds_expired_total", 1.0),
    ] {
        assert_eq!(page.value(sample), count, "{sample}");
    }
    for (state, seats) in [("free", 98.0), ("held", 0.0), ("sold", 2.0)] {
        assert_eq!(page.value(&format!("traffic_seats{{sale=\"{sale}\",state=\"{state}\"}}")), seats, "{state}");
    }
    for (result, claims) in [("bought", 2.0), ("expired", 0.0), ("left", 0.0)] {
        let sample = format!("traffic_claims_ended_total{{sale=\"{sale}\",result=\"{result}\"}}");
        assert_eq!(page.value(&sample), claims, "{result}");
    }
    assert_eq!((page.of(&sale, "claims_begun_total"), page.of(&sale, "inside")), (3, 1));
}

/// The figures of a sale against the same counted in the database, on every node.
#[track_caller]
fn same_as_stats(page: &Page, sale: &str, stats: &crate::app::Answer) {
    let pairs = [
        ("joined", "joined"),
        ("waiting", "waiting"),
        ("called", "called"),
        ("inside", "inside"),
        ("returning", "returning"),
        ("admitted_through", "through"),
    ];
    for (name, counted) in pairs {
        assert_eq!(json!(page.of(sale, name)), stats[counted], "{name}: {stats:?}");
    }
    for (state, counted) in [("free", "available_seats"), ("held", "held_seats"), ("sold", "tickets_sold")] {
        let seats = page.value(&format!("traffic_seats{{sale=\"{sale}\",state=\"{state}\"}}")) as i64;
        assert_eq!(json!(seats), stats[counted], "{state}: {stats:?}");
    }
}

#[tokio::test]
async fn the_figures_of_a_sale_are_those_of_the_database_on_every_node_and_after_a_restart() {
    let mut app = TestApp::start().await;
    let terms = json!({ "admit_per_minute": 300, "claim_window_sec": 60, "shopping_window_sec": 120 });
    let sale = app.sale_with(terms).await;
    let fans = line(&app, &sale, 12).await;
    app.leave(&sale, &fans[10]).await.expect(StatusCode::OK);
    app.leave(&sale, &fans[2]).await.expect(StatusCode::OK);
    app.join(&sale, &fans[2]).await.expect(StatusCode::CREATED);
    let mut looks = 0;
    for round in 0..40 {
        app.pass(if round % 3 == 0 { 200 } else { 8_000 }).await;
        match round {
            1 => drop(app.admit(&sale, &fans[0]).await),
            2 => {
                let shopper = app.admit(&sale, &fans[1]).await;
                let hold = app.held(&sale, &shopper, &["GA-1-1", "GA-1-2"]).await;
                app.checkout(&sale, &shopper, &hold, "k").await.expect(StatusCode::OK);
            }
            // Comes in, and lets the time run out.
            3 => drop(app.admit(&sale, &fans[4]).await),
            4 => {
                let shopper = app.admit(&sale, &fans[3]).await;
                app.held(&sale, &shopper, &["GA-2-1"]).await;
            }
            5 => drop(app.leave(&sale, &fans[0]).await),
            // Too late: called again.
            16 | 17 => drop(app.status(&sale, &fans[round - 10]).await),
            20 => drop(app.status(&sale, &fans[6]).await),
            25 => app.restart().await,
            _ => {}
        }
        app.heard().await;
        let stats = app.stats(&sale).await;
        for node in 0..profile().nodes() {
            same_as_stats(&page(app.on(node)).await, &sale, &stats);
            looks += 1;
        }
    }
    assert_eq!(looks, 40 * profile().nodes());
    let stats = app.stats(&sale).await;
    for (name, least) in [("bought", 1), ("expired", 1), ("left", 3), ("called", 1)] {
        assert!(stats[name].as_i64() >= Some(least), "{name} was not tried: {stats:?}");
    }
}

#[tokio::test]
async fn who_does_not_come_within_the_window_is_a_no_show() {
    let app = TestApp::one_node().await;
    let sale = app.sale_with(json!({ "claim_window_sec": 30, "admit_per_minute": 60_000 })).await;
    let fans = line(&app, &sale, 4).await;
    app.pass(400).await;
    app.status(&sale, &fans[1]).await.expect(StatusCode::OK);
    app.leave(&sale, &fans[2]).await.expect(StatusCode::OK);
    app.pass(29_000).await;
    let before = page(&app).await;
    assert_eq!((before.of(&sale, "no_shows_total"), before.of(&sale, "called")), (0, 2));
    app.pass(5_000).await;
    assert_eq!(page(&app).await.of(&sale, "no_shows_total"), 2);
    let late = app.status(&sale, &fans[0]).await;
    assert_eq!(late["state"], "returning");
    assert_eq!(page(&app).await.of(&sale, "returning"), 1);
    app.pass(200).await;
    let after = page(&app).await;
    assert_eq!((after.of(&sale, "returning"), after.of(&sale, "no_shows_total")), (0, 2));
}

#[tokio::test]
async fn the_drip_tells_what_it_should_do_what_it_did_and_what_held_it_back() {
    let app = TestApp::one_node().await;
    let sale = app.sale_with(json!({ "admit_per_minute": 120, "total_seats": 5 })).await;
    let bound = |page: &Page, by: &str| page.value(&format!("traffic_drip_bound{{sale=\"{sale}\",by=\"{by}\"}}"));
    let phase =
        |page: &Page, phase: &str| page.value(&format!("traffic_sale_phase{{sale=\"{sale}\",phase=\"{phase}\"}}"));
    app.pass(1_000).await;
    assert_eq!(bound(&page(&app).await, "line"), 1.0, "nobody waits");
    line(&app, &sale, 300).await;
    app.pass(2_400).await;
    let busy = page(&app).await;
    assert_eq!((busy.of(&sale, "drip_target_per_minute"), bound(&busy, "rate"), bound(&busy, "line")), (120, 1.0, 0.0));
    app.pass(30_000).await;
    let stuck = page(&app).await;
    assert_eq!(bound(&stuck, "stock"), 1.0, "as many are on their way as there are seats");
    assert!(
        (5..=60).contains(&stuck.of(&sale, "drip_achieved_per_minute")),
        "{}",
        stuck.of(&sale, "drip_achieved_per_minute")
    );
    assert!(stuck.value(&format!("traffic_drip_ticks_total{{sale=\"{sale}\",by=\"rate\"}}")) > 5.0);
    app.post(format!("/v1/admin/sales/{sale}/pause")).admin().json(&json!({})).send().await.expect(StatusCode::OK);
    app.pass(60_000).await;
    let paused = page(&app).await;
    let figures = (paused.of(&sale, "drip_target_per_minute"), paused.of(&sale, "drip_achieved_per_minute"));
    assert_eq!(figures, (0, 0));
    assert_eq!((phase(&paused, "paused"), phase(&paused, "open"), bound(&paused, "stock")), (1.0, 0.0, 0.0));
}

#[tokio::test]
async fn only_the_worker_that_leads_tells_what_held_the_drip_back() {
    let app = TestApp::cluster(2).await;
    let sale = app.sale().await;
    app.pass(400).await;
    let of = format!("traffic_drip_bound{{sale=\"{sale}\",by=\"line\"}}");
    assert_eq!(page(app.on(0)).await.value(&of), 1.0);
    let other = page(app.on(1)).await;
    assert!(!other.samples.contains_key(&of) && other.value("traffic_leader") == 0.0);
    let nothing = Page::read(&String::from_utf8_lossy(
        &app.get("/metrics").through(server::router::worker(app.at(1).clone())).send().await.body,
    ));
    assert_eq!(nothing.types.keys().collect::<Vec<_>>(), other.types.keys().collect::<Vec<_>>(), "the same families");
}

#[tokio::test]
async fn a_sale_is_told_of_until_an_hour_after_its_end() {
    let app = TestApp::one_node().await;
    let (sale, other) = (app.sale().await, app.sale_with(json!({ "ends_at": app.now().plus_sec(86_400) })).await);
    let told = async || {
        let page = page(&app).await;
        let of = |sale: &str| page.samples.contains_key(&format!("traffic_waiting{{sale=\"{sale}\"}}"));
        (of(&sale), of(&other), page.value("traffic_sales"))
    };
    app.advance(2 * 3_600_000);
    assert_eq!(told().await, (true, true, 2.0));
    app.advance(1);
    assert_eq!(told().await, (false, true, 2.0));
    app.post(format!("/v1/admin/sales/{other}/close")).admin().json(&json!({})).send().await.expect(StatusCode::OK);
    app.heard().await;
    app.advance(3_600_000);
    assert_eq!(told().await, (false, true, 2.0), "closed an hour ago");
    app.advance(1);
    assert_eq!(told().await, (false, false, 2.0));
}

#[tokio::test]
async fn the_store_tells_of_its_commits_and_a_poll_makes_none() {
    let app = TestApp::one_node().await;
    let sale = app.sale_with(json!({ "admit_per_minute": 0 })).await;
    let fans = line(&app, &sale, 3).await;
    let commits = "traffic_store_commit_duration_seconds_count";
    let before = page(&app).await;
    for _ in 0..5 {
        app.status(&sale, &fans[0]).await.expect(StatusCode::OK);
    }
    assert_eq!(page(&app).await.value(commits), before.value(commits));
    line(&app, &sale, 2).await;
    let after = page(&app).await;
    assert!(after.value(commits) >= before.value(commits) + 2.0);
    if profile() == Profile::Embedded {
        assert_eq!(after.value("traffic_store_commit_commands_count"), after.value(commits));
        assert!(after.value("traffic_store_commit_commands_bucket{le=\"1.0\"}") > 0.0);
        assert!(after.value("traffic_storage_bytes{file=\"database\"}") > 0.0);
    }
    for lane in ["operator", "settlements", "purchases", "joins", "accounts", "reads"] {
        assert_eq!(after.value(&format!("traffic_store_waiting{{lane=\"{lane}\"}}")), 0.0);
        assert!(after.value(&format!("traffic_store_waiting_max{{lane=\"{lane}\"}}")) >= 64.0);
    }
    assert!(
        after.value("traffic_store_connections_max") >= 2.0 && after.value("traffic_store_connections_waiting") == 0.0
    );
    assert_eq!(after.value("traffic_degraded"), 0.0);
}

#[tokio::test]
async fn what_the_store_cannot_do_is_counted() {
    let app = TestApp::one_node().await;
    let sale = app.sale().await;
    let fan = app.fan().await;
    app.close_store().await;
    app.join(&sale, &fan).await.refused(503, "overloaded");
    let page = page(&app).await;
    assert_eq!(page.value("traffic_store_failures_total{kind=\"stopped\"}"), 1.0);
    assert_eq!(page.value("traffic_joins_total{result=\"overloaded\"}"), 1.0);
}
