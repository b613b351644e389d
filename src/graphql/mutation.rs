//! The root fields of mutations. The input, payload and resolver of a mutation are in one file;
//! the inputs of books have their own.

mod account;
mod auth_payload;
mod book;
mod book_cover;
mod book_input;
mod export;
mod import;
mod session;

/// The root of all mutations.
#[derive(Debug, Default, async_graphql::MergedObject)]
pub(crate) struct Mutation(
    session::SessionMutation,
    account::AccountMutation,
    book::BookMutation,
    export::ExportMutation,
    book_cover::BookCoverMutation,
    import::ImportMutation,
);
