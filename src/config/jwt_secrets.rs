//! Which secrets are accepted for access tokens.

/// The minimum length of a secret for HS256, in bytes (RFC 7518, section 3.2).
const MIN_BYTES: usize = 32;

/// How to make a secret.
pub(super) const HOW_TO_MAKE_ONE: &str = "make one with: openssl rand -hex 32";

/// The least number of steps from one character to the next that are no part of a sequence such as `abc`, `321` or
/// `aaa`. zxcvbn would know more patterns, but keeps 10 MiB of words in memory.
const MIN_STEPS: usize = 12;

/// What sample texts of documentation and templates contain, in lower case and without separators.
const SAMPLES: [&str; 21] = [
    "password",
    "qwerty",
    "asdfgh",
    "insecure",
    "jwtsecret",
    "mysecret",
    "changeme",
    "changethis",
    "changeit",
    "replaceme",
    "replacethis",
    "replacewith",
    "yoursecret",
    "your256bit",
    "yourjwt",
    "yoursuper",
    "supersecret",
    "secretkey",
    "placeholder",
    "example",
    "insertsecret",
];

/// Checks one secret. The error describes the expected values and contains no part of the secret.
pub(super) fn check(secret: &str) -> Result<(), String> {
    if secret.len() < MIN_BYTES {
        return Err(format!(
            "expected secrets of at least {MIN_BYTES} bytes each, separated by commas; {HOW_TO_MAKE_ONE}"
        ));
    }
    if is_repeated(secret) || is_sample(secret) || is_sequence(secret) {
        return Err(format!("a repeated or sample text can be guessed; {HOW_TO_MAKE_ONE}"));
    }
    Ok(())
}

/// Whether the text is a shorter text, repeated; the last repetition may be incomplete.
fn is_repeated(secret: &str) -> bool {
    let bytes = secret.as_bytes();
    (1..=bytes.len() / 2).any(|period| bytes[period..] == bytes[..bytes.len() - period])
}

fn is_sample(secret: &str) -> bool {
    let letters: String =
        secret.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    SAMPLES.iter().any(|sample| letters.contains(sample))
}

/// Whether the text consists of a few sequences of characters.
fn is_sequence(secret: &str) -> bool {
    let steps = secret.as_bytes().windows(2).filter(|pair| pair[0].abs_diff(pair[1]) > 1);
    steps.count() < MIN_STEPS
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;

    #[test]
    fn repeated_and_sample_texts_are_rejected() {
        for secret in [
            "a".repeat(32),
            "changeme".repeat(4),
            "secret-".repeat(6),
            "0123456789abcdef".repeat(2),
            "first-secret-first-secret-first-secret".to_owned(),
            "changeme-changeme-please-do-change-me".to_owned(),
            "Please_Change_This_Before_Production!!".to_owned(),
            "your-256-bit-secret-goes-into-this-line".to_owned(),
            "my super secret key that nobody can guess".to_owned(),
            "abcdefghijklmnopqrstuvwxyz0123456789".to_owned(),
            "12345678901234567890123456789012345".to_owned(),
            "qwertyuiopasdfghjklzxcvbnm1234567890".to_owned(),
            "passwordpassword123passwordpassword".to_owned(),
        ] {
            let error = check(&secret).expect_err(&secret);
            assert!(error.contains("openssl rand -hex 32"), "{error}");
            assert!(!error.contains(&secret), "{error}");
        }
    }

    #[test]
    fn random_secrets_are_accepted() {
        let mut bytes = [0; 32];
        for _ in 0..20 {
            rand::rng().fill_bytes(&mut bytes);
            let hex = hex::encode(bytes);
            for secret in [hex.as_str(), &hex[..32]] {
                assert_eq!(check(secret), Ok(()), "{secret}");
            }
        }
        for secret in [
            "q0VJt3mKzX7wYc1RkUeP9dLs5BhNfGa2",
            "a secret that is long enough for HS256",
            "seven cranes dip lanterns under a green bridge",
        ] {
            assert_eq!(check(secret), Ok(()), "{secret}");
        }
    }
}
