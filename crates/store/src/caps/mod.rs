//! Circles of accounts that a cap counts together: those that share a card, a phone or an address within a sale or within
//! the sales of a group, and one account over all sales of a group.
//!
//! Each circle has a row that is locked before the account's claim, all of a purchase at once and in order of id. That order
//! is the same in every sale, and whoever holds a claim asks for no circle: so nobody waits in a ring. What is new is inserted
//! in that order first; who waits there waits for somebody who has inserted and therefore has all below it.
//!
//! Invariant: whatever raises what a circle has (a hold, a payment that outlived its hold) holds the circle's row.

mod id;

use std::net::IpAddr;

use domain::caps::{Counted, MOST_SHARED, Scope, Shared, Who};
use domain::sale::Sale;
use domain::{AccountId, HoldId, Refusal, SaleId};
use serde_json::json;
use uuid::Uuid;

use crate::error::{DbError, Outcome};
use crate::tx::{Tx, bulk, hex, id_list};
use crate::value::Value;

/// The key of the hashes, among the keys that are made once and kept.
pub const SALT: &str = "cluster_salt";

/// What is known of who pays or holds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Offered<'a> {
    pub(crate) card: Option<&'a str>,
    pub(crate) address: Option<IpAddr>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Circle {
    id: Uuid,
    scope: Scope,
    who: Who,
}

/// Which circles a purchase is judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judged {
    All,
    /// Those that were not known of the account before. The others have counted its hold since it was placed: whatever an
    /// exception gives to somebody else meanwhile throws nobody out of payment.
    New,
}

/// The circles of one purchase, locked.
#[derive(Debug, Default)]
pub(crate) struct Circles {
    /// In order of id.
    list: Vec<Circle>,
    /// Those of the group, this one too; without a group this one alone.
    sales: Vec<SaleId>,
    known: Vec<Uuid>,
}

impl Circles {
    /// Before the account's claim is locked.
    pub(crate) async fn lock<T: Tx>(
        tx: &mut T,
        sale: &Sale,
        account: AccountId,
        offered: Offered<'_>,
    ) -> Outcome<Self> {
        if sale.terms.caps.are_off() {
            return Ok(Self::default());
        }
        let buyer = Buyer::load(tx, sale, account).await?;
        let sales = buyer.sales(tx, sale).await?;
        let known = known(tx, sale, account, &sales).await?;
        let mut list = [buyer.circles(sale, account, offered), known.clone()].concat();
        list.sort_by_key(|circle| circle.id);
        list.dedup();
        let ids = id_list(list.iter().map(|circle| circle.id));
        tx.execute(
            "insert into cluster_locks (id) select unhex(value) from json_each(?1) where true order by value
             on conflict do nothing",
            std::slice::from_ref(&ids),
        )
        .await?;
        tx.lock(
            "select id from cluster_locks where id in (select unhex(value) from json_each(?1)) order by id",
            &[ids],
        )
        .await?;
        Ok(Self { list, sales, known: known.iter().map(|circle| circle.id).collect() })
    }

    /// Asked before something new is held or paid. Never of a payment that was taken: that must be settled.
    pub(crate) fn within_bound(&self) -> Result<(), Refusal> {
        let shared = |scope| self.list.iter().filter(|one| one.scope == scope && one.who != Who::Account).count();
        if shared(Scope::Sale).max(shared(Scope::Group)) > MOST_SHARED {
            return Err(Refusal::TooManyShared { most: MOST_SHARED });
        }
        Ok(())
    }

    /// After the account's claim is locked: the account joins its circles, and what each of them that is to be judged has
    /// without this hold.
    pub(crate) async fn count<T: Tx>(
        &self,
        tx: &mut T,
        sale: &Sale,
        account: AccountId,
        but: HoldId,
        judged: Judged,
    ) -> Outcome<Vec<Counted>> {
        if self.list.is_empty() {
            return Ok(Vec::new());
        }
        // A payment of this account may have told of another card before we had the claim: then once more, with it.
        let now_known = known(tx, sale, account, &self.sales).await?;
        if now_known.iter().any(|circle| !self.list.contains(circle)) {
            return Err(DbError::Conflict("a circle became known meanwhile".into()).into());
        }
        self.join(tx, sale, account).await?;
        let mut counted = Vec::with_capacity(self.list.len());
        for circle in self.list.iter().filter(|circle| judged == Judged::All || self.is_new(circle)) {
            let already = self.already(tx, circle, sale, account, but).await?;
            counted.push(Counted { scope: circle.scope, who: circle.who, already });
        }
        // Told in this order, whatever the ids are.
        let order = |scope, who| (scope == Scope::Group, matches!(who, Who::Account), shared(who));
        counted.sort_by_key(|one: &Counted| order(one.scope, one.who));
        Ok(counted)
    }

    fn is_new(&self, circle: &Circle) -> bool {
        circle.who != Who::Account && !self.known.contains(&circle.id)
    }

    async fn join<T: Tx>(&self, tx: &mut T, sale: &Sale, account: AccountId) -> Outcome<()> {
        let new = self.list.iter().filter(|circle| self.is_new(circle));
        let rows: Vec<_> = new
            .filter_map(|circle| Some([hex(circle.id), json!(shared(circle.who)?.name()), json!(circle.scope.name())]))
            .collect();
        if !rows.is_empty() {
            tx.execute(
                "insert into cluster_members (account, sale, cluster, shared, scope, since)
                 select ?1, ?2, unhex(value ->> 0), value ->> 1, value ->> 2, ?3 from json_each(?4) where true
                 on conflict do nothing",
                &[account.into(), sale.id.into(), tx.now().into(), bulk(rows)],
            )
            .await?;
        }
        Ok(())
    }

    async fn already<T: Tx>(
        &self,
        tx: &mut T,
        circle: &Circle,
        sale: &Sale,
        account: AccountId,
        but: HoldId,
    ) -> Outcome<i64> {
        let sales = match circle.scope {
            Scope::Sale => id_list([sale.id.0]),
            Scope::Group => id_list(self.sales.iter().map(|sale| sale.0)),
        };
        let (sql, whose) = match circle.who {
            Who::Account => (OF_ACCOUNT, account.into()),
            Who::Cluster(_) => (OF_CLUSTER, Value::Id(circle.id)),
        };
        let row = tx.first(sql, &[whose, sales, tx.now().into(), but.into()]).await?;
        Ok(row.map_or(0, |row| row.int(0)))
    }
}

/// Looked up member by member: a plan that reads a whole sale for one cluster is never a good one. `+ 0` keeps PostgreSQL from
/// looking for expiries instead: of an empty table one index is as good to it as another, and the plan stays when it has filled.
const OF_CLUSTER: &str = "select coalesce(sum(
      (select count(*) from tickets t where t.sale = s.sale and t.account = m.account and t.cancelled_at is null)
      + (select coalesce(sum(h.seats), 0) from holds h where h.sale = s.sale and h.account = m.account
           and h.state = 'live' and h.expires_at + 0 > ?3 and h.id <> ?4)), 0)
    from (select distinct account from cluster_members where cluster = ?1) m
      cross join (select unhex(value) as sale from json_each(?2)) s";

const OF_ACCOUNT: &str = "select coalesce(sum(
      (select count(*) from tickets t where t.sale = s.sale and t.account = ?1 and t.cancelled_at is null)
      + (select coalesce(sum(h.seats), 0) from holds h where h.sale = s.sale and h.account = ?1
           and h.state = 'live' and h.expires_at + 0 > ?3 and h.id <> ?4)), 0)
    from (select unhex(value) as sale from json_each(?2)) s";

const fn shared(who: Who) -> Option<Shared> {
    match who {
        Who::Account => None,
        Who::Cluster(shared) => Some(shared),
    }
}

/// What makes an account's circles.
struct Buyer {
    salt: Vec<u8>,
    phone: Option<String>,
    group: Option<String>,
}

impl Buyer {
    async fn load<T: Tx>(tx: &mut T, sale: &Sale, account: AccountId) -> Outcome<Self> {
        let row = tx
            .first(
                "select k.secret, (select a.phone from accounts a where a.id = ?1),
                   (select e.event_group from events e where e.id = ?2)
                 from signing_keys k where k.name = ?3",
                &[account.into(), sale.event.into(), SALT.into()],
            )
            .await?
            .ok_or_else(|| DbError::Bug(format!("no key is named {SALT}")))?;
        let text = |column| row.text_or_null(column).map(str::to_owned);
        Ok(Self { salt: row.bytes(0).to_vec(), phone: text(1), group: text(2) })
    }

    async fn sales<T: Tx>(&self, tx: &mut T, sale: &Sale) -> Outcome<Vec<SaleId>> {
        let caps = &sale.terms.caps;
        let Some(group) = self.group.as_ref().filter(|_| caps.per_group > 0 || caps.per_group_cluster > 0) else {
            return Ok(vec![sale.id]);
        };
        let rows = tx
            .query("select s.id from events e join sales s on s.event = e.id where e.event_group = ?1", &[group.into()])
            .await?;
        Ok(rows.iter().map(|row| row.id(0)).collect())
    }

    fn circles(&self, sale: &Sale, account: AccountId, offered: Offered<'_>) -> Vec<Circle> {
        let caps = &sale.terms.caps;
        let phone = self.phone.as_deref().and_then(id::phone).map(String::into_bytes);
        let has = [
            (Shared::Payment, offered.card.map(|card| card.as_bytes().to_vec())),
            (Shared::Phone, phone),
            (Shared::Address, offered.address.map(id::block)),
        ];
        let mut circles = Vec::new();
        for (scope, within) in [(Scope::Sale, Some(sale.id.0.as_bytes().as_slice())), (Scope::Group, self.group())] {
            let Some(within) = within else { continue };
            let id = |what: &str, value: &[u8]| {
                id::circle(&self.salt, &[scope.name().as_bytes(), within, what.as_bytes(), value])
            };
            if caps.of(scope, Who::Account) > 0 {
                circles.push(Circle { id: id("account", account.0.as_bytes()), scope, who: Who::Account });
            }
            for (shared, value) in &has {
                let who = Who::Cluster(*shared);
                if let Some(value) = value.as_deref().filter(|_| is_counted(sale, scope, *shared)) {
                    circles.push(Circle { id: id(shared.name(), value), scope, who });
                }
            }
        }
        circles
    }

    fn group(&self) -> Option<&[u8]> {
        self.group.as_deref().map(str::as_bytes)
    }
}

fn is_counted(sale: &Sale, scope: Scope, shared: Shared) -> bool {
    let caps = &sale.terms.caps;
    caps.cluster_by.has(shared) && caps.of(scope, Who::Cluster(shared)) > 0
}

/// Clusters that earlier purchases of the account told of: in this sale, and for the group in any of it.
async fn known<T: Tx>(tx: &mut T, sale: &Sale, account: AccountId, sales: &[SaleId]) -> Outcome<Vec<Circle>> {
    let rows = tx
        .query(
            "select sale, cluster, shared, scope from cluster_members
             where account = ?1 and sale in (select unhex(value) from json_each(?2))",
            &[account.into(), id_list(sales.iter().map(|sale| sale.0))],
        )
        .await?;
    let circle = |row: &crate::Row| {
        let (shared, scope) = (Shared::parse(row.text(2))?, Scope::parse(row.text(3))?);
        let here = scope == Scope::Group || row.id::<SaleId>(0) == sale.id;
        (here && is_counted(sale, scope, shared)).then(|| Circle { id: row.id(1), scope, who: Who::Cluster(shared) })
    };
    Ok(rows.iter().filter_map(circle).collect())
}
