//! What the command line understands, and what it says to mistakes.

use clap::CommandFactory as _;
use clap::error::ErrorKind;

use super::sim::GivenKnob;
use super::*;

fn parse(line: &str) -> Result<Command, clap::Error> {
    Cli::try_parse_from(line.split(' ')).map(|cli| cli.command)
}

#[test]
fn the_definition_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn mistakes_name_what_was_wrong() {
    for (line, named) in [
        ("traffic serve --no-such-flag", "--no-such-flag"),
        ("traffic sevre", "serve"),
        ("traffic assert-queue", "--sale"),
        ("traffic seed --total-seats many", "--total-seats"),
        ("traffic serve --dev --env production", "--env"),
        ("traffic scan-verify", "--keys"),
        ("traffic scan-verify --keys k --sale tonight", "--sale"),
        ("traffic sim one two", "two"),
        ("traffic seed --log ,,=x=y", "--log"),
        ("traffic bench --only status,jion", "jion"),
        ("traffic bench --rounds 0", "--rounds"),
        ("traffic bench --seed x", "--seed"),
        ("traffic bench --postgres postgres://a/b", "--postgres-pid"),
        ("traffic bench --postgres-pid 1", "--postgres"),
    ] {
        let error = parse(line).unwrap_err();
        assert!(error.to_string().contains(named), "{line}: {error}");
        assert_eq!(error.exit_code(), 2, "{line}");
    }
}

#[test]
fn help_is_not_an_error() {
    assert_eq!(parse("traffic --help").unwrap_err().kind(), ErrorKind::DisplayHelp);
    assert!(parse("traffic sim --help").unwrap_err().to_string().contains("PASS 0, FAIL 99"));
    assert!(parse("traffic doctor --help").unwrap_err().to_string().contains("ok, warn or FAIL"));
}

#[test]
fn codes_come_reads_standard_input_where_none_is_given() {
    for (line, from_input) in [("", true), (" -", true), (" T1.a.b", false), (" T1.a.b T1.c.d", false)] {
        let Ok(Command::ScanVerify(args)) = parse(&format!("traffic scan-verify --keys k{line}")) else {
            panic!("{line} is understood")
        };
        assert_eq!(args.reads_standard_input(), from_input, "{line}");
    }
}

#[test]
fn a_scenario_may_be_left_out() {
    let Ok(Command::Sim(args)) = parse("traffic sim") else { panic!("sim alone is understood") };
    assert_eq!(args.scenario(), None);
}

#[test]
fn measures_are_done_once_each_in_their_own_order() {
    let measures = |line: &str| {
        let Ok(Command::Bench(args)) = parse(line) else { panic!("{line} is understood") };
        args.measures().collect::<Vec<_>>()
    };
    assert_eq!(measures("traffic bench"), Measure::value_variants());
    assert_eq!(measures("traffic bench --only join,status,join"), [Measure::Status, Measure::Join]);
}

#[test]
fn knobs_come_from_flags_over_the_environment_and_empty_ones_do_not_count() {
    let Ok(Command::Sim(args)) = parse("traffic sim launch_spike --vus-max 40") else { panic!("understood") };
    let env = |name: &str| match name {
        "K6_VUS_MAX" => Some("1".to_owned()),
        "K6_STEADY" => Some("8s".to_owned()),
        "SEED" => Some(String::new()),
        _ => None,
    };
    let knob = |name, value: &str, by_flag| GivenKnob { name, value: value.to_owned(), by_flag };
    assert_eq!(args.run.knobs.given(env), [knob("K6_VUS_MAX", "40", true), knob("K6_STEADY", "8s", false)]);
}

#[test]
fn the_development_key_is_for_loopback_only() {
    let target = |base_url: &str, admin_key: Option<&str>| Target {
        base_url: Some(base_url.to_owned()),
        admin_key: admin_key.map(str::to_owned),
    };
    assert_eq!(target("", None).base_url(), "http://localhost:8080");
    assert_eq!(target("http://127.0.0.1:9000/", Some("")).admin_key().unwrap(), "dev-admin-key");
    assert_eq!(target("https://tickets.example", Some("k")).admin_key().unwrap(), "k");
    assert!(target("https://tickets.example", None).admin_key().unwrap_err().to_string().contains("ADMIN_API_KEY"));
}

#[test]
fn loopback_is_told_from_what_only_looks_like_it() {
    for near in
        ["http://localhost", "http://localhost:8080/x", "http://127.8.8.8:1", "http://[::1]:8080", "localhost:1"]
    {
        assert!(is_loopback(near), "{near}");
    }
    for far in
        ["http://localhost.example", "http://localhost@evil.example", "http://10.0.0.1", "http://[2001:db8::1]:1", ""]
    {
        assert!(!is_loopback(far), "{far}");
    }
}

#[test]
fn the_database_to_judge_is_the_one_given_or_the_one_of_the_environment() {
    let database = |line: &str, env: Option<&str>| {
        let Ok(Command::AssertQueue(args)) = parse(line) else { panic!("{line} is understood") };
        args.database_url(|name| env.filter(|_| name == "DATABASE_URL").map(str::to_owned))
    };
    let env = Some("sqlite://env.db");
    assert_eq!(database("traffic assert-queue --sale x", env).unwrap(), None, "a server is asked");
    let given = database("traffic assert-queue --sale x --database-url sqlite://a.db", env);
    assert_eq!(given.unwrap().as_deref(), Some("sqlite://a.db"));
    assert_eq!(database("traffic assert-queue --sale x --database-url", env).unwrap().as_deref(), env);
    for nothing in [None, Some("")] {
        let error = database("traffic assert-queue --sale x --database-url", nothing).unwrap_err();
        assert!(error.to_string().contains("DATABASE_URL"), "{error}");
    }
}
