//! The covers of books.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::parser::types::Field;
use async_graphql::{Context, ContextSelectionSet, Enum, Object, OutputType, Positioned};
use futures_util::future::join_all;

use super::book::Book;
use crate::covers as images;
use crate::graphql::context::{ContextExt, loaders};
use crate::graphql::direct_json::{Json, Objects, PlannedObject};
use crate::id::BookId;
use crate::store::covers;

/// The sizes of a cover. A smaller image is not enlarged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "images::CoverSize")]
pub(crate) enum CoverSize {
    /// The longest side has 160 pixels.
    Small,
    /// The longest side has 480 pixels.
    Medium,
    /// The longest side has 1,600 pixels.
    Original,
}

#[derive(Clone, Debug)]
pub(crate) struct Cover(pub(super) Arc<covers::Cover>);

/// The cover of a book, an image.
#[Object]
impl Cover {
    /// The address of the image, a JPEG or WebP file. It needs no header. Everyone with the address can read the
    /// image. A changed cover has another address.
    async fn url(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The size of the image.", default_with = "CoverSize::Medium")]
        size: CoverSize,
    ) -> String {
        let size = images::CoverSize::from(size).as_str();
        format!("{}/covers/{}/{size}", ctx.base_url(), self.0.key)
    }

    /// The width of the largest size, in pixels.
    async fn width(&self) -> i32 {
        self.0.width
    }

    /// The height of the largest size, in pixels.
    async fn height(&self) -> i32 {
        self.0.height
    }
}

/// Plans the covers of a list of books, which are read by one statement. `None` if that fails: then each book reports the
/// error.
pub(super) async fn plan(
    ctx: &ContextSelectionSet<'_>,
    field: &Positioned<Field>,
    books: &Objects<'_, Book>,
) -> Option<PlannedObject<Book>> {
    let covers = books.iter().map(|book| loaders(ctx).cover(book.0.owner_id, book.0.id));
    let mut written: HashMap<BookId, Json> = HashMap::new();
    for (book, cover) in books.iter().zip(join_all(covers).await) {
        if let Some(cover) = cover.ok()? {
            let mut json = Json::default();
            json.value(&Cover(cover).resolve(ctx, field).await.ok()?).ok()?;
            written.insert(book.0.id, json);
        }
    }
    Some(Box::new(move |book: &Book, json: &mut Json| match written.get(&book.0.id) {
        Some(cover) => {
            json.append(cover);
            Ok(())
        }
        None => json.value(&()),
    }))
}
