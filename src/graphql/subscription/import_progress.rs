//! The subscription to the progress of an import.

use std::time::Duration;

use async_graphql::{Context, ID};
use futures_util::{Stream, stream};
use tokio::time::{Instant, sleep_until};

use crate::auth::identity::Viewer;
use crate::graphql::context::ContextExt;
use crate::graphql::error::{ApiError, Result};
use crate::graphql::types::import_job::ImportJob;
use crate::id::ImportId;

/// Interval between two events. Shorter than a second, so that there is one each second also on a busy server.
const INTERVAL: Duration = Duration::from_millis(500);

#[derive(Debug, Default)]
pub(super) struct ImportProgressSubscription;

/// What to send next.
struct Progress {
    viewer: Viewer,
    id: ImportId,
    /// When to read the import; `None` at once.
    next: Option<Instant>,
}

#[async_graphql::Subscription]
impl ImportProgressSubscription {
    /// Sends the state of one of the viewer's imports at once, at least every second while it runs, and when it has ended,
    /// on whichever instance of the server it runs. Then the subscription completes. An id that the viewer has no import
    /// with is an error with the code `BAD_USER_INPUT`.
    #[expect(clippy::unused_async, reason = "async-graphql requires it")]
    async fn import_progress<'ctx>(
        &self,
        ctx: &Context<'ctx>,
        #[graphql(desc = "Id of the import.")] id: ID,
    ) -> Result<impl Stream<Item = Result<ImportJob>> + use<'ctx>> {
        let viewer = ctx.viewer()?;
        let id = ImportId::parse(&id).ok_or_else(not_found)?;
        let ctx = ctx.clone();
        let first = Progress { viewer, id, next: None };
        Ok(stream::unfold(Some(first), move |progress| {
            let ctx = ctx.clone();
            async move {
                let progress = progress?;
                match read(&ctx, &progress).await {
                    Ok(job) if job.0.is_running() => {
                        let next = Some(Instant::now() + INTERVAL);
                        Some((Ok(job), Some(Progress { next, ..progress })))
                    }
                    // The last event.
                    result => Some((result, None)),
                }
            }
        }))
    }
}

/// Waits until the next event is due, and reads the import.
async fn read(ctx: &Context<'_>, progress: &Progress) -> Result<ImportJob> {
    let Progress { viewer, id, next } = progress;
    if let Some(next) = next {
        sleep_until(*next).await;
        if !ctx.auth().is_live_with_retry(*viewer).await {
            ctx.store().events().redeliver_session_ended(viewer.session);
            // The transport ends the subscription.
            std::future::pending::<()>().await;
        }
        ctx.loaders().clear().await;
        ctx.response_size().reset();
        ctx.charge_event().await;
    }
    ImportJob::find(ctx, *viewer, *id).await?.ok_or_else(not_found)
}

fn not_found() -> ApiError {
    ApiError::bad_input("You have no import with this id.")
}
