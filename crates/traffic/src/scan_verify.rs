//! `traffic scan-verify`: a door without a connection. Judges codes by saved public keys, a list of revoked tickets, and
//! what it has let in itself.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::io::{self, BufRead, Read, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow, bail};
use domain::{SaleId, TicketId};
use server::tickets::{Keyring, NotGood, Said};

use crate::EXIT_FAILED;
use crate::cli::ScanVerifyArgs;

/// More than any code has: what a broken reader sends without an end is not collected.
const LINE_BYTES_MAX: u64 = 4_096;

pub(crate) fn run(args: &ScanVerifyArgs) -> anyhow::Result<ExitCode> {
    let keys = Keyring::read(&read(&args.keys, "--keys")?).map_err(|why| wrong("--keys", &args.keys, &why))?;
    let revoked = match &args.revoked {
        Some(path) => revoked(&read(path, "--revoked")?).map_err(|why| wrong("--revoked", path, &why))?,
        None => HashMap::new(),
    };
    let mut door = Door { keys, sale: args.sale, revoked, let_in: HashMap::new(), shown: 0, bad: 0 };
    let mut out = io::stdout().lock();
    if args.reads_standard_input() {
        let mut lines = io::stdin().lock();
        while let Some(code) = line(&mut lines).context("standard input")? {
            // Who stands at the door hears of each code at once.
            writeln!(out, "{}", door.judge(&code))?;
            out.flush()?;
        }
    } else {
        for code in &args.codes {
            writeln!(out, "{}", door.judge(code.trim()))?;
        }
    }
    if door.shown == 0 {
        bail!("no code was given");
    }
    Ok(if door.bad == 0 { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FAILED) })
}

fn read(path: &Path, flag: &str) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("{flag} {} cannot be read", path.display()))
}

fn wrong(flag: &str, path: &Path, why: &str) -> anyhow::Error {
    anyhow!("{flag} {} {why}", path.display())
}

/// The next line that is not blank. One that is too long is cut: no code is.
fn line(from: &mut impl BufRead) -> io::Result<Option<String>> {
    loop {
        let mut bytes = Vec::new();
        if from.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut bytes)? == 0 {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(&bytes).trim().to_owned();
        if !text.is_empty() {
            return Ok(Some(text));
        }
    }
}

/// By ticket, the first version that is good; none where the ticket was cancelled.
type Revoked = HashMap<TicketId, Option<u32>>;

/// A list that broke off, or was never fetched, would call dead codes good: without its last line it is none.
fn revoked(text: &str) -> Result<Revoked, String> {
    let mut revoked = HashMap::new();
    let text = text.trim_end();
    let (lines, end) = text.rsplit_once('\n').unwrap_or(("", text));
    let promised = end.trim().strip_prefix("end ").and_then(|count| count.parse().ok());
    for (at, line) in lines.lines().enumerate() {
        let mut words = line.split_whitespace();
        let Some(ticket) = words.next() else { continue };
        let version = words.next().map(str::parse).transpose();
        match (ticket.parse(), version, words.next()) {
            (Ok(ticket), Ok(version), None) => revoked.insert(ticket, version),
            _ => return Err(format!("line {}: not a ticket's id, alone or with a version", at + 1)),
        };
    }
    if promised == Some(revoked.len()) {
        Ok(revoked)
    } else {
        Err("is no whole list of revoked tickets: its last line is `end` and the number of the others".to_owned())
    }
}

struct Door {
    keys: Keyring,
    sale: Option<SaleId>,
    revoked: Revoked,
    /// Which code let a ticket in, counted from 1.
    let_in: HashMap<TicketId, usize>,
    shown: usize,
    bad: usize,
}

/// What is said of one code. The reasons have the names that a scan with a connection gives them.
enum Answer {
    Good(Said),
    Unknown(NotGood),
    WrongSale(Said),
    Cancelled(Said),
    Replaced(Said, u32),
    AlreadyUsed(Said, usize),
}

impl Door {
    fn judge(&mut self, code: &str) -> Answer {
        self.shown += 1;
        let answer = self.answer(code);
        match &answer {
            Answer::Good(said) => {
                self.let_in.insert(said.ticket, self.shown);
            }
            _ => self.bad += 1,
        }
        answer
    }

    fn answer(&self, code: &str) -> Answer {
        let said = match self.keys.verify(code) {
            Ok(said) => said,
            Err(why) => return Answer::Unknown(why),
        };
        if self.sale.is_some_and(|sale| sale != said.sale) {
            return Answer::WrongSale(said);
        }
        match self.revoked.get(&said.ticket) {
            Some(None) => return Answer::Cancelled(said),
            Some(Some(first_good)) if said.version < *first_good => return Answer::Replaced(said, *first_good),
            _ => {}
        }
        match self.let_in.get(&said.ticket) {
            Some(at) => Answer::AlreadyUsed(said, *at),
            None => Answer::Good(said),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |said: &Said| {
            format!("seat {}  ticket {}  version {}  sale {}", said.seat, said.ticket, said.version, said.sale)
        };
        match self {
            Self::Good(said) => write!(f, "good  {}", of(said)),
            Self::Unknown(why) => write!(f, "BAD   unknown: {why}"),
            Self::WrongSale(said) => write!(f, "BAD   wrong_sale: for another sale  {}", of(said)),
            Self::Cancelled(said) => write!(f, "BAD   revoked: cancelled  {}", of(said)),
            Self::Replaced(said, good) => {
                write!(f, "BAD   revoked: issued again, good from version {good}  {}", of(said))
            }
            Self::AlreadyUsed(said, at) => write!(f, "BAD   already_used: let in here as number {at}  {}", of(said)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_revoked_tickets_is_read_and_a_broken_one_named_by_line() {
        let (one, two) = ("00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002");
        let list = revoked(&format!("{one} 3\n\n  {two}\r\nend 2\r\n")).unwrap();
        assert_eq!(list.get(&one.parse().unwrap()), Some(&Some(3)));
        assert_eq!(list.get(&two.parse().unwrap()), Some(&None));
        assert_eq!(list.len(), 2);
        for wrong in
            ["x", &format!("{one} x"), &format!("{one} 1 2"), &format!("{one} -1"), &format!("{one} 4294967296")]
        {
            let error = revoked(&format!("{two}\n{wrong}\nend 2\n")).unwrap_err();
            assert!(error.starts_with("line 2: "), "{wrong}: {error}");
        }
    }

    #[test]
    fn a_list_that_broke_off_is_none() {
        let one = "00000000-0000-0000-0000-000000000001";
        assert_eq!(revoked("end 0\n").unwrap().len(), 0);
        assert_eq!(revoked(&format!("{one}\nend 1")).unwrap().len(), 1);
        for part in
            ["", "\n", one, &format!("{one}\n"), &format!("{one}\nend 2"), "end", "end 1", &format!("end 1\n{one}")]
        {
            let error = revoked(part).unwrap_err();
            assert!(error.contains("no whole list") || error.starts_with("line 1"), "{part}: {error}");
        }
    }

    #[test]
    fn lines_come_without_blanks_and_never_longer_than_a_code_can_be() {
        let text = format!("\n  one \r\n\n{}\ntwo", "x".repeat(5_000));
        let mut from = text.as_bytes();
        let mut lines = Vec::new();
        while let Some(next) = line(&mut from).unwrap() {
            lines.push(next);
        }
        assert_eq!((lines[0].as_str(), lines.last().unwrap().as_str()), ("one", "two"));
        assert!(lines.iter().all(|line| line.len() as u64 <= LINE_BYTES_MAX));
    }
}
