//! How many wrong passwords an account may have.

use std::time::Duration;

use crate::client_ip::ClientPrefix;
use crate::store::failed_logins::{Bucket, BucketHash, Purpose};

/// How long a wrong password counts for its account and network, after those before it have expired.
const NETWORK_INTERVAL: Duration = Duration::from_secs(60);

/// How many wrong passwords an account may have.
#[derive(Clone, Copy, Debug)]
pub(super) struct GuessLimits {
    /// From one network, in a burst; after that, one per [`NETWORK_INTERVAL`].
    pub(super) burst: u32,
    /// From all networks, per hour.
    pub(super) per_hour: u32,
}

impl GuessLimits {
    /// The buckets in which an attempt counts.
    pub(super) fn buckets(
        self,
        purpose: Purpose,
        email_folded: &str,
        client: ClientPrefix,
    ) -> [Bucket; 2] {
        let hash = |network| BucketHash::new(purpose, email_folded, network);
        [
            Bucket { hash: hash(Some(client)), burst: self.burst, interval: NETWORK_INTERVAL },
            Bucket {
                hash: hash(None),
                burst: self.per_hour,
                interval: Duration::from_secs(3_600) / self.per_hour.max(1),
            },
        ]
    }
}
