//! Refresh tokens: 256 random bits that mean nothing to anybody but the database.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rand::CryptoRng;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::store::sessions::TokenHash;

/// The text that a client keeps.
#[derive(Clone, Debug)]
pub(crate) struct RefreshToken(SecretString);

impl RefreshToken {
    pub(super) fn generate(random: &mut impl CryptoRng) -> Self {
        let mut bytes = [0; 32];
        random.fill_bytes(&mut bytes);
        Self(BASE64_URL_SAFE_NO_PAD.encode(bytes).into())
    }

    /// Takes what a client shows for a token; whether it is one, the database knows.
    pub(crate) fn shown(text: &str) -> Self {
        Self(text.into())
    }

    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// What the database keeps. The token has 256 random bits, so a plain hash protects it.
    pub(super) fn hash(&self) -> TokenHash {
        Sha256::digest(self.expose().as_bytes()).into()
    }
}
