//! What a rush asks again and again is looked up, and never by reading a whole sale: not in a table of which PostgreSQL knows
//! nothing yet, and not of a sale that it has never met. The statements are as PostgreSQL reads them.

use crate::world::{World, postgres};

const FULL: &str = "
    insert into entries (sale, position, account, joined_at)
        select '\\x01', n, decode(md5(n::text), 'hex'), 0 from generate_series(1, 5000) n;
    insert into seats (sale, num, label, price) select '\\x01', n, n::text, 1 from generate_series(1, 5000) n;
    insert into hold_seats (sale, seat, hold, live)
        select '\\x01', n, decode(md5(n::text), 'hex'), 1 from generate_series(1, 5000) n;
    insert into tickets (id, order_id, sale, seat, account, price, issued_at)
        select decode(md5(n::text), 'hex'), '\\x02', '\\x01', n, decode(md5(n::text), 'hex'), 1, 0
        from generate_series(1, 5000) n;";

/// Statement, its types, values, and the condition by which it must look up.
const LOOKED_UP: [(&str, &str, &str, &str); 7] = [
    (
        "select e.account, e.position, e.joined_at from json_each($2) asked cross join entries e
         where e.sale = $1 and e.account = unhex(asked.value)
           and e.account = any (array(select unhex(value) from json_each($2))) and e.ended_at is null",
        "bytea, text",
        "'\\x03', '[\"00\"]'",
        "((sale = $1) AND (account = ANY",
    ),
    (
        "select s.num from json_each($2) wanted cross join seats s where s.sale = $1 and s.num = cast(wanted.value as bigint)
           and s.num = any (array(select cast(value as bigint) from json_each($2)))",
        "bytea, text",
        "'\\x03', '[1, 2]'",
        "((sale = $1) AND (num = ANY",
    ),
    (
        "select hs.hold from json_each($2) wanted cross join hold_seats hs
         where hs.sale = $1 and hs.seat = cast(wanted.value as bigint)
           and hs.seat = any (array(select cast(value as bigint) from json_each($2))) and hs.live = 1",
        "bytea, text",
        "'\\x03', '[1, 2]'",
        "((sale = $1) AND (seat = ANY",
    ),
    (
        "update entries set ended_at = 1 where sale = $1 and position = $2 and ended_at is null",
        "bytea, bigint",
        "'\\x03', 1",
        "((sale = $1) AND (\"position\" = $2))",
    ),
    (
        "select count(*) from tickets where sale = $1 and account = $2 and cancelled_at is null",
        "bytea, bytea",
        "'\\x03', '\\x04'",
        "((sale = $1) AND (account = $2))",
    ),
    (
        "select coalesce(sum(
           (select count(*) from tickets t where t.sale = s.sale and t.account = m.account and t.cancelled_at is null)), 0)
         from (select distinct account from cluster_members where cluster = $1) m
           cross join (select unhex(value) as sale from json_each($2)) s",
        "bytea, text",
        "'\\x03', '[\"00\"]'",
        "AND (account = cluster_members.account))",
    ),
    (
        "select coalesce(sum(
           (select coalesce(sum(h.seats), 0) from holds h where h.sale = s.sale and h.account = m.account
              and h.state = 'live' and h.expires_at + 0 > $3 and h.id <> $4)), 0)
         from (select distinct account from cluster_members where cluster = $1) m
           cross join (select unhex(value) as sale from json_each($2)) s",
        "bytea, text, bigint, bytea",
        "'\\x03', '[\"00\"]', 1, '\\x00'",
        "AND (account = cluster_members.account))",
    ),
];

#[tokio::test]
async fn a_rush_looks_up_and_reads_no_whole_sale() {
    let w = World::new(postgres).await;
    for prepared in [FULL, "analyze"] {
        w.psql().run(prepared).expect("rows or statistics");
        for (sql, types, values, condition) in LOOKED_UP {
            let ask = format!(
                "set plan_cache_mode = force_generic_plan; set enable_seqscan = off; prepare asked ({types}) as {sql}; explain execute asked ({values})"
            );
            let plan = w.psql().run(&ask).expect("a plan");
            assert!(plan.contains(condition), "{sql}\n{plan}");
        }
    }
}

#[tokio::test]
async fn what_is_known_of_an_empty_table_lasts_until_a_rush_is_there() {
    let w = World::new(postgres).await;
    let soon = "select relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = current_schema() and c.relkind = 'r'
            and exists (select 1 from pg_statistic s where s.starelid = c.oid)
            and not coalesce(c.reloptions @> '{autovacuum_vacuum_threshold=10000,autovacuum_analyze_threshold=10000}', false)";
    assert_eq!(w.psql().run(soon).expect("a list").trim(), "", "autovacuum would come upon made-up rows too soon");
    let known = w
        .psql()
        .run(
            "select count(distinct starelid) from pg_statistic s join pg_class c on c.oid = s.starelid
        join pg_namespace n on n.oid = c.relnamespace where n.nspname = current_schema()",
        )
        .expect("a count");
    assert_eq!(known.trim(), "7");
}
