//! The result of an operation: its response, as JSON, with details for the log and for HTTP headers.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Response, ServerError};

use super::direct_json::to_json;
use super::error::{ApiError, ErrorCode, finalize_errors, only_propagates};
use super::rate_limit::QuotaStatus;
use super::request::OperationInfo;
use super::response_size::ResponseSize;
use super::unread_responses::ResponsePermit;
use crate::auth::identity::Viewer;
use crate::config::Limits;
use crate::store::StoreError;

/// Typical size of a response without its objects, in bytes.
const OTHER_BYTES: usize = 1_024;

/// A response, with details for the log and for HTTP headers.
#[derive(Debug)]
pub(crate) struct OperationOutcome {
    /// The response without its data, which is only in `json`.
    pub(crate) response: Response,
    /// The response as JSON. The response of a request error has no `data` entry at all.
    pub(crate) json: ResponseJson,
    /// Whether `data` is neither absent nor null.
    pub(crate) has_data: bool,
    /// `None` if the request failed before its operation was found.
    pub(crate) operation: Option<OperationInfo>,
    /// `None` if the client is anonymous or was not authenticated.
    pub(crate) viewer: Option<Viewer>,
    /// The code of the first error; `None` if there are no errors.
    pub(crate) code: Option<ErrorCode>,
    /// How long to wait before a retry; `None` if a retry does not help.
    pub(crate) retry_after: Option<Duration>,
    /// Why the database was unavailable, if it was.
    pub(super) unavailable: Option<Arc<StoreError>>,
    /// The state of the caller's rate limits.
    pub(crate) quotas: Vec<QuotaStatus>,
    /// Whether the operation was executed. If not, the response has no `data`.
    pub(crate) ran: bool,
    /// `None` if the operation was rejected before it could run.
    pub(super) size: Option<Arc<ResponseSize>>,
}

/// A response as JSON. It counts as unread by its client until it is dropped.
#[derive(Debug, Default)]
pub(crate) struct ResponseJson {
    json: String,
    permit: Option<ResponsePermit>,
}

impl ResponseJson {
    /// The same response inside a frame of its transport.
    pub(crate) fn framed(self, frame: impl FnOnce(&str) -> String) -> Self {
        Self { json: frame(&self.json), permit: self.permit }
    }
}

/// A text of a transport that is no response.
impl From<String> for ResponseJson {
    fn from(json: String) -> Self {
        Self { json, permit: None }
    }
}

impl Deref for ResponseJson {
    type Target = str;

    fn deref(&self) -> &str {
        &self.json
    }
}

/// For [`bytes::Bytes::from_owner`], which drops the permit with the last reference to the bytes.
impl AsRef<[u8]> for ResponseJson {
    fn as_ref(&self) -> &[u8] {
        self.json.as_bytes()
    }
}

impl OperationOutcome {
    pub(super) fn for_operation(
        response: Response,
        operation: OperationInfo,
        viewer: Option<Viewer>,
    ) -> Self {
        let ran = !is_request_error(&response);
        Self { operation: Some(operation), viewer, ran, ..Self::new(response) }
    }

    pub(super) fn rejected(errors: Vec<ServerError>) -> Self {
        Self::new(Response::from_errors(errors))
    }

    fn new(response: Response) -> Self {
        Self {
            has_data: response.data != async_graphql::Value::Null,
            response,
            json: ResponseJson::default(),
            operation: None,
            viewer: None,
            code: None,
            retry_after: None,
            unavailable: None,
            quotas: Vec::new(),
            ran: false,
            size: None,
        }
    }

    /// The same outcome, with the size of its response.
    pub(super) fn with_size(self, size: Option<Arc<ResponseSize>>) -> Self {
        Self { size, ..self }
    }

    /// Finalises the errors and serialises the response. If it is too large, its only content is an error.
    pub(super) fn finalize(mut self, request_id: &str, limits: &Limits) -> Self {
        if let Some(failure) = self.response.errors.iter().find_map(size_failure) {
            self = self.replaced_by(failure);
        }
        self.serialize(request_id, limits);
        let limit = limits.response_bytes;
        if self.json.len() > limit {
            self = self.replaced_by(ApiError::ResponseTooLarge(limit));
            self.serialize(request_id, limits);
        }
        self
    }

    fn serialize(&mut self, request_id: &str, limits: &Limits) {
        let summary = finalize_errors(&mut self.response, request_id, limits);
        (self.code, self.retry_after) = (summary.code, summary.retry_after);
        self.unavailable = summary.unavailable;
        let size = self.size.as_ref();
        let capacity = size.map_or(0, |size| size.written()) + OTHER_BYTES;
        let json = if self.ran || !self.response.is_err() {
            to_json(&self.response, capacity)
        } else {
            self.errors_json()
        };
        let permit = size.map(|size| size.complete(json.len()));
        self.json = ResponseJson { json, permit };
        // The JSON contains it.
        self.response.data = async_graphql::Value::Null;
    }

    /// The same operation, with this error as its whole response.
    fn replaced_by(self, failure: ApiError) -> Self {
        let mut response = failed(failure);
        response.extensions = self.response.extensions;
        let json = ResponseJson::default();
        Self { response, json, has_data: false, ran: false, ..self }
    }

    /// The same response, without its `data` entry: the operation has not run.
    pub(super) fn into_request_error(mut self) -> Self {
        self.json.json = self.errors_json();
        Self { ran: false, ..self }
    }

    fn errors_json(&self) -> String {
        to_json(&RequestErrors { errors: &self.response.errors }, OTHER_BYTES)
    }

    pub(super) fn has_no_data(&self) -> bool {
        self.response.is_err() && !self.has_data
    }
}

/// The error of a field whose response cannot be built completely.
fn size_failure(error: &ServerError) -> Option<ApiError> {
    let failure = error.source::<ApiError>()?;
    matches!(failure, ApiError::ResponseTooLarge(_) | ApiError::UnreadResponses)
        .then(|| failure.clone())
}

/// A response without `data`.
#[derive(serde::Serialize)]
struct RequestErrors<'a> {
    errors: &'a [ServerError],
}

/// The response of an operation that failed as a whole.
pub(super) fn failed(failure: ApiError) -> Response {
    Response::from_errors(vec![failure.into_server_error()])
}

/// Section 7.1.1 of the GraphQL specification: a request error is raised before execution begins, so no
/// error has a path and there is no `data`.
fn is_request_error(response: &Response) -> bool {
    response.data == async_graphql::Value::Null
        && !response.errors.is_empty()
        && !response.errors.iter().any(|error| !error.path.is_empty() || only_propagates(error))
}
