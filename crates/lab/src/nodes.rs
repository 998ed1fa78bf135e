//! How many connections the server's nodes have open, by their metrics: before the fans come, and once they have gone.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::LabError;
use crate::net::{Conn, Target};
use crate::operator::Operator;

/// Others may use the server too: a page that polls, a health check.
pub(crate) const SLACK: u64 = 5;
const ASKED_EVERY: Duration = Duration::from_millis(100);
/// Connections take a moment to be closed on the server's side.
const PATIENCE: Duration = Duration::from_secs(2);
/// A balancer keeps its connections to the nodes until they are idle, which the nodes allow for 30 s.
const PATIENCE_BEHIND_A_BALANCER: Duration = Duration::from_secs(40);

/// Connections open before the fans came and after they had gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Connections {
    pub(crate) before: u64,
    pub(crate) after: u64,
    /// Every node was asked by its own address. Otherwise nobody knows which node answered, unless there is one.
    pub(crate) of_every_node: bool,
}

/// Whom to ask.
pub(crate) struct Nodes {
    targets: Vec<Arc<Target>>,
    each: bool,
    patience: Duration,
}

impl Nodes {
    /// Those with these addresses; without any the server itself, which may be one of several behind its address.
    pub(crate) fn new(server: &Arc<Target>, urls: &[String], remote: bool) -> Result<Self, LabError> {
        let targets = match urls {
            [] => vec![server.clone()],
            urls => urls.iter().map(|url| Target::named("metrics url", url, remote)).collect::<Result<_, _>>()?,
        };
        let each = !urls.is_empty();
        let patience = if each { PATIENCE_BEHIND_A_BALANCER } else { PATIENCE };
        Ok(Self { targets, each, patience })
    }

    /// By a connection to each that is among those counted.
    fn reached(&self) -> Vec<Operator> {
        self.targets.iter().map(|target| Operator::new(Conn::of_operator(target.clone()), "")).collect()
    }

    /// Open now; none where a node does not tell.
    pub(crate) async fn open(&self) -> Option<u64> {
        sum(&mut self.reached()).await
    }

    /// What is open once the server has had time to see that the fans are gone.
    pub(crate) async fn back_to(&self, before: Option<u64>) -> Option<Connections> {
        let (before, mut nodes) = (before?, self.reached());
        let mut after = sum(&mut nodes).await?;
        let falling = async {
            while after > before + SLACK {
                sleep(ASKED_EVERY).await;
                after = sum(&mut nodes).await?;
            }
            Some(())
        };
        // Out of patience, what was told last counts.
        timeout(self.patience, falling).await.unwrap_or(Some(()))?;
        Some(Connections { before, after, of_every_node: self.each })
    }
}

async fn sum(nodes: &mut [Operator]) -> Option<u64> {
    let mut sum = 0;
    for node in nodes {
        sum += node.open_connections().await?;
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    /// Says one figure after the other to whoever asks, and the last one for ever.
    fn node(figures: &'static [u64]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        std::thread::spawn(move || {
            let mut left = figures.iter();
            let mut open = *left.next().expect("a figure");
            while let Ok((mut stream, _)) = listener.accept() {
                let mut asked = [0; 4096];
                while stream.read(&mut asked).is_ok_and(|bytes| bytes > 0) {
                    let body = format!("traffic_connections_open {open}\n");
                    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
                    stream.write_all((head + &body).as_bytes()).expect("an answer");
                    open = left.next().copied().unwrap_or(open);
                }
            }
        });
        url
    }

    fn nodes(urls: &[String]) -> Nodes {
        let server = Target::parse("http://127.0.0.1:1", false).expect("an address");
        Nodes::new(&server, urls, false).expect("addresses")
    }

    #[tokio::test]
    async fn every_node_is_asked_and_waited_for() {
        let nodes = nodes(&[node(&[30, 7]), node(&[40, 40, 4])]);
        assert_eq!(nodes.back_to(Some(10)).await, Some(Connections { before: 10, after: 11, of_every_node: true }));
    }

    #[tokio::test]
    async fn patience_ends() {
        let nodes = Nodes { patience: Duration::ZERO, ..nodes(&[node(&[30])]) };
        assert_eq!(nodes.back_to(Some(10)).await, Some(Connections { before: 10, after: 30, of_every_node: true }));
    }

    #[tokio::test]
    async fn a_node_that_does_not_tell_leaves_it_open() {
        let nodes = nodes(&[node(&[3]), "http://127.0.0.1:1".to_owned()]);
        assert_eq!(nodes.open().await, None);
        assert_eq!(nodes.back_to(Some(3)).await, None);
        assert_eq!(nodes.back_to(None).await, None, "nothing to come back to");
    }

    #[test]
    fn a_wrong_address_is_named() {
        let server = Target::parse("http://127.0.0.1:1", false).expect("an address");
        let refused = Nodes::new(&server, &["http://192.0.2.1:80".to_owned()], false).err().expect("not loopback");
        assert!(refused.to_string().contains("metrics url http://192.0.2.1:80"), "{refused}");
    }
}
