//! Connections to what `REDIS_URL` names: one for commands, one for the subscription.

use ::redis::aio::{MultiplexedConnection, PubSub};
use ::redis::cluster::ClusterClient;
use ::redis::cluster_async::ClusterConnection;
use ::redis::sentinel::{SentinelClient, SentinelNodeConnectionInfo, SentinelServerType};
use ::redis::{Client, Cmd, ConnectionAddr, ConnectionInfo, FromRedisValue, RedisError, TlsMode, Value, cmd, pipe};
use futures_util::future::try_join_all;

use super::hints::CHANNEL;
use super::url::{RedisUrl, Servers};

/// Redirections followed in a Cluster, each with a wait: more than that is a Cluster that is being rebuilt.
const CLUSTER_RETRIES: u32 = 3;

/// Commands at once share one connection.
#[derive(Clone)]
pub enum Commands {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Commands {
    /// `attempt`: which of several addresses is asked first.
    pub async fn open(url: &RedisUrl, attempt: usize) -> Result<Self, RedisError> {
        Ok(match &url.0 {
            Servers::Cluster(nodes) => {
                let cluster = ClusterClient::builder(nodes.clone()).retries(CLUSTER_RETRIES).build()?;
                Self::Cluster(cluster.get_async_connection().await?)
            }
            _ => Self::One(server(url, attempt).await?.get_multiplexed_async_connection().await?),
        })
    }

    /// In one round trip; in a Cluster side by side, each to the server that has its keys.
    pub(super) async fn all(&self, calls: Vec<Cmd>) -> Result<Vec<Value>, RedisError> {
        match self {
            Self::One(connection) => {
                let mut pipeline = pipe();
                for call in calls {
                    pipeline.add_command(call);
                }
                pipeline.query_async(&mut connection.clone()).await
            }
            Self::Cluster(_) => try_join_all(calls.iter().map(|call| self.one(call))).await,
        }
    }

    pub(super) async fn one<T: FromRedisValue>(&self, call: &Cmd) -> Result<T, RedisError> {
        match self {
            Self::One(connection) => call.query_async(&mut connection.clone()).await,
            Self::Cluster(connection) => call.query_async(&mut connection.clone()).await,
        }
    }

    /// Whether somebody is there and lets us in.
    pub async fn ping(&self) -> Result<(), RedisError> {
        self.one(&cmd("PING")).await
    }
}

/// All nodes of a Cluster hear everything.
pub(super) async fn subscribe(url: &RedisUrl, attempt: usize) -> Result<PubSub, RedisError> {
    let mut subscription = server(url, attempt).await?.get_async_pubsub().await?;
    subscription.subscribe(CHANNEL).await?;
    Ok(subscription)
}

async fn server(url: &RedisUrl, attempt: usize) -> Result<Client, RedisError> {
    match &url.0 {
        Servers::One(server) => Client::open(ConnectionInfo::clone(server)),
        Servers::Cluster(nodes) => Client::open(nodes[attempt % nodes.len()].clone()),
        Servers::Sentinel { sentinels, name, master } => {
            let mut to_master =
                SentinelNodeConnectionInfo::default().set_redis_connection_info(master.redis_settings().clone());
            if matches!(master.addr(), ConnectionAddr::TcpTls { .. }) {
                to_master = to_master.set_tls_mode(TlsMode::Secure);
            }
            let (mut sentinels, kind) = (sentinels.clone(), SentinelServerType::Master);
            let first = attempt % sentinels.len();
            sentinels.rotate_left(first);
            SentinelClient::build(sentinels, name, Some(to_master), kind)?.async_get_client().await
        }
    }
}
