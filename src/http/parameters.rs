//! The parameters of a GraphQL request: the members of its JSON object, or of its query string.

use serde_json::{Map, Value};

use super::error_response::{HttpError, bad_request};
use super::json;
use crate::graphql::error::ErrorCode;
use crate::graphql::request::GraphqlRequest;

/// The members of a JSON object.
pub(super) fn json_object(body: &[u8]) -> Result<Map<String, Value>, HttpError> {
    match json::parse(body) {
        Some(Value::Object(members)) => Ok(members),
        Some(Value::Array(_)) => {
            let message = "Batches are not supported. Send one operation per request.";
            Err(HttpError::new(ErrorCode::BatchNotAllowed, message))
        }
        Some(_) => Err(bad_request("The body is not a JSON object.")),
        None => Err(bad_request("The body is not JSON in UTF-8, or has a duplicate member.")),
    }
}

/// Builds a request from its members and checks their types. A document is given by its text, by its id
/// (`documentId`), or by its hash (Apollo's automatic persisted queries).
pub(super) fn parameters(mut members: Map<String, Value>) -> Result<GraphqlRequest, HttpError> {
    let query = string(&mut members, "query")?;
    let operation_name = string(&mut members, "operationName")?;
    let document_id = string(&mut members, "documentId")?;
    let variables = object(&mut members, "variables")?;
    let persisted = object(&mut members, "extensions")?.remove("persistedQuery");
    let document_id = match persisted {
        Some(persisted) => Some(persisted_query(&persisted)?),
        None => document_id,
    };
    if query.is_none() && document_id.is_none() {
        return Err(bad_request("query must be a string."));
    }
    Ok(GraphqlRequest { query, document_id, operation_name, variables, ..Default::default() })
}

fn string(
    members: &mut Map<String, Value>,
    name: &'static str,
) -> Result<Option<String>, HttpError> {
    match members.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(bad_request(format!("{name} must be a string or null."))),
    }
}

fn object(
    members: &mut Map<String, Value>,
    name: &'static str,
) -> Result<Map<String, Value>, HttpError> {
    match members.remove(name) {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(object)) => Ok(object),
        Some(_) => Err(bad_request(format!("{name} must be an object or null."))),
    }
}

/// The hash in the extension `persistedQuery`. Its other members are ignored.
fn persisted_query(persisted: &Value) -> Result<String, HttpError> {
    match (&persisted["version"], &persisted["sha256Hash"]) {
        (Value::Number(version), Value::String(hash)) if version.as_u64() == Some(1) => {
            Ok(hash.clone())
        }
        _ => Err(bad_request("persistedQuery must have version 1 and a sha256Hash.")),
    }
}
