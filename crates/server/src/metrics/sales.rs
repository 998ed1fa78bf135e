//! How each sale goes. Every node tells the same of a sale, as far as it has heard: whoever adds nodes up counts twice.

use std::cmp::Reverse;
use std::sync::Arc;

use domain::Timestamp;
use domain::sale::{Phase, Sale};
use domain::waiting_room::EndedAs;

use super::text::{Labels, Page};
use crate::app::App;
use crate::waiting_room::Room;

/// A sale is told of for so long after its end: until the last holds are paid, and somebody has looked.
const SHOWN_AFTER_END_SEC: i64 = 3_600;
/// Sales on one page. Each is some fifty lines, kept by Prometheus for weeks; more than this are hardly open at once.
const SHOWN_MAX: usize = 100;

const PHASES: [Phase; 6] =
    [Phase::Building, Phase::Scheduled, Phase::Open, Phase::Paused, Phase::SoldOut, Phase::Ended];
const ENDS: [EndedAs; 3] = [EndedAs::Bought, EndedAs::Expired, EndedAs::Left];

pub(super) fn write(page: &mut Page, app: &App) {
    let wall = app.clock.wall();
    let all = app.rooms.all();
    page.gauge("sales", "Sales that this node knows, also those that it tells nothing more of").is(all.len());
    let rooms: Vec<Shown> = shown(all, wall).into_iter().map(Shown::from).collect();
    phases(page, &rooms, wall);
    line(page, &rooms);
    drip(page, &rooms, wall);
    if app.leads().is_some() {
        ticks(page, &rooms);
    }
    shop(page, &rooms);
    batches(page, &rooms);
}

/// A room with its name on the page.
struct Shown {
    id: String,
    room: Arc<Room>,
}

impl From<Arc<Room>> for Shown {
    fn from(room: Arc<Room>) -> Self {
        Self { id: room.id.to_string(), room }
    }
}

/// The open ones first, then those whose doors open, or opened, closest to now.
fn shown(rooms: Vec<Arc<Room>>, wall: Timestamp) -> Vec<Arc<Room>> {
    let mut keyed: Vec<_> = rooms
        .into_iter()
        .filter_map(|room| {
            let sale = room.sale();
            let is_open = sale.may_join(wall).is_ok();
            let ended_ms = sale.has_ended(wall).then(|| wall.since_ms(end(&sale, wall)));
            let far = wall.since_ms(sale.terms.opens_at).abs();
            ended_ms.is_none_or(|ago| ago <= SHOWN_AFTER_END_SEC * 1_000).then_some((Reverse(is_open), far, room))
        })
        .collect();
    keyed.sort_by_key(|(is_open, far, room)| (*is_open, *far, room.id));
    keyed.into_iter().take(SHOWN_MAX).map(|(_, _, room)| room).collect()
}

/// A sale that was closed ended then, and otherwise by its terms.
fn end(sale: &Sale, wall: Timestamp) -> Timestamp {
    sale.closed_at.unwrap_or(wall).min(sale.terms.ends_at)
}

fn phases(page: &mut Page, rooms: &[Shown], wall: Timestamp) {
    let mut family = page.gauge("sale_phase", "1 for the phase that a sale is in");
    for Shown { id, room } in rooms {
        let now = room.phase(wall);
        for phase in PHASES {
            family.sample(&[("sale", id), ("phase", &phase.name())], u8::from(phase == now));
        }
    }
}

/// Name, description, and where the value comes from.
type Figure = (&'static str, &'static str, fn(&Room) -> i64);

fn gauges(page: &mut Page, rooms: &[Shown], families: &[Figure]) {
    for (name, help, value) in families {
        let mut family = page.gauge(name, help);
        for Shown { id, room } in rooms {
            family.sample(&[("sale", id)], value(room));
        }
    }
}

fn line(page: &mut Page, rooms: &[Shown]) {
    gauges(
        page,
        rooms,
        &[
            ("joined", "Places ever given in a sale", Room::joined),
            ("admitted_through", "The watermark of a sale: everybody up to this position was called", Room::through),
            ("waiting", "People waiting now", Room::waiting),
            ("waiting_room_cap", "As many may wait", |room| room.sale().terms.waiting_room_cap),
            ("called", "People called who have neither come nor gone", Room::called),
            ("inside", "People inside, with a claim that lives", |room| room.crowd.inside()),
            ("returning", "People who came too late and wait for another call", |room| room.crowd.returning()),
        ],
    );
    let mut family = page.counter("claims_begun_total", "People who went inside after their call");
    for Shown { id, room } in rooms {
        family.sample(&[("sale", id)], room.crowd.claims_begun());
    }
    let mut family = page.counter("claims_ended_total", "People who were inside and are not any more");
    for Shown { id, room } in rooms {
        for end in ENDS {
            family.sample(&[("sale", id), ("result", &end.name())], room.crowd.claims_ended(end));
        }
    }
    let mut family = page.counter("no_shows_total", "People whose first call went by without them");
    for Shown { id, room } in rooms {
        family.sample(&[("sale", id)], room.crowd.no_shows());
    }
}

fn drip(page: &mut Page, rooms: &[Shown], wall: Timestamp) {
    let help = "People that the drip is set to call in a minute; 0 while the sale calls nobody";
    let mut family = page.gauge("drip_target_per_minute", help);
    for Shown { id, room } in rooms {
        let sale = room.sale();
        let target = if sale.may_call(wall) { sale.terms.admit_per_minute } else { 0 };
        family.sample(&[("sale", id)], target);
    }
    let help = "People called in the last 60 seconds, as many in a minute";
    let mut family = page.gauge("drip_achieved_per_minute", help);
    for Shown { id, room } in rooms {
        let pace = room.pace(wall);
        family.sample(&[("sale", id)], pace.called as f64 * 60_000.0 / pace.over_ms as f64);
    }
}

/// Only whoever ticks knows.
fn ticks(page: &mut Page, rooms: &[Shown]) {
    let mut family = page.gauge("drip_bound", "1 for what held the drip back at the last tick");
    for Shown { id, room } in rooms {
        let last = room.ticks.last();
        for (bound, _) in room.ticks.counted() {
            family.sample(&[("sale", id), ("by", &bound.name())], u8::from(last == Some(bound)));
        }
    }
    let mut family = page.counter("drip_ticks_total", "Ticks of an open sale, by what held the drip back");
    for Shown { id, room } in rooms {
        for (bound, count) in room.ticks.counted() {
            family.sample(&[("sale", id), ("by", &bound.name())], count);
        }
    }
}

fn shop(page: &mut Page, rooms: &[Shown]) {
    let mut family = page.gauge("seats", "Seats by state; those that the operator keeps back count as sold");
    for Shown { id, room } in rooms {
        let stock = &room.stock;
        for (state, seats) in [("free", stock.free()), ("held", stock.held()), ("sold", stock.sold())] {
            family.sample(&[("sale", id), ("state", &state)], seats);
        }
    }
}

/// The only figures of a sale that are this node's own.
fn batches(page: &mut Page, rooms: &[Shown]) {
    let mut family = page.gauge("joins_queued", "People on this node who wait for their batch of joins");
    for Shown { id, room } in rooms {
        family.sample(&[("sale", id)], room.joins.waiting());
    }
    let help = "People in the join batch of this node that took longest";
    let mut family = page.gauge("worst_join_batch_people", help);
    for Shown { id, room } in rooms {
        family.sample(&[("sale", id)], room.joins.worst().people);
    }
    let help = "The join batch of this node that took longest, from its start to its answer";
    let mut family = page.gauge("worst_join_batch_seconds", help);
    for Shown { id, room } in rooms {
        let labels: &Labels<'_> = &[("sale", id)];
        family.sample(labels, room.joins.worst().took.as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use domain::money::Currency;
    use domain::sale::{CancelledSeats, Terms};
    use domain::seat_map::Seating;
    use domain::{EventId, Money, SaleId};
    use uuid::Uuid;

    use super::*;

    const NOW: Timestamp = Timestamp(100_000_000);

    fn room(number: u128, opens_in_sec: i64, ends_in_sec: i64) -> Arc<Room> {
        let terms = Terms {
            opens_at: NOW.plus_sec(opens_in_sec),
            ends_at: NOW.plus_sec(ends_in_sec),
            total_seats: 1,
            admit_per_minute: 1,
            waiting_room_cap: 1,
            max_tickets_per_user: 1,
            caps: domain::caps::Caps::default(),
            max_active: 0,
            hold_ttl_sec: 1,
            claim_window_sec: 1,
            shopping_window_sec: 1,
            seats_per_shopper: 1,
            price: Money(1),
            currency: Currency::parse("USD").unwrap(),
            cancelled_seats: CancelledSeats::Public,
        };
        let (id, event) = (SaleId(Uuid::from_u128(number)), EventId(Uuid::nil()));
        let sale = Sale { id, event, terms, paused: false, closed_at: None, built_at: Some(Timestamp(0)) };
        Arc::new(Room::new(sale, &Seating::general(1, Money(1)).unwrap()))
    }

    fn numbers(rooms: Vec<Arc<Room>>) -> Vec<u128> {
        shown(rooms, NOW).iter().map(|room| room.id.0.as_u128()).collect()
    }

    #[test]
    fn open_sales_come_first_then_those_whose_doors_are_closest_and_long_gone_ones_not_at_all() {
        let rooms = vec![
            room(1, 60, 120),
            room(2, -1_000, 1_000),
            room(3, -7_200, -3_601),
            room(4, 30, 120),
            room(5, -50, -10),
            room(6, -2_000, 1_000),
            room(7, -7_200, -3_600),
        ];
        assert_eq!(numbers(rooms), [2, 6, 4, 5, 1, 7]);
    }

    #[test]
    fn a_page_has_no_more_than_a_hundred_sales_and_the_open_ones_among_them() {
        let rooms = (1..=500).map(|number| if number == 400 { room(400, -9_000, 9) } else { room(number, 5, 9) });
        let told = numbers(rooms.collect());
        assert_eq!((told.len(), told[0]), (SHOWN_MAX, 400));
    }
}
