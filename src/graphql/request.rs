//! What a transport hands over: a request, its files, and the operation that it names.

use std::fmt;
use std::sync::Arc;

use async_graphql::UploadValue;
use async_graphql::parser::types::OperationType;
use bytes::Bytes;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

/// A GraphQL request, on any transport.
#[derive(Default)]
pub(crate) struct GraphqlRequest {
    /// The text of the document.
    pub(crate) query: Option<String>,
    /// Identifies a document that the server has: its SHA-256 in hexadecimal digits, or its id in the list
    /// of trusted documents. The prefix `sha256:` is optional.
    pub(crate) document_id: Option<String>,
    /// The name of the operation to execute.
    pub(crate) operation_name: Option<String>,
    pub(crate) variables: VariablesJson,
    pub(crate) uploads: Vec<Upload>,
    /// Whether the transport forbids mutations, as GET does.
    pub(crate) read_only: bool,
}

/// The variables of a request: the text of a JSON object without duplicate members; empty if there are none. Values are built only from
/// variables that the operation declares, because others would take up to 16 times the memory of the text.
#[derive(Debug, Default)]
pub(crate) struct VariablesJson(Bytes);

impl VariablesJson {
    /// `object` is the text of an object without duplicate members.
    pub(crate) fn new(object: Bytes) -> Self {
        Self(object)
    }

    /// The values of the declared variables.
    ///
    /// # Errors
    /// If the text is not an object.
    pub(super) fn values(
        &self,
        is_declared: impl Fn(&str) -> bool,
    ) -> serde_json::Result<Map<String, Value>> {
        if self.0.is_empty() {
            return Ok(Map::new());
        }
        serde_json::Deserializer::from_slice(&self.0).deserialize_map(DeclaredValues(is_declared))
    }
}

struct DeclaredValues<F>(F);

impl<'de, F: Fn(&str) -> bool> Visitor<'de> for DeclaredValues<F> {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut values = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            if (self.0)(&name) {
                values.insert(name, map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(values)
    }
}

/// A file and the variables that refer to it.
pub(crate) struct Upload {
    pub(crate) file: UploadValue,
    /// Paths such as `variables.input.file` or `variables.files.0`.
    pub(crate) places: Vec<String>,
}

/// The name and the kind of a request's operation, for logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OperationInfo {
    pub(crate) name: Option<Arc<str>>,
    pub(crate) kind: OperationType,
}
