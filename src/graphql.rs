//! The GraphQL layer: types, queries, mutations, subscriptions and errors. It uses the store, but contains
//! no SQL and no HTTP.

mod async_graphql_workarounds;
mod audit_log;
pub(crate) mod context;
mod cursor;
mod direct_json;
pub(crate) mod document;
mod dyn_schema;
pub(crate) mod error;
pub(crate) mod execute;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod loaders;
mod mutation;
pub(crate) mod outcome;
mod page_size;
mod query;
pub(crate) mod rate_limit;
pub(crate) mod request;
mod response_size;
mod scalars;
mod schema;
mod services;
mod subscription;
mod types;
mod unread_responses;
mod upload;

pub use dyn_schema::DynSchema;
pub(crate) use schema::schema;
pub use schema::sdl;
pub(crate) use services::Services;
