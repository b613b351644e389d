//! The secrets that sign access tokens: configured, or generated and stored next to the SQLite file.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use anyhow::{Context, ensure};
use rand::Rng;
use secrecy::SecretString;

use crate::config::JwtSecrets;

/// Random bytes of a generated secret. Its text has two hexadecimal digits for each byte.
const RANDOM_BYTES: usize = 32;

pub(super) fn load(secrets: &JwtSecrets) -> anyhow::Result<Vec<SecretString>> {
    match secrets {
        JwtSecrets::Configured(secrets) => Ok(secrets.clone()),
        JwtSecrets::GeneratedFile(path) => {
            let secret = load_or_generate(path)
                .with_context(|| format!("secret file {}", path.display()))?;
            Ok(vec![secret])
        }
    }
}

fn load_or_generate(path: &Path) -> anyhow::Result<SecretString> {
    if !path.exists() {
        generate(path)?;
    }
    let text = fs::read_to_string(path)?;
    let text = text.trim();
    ensure!(
        text.len() >= RANDOM_BYTES,
        "shorter than {RANDOM_BYTES} bytes; delete the file to generate a new secret"
    );
    Ok(text.into())
}

/// Writes a new secret atomically. If two instances start at the same time, both use the first one's.
fn generate(path: &Path) -> io::Result<()> {
    let mut bytes = [0; RANDOM_BYTES];
    rand::rng().fill_bytes(&mut bytes);
    let text = hex::encode(bytes);

    let draft = path.with_extension(format!("jwt-secret.{}", std::process::id()));
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft)?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    let linked = match fs::hard_link(&draft, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        other => other,
    };
    fs::remove_file(&draft)?;
    linked
}
