//! From a request to its answer.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use async_graphql::{Pos, Request, Response, ServerError, Variables};
use futures_util::FutureExt;
use tokio::time::timeout;

use super::context::{Client, RequestContext};
use super::document::{self, GraphqlRequest, Operation, Prepared};
use super::error::{ErrorCode, Failure, let_out};
use super::{Schema, Services};
use crate::auth::identity::Identity;
use crate::config::Limits;
use crate::id::UserId;

/// The schema with all that its resolvers need.
pub(crate) struct Api {
    schema: Schema,
    services: Arc<Services>,
    limits: Limits,
}

/// Who asks, from where, and under which number.
#[derive(Debug)]
pub(crate) struct Caller<'a> {
    /// The value of the `Authorization` header.
    pub(crate) authorization: Option<&'a [u8]>,
    pub(crate) client: Arc<Client>,
    pub(crate) request_id: &'a str,
}

/// An answer, and what the log says of it.
#[derive(Debug)]
pub(crate) struct Executed {
    pub(crate) response: Response,
    /// None if the request did not get as far as an operation.
    pub(crate) operation: Option<Operation>,
    /// Who it was, if it was somebody.
    pub(crate) viewer: Option<UserId>,
    /// The code of its first error.
    pub(crate) code: Option<ErrorCode>,
    /// Whether the operation ran; without it the answer has no `data`.
    pub(crate) ran: bool,
}

impl Api {
    pub(crate) fn new(schema: Schema, services: Arc<Services>, limits: Limits) -> Self {
        Self { schema, services, limits }
    }

    pub(crate) async fn execute(&self, request: GraphqlRequest, caller: Caller<'_>) -> Executed {
        let mut executed = match document::prepare(&request, &self.limits) {
            Err(error) => Executed::refused(error),
            Ok(prepared) => self.execute_prepared(prepared, request.variables, &caller).await,
        };
        executed.code = let_out(&mut executed.response, caller.request_id, &self.limits);
        executed
    }

    /// Recognises the caller and runs the operation, for so long and no longer, whatever the
    /// resolvers do.
    async fn execute_prepared(
        &self,
        prepared: Prepared,
        variables: Variables,
        caller: &Caller<'_>,
    ) -> Executed {
        let mut viewer = None;
        let work = async {
            let identity = self.services.auth.identify(caller.authorization).await?;
            if let Identity::User(its) = identity {
                viewer = Some(its.user);
            }
            let mut request = Request::new("").variables(variables);
            request.operation_name = prepared.operation.name.clone();
            request.set_parsed_query(prepared.document);
            let services = Arc::clone(&self.services);
            let client = Arc::clone(&caller.client);
            let context = RequestContext::new(services, identity, client);
            Ok::<_, Failure>(self.schema.execute(request.data(context)).await)
        };
        let work = AssertUnwindSafe(work).catch_unwind();
        let response = match timeout(self.limits.operation_timeout, work).await {
            Ok(Ok(Ok(response))) => response,
            Ok(Ok(Err(failure))) => failed(async_graphql::Error::from(failure)),
            Ok(Err(_)) => failed(async_graphql::Error::from(Failure::Panicked)),
            Err(_) => failed(async_graphql::Error::from(Failure::TimedOut)),
        };
        let ran = !is_request_error(&response);
        Executed { response, operation: Some(prepared.operation), viewer, code: None, ran }
    }
}

impl Executed {
    fn refused(error: ServerError) -> Self {
        let response = Response::from_errors(vec![error]);
        Self { response, operation: None, viewer: None, code: None, ran: false }
    }
}

/// The answer to an operation that came to nothing as a whole.
fn failed(error: async_graphql::Error) -> Response {
    let mut error = error.into_server_error(Pos::default());
    error.locations.clear();
    Response::from_errors(vec![error])
}

/// Section 7.1.1 of the GraphQL specification: an error of the request is raised before execution
/// begins, so no error has a path and there is no `data`.
fn is_request_error(response: &Response) -> bool {
    response.data == async_graphql::Value::Null
        && !response.errors.is_empty()
        && response.errors.iter().all(|error| error.path.is_empty())
}
