//! Root fields that read: each turns its arguments into a call and wraps what comes back.

mod book;
mod node;
mod viewer;

/// What can be asked for.
#[derive(Debug, Default, async_graphql::MergedObject)]
pub(crate) struct Query(viewer::ViewerQuery, book::BookQuery, node::NodeQuery);
