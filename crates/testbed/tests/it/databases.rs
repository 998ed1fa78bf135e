//! Databases of tests on the server they share.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use testbed::{Psql, database, database_from};

#[test]
fn two_tests_do_not_see_each_other() {
    let (one, other) = (database(), database());
    one.psql().run("create table seats (id text)").unwrap();
    assert_eq!(one.psql().run("select count(*) from seats").unwrap(), "0");
    assert!(other.psql().run("select count(*) from seats").is_err());
}

#[test]
fn a_database_goes_with_its_value_even_while_somebody_is_connected() {
    let database = database();
    let (url, psql) = (database.url().to_owned(), database.psql());
    thread::scope(|scope| {
        let sleeper = scope.spawn(move || psql.run("select pg_sleep(60)"));
        let connected = "select count(*) from pg_stat_activity where datname = current_database() and query ~ 'sleep' \
                         and pid <> pg_backend_pid()";
        while database.psql().run(connected).unwrap() != "1" {
            thread::yield_now();
        }
        drop(database);
        assert!(sleeper.join().unwrap().is_err(), "its connection was ended");
    });
    let error = Psql::new(url).run("select 1").unwrap_err();
    assert!(error.contains("does not exist"), "{error}");
}

#[test]
fn a_template_is_made_once_and_copied_for_everyone() {
    let made = AtomicUsize::new(0);
    // The run's server may be older than this process.
    let name = format!("once_{}", std::process::id());
    let make = |url: &str| {
        made.fetch_add(1, Ordering::Relaxed);
        Psql::new(url).run("create table seats (id text); insert into seats values ('A-1')").unwrap();
    };
    let copies: Vec<_> = thread::scope(|scope| {
        let tests: Vec<_> = (0..4).map(|_| scope.spawn(|| database_from(&name, make))).collect();
        tests.into_iter().map(|test| test.join().unwrap()).collect()
    });
    assert_eq!(made.load(Ordering::Relaxed), 1);
    copies[0].psql().run("delete from seats").unwrap();
    let seats: Vec<_> = copies.iter().map(|copy| copy.psql().run("select count(*) from seats").unwrap()).collect();
    assert_eq!(seats, ["0", "1", "1", "1"]);
}

#[test]
#[should_panic(expected = "name of a template")]
fn a_template_with_a_name_that_is_no_name_is_refused() {
    database_from("x; drop database postgres", |_| ());
}
