//! The schema of this server.

use super::dyn_schema::DynSchema;
use super::mutation::Mutation;
use super::query::Query;
use super::subscription::Subscription;

/// The GraphQL schema of this server.
pub(crate) fn schema() -> DynSchema {
    DynSchema::new(Query::default(), Mutation::default(), Subscription::default())
}

/// The schema in the Schema Definition Language, sorted, as in `schema.graphql`.
pub fn sdl() -> String {
    schema().sdl().to_owned()
}
