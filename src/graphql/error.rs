//! Errors that a form cannot show: their codes, and the function that finalises them in every response.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::{ErrorExtensionValues, Pos, Response, ServerError};

use crate::auth::identity::AuthFailure;
use crate::auth::passwords::HashError;
use crate::auth::verify_password::VerifyError;
use crate::byte_counter::LimitExceeded;
use crate::config::Limits;
use crate::store::StoreError;
use crate::store::error::error_chain;
use crate::store::quota::ExceededQuota;

/// The result of a resolver of a non-null field.
pub(super) type Result<T, E = ApiError> = std::result::Result<T, E>;

/// The result of a resolver of a nullable field. An error inside the option makes only this field null, as
/// section 6.4.4 of the GraphQL specification requires. async-graphql treats an error outside of the option
/// as an error of the parent (<https://github.com/async-graphql/async-graphql/issues/1272>).
pub(super) type Nullable<T> = Option<Result<T>>;

/// The codes in `extensions.code`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorCode {
    GraphqlParseFailed,
    GraphqlValidationFailed,
    BadUserInput,
    OperationResolutionFailure,
    PersistedQueryNotFound,
    DocumentNotTrusted,
    BadRequest,
    CsrfBlocked,
    UnsupportedMediaType,
    NotAcceptable,
    MethodNotAllowed,
    PayloadTooLarge,
    Unauthenticated,
    QueryTooDeep,
    QueryTooComplex,
    TooManyAliases,
    TooManyTokens,
    BatchNotAllowed,
    ResponseTooLarge,
    QuotaExceeded,
    Forbidden,
    RateLimited,
    SubscriberTooSlow,
    Timeout,
    ServiceUnavailable,
    InternalServerError,
}

impl ErrorCode {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::GraphqlParseFailed => "GRAPHQL_PARSE_FAILED",
            Self::GraphqlValidationFailed => "GRAPHQL_VALIDATION_FAILED",
            Self::BadUserInput => "BAD_USER_INPUT",
            Self::OperationResolutionFailure => "OPERATION_RESOLUTION_FAILURE",
            Self::PersistedQueryNotFound => "PERSISTED_QUERY_NOT_FOUND",
            Self::DocumentNotTrusted => "DOCUMENT_NOT_TRUSTED",
            Self::BadRequest => "BAD_REQUEST",
            Self::CsrfBlocked => "CSRF_BLOCKED",
            Self::UnsupportedMediaType => "UNSUPPORTED_MEDIA_TYPE",
            Self::NotAcceptable => "NOT_ACCEPTABLE",
            Self::MethodNotAllowed => "METHOD_NOT_ALLOWED",
            Self::PayloadTooLarge => "PAYLOAD_TOO_LARGE",
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::QueryTooDeep => "QUERY_TOO_DEEP",
            Self::QueryTooComplex => "QUERY_TOO_COMPLEX",
            Self::TooManyAliases => "TOO_MANY_ALIASES",
            Self::TooManyTokens => "TOO_MANY_TOKENS",
            Self::BatchNotAllowed => "BATCH_NOT_ALLOWED",
            Self::ResponseTooLarge => "RESPONSE_TOO_LARGE",
            Self::QuotaExceeded => "QUOTA_EXCEEDED",
            Self::Forbidden => "FORBIDDEN",
            Self::RateLimited => "RATE_LIMITED",
            Self::SubscriberTooSlow => "SUBSCRIBER_TOO_SLOW",
            Self::Timeout => "TIMEOUT",
            Self::ServiceUnavailable => "SERVICE_UNAVAILABLE",
            Self::InternalServerError => "INTERNAL_SERVER_ERROR",
        }
    }
}

/// Why a resolver or an operation failed. Clients receive the text of the error, but never its cause.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("{0}")]
    BadUserInput(Cow<'static, str>),
    #[error("{}", sentence(*.0))]
    Unauthenticated(AuthFailure),
    #[error("The service is busy or its database is unavailable; please try again shortly.")]
    Unavailable(#[source] Arc<StoreError>),
    #[error("Something went wrong on our side.")]
    Internal(#[source] Arc<dyn std::error::Error + Send + Sync>),
    #[error("Something went wrong on our side.")]
    Panicked,
    #[error("The operation took too long.")]
    TimedOut,
    #[error(
        "Events were missed, because the client or the database was too slow, or many books changed at once; please reload and subscribe again."
    )]
    SubscriberTooSlow,
    #[error("Registration is off; please ask the operator of this server for an account.")]
    RegistrationOff,
    /// The rate limit of a caller, the limit of failed logins or that of scans is exceeded.
    #[error("Too many requests; please try again in {} s.", .retry_after.as_secs())]
    RateLimited { retry_after: Duration },
    /// The response would have more than this many bytes.
    #[error("The response would be too large (limit: {0} bytes); select fewer objects or fields.")]
    ResponseTooLarge(usize),
    /// The client has not taken its earlier responses.
    #[error("Too many responses were not read yet; please read them and try again.")]
    UnreadResponses,
    #[error("{}", quota_sentence(*.0))]
    QuotaExceeded(ExceededQuota),
    #[error("One connection can run at most {0} operations at the same time.")]
    OperationLimit(usize),
    #[error("The service is busy or its database is unavailable; please try again shortly.")]
    Overloaded,
}

fn sentence(rejection: AuthFailure) -> &'static str {
    match rejection {
        AuthFailure::TokenMissing => "Please sign in.",
        AuthFailure::TokenExpired => "The access token has expired; please refresh it.",
        AuthFailure::TokenInvalid => "The access token is not valid.",
        AuthFailure::NotBearer => {
            "Expected the access token after the word Bearer: \"Authorization: Bearer <accessToken>\"."
        }
        AuthFailure::SessionEnded => "The session has ended; please sign in again.",
    }
}

fn quota_sentence(exceeded: ExceededQuota) -> &'static str {
    match exceeded {
        ExceededQuota::Books => "The library has as many books as an account may have.",
        ExceededQuota::Bytes => "The library has as much text as an account may have.",
    }
}

impl ApiError {
    pub(super) fn bad_input(message: impl Into<Cow<'static, str>>) -> Self {
        Self::BadUserInput(message.into())
    }

    /// How long to wait before a retry; `None` if that is unknown.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after } => Some(*retry_after),
            // A running operation may end at any moment.
            Self::OperationLimit(_)
            | Self::UnreadResponses
            | Self::Overloaded
            | Self::Unavailable(_) => Some(Duration::from_secs(1)),
            _ => None,
        }
    }

    /// The error of an operation that failed as a whole. It has no path and no location.
    pub(super) fn into_server_error(self) -> ServerError {
        let mut error = async_graphql::Error::from(self).into_server_error(Pos::default());
        error.locations.clear();
        error
    }

    pub(crate) fn code(&self) -> ErrorCode {
        match self {
            Self::BadUserInput(_) => ErrorCode::BadUserInput,
            Self::Unauthenticated(_) => ErrorCode::Unauthenticated,
            Self::Unavailable(_) | Self::Overloaded => ErrorCode::ServiceUnavailable,
            Self::Internal(_) | Self::Panicked => ErrorCode::InternalServerError,
            Self::TimedOut => ErrorCode::Timeout,
            Self::SubscriberTooSlow => ErrorCode::SubscriberTooSlow,
            Self::RegistrationOff => ErrorCode::Forbidden,
            Self::ResponseTooLarge(_) => ErrorCode::ResponseTooLarge,
            Self::QuotaExceeded(_) => ErrorCode::QuotaExceeded,
            Self::RateLimited { .. } | Self::OperationLimit(_) | Self::UnreadResponses => {
                ErrorCode::RateLimited
            }
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => Self::Unavailable(Arc::new(error)),
            // A scan may end at any moment.
            StoreError::TooManyScans => Self::RateLimited { retry_after: Duration::from_secs(1) },
            StoreError::UserDeleted => Self::Unauthenticated(AuthFailure::SessionEnded),
            StoreError::ResultTooLarge(exceeded) => exceeded.into(),
            StoreError::Internal(_) => Self::Internal(Arc::new(error)),
        }
    }
}

impl From<LimitExceeded> for ApiError {
    fn from(exceeded: LimitExceeded) -> Self {
        Self::ResponseTooLarge(exceeded.limit)
    }
}

impl From<VerifyError> for ApiError {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::Store(error) => error.into(),
            VerifyError::Hash(error) => error.into(),
            VerifyError::Throttled { retry_after } => Self::RateLimited {
                retry_after: Duration::from_secs(retry_after.as_millis().div_ceil(1_000) as u64),
            },
        }
    }
}

impl From<HashError> for ApiError {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => Self::Overloaded,
            HashError::Bcrypt(_) => Self::Internal(Arc::new(error)),
        }
    }
}

/// What logs and headers need to know about the errors of a response.
#[derive(Clone, Debug, Default)]
pub(super) struct ErrorSummary {
    /// The code of the first error; `None` if there are no errors.
    pub(super) code: Option<ErrorCode>,
    /// How long to wait before a retry; `None` if a retry does not help.
    pub(super) retry_after: Option<Duration>,
    /// The first error for which the database was unavailable.
    pub(super) unavailable: Option<Arc<StoreError>>,
}

/// Finalises the errors of a response: sets `extensions.code`, logs internal errors once, removes internal
/// details.
pub(super) fn finalize_errors(
    response: &mut Response,
    request_id: &str,
    limits: &Limits,
) -> ErrorSummary {
    response.errors.retain(|error| !only_propagates(error));
    response.errors.truncate(limits.errors);
    let retry_after =
        response.errors.iter().filter_map(|error| error.source::<ApiError>()?.retry_after()).max();
    let unavailable = response.errors.iter().find_map(|error| match error.source()? {
        ApiError::Unavailable(cause) => Some(Arc::clone(cause)),
        _ => None,
    });
    let codes: Vec<_> =
        response.errors.iter_mut().map(|error| finalize_error(error, request_id, limits)).collect();
    ErrorSummary { code: codes.first().copied(), retry_after, unavailable }
}

fn finalize_error(error: &mut ServerError, request_id: &str, limits: &Limits) -> ErrorCode {
    let failure = error.source::<ApiError>().cloned();
    let code = match (&failure, error.source::<ErrorCode>()) {
        (Some(failure), _) => failure.code(),
        (None, Some(code)) => *code,
        // async-graphql itself rejects an argument: an invalid value of a custom scalar.
        (None, None) => ErrorCode::BadUserInput,
    };
    let extensions = error.extensions.get_or_insert_with(ErrorExtensionValues::default);
    extensions.set("code", code.as_str());
    if code == ErrorCode::RateLimited
        && let Some(retry_after) = failure.as_ref().and_then(ApiError::retry_after)
    {
        extensions.set("retryAfter", retry_after.as_secs());
    }
    match &failure {
        Some(ApiError::Unauthenticated(rejection)) => {
            extensions.set("reason", rejection.as_str());
        }
        Some(ApiError::Internal(cause)) => {
            extensions.set("requestId", request_id);
            tracing::error!(request_id, cause = %error_chain(&**cause), "internal error");
        }
        Some(ApiError::Panicked) => {
            extensions.set("requestId", request_id);
            tracing::error!(request_id, "a resolver panicked");
        }
        Some(
            // The caller logs it, once per outage.
            ApiError::Unavailable(_)
            | ApiError::BadUserInput(_)
            | ApiError::RateLimited { .. }
            | ApiError::TimedOut
            | ApiError::RegistrationOff
            | ApiError::SubscriberTooSlow
            | ApiError::ResponseTooLarge(_)
            | ApiError::QuotaExceeded(_)
            | ApiError::UnreadResponses
            | ApiError::OperationLimit(_)
            | ApiError::Overloaded,
        )
        | None => {}
    }
    if failure.is_none() && error.source::<ErrorCode>().is_none() {
        strip_echoed_value(&mut error.message);
    }
    if error.message.chars().count() > limits.error_message_chars {
        error.message = error.message.chars().take(limits.error_message_chars - 1).collect();
        error.message.push('…');
    }
    code
}

/// Removes the rejected value that async-graphql repeats in its message: it may be a secret.
fn strip_echoed_value(message: &mut String) {
    let echo = [", found ", ", enumeration type "].iter().filter_map(|it| message.find(it)).min();
    if let Some(echo) = echo {
        message.truncate(echo);
        message.push('.');
    }
}

/// An error with this code, for errors that are not returned by a resolver.
pub(super) fn server_error(code: ErrorCode, message: impl Into<String>) -> ServerError {
    let mut error = ServerError::new(message, None);
    error.source = Some(Arc::new(code));
    error
}

/// Marks an error that only propagates null (GraphQL specification, section 6.4.4): the response already
/// contains the error that the client reads.
#[derive(Debug)]
struct Propagation;

/// An error that fails the parent of a field without another entry in the response's `errors`.
pub(super) fn propagation() -> ServerError {
    let mut error = ServerError::new("", None);
    error.source = Some(Arc::new(Propagation));
    error
}

/// Whether an error only propagates null.
pub(super) fn only_propagates(error: &ServerError) -> bool {
    error.source::<Propagation>().is_some()
}
