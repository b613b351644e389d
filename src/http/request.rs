//! What a client asks, out of a POST or a GET (GraphQL over HTTP, section 5).

use async_graphql::Variables;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Uri, header};
use serde_json::{Map, Value};
use tokio::time::timeout;

use super::media_type::is_utf8;
use super::refusal::Refusal;
use crate::config::Limits;
use crate::graphql::document::GraphqlRequest;
use crate::graphql::error::ErrorCode;

/// Reads the request, whichever way it comes.
pub(super) async fn read(
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: Body,
    limits: &Limits,
) -> Result<GraphqlRequest, Refusal> {
    if method == Method::POST {
        check_content_type(headers)?;
        let members = members(&bytes(body, limits).await?)?;
        parameters(members, false)
    } else {
        let members = query_string(uri.query().unwrap_or_default())?;
        parameters(members, true)
    }
}

/// Only JSON, in UTF-8: a page of another origin can send anything else without asking first.
fn check_content_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let mut parts = content_type.unwrap_or_default().split(';').map(str::trim);
    let is_json = parts.next().is_some_and(|it| it.eq_ignore_ascii_case("application/json"));
    let mut charsets = parts
        .filter_map(|parameter| parameter.split_once('='))
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
    if is_json && charsets.all(|(_, charset)| is_utf8(charset.trim())) {
        return Ok(());
    }
    let message = "Send the request as application/json, in UTF-8.";
    Err(Refusal::new(ErrorCode::UnsupportedMediaType, message))
}

async fn bytes(body: Body, limits: &Limits) -> Result<axum::body::Bytes, Refusal> {
    match timeout(limits.body_timeout, to_bytes(body, limits.body_bytes)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if is_too_long(&error) => {
            let message = format!("A request body has at most {} bytes.", limits.body_bytes);
            Err(Refusal::new(ErrorCode::PayloadTooLarge, message))
        }
        Ok(Err(_)) => Err(bad("The body ended too early.")),
        Err(_) => Err(bad("The body did not arrive in time.")),
    }
}

fn is_too_long(error: &axum::Error) -> bool {
    std::error::Error::source(error)
        .is_some_and(<dyn std::error::Error>::is::<http_body_util::LengthLimitError>)
}

fn members(body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(Value::Array(_)) => {
            let message = "Batches are not served; send one operation a request.";
            Err(Refusal::new(ErrorCode::BatchNotAllowed, message))
        }
        Ok(_) => Err(bad("The body is not a JSON object.")),
        Err(_) => Err(bad("The body is not JSON.")),
    }
}

/// The parameters of a GET: texts, of which `variables` and `extensions` are JSON. One that is
/// empty is absent.
fn query_string(query: &str) -> Result<Map<String, Value>, Refusal> {
    let mut members = Map::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let value = match &*name {
            _ if value.is_empty() => continue,
            "query" | "operationName" => Value::String(value.into_owned()),
            "variables" | "extensions" => serde_json::from_str(&value)
                .map_err(|_| bad("variables and extensions must be JSON objects."))?,
            _ => continue,
        };
        if members.insert(name.into_owned(), value).is_some() {
            return Err(bad("Each parameter may be given once."));
        }
    }
    Ok(members)
}

/// The members of a request, each of its type and nothing else.
fn parameters(mut members: Map<String, Value>, read_only: bool) -> Result<GraphqlRequest, Refusal> {
    let Some(Value::String(query)) = members.remove("query") else {
        return Err(bad("query must be a string."));
    };
    let operation_name = match members.remove("operationName") {
        None | Some(Value::Null) => None,
        Some(Value::String(name)) => Some(name),
        Some(_) => return Err(bad("operationName must be a string or null.")),
    };
    let variables = match members.remove("variables") {
        None | Some(Value::Null) => Variables::default(),
        Some(variables @ Value::Object(_)) => Variables::from_json(variables),
        Some(_) => return Err(bad("variables must be an object or null.")),
    };
    match members.remove("extensions") {
        None | Some(Value::Null | Value::Object(_)) => {
            Ok(GraphqlRequest { query, operation_name, variables, read_only })
        }
        Some(_) => Err(bad("extensions must be an object or null.")),
    }
}

fn bad(message: &'static str) -> Refusal {
    Refusal::new(ErrorCode::BadRequest, message)
}
