//! The password of an account, from a terminal or from standard input.

use std::io::{self, IsTerminal, Read};

use anyhow::{Context, bail, ensure};
use secrecy::SecretString;

/// More bytes than any password has.
const MAX_INPUT_BYTES: u64 = 4_096;

/// Asks twice for a new password on a terminal; otherwise reads the one line of standard input.
pub(super) fn read_new() -> anyhow::Result<SecretString> {
    if !io::stdin().is_terminal() {
        return read_line(io::stdin().lock());
    }
    let ask = |prompt| rpassword::prompt_password(prompt).context("cannot read the password");
    let password = ask("Password: ")?;
    ensure!(password == ask("The same password again: ")?, "the passwords differ");
    Ok(password.into())
}

fn read_line(input: impl Read) -> anyhow::Result<SecretString> {
    let mut text = String::new();
    let read = input.take(MAX_INPUT_BYTES + 1).read_to_string(&mut text);
    read.context("cannot read the password from standard input")?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.contains('\n') || text.len() as u64 > MAX_INPUT_BYTES {
        bail!("expected the password as the only line of standard input");
    }
    Ok(line.into())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn the_password_is_the_only_line() {
        for (input, password) in [
            ("pass phrase", "pass phrase"),
            ("pass phrase\n", "pass phrase"),
            ("pass phrase\r\n", "pass phrase"),
            (" pass phrase \n", " pass phrase "),
            ("", ""),
        ] {
            let read = read_line(input.as_bytes()).expect("a password");
            assert_eq!(read.expose_secret(), password);
        }
        for input in ["two\nlines\n", "two\n\n", &"x".repeat(5_000)] {
            assert!(read_line(input.as_bytes()).is_err(), "{input}");
        }
    }
}
