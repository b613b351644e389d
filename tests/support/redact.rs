use insta::dynamic_redaction;
use insta::internals::Redaction;

/// Replaces an id such as `book_01j…` in a snapshot. Asserts its prefix and its length.
pub fn redact_id(prefix: &'static str) -> Redaction {
    dynamic_redaction(move |value, path| {
        let text = value.as_str().unwrap_or_else(|| panic!("{path} is not a string"));
        let (found, suffix) = text.split_once('_').unwrap_or_else(|| panic!("{path}: {text}"));
        assert_eq!((found, suffix.len()), (prefix, 26), "{path}: {text}");
        format!("[{prefix} id]")
    })
}

/// Replaces a text without a fixed form in a snapshot. Asserts that it is not empty.
pub fn redact_text(name: &'static str) -> Redaction {
    dynamic_redaction(move |value, path| {
        assert!(value.as_str().is_some_and(|text| !text.is_empty()), "{path}: {value:?}");
        format!("[{name}]")
    })
}
