//! Writes objects, and lists of objects, as JSON in one loop if all selected fields are in memory.
//! async-graphql would create a future for each field of each object, and a tree of response values.
//!
//! The JSON becomes a [`Value::Binary`], which has no other use in this schema: [`to_json`] copies its bytes
//! to the response unchanged. The feature `raw_value` of async-graphql parses such bytes again: 4.6 µs
//! instead of 0.2 µs for a page of 20 books.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, Write};
use std::sync::Arc;

use async_graphql::parser::types::{Field, Selection};
use async_graphql::registry::Registry;
use async_graphql::{ContextSelectionSet, OutputType, Positioned, ServerResult, Value};
use futures_util::future::{BoxFuture, try_join_all};
use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use tokio::task::yield_now;

use super::async_graphql_workarounds::contains_failing_field;
use super::context::response_size;
use super::error::{ApiError, Result};

/// An object with fields that can be written without their resolvers.
pub(super) trait DirectJson: OutputType + Sized + 'static {
    /// What all objects of a list have in common.
    type Shared: PartialEq + Send + Sync;

    fn shared(&self) -> Self::Shared;

    /// How a field is written; `None` if only its resolver can provide it.
    fn writer(field: &str) -> Option<&'static Writer<Self>>;
}

/// Appends the value of a field of an object.
pub(super) type WriteValue<T> = fn(&T, &mut Json) -> Result<()>;

/// Resolves a field by what all objects share.
type ResolveShared<T> = for<'a> fn(
    &'a ContextSelectionSet<'a>,
    &'a Positioned<Field>,
    &'a <T as DirectJson>::Shared,
) -> BoxFuture<'a, ServerResult<Value>>;

/// Plans a field that is an object, for all objects of a list; `None` if its resolver has to provide it.
type PlanObject<T> = for<'a> fn(
    &'a ContextSelectionSet<'a>,
    &'a Positioned<Field>,
    &'a Objects<'a, T>,
) -> BoxFuture<'a, Option<PlannedObject<T>>>;

/// Objects that are written by one plan, with what they share.
pub(super) struct Objects<'a, T: DirectJson> {
    objects: Vec<&'a T>,
    shared: T::Shared,
}

impl<'a, T: DirectJson> Objects<'a, T> {
    /// `None` if there is no object, or if they share nothing.
    pub(super) fn new(objects: impl Iterator<Item = &'a T>) -> Option<Self> {
        let objects: Vec<_> = objects.collect();
        let shared = objects.first()?.shared();
        objects.iter().all(|object| object.shared() == shared).then_some(Self { objects, shared })
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &'a T> {
        self.objects.iter().copied()
    }
}

/// How a field of a type is written.
pub(super) enum Writer<T: DirectJson> {
    /// The value is in memory.
    Value(WriteValue<T>),
    /// The value follows from what all objects share. It is resolved once for a list.
    Shared(ResolveShared<T>),
    /// The value is an object. It is planned once for a list, and in memory then.
    Object(PlanObject<T>),
}

/// Appends an object inside an object of the type `T`.
pub(super) type PlannedObject<T> = Box<dyn Fn(&T, &mut Json) -> Result<()> + Send + Sync>;

/// How the selected fields of a type are written.
pub(super) struct ObjectPlan<T: DirectJson>(Vec<PlannedField<T>>);

struct PlannedField<T: DirectJson> {
    /// The response key as JSON, with the separators before and after it.
    key: Json,
    value: PlannedValue<T>,
}

enum PlannedValue<T: DirectJson> {
    Value(WriteValue<T>),
    Object(PlannedObject<T>),
    /// The same for all objects.
    Constant(Json),
}

impl<T: DirectJson> ObjectPlan<T> {
    /// `None` if each object has to resolve one of the selected fields.
    pub(super) async fn new(
        ctx: &ContextSelectionSet<'_>,
        objects: &Objects<'_, T>,
    ) -> Option<Self> {
        // A field that fails adds an error for each object, with the path of that object.
        if contains_failing_field(&ctx.item.node) {
            return None;
        }
        let mut plan: Vec<PlannedField<T>> = Vec::with_capacity(ctx.item.node.items.len());
        let mut keys: Vec<&str> = Vec::with_capacity(ctx.item.node.items.len());
        for selection in &ctx.item.node.items {
            // Only fields are selected on an object type, and fields of one response key are merged
            // (`document::convert`); async-graphql does both for any other selection.
            let Selection::Field(field) = &selection.node else { return None };
            let response_key = field.node.response_key().node.as_str();
            if keys.contains(&response_key) {
                return None;
            }
            keys.push(response_key);
            let mut key = Json::default();
            key.raw(if plan.is_empty() { b"" } else { b"," });
            key.value(response_key).ok()?;
            key.raw(b":");
            plan.push(PlannedField { key, value: Self::plan(ctx, field, objects).await? });
        }
        Some(Self(plan))
    }

    async fn plan(
        ctx: &ContextSelectionSet<'_>,
        field: &Positioned<Field>,
        objects: &Objects<'_, T>,
    ) -> Option<PlannedValue<T>> {
        let name = field.node.name.node.as_str();
        if name == "__typename" {
            let mut json = Json::default();
            json.value(&*T::type_name()).ok()?;
            return Some(PlannedValue::Constant(json));
        }
        match T::writer(name)? {
            Writer::Value(write) => Some(PlannedValue::Value(*write)),
            Writer::Shared(resolve) => {
                let ctx = ctx.with_field(field);
                let ctx = ctx.with_selection_set(&field.node.selection_set);
                // An error is dropped here, and reported when each object resolves the field.
                let value = resolve(&ctx, field, &objects.shared).await.ok()?;
                response_size(&ctx).remove_written(&value);
                let mut json = Json::default();
                json.value(&value).ok()?;
                Some(PlannedValue::Constant(json))
            }
            Writer::Object(plan) => {
                let ctx = ctx.with_field(field);
                let ctx = ctx.with_selection_set(&field.node.selection_set);
                plan(&ctx, field, objects).await.map(PlannedValue::Object)
            }
        }
    }

    /// Appends an object.
    pub(super) fn write(&self, object: &T, json: &mut Json) -> Result<()> {
        json.raw(b"{");
        for PlannedField { key, value } in &self.0 {
            json.raw(&key.0);
            match value {
                PlannedValue::Value(write) => write(object, json)?,
                PlannedValue::Object(write) => write(object, json)?,
                PlannedValue::Constant(value) => json.raw(&value.0),
            }
        }
        json.raw(b"}");
        Ok(())
    }
}

/// A list of objects, each taken from one row.
pub(super) struct JsonList<'a, R, T: DirectJson> {
    pub(super) rows: &'a [R],
    pub(super) object: fn(&R) -> &T,
}

impl<R: Sync, T: DirectJson> JsonList<'_, R, T> {
    /// The list as JSON; `None` if each object has to resolve itself.
    async fn write(&self, ctx: &ContextSelectionSet<'_>) -> Option<Result<Json>> {
        let objects = Objects::new(self.rows.iter().map(self.object))?;
        let plan = ObjectPlan::new(ctx, &objects).await?;
        let mut json = Json::with_capacity(ESTIMATED_OBJECT_BYTES * self.rows.len() + 2);
        let (mut counted, mut yielded) = (0, 0);
        for (index, row) in self.rows.iter().enumerate() {
            json.raw(if index == 0 { b"[" } else { b"," });
            let mut written = plan.write((self.object)(row), &mut json);
            if index == 0 {
                // The first object is the best estimate of the others.
                json.0.reserve(json.0.len() * (self.rows.len() - 1));
            }
            let uncounted = json.0.len() - counted;
            if uncounted >= CHUNK_BYTES || index + 1 == self.rows.len() {
                counted = json.0.len();
                written = written.and_then(|()| count(ctx, uncounted));
            }
            if let Err(error) = written {
                return Some(Err(error));
            }
            if json.0.len() - yielded >= YIELD_BYTES {
                yielded = json.0.len();
                yield_now().await;
            }
        }
        json.raw(b"]");
        Some(Ok(json))
    }
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
        if let Some(written) = self.write(ctx).await {
            return value_at(ctx, field, written);
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
        let objects = Objects { objects: vec![&self.0], shared: self.0.shared() };
        let Some(plan) = ObjectPlan::new(ctx, &objects).await else {
            return self.0.resolve(ctx, field).await;
        };
        let mut json = Json::with_capacity(ESTIMATED_OBJECT_BYTES);
        let written = plan.write(&self.0, &mut json);
        let written = written.and_then(|()| count(ctx, json.0.len())).map(|()| json);
        value_at(ctx, field, written)
    }
}

/// Bytes of a list that are written between two checks of the size of the response.
const CHUNK_BYTES: usize = 16 << 10;

/// Bytes of a list that are written between two yields to the scheduler: about a tenth of a millisecond.
const YIELD_BYTES: usize = 128 << 10;

/// Adds JSON to the size of the response. An error if the response would be too large.
fn count(ctx: &ContextSelectionSet<'_>, bytes: usize) -> Result<()> {
    response_size(ctx).add_written(bytes)
}

/// Typical size of an object as JSON, in bytes.
const ESTIMATED_OBJECT_BYTES: usize = 512;

/// The value of a field, or its error with its position.
fn value_at(
    ctx: &ContextSelectionSet<'_>,
    field: &Positioned<Field>,
    written: Result<Json>,
) -> ServerResult<Value> {
    match written {
        Ok(json) => Ok(json.into_value()),
        Err(error) => {
            let error = async_graphql::Error::from(error).into_server_error(field.pos);
            Err(ctx.set_error_path(error))
        }
    }
}

/// JSON text, in UTF-8.
#[derive(Clone, Debug, Default)]
pub(super) struct Json(Vec<u8>);

impl Json {
    fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    /// Appends a value.
    pub(super) fn value(&mut self, value: &(impl Serialize + ?Sized)) -> Result<()> {
        value
            .serialize(&mut Serializer::with_formatter(&mut self.0, RawBytesFormatter))
            .map_err(|error| ApiError::Internal(Arc::new(error)))
    }

    /// Appends a text as a string. The text must not need escapes: an id, a time or a cursor.
    pub(super) fn plain(&mut self, text: impl Display) -> Result<()> {
        write!(self.0, "\"{text}\"").map_err(|error| ApiError::Internal(Arc::new(error)))
    }

    /// Appends other JSON.
    pub(super) fn append(&mut self, json: &Self) {
        self.raw(&json.0);
    }

    fn raw(&mut self, json: &[u8]) {
        self.0.extend_from_slice(json);
    }

    fn into_value(self) -> Value {
        Value::Binary(self.0.into())
    }
}

/// Serialises a response. `capacity` is its estimated size in bytes.
pub(super) fn to_json(response: &impl Serialize, capacity: usize) -> String {
    let mut json = Json::with_capacity(capacity);
    #[expect(clippy::expect_used, reason = "GraphQL values are JSON values; memory is not I/O")]
    json.value(response).expect("a response is JSON");
    #[expect(clippy::expect_used, reason = "all written bytes come from strings")]
    String::from_utf8(json.0).expect("JSON is UTF-8")
}

/// Writes JSON without white space. Byte arrays contain JSON and are written unchanged.
struct RawBytesFormatter;

impl Formatter for RawBytesFormatter {
    fn write_byte_array<W: Write + ?Sized>(&mut self, to: &mut W, json: &[u8]) -> io::Result<()> {
        to.write_all(json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binary_values_are_written_unchanged() {
        let list = Value::List(vec![Value::Binary(b"{\"a\":1}"[..].into()), Value::from("\"")]);
        assert_eq!(to_json(&list, 0), r#"[{"a":1},"\""]"#);
    }

    /// A scalar with binary values would be written as JSON. A new scalar may be added to this list if its
    /// values are never binary.
    #[test]
    fn no_scalar_of_the_schema_is_binary() {
        let sdl = crate::graphql::sdl();
        let scalars =
            sdl.lines().filter_map(|line| line.strip_prefix("scalar ")?.split(' ').next());
        let listed = ["Date", "DateTime", "Upload"];
        let other: Vec<_> = scalars.filter(|name| !listed.contains(name)).collect();
        assert!(other.is_empty(), "{other:?}");
    }
}
