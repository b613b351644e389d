//! The subscription to changes of books.

use async_graphql::Context;
use futures_util::{Stream, stream};

use crate::auth::identity::Viewer;
use crate::graphql::context::ContextExt;
use crate::graphql::error::{ApiError, Result};
use crate::graphql::types::book_change::BookChange;
use crate::store::events::{Event, Subscriber};

#[derive(Debug, Default)]
pub(super) struct BookChangedSubscription;

#[async_graphql::Subscription]
impl BookChangedSubscription {
    /// Sends an event for every change to the viewer's books, by any device and on any instance of the
    /// server. An import that changes more than 32 books ends the subscription with `SUBSCRIBER_TOO_SLOW` instead when
    /// it ends: read the books again, and subscribe again.
    #[expect(clippy::unused_async, reason = "async-graphql requires it")]
    async fn book_changed<'ctx>(
        &self,
        ctx: &Context<'ctx>,
    ) -> Result<impl Stream<Item = Result<BookChange>> + use<'ctx>> {
        let viewer = ctx.viewer()?;
        let subscriber = ctx.store().events().subscribe_to_books(viewer.user);
        let ctx = ctx.clone();
        Ok(stream::unfold(Some(subscriber), move |subscriber| {
            let ctx = ctx.clone();
            async move {
                let mut subscriber = subscriber?;
                match next_book_change(&ctx, viewer, &mut subscriber).await {
                    Ok(change) => Some((Ok(change), Some(subscriber))),
                    Err(failure) => Some((Err(failure), None)),
                }
            }
        }))
    }
}

/// The next change that the viewer may receive. After the viewer's session has ended, no change is
/// returned. The transport may have missed that event, so it is delivered again; the transport then ends
/// the subscription.
async fn next_book_change(
    ctx: &Context<'_>,
    viewer: Viewer,
    subscriber: &mut Subscriber,
) -> Result<BookChange> {
    loop {
        let event = subscriber.next().await.map_err(|_| ApiError::SubscriberTooSlow)?;
        let Event::BookChanged(change) = event else { continue };
        if ctx.auth().is_live_with_retry(viewer).await {
            ctx.loaders().clear().await;
            ctx.response_size().reset();
            ctx.charge_event().await;
            return Ok(BookChange(change));
        }
        ctx.store().events().redeliver_session_ended(viewer.session);
    }
}
