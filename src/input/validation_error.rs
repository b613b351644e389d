//! Errors in input values, with messages that a form can show.

use std::borrow::Cow;

/// Why a value is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ValidationErrorCode {
    Required,
    TooShort,
    TooLong,
    TooCommon,
    OutOfRange,
    InvalidFormat,
    IsbnChecksum,
}

/// A validation error: its code, and a message for the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ValidationError {
    pub(crate) code: ValidationErrorCode,
    pub(crate) message: Cow<'static, str>,
}

impl ValidationError {
    pub(crate) fn new(code: ValidationErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into() }
    }
}
