//! From a request to its answer.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use async_graphql::{Request, Response};
use futures_util::FutureExt;
use tokio::time::timeout;

use super::context::{Client, RequestContext};
use super::document::{self, GraphqlRequest, Operation};
use super::error::{ErrorCode, let_out, server_error};
use super::{Schema, Services};
use crate::auth::identity::Identity;
use crate::config::Limits;

/// The schema with all that its resolvers need.
pub(crate) struct Api {
    schema: Schema,
    services: Arc<Services>,
    limits: Limits,
}

/// Who asks, from where, and under which number.
#[derive(Debug)]
pub(crate) struct Caller<'a> {
    pub(crate) identity: Identity,
    pub(crate) client: Arc<Client>,
    pub(crate) request_id: &'a str,
}

/// An answer, and what the log says of it.
#[derive(Debug)]
pub(crate) struct Executed {
    pub(crate) response: Response,
    /// None if the request did not get as far as an operation.
    pub(crate) operation: Option<Operation>,
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
        let (mut response, operation, ran) = match document::prepare(&request, &self.limits) {
            Err(error) => (Response::from_errors(vec![error]), None, false),
            Ok(prepared) => {
                let mut request = Request::new("").variables(request.variables);
                request.operation_name = prepared.operation.name.clone();
                request.set_parsed_query(prepared.document);
                let services = Arc::clone(&self.services);
                let context = RequestContext::new(services, caller.identity, caller.client);
                let response = self.run(request.data(context), caller.request_id).await;
                let ran = !is_request_error(&response);
                (response, Some(prepared.operation), ran)
            }
        };
        let code = let_out(&mut response, caller.request_id, &self.limits);
        Executed { response, operation, code, ran }
    }

    /// Runs an operation, for so long and no longer, whatever its resolvers do.
    async fn run(&self, request: Request, request_id: &str) -> Response {
        let execution = AssertUnwindSafe(self.schema.execute(request)).catch_unwind();
        match timeout(self.limits.operation_timeout, execution).await {
            Ok(Ok(response)) => response,
            Ok(Err(_)) => {
                let mut error = server_error(
                    ErrorCode::InternalServerError,
                    "Something went wrong on our side.",
                );
                if let Some(extensions) = &mut error.extensions {
                    extensions.set("requestId", request_id);
                }
                tracing::error!(request_id, "a resolver panicked");
                Response::from_errors(vec![error])
            }
            Err(_) => {
                let error = server_error(ErrorCode::Timeout, "The operation took too long.");
                Response::from_errors(vec![error])
            }
        }
    }
}

/// Section 7.1.1 of the GraphQL specification: an error of the request is raised before execution
/// begins, so no error has a path and there is no `data`.
fn is_request_error(response: &Response) -> bool {
    response.data == async_graphql::Value::Null
        && !response.errors.is_empty()
        && response.errors.iter().all(|error| error.path.is_empty())
}
