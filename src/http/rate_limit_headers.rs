//! The headers `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10).

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use crate::graphql::rate_limit::{QuotaStatus, WINDOW};

pub(super) const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
pub(super) const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Sets both headers, which report the client's quotas and what is left of them. Sets none if there are no
/// quotas.
pub(super) fn set_rate_limit_headers(headers: &mut HeaderMap, quotas: &[QuotaStatus]) {
    if quotas.is_empty() {
        return;
    }
    for (name, item) in [(RATE_LIMIT_POLICY, policy as fn(&_) -> _), (RATE_LIMIT, state)] {
        let items: Vec<String> = quotas.iter().map(item).collect();
        if let Ok(value) = HeaderValue::try_from(items.join(", ")) {
            headers.insert(name, value);
        }
    }
}

/// An item of `RateLimit-Policy`: the name, the quota and its window in seconds.
fn policy(status: &QuotaStatus) -> String {
    format!("\"{}\";q={};w={}", status.policy, status.quota, WINDOW.as_secs())
}

/// An item of `RateLimit`: the name, what is left of the quota, and the seconds until it is full.
fn state(status: &QuotaStatus) -> String {
    format!("\"{}\";r={};t={}", status.policy, status.remaining, status.reset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_limit_headers_are_structured_fields() {
        let status = |policy| QuotaStatus { policy, quota: 20, remaining: 7, reset: 39 };
        let mut headers = HeaderMap::new();
        set_rate_limit_headers(&mut headers, &[]);
        assert!(headers.is_empty());
        set_rate_limit_headers(&mut headers, &[status("sign-in"), status("cost")]);
        assert_eq!(headers[RATE_LIMIT_POLICY], r#""sign-in";q=20;w=60, "cost";q=20;w=60"#);
        assert_eq!(headers[RATE_LIMIT], r#""sign-in";r=7;t=39, "cost";r=7;t=39"#);
    }
}
