use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

/// A response that was received completely.
#[derive(Debug)]
#[must_use = "assert what the response contains, for example with `assert_ok`"]
pub struct TestResponse {
    /// The method, the path and the beginning of the body; for the messages of assertions.
    pub request: String,
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl TestResponse {
    /// Asserts that nothing failed: the status is 200, and there are neither top-level errors nor user errors.
    #[track_caller]
    pub fn assert_ok(&self) {
        assert!(self.is_ok(), "{self:?}");
        let body = self.json();
        let root = body["data"].as_object().unwrap_or_else(|| panic!("no data: {self:?}"));
        for payload in root.values() {
            let user_errors = payload.get("userErrors").unwrap_or(&Value::Null);
            assert!(user_errors.is_null() || *user_errors == json!([]), "{self:?}");
        }
    }

    /// Asserts that the only root field has these user errors, in this order. Each is a code and the path of
    /// its argument, such as `input.isbn`; the path is empty if `field` is null.
    #[track_caller]
    pub fn assert_user_errors(&self, expected: &[(&str, &str)]) {
        let payload = self.data();
        let errors = payload["userErrors"].as_array().unwrap_or_else(|| panic!("{self:?}"));
        let found: Vec<_> =
            errors.iter().map(|error| (text(&error["code"]), path(error))).collect();
        let found: Vec<_> = found.iter().map(|(code, path)| (*code, path.as_str())).collect();
        assert_eq!(found, expected, "{self:?}");
        for error in errors {
            assert!(text(&error["message"]).ends_with('.'), "not a sentence: {error}");
        }
    }

    /// Asserts that the response has one top-level error, with this code.
    #[track_caller]
    pub fn assert_error(&self, code: &str) {
        assert_eq!(self.error()["extensions"]["code"], code, "{self:?}");
    }

    /// Asserts the HTTP status, and that the response has one top-level error, with this code.
    #[track_caller]
    pub fn assert_error_with_status(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{self:?}");
        self.assert_error(code);
    }

    /// Whether the status is 200 and there are no top-level errors.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.status == StatusCode::OK && self.json().get("errors").is_none()
    }

    /// Whether the only root field has user errors.
    #[must_use]
    #[track_caller]
    pub fn has_user_errors(&self) -> bool {
        let payload = self.data();
        payload["userErrors"].as_array().is_some_and(|errors| !errors.is_empty())
    }

    /// The code of the first top-level error; `None` if there are no errors.
    #[must_use]
    #[track_caller]
    pub fn error_code(&self) -> Option<String> {
        let body = self.json();
        let error = body.get("errors")?.get(0).unwrap_or_else(|| panic!("{self:?}"));
        Some(text(&error["extensions"]["code"]).to_owned())
    }

    /// The only top-level error.
    #[must_use]
    #[track_caller]
    pub fn error(&self) -> Value {
        let body = self.json();
        let errors = body["errors"].as_array().unwrap_or_else(|| panic!("no error: {self:?}"));
        assert_eq!(errors.len(), 1, "{self:?}");
        errors[0].clone()
    }

    /// The value of the only root field. Panics if the response has errors.
    #[must_use]
    #[track_caller]
    pub fn data(&self) -> Value {
        let body = self.json();
        assert_eq!(body.get("errors"), None, "{self:?}");
        let data = body["data"].as_object().unwrap_or_else(|| panic!("no data: {self:?}"));
        assert_eq!(data.len(), 1, "one root field: {self:?}");
        data.values().next().unwrap().clone()
    }

    /// The payload of a mutation. Panics if it has user errors.
    #[must_use]
    #[track_caller]
    pub fn payload(&self) -> Value {
        let payload = self.data();
        assert_eq!(payload["userErrors"], json!([]), "{self:?}");
        payload
    }

    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// `path.to.argument` of a user error.
#[track_caller]
fn path(error: &Value) -> String {
    match error.get("field") {
        Some(Value::Null) => String::new(),
        Some(Value::Array(names)) => names.iter().map(text).collect::<Vec<_>>().join("."),
        _ => panic!("`field` is not selected or not a list: {error}"),
    }
}

#[track_caller]
fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("not a string: {value}"))
}
