//! The root fields of subscriptions.

mod book_changed;
mod import_progress;

/// The root of all subscriptions.
#[derive(Debug, Default, async_graphql::MergedSubscription)]
pub(crate) struct Subscription(
    book_changed::BookChangedSubscription,
    import_progress::ImportProgressSubscription,
);
