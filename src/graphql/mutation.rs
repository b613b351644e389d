//! Root fields that write: input, payload and resolver of each side by side.

mod account;
mod auth_payload;
mod book;
mod session;

/// What can be changed.
#[derive(Debug, Default, async_graphql::MergedObject)]
pub(crate) struct Mutation(session::SessionMutation, account::AccountMutation, book::BookMutation);
