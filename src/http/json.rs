//! Parses JSON objects one level at a time, so that nothing is built from members that are not used. Rejects
//! objects with duplicate members at any level (RFC 7493, section 2.3), because two parsers could read such an
//! object differently.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::fmt;

use axum::body::Bytes;
use serde::de::{
    Deserialize, DeserializeOwned, Deserializer, Error, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;

/// Editors and tools on Windows write it at the start of a file (RFC 8259, section 8.1, allows to ignore it).
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A JSON text without duplicate members.
#[derive(Debug)]
pub(super) enum Json {
    Object(Members),
    Array,
    Other,
}

/// The members of an object. Their values are not parsed yet; each is a part of the text, in UTF-8.
#[derive(Debug, Default)]
pub(super) struct Members(BTreeMap<String, Bytes>);

/// A member has another type than expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WrongType;

/// Parses a text. `None` if it is not JSON in UTF-8 or has duplicate members. A byte order mark is ignored.
pub(super) fn parse(text: &Bytes) -> Option<Json> {
    let checked = checked(text)?;
    Some(match checked.trim_start().as_bytes().first() {
        Some(b'{') => Json::Object(Members::of(text, checked).ok()?),
        Some(b'[') => Json::Array,
        _ => Json::Other,
    })
}

/// Parses a text into a type. `None` if it is not JSON of this type or has duplicate members.
pub(super) fn parse_as<T: DeserializeOwned>(text: &[u8]) -> Option<T> {
    serde_json::from_str(checked(text)?).ok()
}

/// Whether a text is JSON without duplicate members.
pub(super) fn is_valid(text: &[u8]) -> bool {
    checked(text).is_some()
}

/// A text without its byte order mark, if it is JSON without duplicate members.
fn checked(text: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text)).ok()?;
    serde_json::from_str::<NoDuplicates>(text).ok()?;
    Some(text)
}

impl Members {
    /// The members of `object`, which is a part of `text`.
    fn of(text: &Bytes, object: &str) -> Result<Self, WrongType> {
        let members: BTreeMap<String, &RawValue> =
            serde_json::from_str(object).map_err(|_| WrongType)?;
        let part = |value: &RawValue| text.slice_ref(value.get().as_bytes());
        Ok(Self(members.into_iter().map(|(name, value)| (name, part(value))).collect()))
    }

    /// Adds a member; false if there is one with this name.
    pub(super) fn insert(&mut self, name: String, value: Bytes) -> bool {
        self.0.insert(name, value).is_none()
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Removes a member and parses it. `None` if it is absent or null.
    pub(super) fn take<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>, WrongType> {
        let Some(value) = self.0.remove(name) else { return Ok(None) };
        serde_json::from_slice(&value).map_err(|_| WrongType)
    }

    /// Removes an object and returns its members; none if it is absent or null.
    pub(super) fn take_object(&mut self, name: &str) -> Result<Self, WrongType> {
        let Some(object) = self.take_object_text(name)? else { return Ok(Self::default()) };
        Self::of(&object, std::str::from_utf8(&object).map_err(|_| WrongType)?)
    }

    /// Removes an object and returns its text. `None` if it is absent or null.
    pub(super) fn take_object_text(&mut self, name: &str) -> Result<Option<Bytes>, WrongType> {
        match self.0.remove(name) {
            Some(value) if value.starts_with(b"{") => Ok(Some(value)),
            Some(value) if value != "null" => Err(WrongType),
            _ => Ok(None),
        }
    }
}

/// A value that was checked and not kept.
struct NoDuplicates;

impl<'de> Deserialize<'de> for NoDuplicates {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Check)
    }
}

struct Check;

impl<'de> Visitor<'de> for Check {
    type Value = NoDuplicates;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without duplicate members")
    }

    fn visit_unit<E>(self) -> Result<NoDuplicates, E> {
        Ok(NoDuplicates)
    }

    fn visit_bool<E>(self, _: bool) -> Result<NoDuplicates, E> {
        Ok(NoDuplicates)
    }

    fn visit_i64<E>(self, _: i64) -> Result<NoDuplicates, E> {
        Ok(NoDuplicates)
    }

    fn visit_u64<E>(self, _: u64) -> Result<NoDuplicates, E> {
        Ok(NoDuplicates)
    }

    fn visit_f64<E>(self, _: f64) -> Result<NoDuplicates, E> {
        Ok(NoDuplicates)
    }

    fn visit_str<E>(self, _: &str) -> Result<NoDuplicates, E> {
        Ok(NoDuplicates)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<NoDuplicates, A::Error> {
        while seq.next_element::<NoDuplicates>()?.is_some() {}
        Ok(NoDuplicates)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<NoDuplicates, A::Error> {
        let mut names = HashSet::new();
        while let Some((MemberName(name), NoDuplicates)) = map.next_entry()? {
            if !names.insert(name) {
                return Err(A::Error::custom("duplicate member"));
            }
        }
        Ok(NoDuplicates)
    }
}

/// The name of a member. It is copied only if it has escapes.
#[derive(serde::Deserialize)]
struct MemberName<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn json_parses_like_serde_json_but_rejects_duplicate_keys() {
        for text in [
            "null",
            r#"{"a":[1,-2,3.5,"é\n",true,null,{}],"b":{"a":18446744073709551615}}"#,
            "[]",
            r#""x""#,
        ] {
            let read = serde_json::from_str::<Value>(text).expect("JSON");
            assert_eq!(parse_as(text.as_bytes()), Some(read.clone()), "{text}");
            assert_eq!(
                parse_as([BYTE_ORDER_MARK, text.as_bytes()].concat().as_slice()),
                Some(read)
            );
        }
        for text in ["", "{", r#"{"a":1,"a":1}"#, r#"{"b":[{"a":1,"\u0061":2}]}"#, "1 2"] {
            assert_eq!(parse_as::<Value>(text.as_bytes()), None, "{text}");
            assert!(parse(&text.into()).is_none(), "{text}");
        }
        assert!(parse(&"[".repeat(100_000).into()).is_none());
        assert!(parse(&b"\"\xff\""[..].into()).is_none());
    }

    #[test]
    fn members_are_parsed_when_they_are_taken() {
        let text = r#" {"a": "x", "b": {"c": [1, {"d": 2}]}, "e": null, "f": 7} "#;
        let Some(Json::Object(mut members)) = parse(&text.into()) else { panic!("an object") };
        assert_eq!(members.take("a"), Ok(Some("x".to_owned())));
        assert_eq!(members.take::<String>("a"), Ok(None));
        assert_eq!(members.take::<String>("e"), Ok(None));
        assert_eq!(members.take::<String>("f"), Err(WrongType));
        let mut inner = members.take_object("b").expect("an object");
        assert_eq!(inner.take::<Value>("c"), Ok(Some(serde_json::json!([1, { "d": 2 }]))));
        assert!(matches!(parse(&" [7]".into()), Some(Json::Array)));
        assert!(matches!(parse(&"7".into()), Some(Json::Other)));
    }
}
