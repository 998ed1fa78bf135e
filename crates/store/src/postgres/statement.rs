//! SQL as PostgreSQL reads it: `?1` becomes `$1`, and a lock gets its clause. Made once for each statement.

use std::collections::HashMap;
use std::sync::{LazyLock, PoisonError, RwLock};

/// What stands at the end of a statement that locks. A plain `for update` would also stop whoever only refers to the row.
const LOCK: &str = " for no key update";

type Texts = RwLock<HashMap<(&'static str, bool), &'static str>>;

/// As many as there are statements in the program: each is kept for ever.
static TEXTS: LazyLock<Texts> = LazyLock::new(Texts::default);

pub(super) fn text(sql: &'static str, locks: bool) -> &'static str {
    let key = (sql, locks);
    if let Some(text) = TEXTS.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
        return text;
    }
    let mut texts = TEXTS.write().unwrap_or_else(PoisonError::into_inner);
    texts.entry(key).or_insert_with(|| Box::leak(translate(sql, locks).into_boxed_str()))
}

/// No statement has a question mark that is not a parameter.
fn translate(sql: &str, locks: bool) -> String {
    let numbered = sql.replace('?', "$");
    if locks { numbered + LOCK } else { numbered }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_numbered_postgresqls_way_and_locks_are_named() {
        assert_eq!(text("select a from b where c = ?1 and d = ?12", false), "select a from b where c = $1 and d = $12");
        assert_eq!(text("select a from b", true), "select a from b for no key update");
        assert_eq!(text("select a from b", false), "select a from b");
    }
}
