//! Root fields that go on: what happens, as it happens.

use async_graphql::Context;
use futures_util::{Stream, stream};

use super::context::ContextExt;
use super::error::{ApiError, Result};
use super::types::book_change::BookChange;
use crate::auth::identity::Viewer;
use crate::store::events::{Event, Subscriber};

#[derive(Debug, Default)]
pub(crate) struct Subscription;

/// What can be listened to.
#[async_graphql::Subscription]
impl Subscription {
    /// Every change to the viewer's books, from any device and any copy of the server, from now on.
    #[expect(clippy::unused_async, reason = "async-graphql wants it so")]
    async fn book_changed<'ctx>(
        &self,
        ctx: &Context<'ctx>,
    ) -> Result<impl Stream<Item = Result<BookChange>> + use<'ctx>> {
        let viewer = ctx.viewer()?;
        let listener = ctx.store().events().books_of(viewer.user);
        let ctx = ctx.clone();
        Ok(stream::unfold(Some(listener), move |listener| {
            let ctx = ctx.clone();
            async move {
                let mut listener = listener?;
                match next_book_change(&ctx, viewer, &mut listener).await {
                    Ok(change) => Some((Ok(change), Some(listener))),
                    Err(failure) => Some((Err(failure), None)),
                }
            }
        }))
    }
}

/// The next change that the viewer may hear of. Whose session has ended hears of nothing more; the
/// transport, which may have missed that, is told so and ends the subscription.
async fn next_book_change(
    ctx: &Context<'_>,
    viewer: Viewer,
    listener: &mut Subscriber,
) -> Result<BookChange> {
    loop {
        let event = listener.next().await.map_err(|_| ApiError::SubscriberTooSlow)?;
        let Event::BookChanged(change) = event else { continue };
        if ctx.auth().is_live_with_retry(viewer).await {
            ctx.loaders().clear().await;
            ctx.charge_event().await;
            return Ok(BookChange(change));
        }
        ctx.store().events().redeliver_session_ended(viewer.session);
    }
}
