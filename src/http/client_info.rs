//! Extracts information about the client from a request.

use axum::http::header;
use axum::http::request::Parts;

use super::forwarded;
use crate::config::Config;
use crate::graphql::context::ClientInfo;

/// Information about the client that sent a request, on any transport.
pub(super) fn from_request(parts: &Parts, config: &Config) -> ClientInfo {
    let mut client = ClientInfo::new(forwarded::client_ip(parts, &config.trusted_proxies));
    let user_agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    client.user_agent = user_agent.map(str::to_owned);
    client.wants_cost_report =
        parts.headers.get("graphql-cost").is_some_and(|mode| mode == "report");
    client
}
