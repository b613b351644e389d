//! The mutation that exports the viewer's library.

use async_graphql::{Context, Enum, Object, SimpleObject};

use crate::auth::identity::AuthFailure;
use crate::book_files::BookFileFormat;
use crate::exports::{LINK_LIFETIME, LinkToken, file_name};
use crate::graphql::context::ContextExt;
use crate::graphql::error::{ApiError, Result};
use crate::graphql::scalars::DateTime;
use crate::graphql::types::user_error::UserError;

#[derive(Debug, Default)]
pub(super) struct ExportMutation;

/// The format of an exported file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "BookFileFormat")]
enum ExportFormat {
    /// A CSV file with all values but covers, which `importBooks` reads without loss.
    Csv,
    /// A JSON file with all values but covers, which `importBooks` reads without loss.
    Json,
    /// A CSV file in the form that Goodreads exports and other sites import. It has no start of reading and no time of day.
    #[graphql(name = "GOODREADS_CSV")]
    Goodreads,
}

/// The result of `exportBooks`.
#[derive(Debug, Default, SimpleObject)]
struct ExportBooksPayload {
    /// Where to download the file: once, and before `expiresAt`. Needs no header. Null if there are errors.
    url: Option<String>,
    /// When the link expires, an hour from now; null if there are errors.
    expires_at: Option<DateTime>,
    /// Always empty: `exportBooks` has no input that can be invalid.
    user_errors: Vec<UserError>,
}

#[Object]
impl ExportMutation {
    /// Makes a link to a file with all books of the viewer, oldest first. The file is written while it is downloaded.
    async fn export_books(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The format of the file.")] format: ExportFormat,
    ) -> Result<ExportBooksPayload> {
        let viewer = ctx.viewer()?;
        ctx.charge_scan(viewer.user, 1).await?;
        let format = BookFileFormat::from(format);
        let token = LinkToken::generate(&mut rand::rng());
        let expires_at = ctx.now() + LINK_LIFETIME;
        let exports = ctx.store().exports();
        if !exports.insert(token.hash(), viewer.session, format, expires_at).await? {
            return Err(ApiError::Unauthenticated(AuthFailure::SessionEnded));
        }
        let name = file_name(format, ctx.now());
        Ok(ExportBooksPayload {
            url: Some(format!("{}/exports/{}/{name}", ctx.base_url(), token.expose())),
            expires_at: Some(DateTime(expires_at)),
            user_errors: Vec::new(),
        })
    }
}
