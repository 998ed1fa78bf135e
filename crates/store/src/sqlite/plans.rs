//! Statements that run at every tick, join or hold must find their rows by an index, however many there are.
//!
//! They are written out again here, so that a change of one is a change of what is promised.

use rusqlite::Connection;

use super::migrate::migrate;

/// How SQLite goes about a statement, one step a line.
fn plan(sql: &str) -> String {
    let mut connection = Connection::open_in_memory().expect("memory");
    migrate(&mut connection).expect("migrations");
    let mut statement = connection.prepare(&format!("explain query plan {sql}")).expect("a statement");
    let steps = statement.raw_query().mapped(|row| row.get::<_, String>(3));
    steps.collect::<Result<Vec<_>, _>>().expect("a plan").join("\n")
}

#[test]
fn who_has_a_place_is_found_by_account() {
    let plan = plan(
        "select e.account, e.position, e.joined_at from json_each(?2) asked cross join entries e
         where e.sale = ?1 and e.account = unhex(asked.value) and e.ended_at is null",
    );
    assert!(plan.contains("entries_one_live_place (sale=? AND account=?)"), "{plan}");
}

#[test]
fn the_holds_on_a_seat_are_found_by_seat() {
    let plan = plan(
        "select h.id, h.state, h.expires_at from holds h where h.id in
             (select hs.hold from json_each(?2) wanted cross join hold_seats hs
              where hs.sale = ?1 and hs.seat = cast(wanted.value as bigint) and hs.live = 1
              union all
              select id from holds where sale = ?1 and account = ?3 and state = 'live' and expires_at <= ?4)
         order by h.id",
    );
    assert!(plan.contains("hold_seats_one_owner (sale=? AND seat=?)"), "{plan}");
    assert!(plan.contains("holds_one_live (sale=? AND account=?)"), "{plan}");
}

#[test]
fn those_who_came_back_are_counted_without_the_rest_of_the_line() {
    let plan = plan(
        "select count(*) from entries where sale = ?1 and returned_at >= 0 and ended_at is null
         and (recalled_at is null or recalled_at < returned_at)",
    );
    assert!(plan.contains("entries_returned (sale=? AND returned_at>?)"), "{plan}");
}

#[test]
fn those_inside_are_counted_without_those_who_were() {
    for sql in [
        "select count(*) from claims where sale = ?1 and ended_at is null",
        "select count(*) from claims c where c.sale = ?1 and c.ended_at is null and exists
         (select 1 from holds h where h.sale = ?1 and h.account = c.account and h.state = 'live')",
    ] {
        let plan = plan(sql);
        assert!(plan.contains("claims_one_live (sale=?)"), "{plan}");
    }
}

#[test]
fn the_call_before_the_window_is_found_by_time() {
    let plan =
        plan("select through from admission_log where sale = ?1 and at <= ?2 order by at desc, seq desc limit 1");
    assert!(plan.contains("admission_log_at (sale=? AND at<?)") && !plan.contains("B-TREE"), "{plan}");
}

#[test]
fn a_key_is_forgotten_without_a_look_at_the_others() {
    let plan = plan(
        "delete from idempotency where (account, sale, verb, key) in
         (select unhex(value ->> 0), unhex(value ->> 1), value ->> 2, value ->> 3 from json_each(?1))",
    );
    assert!(
        plan.contains("SEARCH idempotency USING PRIMARY KEY (account=? AND sale=? AND verb=? AND key=?)"),
        "{plan}"
    );
}

#[test]
fn what_an_account_has_bought_is_found_by_account_in_its_order() {
    let orders = plan(
        "select id, sale, state, total, currency, created_at from orders
         where account = ?1 and created_at <= ?2 and (created_at < ?2 or id < ?3)
         order by created_at desc, id desc limit ?4",
    );
    assert!(orders.contains("orders_account (account=? AND created_at<?)"), "{orders}");
    let tickets = plan(
        "select t.id, s.label, e.name
         from orders o join tickets t on t.order_id = o.id join seats s on s.sale = t.sale and s.num = t.seat
         join sales on sales.id = t.sale join events e on e.id = sales.event
         where o.account = ?1 and t.account = ?1 and o.created_at <= ?2
           and (o.created_at < ?2 or o.id < ?3 or (o.id = ?3 and t.seat > ?4))
         order by o.created_at desc, o.id desc, t.seat limit ?5",
    );
    assert!(tickets.contains("orders_account (account=? AND created_at<?)"), "{tickets}");
    assert!(tickets.contains("tickets_order (order_id=?)"), "{tickets}");
    assert!(!tickets.contains("SCAN"), "{tickets}");
}

#[test]
fn the_tickets_of_many_orders_are_found_by_order() {
    let plan = plan(
        "select t.order_id, t.id, t.seat, s.label, t.price, t.attendee
         from json_each(?1) wanted cross join tickets t join seats s on s.sale = t.sale and s.num = t.seat
         where t.order_id = unhex(wanted.value) order by t.order_id, t.seat",
    );
    assert!(plan.contains("tickets_order (order_id=?)"), "{plan}");
}

#[test]
fn what_is_not_sealed_is_found_without_the_rest_of_the_log() {
    let plan =
        plan("select id, at, actor, act, subject, details from audit_log where seal is null order by id limit ?1");
    assert!(plan.contains("audit_log_sealed (seal=?)") && !plan.contains("B-TREE"), "{plan}");
}

#[test]
fn the_cap_of_a_hold_is_found_among_the_terms_of_its_sale() {
    let sql = "select max(max_tickets_per_user), max(max_tickets_per_cluster), max(max_tickets_per_group),
               max(max_tickets_per_group_cluster), min(max_tickets_per_cluster), min(max_tickets_per_group),
               min(max_tickets_per_group_cluster) from sale_terms where sale = ?1 and until >= ?2";
    let plan = plan(sql);
    assert!(plan.contains("COVERING INDEX sale_terms_until (sale=? AND until>?)"), "{plan}");
}

#[test]
fn a_page_of_orders_starts_where_the_last_one_ended() {
    let plan = plan(
        "select o.id from orders o
         where o.sale = ?1 and (o.created_at, o.id) > (?2, ?3) order by o.created_at, o.id limit ?4",
    );
    assert!(plan.contains("orders_sale (sale=? AND (created_at,id)>(?,?))") && !plan.contains("B-TREE"), "{plan}");
}

#[test]
fn the_payment_of_a_hold_is_found_by_hold() {
    let plan = plan("select 1 from orders where hold = ?1 and state in ('paying', 'confirmed') and state = 'paying'");
    assert!(plan.contains("orders_one_per_hold (hold=?)"), "{plan}");
}

#[test]
fn unsettled_orders_are_found_without_those_that_are_settled() {
    let plan = plan(
        "select o.id, o.total, o.payment_token, o.state, (select h.seats from holds h where h.id = o.hold)
         from orders o
         where o.state in ('paying', 'refund_due')
           and ((o.state = 'paying' and o.created_at <= ?1)
             or (o.state = 'refund_due' and exists
                (select 1 from payments p where p.order_id = o.id and p.state = 'refund_due')))
         order by o.state, o.created_at limit ?2",
    );
    assert!(plan.contains("orders_unsettled"), "{plan}");
}
