//! Executes a request and returns its response, or the responses of a subscription.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use async_graphql::Request;
use async_graphql::parser::types::OperationType;
use futures_util::future::{Either, ready};
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::context::{ClientInfo, RequestContext};
use super::document::{Documents, PreparedOperation};
use super::dyn_schema::DynSchema;
use super::error::ApiError;
use super::outcome::{OperationOutcome, failed};
use super::rate_limit::{QuotaStatus, RateLimitKey};
use super::request::{GraphqlRequest, OperationInfo};
use super::response_size::ResponseSize;
use super::services::Services;
use super::unread_responses::UnreadResponses;
use crate::auth::identity::{Identity, Viewer};
use crate::config::Config;

/// How long a mutation may run, whether or not its client waits. Then it releases its permit, whatever it waits for.
const MUTATION_TIMEOUT: Duration = Duration::from_secs(30);

/// Executes operations: the schema, its documents and the services of its resolvers.
#[derive(Debug)]
pub(crate) struct GraphqlService {
    schema: DynSchema,
    documents: Documents,
    services: Arc<Services>,
    config: Arc<Config>,
    /// Limits how many queries and mutations run at the same time.
    operation_permits: Arc<Semaphore>,
    unread: Arc<UnreadResponses>,
}

/// The metadata of a request: credentials, client and request id.
#[derive(Clone, Debug)]
pub(crate) struct RequestMeta {
    /// The value of the `Authorization` header, or of its replacement in the payload of `connection_init`.
    pub(crate) authorization: Option<Vec<u8>>,
    pub(crate) client: Arc<ClientInfo>,
    pub(crate) request_id: Arc<str>,
    /// Held until the operation has ended, also if nobody waits for it any more: counts the memory of its files.
    pub(crate) _body_permit: Option<Arc<dyn Any + Send + Sync>>,
}

/// A subscription that has started.
pub(crate) struct SubscriptionStream {
    /// One response for each event.
    pub(crate) responses: BoxStream<'static, OperationOutcome>,
    pub(crate) operation: OperationInfo,
    pub(crate) viewer: Option<Viewer>,
    /// The state of the caller's rate limits.
    pub(crate) quotas: Vec<QuotaStatus>,
}

impl GraphqlService {
    pub(crate) fn new(
        schema: DynSchema,
        documents: Documents,
        services: Arc<Services>,
        config: Arc<Config>,
    ) -> Self {
        let operation_permits = Arc::new(Semaphore::new(config.limits.concurrent_operations));
        let unread = UnreadResponses::new(config.limits.unread_response_bytes);
        Self { schema, documents, services, config, operation_permits, unread }
    }

    /// The schema in the Schema Definition Language.
    pub(crate) fn sdl(&self) -> &str {
        self.schema.sdl()
    }

    /// A permit for one operation; `None` if too many run.
    pub(crate) fn permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.operation_permits).try_acquire_owned().ok()
    }

    /// Whether an operation can take a file.
    pub(crate) fn has_uploads(&self) -> bool {
        self.documents.has_uploads()
    }

    /// Whether the operation of a request takes a file. True if the request will be rejected for another reason.
    pub(crate) fn takes_files(&self, request: &GraphqlRequest, caller: &RequestMeta) -> bool {
        let from = caller.client.address.network();
        let charge =
            |tokens| self.services.rates.charge_reading(from, tokens).map_err(ApiError::from);
        let takes = || self.documents.takes_files(request, charge);
        // `prepare` reports the panic.
        catch_unwind(AssertUnwindSafe(takes)).unwrap_or(true)
    }

    /// Finds the operation of a request. The error is a complete response.
    pub(crate) fn prepare(
        &self,
        request: GraphqlRequest,
        caller: &RequestMeta,
    ) -> Result<PreparedOperation, Box<OperationOutcome>> {
        let mut quotas = Vec::new();
        let charge = |tokens| {
            let from = caller.client.address.network();
            let charged = self.services.rates.charge_reading(from, tokens);
            charged.map_err(|exceeded| {
                quotas.push(exceeded.quota);
                ApiError::from(exceeded)
            })
        };
        let found = catch_unwind(AssertUnwindSafe(|| self.documents.find(request, charge)));
        let found = found.unwrap_or_else(|_| Err(vec![ApiError::Panicked.into_server_error()]));
        found.map_err(|errors| {
            let rejected = OperationOutcome { quotas, ..OperationOutcome::rejected(errors) };
            Box::new(self.finalize(rejected, &caller.request_id))
        })
    }

    /// Authenticates the caller and executes a query or a mutation. Returns within `operation_timeout`,
    /// whatever the resolvers do. A mutation runs to its end even after the timeout, or after the client
    /// has disconnected, so that its changes are published, but no longer than [`MUTATION_TIMEOUT`].
    pub(crate) async fn execute(
        self: &Arc<Self>,
        prepared: PreparedOperation,
        caller: &RequestMeta,
    ) -> OperationOutcome {
        let operation = prepared.operation();
        let Some(permit) = self.permit() else {
            let rejected =
                OperationOutcome::for_operation(failed(ApiError::Overloaded), operation, None);
            return self.finalize(rejected, &caller.request_id);
        };
        // Boxed, because the future is large and is moved several times.
        let limit = self.config.limits.operation_timeout;
        let work = Box::pin(Arc::clone(self).run(prepared, caller.clone(), permit));
        let work = AssertUnwindSafe(work).catch_unwind();
        let work = match operation.kind {
            OperationType::Mutation => {
                let work = tokio::spawn(timeout(limit.max(MUTATION_TIMEOUT), work));
                Either::Left(
                    work.map(|ended| ended.unwrap_or_else(|error| Ok(Err(Box::new(error))))),
                )
            }
            _ => Either::Right(work.map(Ok)),
        };
        let executed = match timeout(limit, work).await {
            Ok(Ok(Ok(executed))) => executed,
            Ok(Ok(Err(_))) => {
                OperationOutcome::for_operation(failed(ApiError::Panicked), operation, None)
            }
            Ok(Err(_)) | Err(_) => {
                OperationOutcome::for_operation(failed(ApiError::TimedOut), operation, None)
            }
        };
        self.finalize(executed, &caller.request_id)
    }

    async fn run(
        self: Arc<Self>,
        prepared: PreparedOperation,
        caller: RequestMeta,
        _permit: OwnedSemaphorePermit,
    ) -> OperationOutcome {
        let operation = prepared.operation();
        let cost = caller.client.wants_cost_report.then(|| self.cost_extension(&prepared));
        let mut admitted = Authorized::default();
        let mut response = match self.authorize_and_charge(prepared, &caller, &mut admitted).await {
            Ok(request) => self.schema.execute(request).await,
            Err(failure) => failed(failure),
        };
        response.extensions.extend(cost.map(|cost| ("cost".to_owned(), cost)));
        let Authorized { viewer, quotas, size } = admitted;
        let outcome = OperationOutcome::for_operation(response, operation, viewer).with_size(size);
        OperationOutcome { quotas, ..outcome }
    }

    /// The value of `extensions.cost`, for clients that request it.
    fn cost_extension(&self, prepared: &PreparedOperation) -> async_graphql::Value {
        async_graphql::value!({ "requested": prepared.cost(), "limit": self.config.limits.cost })
    }

    /// Authenticates the caller and starts a subscription. No event after this call is missed. A rejected
    /// subscription has a single response.
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
        let Authorized { viewer, quotas, size } = admitted;
        let (request_id, config) = (Arc::clone(&caller.request_id), Arc::clone(&self.config));
        let (info, services) = (operation.clone(), Arc::clone(&self.services));
        let responses = AssertUnwindSafe(responses).catch_unwind();
        let mut responses = responses
            .map(move |response| {
                let response = response.unwrap_or_else(|_| failed(ApiError::Panicked));
                let executed = OperationOutcome::for_operation(response, info.clone(), viewer);
                finalize(executed.with_size(size.clone()), &request_id, &services, &config)
            })
            .boxed();
        // The first poll makes async-graphql call the resolver, which subscribes or fails at once.
        match responses.next().now_or_never() {
            None => {
                let responses = spawn_buffered(responses);
                Ok(SubscriptionStream { responses, operation, viewer, quotas })
            }
            // Section 6.2.3.1 of the GraphQL specification: if there is no source stream, the response has
            // errors and no `data`.
            Some(Some(rejected)) if rejected.has_no_data() => {
                Err(Box::new(OperationOutcome { quotas, ..rejected.into_request_error() }))
            }
            Some(first) => {
                let responses = stream::iter(first).chain(spawn_buffered(responses)).boxed();
                Ok(SubscriptionStream { responses, operation, viewer, quotas })
            }
        }
    }

    /// Resolves when the viewer is no longer authenticated, with the reason. Never resolves for anonymous
    /// clients.
    pub(crate) async fn wait_until_revoked(&self, viewer: Option<Viewer>) -> ApiError {
        let Some(viewer) = viewer else { return std::future::pending().await };
        ApiError::Unauthenticated(self.services.auth.wait_until_revoked(viewer).await)
    }

    /// The response of an operation that was not executed, or that was aborted.
    pub(crate) fn reject(&self, failure: ApiError, request_id: &str) -> OperationOutcome {
        let executed = OperationOutcome::rejected(vec![failure.into_server_error()]);
        self.finalize(executed, request_id)
    }

    fn finalize(&self, outcome: OperationOutcome, request_id: &str) -> OperationOutcome {
        finalize(outcome, request_id, &self.services, &self.config)
    }

    /// Authenticates the caller and charges the operation to the rate limits before it runs.
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
        let (from, payer) =
            (client.address.network(), RateLimitKey::for_client(identity, client.address));
        let cost = prepared.cost();
        match services.rates.charge(prepared.attempts(), from, cost, payer) {
            Ok(quotas) => admitted.quotas = quotas,
            Err(exceeded) => {
                admitted.quotas.push(exceeded.quota);
                return Err(exceeded.into());
            }
        }
        let is_mutation = prepared.operation().kind == OperationType::Mutation;
        let permit = self.unread.permit(payer)?;
        let size = ResponseSize::new(self.config.limits.response_bytes, permit, is_mutation);
        let size = admitted.size.insert(Arc::new(size));
        let (request_id, size) = (Arc::clone(&caller.request_id), Arc::clone(size));
        let context = RequestContext::new(services, identity, client, request_id, cost, size);
        Ok(self.documents.request(prepared).data(context))
    }
}

/// Finalises a response, and logs that the database was unavailable.
fn finalize(
    outcome: OperationOutcome,
    request_id: &str,
    services: &Services,
    config: &Config,
) -> OperationOutcome {
    let outcome = outcome.finalize(request_id, &config.limits);
    if let Some(cause) = &outcome.unavailable {
        services.store.report_failure(cause, "database unavailable");
    }
    outcome
}

/// Drives the stream in its own task: a query whose rows are not consumed would block later queries on the
/// same pipelined connection.
pub(crate) fn spawn_buffered(
    mut responses: BoxStream<'static, OperationOutcome>,
) -> BoxStream<'static, OperationOutcome> {
    let (sender, receiver) = mpsc::channel(1);
    let task = AbortOnDropHandle::new(tokio::spawn(async move {
        while let Some(response) = responses.next().await {
            if sender.send(response).await.is_err() {
                return;
            }
        }
    }));
    let next = |(mut receiver, task): (mpsc::Receiver<_>, _)| async {
        let response = receiver.recv().await?;
        Some((response, (receiver, task)))
    };
    stream::unfold((receiver, task), next).boxed()
}

/// The result of authentication and rate limiting.
#[derive(Debug, Default)]
struct Authorized {
    viewer: Option<Viewer>,
    quotas: Vec<QuotaStatus>,
    size: Option<Arc<ResponseSize>>,
}
