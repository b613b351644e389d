//! The cookie that holds a browser's refresh token. Scripts cannot read it.

use axum::http::{HeaderMap, HeaderValue, header};
use cookie::time::OffsetDateTime;
use cookie::{Cookie, Expiration, SameSite};

use crate::auth::refresh_token::RefreshToken;
use crate::graphql::context::CookieUpdate;

/// The cookies that can hold a refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RefreshCookie {
    /// Browsers accept a cookie with the prefix `__Host-` only from exactly this host and only over https
    /// (RFC 6265bis, section 4.1.3.2).
    Secure,
    /// For pages that were loaded over plain http, in development and in local networks. Browsers reject
    /// secure cookies there.
    Plain,
}

impl RefreshCookie {
    /// The cookie for a request. Its `Origin` decides, because a page cannot forge it. A request without
    /// `Origin` comes from a program, such as a page server that forwards the cookies of a browser: then the
    /// cookie that it presents decides.
    fn of_request(headers: &HeaderMap) -> Self {
        let is_plain = match headers.get(header::ORIGIN) {
            Some(origin) => {
                origin.as_bytes().get(..5).is_some_and(|it| it.eq_ignore_ascii_case(b"http:"))
            }
            None => Self::Plain.read(headers).is_some() && Self::Secure.read(headers).is_none(),
        };
        if is_plain { Self::Plain } else { Self::Secure }
    }

    const fn other(self) -> Self {
        match self {
            Self::Secure => Self::Plain,
            Self::Plain => Self::Secure,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Secure => "__Host-refresh",
            Self::Plain => "refresh",
        }
    }

    /// The value of this cookie in a request; `None` if it is absent or empty.
    fn read(self, headers: &HeaderMap) -> Option<RefreshToken> {
        let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        values
            .flat_map(Cookie::split_parse)
            .filter_map(Result::ok)
            .find(|cookie| cookie.name() == self.name() && !cookie.value().is_empty())
            .map(|cookie| RefreshToken::from_presented(cookie.value()))
    }

    /// The `Set-Cookie` header that changes this cookie.
    fn set(self, change: &CookieUpdate) -> Option<HeaderValue> {
        let cookie = Cookie::build(self.name())
            .path("/")
            .http_only(true)
            .secure(self == Self::Secure)
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
}

/// The refresh token in the request's cookie. Either cookie is read; that of the request's origin first.
pub(super) fn read(headers: &HeaderMap) -> Option<RefreshToken> {
    let own = RefreshCookie::of_request(headers);
    own.read(headers).or_else(|| own.other().read(headers))
}

/// The `Set-Cookie` headers of a response. The other cookie is cleared if the browser has it: its token is
/// used or its session has ended.
pub(super) fn set(request: &HeaderMap, change: &CookieUpdate) -> Vec<HeaderValue> {
    let own = RefreshCookie::of_request(request);
    let other = own.other();
    let cleared = other.read(request).and_then(|_| other.set(&CookieUpdate::Clear));
    own.set(change).into_iter().chain(cleared).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    fn request(headers: &[(header::HeaderName, &'static str)]) -> HeaderMap {
        let headers = headers.iter().cloned();
        headers.map(|(name, value)| (name, HeaderValue::from_static(value))).collect()
    }

    fn set_cookies(request: &HeaderMap, change: &CookieUpdate) -> Vec<String> {
        let headers = set(request, change);
        headers.iter().map(|header| header.to_str().expect("ascii").to_owned()).collect()
    }

    fn new_token() -> CookieUpdate {
        CookieUpdate::Set {
            token: RefreshToken::from_presented("abc"),
            expires_at: Timestamp::from_millis(1_774_602_900_000),
        }
    }

    #[test]
    fn the_origin_decides_which_cookie_is_set() {
        let secure = "__Host-refresh=abc; HttpOnly; SameSite=Lax; Secure; Path=/; \
                      Expires=Fri, 27 Mar 2026 09:15:00 GMT";
        let plain = "refresh=abc; HttpOnly; SameSite=Lax; Path=/; \
                     Expires=Fri, 27 Mar 2026 09:15:00 GMT";
        for (origin, expected) in [
            ("https://books.example.org", secure),
            ("https://localhost:3000", secure),
            ("capacitor://localhost", secure),
            ("httpx://localhost", secure),
            ("null", secure),
            ("", secure),
            ("http://localhost:3000", plain),
            ("http://192.168.1.20:8000", plain),
            ("http://[::1]:8000", plain),
            ("HTTP://books.example.org", plain),
        ] {
            let set = set_cookies(&request(&[(header::ORIGIN, origin)]), &new_token());
            assert_eq!(set, [expected], "{origin}");
        }
        assert_eq!(set_cookies(&HeaderMap::new(), &new_token()), [secure]);
    }

    #[test]
    fn either_cookie_is_read_and_that_of_the_origin_first() {
        let read = |origin: Option<&'static str>, cookie| {
            let mut headers = request(&[(header::COOKIE, cookie)]);
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
            }
            read(&headers).map(|token| token.expose().to_owned())
        };
        let (http, https) = (Some("http://localhost:3000"), Some("https://b.org"));
        for origin in [None, http, https] {
            assert_eq!(read(origin, "a=1; __Host-refresh=x; b=2").as_deref(), Some("x"));
            assert_eq!(read(origin, "a=1; refresh=y").as_deref(), Some("y"));
            assert_eq!(read(origin, "__Host-refresh=; refresh="), None);
            assert_eq!(read(origin, "xrefresh=1"), None);
        }
        assert_eq!(read(http, "__Host-refresh=x; refresh=y").as_deref(), Some("y"));
        assert_eq!(read(https, "refresh=y; __Host-refresh=x").as_deref(), Some("x"));
        assert_eq!(read(None, "refresh=y; __Host-refresh=x").as_deref(), Some("x"));
    }

    #[test]
    fn a_presented_cookie_never_keeps_a_used_token() {
        let names = |headers: &[(header::HeaderName, &'static str)], change: &CookieUpdate| {
            let set = set_cookies(&request(headers), change);
            set.iter()
                .map(|it| it.split(';').next().unwrap_or_default().to_owned())
                .collect::<Vec<_>>()
        };
        let plain = (header::COOKIE, "refresh=y");
        assert_eq!(names(std::slice::from_ref(&plain), &new_token()), ["refresh=abc"]);
        let origin = (header::ORIGIN, "https://b.org");
        assert_eq!(
            names(&[origin.clone(), plain.clone()], &new_token()),
            ["__Host-refresh=abc", "refresh="]
        );
        assert_eq!(names(&[origin, plain], &CookieUpdate::Clear), ["__Host-refresh=", "refresh="]);
    }
}
