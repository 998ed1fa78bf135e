//! How many tickets those may have who belong together: accounts that share a card, a phone or an address (a cluster), and
//! over all sales of a group of events. Each cap is judged where the account's own is, and may be lifted for one account.

use serde::Serialize;

use crate::refusal::Refusal;
use crate::sale::FieldError;

/// More than any group of people buys together in one sale; also bounds what one question counts.
pub const MOST_TOGETHER: i64 = 10_000;
/// Cards, phones and address blocks of one account in one sale. Each is a row that is locked at every purchase.
pub const MOST_SHARED: usize = 32;

/// What accounts have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shared {
    Payment,
    Phone,
    Address,
}

impl Shared {
    pub const ALL: [Self; 3] = [Self::Payment, Self::Phone, Self::Address];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Payment => "payment",
            Self::Phone => "phone",
            Self::Address => "address",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|shared| shared.name() == name)
    }

    /// As a person calls it.
    const fn thing(self) -> &'static str {
        match self {
            Self::Payment => "the same card",
            Self::Phone => "the same phone number",
            Self::Address => "the same network address",
        }
    }
}

/// What makes accounts of one sale a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClusterBy {
    pub payment: bool,
    pub phone: bool,
    pub address: bool,
}

/// Not the address: thousands of honest fans share that of their carrier.
impl Default for ClusterBy {
    fn default() -> Self {
        Self { payment: true, phone: true, address: false }
    }
}

impl ClusterBy {
    pub const fn has(self, shared: Shared) -> bool {
        match shared {
            Shared::Payment => self.payment,
            Shared::Phone => self.phone,
            Shared::Address => self.address,
        }
    }

    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Shared::ALL.into_iter().filter(move |shared| self.has(*shared)).map(Shared::name)
    }

    /// Of names, each at most once and at least one.
    pub fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, FieldError> {
        let mut by = Self { payment: false, phone: false, address: false };
        for name in names {
            let flag = match Shared::parse(name) {
                Some(Shared::Payment) => &mut by.payment,
                Some(Shared::Phone) => &mut by.phone,
                Some(Shared::Address) => &mut by.address,
                None => return Err(FieldError::new("cluster_by", "may name payment, phone and address")),
            };
            if std::mem::replace(flag, true) {
                return Err(FieldError::new("cluster_by", "names something twice"));
            }
        }
        if by.names().next().is_none() {
            return Err(FieldError::new("cluster_by", "must name at least one of payment, phone and address"));
        }
        Ok(by)
    }
}

/// The caps of a sale over more than one account or one sale. 0: none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caps {
    pub per_cluster: i64,
    pub cluster_by: ClusterBy,
    /// Of one account over all sales of the event's group.
    pub per_group: i64,
    /// Of one cluster over all sales of the event's group.
    pub per_group_cluster: i64,
}

impl Caps {
    pub const fn are_off(&self) -> bool {
        self.per_cluster == 0 && self.per_group == 0 && self.per_group_cluster == 0
    }

    pub const fn of(&self, scope: Scope, who: Who) -> i64 {
        match (scope, who) {
            (Scope::Sale, Who::Account) => 0,
            (Scope::Sale, Who::Cluster(_)) => self.per_cluster,
            (Scope::Group, Who::Account) => self.per_group,
            (Scope::Group, Who::Cluster(_)) => self.per_group_cluster,
        }
    }

    /// The kinder of two, number by number: none at all is the kindest.
    #[must_use]
    pub fn kinder(self, other: Self) -> Self {
        let kinder = |a: i64, b: i64| if a == 0 || b == 0 { 0 } else { a.max(b) };
        Self {
            per_cluster: kinder(self.per_cluster, other.per_cluster),
            per_group: kinder(self.per_group, other.per_group),
            per_group_cluster: kinder(self.per_group_cluster, other.per_group_cluster),
            cluster_by: self.cluster_by,
        }
    }
}

/// Where tickets are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    Sale,
    Group,
}

impl Scope {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sale => "sale",
            Self::Group => "group",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        [Self::Sale, Self::Group].into_iter().find(|scope| scope.name() == name)
    }
}

/// Whose tickets are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Account,
    Cluster(Shared),
}

/// What a circle of accounts has already, without the seats that are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    pub scope: Scope,
    pub who: Who,
    pub already: i64,
}

/// A rule that an operator may lift for one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Rule {
    #[serde(rename = "cap_exceeded")]
    Account,
    #[serde(rename = "cluster_cap_exceeded")]
    Cluster,
    #[serde(rename = "group_cap_exceeded")]
    Group,
}

impl Rule {
    pub const ALL: [Self; 3] = [Self::Account, Self::Cluster, Self::Group];

    /// The code of its refusal: what the operator reads there is what he writes here.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Account => "cap_exceeded",
            Self::Cluster => "cluster_cap_exceeded",
            Self::Group => "group_cap_exceeded",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.name() == name)
    }
}

/// What exceptions allow one account over one rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowance {
    pub extra: i64,
    pub lifted: bool,
}

/// What exceptions allow one account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowances {
    pub account: Allowance,
    pub cluster: Allowance,
    pub group: Allowance,
}

impl Allowances {
    pub const fn of(&mut self, rule: Rule) -> &mut Allowance {
        match rule {
            Rule::Account => &mut self.account,
            Rule::Cluster => &mut self.cluster,
            Rule::Group => &mut self.group,
        }
    }
}

impl Allowance {
    /// One more exception.
    pub const fn add(&mut self, extra: i64, lifted: bool) {
        self.extra = self.extra.saturating_add(extra);
        self.lifted |= lifted;
    }

    pub const fn over(self, cap: i64) -> i64 {
        if self.lifted { i64::MAX } else { cap.saturating_add(self.extra) }
    }
}

/// Invariant: tickets and live holds of a circle together never pass its cap.
pub fn within(caps: &Caps, counted: &[Counted], allowed: &Allowances, more: i64) -> Result<(), Refusal> {
    for &Counted { scope, who, already } in counted {
        let cap = caps.of(scope, who);
        if cap == 0 {
            continue;
        }
        let allowance = match scope {
            Scope::Sale => allowed.cluster,
            Scope::Group => allowed.group,
        };
        let cap = allowance.over(cap);
        if already.saturating_add(more) > cap {
            return Err(match (scope, who) {
                (Scope::Sale, Who::Cluster(by)) => Refusal::ClusterCapExceeded { by, cap, already },
                (_, Who::Cluster(by)) => Refusal::GroupCapExceeded { by: Some(by), cap, already },
                (_, Who::Account) => Refusal::GroupCapExceeded { by: None, cap, already },
            });
        }
    }
    Ok(())
}

/// Why accounts that share this may have no more; nobody else is named.
pub(crate) fn told(by: Shared, cap: i64, already: i64, within: &str) -> String {
    let shared = by.thing();
    format!("Accounts with {shared} may have {cap} tickets together in {within}; they have or hold {already}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAPS: Caps = Caps {
        per_cluster: 4,
        cluster_by: ClusterBy { payment: true, phone: true, address: false },
        per_group: 6,
        per_group_cluster: 8,
    };

    fn cluster(scope: Scope, already: i64) -> Counted {
        Counted { scope, who: Who::Cluster(Shared::Payment), already }
    }

    #[test]
    fn a_circle_has_its_cap_and_not_one_more() {
        let none = Allowances::default();
        assert_eq!(within(&CAPS, &[cluster(Scope::Sale, 2)], &none, 2), Ok(()));
        let over = Err(Refusal::ClusterCapExceeded { by: Shared::Payment, cap: 4, already: 3 });
        assert_eq!(within(&CAPS, &[cluster(Scope::Sale, 3)], &none, 2), over);
        assert_eq!(within(&CAPS, &[cluster(Scope::Group, 6)], &none, 2), Ok(()));
        let over = Err(Refusal::GroupCapExceeded { by: Some(Shared::Payment), cap: 8, already: 7 });
        assert_eq!(within(&CAPS, &[cluster(Scope::Group, 7)], &none, 2), over);
        let alone = Counted { scope: Scope::Group, who: Who::Account, already: 6 };
        let over = Err(Refusal::GroupCapExceeded { by: None, cap: 6, already: 6 });
        assert_eq!(within(&CAPS, &[alone], &none, 1), over);
    }

    #[test]
    fn a_cap_that_is_off_counts_nothing() {
        let off = Caps { per_cluster: 0, ..CAPS };
        assert_eq!(within(&off, &[cluster(Scope::Sale, 1_000)], &Allowances::default(), 50), Ok(()));
        assert!(Caps::default().are_off() && !off.are_off());
        assert_eq!(CAPS.kinder(off).per_cluster, 0);
        assert_eq!(CAPS.kinder(Caps { per_group: 9, ..CAPS }).per_group, 9);
    }

    #[test]
    fn an_exception_counts_for_its_own_rule_only() {
        let mut allowed = Allowances::default();
        allowed.of(Rule::Cluster).add(1, false);
        assert_eq!(within(&CAPS, &[cluster(Scope::Sale, 4)], &allowed, 1), Ok(()));
        assert!(within(&CAPS, &[cluster(Scope::Sale, 4)], &allowed, 2).is_err());
        assert!(within(&CAPS, &[cluster(Scope::Group, 8)], &allowed, 1).is_err());
        allowed.of(Rule::Group).add(0, true);
        assert_eq!(within(&CAPS, &[cluster(Scope::Group, 8_000)], &allowed, 50), Ok(()));
    }

    #[test]
    fn what_makes_a_cluster_is_named_once_each_and_not_left_empty() {
        let by = ClusterBy::parse(["phone", "address"]).expect("two names");
        assert_eq!(by.names().collect::<Vec<_>>(), ["phone", "address"]);
        for wrong in [&[][..], &["phone", "phone"], &["email"]] {
            assert_eq!(ClusterBy::parse(wrong.iter().copied()).map_err(|no| no.field), Err("cluster_by".to_owned()));
        }
    }
}
