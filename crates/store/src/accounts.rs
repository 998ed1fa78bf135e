//! Accounts: made one by one by fans, or a thousand at a time for a rehearsal.

use domain::{AccountId, Refusal};
use serde_json::json;

use crate::audit::{self, Act};
use crate::error::Outcome;
use crate::tx::{Lane, Query, Read, Tx, Verb, bulk, hex};

pub struct Register {
    pub id: AccountId,
    /// Lower case.
    pub email: String,
    pub password_hash: Option<String>,
    pub phone: Option<String>,
}

impl Verb for Register {
    type Done = ();
    const LANE: Lane = Lane::Accounts;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<()> {
        let inserted = tx
            .execute(
                "insert into accounts (id, email, password_hash, phone, created_at) values (?1, ?2, ?3, ?4, ?5)
                 on conflict do nothing",
                &[
                    self.id.into(),
                    (&self.email).into(),
                    self.password_hash.as_ref().into(),
                    self.phone.as_ref().into(),
                    tx.now().into(),
                ],
            )
            .await?;
        if inserted == 1 { Ok(()) } else { Err(Refusal::EmailTaken.into()) }
    }
}

/// At most [`crate::MOST_ROWS_PER_COMMAND`] accounts without a password. Those whose address exists keep their old id.
pub struct RegisterMany {
    pub accounts: Vec<(AccountId, String)>,
    pub act: Act,
}

impl Verb for RegisterMany {
    /// The ids in the order asked.
    type Done = Vec<AccountId>;
    const LANE: Lane = Lane::Operator;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<Vec<AccountId>> {
        audit::append(tx, &self.act).await?;
        let rows = bulk(self.accounts.iter().map(|(id, email)| [hex(id.0), json!(email)]));
        tx.execute(
            "insert into accounts (id, email, created_at)
             select unhex(value ->> 0), value ->> 1, ?2 from json_each(?1) where true on conflict do nothing",
            &[rows.clone(), tx.now().into()],
        )
        .await?;
        let found = tx
            .query(
                "select a.email, a.id from json_each(?1) wanted cross join accounts a where a.email = wanted.value ->> 1",
                &[rows],
            )
            .await?;
        let ids: std::collections::HashMap<&str, AccountId> =
            found.iter().map(|row| (row.text(0), row.id(1))).collect();
        Ok(self.accounts.iter().filter_map(|(_, email)| ids.get(email.as_str()).copied()).collect())
    }
}

/// An account as login needs it.
#[derive(Clone, Debug)]
pub struct Account {
    pub id: AccountId,
    pub email: String,
    pub password_hash: Option<String>,
}

pub struct ByEmail(pub String);

impl Query for ByEmail {
    type Out = Option<Account>;

    async fn run<R: Read>(&self, read: &mut R) -> Outcome<Option<Account>> {
        let row =
            read.first("select id, email, password_hash from accounts where email = ?1", &[(&self.0).into()]).await?;
        Ok(row.map(|row| account(&row)))
    }
}

pub struct ById(pub AccountId);

impl Query for ById {
    type Out = Option<Account>;

    async fn run<R: Read>(&self, read: &mut R) -> Outcome<Option<Account>> {
        let row = read.first("select id, email, password_hash from accounts where id = ?1", &[self.0.into()]).await?;
        Ok(row.map(|row| account(&row)))
    }
}

fn account(row: &crate::Row) -> Account {
    Account { id: row.id(0), email: row.text(1).to_owned(), password_hash: row.text_or_null(2).map(str::to_owned) }
}
