//! Values that are bound to the placeholders of a statement.

use bytes::BytesMut;
use sea_orm::Value;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

/// A bound value, converted to the type that PostgreSQL expects for the parameter.
#[derive(Debug)]
pub(super) struct Parameter<'a>(pub(super) &'a Value);

impl ToSql for Parameter<'_> {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        fn integer(
            value: Option<i64>,
            ty: &Type,
            out: &mut BytesMut,
        ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
            let Some(value) = value else { return Ok(IsNull::Yes) };
            match *ty {
                Type::INT2 => i16::try_from(value)?.to_sql(ty, out),
                Type::INT4 => i32::try_from(value)?.to_sql(ty, out),
                Type::INT8 => value.to_sql(ty, out),
                _ => Err(format!("an integer cannot be bound as {ty}").into()),
            }
        }
        match self.0 {
            Value::Bool(value) => value.to_sql(ty, out),
            Value::SmallInt(value) => integer(value.map(i64::from), ty, out),
            Value::Int(value) => integer(value.map(i64::from), ty, out),
            Value::BigInt(value) => integer(*value, ty, out),
            Value::BigUnsigned(value) => integer(value.map(u64::cast_signed), ty, out),
            Value::String(value) => value.to_sql(ty, out),
            Value::Uuid(value) => value.to_sql(ty, out),
            other => Err(format!("cannot bind a value of this type: {other:?}").into()),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}
