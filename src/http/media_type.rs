//! In which media type an answer goes out (RFC 9110, section 12.5.1; GraphQL over HTTP, section 4).

use axum::http::{HeaderMap, HeaderValue, header};

/// The media types of answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MediaType {
    /// `application/graphql-response+json`: the status tells how the request went.
    GraphqlResponse,
    /// `application/json`: every well-formed request is answered with 200.
    Json,
}

impl MediaType {
    /// The type that a client likes best. Without a wish, or with one for anything, it is plain JSON,
    /// as clients expect that know no other; none where the client takes neither.
    pub(super) fn accepted(headers: &HeaderMap) -> Option<Self> {
        let ranges: Vec<Range> = headers
            .get_all(header::ACCEPT)
            .iter()
            .flat_map(|value| value.to_str().unwrap_or_default().split(','))
            .filter_map(Range::parse)
            .collect();
        if ranges.is_empty() {
            return Some(Self::Json);
        }
        let [json, response] = [Self::Json, Self::GraphqlResponse].map(|it| it.quality(&ranges));
        let asked_for = |it: Self| ranges.iter().any(|range| range.specificity(it) == Some(2));
        match (json, response) {
            (0, 0) => None,
            // Of two that are liked alike, the one that was named.
            _ if response > json => Some(Self::GraphqlResponse),
            _ if response == json && asked_for(Self::GraphqlResponse) => {
                Some(Self::GraphqlResponse)
            }
            _ => Some(Self::Json),
        }
    }

    pub(super) fn header(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
            Self::Json => "application/json; charset=utf-8",
        })
    }

    fn subtype(self) -> &'static str {
        match self {
            Self::GraphqlResponse => "graphql-response+json",
            Self::Json => "json",
        }
    }

    /// The quality, in thousandths, that the most specific range gives this type; 0 for none.
    fn quality(self, ranges: &[Range]) -> u16 {
        let fitting =
            ranges.iter().filter_map(|range| Some((range.specificity(self)?, range.quality)));
        fitting.max().map_or(0, |(_, quality)| quality)
    }
}

/// One element of an `Accept` header.
#[derive(Debug)]
struct Range {
    main: String,
    sub: String,
    quality: u16,
}

impl Range {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let (main, sub) = parts.next()?.split_once('/')?;
        let mut quality = 1_000;
        for parameter in parts {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match name.trim().to_ascii_lowercase().as_str() {
                "q" => quality = thousandths(value.trim())?,
                // Answers are in UTF-8, and in nothing else.
                "charset" if !is_utf8(value.trim()) => quality = 0,
                _ => {}
            }
        }
        Some(Self { main: main.to_ascii_lowercase(), sub: sub.to_ascii_lowercase(), quality })
    }

    /// How closely this range means the type: 2 by name, 1 by `application/*`, 0 by `*/*`.
    fn specificity(&self, it: MediaType) -> Option<u8> {
        match (self.main.as_str(), self.sub.as_str()) {
            ("application", sub) if sub == it.subtype() => Some(2),
            ("application", "*") => Some(1),
            ("*", "*") => Some(0),
            _ => None,
        }
    }
}

/// Whether a charset, quoted or not, is UTF-8.
pub(super) fn is_utf8(charset: &str) -> bool {
    let name = charset.trim_matches('"');
    name.eq_ignore_ascii_case("utf-8") || name.eq_ignore_ascii_case("utf8")
}

/// `0.75` as 750.
fn thousandths(text: &str) -> Option<u16> {
    let quality: f32 = text.parse().ok()?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and 1,000"
    )]
    (0.0..=1.0).contains(&quality).then_some((quality * 1_000.0) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(accept: &'static str) -> Option<MediaType> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
        MediaType::accepted(&headers)
    }

    #[test]
    fn without_a_wish_it_is_plain_json() {
        assert_eq!(MediaType::accepted(&HeaderMap::new()), Some(MediaType::Json));
        for anything in ["*/*", "application/*", "text/html, */*;q=0.8", "", "nonsense"] {
            assert_eq!(accepted(anything), Some(MediaType::Json), "{anything}");
        }
    }

    #[test]
    fn the_better_liked_type_wins_and_of_equals_the_named_one() {
        for response in [
            "application/graphql-response+json",
            "application/graphql-response+json,application/json;q=0.9",
            "application/json;q=0.9, application/graphql-response+json",
            "application/json, application/graphql-response+json",
            "Application/GraphQL-Response+JSON; charset=utf-8, */*",
            "application/json;q=0, */*",
            "application/graphql-response+json, application/json, text/event-stream, multipart/mixed",
        ] {
            assert_eq!(accepted(response), Some(MediaType::GraphqlResponse), "{response}");
        }
        for json in [
            "application/json",
            "application/json; charset=\"UTF-8\"",
            "application/graphql-response+json;q=0.5, application/json",
            "application/graphql-response+json;q=0, application/*",
            "application/graphql-response+json;q=0.1, */*;q=0.2",
        ] {
            assert_eq!(accepted(json), Some(MediaType::Json), "{json}");
        }
    }

    #[test]
    fn who_takes_neither_gets_neither() {
        for other in [
            "text/html",
            "image/*",
            "application/xml",
            "*/*;q=0",
            "application/json;q=0",
            "application/json; charset=iso-8859-1",
        ] {
            assert_eq!(accepted(other), None, "{other}");
        }
    }
}
