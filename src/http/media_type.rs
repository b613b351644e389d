//! Selects the media type of a response (RFC 9110, section 12.5.1; GraphQL over HTTP, section 4).

use axum::http::{HeaderMap, HeaderValue, header};

/// The media types of responses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MediaType {
    /// `application/graphql-response+json`: the status reports whether the request failed.
    GraphqlResponse,
    /// `application/json`: every well-formed request gets 200, unless the status is strict.
    Json,
    /// `text/event-stream`: Server-Sent Events, one for each response.
    EventStream,
    /// `multipart/mixed`: one part for each response, in the format of Apollo Client.
    Multipart,
}

/// The media types that a client accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Accept {
    /// For a single response. Without a preference, or with `*/*`, it is plain JSON, for clients that
    /// know no other type.
    pub(super) response: Option<MediaType>,
    /// For the responses of a subscription.
    pub(super) stream: Option<MediaType>,
}

impl Accept {
    pub(super) fn from_headers(headers: &HeaderMap) -> Self {
        let ranges = ranges(headers);
        Self {
            response: preferred(&ranges, MediaType::Json, MediaType::GraphqlResponse),
            stream: preferred(&ranges, MediaType::EventStream, MediaType::Multipart),
        }
    }
}

/// Whether a client prefers a page to JSON, as a browser does that opens an address.
pub(super) fn prefers_html(headers: &HeaderMap) -> bool {
    let ranges = ranges(headers);
    let is_html =
        |range: &&MediaRange| (range.main.as_str(), range.sub.as_str()) == ("text", "html");
    let html = ranges.iter().filter(is_html).map(|range| range.quality).max().unwrap_or(0);
    html > 0 && html >= MediaType::Json.quality(&ranges)
}

fn ranges(headers: &HeaderMap) -> Vec<MediaRange> {
    let values = headers.get_all(header::ACCEPT).iter();
    let elements = values.flat_map(|value| value.to_str().unwrap_or_default().split(','));
    elements.filter_map(MediaRange::parse).collect()
}

/// The type with the higher q-value; `None` if the client accepts neither. On equal q-values the usual
/// type wins, unless only the other is listed explicitly. `application/graphql-response+json` wins whenever
/// it is listed explicitly, because a client that lists it supports it.
fn preferred(ranges: &[MediaRange], usual: MediaType, other: MediaType) -> Option<MediaType> {
    if ranges.is_empty() {
        return Some(usual);
    }
    let is_listed =
        |media_type| ranges.iter().any(|range| range.specificity(media_type) == Some(2));
    match (usual.quality(ranges), other.quality(ranges)) {
        (0, 0) => None,
        (quality, others) if others > quality => Some(other),
        (quality, others) if others == quality && is_listed(other) => {
            let other_wins = usual == MediaType::Json || !is_listed(usual);
            Some(if other_wins { other } else { usual })
        }
        _ => Some(usual),
    }
}

impl MediaType {
    pub(super) fn header(self) -> HeaderValue {
        HeaderValue::from_static(self.text())
    }

    /// The value of `Content-Type`, with parameters.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
            Self::Json => "application/json; charset=utf-8",
            Self::EventStream => "text/event-stream; charset=utf-8",
            Self::Multipart => "multipart/mixed; boundary=\"graphql\"; subscriptionSpec=1.0",
        }
    }

    fn name(self) -> (&'static str, &'static str) {
        match self {
            Self::GraphqlResponse => ("application", "graphql-response+json"),
            Self::Json => ("application", "json"),
            Self::EventStream => ("text", "event-stream"),
            Self::Multipart => ("multipart", "mixed"),
        }
    }

    /// The q-value, in thousandths, that the most specific range gives this type; 0 if none matches.
    fn quality(self, ranges: &[MediaRange]) -> u16 {
        let fitting =
            ranges.iter().filter_map(|range| Some((range.specificity(self)?, range.quality)));
        fitting.max().map_or(0, |(_, quality)| quality)
    }
}

/// One element of an `Accept` header.
#[derive(Debug)]
struct MediaRange {
    main: String,
    sub: String,
    quality: u16,
}

impl MediaRange {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let (main, sub) = parts.next()?.split_once('/')?;
        let mut quality = 1_000;
        for parameter in parts {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match name.trim().to_ascii_lowercase().as_str() {
                "q" => quality = parse_qvalue(value.trim())?,
                // Responses are always in UTF-8.
                "charset" if !is_utf8(value.trim()) => quality = 0,
                _ => {}
            }
        }
        Some(Self { main: main.to_ascii_lowercase(), sub: sub.to_ascii_lowercase(), quality })
    }

    /// How specifically this range matches: 2 by full name, 1 by `type/*`, 0 by `*/*`; else `None`.
    fn specificity(&self, media_type: MediaType) -> Option<u8> {
        let (main, sub) = media_type.name();
        match (self.main.as_str(), self.sub.as_str()) {
            (range_main, range_sub) if range_main == main && range_sub == sub => Some(2),
            (range_main, "*") if range_main == main => Some(1),
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

/// Parses a q-value into thousandths: `0.75` is 750.
fn parse_qvalue(text: &str) -> Option<u16> {
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

    fn accepted(accept: &'static str) -> Accept {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
        Accept::from_headers(&headers)
    }

    #[test]
    fn the_default_media_types_are_json_and_event_stream() {
        let (response, stream) = (Some(MediaType::Json), Some(MediaType::EventStream));
        assert_eq!(Accept::from_headers(&HeaderMap::new()), Accept { response, stream });
        for anything in ["*/*", "text/html, */*;q=0.8", "", "nonsense"] {
            assert_eq!(accepted(anything), Accept { response, stream }, "{anything}");
        }
        assert_eq!(accepted("application/*"), Accept { response, stream: None });
    }

    #[test]
    fn the_higher_q_value_wins_and_ties_prefer_the_listed_type() {
        for response in [
            "application/graphql-response+json",
            "application/graphql-response+json,application/json;q=0.9",
            "application/json;q=0.9, application/graphql-response+json",
            "application/json, application/graphql-response+json",
            "Application/GraphQL-Response+JSON; charset=utf-8, */*",
            "application/json;q=0, */*",
            "application/graphql-response+json, application/json, text/event-stream, multipart/mixed",
        ] {
            assert_eq!(accepted(response).response, Some(MediaType::GraphqlResponse), "{response}");
        }
        for json in [
            "application/json",
            "application/json; charset=\"UTF-8\"",
            "application/graphql-response+json;q=0.5, application/json",
            "application/graphql-response+json;q=0, application/*",
            "application/graphql-response+json;q=0.1, */*;q=0.2",
        ] {
            assert_eq!(accepted(json).response, Some(MediaType::Json), "{json}");
        }
    }

    #[test]
    fn subscriptions_use_event_stream_unless_multipart_is_preferred() {
        for events in [
            "text/event-stream",
            "text/event-stream, multipart/mixed",
            "multipart/mixed, text/event-stream",
            "application/json, text/*",
        ] {
            assert_eq!(accepted(events).stream, Some(MediaType::EventStream), "{events}");
        }
        for parts in [
            "multipart/mixed;boundary=\"graphql\";subscriptionSpec=1.0,application/json;q=0.9",
            "multipart/mixed, */*",
            "multipart/mixed, text/event-stream;q=0.5",
        ] {
            assert_eq!(accepted(parts).stream, Some(MediaType::Multipart), "{parts}");
        }
        assert_eq!(accepted("application/json").stream, None);
    }

    #[test]
    fn browsers_prefer_html() {
        let prefers = |accept: &'static str| {
            let accept = HeaderValue::from_static(accept);
            prefers_html(&HeaderMap::from_iter([(header::ACCEPT, accept)]))
        };
        for page in [
            "text/html",
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "*/*;q=0.1, TEXT/HTML;q=0.5",
        ] {
            assert!(prefers(page), "{page}");
        }
        for other in [
            "",
            "*/*",
            "text/*",
            "application/json",
            "text/html;q=0.5, application/json",
            "text/html;q=0",
        ] {
            assert!(!prefers(other), "{other}");
        }
    }

    #[test]
    fn unsupported_media_types_are_not_acceptable() {
        for other in [
            "text/html",
            "image/*",
            "application/xml",
            "*/*;q=0",
            "application/json;q=0",
            "application/json; charset=iso-8859-1",
        ] {
            assert_eq!(accepted(other), Accept { response: None, stream: None }, "{other}");
        }
        assert_eq!(accepted("text/event-stream").response, None);
    }
}
