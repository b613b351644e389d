//! The parameters of a GraphQL request: the members of its JSON object, or of its query string.

use axum::body::Bytes;

use super::error_response::{HttpError, bad_request};
use super::json::{self, Json, Members, WrongType};
use crate::graphql::error::ErrorCode;
use crate::graphql::request::{GraphqlRequest, VariablesJson};

/// The members of a JSON object.
pub(super) fn json_object(body: &Bytes) -> Result<Members, HttpError> {
    match json::parse(body) {
        Some(Json::Object(members)) => Ok(members),
        Some(Json::Array) => {
            let message = "Batches are not supported. Send one operation per request.";
            Err(HttpError::new(ErrorCode::BatchNotAllowed, message))
        }
        Some(Json::Other) => Err(bad_request("The body is not a JSON object.")),
        None => Err(bad_request("The body is not JSON in UTF-8, or has a duplicate member.")),
    }
}

/// Builds a request from its members and checks their types. A document is given by its text, by its id
/// (`documentId`), or by its hash (Apollo's automatic persisted queries).
pub(super) fn parameters(mut members: Members) -> Result<GraphqlRequest, HttpError> {
    let query = string(&mut members, "query")?;
    let operation_name = string(&mut members, "operationName")?;
    let document_id = string(&mut members, "documentId")?;
    let variables = members.take_object_text("variables").map_err(not_an_object("variables"))?;
    let mut extensions = members.take_object("extensions").map_err(not_an_object("extensions"))?;
    let document_id = match persisted_query(&mut extensions)? {
        Some(hash) => Some(hash),
        None => document_id,
    };
    // graphql-ws requires the text of a document; clients send an empty one beside an id.
    let query = query.filter(|text| !text.is_empty() || document_id.is_none());
    if query.is_none() && document_id.is_none() {
        let message = "Send the text of a document as query, a string, or its id as documentId.";
        return Err(bad_request(message));
    }
    let variables = variables.map(VariablesJson::new).unwrap_or_default();
    Ok(GraphqlRequest { query, document_id, operation_name, variables, ..Default::default() })
}

fn string(members: &mut Members, name: &'static str) -> Result<Option<String>, HttpError> {
    members.take(name).map_err(|_| bad_request(format!("{name} must be a string or null.")))
}

fn not_an_object(name: &'static str) -> impl Fn(WrongType) -> HttpError {
    move |_| bad_request(format!("{name} must be an object or null."))
}

/// The hash in the extension `persistedQuery`. Its other members are ignored.
fn persisted_query(extensions: &mut Members) -> Result<Option<String>, HttpError> {
    let invalid = || bad_request("persistedQuery must have version 1 and a sha256Hash.");
    if !extensions.has("persistedQuery") {
        return Ok(None);
    }
    let mut persisted = extensions.take_object("persistedQuery").map_err(|_| invalid())?;
    match (persisted.take::<u64>("version"), persisted.take::<String>("sha256Hash")) {
        (Ok(Some(1)), Ok(Some(hash))) => Ok(Some(hash)),
        _ => Err(invalid()),
    }
}
