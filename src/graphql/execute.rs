//! From a request to its answer, or to its answers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use async_graphql::parser::types::OperationType;
use async_graphql::{Request, Response, ServerError};
use futures_util::future::{Either, ready};
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::Services;
use super::context::{ClientInfo, RequestContext};
use super::direct_json::to_json;
use super::document::{Documents, GraphqlRequest, PreparedOperation};
use super::dyn_schema::DynSchema;
use super::error::{ApiError, ErrorCode, finalize_errors, only_propagates};
use super::rate_limit::{QuotaStatus, RateLimitKey};
use crate::auth::identity::{Identity, Viewer};
use crate::config::Limits;

/// The schema with all that its resolvers need.
#[derive(Debug)]
pub(crate) struct GraphqlService {
    schema: DynSchema,
    documents: Documents,
    services: Arc<Services>,
    limits: Limits,
    /// A place for each operation that may run now.
    places: Arc<Semaphore>,
}

/// Who asks, from where, and under which number.
#[derive(Clone, Debug)]
pub(crate) struct RequestMeta {
    /// The value of the `Authorization` header, or of what stands for it.
    pub(crate) authorization: Option<Vec<u8>>,
    pub(crate) client: Arc<ClientInfo>,
    pub(crate) request_id: Arc<str>,
}

/// The operation that a request means, for logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OperationInfo {
    pub(crate) name: Option<Arc<str>>,
    pub(crate) kind: OperationType,
}

/// An answer, and what the log says of it.
#[derive(Debug)]
pub(crate) struct OperationOutcome {
    pub(crate) response: Response,
    /// None if the request did not get as far as an operation.
    pub(crate) operation: Option<OperationInfo>,
    /// Who it was, if it was somebody.
    pub(crate) viewer: Option<Viewer>,
    /// The code of its first error.
    pub(crate) code: Option<ErrorCode>,
    /// When to try again, if that would help.
    pub(crate) retry_after: Option<Duration>,
    /// What is left to the caller.
    pub(crate) standings: Vec<QuotaStatus>,
    /// Whether the operation ran; without it the answer has no `data`.
    pub(crate) ran: bool,
}

/// A subscription that has begun.
pub(crate) struct SubscriptionStream {
    /// One answer for each event.
    pub(crate) responses: BoxStream<'static, OperationOutcome>,
    pub(crate) operation: OperationInfo,
    pub(crate) viewer: Option<Viewer>,
    /// What is left to the caller.
    pub(crate) standings: Vec<QuotaStatus>,
}

impl GraphqlService {
    pub(crate) fn new(
        schema: DynSchema,
        documents: Documents,
        services: Arc<Services>,
        limits: Limits,
    ) -> Self {
        let places = Arc::new(Semaphore::new(limits.concurrent_operations));
        Self { schema, documents, services, limits, places }
    }

    /// Finds the operation that a request means. The refusal is an answer already.
    pub(crate) fn prepare(
        &self,
        request: GraphqlRequest,
        caller: &RequestMeta,
    ) -> Result<PreparedOperation, Box<OperationOutcome>> {
        let mut standings = Vec::new();
        let charge = |tokens| {
            let from = caller.client.address.network();
            let charged = self.services.rates.charge_reading(from, tokens);
            charged.map_err(|exceeded| {
                standings.push(exceeded.standing);
                ApiError::from(exceeded)
            })
        };
        let found = catch_unwind(AssertUnwindSafe(|| self.documents.find(request, charge)));
        let found = found.unwrap_or_else(|_| Err(vec![ApiError::Panicked.into_server_error()]));
        found.map_err(|errors| {
            let refused = OperationOutcome { standings, ..OperationOutcome::refused(errors) };
            Box::new(refused.finalize_errors(&caller.request_id, &self.limits))
        })
    }

    /// Recognises the caller and runs a query or a mutation. The answer comes in time, whatever the
    /// resolvers do; a mutation goes on to its end, also when nobody waits for it any more, so that
    /// what it has changed is told.
    pub(crate) async fn execute(
        self: &Arc<Self>,
        prepared: PreparedOperation,
        caller: &RequestMeta,
    ) -> OperationOutcome {
        let operation = prepared.operation();
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            let refused = OperationOutcome::of(failed(ApiError::Overloaded), operation, None);
            return refused.finalize_errors(&caller.request_id, &self.limits);
        };
        // Boxed, since it is large and handed on several times.
        let work = Box::pin(Arc::clone(self).run(prepared, caller.clone(), place));
        let work = AssertUnwindSafe(work).catch_unwind();
        let work = match operation.kind {
            OperationType::Mutation => Either::Left(
                tokio::spawn(work).map(|ended| ended.unwrap_or_else(|it| Err(Box::new(it)))),
            ),
            _ => Either::Right(work),
        };
        let executed = match timeout(self.limits.operation_timeout, work).await {
            Ok(Ok(executed)) => executed,
            Ok(Err(_)) => OperationOutcome::of(failed(ApiError::Panicked), operation, None),
            Err(_) => OperationOutcome::of(failed(ApiError::TimedOut), operation, None),
        };
        executed.finalize_errors(&caller.request_id, &self.limits)
    }

    async fn run(
        self: Arc<Self>,
        prepared: PreparedOperation,
        caller: RequestMeta,
        _place: OwnedSemaphorePermit,
    ) -> OperationOutcome {
        let operation = prepared.operation();
        let cost = caller.client.wants_cost_report.then(|| self.cost_extension(&prepared));
        let mut admitted = Authorized::default();
        let mut response = match self.authorize_and_charge(prepared, &caller, &mut admitted).await {
            Ok(request) => self.schema.execute(request).await,
            Err(failure) => failed(failure),
        };
        response.extensions.extend(cost.map(|cost| ("cost".to_owned(), cost)));
        let Authorized { viewer, standings } = admitted;
        OperationOutcome { standings, ..OperationOutcome::of(response, operation, viewer) }
    }

    /// What `extensions.cost` tells whoever asks.
    fn cost_extension(&self, prepared: &PreparedOperation) -> async_graphql::Value {
        async_graphql::value!({ "requested": prepared.cost(), "limit": self.limits.cost })
    }

    /// Recognises the caller and begins a subscription: from here on no event is missed. One that is
    /// refused has a single answer.
    pub(crate) async fn subscribe(
        &self,
        prepared: PreparedOperation,
        caller: &RequestMeta,
    ) -> Result<SubscriptionStream, Box<OperationOutcome>> {
        let operation = prepared.operation();
        let mut admitted = Authorized::default();
        let responses = match self.authorize_and_charge(prepared, caller, &mut admitted).await {
            Ok(request) => self.schema.subscribe(request),
            Err(failure) => stream::once(ready(failed(failure))).boxed(),
        };
        let Authorized { viewer, standings } = admitted;
        let (request_id, limits) = (Arc::clone(&caller.request_id), self.limits.clone());
        let its = operation.clone();
        let responses = AssertUnwindSafe(responses).catch_unwind();
        let mut responses = responses
            .map(move |response| {
                let response = response.unwrap_or_else(|_| failed(ApiError::Panicked));
                let executed = OperationOutcome::of(response, its.clone(), viewer);
                executed.finalize_errors(&request_id, &limits)
            })
            .boxed();
        // The first look makes async-graphql call the resolver, which listens or refuses at once.
        match responses.next().now_or_never() {
            None => {
                let responses = spawn_buffered(responses);
                Ok(SubscriptionStream { responses, operation, viewer, standings })
            }
            // Section 6.2.3.1 of the GraphQL specification: without a source stream there are errors
            // and no `data`.
            Some(Some(refused)) if refused.has_no_data() => {
                Err(Box::new(OperationOutcome { ran: false, standings, ..refused }))
            }
            Some(first) => {
                let responses = stream::iter(first).chain(spawn_buffered(responses)).boxed();
                Ok(SubscriptionStream { responses, operation, viewer, standings })
            }
        }
    }

    /// Waits until somebody may do nothing more, and tells why. Nobody in particular may go on.
    pub(crate) async fn wait_until_revoked(&self, viewer: Option<Viewer>) -> ApiError {
        let Some(viewer) = viewer else { return std::future::pending().await };
        ApiError::Unauthenticated(self.services.auth.wait_until_revoked(viewer).await)
    }

    /// The answer to an operation that is not run, or no longer.
    pub(crate) fn refuse(&self, failure: ApiError, request_id: &str) -> OperationOutcome {
        let executed = OperationOutcome::refused(vec![failure.into_server_error()]);
        executed.finalize_errors(request_id, &self.limits)
    }

    /// Recognises the caller, and charges for the operation before it runs.
    async fn authorize_and_charge(
        &self,
        prepared: PreparedOperation,
        caller: &RequestMeta,
        admitted: &mut Authorized,
    ) -> Result<Request, ApiError> {
        let (services, client) = (Arc::clone(&self.services), Arc::clone(&caller.client));
        let identity = services.auth.identify(caller.authorization.as_deref()).await?;
        if let Identity::User(viewer) = identity {
            admitted.viewer = Some(viewer);
        }
        let (from, payer) = (client.address.network(), RateLimitKey::of(identity, client.address));
        let cost = prepared.cost();
        match services.rates.charge(prepared.attempts(), from, cost, payer) {
            Ok(standings) => admitted.standings = standings,
            Err(exceeded) => {
                admitted.standings.push(exceeded.standing);
                return Err(exceeded.into());
            }
        }
        let request_id = Arc::clone(&caller.request_id);
        let context = RequestContext::new(services, identity, client, request_id, cost);
        Ok(prepared.into_request().data(context))
    }
}

/// The same answers, worked on also while nobody takes any: statements of others wait behind one that is
/// asked and whose rows nobody takes.
pub(crate) fn spawn_buffered(
    mut answers: BoxStream<'static, OperationOutcome>,
) -> BoxStream<'static, OperationOutcome> {
    let (sender, receiver) = mpsc::channel(1);
    let task = AbortOnDropHandle::new(tokio::spawn(async move {
        while let Some(answer) = answers.next().await {
            if sender.send(answer).await.is_err() {
                return;
            }
        }
    }));
    let next = |(mut receiver, task): (mpsc::Receiver<_>, _)| async {
        let answer = receiver.recv().await?;
        Some((answer, (receiver, task)))
    };
    stream::unfold((receiver, task), next).boxed()
}

/// What is known of a caller whose operation may run.
#[derive(Debug, Default)]
struct Authorized {
    viewer: Option<Viewer>,
    standings: Vec<QuotaStatus>,
}

impl OperationOutcome {
    fn of(response: Response, operation: OperationInfo, viewer: Option<Viewer>) -> Self {
        let ran = !is_request_error(&response);
        Self { operation: Some(operation), viewer, ran, ..Self::new(response) }
    }

    fn refused(errors: Vec<ServerError>) -> Self {
        Self::new(Response::from_errors(errors))
    }

    fn new(response: Response) -> Self {
        Self {
            response,
            operation: None,
            viewer: None,
            code: None,
            retry_after: None,
            standings: Vec::new(),
            ran: false,
        }
    }

    fn finalize_errors(mut self, request_id: &str, limits: &Limits) -> Self {
        let told = finalize_errors(&mut self.response, request_id, limits);
        (self.code, self.retry_after) = (told.code, told.retry_after);
        self
    }

    fn has_no_data(&self) -> bool {
        self.response.is_err() && self.response.data == async_graphql::Value::Null
    }

    /// The answer as JSON: the error of a request has no `data` at all.
    pub(crate) fn json(&self) -> String {
        if self.ran || !self.response.is_err() {
            to_json(&self.response)
        } else {
            to_json(&RequestErrors { errors: &self.response.errors })
        }
    }
}

/// An answer without data.
#[derive(serde::Serialize)]
struct RequestErrors<'a> {
    errors: &'a [ServerError],
}

/// The answer to an operation that came to nothing as a whole.
fn failed(failure: ApiError) -> Response {
    Response::from_errors(vec![failure.into_server_error()])
}

/// Section 7.1.1 of the GraphQL specification: an error of the request is raised before execution
/// begins, so no error has a path and there is no `data`.
fn is_request_error(response: &Response) -> bool {
    response.data == async_graphql::Value::Null
        && !response.errors.is_empty()
        && !response.errors.iter().any(|error| !error.path.is_empty() || only_propagates(error))
}
