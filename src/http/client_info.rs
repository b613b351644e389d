//! Extracts information about the client from a request.

use std::sync::Arc;

use axum::http::header;
use axum::http::request::Parts;

use super::forwarded::{self, RequestedHost};
use crate::config::{Config, PublicUrl};
use crate::graphql::context::{BaseUrl, ClientInfo};

/// Information about the client that sent a request, on any transport.
pub(super) fn from_request(parts: &Parts, config: &Arc<Config>) -> ClientInfo {
    let address = forwarded::client_ip(parts, &config.trusted_proxies);
    let mut client = ClientInfo::new(address, base_url(parts, config));
    let user_agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    client.user_agent = user_agent.map(str::to_owned);
    client.wants_cost_report =
        parts.headers.get("graphql-cost").is_some_and(|mode| mode == "report");
    client
}

/// The URL that links in the response begin with: `PUBLIC_URL`, else that of the request. It is checked when a link is
/// made, since most responses have none.
fn base_url(parts: &Parts, config: &Arc<Config>) -> BaseUrl {
    let config = Arc::clone(config);
    if let Some(url) = &config.public_url {
        let url = url.clone();
        return BaseUrl::new(Box::new(|| url));
    }
    let requested = RequestedHost::new(parts, &config.trusted_proxies);
    let url =
        move || requested.url().unwrap_or_else(|| PublicUrl::from_listen_address(&config.listen));
    BaseUrl::new(Box::new(url))
}
