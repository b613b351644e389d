//! The root fields of queries. Each converts its arguments into a call and wraps the result.

mod book;
mod import;
mod node;
mod reading;
mod viewer;

/// The root of all queries.
#[derive(Debug, Default, async_graphql::MergedObject)]
pub(crate) struct Query(
    viewer::ViewerQuery,
    book::BookQuery,
    reading::ReadingQuery,
    import::ImportQuery,
    node::NodeQuery,
);
