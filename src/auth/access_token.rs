//! Access tokens: JSON Web Tokens (RFC 7519), signed with HS256, with the explicit type `at+jwt`
//! (RFC 8725, section 3.11; RFC 9068, section 2.1).

use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use quick_cache::sync::Cache;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::identity::{AuthFailure, Viewer};
use crate::clock::Timestamp;
use crate::id::{SessionId, UserId};

const ISSUER: &str = "bookshelf";
const AUDIENCE: &str = "bookshelf";
const TYPE: &str = "at+jwt";

/// Maximum clock difference between two instances, in seconds. Beyond it, one rejects the other's new
/// tokens as not yet valid.
const CLOCK_SKEW_SECS: i64 = 5;

/// The claims of RFC 7519, section 4.1, and `sid`, the session (OpenID Connect Front-Channel Logout 1.0).
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    sid: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    jti: String,
}

/// Signs access tokens with the first secret and verifies them with all secrets.
pub(crate) struct AccessTokens {
    header: Header,
    signing: EncodingKey,
    verifying: Vec<(String, DecodingKey)>,
    validation: Validation,
    ttl: Duration,
    /// Cache of tokens whose signature has been verified. Clients send the same token many times, and the
    /// secrets do not change.
    verified: Cache<Box<str>, VerifiedClaims>,
}

/// The claims of a token with a valid signature.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VerifiedClaims {
    viewer: Viewer,
    not_before: i64,
}

/// How many verified tokens are cached: a few megabytes when full.
const TOKEN_CACHE_SIZE: usize = 10_000;

impl AccessTokens {
    pub(crate) fn new(secrets: &[SecretString], ttl: Duration) -> anyhow::Result<Self> {
        let first = secrets.first().ok_or_else(|| anyhow::anyhow!("no secret to sign with"))?;
        let mut header = Header::new(Algorithm::HS256);
        header.typ = Some(TYPE.to_owned());
        header.kid = Some(key_id(first));
        let verifying = |secret: &SecretString| {
            (key_id(secret), DecodingKey::from_secret(secret.expose_secret().as_bytes()))
        };
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp", "nbf"]);
        // `verify` checks both, with the time that is passed in.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        Ok(Self {
            header,
            signing: EncodingKey::from_secret(first.expose_secret().as_bytes()),
            verifying: secrets.iter().map(verifying).collect(),
            validation,
            ttl,
            verified: Cache::new(TOKEN_CACHE_SIZE),
        })
    }

    /// A new token for this session, and its expiry time, which is not after `latest`.
    pub(crate) fn issue(
        &self,
        user: UserId,
        session: SessionId,
        id: Uuid,
        now: Timestamp,
        latest: Timestamp,
    ) -> (String, Timestamp) {
        let issued_at = now.as_secs();
        let expires_at = Timestamp::from_secs(issued_at) + self.ttl;
        let expires_at = expires_at.min(Timestamp::from_secs(latest.as_secs()));
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: user.to_string(),
            sid: session.to_string(),
            iat: issued_at,
            nbf: issued_at,
            exp: expires_at.as_secs(),
            jti: id.to_string(),
        };
        #[expect(
            clippy::expect_used,
            reason = "strings and numbers always serialise, and HMAC takes any key"
        )]
        let token = jsonwebtoken::encode(&self.header, &claims, &self.signing)
            .expect("claims of strings and numbers can be signed");
        (token, expires_at)
    }

    /// The viewer that a token identifies. Does not check whether the session is still alive.
    pub(crate) fn verify(&self, token: &str, now: Timestamp) -> Result<Viewer, AuthFailure> {
        let VerifiedClaims { viewer, not_before } = match self.verified.get(token) {
            Some(claims) => claims,
            None => {
                let claims = self.verify_signature(token).ok_or(AuthFailure::TokenInvalid)?;
                self.verified.insert(token.into(), claims);
                claims
            }
        };
        if viewer.token_expires_at.as_secs() <= now.as_secs() {
            return Err(AuthFailure::TokenExpired);
        }
        if not_before > now.as_secs() + CLOCK_SKEW_SECS {
            return Err(AuthFailure::TokenInvalid);
        }
        Ok(viewer)
    }

    /// The claims of a token, whether expired or not; `None` if its signature, type or a required
    /// claim is invalid.
    pub(crate) fn verify_signature(&self, token: &str) -> Option<VerifiedClaims> {
        let header = jsonwebtoken::decode_header(token).ok()?;
        if header.typ.as_deref() != Some(TYPE) {
            return None;
        }
        let (_, key) = self.verifying.iter().find(|(id, _)| header.kid.as_ref() == Some(id))?;
        let claims = jsonwebtoken::decode::<Claims>(token, key, &self.validation).ok()?.claims;
        let (user, session) = (UserId::parse(&claims.sub)?, SessionId::parse(&claims.sid)?);
        let token_expires_at = Timestamp::from_secs(claims.exp);
        let viewer = Viewer { user, session, token_expires_at };
        Some(VerifiedClaims { viewer, not_before: claims.nbf })
    }
}

impl std::fmt::Debug for AccessTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessTokens").field("ttl", &self.ttl).finish_non_exhaustive()
    }
}

/// The token in an `Authorization` header (RFC 6750, section 2.1). The scheme is case-insensitive. `None` if
/// the header is empty or has no token after the scheme: clients send this while no user is signed in.
///
/// # Errors
/// If the header has another scheme or none, or is not UTF-8.
pub(super) fn bearer(authorization: &[u8]) -> Result<Option<&str>, AuthFailure> {
    let header = std::str::from_utf8(authorization).map_err(|_| AuthFailure::NotBearer)?.trim();
    let (scheme, token) = header.split_once(char::is_whitespace).unwrap_or((header, ""));
    match token.trim_start() {
        _ if header.is_empty() => Ok(None),
        token if scheme.eq_ignore_ascii_case("bearer") => {
            Ok(Some(token).filter(|it| !it.is_empty()))
        }
        _ => Err(AuthFailure::NotBearer),
    }
}

/// Identifies a secret without revealing it: the first 8 bytes of its SHA-256, in hexadecimal.
fn key_id(secret: &SecretString) -> String {
    hex::encode(&Sha256::digest(secret.expose_secret().as_bytes())[..8])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::id::IdGenerator;

    const NOW: Timestamp = Timestamp::from_millis(1_774_602_900_000);

    fn tokens(secrets: &[&str]) -> AccessTokens {
        let secrets: Vec<_> = secrets.iter().map(|secret| SecretString::from(*secret)).collect();
        AccessTokens::new(&secrets, Duration::from_secs(900)).expect("tokens")
    }

    fn viewer() -> Viewer {
        let ids = IdGenerator::new(Clock::manual(NOW));
        let token_expires_at = NOW + Duration::from_secs(900);
        Viewer { user: ids.next(), session: ids.next(), token_expires_at }
    }

    fn issue(tokens: &AccessTokens, viewer: Viewer) -> (String, Timestamp) {
        let latest = NOW + Duration::from_secs(86_400);
        tokens.issue(viewer.user, viewer.session, Uuid::nil(), NOW, latest)
    }

    #[test]
    fn a_token_is_valid_until_it_expires() {
        let (tokens, viewer) = (tokens(&["0123456789abcdef0123456789abcdef"]), viewer());
        let (token, expires_at) = issue(&tokens, viewer);
        assert_eq!(expires_at, NOW + Duration::from_secs(900));
        assert_eq!(tokens.verify(&token, NOW), Ok(viewer));
        assert_eq!(tokens.verify(&token, NOW + Duration::from_secs(899)), Ok(viewer));
        assert_eq!(tokens.verify(&token, expires_at), Err(AuthFailure::TokenExpired));
        assert_eq!(
            tokens.verify(&token, NOW - Duration::from_secs(6)),
            Err(AuthFailure::TokenInvalid)
        );
    }

    #[test]
    fn signing_secrets_can_be_rotated() {
        let (old, new) =
            ("old-old-old-old-old-old-old-old-old", "new-new-new-new-new-new-new-new-new");
        let viewer = viewer();
        let (token, _) = issue(&tokens(&[old]), viewer);
        assert_eq!(tokens(&[new, old]).verify(&token, NOW), Ok(viewer));
        assert_eq!(tokens(&[new]).verify(&token, NOW), Err(AuthFailure::TokenInvalid));
    }

    #[test]
    fn a_modified_token_is_rejected() {
        let tokens = tokens(&["0123456789abcdef0123456789abcdef"]);
        let (token, _) = issue(&tokens, viewer());
        for position in 0..token.len() - 1 {
            let mut changed = token.clone().into_bytes();
            changed[position] = if changed[position] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).expect("ascii");
            assert_eq!(tokens.verify(&changed, NOW), Err(AuthFailure::TokenInvalid), "{position}");
        }
    }

    #[test]
    fn only_the_bearer_scheme_is_accepted() {
        assert_eq!(bearer(b"Bearer abc"), Ok(Some("abc")));
        assert_eq!(bearer(b"bearer  abc "), Ok(Some("abc")));
        for other in [&b"Basic YTpi"[..], b"abc", b"Bearerabc", b"Bearer \xff"] {
            assert_eq!(bearer(other), Err(AuthFailure::NotBearer));
        }
    }

    #[test]
    fn a_header_without_a_token_is_no_token() {
        for empty in [&b""[..], b" ", b"Bearer", b"bearer ", b"Bearer   \t"] {
            assert_eq!(bearer(empty), Ok(None));
        }
    }
}
