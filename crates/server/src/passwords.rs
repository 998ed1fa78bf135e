//! Passwords: Argon2id on a few threads of their own, so that a thousand logins at once never slow the waiting room.

use std::fmt;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::oneshot;

/// OWASP's first choice for Argon2id: 19 MiB, two passes, one lane; about 20 ms of one core.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Launch scripts register 500 people at once; four times that is 20 s of work for two threads.
const QUEUE_MAX: usize = 2_000;
/// Longer than that, and people press reload; better an honest "busy".
const WAIT_MAX: Duration = Duration::from_secs(30);
/// Behind everything else on the machine, but not starved.
const NICENESS: i32 = 10;
const CHARS_MIN: usize = 8;
const CHARS_MAX: usize = 128;

/// A password of allowed length. Never shown.
#[derive(Clone)]
pub struct Password(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("A password has {CHARS_MIN} to {CHARS_MAX} characters.")]
pub struct BadLength;

impl Password {
    pub fn parse(text: &str) -> Result<Self, BadLength> {
        let length = text.chars().take(CHARS_MAX + 1).count();
        if (CHARS_MIN..=CHARS_MAX).contains(&length) { Ok(Self(text.to_owned())) } else { Err(BadLength) }
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Too many passwords are waiting: 503, come back after [`Busy::RETRY_AFTER_SEC`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are being checked")]
pub struct Busy;

impl Busy {
    pub const RETRY_AFTER_SEC: u32 = 10;
}

/// The pool. Its threads end when it is dropped.
pub struct Passwords {
    queue: SyncSender<Job>,
    wait_max: Duration,
    /// Compared with where there is no account, so that time does not tell.
    dummy_hash: Arc<str>,
}

enum Job {
    Hash { password: Password, reply: oneshot::Sender<String> },
    Verify { password: Password, hash: Arc<str>, reply: oneshot::Sender<bool> },
}

impl Passwords {
    /// One thread for every two cores.
    pub fn start(cores: usize) -> std::io::Result<Self> {
        Self::with_limits((cores / 2).max(1), QUEUE_MAX, WAIT_MAX)
    }

    fn with_limits(threads: usize, queue_max: usize, wait_max: Duration) -> std::io::Result<Self> {
        let (queue, jobs) = sync_channel(queue_max);
        let jobs = Arc::new(Mutex::new(jobs));
        for number in 0..threads {
            let jobs = Arc::clone(&jobs);
            thread::Builder::new().name(format!("password-{number}")).spawn(move || work(&jobs))?;
        }
        let dummy_hash = hash(&Password("no account has this password".to_owned())).into();
        Ok(Self { queue, wait_max, dummy_hash })
    }

    /// The text to store, with its salt and parameters.
    pub async fn hash(&self, password: Password) -> Result<String, Busy> {
        let (reply, answer) = oneshot::channel();
        self.ask(Job::Hash { password, reply }, answer).await
    }

    /// Whether the password is the stored one. Without a stored one it takes as long, and the answer is no.
    pub async fn verify(&self, password: Password, stored: Option<&str>) -> Result<bool, Busy> {
        let (reply, answer) = oneshot::channel();
        let hash = stored.map_or_else(|| Arc::clone(&self.dummy_hash), Arc::from);
        let matches = self.ask(Job::Verify { password, hash, reply }, answer).await?;
        Ok(matches && stored.is_some())
    }

    async fn ask<T>(&self, job: Job, answer: oneshot::Receiver<T>) -> Result<T, Busy> {
        self.queue.try_send(job).map_err(|_| Busy)?;
        // Giving up drops `answer`, by which the thread knows that nobody waits.
        tokio::time::timeout(self.wait_max, answer).await.map_err(|_| Busy)?.map_err(|_| Busy)
    }
}

fn work(jobs: &Mutex<Receiver<Job>>) {
    if let Err(error) = lower_priority() {
        tracing::warn!(%error, "password threads run at normal priority");
    }
    loop {
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        job.run();
    }
}

/// On Linux niceness belongs to the thread that asks.
fn lower_priority() -> std::io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::setpriority_process(None, NICENESS)?;
    Ok(())
}

impl Job {
    /// A reply that nobody awaits any more is not worked for, and its send may fail: both mean "gave up".
    fn run(self) {
        match self {
            Self::Hash { password, reply } if !reply.is_closed() => drop(reply.send(hash(&password))),
            Self::Verify { password, hash, reply } if !reply.is_closed() => drop(reply.send(verify(&password, &hash))),
            _ => {}
        }
    }
}

fn argon2() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).expect("the constants are within Argon2's ranges");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// The salt comes from the operating system: it decides nothing, so it need not be repeatable.
fn hash(password: &Password) -> String {
    argon2().hash_password(password.0.as_bytes()).expect("a password of 8 to 128 characters can be hashed").to_string()
}

fn verify(password: &Password, hash: &str) -> bool {
    argon2().verify_password(password.0.as_bytes(), hash).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password::parse(text).unwrap()
    }

    #[test]
    fn passwords_have_8_to_128_characters_of_any_script() {
        for (text, good) in [("7 chars", false), ("8 chars.", true), ("пароль12", true)] {
            assert_eq!(Password::parse(text).is_ok(), good, "{text}");
        }
        assert!(Password::parse(&"é".repeat(128)).is_ok());
        assert!(Password::parse(&"é".repeat(129)).is_err());
        assert_eq!(format!("{:?}", password("swordfish")), "***");
    }

    #[tokio::test]
    async fn the_right_password_matches_and_a_wrong_one_does_not() {
        let pool = Passwords::start(1).unwrap();
        let stored = pool.hash(password("swordfish")).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert_ne!(stored, pool.hash(password("swordfish")).await.unwrap(), "each has its own salt");
        assert_eq!(pool.verify(password("swordfish"), Some(&stored)).await, Ok(true));
        assert_eq!(pool.verify(password("sworDfish"), Some(&stored)).await, Ok(false));
        assert_eq!(pool.verify(password("swordfish"), Some("not a hash")).await, Ok(false));
    }

    #[tokio::test]
    async fn no_account_is_never_a_match() {
        let pool = Passwords::start(1).unwrap();
        assert_eq!(pool.verify(password("no account has this password"), None).await, Ok(false));
    }

    #[tokio::test]
    async fn a_full_queue_says_busy_at_once() {
        // No thread takes from this queue, so it stays full.
        let (queue, _jobs) = sync_channel(1);
        let pool = Passwords { queue, wait_max: Duration::from_millis(20), dummy_hash: "".into() };
        assert_eq!(pool.verify(password("swordfish"), None).await, Err(Busy), "waited its time");
        assert_eq!(pool.verify(password("swordfish"), None).await, Err(Busy), "found the queue full");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn only_the_password_threads_are_nice() {
        let priority = || rustix::process::getpriority_process(None).unwrap();
        let before = priority();
        let theirs = thread::spawn(move || lower_priority().map(|()| priority())).join().unwrap().unwrap();
        assert!(theirs >= NICENESS);
        assert_eq!(priority(), before);
    }
}
