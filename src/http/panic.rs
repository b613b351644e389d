//! Responds if a handler panics. `CatchPanicLayer` of tower-http does not fit: it gives no access to the
//! request, but log line and response have the request id.

use std::panic::AssertUnwindSafe;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;

use super::error_response::HttpError;
use super::request_id::RequestId;
use crate::graphql::error::ErrorCode;

pub(super) async fn catch(id: RequestId, request: Request, next: Next) -> Response {
    AssertUnwindSafe(next.run(request)).catch_unwind().await.unwrap_or_else(|_| {
        tracing::error!(request_id = %id.0, "a handler panicked");
        let message = "Something went wrong on our side.";
        HttpError::new(ErrorCode::InternalServerError, message)
            .with_request_id(&id.0)
            .into_response()
    })
}

#[cfg(test)]
mod tests {

    use axum::Router;
    use axum::body::{Body, to_bytes};
    use axum::http::{HeaderValue, StatusCode};
    use axum::middleware::from_fn;
    use axum::routing::get;
    use serde_json::{Value, json};
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn a_panic_of_a_handler_returns_an_internal_error_with_the_request_id() {
        let panics = async || -> StatusCode { panic!("a secret that is in no response") };
        let router = Router::new().route("/", get(panics)).layer(from_fn(catch));
        let mut request = Request::new(Body::empty());
        let id = tower_http::request_id::RequestId::new(HeaderValue::from_static("4711"));
        request.extensions_mut().insert(id);
        let Ok(response) = router.oneshot(request).await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
        let body: Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(
            body["errors"][0],
            json!({
                "message": "Something went wrong on our side.",
                "extensions": { "code": "INTERNAL_SERVER_ERROR", "requestId": "4711" },
            })
        );
    }
}
