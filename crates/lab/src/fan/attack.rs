//! Ways around the line: each is tried many times, and must be answered with the documented no.

use std::sync::Arc;

use http::Method;
use serde_json::json;

use super::{Ending, Fan, Sending};
use crate::attack::Attack;
use crate::contract::Credential;
use crate::history::{Op, Why};

/// Knocks are over this long before the doors, so that no clock's error makes one of them legitimate.
const KNOCKS_END_US: u64 = 60_000;
/// Tokens are looked out for this often.
const LISTEN_EVERY_US: u64 = 50_000;
/// A shape of a signed token that nobody signed.
const FORGED: &str = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJpc3MiOiJ0cmFmZmljIn0.AAAA";
/// The address of a hold, written so that a careless reader takes it for another.
const TRICKS: [&str; 8] = [
    "/v1/sales/{id}/holds/",
    "//v1/sales/{id}/holds",
    "/v1/sales/{id}//holds",
    "/v1/sales/{id}/./holds",
    "/v1/sales/{id}/seats/../holds",
    "/v1/sales/{id}/%68olds",
    "/V1/SALES/{id}/HOLDS",
    "/v1/sales/{id}/holds;x=1",
];

impl Fan {
    /// Everything, `tries` times each.
    pub(super) async fn attack(&mut self, tries: u64) -> Option<Ending> {
        self.knock(tries).await?;
        let doors_us = self.me.stage.sales[self.me.sale].doors_us;
        self.pause_until(doors_us + self.plan.arrival_us).await?;
        for number in 0..tries {
            self.try_with_nothing(number).await?;
            self.try_forged(number).await?;
            self.try_path(number).await?;
            self.try_from_elsewhere(number).await?;
        }
        for number in 0..tries {
            self.try_overheard(number).await?;
        }
        Some(Ending::Tried)
    }

    /// Before the doors.
    async fn knock(&mut self, tries: u64) -> Option<()> {
        let until_us = self.me.stage.sales[self.me.sale].doors_us.saturating_sub(KNOCKS_END_US);
        for _ in 0..tries {
            let now = self.me.stage.clock.now_us();
            if now >= until_us {
                break;
            }
            self.send_join(now, Why::Attack(Attack::EarlyJoin)).await?;
        }
        Some(())
    }

    async fn try_with_nothing(&mut self, number: u64) -> Option<()> {
        let session = self.session.clone();
        self.try_shop(Attack::NoCredential, number, Credential::None, vec![]).await?;
        self.try_shop(Attack::Session, number, Credential::Session(&session), vec![]).await
    }

    async fn try_forged(&mut self, number: u64) -> Option<()> {
        let stolen = self.me.stage.news.overheard(false);
        // Half of them are a real one with its signature changed.
        let forged = match stolen.filter(|_| self.turn(number, 2) == 0) {
            Some(token) => other_signature(&token),
            None => FORGED.to_owned(),
        };
        self.try_shop(Attack::Forged, number, Credential::Admission(&forged), vec![]).await
    }

    /// What somebody has from a sale beside this one: an admission to there is none to here, and one whose time is over
    /// is none at all.
    async fn try_from_elsewhere(&mut self, number: u64) -> Option<()> {
        let Some(elsewhere) = self.me.stage.news.elsewhere.clone() else { return Some(()) };
        let admissions = &elsewhere.admissions;
        let Some(admission) = admissions.get(self.turn(number, admissions.len())) else { return Some(()) };
        let credential = Credential::Admission(admission);
        self.try_shop(Attack::ForeignSale, number, credential, vec![]).await?;
        let key = self.key(&format!("x{number}"));
        let hold = self.to_hold(credential, 1, &key, Why::Attack(Attack::Expired));
        let path = format!("/v1/sales/{}/holds", elsewhere.sale_id);
        self.call(Sending { path, ..hold }).await?;
        Some(())
    }

    async fn try_path(&mut self, number: u64) -> Option<()> {
        let session = self.session.clone();
        let trick = TRICKS[self.turn(number, TRICKS.len())];
        let path = trick.replace("{id}", &self.me.stage.sales[self.me.sale].sale_id);
        let key = self.key(&format!("t{number}"));
        let hold = self.to_hold(Credential::Session(&session), 1, &key, Why::Attack(Attack::Path));
        // Proxies have been known to route by these.
        let headers = vec![("x-original-url", self.sale_path("holds")), ("x-http-method-override", "POST".to_owned())];
        self.call(Sending { op: Op::Trick, path, headers, ..hold }).await?;
        Some(())
    }

    /// Tokens of people who are inside, and of people who have bought. Without any there is nothing to try.
    async fn try_overheard(&mut self, number: u64) -> Option<()> {
        let token = self.listen(false).await?;
        // Browsers send the session beside it, under one of two names.
        let cookie = format!("traffic_session={0}; __Host-traffic={0}", self.session);
        let headers = vec![("cookie", cookie)];
        self.try_shop(Attack::ForeignAccount, number, Credential::Admission(&token), headers).await?;
        let used = self.listen(true).await?;
        let key = self.key(&format!("u{number}"));
        self.call(self.to_hold(Credential::Admission(&used), 1, &key, Why::Attack(Attack::Replayed))).await?;
        Some(())
    }

    async fn listen(&mut self, used: bool) -> Option<Arc<str>> {
        loop {
            if let Some(token) = self.me.stage.news.overheard(used) {
                return Some(token);
            }
            self.pause_until(self.me.stage.clock.now_us() + LISTEN_EVERY_US).await?;
        }
    }

    /// Which of so many ways this try goes: each attacker begins with another one.
    fn turn(&self, number: u64, ways: usize) -> usize {
        let turns = number + u64::from(self.me.number);
        usize::try_from(turns % (ways.max(1) as u64)).expect("below the number of ways")
    }

    /// Seats, a hold or a checkout in turn.
    async fn try_shop(
        &mut self,
        attack: Attack,
        number: u64,
        credential: Credential<'_>,
        headers: Vec<(&'static str, String)>,
    ) -> Option<()> {
        let why = Why::Attack(attack);
        let key = self.key(&format!("{}-{number}", attack as u8));
        let sending = match self.turn(number, 3) {
            0 => Sending { path: self.sale_path("seats"), credential, ..self.sending(Op::Seats, why) },
            1 => self.to_hold(credential, 1, &key, why),
            _ => Sending {
                method: Method::POST,
                path: self.sale_path("checkout"),
                credential,
                body: Some(json!({"hold_id": "fake", "idempotency_key": key})),
                key: Some(key),
                ..self.sending(Op::Checkout, why)
            },
        };
        self.call(Sending { headers, ..sending }).await?;
        Some(())
    }

    /// With an admission to this fan's own sale, at another: seats, a hold, somebody's checkout, and a place it never took.
    pub(super) async fn try_elsewhere(&mut self, sale: usize, token: &str) -> Option<()> {
        let credential = Credential::Admission(token);
        let foreign = Why::Attack(Attack::ForeignSale);
        let seats = self.path_in(sale, "seats");
        self.call(Sending { sale, path: seats, credential, ..self.sending(Op::Seats, foreign) }).await?;
        let key = self.key("y");
        let path = self.path_in(sale, "holds");
        self.call(Sending { sale, path, ..self.to_hold(credential, 1, &key, foreign) }).await?;
        let path = self.path_in(sale, "checkout");
        let pay = self.to_pay(token, "fake", &self.key("z"), Why::Attack(Attack::ForeignHold));
        self.call(Sending { sale, path, ..pay }).await?;
        let session = self.session.clone();
        let path = self.path_in(sale, "waiting-room/status");
        let asks = self.sending(Op::Status, Why::Attack(Attack::NoPlace));
        self.call(Sending { sale, path, credential: Credential::Session(&session), ..asks }).await?;
        Some(())
    }
}

/// The token with the first letter of its signature changed.
fn other_signature(token: &str) -> String {
    let Some((signed, signature)) = token.rsplit_once('.') else { return FORGED.to_owned() };
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    let rest: String = signature.chars().skip(1).collect();
    format!("{signed}.{first}{rest}")
}
