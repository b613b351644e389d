//! The contract: types, queries, mutations and errors. Knows the store, but no SQL, and no HTTP.

use std::sync::Arc;

use crate::auth::Auth;
use crate::clock::Clock;
use crate::id::Ids;
use crate::store::Store;

mod book_page;
mod connection;
pub(crate) mod context;
mod cursor;
pub(crate) mod document;
pub(crate) mod error;
mod executable;
pub(crate) mod execute;
mod failing_field;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod loaders;
mod mutation;
mod plain;
mod query;
pub(crate) mod rates;
mod scalars;
mod security;
mod subscription;
mod types;

pub use executable::Executable;
use mutation::Mutation;
use query::Query;
use rates::Rates;
use subscription::Subscription;

/// What resolvers work with, whoever is calling.
#[derive(Debug)]
pub(crate) struct Services {
    pub(crate) store: Store,
    pub(crate) auth: Auth,
    pub(crate) clock: Clock,
    pub(crate) ids: Arc<Ids>,
    pub(crate) rates: Rates,
}

/// The schema of the contract.
pub(crate) fn schema() -> Executable {
    Executable::new(Query::default(), Mutation::default(), Subscription)
}

/// The schema in the Schema Definition Language, sorted, as in `schema.graphql`.
pub fn sdl() -> String {
    schema().sdl().to_owned()
}
