//! Refresh tokens: 256 random bits without content. The database maps their hash to a session.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rand::CryptoRng;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::store::sessions::TokenHash;

/// The token as the client stores it.
#[derive(Clone, Debug)]
pub(crate) struct RefreshToken(SecretString);

impl RefreshToken {
    pub(super) fn generate(random: &mut impl CryptoRng) -> Self {
        let mut bytes = [0; 32];
        random.fill_bytes(&mut bytes);
        Self(BASE64_URL_SAFE_NO_PAD.encode(bytes).into())
    }

    /// Wraps the text that a client presents. Only the database can check whether it is a valid token.
    pub(crate) fn from_presented(text: &str) -> Self {
        Self(text.into())
    }

    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// The hash that the database stores. A token has 256 random bits, so one round of SHA-256 suffices.
    pub(super) fn hash(&self) -> TokenHash {
        Sha256::digest(self.expose().as_bytes()).into()
    }
}
