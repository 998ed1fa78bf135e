//! Mail for one-time codes. It goes out behind the answer, a few at a time and not more than a bounded number: no request
//! waits for a mail server, and one that is slow takes no memory.

mod folder;
mod smtp;
mod url;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use domain::Timestamp;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::{Address, Message};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

pub use self::url::MailUrl;

/// On their way or waiting: two minutes of a server that takes one second for each.
const WAITING_MAX: usize = 1_000;
const AT_ONCE: usize = 8;
/// Greylisting answers at once; what takes longer does not come any more.
const SEND_MAX: Duration = Duration::from_secs(30);

/// A few lines of text for one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    pub to: String,
    pub subject: &'static str,
    pub text: String,
}

/// Whom mail is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailFrom(Mailbox);

impl MailFrom {
    pub fn parse(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| format!("is `{text}`, not of the form `Tickets <tickets@example.com>`"))
    }

    /// For files that nobody answers to.
    pub fn nobody() -> Self {
        let nobody = Address::new("traffic", "localhost").expect("an address");
        Self(Mailbox::new(Some("Traffic".to_owned()), nobody))
    }
}

/// Why a mail was not sent; never with its text.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    #[error("it cannot be written: {0}")]
    Message(String),
    #[error("the mail server did not take it: {0}")]
    Smtp(#[from] lettre::transport::smtp::Error),
    #[error("it cannot be written into the folder: {0}")]
    Folder(#[from] lettre::transport::file::Error),
    #[error("no answer within {SEND_MAX:?}")]
    Slow,
}

/// Whoever carries mail away.
pub trait Sender: Send + Sync + 'static {
    fn send(&self, message: Message) -> Pin<Box<dyn Future<Output = Result<(), SendError>> + Send + '_>>;
}

/// Room for one mail. Without it there is none.
pub struct Stamp {
    _room: OwnedSemaphorePermit,
}

/// Where mails are posted.
#[derive(Clone)]
pub struct Post {
    sender: Option<Arc<dyn Sender>>,
    from: Mailbox,
    room: Arc<Semaphore>,
    hands: Arc<Semaphore>,
    pub figures: Arc<Figures>,
}

/// For the metrics.
#[derive(Debug, Default)]
pub struct Figures {
    pub sent: AtomicU64,
    pub failed: AtomicU64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRoom {
    /// No mail server is set.
    Off,
    Full,
}

impl Post {
    pub fn new(url: Option<&MailUrl>, from: MailFrom) -> Self {
        Self::with(url.map(MailUrl::sender), from)
    }

    fn with(sender: Option<Arc<dyn Sender>>, MailFrom(from): MailFrom) -> Self {
        let (room, hands) = (Semaphore::new(WAITING_MAX), Semaphore::new(AT_ONCE));
        Self { sender, from, room: Arc::new(room), hands: Arc::new(hands), figures: Arc::default() }
    }

    /// Asked for before anything is done, so that nothing is done for a mail that cannot go.
    pub fn stamp(&self) -> Result<Stamp, NoRoom> {
        self.sender.as_ref().ok_or(NoRoom::Off)?;
        Arc::clone(&self.room).try_acquire_owned().map(|room| Stamp { _room: room }).map_err(|_| NoRoom::Full)
    }

    /// Ends when the mail is on its way, or was given up; that is told in the log and the metrics.
    pub async fn send(&self, mail: Mail, stamp: Stamp, at: Timestamp) {
        let (Some(sender), Ok(_hand)) = (&self.sender, self.hands.acquire().await) else { return };
        let sending = async {
            let message = self.written(&mail, at)?;
            timeout(SEND_MAX, sender.send(message)).await.unwrap_or(Err(SendError::Slow))
        };
        match sending.await {
            Ok(()) => self.figures.sent.fetch_add(1, Ordering::Relaxed),
            Err(error) => {
                tracing::warn!(%error, "a mail was not sent");
                self.figures.failed.fetch_add(1, Ordering::Relaxed)
            }
        };
        drop(stamp);
    }

    fn written(&self, mail: &Mail, at: Timestamp) -> Result<Message, SendError> {
        let to = mail.to.parse().map_err(|_| SendError::Message("no address to send to".to_owned()))?;
        let date = u64::try_from(at.millis()).map_or(UNIX_EPOCH, |ms| UNIX_EPOCH + Duration::from_millis(ms));
        let message = Message::builder().from(self.from.clone()).to(Mailbox::new(None, to)).subject(mail.subject);
        message
            .date(date)
            .message_id(None)
            .header(ContentType::TEXT_PLAIN)
            .body(mail.text.clone())
            .map_err(|error| SendError::Message(error.to_string()))
    }
}

#[cfg(test)]
mod tests;
