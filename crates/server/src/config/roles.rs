//! What a process does: answer requests, tick, or both.

use std::fmt;
use std::str::FromStr;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roles {
    /// Answers everybody's requests.
    pub api: bool,
    /// Calls, expires, settles, where it leads; answers only `/health` and `/metrics`, unless it is `api` too.
    pub worker: bool,
}

impl Roles {
    pub const ALL: Self = Self { api: true, worker: true };

    pub fn names(self) -> impl Iterator<Item = &'static str> {
        [("api", self.api), ("worker", self.worker)].into_iter().filter_map(|(name, is)| is.then_some(name))
    }
}

/// `api`, `worker`, or both with a comma between them.
impl FromStr for Roles {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut roles = Self { api: false, worker: false };
        for name in text.split(',').map(str::trim) {
            match name {
                "api" => roles.api = true,
                "worker" => roles.worker = true,
                _ => return Err(format!("names `{name}`, not api, worker or api,worker")),
            }
        }
        Ok(roles)
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().collect::<Vec<_>>().join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_one_or_both() {
        assert_eq!("api,worker".parse(), Ok(Roles::ALL));
        assert_eq!("worker, api".parse(), Ok(Roles::ALL));
        assert_eq!("api".parse(), Ok(Roles { api: true, worker: false }));
        assert_eq!("worker".parse::<Roles>().map(|roles| roles.to_string()), Ok("worker".to_owned()));
        for wrong in ["", "api,", "both", "API"] {
            assert!(wrong.parse::<Roles>().is_err(), "{wrong}");
        }
    }
}
