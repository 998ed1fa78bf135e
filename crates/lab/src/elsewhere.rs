//! A sale beside the run's own, made before it: people are let in there, and their time is over when the run begins. What
//! they have must be good for nothing. Nothing here is measured.

use std::time::Duration;

use http::Method;

use crate::LabError;
use crate::clock::Clock;
use crate::contract::{self, Credential};
use crate::history::Op;
use crate::net::{Conn, Target};
use crate::operator::Operator;
use crate::plan::SalePlan;
use crate::stage::{Elsewhere, REQUEST_LIMIT};

/// So many people are let in there: each has a limit of its own for holds, and attackers try them in turn.
const PEOPLE: usize = 10;
/// The shortest that a sale may have.
const SHOPPING_WINDOW_SEC: u64 = 1;
/// A call comes within a tick; this is a server that calls nobody.
const PATIENCE_US: u64 = 5_000_000;
const LOOK_EVERY: Duration = Duration::from_millis(100);

pub(crate) async fn make(
    operator: &mut Operator,
    target: &std::sync::Arc<Target>,
    clock: Clock,
    run_id: &str,
) -> Result<Elsewhere, LabError> {
    let terms = SalePlan {
        opens_after_us: 0,
        total_seats: 100,
        admit_per_minute: 60_000,
        waiting_room_cap: 1_000,
        max_tickets_per_user: 4,
        max_tickets_per_cluster: 0,
        max_active: 0,
        seats_per_shopper: 1,
        hold_ttl_sec: 30,
    };
    let opens_at_ms = clock.wall_ms(clock.now_us()).saturating_sub(1_000);
    let name = format!("{run_id}-elsewhere");
    let sale = operator.make_sale(&name, &terms, opens_at_ms, Some(SHOPPING_WINDOW_SEC)).await?;
    let accounts = operator.make_accounts(PEOPLE, &name).await?;
    let mut conn = Conn::of_operator(target.clone());
    let path = |rest: &str| format!("/v1/sales/{}/waiting-room/{rest}", sale.sale_id);
    for account in &accounts {
        ask(&mut conn, Op::Join, Method::POST, &path("join"), &account.token).await;
    }
    let until_us = clock.now_us() + PATIENCE_US;
    let mut admissions = Vec::new();
    for account in accounts {
        loop {
            let hints = ask(&mut conn, Op::Status, Method::GET, &path("status"), &account.token).await;
            if let Some(admission) = hints.admission_token {
                admissions.push(admission);
                break;
            }
            if clock.now_us() > until_us {
                // A server that lets nobody in: what cannot be tried is missing in the report.
                return Ok(Elsewhere { sale_id: (&*sale.sale_id).into(), admissions });
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
    // Whoever was let in last is out again after this, but for the server's rounding.
    tokio::time::sleep(Duration::from_secs(SHOPPING_WINDOW_SEC) + LOOK_EVERY).await;
    Ok(Elsewhere { sale_id: (&*sale.sale_id).into(), admissions })
}

async fn ask(conn: &mut Conn, op: Op, method: Method, path: &str, session: &str) -> contract::Hints {
    let request = contract::request(conn.authority(), method, path, Credential::Session(session), None, &[]);
    let answer = match request {
        Ok(request) => conn.call(request, REQUEST_LIMIT).await,
        Err(error) => Err(crate::net::NetError::Lost(error.to_string())),
    };
    contract::read(op, answer).1
}
