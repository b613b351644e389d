//! Mutations of the covers of the viewer's books.

use async_graphql::{Context, ID, Object, Upload};

use super::book::UpdateBookPayload;
use crate::covers::{CoverImages, CoverKey, ImageError, StorageError};
use crate::graphql::context::ContextExt;
use crate::graphql::error::{ApiError, Result};
use crate::graphql::types::book::Book;
use crate::graphql::types::user_error::{UserError, UserErrorCode};
use crate::graphql::upload;
use crate::id::{BookId, UserId};
use crate::store::covers::{CoverOutcome, NewCover};
use crate::store::error::error_chain;

#[derive(Debug, Default)]
pub(super) struct BookCoverMutation;

#[Object]
impl BookCoverMutation {
    /// Sets the cover of a book of the viewer, or replaces it. This counts as a change of the book.
    async fn set_book_cover(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Id of one of the viewer's books.")] id: ID,
        #[graphql(desc = "A JPEG, PNG, WebP or GIF image of at most 10 MiB and 40 megapixels.")]
        file: Upload,
    ) -> Result<UpdateBookPayload> {
        let owner = ctx.viewer()?.user;
        let Some(id) = find_book(ctx, owner, &id).await? else {
            return Ok(UpdateBookPayload::rejected(UserError::not_found("book")));
        };
        match ctx.covers().process(owner, upload::content(ctx, file)?).await {
            Ok(images) => save(ctx, (owner, id), images).await,
            Err(ImageError::Overloaded) => Err(ApiError::Overloaded),
            Err(ImageError::Unsupported) => {
                let message = "The file is not a JPEG, PNG, WebP or GIF image, or is damaged.";
                let error = UserError::new(UserErrorCode::UnsupportedFile, &["file"], message);
                Ok(UpdateBookPayload::rejected(error))
            }
            Err(ImageError::TooLarge) => {
                let message = "The image may have at most 10 MB and 40 megapixels, and fewer if its encoding needs much memory.";
                let error = UserError::new(UserErrorCode::FileTooLarge, &["file"], message);
                Ok(UpdateBookPayload::rejected(error))
            }
        }
    }

    /// Removes the cover of a book of the viewer. This counts as a change of the book, if it has a cover.
    async fn remove_book_cover(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Id of one of the viewer's books.")] id: ID,
    ) -> Result<UpdateBookPayload> {
        let owner = ctx.viewer()?.user;
        let Some(id) = BookId::parse(&id) else {
            return Ok(UpdateBookPayload::rejected(UserError::not_found("book")));
        };
        let outcome = ctx.store().covers().remove(owner, id, ctx.now()).await?;
        payload(ctx, (owner, id), outcome).await
    }
}

/// The id of the owner's book, if there is one.
async fn find_book(ctx: &Context<'_>, owner: UserId, id: &ID) -> Result<Option<BookId>> {
    let Some(id) = BookId::parse(id) else { return Ok(None) };
    Ok(ctx.store().books().find(owner, id).await?.map(|book| book.id))
}

/// Stores the files of a cover, then its row. If the row is not written, the files are removed. If it is not certain
/// whether it was written, they stay, and [`crate::covers::Covers::sweep`] removes files without a row.
async fn save(
    ctx: &Context<'_>,
    (owner_id, book_id): (UserId, BookId),
    images: CoverImages,
) -> Result<UpdateBookPayload> {
    let key = CoverKey::generate(&mut rand::rng());
    let cover = NewCover {
        owner_id,
        book_id,
        key: key.to_string(),
        width: size(images.width),
        height: size(images.height),
        bytes: size(images.bytes()),
    };
    ctx.covers().put(&key, images).await.map_err(|error| storage_failure(&error))?;
    let outcome = ctx.store().covers().set(cover, ctx.now()).await?;
    if !matches!(outcome, CoverOutcome::Done(_))
        && let Err(error) = ctx.covers().delete(&key).await
    {
        tracing::warn!(cause = %error_chain(&error), "files of a rejected cover stay for now");
    }
    payload(ctx, (owner_id, book_id), outcome).await
}

async fn payload(
    ctx: &Context<'_>,
    (owner, book): (UserId, BookId),
    outcome: CoverOutcome,
) -> Result<UpdateBookPayload> {
    match outcome {
        CoverOutcome::Done(row) => {
            // Another field of the operation may have read the cover before.
            ctx.loaders().clear_cover(owner, book).await;
            Ok(UpdateBookPayload::done(Book::new(*row)))
        }
        CoverOutcome::NotFound => Ok(UpdateBookPayload::rejected(UserError::not_found("book"))),
        CoverOutcome::QuotaExceeded(quota) => Err(ApiError::QuotaExceeded(quota)),
    }
}

/// A size of an image, which is far below the maximum.
fn size(value: impl TryInto<i32>) -> i32 {
    value.try_into().unwrap_or(i32::MAX)
}

fn storage_failure(error: &StorageError) -> ApiError {
    tracing::warn!(cause = %error_chain(error), "storing a cover failed");
    ApiError::Overloaded
}
