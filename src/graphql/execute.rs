//! From a request to its answer, or to its answers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use async_graphql::parser::types::OperationType;
use async_graphql::{Pos, Request, Response, ServerError};
use futures_util::future::{Either, ready};
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt};
use tokio::time::timeout;

use super::Services;
use super::context::{Client, RequestContext};
use super::document::{Documents, GraphqlRequest, Prepared};
use super::error::{ErrorCode, Failure, let_out};
use super::executable::Executable;
use crate::auth::identity::{Identity, Viewer};
use crate::config::Limits;

/// The schema with all that its resolvers need.
#[derive(Debug)]
pub(crate) struct Api {
    schema: Executable,
    documents: Documents,
    services: Arc<Services>,
    limits: Limits,
}

/// Who asks, from where, and under which number.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// The value of the `Authorization` header, or of what stands for it.
    pub(crate) authorization: Option<Vec<u8>>,
    pub(crate) client: Arc<Client>,
    pub(crate) request_id: Arc<str>,
}

/// The operation that a request means, for logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Operation {
    pub(crate) name: Option<String>,
    pub(crate) kind: OperationType,
}

/// An answer, and what the log says of it.
#[derive(Debug)]
pub(crate) struct Executed {
    pub(crate) response: Response,
    /// None if the request did not get as far as an operation.
    pub(crate) operation: Option<Operation>,
    /// Who it was, if it was somebody.
    pub(crate) viewer: Option<Viewer>,
    /// The code of its first error.
    pub(crate) code: Option<ErrorCode>,
    /// Whether the operation ran; without it the answer has no `data`.
    pub(crate) ran: bool,
}

/// A subscription that has begun.
pub(crate) struct Subscribed {
    /// One answer for each event.
    pub(crate) responses: BoxStream<'static, Executed>,
    pub(crate) operation: Operation,
    pub(crate) viewer: Option<Viewer>,
}

impl Api {
    pub(crate) fn new(
        schema: Executable,
        documents: Documents,
        services: Arc<Services>,
        limits: Limits,
    ) -> Self {
        Self { schema, documents, services, limits }
    }

    /// Finds the operation that a request means. The refusal is an answer already.
    pub(crate) fn prepare(
        &self,
        request: GraphqlRequest,
        request_id: &str,
    ) -> Result<Prepared, Box<Executed>> {
        let found = catch_unwind(AssertUnwindSafe(|| self.documents.find(request)));
        let found = found.unwrap_or_else(|_| Err(failed(Failure::Panicked).errors));
        found
            .map_err(|errors| Box::new(Executed::refused(errors).let_out(request_id, &self.limits)))
    }

    /// Recognises the caller and runs a query or a mutation. The answer comes in time, whatever the
    /// resolvers do; a mutation goes on to its end, also when nobody waits for it any more, so that
    /// what it has changed is told.
    pub(crate) async fn execute(self: &Arc<Self>, prepared: Prepared, caller: &Caller) -> Executed {
        let operation = prepared.operation();
        let work = Arc::clone(self).run(prepared, caller.clone());
        let work = AssertUnwindSafe(work).catch_unwind();
        let work = match operation.kind {
            OperationType::Mutation => Either::Left(
                tokio::spawn(work).map(|ended| ended.unwrap_or_else(|it| Err(Box::new(it)))),
            ),
            _ => Either::Right(work),
        };
        let (response, viewer) = match timeout(self.limits.operation_timeout, work).await {
            Ok(Ok(Ok((response, viewer)))) => (response, viewer),
            Ok(Ok(Err(failure))) => (failed(failure), None),
            Ok(Err(_)) => (failed(Failure::Panicked), None),
            Err(_) => (failed(Failure::TimedOut), None),
        };
        let executed = Executed::of(response, operation, viewer);
        executed.let_out(&caller.request_id, &self.limits)
    }

    async fn run(
        self: Arc<Self>,
        prepared: Prepared,
        caller: Caller,
    ) -> Result<(Response, Option<Viewer>), Failure> {
        let mut viewer = None;
        let request = self.request(prepared, &caller, &mut viewer).await?;
        Ok((self.schema.execute(request).await, viewer))
    }

    /// Recognises the caller and begins a subscription: from here on no event is missed. One that is
    /// refused has a single answer.
    pub(crate) async fn subscribe(
        &self,
        prepared: Prepared,
        caller: &Caller,
    ) -> Result<Subscribed, Box<Executed>> {
        let operation = prepared.operation();
        let mut viewer = None;
        let responses = match self.request(prepared, caller, &mut viewer).await {
            Ok(request) => self.schema.subscribe(request),
            Err(failure) => stream::once(ready(failed(failure))).boxed(),
        };
        let (request_id, limits) = (Arc::clone(&caller.request_id), self.limits.clone());
        let its = operation.clone();
        let responses = AssertUnwindSafe(responses).catch_unwind();
        let mut responses = responses
            .map(move |response| {
                let response = response.unwrap_or_else(|_| failed(Failure::Panicked));
                let executed = Executed::of(response, its.clone(), viewer);
                executed.let_out(&request_id, &limits)
            })
            .boxed();
        // The first look makes async-graphql call the resolver, which listens or refuses at once.
        match responses.next().now_or_never() {
            None => Ok(Subscribed { responses, operation, viewer }),
            // Section 6.2.3.1 of the GraphQL specification: without a source stream there are errors
            // and no `data`.
            Some(Some(refused)) if refused.came_to_nothing() => {
                Err(Box::new(Executed { ran: false, ..refused }))
            }
            Some(first) => {
                let responses = stream::iter(first).chain(responses).boxed();
                Ok(Subscribed { responses, operation, viewer })
            }
        }
    }

    /// Waits until somebody may do nothing more, and tells why. Nobody in particular may go on.
    pub(crate) async fn rejection(&self, viewer: Option<Viewer>) -> Failure {
        let Some(viewer) = viewer else { return std::future::pending().await };
        Failure::Unauthenticated(self.services.auth.rejection(viewer).await)
    }

    /// The answer to an operation that is not run, or no longer.
    pub(crate) fn refuse(&self, failure: Failure, request_id: &str) -> Executed {
        let executed = Executed::refused(failed(failure).errors);
        executed.let_out(request_id, &self.limits)
    }

    async fn request(
        &self,
        prepared: Prepared,
        caller: &Caller,
        viewer: &mut Option<Viewer>,
    ) -> Result<Request, Failure> {
        let identity = self.services.auth.identify(caller.authorization.as_deref()).await?;
        if let Identity::User(its) = identity {
            *viewer = Some(its);
        }
        let (services, client) = (Arc::clone(&self.services), Arc::clone(&caller.client));
        Ok(prepared.into_request().data(RequestContext::new(services, identity, client)))
    }
}

impl Executed {
    fn of(response: Response, operation: Operation, viewer: Option<Viewer>) -> Self {
        let ran = !is_request_error(&response);
        Self { response, operation: Some(operation), viewer, code: None, ran }
    }

    fn refused(errors: Vec<ServerError>) -> Self {
        let response = Response::from_errors(errors);
        Self { response, operation: None, viewer: None, code: None, ran: false }
    }

    fn let_out(mut self, request_id: &str, limits: &Limits) -> Self {
        self.code = let_out(&mut self.response, request_id, limits);
        self
    }

    fn came_to_nothing(&self) -> bool {
        self.response.is_err() && self.response.data == async_graphql::Value::Null
    }

    /// The answer as JSON: the error of a request has no `data` at all.
    pub(crate) fn json(&self) -> String {
        let json = if self.ran || !self.response.is_err() {
            serde_json::to_string(&self.response)
        } else {
            serde_json::to_string(&RequestErrors { errors: &self.response.errors })
        };
        #[expect(clippy::expect_used, reason = "a value of GraphQL is one of JSON")]
        json.expect("an answer is JSON")
    }
}

/// An answer without data.
#[derive(serde::Serialize)]
struct RequestErrors<'a> {
    errors: &'a [ServerError],
}

/// The answer to an operation that came to nothing as a whole.
fn failed(failure: Failure) -> Response {
    let mut error = async_graphql::Error::from(failure).into_server_error(Pos::default());
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
