//! Random walks: whatever fans, operators, crashes and clocks do, in whatever order, the promises hold after each step.

use std::collections::{BTreeMap, HashMap, HashSet};

use domain::{AccountId, HoldId, OrderId, Refusal, SaleId};
use serde_json::Value as Json;
use store::admissions::{ExpireClaims, Polled};
use store::holds::{ExpireHolds, OwnHoldQuery};
use store::queue::Joined;
use store::settlement::{Finished, Refunded};

use crate::world::{SEC, Visit, World, position};

const FANS: u64 = 6;
const SEATS: u64 = 8;
const CAP: i64 = 3;
const MAX_ACTIVE: i64 = 4;
const STEPS: usize = 160;

/// SplitMix64: the same seed walks the same way.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % sides
    }

    fn pick<'a, T: Copy + 'a>(&mut self, mut from: impl ExactSizeIterator<Item = &'a T>) -> Option<T> {
        if from.len() == 0 { None } else { from.nth(self.roll(from.len() as u64) as usize).copied() }
    }
}

/// What the walker was told.
struct Told {
    sale: SaleId,
    fans: Vec<AccountId>,
    /// The place of who is in line or inside.
    places: HashMap<AccountId, i64>,
    joined: i64,
    through: i64,
    visits: BTreeMap<AccountId, Visit>,
    holds: BTreeMap<HoldId, Visit>,
    orders: Vec<(OrderId, Option<Finished>)>,
}

/// How often something happened: a walk on which nothing happens proves nothing.
#[derive(Debug, Default)]
struct Met {
    calls: i64,
    holds: usize,
    confirmed: usize,
    declined: usize,
    expired: i64,
    returned: usize,
}

pub(crate) async fn the_promises_hold_on_every_random_walk(w: &mut World) {
    let mut met = Met::default();
    for seed in 0..6 {
        let sale = w
            .sale_with(|t| {
                (t.total_seats, t.max_tickets_per_user, t.max_active) = (SEATS as i64, CAP, MAX_ACTIVE);
                (t.admit_per_minute, t.waiting_room_cap) = (120, 4);
                (t.claim_window_sec, t.shopping_window_sec, t.hold_ttl_sec) = (60, 600, 40);
                (t.opens_at, t.ends_at) = (t.opens_at.plus_sec(-864_000), t.ends_at.plus_sec(864_000));
            })
            .await;
        let mut told = Told {
            sale,
            fans: w.fans(FANS as usize),
            places: HashMap::new(),
            joined: 0,
            through: 0,
            visits: BTreeMap::new(),
            holds: BTreeMap::new(),
            orders: Vec::new(),
        };
        let mut dice = Dice(seed);
        for _ in 0..STEPS {
            told.step(w, &mut dice, &mut met).await;
            told.check(w).await;
        }
    }
    let counts = [met.holds, met.confirmed, met.declined, met.returned];
    assert!(counts.iter().all(|count| *count > 0) && met.calls > 0 && met.expired > 0, "a dull walk: {met:?}");
}

impl Told {
    async fn step(&mut self, w: &mut World, dice: &mut Dice, met: &mut Met) {
        let (sale, fan) = (self.sale, self.fans[dice.roll(FANS) as usize]);
        match dice.roll(41) {
            0..=6 => self.join(w, fan).await,
            7 => {
                if w.leave(sale, fan).await.is_ok() {
                    self.places.remove(&fan);
                }
            }
            8..=13 => {
                let polled = w.poll(sale, fan).await;
                met.returned += usize::from(matches!(
                    polled,
                    Ok(Polled::Stands { state: domain::waiting_room::State::Returning, .. })
                ));
                if let Ok(Polled::Inside(claim)) = polled {
                    self.visits.insert(fan, Visit { sale, fan, claim });
                }
            }
            14..=19 => {
                w.advance(SEC);
                met.calls += w.calls(sale).await;
            }
            20..=25 => {
                let Some(visit) = dice.pick(self.visits.values()) else { return };
                let seats: Vec<u32> = (0..=dice.roll(2)).map(|_| dice.roll(SEATS) as u32).collect();
                match w.hold(&visit, &seats).await {
                    Ok(hold) => {
                        self.holds.insert(hold, visit);
                        met.holds += 1;
                    }
                    Err(Refusal::AdmissionUsed | Refusal::AdmissionExpired) => drop(self.visits.remove(&visit.fan)),
                    Err(_) => {}
                }
            }
            26 => {
                let Some(hold) = dice.pick(self.holds.keys()) else { return };
                if w.release(&self.holds[&hold], hold).await.is_ok() {
                    self.holds.remove(&hold);
                }
            }
            27..=30 => {
                let Some(hold) = dice.pick(self.holds.keys()) else { return };
                match w.begin(&self.holds[&hold], hold).await {
                    Ok(order) => self.orders.push((order, None)),
                    Err(Refusal::CheckoutInProgress) => {}
                    Err(_) => drop(self.holds.remove(&hold)),
                }
            }
            31..=32 => self.finish(w, dice, met).await,
            33 => {
                met.expired += w.ask(ExpireHolds).await.expect("a sweep") + w.ask(ExpireClaims).await.expect("a sweep");
            }
            34..=36 => w.advance([1, 7 * SEC, 19 * SEC][dice.roll(3) as usize]),
            37..=38 => w.advance(61 * SEC * dice.roll(4) as i64),
            39 => w.set_wall(w.now().plus_sec([3_600, -3_600][dice.roll(2) as usize])),
            _ => w.restart().await,
        }
    }

    async fn join(&mut self, w: &World, fan: AccountId) {
        match w.join(self.sale, fan).await {
            Joined::Refused(refusal) => {
                assert_eq!(refusal, Refusal::RoomFull);
                let waiting = self.joined - self.through;
                assert!(waiting >= 4, "{waiting} at most are waiting");
            }
            Joined::New { position, .. } => {
                self.joined += 1;
                assert_eq!(position, self.joined, "no gap");
                self.places.insert(fan, position);
            }
            known => assert_eq!(self.places.get(&fan), Some(&position(known)), "the place that was told before"),
        }
    }

    async fn finish(&mut self, w: &World, dice: &mut Dice, met: &mut Met) {
        if self.orders.is_empty() {
            return;
        }
        let at = dice.roll(self.orders.len() as u64) as usize;
        let (order, before) = &mut self.orders[at];
        let finished = w.finish(*order, dice.roll(5) < 2).await;
        if let Some(before) = before {
            assert_eq!(&finished, before, "an order is settled once");
            return;
        }
        match finished {
            Finished::Confirmed(_) => met.confirmed += 1,
            Finished::Declined => met.declined += 1,
            Finished::RefundDue => w.ask(Refunded { order: *order }).await.expect("recorded"),
        }
        *before = Some(finished);
    }

    async fn check(&mut self, w: &World) {
        let (s, lines) = (w.stats(self.sale).await, w.export(self.sale).await);
        assert!(self.through <= s.through && s.through <= s.last_position, "the watermark: {s:?}");
        assert!(s.inside + s.called_in_window <= MAX_ACTIVE, "the crowd: {s:?}");
        assert_eq!((s.joined, s.captured_total), (self.joined, s.tickets_sold * 5_000));
        self.through = s.through;

        let of = |kind: &'static str| lines.iter().filter(move |line| line["type"] == kind);
        let seats: HashSet<String> = of("ticket").map(|ticket| ticket["seat_id"].to_string()).collect();
        assert_eq!(seats.len() as i64, s.tickets_sold, "no seat is sold twice");
        let mut owned: HashMap<&str, i64> = HashMap::new();
        for ticket in of("ticket") {
            *owned.entry(ticket["user_id"].as_str().expect("an id")).or_default() += 1;
        }
        for fan in &self.fans {
            let hold = w.read(OwnHoldQuery { sale: self.sale, account: *fan }).await;
            let held = hold.map_or(0, |hold| hold.seat_ids.len()) as i64;
            let owned = held + owned.get(fan.to_string().as_str()).copied().unwrap_or(0);
            assert!(owned <= CAP, "the cap: {owned}");
        }
        let confirmed: Vec<&Json> = of("order").filter(|order| order["status"] == "confirmed").collect();
        let claims: HashSet<String> = confirmed.iter().map(|order| order["claim_id"].to_string()).collect();
        assert_eq!(claims.len(), confirmed.len(), "one admission is one order");
    }
}
