//! Admissions by the thousand that are forged, changed, expired, used up, given up, for another sale, or signed by a key
//! that leaked: no hold. A stolen one acts as the account that is inside, and as nobody else.
//!
//! `TRAFFIC_FORGED_ADMISSIONS` says how many (20,000; `make soak` sends 1,000,000), `TRAFFIC_FORGED_SEED` which.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use domain::{AccountId, ClaimId, Timestamp};
use http::StatusCode;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::app::{Call, Shopper, TestApp};

/// Sent together.
const AT_ONCE: usize = 50;
/// Between two pauses, in which the allowances of those who are refused late come back.
const ROUND: usize = 1_000;
const PAUSE_MS: i64 = 90_000;
/// Rounds of one sale: people inside stay inside so long.
const ROUNDS: usize = 20;
/// Of each kind of person: a round's share of one stays below the limits for holds and checkouts.
const PEOPLE: usize = 8;

#[expect(clippy::disallowed_methods, reason = "the settings of a test run, not of the product")]
fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}: `{text}` is no number")))
}

/// SplitMix64 (Steele, Lea, Flood 2014): small, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).expect("below a usize")
    }

    fn pick<'a, T>(&mut self, among: &'a [T]) -> &'a T {
        &among[self.below(among.len())]
    }

    fn id(&mut self) -> Uuid {
        Uuid::from_u64_pair(self.next(), self.next())
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next().to_le_bytes()[0]).collect()
    }
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Of the right form, and nobody's.
    Noise,
    /// A victim's claims under a key that names itself ours.
    Forged,
    /// The published key as the secret of an HMAC.
    Confused,
    /// A victim's own, one bit of it.
    Changed,
    /// A victim's own of some minutes ago.
    Expired,
    /// A victim's own, not yet.
    Early,
    /// Of somebody inside another sale.
    Foreign,
    /// Of somebody who has bought.
    Used,
    /// Of somebody who has left.
    Left,
    /// Signed by our key, for an account that was never called.
    Leaked,
    /// A victim's own, from a browser where somebody else is signed in.
    Stolen,
}

const KINDS: [Kind; 11] = [
    Kind::Noise,
    Kind::Forged,
    Kind::Confused,
    Kind::Changed,
    Kind::Expired,
    Kind::Early,
    Kind::Foreign,
    Kind::Used,
    Kind::Left,
    Kind::Leaked,
    Kind::Stolen,
];

/// A sale with all that attackers need.
struct Scene<'a> {
    app: &'a TestApp,
    sale: String,
    /// Inside, with nothing in hand: a token of theirs that works would hold a seat.
    victims: Vec<Shopper>,
    /// The holds of others, whom nobody attacks: something to pay for.
    holds: Vec<String>,
    bought: Vec<Shopper>,
    left: Vec<Shopper>,
    elsewhere: Vec<Shopper>,
    thieves: Vec<String>,
    own_key: EncodingKey,
    published: Vec<u8>,
}

async fn admitted(app: &TestApp, sale: &str, count: usize) -> Vec<Shopper> {
    let mut all = Vec::new();
    for fan in app.fans(count).await {
        all.push(app.admit(sale, &fan).await);
    }
    all
}

impl<'a> Scene<'a> {
    async fn new(app: &'a TestApp) -> Self {
        let terms = json!({ "total_seats": 300, "shopping_window_sec": 3_600, "hold_ttl_sec": 3_600, "ends_at": app.now().plus_sec(86_400) });
        let (sale, other) = (app.sale_with(terms.clone()).await, app.sale_with(terms).await);
        let bought = admitted(app, &sale, PEOPLE).await;
        for (number, shopper) in bought.iter().enumerate() {
            let hold = app.held(&sale, shopper, &[&format!("GA-1-{}", number + 1)]).await;
            app.checkout(&sale, shopper, &hold, "k").await.expect(StatusCode::OK);
        }
        let left = admitted(app, &sale, PEOPLE).await;
        for shopper in &left {
            app.leave(&sale, &shopper.fan).await.expect(StatusCode::OK);
        }
        let mut holds = Vec::new();
        for (number, shopper) in admitted(app, &sale, PEOPLE).await.iter().enumerate() {
            holds.push(app.held(&sale, shopper, &[&format!("GA-2-{}", number + 1)]).await);
        }
        let pkcs8 = server::keys::seeded(&[9; 32]).to_pkcs8().expect("a pair in memory");
        let published = app.get("/.well-known/jwks.json").send().await;
        Self {
            victims: admitted(app, &sale, PEOPLE).await,
            elsewhere: admitted(app, &other, PEOPLE).await,
            thieves: app.fans(PEOPLE).await.into_iter().map(|fan| fan.token).collect(),
            own_key: EncodingKey::from_ed_der(pkcs8.as_ref()),
            published: BASE64_URL_SAFE_NO_PAD.decode(published["keys"][0]["x"].as_str().unwrap()).unwrap(),
            app,
            sale,
            holds,
            bought,
            left,
        }
    }

    /// What the node would sign for this person at that time.
    fn signed(&self, of: &Shopper, at: Timestamp) -> String {
        let claims = claims(&of.admission);
        let id = |name: &str| claims[name].as_str().unwrap().parse::<Uuid>().unwrap();
        let sale = id("aud").into();
        self.app.shared().admissions.mint(sale, AccountId(id("sub")), ClaimId(id("jti")), at).0
    }

    fn token(&self, kind: Kind, dice: &mut Dice) -> String {
        let (now, shared) = (self.app.now(), self.app.shared());
        let victim = dice.pick(&self.victims);
        let ours = || Some(shared.keys.current.admission.kid.clone());
        match kind {
            Kind::Noise => {
                let parts = [30, 120, 64].map(|bytes| BASE64_URL_SAFE_NO_PAD.encode(dice.bytes(bytes)));
                parts.join(".")
            }
            Kind::Forged => {
                let header = Header { kid: ours(), ..Header::new(Algorithm::EdDSA) };
                encode(&header, &claims(&self.signed(victim, now)), &self.own_key).unwrap()
            }
            Kind::Confused => {
                let header = Header { kid: ours(), ..Header::new(Algorithm::HS256) };
                let secret = EncodingKey::from_secret(&self.published);
                encode(&header, &claims(&self.signed(victim, now)), &secret).unwrap()
            }
            Kind::Changed => change(&self.signed(victim, now), dice),
            Kind::Expired => self.signed(victim, now.plus_sec(-95 - i64::try_from(dice.below(100_000)).unwrap())),
            Kind::Early => self.signed(victim, now.plus_sec(7 + i64::try_from(dice.below(100_000)).unwrap())),
            Kind::Foreign => self.signed(dice.pick(&self.elsewhere), now),
            Kind::Used => self.signed(dice.pick(&self.bought), now),
            Kind::Left => self.signed(dice.pick(&self.left), now),
            Kind::Leaked => {
                let sale = self.sale.parse().unwrap();
                shared.admissions.mint(sale, AccountId(dice.id()), ClaimId(dice.id()), now).0
            }
            Kind::Stolen => self.signed(victim, now),
        }
    }

    /// Asks for a seat, for the best ones, or to pay for what another holds.
    fn call(&self, dice: &mut Dice) -> Call {
        let key = format!("k{}", dice.next());
        let named = format!("GA-3-{}", 1 + dice.below(5));
        let (path, body) = match dice.below(3) {
            0 => ("holds", json!({ "seat_ids": [named], "idempotency_key": key })),
            1 => ("holds", json!({ "best_available": { "quantity": 1 }, "idempotency_key": key })),
            _ => ("checkout", json!({ "hold_id": dice.pick(&self.holds), "idempotency_key": key })),
        };
        self.app.post(format!("/v1/sales/{}/{path}", self.sale)).json(&body)
    }

    fn attack(&self, kind: Kind, dice: &mut Dice) -> Call {
        let call = self.call(dice).header("authorization", format!("Admission {}", self.token(kind, dice)));
        let thief = dice.pick(&self.thieves);
        match kind {
            Kind::Stolen => call.header("cookie", format!("traffic_session={thief}")),
            _ => call,
        }
    }

    /// Lines of the export of one type.
    async fn lines(&self) -> Vec<Value> {
        let answer = self.app.get(format!("/v1/admin/sales/{}/export", self.sale)).admin().send().await;
        let text = String::from_utf8(answer.body.to_vec()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Nothing was gained, and everything would have worked for those who are inside.
    async fn judge(self) {
        let stats = self.app.stats(&self.sale).await;
        let counts = ["holds", "orders", "tickets_sold", "inside"].map(|name| stats[name].as_u64().unwrap());
        let people = PEOPLE as u64;
        assert_eq!(counts, [people, people, people, 2 * people], "those of the cast, and no more");
        // A stolen one from nowhere in particular acts as its account, and the account sees what it did.
        let stolen = &self.victims[0];
        let token = self.signed(stolen, self.app.now());
        let theft = Shopper { admission: token, ..stolen.clone() };
        let hold = self.app.held(&self.sale, &theft, &["GA-3-1"]).await;
        let own = self.app.get(format!("/v1/sales/{}/holds", self.sale)).admission(&theft).send().await;
        assert_eq!(own["hold_id"], json!(hold));
        let paid = self.app.checkout(&self.sale, &theft, &hold, "k").await;
        paid.expect(StatusCode::OK);
        let of_owner = self.app.get(format!("/v1/orders/{}", paid["order_id"].as_str().unwrap()));
        of_owner.bearer(&stolen.fan).send().await.expect(StatusCode::OK);

        let lines = self.lines().await;
        let accounts = |kind: &str| -> Vec<String> {
            let of_kind = lines.iter().filter(|line| line["type"] == kind);
            of_kind.map(|line| line["user_id"].as_str().unwrap().to_owned()).collect()
        };
        let claimed: BTreeSet<String> = accounts("claim").into_iter().collect();
        for kind in ["hold", "order", "ticket"] {
            let owners = accounts(kind);
            assert!(owners.len() > PEOPLE, "the control: there are some of {kind}");
            assert!(owners.iter().all(|owner| claimed.contains(owner)), "a {kind} of somebody who was never inside");
        }
    }
}

fn claims(token: &str) -> Value {
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

/// One bit of one part, spelled as it should be.
fn change(token: &str, dice: &mut Dice) -> String {
    let mut parts: Vec<Vec<u8>> = token.split('.').map(|part| BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).collect();
    let part = dice.below(3);
    let at = dice.below(parts[part].len());
    parts[part][at] ^= 1 << dice.below(8);
    parts.iter().map(|part| BASE64_URL_SAFE_NO_PAD.encode(part)).collect::<Vec<_>>().join(".")
}

/// What each kind is told. The last ones are found out in the transaction, which a hold that is not theirs ends as well.
fn expected(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Noise | Kind::Forged | Kind::Confused | Kind::Changed | Kind::Early => &["admission_invalid"],
        Kind::Expired => &["admission_expired"],
        Kind::Foreign | Kind::Stolen => &["admission_foreign"],
        Kind::Used => &["admission_used"],
        Kind::Left => &["admission_used", "hold_not_found"],
        Kind::Leaked => &["admission_invalid", "hold_not_found"],
    }
}

#[tokio::test]
async fn forged_expired_replayed_and_foreign_admissions_hold_nothing() {
    let seed = number("TRAFFIC_FORGED_SEED", 1);
    let count = usize::try_from(number("TRAFFIC_FORGED_ADMISSIONS", 20_000)).unwrap();
    let app = TestApp::start().await;
    let mut dice = Dice(seed);
    let (mut sent, mut refused) = (0, 0);
    while sent < count {
        let scene = Scene::new(&app).await;
        for _ in 0..ROUNDS {
            let end = count.min(sent + ROUND);
            while sent < end {
                let kinds: Vec<Kind> = (0..AT_ONCE.min(end - sent)).map(|_| *dice.pick(&KINDS)).collect();
                let calls: Vec<_> =
                    kinds.iter().map(|kind| tokio::spawn(scene.attack(*kind, &mut dice).send())).collect();
                for (kind, call) in kinds.into_iter().zip(calls) {
                    let answer = call.await.unwrap();
                    let known = answer["code"].as_str().is_some_and(|code| expected(kind).contains(&code));
                    let is_no = matches!(answer.status.as_u16(), 403 | 404);
                    assert!(known && is_no, "seed {seed}, number {sent}, {kind:?}: {answer:?}");
                    refused += usize::from(is_no);
                    sent += 1;
                }
            }
            app.advance(PAUSE_MS);
        }
        scene.judge().await;
    }
    println!("seed {seed}: {refused} of {sent} admissions refused");
    assert_eq!((sent, refused), (count, count));
}
