//! Scalars of our own.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};

use crate::clock::Timestamp;

#[derive(Clone, Copy, Debug)]
pub(super) struct DateTime(pub(super) Timestamp);

/// An instant, RFC 3339 in UTC with milliseconds: `2026-03-27T09:15:00.000Z`. In arguments any
/// offset is understood.
#[Scalar]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else {
            return Err(InputValueError::expected_type(value));
        };
        let instant = Timestamp::parse(text);
        instant.map(Self).ok_or_else(|| {
            InputValueError::custom("it takes an RFC 3339 date-time such as 2026-03-27T09:15:00Z")
        })
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}
