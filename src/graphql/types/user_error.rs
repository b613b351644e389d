//! What a form can show.

use async_graphql::{Enum, SimpleObject};

use super::book::Book;
use crate::input::validation_error::{ValidationError, ValidationErrorCode};

/// Something the person at the keyboard can put right.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct UserError {
    /// What is wrong, for programs.
    code: UserErrorCode,
    /// What is wrong, as a sentence to show.
    message: String,
    /// The way to the argument at fault, such as `["input", "isbn"]`; null when no single one is.
    field: Option<Vec<String>>,
    /// What is in the way: the book with this ISBN already, or the newer version; else null.
    book: Option<Book>,
}

/// What can be wrong with what somebody typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum UserErrorCode {
    /// A value is missing or blank.
    Required,
    /// Fewer characters than needed.
    TooShort,
    /// More characters, or bytes, than allowed.
    TooLong,
    /// A password that guessers try first.
    TooCommon,
    /// A number outside its range.
    OutOfRange,
    /// A value that is not of the form asked for, or has control characters.
    InvalidFormat,
    /// An ISBN whose check digit does not fit.
    IsbnChecksum,
    /// The username belongs to another account.
    UsernameTaken,
    /// The email address belongs to another account.
    EmailTaken,
    /// The email address and the password do not go together, or the password is wrong.
    InvalidCredentials,
    /// The refresh token is unknown, used up or expired: sign in again.
    RefreshTokenInvalid,
    /// You have nothing with this id.
    NotFound,
    /// You have a book with this ISBN already.
    DuplicateIsbn,
    /// The book was changed since the expected version.
    VersionConflict,
}

impl UserError {
    /// An error of the argument at this path; of none in particular when the path is empty.
    pub(in crate::graphql) fn new(
        code: UserErrorCode,
        path: &[&str],
        message: impl Into<String>,
    ) -> Self {
        let field = (!path.is_empty()).then(|| path.iter().map(ToString::to_string).collect());
        Self { code, message: message.into(), field, book: None }
    }

    /// The same error, with the book that is in the way.
    pub(in crate::graphql) fn with_book(self, book: Option<Book>) -> Self {
        Self { book, ..self }
    }

    /// What a mutation says of an id that leads to nothing of the viewer's.
    pub(in crate::graphql) fn not_found(what: &str) -> Self {
        let message = format!("You have no {what} with this id.");
        Self::new(UserErrorCode::NotFound, &["id"], message)
    }
}

/// Gathers what is wrong with an input, so that a form gets all of it at once.
#[derive(Debug, Default)]
pub(in crate::graphql) struct InputErrors {
    errors: Vec<UserError>,
}

impl InputErrors {
    /// The value of a field, or a note of its fault.
    pub(in crate::graphql) fn check<T>(
        &mut self,
        field: &str,
        value: Result<T, ValidationError>,
    ) -> Option<T> {
        value.map_err(|fault| self.add(field, fault.code.into(), fault.message)).ok()
    }

    /// Notes that a field is at fault.
    pub(in crate::graphql) fn add(
        &mut self,
        field: &str,
        code: UserErrorCode,
        message: impl Into<String>,
    ) {
        self.errors.push(UserError::new(code, &["input", field], message));
    }

    pub(in crate::graphql) fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }

    pub(in crate::graphql) fn into_errors(self) -> Vec<UserError> {
        self.errors
    }
}

impl From<ValidationErrorCode> for UserErrorCode {
    fn from(code: ValidationErrorCode) -> Self {
        match code {
            ValidationErrorCode::Required => Self::Required,
            ValidationErrorCode::TooShort => Self::TooShort,
            ValidationErrorCode::TooLong => Self::TooLong,
            ValidationErrorCode::TooCommon => Self::TooCommon,
            ValidationErrorCode::OutOfRange => Self::OutOfRange,
            ValidationErrorCode::InvalidFormat => Self::InvalidFormat,
            ValidationErrorCode::IsbnChecksum => Self::IsbnChecksum,
        }
    }
}
