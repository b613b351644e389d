//! The root fields of mutations. The input, payload and resolver of a mutation are in one file.

mod account;
mod auth_payload;
mod book;
mod session;

/// The root of all mutations.
#[derive(Debug, Default, async_graphql::MergedObject)]
pub(crate) struct Mutation(session::SessionMutation, account::AccountMutation, book::BookMutation);
