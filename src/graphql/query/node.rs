//! Anything of the viewer's, by its id alone.

use async_graphql::{Context, ID, Object};
use futures_util::FutureExt;
use futures_util::future::join_all;

use crate::graphql::connection::MAX_PAGE_SIZE;
use crate::graphql::context::ContextExt;
use crate::graphql::error::{ApiError, Nullable, Result};
use crate::graphql::types::node::Node;

#[derive(Debug, Default)]
pub(super) struct NodeQuery;

#[Object]
impl NodeQuery {
    /// The viewer's object with this id; null when there is none, whatever the reason.
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of any object.")] id: ID,
    ) -> Nullable<Node> {
        match ctx.viewer() {
            Ok(viewer) => Node::find(ctx, viewer, &id).await.transpose(),
            Err(failure) => Some(Err(failure)),
        }
    }

    /// The viewer's objects with these ids, up to 100, in the order of the ids; null in the place
    /// of each id that leads to nothing.
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The ids of any objects.")] ids: Vec<ID>,
    ) -> Result<Vec<Nullable<Node>>> {
        let viewer = ctx.viewer()?;
        if ids.len() > MAX_PAGE_SIZE {
            return Err(ApiError::bad_input(format!("ids has at most {MAX_PAGE_SIZE} elements.")));
        }
        let nodes = ids.iter().map(|id| Node::find(ctx, viewer, id).map(Result::transpose));
        Ok(join_all(nodes).await)
    }
}
