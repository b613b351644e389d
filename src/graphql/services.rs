//! The services that resolvers use.

use std::sync::Arc;

use super::rate_limit::RateLimits;
use crate::auth::Auth;
use crate::clock::Clock;
use crate::covers::Covers;
use crate::id::IdGenerator;
use crate::imports::Imports;
use crate::store::Store;

/// The services that resolvers use. They are the same for every request.
#[derive(Debug)]
pub(crate) struct Services {
    pub(crate) store: Store,
    pub(crate) auth: Auth,
    pub(crate) covers: Covers,
    pub(crate) imports: Imports,
    pub(crate) clock: Clock,
    pub(crate) ids: Arc<IdGenerator>,
    pub(crate) rates: RateLimits,
}
