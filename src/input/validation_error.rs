//! What is wrong with a value, told so that a form can show it.

use std::borrow::Cow;

/// Why a value was refused.
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

/// A refusal: its code, and a sentence for the person at the keyboard.
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
