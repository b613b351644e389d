//! A schema that can be executed, without its root types as type parameters.

use std::fmt;
use std::sync::Arc;

use async_graphql::{
    ObjectType, Request, Response, SDLExportOptions, Schema, SubscriptionType, ValidationMode,
};
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;

use super::async_graphql_workarounds::FailDirective;

/// A schema without type parameters: the schema of this server, or one that a test provides.
#[derive(Clone)]
pub struct DynSchema {
    sdl: Arc<str>,
    schema: Arc<dyn ExecuteSchema>,
}

trait ExecuteSchema: Send + Sync {
    fn execute(&self, request: Request) -> BoxFuture<'_, Response>;
    fn subscribe(&self, request: Request) -> BoxStream<'static, Response>;
}

impl<Q, M, S> ExecuteSchema for Schema<Q, M, S>
where
    Q: ObjectType + 'static,
    M: ObjectType + 'static,
    S: SubscriptionType + 'static,
{
    fn execute(&self, request: Request) -> BoxFuture<'_, Response> {
        Box::pin(Self::execute(self, request))
    }

    fn subscribe(&self, request: Request) -> BoxStream<'static, Response> {
        self.execute_stream(request)
    }
}

impl DynSchema {
    /// Builds a schema with these root types. Documents must be validated before they are executed.
    pub fn new<Q, M, S>(query: Q, mutation: M, subscription: S) -> Self
    where
        Q: ObjectType + 'static,
        M: ObjectType + 'static,
        S: SubscriptionType + 'static,
    {
        let schema = Schema::build(query, mutation, subscription);
        let schema = schema.validation_mode(ValidationMode::Fast).directive(FailDirective).finish();
        let options = SDLExportOptions::new()
            .sorted_fields()
            .sorted_arguments()
            .sorted_enum_items()
            .use_space_ident();
        Self { sdl: schema.sdl_with_options(options).into(), schema: Arc::new(schema) }
    }

    /// The schema in the Schema Definition Language, sorted.
    pub(crate) fn sdl(&self) -> &str {
        &self.sdl
    }

    pub(super) async fn execute(&self, request: Request) -> Response {
        self.schema.execute(request).await
    }

    /// The responses of a subscription, one for each event.
    pub(super) fn subscribe(&self, request: Request) -> BoxStream<'static, Response> {
        self.schema.subscribe(request)
    }
}

impl fmt::Debug for DynSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DynSchema")
    }
}
