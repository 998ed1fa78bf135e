//! Pages of what belongs to one account: `?after=` an id, `?limit=`.

use std::fmt::Display;
use std::str::FromStr;

use serde::Deserialize;
use utoipa::IntoParams;

use crate::problem::Problem;

/// More than one account buys in a year; and where it is not, an answer stays far below a megabyte.
const LIMIT_MAX: i64 = 200;

#[derive(Deserialize, IntoParams)]
pub struct Page {
    /// The last id of the page before.
    after: Option<String>,
    /// 1 to 200; 200 where it is left out.
    limit: Option<String>,
}

impl Page {
    pub fn after<I: FromStr>(&self) -> Result<Option<I>, Problem> {
        self.after.as_deref().map(|id| id.parse().map_err(|_| Self::no_such_after())).transpose()
    }

    /// Nothing of this account has that id.
    pub fn no_such_after() -> Problem {
        Problem::field("after", "after: the last id of the page before, which must be your own.")
    }

    pub fn limit(&self) -> Result<i64, Problem> {
        let Some(text) = self.limit.as_deref() else { return Ok(LIMIT_MAX) };
        let limit = text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
        limit.ok_or_else(|| Problem::field("limit", format!("limit: a whole number from 1 to {LIMIT_MAX}.")))
    }
}

/// What to ask the next page with; none after a page that was not full.
pub fn next<T, I: Display>(page: &[T], limit: i64, id: impl Fn(&T) -> I) -> Option<String> {
    page.last().filter(|_| page.len() as i64 == limit).map(|last| id(last).to_string())
}
