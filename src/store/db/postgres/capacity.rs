//! How many connections the database still accepts, and how they are distributed.

use tokio_postgres::SimpleQueryMessage;

use crate::store::connector::Connector;

/// The smallest of the limits of the server, of the role and of the database, without the connections that are in
/// use. The connection of this query counts.
const CONNECTIONS_LEFT: &str = "SELECT least(
    current_setting('max_connections')::bigint
        - current_setting('superuser_reserved_connections')::bigint
        - coalesce(current_setting('reserved_connections', true)::bigint, 0)
        - (SELECT coalesce(sum(numbackends), 0) FROM pg_catalog.pg_stat_database),
    (SELECT rolconnlimit
        - (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE usename = session_user)
        FROM pg_catalog.pg_roles
        WHERE rolname = session_user AND rolconnlimit >= 0 AND NOT rolsuper),
    (SELECT datconnlimit
        - (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE datname = current_database())
        FROM pg_catalog.pg_database
        WHERE datname = current_database() AND datconnlimit >= 0)
) + 1";

/// Connections for events: one to publish, one to receive.
const EVENT_CONNECTIONS: u32 = 2;

/// The page and the total of a list are two scans, which run at the same time.
const MIN_SCAN_CONNECTIONS: u32 = 2;

/// Maximum numbers of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store::db) struct PoolSizes {
    /// At least two: one for reads and one for writes.
    pub(in crate::store::db) pipelined: u32,
    /// For transactions.
    pub(in crate::store::db) pool: u32,
    pub(in crate::store::db) scans: u32,
}

impl PoolSizes {
    /// The fewest connections with which everything works.
    const MIN: Self = Self { pipelined: 2, pool: 1, scans: 1 };

    pub(in crate::store::db) fn new(size: u32) -> Self {
        let scans = (size / 2).max(MIN_SCAN_CONNECTIONS);
        Self { pipelined: size.max(2), pool: size, scans }
    }

    /// The largest sizes up to those of `size` for which this many connections suffice.
    fn fitting(size: u32, left: u32) -> Self {
        let sizes = (1..=size).rev().map(Self::new);
        sizes.into_iter().find(|sizes| sizes.total() <= left).unwrap_or(Self::MIN)
    }

    fn total(self) -> u32 {
        self.pipelined + self.pool + self.scans + EVENT_CONNECTIONS
    }

    /// The default sizes, as far as the database accepts so many connections.
    pub(in crate::store::db) async fn fitting_database(
        connector: &Connector,
        size: u32,
    ) -> anyhow::Result<Self> {
        let left = connections_left(connector).await?;
        let sizes = Self::fitting(size, left);
        if sizes.total() > left {
            let needed = sizes.total();
            tracing::error!(left, needed, "the database does not accept enough connections");
        } else if sizes != Self::new(size) {
            let used = sizes.total();
            tracing::warn!(left, used, "the database accepts few connections, using fewer");
        }
        Ok(sizes)
    }
}

/// How many connections the database accepts at most until others are closed.
async fn connections_left(connector: &Connector) -> anyhow::Result<u32> {
    let (client, connection) = connector.connect(connector.application_name(), "").await?;
    let connection = tokio::spawn(connection);
    let messages = client.simple_query(CONNECTIONS_LEFT).await?;
    drop(client);
    connection.await??;
    let left = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0)?.parse::<i64>().ok(),
        _ => None,
    });
    Ok(left.and_then(|left| u32::try_from(left.max(0)).ok()).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_fit_into_the_connections_that_are_left() {
        assert_eq!(PoolSizes::fitting(8, 100), PoolSizes::new(8));
        assert_eq!(PoolSizes::fitting(8, 22), PoolSizes::new(8));
        assert_eq!(PoolSizes::fitting(8, 21), PoolSizes { pipelined: 7, pool: 7, scans: 3 });
        for left in 6..30 {
            let sizes = PoolSizes::fitting(8, left);
            assert!(sizes.total() <= left, "{sizes:?}");
        }
        assert_eq!(PoolSizes::fitting(8, 6), PoolSizes::MIN);
        assert_eq!(PoolSizes::fitting(8, 0), PoolSizes::MIN);
    }
}
