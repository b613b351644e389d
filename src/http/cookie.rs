//! The cookie that holds a browser's refresh token. Scripts cannot read it.

use axum::http::{HeaderMap, HeaderValue, header};
use cookie::time::OffsetDateTime;
use cookie::{Cookie, Expiration, SameSite};

use crate::auth::refresh_token::RefreshToken;
use crate::graphql::context::CookieUpdate;

/// The cookie name on https. Browsers accept a cookie with this prefix only from exactly this host and
/// only over https (RFC 6265bis, section 4.1.3.2).
const SECURE_NAME: &str = "__Host-refresh";

/// The cookie name on plain `http://localhost`, where some browsers reject secure cookies.
const LOCAL_NAME: &str = "refresh";

/// The refresh token in the request's cookie.
pub(super) fn read(headers: &HeaderMap) -> Option<RefreshToken> {
    let name = name(headers);
    let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(Cookie::split_parse)
        .filter_map(Result::ok)
        .find(|cookie| cookie.name() == name && !cookie.value().is_empty())
        .map(|cookie| RefreshToken::from_presented(cookie.value()))
}

/// The `Set-Cookie` header of a response.
pub(super) fn set(request: &HeaderMap, change: &CookieUpdate) -> Option<HeaderValue> {
    let local = is_local(request);
    let cookie = Cookie::build(name(request))
        .path("/")
        .http_only(true)
        .secure(!local)
        .same_site(SameSite::Lax);
    let cookie = match change {
        CookieUpdate::Set { token, expires_at } => {
            let mut cookie = cookie.build();
            cookie.set_value(token.expose());
            let expires_at = expires_at.as_millis().div_euclid(1000);
            if let Ok(instant) = OffsetDateTime::from_unix_timestamp(expires_at) {
                cookie.set_expires(Expiration::DateTime(instant));
            }
            cookie
        }
        CookieUpdate::Clear => cookie.removal().build(),
    };
    HeaderValue::from_str(&cookie.to_string()).ok()
}

fn name(request: &HeaderMap) -> &'static str {
    if is_local(request) { LOCAL_NAME } else { SECURE_NAME }
}

/// Whether a browser on this machine sent the request to `localhost` over plain http. A proxy may use
/// `localhost` as well; then the browser's `Origin` or the headers that the proxy adds reveal it.
fn is_local(request: &HeaderMap) -> bool {
    let proxied = ["x-forwarded-proto", "x-forwarded-for", "forwarded", "via"];
    if proxied.iter().any(|header| request.contains_key(*header)) {
        return false;
    }
    match request.get(header::ORIGIN).map(|origin| origin.to_str().unwrap_or_default()) {
        Some(origin) => origin.strip_prefix("http://").is_some_and(is_this_machine),
        None => {
            let host = request.get(header::HOST).and_then(|host| host.to_str().ok());
            is_this_machine(host.unwrap_or_default())
        }
    }
}

/// Whether a host, with or without a port, is `localhost` or a loopback address (RFC 6761, section 6.3).
fn is_this_machine(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(address) => address.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let name = name.to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost") || name == "127.0.0.1" || name == "::1"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    fn request(host: &'static str, cookie: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static(host));
        headers.insert(header::COOKIE, HeaderValue::from_static(cookie));
        headers
    }

    fn set_cookie(host: &'static str) -> String {
        let change = CookieUpdate::Set {
            token: RefreshToken::from_presented("abc"),
            expires_at: Timestamp::from_millis(1_774_602_900_000),
        };
        let header = set(&request(host, ""), &change).expect("a header");
        header.to_str().expect("ascii").to_owned()
    }

    #[test]
    fn the_cookie_is_host_only_secure_and_http_only() {
        assert_eq!(
            set_cookie("books.example.org"),
            "__Host-refresh=abc; HttpOnly; SameSite=Lax; Secure; Path=/; \
             Expires=Fri, 27 Mar 2026 09:15:00 GMT"
        );
    }

    #[test]
    fn localhost_cookies_are_not_secure() {
        for host in
            ["localhost", "localhost:8000", "127.0.0.1:8000", "[::1]:8000", "books.localhost"]
        {
            let set = set_cookie(host);
            assert!(set.starts_with("refresh=abc;") && !set.contains("Secure"), "{host}: {set}");
        }
        for host in ["localhost.example.org", "127.0.0.10", "[::2]:80", ""] {
            assert!(set_cookie(host).starts_with("__Host-refresh=abc;"), "{host}");
        }
    }

    #[test]
    fn a_browser_behind_a_local_proxy_is_not_local() {
        let local = |name: &'static str, value: &'static str| {
            let mut headers = request("localhost:8000", "");
            headers.insert(name, HeaderValue::from_static(value));
            is_local(&headers)
        };
        assert!(local("origin", "http://localhost:5173"));
        assert!(!local("origin", "https://books.example.org"));
        assert!(!local("origin", "http://books.example.org"));
        assert!(!local("origin", "null"));
        assert!(!local("x-forwarded-proto", "https"));
        assert!(!local("x-forwarded-for", "192.0.2.1"));
    }

    #[test]
    fn the_refresh_cookie_is_found_among_others() {
        let read =
            |host, cookie| read(&request(host, cookie)).map(|token| token.expose().to_owned());
        assert_eq!(read("b.org", "a=1; __Host-refresh=xyz; b=2").as_deref(), Some("xyz"));
        assert_eq!(read("localhost", "a=1; refresh=xyz").as_deref(), Some("xyz"));
        assert_eq!(read("b.org", "refresh=xyz"), None);
        assert_eq!(read("b.org", "__Host-refresh="), None);
    }
}
