//! One log line for each operation.

use std::time::Instant;

use super::request_id::RequestId;
use crate::auth::identity::Viewer;
use crate::graphql::error::ErrorCode;
use crate::graphql::execute::SubscriptionStream;
use crate::graphql::outcome::OperationOutcome;
use crate::graphql::request::OperationInfo;

/// The log entry of an operation.
#[derive(Debug)]
pub(super) struct OperationLogEntry {
    operation: Option<OperationInfo>,
    viewer: Option<Viewer>,
    code: Option<ErrorCode>,
}

impl OperationLogEntry {
    pub(super) fn new(outcome: &OperationOutcome) -> Self {
        Self { operation: outcome.operation.clone(), viewer: outcome.viewer, code: outcome.code }
    }

    /// The entry of a subscription that has started.
    pub(super) fn subscribed(subscription: &SubscriptionStream) -> Self {
        Self {
            operation: Some(subscription.operation.clone()),
            viewer: subscription.viewer,
            code: None,
        }
    }

    /// The entry of a request that was rejected before an operation was known.
    pub(super) fn rejected(code: ErrorCode) -> Self {
        Self { operation: None, viewer: None, code: Some(code) }
    }

    pub(super) fn log(
        &self,
        id: &RequestId,
        transport: &'static str,
        status: Option<u16>,
        started: Instant,
    ) {
        let operation = self.operation.as_ref();
        tracing::info!(
            target: "bookshelf::operation",
            request_id = %id.0,
            transport,
            operation = operation.and_then(|operation| operation.name.as_deref()),
            kind = operation.map(|operation| operation.kind.to_string()),
            viewer = self.viewer.map(|viewer| viewer.user.to_string()),
            code = self.code.map(ErrorCode::as_str),
            status,
            duration_ms = started.elapsed().as_secs_f64() * 1_000.0,
            "operation"
        );
    }
}
