//! What fans do while they wait: refresh with many tabs, lose the connection and come back, look into another sale.

use super::queue::Line;
use super::{Fan, Reply, Sending};
use crate::contract::Credential;
use crate::history::{Op, Why};
use crate::plan::{Cut, CutWhen, Pastime, What};

impl Fan {
    /// Answers that say how it goes in line, if there were any.
    pub(super) async fn pass_time(&mut self, line: &mut Line, pastime: Pastime) -> Option<Vec<Reply>> {
        let due = pastime.after_us;
        match pastime.what {
            What::Rejoin => {
                self.send_join(due, Why::Rejoin).await?;
                Some(vec![])
            }
            What::Refresh { tabs } => self.refresh(due, tabs).await,
            What::Cut(cut) => {
                self.lose_connection(due, cut).await?;
                line.back_us = self.be_away(cut.away_us).await?;
                (line.due_us, line.is_back) = (line.back_us, true);
                Some(vec![])
            }
            What::Visit { sale } => {
                self.look_into(sale, due).await?;
                Some(vec![])
            }
        }
    }

    /// All tabs at once: each asks for the place again, or how it goes.
    async fn refresh(&mut self, due: u64, tabs: u8) -> Option<Vec<Reply>> {
        let session = self.session.clone();
        let tab = |number: u8| {
            let sending =
                if number.is_multiple_of(2) { self.to_join(due, Why::Rejoin) } else { self.to_poll(due, Why::Journey) };
            Sending { credential: Credential::Session(&session), ..sending }
        };
        let sendings: Vec<_> = (0..tabs).map(tab).collect();
        let polls: Vec<bool> = sendings.iter().map(|sending| sending.op == Op::Status).collect();
        let replies = self.burst(sendings).await?;
        Some(replies.into_iter().zip(polls).filter(|(_, is_poll)| *is_poll).map(|(reply, _)| reply).collect())
    }

    async fn lose_connection(&mut self, due: u64, cut: Cut) -> Option<()> {
        let session = self.session.clone();
        let poll = Sending { credential: Credential::Session(&session), ..self.to_poll(due, Why::Journey) };
        match cut.when {
            CutWhen::Before => {
                self.need_devices(self.home + 1);
                let rung_off = self.devices[self.home].ring_off();
                let rung_off = self.me.stage.unless_over(rung_off).await?;
                if let Err(crate::net::NetError::Generator(why)) = rung_off {
                    self.me.stage.recorder.generator_error(&why);
                }
            }
            CutWhen::During { after_us } => {
                self.call(Sending { cut_after_us: Some(after_us), ..poll }).await?;
            }
            CutWhen::After => {
                self.call(poll).await?;
                if let Some(device) = self.devices.get_mut(self.home) {
                    device.close();
                }
            }
        }
        Some(())
    }

    /// Gone for so long, and back with a new address; when that is.
    pub(super) async fn be_away(&mut self, away_us: u64) -> Option<u64> {
        let back_us = self.me.stage.clock.now_us() + away_us;
        self.pause_until(back_us).await?;
        self.home += 1;
        Some(back_us)
    }

    /// A place in another sale too, and one look at it. Nobody is denied it: it is free.
    async fn look_into(&mut self, sale: usize, due: u64) -> Option<()> {
        let session = self.session.clone();
        let credential = Credential::Session(&session);
        let path = self.path_in(sale, "waiting-room/join");
        let join = Sending { sale, path, credential, ..self.to_join(due, Why::Journey) };
        let joined = self.call(join).await?;
        let path = self.path_in(sale, "waiting-room/status");
        let poll = Sending { sale, path, credential, ..self.to_poll(joined.received_us, Why::Journey) };
        self.call(poll).await?;
        Some(())
    }
}
