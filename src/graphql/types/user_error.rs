//! Errors that a form can show.

use async_graphql::{Enum, SimpleObject};

use super::book::Book;
use crate::input::tags::{Tags, TagsError};
use crate::input::validation_error::{ValidationError, ValidationErrorCode};

/// An error in the input that the user can correct.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct UserError {
    /// The code of the error, for programs.
    code: UserErrorCode,
    /// The message of the error, a sentence for the user.
    message: String,
    /// Path to the invalid argument, such as `["input", "isbn"]`; null if the error has no single
    /// argument.
    field: Option<Vec<String>>,
    /// The conflicting book: the one that has this ISBN, or the newer version of the book. Null for
    /// other errors, and if the conflicting book has just been deleted.
    book: Option<Book>,
}

/// Codes of errors that the user can correct.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum UserErrorCode {
    /// A value is missing or blank.
    Required,
    /// The value has too few characters.
    TooShort,
    /// The value has too many characters or bytes.
    TooLong,
    /// The password is among those that attackers try first.
    TooCommon,
    /// The number is outside of its range.
    OutOfRange,
    /// The value has an invalid format, or contains control characters.
    InvalidFormat,
    /// The check digit of the ISBN is wrong.
    IsbnChecksum,
    /// The username belongs to another account.
    UsernameTaken,
    /// The email address belongs to another account.
    EmailTaken,
    /// The password is wrong; for `login`, the email address or the password.
    InvalidCredentials,
    /// The refresh token is unknown, already used or expired; sign in again.
    RefreshTokenInvalid,
    /// The viewer has no object with this id.
    NotFound,
    /// The viewer already has a book with this ISBN.
    DuplicateIsbn,
    /// The book was changed since `expectedVersion`.
    VersionConflict,
    /// The file is larger than accepted.
    FileTooLarge,
    /// The file has none of the accepted formats, or is damaged.
    UnsupportedFile,
}

impl UserError {
    /// An error of the argument at this path. An empty path means no single argument.
    pub(in crate::graphql) fn new(
        code: UserErrorCode,
        path: &[&str],
        message: impl Into<String>,
    ) -> Self {
        let field = (!path.is_empty()).then(|| path.iter().map(ToString::to_string).collect());
        Self { code, message: message.into(), field, book: None }
    }

    /// The same error with the conflicting book.
    pub(in crate::graphql) fn with_book(self, book: Option<Book>) -> Self {
        Self { book, ..self }
    }

    /// The error of a mutation whose id refers to no object of the viewer.
    pub(in crate::graphql) fn not_found(what: &str) -> Self {
        let message = format!("You have no {what} with this id.");
        Self::new(UserErrorCode::NotFound, &["id"], message)
    }
}

/// Collects the errors of an input, so that a form receives all of them at once.
#[derive(Debug, Default)]
pub(in crate::graphql) struct InputErrors {
    errors: Vec<UserError>,
}

impl InputErrors {
    /// Returns the value of a field, or records its validation error.
    pub(in crate::graphql) fn check<T>(
        &mut self,
        field: &str,
        value: Result<T, ValidationError>,
    ) -> Option<T> {
        value.map_err(|error| self.add(field, error.code.into(), error.message)).ok()
    }

    /// Records an error of a field.
    pub(in crate::graphql) fn add(
        &mut self,
        field: &str,
        code: UserErrorCode,
        message: impl Into<String>,
    ) {
        self.errors.push(UserError::new(code, &["input", field], message));
    }

    /// Returns the tags of a book, or records the errors of the list and its elements.
    pub(in crate::graphql) fn check_tags(
        &mut self,
        field: &str,
        texts: &[String],
    ) -> Option<Option<Tags>> {
        let errors = match Tags::parse(texts) {
            Ok(tags) => return Some(tags),
            Err(errors) => errors,
        };
        for TagsError { index, error } in errors {
            let index = index.map(|index| index.to_string());
            let path: Vec<_> = ["input", field].into_iter().chain(index.as_deref()).collect();
            self.errors.push(UserError::new(error.code.into(), &path, error.message));
        }
        None
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
