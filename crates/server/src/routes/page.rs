//! Pages of a list: `?after=` what the page before ended with, `?limit=`. [`Page`] is what a fan asks of one's own.

use std::str::FromStr;

use serde::Deserialize;
use utoipa::IntoParams;

use crate::problem::Problem;

/// More than one account buys in a year; and where it is not, an answer stays far below a megabyte.
const LIMIT_MAX: i64 = 200;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
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
        Ok(number("limit", self.limit.as_deref(), 1, LIMIT_MAX)?.unwrap_or(LIMIT_MAX))
    }
}

/// A number of the query, where there is one.
pub fn number(field: &'static str, text: Option<&str>, least: i64, most: i64) -> Result<Option<i64>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let number = text.parse().ok().filter(|number| (least..=most).contains(number));
    number.map(Some).ok_or_else(|| Problem::field(field, format!("{field}: a whole number from {least} to {most}.")))
}

/// What to ask the next page with; none after a page that was not full.
pub fn next<T, I>(page: &[T], limit: i64, id: impl Fn(&T) -> I) -> Option<I> {
    page.last().filter(|_| page.len() as i64 == limit).map(id)
}
