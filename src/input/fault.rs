//! What is wrong with a value, told so that a form can show it.

use std::borrow::Cow;

/// Why a value was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FaultCode {
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
pub(crate) struct Fault {
    pub(crate) code: FaultCode,
    pub(crate) message: Cow<'static, str>,
}

impl Fault {
    pub(crate) fn new(code: FaultCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into() }
    }
}
