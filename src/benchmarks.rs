//! Single parts of a request, for `benches/request_stages.rs`.

use std::time::Duration;

use uuid::Uuid;

use crate::auth::access_token::AccessTokens;
use crate::clock::{Clock, Timestamp};
use crate::id::IdGenerator;
use crate::store::books::first_page_sql;

/// An access token, with the secrets and the cache to verify it.
#[derive(Debug)]
pub struct Token {
    tokens: AccessTokens,
    token: String,
    now: Timestamp,
}

impl Token {
    /// Issues a token.
    ///
    /// # Errors
    /// Never: the secret is long enough.
    pub fn issue() -> anyhow::Result<Self> {
        let (clock, ttl) = (Clock::system(), Duration::from_secs(900));
        let tokens = AccessTokens::new(&["0123456789abcdef0123456789abcdef".into()], ttl)?;
        let (ids, now) = (IdGenerator::new(clock.clone()), clock.now());
        let (token, _) = tokens.issue(ids.next(), ids.next(), Uuid::nil(), now, now + ttl);
        Ok(Self { tokens, token, now })
    }

    /// Whether the token is valid, checked as for a request.
    pub fn verify(&self) -> bool {
        self.tokens.verify(&self.token, self.now).is_ok()
    }

    /// Whether the signature is valid, checked as for a token that is not cached.
    pub fn verify_signature(&self) -> bool {
        self.tokens.verify_signature(&self.token).is_some()
    }
}

/// Builds the SQL for the first page of a library, as for a request.
pub fn write_page_statement() -> String {
    let ids = IdGenerator::new(Clock::system());
    first_page_sql(ids.next())
}
