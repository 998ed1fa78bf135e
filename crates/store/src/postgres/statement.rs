//! SQL as PostgreSQL reads it: `?1` becomes `$1`, a lock gets its clause, and bulk values become an array. Made once for
//! each statement.

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
    let numbered = joined(&arrays(sql)).replace('?', "$");
    if locks { numbered + LOCK } else { numbered }
}

/// `x in (select .. from json_each(?n))` becomes a comparison with an array, which is looked up in an index element by
/// element. PostgreSQL joins a list, and where it does not know the table well that means: reads all of a sale.
fn arrays(sql: &str) -> String {
    const IN: &str = " in (select ";
    let mut parts = sql.split(IN);
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match values_of_bulk(part) {
            Some(end) => {
                text.extend([" = any (array(select ", &part[..end], ")", &part[end..]]);
            }
            None => text.extend([IN, part]),
        }
    }
    text
}

/// The same for `json_each(?n) a cross join ..`: what is equal to one of the values is also compared with all of them.
fn joined(sql: &str) -> String {
    let mut text = String::new();
    let mut rest = sql;
    while let Some((before, after)) = rest.split_once(" cross join ") {
        text.extend([before, " cross join "]);
        rest = after;
        let bulk = before.rsplit_once("json_each(").and_then(|(_, bulk)| bulk.split_once(") "));
        let Some((values, name)) = bulk else { continue };
        let Some(Equal { column, of_value, end }) = Equal::find(rest, name) else { continue };
        let of_all = of_value.replace(&format!("{name}.value"), "value");
        let also = format!(" and {column} = any (array(select {of_all} from json_each({values})))");
        text.extend([&rest[..end], &also]);
        rest = &rest[end..];
    }
    text + rest
}

/// `column = f(name.value ..)`, and where it ends.
struct Equal<'a> {
    column: &'a str,
    of_value: &'a str,
    end: usize,
}

impl<'a> Equal<'a> {
    fn find(text: &'a str, name: &str) -> Option<Self> {
        let value = text.find(&format!("({name}.value"))?;
        let equals = text[..value].rfind(" = ")?;
        let column = text[..equals].rsplit(char::is_whitespace).next()?;
        let end = value + text[value..].find(')')? + 1;
        Some(Self { column, of_value: &text[equals + 3..end], end })
    }
}

/// Where a selection from bulk values alone ends, behind the bracket of `json_each`.
fn values_of_bulk(part: &str) -> Option<usize> {
    const FROM: &str = " from json_each(";
    let from = part.find(FROM)?;
    let end = from + part[from..].find("))")? + 1;
    // Another selection, or another table, in between: not this one's values.
    let is_ours = !part[..from].contains(" from ") && part[from + FROM.len()..end].starts_with('?');
    is_ours.then_some(end)
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

    #[test]
    fn bulk_values_are_compared_as_an_array() {
        assert_eq!(
            text("select a from b where c in (select unhex(value) from json_each(?2)) and d = ?1", false),
            "select a from b where c = any (array(select unhex(value) from json_each($2))) and d = $1"
        );
        let others = [
            "select a from b where c in (select d from e where f in (1, 2))",
            "select a from b where c in (select f from json_each(?1) g cross join e where e.d = g.value)",
        ];
        for sql in others {
            assert_eq!(text(sql, false), sql.replace('?', "$"));
        }
        assert_eq!(
            text("select a from b where c in (select d from e where f in (select value from json_each(?1)))", false),
            "select a from b where c in (select d from e where f = any (array(select value from json_each($1))))"
        );
    }

    #[test]
    fn what_is_joined_with_bulk_values_is_looked_up_too() {
        assert_eq!(
            text(
                "select a from json_each(?2) w cross join b where b.c = ?1 and b.d = cast(w.value as bigint) and b.e = 1",
                false
            ),
            "select a from json_each($2) w cross join b where b.c = $1 and b.d = cast(w.value as bigint) \
             and b.d = any (array(select cast(value as bigint) from json_each($2))) and b.e = 1"
        );
        let other = "select a from json_each(?1) w cross join b where b.c = w.value ->> 1";
        assert_eq!(text(other, false), other.replace('?', "$"));
    }
}
