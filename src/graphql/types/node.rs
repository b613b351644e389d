//! Objects with an id for `node` (GraphQL Global Object Identification).

use async_graphql::{Context, ID, Interface};

use super::book::Book;
use super::import_job::ImportJob;
use super::session::Session;
use super::user::User;
use crate::auth::identity::Viewer;
use crate::graphql::context::ContextExt;
use crate::graphql::error::Result;
use crate::id::{BookId, ImportId, SessionId, UserId};
use crate::store::books::BookColumns;

/// An object with an id that is unique among all objects.
#[derive(Debug, Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "Id of the object, for `node` and client caches."))]
pub(crate) enum Node {
    /// An account.
    User(User),
    /// A session.
    Session(Session),
    /// A book.
    Book(Book),
    /// An import of a file.
    ImportJob(ImportJob),
}

impl Node {
    /// The viewer's object with this id; `None` if the id is malformed, or if the object does not exist or
    /// belongs to another user.
    pub(in crate::graphql) async fn find(
        ctx: &Context<'_>,
        viewer: Viewer,
        id: &ID,
    ) -> Result<Option<Self>> {
        if let Some(id) = BookId::parse(id) {
            Ok(Book::find(ctx, viewer, id, BookColumns::all()).await?.map(Self::Book))
        } else if let Some(id) = UserId::parse(id) {
            Ok(viewer.owns(&id).then_some(Self::User(User(id))))
        } else if let Some(id) = SessionId::parse(id) {
            let session = ctx.loaders().session(id).await?.filter(|row| viewer.owns(&**row));
            Ok(session.map(|session| Self::Session(Session((*session).clone()))))
        } else if let Some(id) = ImportId::parse(id) {
            Ok(ImportJob::find(ctx, viewer, id).await?.map(Self::ImportJob))
        } else {
            Ok(None)
        }
    }
}
