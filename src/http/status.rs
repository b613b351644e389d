//! The HTTP status of errors.

use axum::http::StatusCode;

use crate::graphql::error::ErrorCode;

/// The status of a response that contains only this error.
pub(super) const fn status(code: ErrorCode) -> StatusCode {
    match code {
        // Not an error: the client sends the text of the document next.
        ErrorCode::PersistedQueryNotFound => StatusCode::OK,
        ErrorCode::Forbidden | ErrorCode::QuotaExceeded => StatusCode::FORBIDDEN,
        ErrorCode::Unauthenticated => StatusCode::UNAUTHORIZED,
        ErrorCode::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        ErrorCode::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
        ErrorCode::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorCode::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ErrorCode::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::InternalServerError => StatusCode::INTERNAL_SERVER_ERROR,
        ErrorCode::SubscriberTooSlow | ErrorCode::Timeout | ErrorCode::ServiceUnavailable => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        ErrorCode::GraphqlParseFailed
        | ErrorCode::GraphqlValidationFailed
        | ErrorCode::BadUserInput
        | ErrorCode::OperationResolutionFailure
        | ErrorCode::DocumentNotTrusted
        | ErrorCode::BadRequest
        | ErrorCode::CsrfBlocked
        | ErrorCode::QueryTooDeep
        | ErrorCode::QueryTooComplex
        | ErrorCode::TooManyAliases
        | ErrorCode::TooManyTokens
        | ErrorCode::ResponseTooLarge
        | ErrorCode::BatchNotAllowed => StatusCode::BAD_REQUEST,
    }
}
