//! Writes objects, and lists of objects, as JSON in one loop if all selected fields are in memory.
//! async-graphql would create a future for each field of each object, and a tree of response values.
//!
//! The JSON is a [`Value::Binary`], which has no other use in this schema: [`to_json`] copies its bytes to
//! the response unchanged.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, Write};

use async_graphql::parser::types::{Field, Selection};
use async_graphql::registry::Registry;
use async_graphql::{ContextSelectionSet, OutputType, Positioned, ServerResult, Value};
use futures_util::future::try_join_all;
use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use super::failing_field;

/// An object with fields that can be written without I/O and without errors.
pub(super) trait DirectJson: OutputType + 'static {
    /// The data that all elements of a list share.
    type Shared: Send + Sync;

    /// The data that this element shares with the others.
    fn common(&self) -> Self::Shared;

    /// A field that can be written.
    type Field: Send + Sync;

    /// Plans a selected field once for all objects. `None` if each object has to resolve it.
    fn field(
        ctx: &ContextSelectionSet<'_>,
        field: &Positioned<Field>,
        common: &Self::Shared,
    ) -> impl Future<Output = Option<Self::Field>> + Send;

    /// Writes a field's value as JSON.
    fn write(&self, field: &Self::Field, json: &mut Vec<u8>);
}

/// The fields to write for each object.
pub(super) struct FieldPlan<T: DirectJson>(Vec<PlannedField<T>>);

struct PlannedField<T: DirectJson> {
    /// The response key as JSON, with the separators before and after it.
    name: Vec<u8>,
    field: FieldSource<T>,
}

enum FieldSource<T: DirectJson> {
    PerObject(T::Field),
    /// The same value for each element.
    Constant(Vec<u8>),
}

impl<T: DirectJson> FieldPlan<T> {
    /// `None` if each object has to resolve one of the selected fields.
    pub(super) async fn of(ctx: &ContextSelectionSet<'_>, common: &T::Shared) -> Option<Self> {
        // A field that fails adds an error for each object, with the path of that object.
        if failing_field::any_in(&ctx.item.node) {
            return None;
        }
        // On an object type, only fields are selected, each response key once (`document::convert`).
        let mut fields = Vec::with_capacity(ctx.item.node.items.len());
        for selection in &ctx.item.node.items {
            let Selection::Field(field) = &selection.node else { return None };
            fields.push(field);
        }
        let mut plan = Vec::with_capacity(fields.len());
        for field in fields {
            let mut name = if plan.is_empty() { Vec::new() } else { b",".to_vec() };
            write_json(field.node.response_key().node.as_str(), &mut name);
            name.push(b':');
            let field = if field.node.name.node == "__typename" {
                let mut json = Vec::new();
                write_json(&T::type_name(), &mut json);
                FieldSource::Constant(json)
            } else {
                FieldSource::PerObject(T::field(ctx, field, common).await?)
            };
            plan.push(PlannedField { name, field });
        }
        Some(Self(plan))
    }

    /// Writes an object as JSON.
    pub(super) fn write(&self, object: &T, json: &mut Vec<u8>) {
        json.push(b'{');
        for PlannedField { name, field } in &self.0 {
            json.extend_from_slice(name);
            match field {
                FieldSource::PerObject(field) => object.write(field, json),
                FieldSource::Constant(value) => json.extend_from_slice(value),
            }
        }
        json.push(b'}');
    }
}

/// A list of objects, each taken from one row.
pub(super) struct JsonList<'a, R, T: DirectJson> {
    pub(super) rows: &'a [R],
    pub(super) object: fn(&R) -> &T,
}

impl<R: Sync, T: DirectJson> OutputType for JsonList<'_, R, T> {
    fn type_name() -> Cow<'static, str> {
        Vec::<T>::type_name()
    }

    fn qualified_type_name() -> String {
        Vec::<T>::qualified_type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        Vec::<T>::create_type_info(registry)
    }

    async fn resolve(
        &self,
        ctx: &ContextSelectionSet<'_>,
        field: &Positioned<Field>,
    ) -> ServerResult<Value> {
        let Some(first) = self.rows.first() else { return Ok(Value::List(Vec::new())) };
        if let Some(plan) = FieldPlan::of(ctx, &(self.object)(first).common()).await {
            let mut json = Vec::with_capacity(ESTIMATED_OBJECT_BYTES * self.rows.len() + 2);
            for (index, row) in self.rows.iter().enumerate() {
                json.push(if index == 0 { b'[' } else { b',' });
                plan.write((self.object)(row), &mut json);
            }
            json.push(b']');
            return Ok(Value::Binary(json.into()));
        }
        // Like async-graphql's `resolve_list` (8.0.0-rc.5), but keeps the path of an error in a field below an
        // element. async-graphql overwrites it with the path of the element.
        let elements = self.rows.iter().map(self.object).enumerate().map(|(index, element)| {
            let ctx = ctx.with_index(index);
            async move {
                element.resolve(&ctx, field).await.map_err(|error| match error.path.is_empty() {
                    true => ctx.set_error_path(error),
                    false => error,
                })
            }
        });
        Ok(Value::List(try_join_all(elements).await?))
    }
}

/// A single object.
#[derive(Debug)]
pub(super) struct JsonObject<T>(pub(super) T);

impl<T: DirectJson> OutputType for JsonObject<T> {
    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        T::create_type_info(registry)
    }

    async fn resolve(
        &self,
        ctx: &ContextSelectionSet<'_>,
        field: &Positioned<Field>,
    ) -> ServerResult<Value> {
        let Some(plan) = FieldPlan::of(ctx, &self.0.common()).await else {
            return self.0.resolve(ctx, field).await;
        };
        let mut json = Vec::with_capacity(ESTIMATED_OBJECT_BYTES);
        plan.write(&self.0, &mut json);
        Ok(Value::Binary(json.into()))
    }
}

/// Typical size of an object as JSON, in bytes.
const ESTIMATED_OBJECT_BYTES: usize = 512;

/// Serialises a response as JSON.
pub(super) fn to_json(response: &impl Serialize) -> String {
    let mut json = Vec::with_capacity(1_024);
    write_json(response, &mut json);
    #[expect(clippy::expect_used, reason = "all written bytes come from strings")]
    String::from_utf8(json).expect("JSON is UTF-8")
}

/// Appends a value as JSON.
pub(super) fn write_json(value: &(impl Serialize + ?Sized), json: &mut Vec<u8>) {
    let written = value.serialize(&mut Serializer::with_formatter(json, RawBytesFormatter));
    #[expect(
        clippy::expect_used,
        reason = "GraphQL values are JSON values, and writing to memory cannot fail"
    )]
    written.expect("a response is JSON");
}

/// Appends a text as a JSON string. The text must not need escapes: an id, a time or a cursor.
pub(super) fn write_text(text: impl Display, json: &mut Vec<u8>) {
    // Writing to memory cannot fail.
    let _ = write!(json, "\"{text}\"");
}

/// Writes JSON without white space. Byte arrays contain JSON and are written unchanged.
struct RawBytesFormatter;

impl Formatter for RawBytesFormatter {
    fn write_byte_array<W: Write + ?Sized>(&mut self, to: &mut W, json: &[u8]) -> io::Result<()> {
        to.write_all(json)
    }
}
