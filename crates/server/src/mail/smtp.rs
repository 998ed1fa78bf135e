//! Mails handed to a mail server.

use std::future::Future;
use std::pin::Pin;

use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};

use super::{SendError, Sender};

pub(super) struct Smtp(pub(super) AsyncSmtpTransport<Tokio1Executor>);

impl Sender for Smtp {
    fn send(&self, message: Message) -> Pin<Box<dyn Future<Output = Result<(), SendError>> + Send + '_>> {
        Box::pin(async move {
            self.0.send(message).await?;
            Ok(())
        })
    }
}
