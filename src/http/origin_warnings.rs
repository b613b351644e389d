//! Warnings about requests of pages that a browser blocks or whose cookie it drops. The page only sees a failed
//! request, so the operator is told what to set.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use axum::http::{HeaderMap, HeaderValue, header};

use super::csrf::parse_origin;
use crate::config::Origin;

/// How many warnings are logged. Later ones are dropped, so that clients with invented origins cannot fill the log.
const MAX_WARNINGS: usize = 1_000;

/// The part of an origin that is logged, in bytes.
const MAX_ORIGIN_BYTES: usize = 200;

/// Remembers the warnings that were logged.
#[derive(Debug, Default)]
pub(super) struct OriginWarnings(Mutex<HashSet<(Problem, Box<str>)>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Problem {
    NotListed,
    CrossSiteCookie,
}

impl OriginWarnings {
    /// Logs a warning for a request that a browser blocks; one for each origin.
    pub(super) fn check(&self, headers: &HeaderMap, listed: &[Origin]) {
        let Some(header) = headers.get(header::ORIGIN) else { return };
        let origin = shown(header);
        let fetch_site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
        if is_not_listed(headers, header, listed)
            && fetch_site != Some(b"same-origin")
            && self.is_new(Problem::NotListed, &origin)
        {
            let mut origins: Vec<&str> = listed.iter().map(Origin::as_str).collect();
            origins.push(&origin);
            tracing::warn!(
                origin = &*origin,
                set = format!("CORS_ORIGINS={}", origins.join(",")),
                "browsers block the requests of pages of this origin, because it is not listed"
            );
        }
        if headers.get("cookie-mode").is_some_and(|mode| mode == "refresh")
            && fetch_site == Some(b"cross-site")
            && self.is_new(Problem::CrossSiteCookie, &origin)
        {
            tracing::warn!(
                origin = &*origin,
                "browsers drop the refresh cookie of this origin, because it is another site than the API: serve \
                 both from the same site, such as app.example.org and api.example.org, or do not send Cookie-Mode"
            );
        }
    }

    /// Whether this warning was not logged yet.
    fn is_new(&self, problem: Problem, origin: &str) -> bool {
        let mut logged = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        logged.len() < MAX_WARNINGS && logged.insert((problem, origin.into()))
    }
}

/// Whether the origin is neither that of this server nor listed. A text that is not an origin, such as `null`,
/// cannot be listed.
fn is_not_listed(headers: &HeaderMap, header: &HeaderValue, listed: &[Origin]) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    parse_origin(header).is_some_and(|origin| !origin.has_host(host) && !listed.contains(&origin))
}

/// An origin for the log, in its usual spelling.
pub(super) fn shown(header: &HeaderValue) -> String {
    let mut text = match parse_origin(header) {
        Some(origin) => origin.to_string(),
        None => String::from_utf8_lossy(header.as_bytes()).into_owned(),
    };
    text.truncate(text.floor_char_boundary(MAX_ORIGIN_BYTES));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_warnings_is_bounded() {
        let warnings = OriginWarnings::default();
        assert!(warnings.is_new(Problem::NotListed, "https://a.example"));
        assert!(!warnings.is_new(Problem::NotListed, "https://a.example"));
        assert!(warnings.is_new(Problem::CrossSiteCookie, "https://a.example"));
        for number in 0..2 * MAX_WARNINGS {
            warnings.is_new(Problem::NotListed, &format!("https://{number}.example"));
        }
        assert!(!warnings.is_new(Problem::NotListed, "https://b.example"));
        let kept = warnings.0.lock().expect("no panic").len();
        assert_eq!(kept, MAX_WARNINGS);
        let long = HeaderValue::from_str(&"x".repeat(5_000)).expect("a header");
        assert_eq!(shown(&long).len(), MAX_ORIGIN_BYTES);
    }
}
