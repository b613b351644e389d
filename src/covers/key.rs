//! The names of covers and of their sizes.

use std::fmt;
use std::str::FromStr;

use rand::CryptoRng;

/// Identifies the files of one cover: 128 random bits, since whoever has the key can read the files. A changed
/// cover has a new key, so the content of a key never changes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CoverKey([u8; 16]);

impl CoverKey {
    /// A new key.
    pub(crate) fn generate(random: &mut impl CryptoRng) -> Self {
        let mut bytes = [0; 16];
        random.fill_bytes(&mut bytes);
        Self(bytes)
    }
}

/// 32 lower-case hexadecimal digits.
impl fmt::Display for CoverKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// Without the key, since it grants access.
impl fmt::Debug for CoverKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CoverKey(…)")
    }
}

/// A text is not a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected 32 lower-case hexadecimal digits")]
pub(crate) struct ParseCoverKeyError;

/// The opposite of `Display`; a key has only one spelling.
impl FromStr for CoverKey {
    type Err = ParseCoverKeyError;

    fn from_str(text: &str) -> Result<Self, ParseCoverKeyError> {
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(ParseCoverKeyError);
        }
        let mut bytes = [0; 16];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| ParseCoverKeyError)?;
        Ok(Self(bytes))
    }
}

/// The sizes in which a cover is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CoverSize {
    Small,
    Medium,
    Original,
}

impl CoverSize {
    pub(crate) const ALL: [Self; 3] = [Self::Small, Self::Medium, Self::Original];

    /// The longest side, in pixels. Smaller images are not enlarged.
    pub(crate) const fn longest_side(self) -> u32 {
        match self {
            Self::Small => 160,
            Self::Medium => 480,
            Self::Original => 1_600,
        }
    }

    /// The name of the size in the names of files.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Medium => "medium",
            Self::Original => "original",
        }
    }

    /// The size with this name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|size| size.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_spelling_and_128_random_bits() {
        let key = CoverKey::generate(&mut rand::rng());
        let text = key.to_string();
        assert_eq!(text.len(), 32);
        assert_eq!(text.parse(), Ok(key));
        assert_ne!(CoverKey::generate(&mut rand::rng()), key);
        assert!(!format!("{key:?}").contains(&text));
        let upper = "ABCDEF0123456789ABCDEF0123456789";
        assert!(upper.to_lowercase().parse::<CoverKey>().is_ok());
        for wrong in ["", "../../../../../../../etc/passwd", upper, &text[1..], &format!("{text}0")]
        {
            assert_eq!(wrong.parse::<CoverKey>(), Err(ParseCoverKeyError), "{wrong}");
        }
    }

    #[test]
    fn sizes_are_parsed_from_their_names() {
        for size in CoverSize::ALL {
            assert_eq!(CoverSize::parse(size.as_str()), Some(size));
        }
        assert_eq!(CoverSize::parse("Small"), None);
    }
}
