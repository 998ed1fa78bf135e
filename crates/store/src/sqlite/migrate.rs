//! Brings a database to the newest schema, one numbered step at a time, each in a transaction of its own.

use rusqlite::Connection;

use super::transaction::db_error;
use crate::error::{DbError, OpenError};
use crate::migrations::{KNOWN, STEPS};

pub(super) fn migrate(connection: &mut Connection) -> Result<(), OpenError> {
    let found = version(connection).map_err(OpenError::Database)?;
    if found > KNOWN {
        return Err(OpenError::TooNew { found, known: KNOWN });
    }
    for number in found..KNOWN {
        step(connection, number).map_err(OpenError::Database)?;
    }
    Ok(())
}

pub(super) fn version(connection: &Connection) -> Result<i64, DbError> {
    connection.query_row("pragma user_version", [], |row| row.get(0)).map_err(db_error)
}

fn step(connection: &mut Connection, number: i64) -> Result<(), DbError> {
    let sql = STEPS[usize::try_from(number).expect("not negative")];
    let tx = connection.transaction().map_err(db_error)?;
    tx.execute_batch(sql).map_err(db_error)?;
    tx.pragma_update(None, "user_version", number + 1).map_err(db_error)?;
    tx.commit().map_err(db_error)?;
    tracing::info!(version = number + 1, "the database schema moved up");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_keep_the_data_of_every_older_version() {
        let mut connection = Connection::open_in_memory().expect("memory");
        for number in 0..STEPS.len() as i64 {
            step(&mut connection, number).expect("a step");
            let mark = format!(
                "insert into accounts (id, email, created_at) values (x'{number:032x}', 'fan{number}', {number})"
            );
            connection.execute(&mark, []).expect("data of this version");
        }
        let kept: i64 = connection.query_row("select count(*) from accounts", [], |row| row.get(0)).expect("count");
        assert_eq!(kept, STEPS.len() as i64);
        migrate(&mut connection).expect("a second run changes nothing");
        assert_eq!(version(&connection).expect("version"), STEPS.len() as i64);
    }

    #[test]
    fn what_was_counted_in_two_tables_is_in_one() {
        let mut connection = Connection::open_in_memory().expect("memory");
        (0..10).for_each(|number| step(&mut connection, number).expect("a step"));
        connection
            .execute_batch(
                "insert into refusals (account, sale, code, minute, times) values (x'01', x'02', 'cap_exceeded', 7, 3);
                 insert into signals (account, sale, code, minute, times) values (x'01', x'02', 'fast_polls', 8, 4);",
            )
            .expect("counts of version 10");
        migrate(&mut connection).expect("the newest");
        let mut counts = connection
            .prepare("select book || ' ' || code || ' ' || minute || ' ' || times from counts order by book")
            .expect("one table");
        let counts: Result<Vec<String>, _> = counts.query_map([], |row| row.get(0)).expect("rows").collect();
        assert_eq!(counts.expect("text"), ["refusals cap_exceeded 7 3", "signals fast_polls 8 4"]);
    }

    #[test]
    fn a_database_of_a_newer_program_is_left_alone() {
        let mut connection = Connection::open_in_memory().expect("memory");
        connection.pragma_update(None, "user_version", 99).expect("version");
        let refused = migrate(&mut connection).expect_err("too new");
        assert!(matches!(refused, OpenError::TooNew { found: 99, .. }), "{refused}");
    }
}
