//! The contract: types, queries, mutations and errors. Knows the store, but no SQL, and no HTTP.

use std::sync::Arc;

use async_graphql::{EmptySubscription, SDLExportOptions};

use crate::auth::Auth;
use crate::clock::Clock;
use crate::id::Ids;
use crate::store::Store;

mod connection;
pub(crate) mod context;
mod cursor;
pub(crate) mod document;
pub(crate) mod error;
pub(crate) mod execute;
mod guard;
mod loaders;
mod mutation;
mod query;
mod scalars;
mod types;

use mutation::Mutation;
use query::Query;

/// The executable schema.
pub(crate) type Schema = async_graphql::Schema<Query, Mutation, EmptySubscription>;

/// What resolvers work with, whoever is calling.
#[derive(Debug)]
pub(crate) struct Services {
    pub(crate) store: Store,
    pub(crate) auth: Auth,
    pub(crate) clock: Clock,
    pub(crate) ids: Arc<Ids>,
}

/// Builds the schema, with or without its introspection.
pub(crate) fn schema(introspection: bool) -> Schema {
    let builder = Schema::build(Query::default(), Mutation::default(), EmptySubscription);
    if introspection { builder.finish() } else { builder.disable_introspection().finish() }
}

/// The schema in the Schema Definition Language, sorted, as in `schema.graphql`.
pub fn sdl() -> String {
    let options = SDLExportOptions::new()
        .sorted_fields()
        .sorted_arguments()
        .sorted_enum_items()
        .use_space_ident();
    schema(true).sdl_with_options(options)
}
