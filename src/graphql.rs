//! The GraphQL layer: types, queries, mutations, subscriptions and errors. It uses the store, but contains
//! no SQL and no HTTP.

use std::sync::Arc;

use crate::auth::Auth;
use crate::clock::Clock;
use crate::id::IdGenerator;
use crate::store::Store;

mod audit_log;
pub(crate) mod context;
mod cursor;
mod direct_json;
pub(crate) mod document;
mod dyn_schema;
pub(crate) mod error;
pub(crate) mod execute;
mod failing_field;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod loaders;
mod mutation;
mod query;
pub(crate) mod rate_limit;
mod scalars;
mod subscription;
mod types;

pub use dyn_schema::DynSchema;
use mutation::Mutation;
use query::Query;
use rate_limit::RateLimits;
use subscription::Subscription;

/// The services that resolvers use. They are the same for every request.
#[derive(Debug)]
pub(crate) struct Services {
    pub(crate) store: Store,
    pub(crate) auth: Auth,
    pub(crate) clock: Clock,
    pub(crate) ids: Arc<IdGenerator>,
    pub(crate) rates: RateLimits,
}

/// The GraphQL schema of this server.
pub(crate) fn schema() -> DynSchema {
    DynSchema::new(Query::default(), Mutation::default(), Subscription)
}

/// The schema in the Schema Definition Language, sorted, as in `schema.graphql`.
pub fn sdl() -> String {
    schema().sdl().to_owned()
}
