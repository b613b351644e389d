use axum::http::{HeaderMap, StatusCode};
use serde_json::Value;

/// A response that was received completely.
#[derive(Debug)]
pub struct TestResponse {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl TestResponse {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The value of the only root field. Panics if the response has errors.
    #[track_caller]
    pub fn data(&self) -> Value {
        let body = self.json();
        assert_eq!(body.get("errors"), None, "{self:?}");
        let data = body["data"].as_object().unwrap_or_else(|| panic!("no data: {self:?}"));
        assert_eq!(data.len(), 1, "one root field: {self:?}");
        data.values().next().unwrap().clone()
    }

    /// The payload of a mutation. Panics if it has user errors.
    #[track_caller]
    pub fn payload(&self) -> Value {
        let payload = self.data();
        assert_eq!(payload["userErrors"], serde_json::json!([]), "{self:?}");
        payload
    }

    /// `CODE path.to.field` of each user error; the path is `-` if there is none.
    #[track_caller]
    pub fn user_errors(&self) -> Vec<String> {
        let payload = self.data();
        let errors = payload["userErrors"].as_array().unwrap_or_else(|| panic!("{self:?}"));
        let descriptions = errors.iter().map(|error| {
            assert!(error["message"].as_str().is_some_and(|text| text.ends_with('.')), "{error}");
            let path = error["field"].as_array().map(|path| {
                path.iter().map(|name| name.as_str().unwrap()).collect::<Vec<_>>().join(".")
            });
            format!("{} {}", error["code"].as_str().unwrap(), path.as_deref().unwrap_or("-"))
        });
        descriptions.collect()
    }

    /// The code of the only top-level error.
    #[track_caller]
    pub fn code(&self) -> String {
        self.error()["extensions"]["code"].as_str().unwrap_or_else(|| panic!("{self:?}")).to_owned()
    }

    /// The only top-level error.
    #[track_caller]
    pub fn error(&self) -> Value {
        let body = self.json();
        let errors = body["errors"].as_array().unwrap_or_else(|| panic!("no error: {self:?}"));
        assert_eq!(errors.len(), 1, "{self:?}");
        errors[0].clone()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}
