//! The viewer's objects by their global ids.

use async_graphql::{Context, ID, Object};
use futures_util::FutureExt;
use futures_util::future::join_all;

use crate::graphql::context::ContextExt;
use crate::graphql::error::{ApiError, Nullable, Result};
use crate::graphql::page_size::MAX_PAGE_SIZE;
use crate::graphql::types::node::Node;

#[derive(Debug, Default)]
pub(super) struct NodeQuery;

#[Object]
impl NodeQuery {
    /// The viewer's object with this id; null if the id is malformed, or if the object does not exist or
    /// belongs to another user.
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Id of the object.")] id: ID,
    ) -> Nullable<Node> {
        match ctx.viewer() {
            Ok(viewer) => Node::find(ctx, viewer, &id).await.transpose(),
            Err(failure) => Some(Err(failure)),
        }
    }

    /// The viewer's objects with these ids, in the order of the ids. An element is null if its id is
    /// malformed, or if the object does not exist or belongs to another user.
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Ids of the objects, at most 100.")] ids: Vec<ID>,
    ) -> Result<Vec<Nullable<Node>>> {
        let viewer = ctx.viewer()?;
        if ids.len() > MAX_PAGE_SIZE {
            let message = format!("ids can have at most {MAX_PAGE_SIZE} elements.");
            return Err(ApiError::bad_input(message));
        }
        let nodes = ids.iter().map(|id| Node::find(ctx, viewer, id).map(Result::transpose));
        Ok(join_all(nodes).await)
    }
}
