//! The secrets that sign access tokens: configured, or generated and stored next to the SQLite file.

use std::fs;
use std::io::{self, Write};
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
    if path.exists() {
        warn_if_readable_by_others(path)?;
    } else {
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

/// Writes a new secret: first into another file, which is complete when it gets the name. This needs no hard links,
/// which FAT, exFAT and some network shares do not have. If two instances start at the same time, the second one waits
/// for the lock of the first one, and both use the same secret.
fn generate(path: &Path) -> io::Result<()> {
    let mut bytes = [0; RANDOM_BYTES];
    rand::rng().fill_bytes(&mut bytes);
    let text = hex::encode(bytes);

    let draft = path.with_extension("jwt-secret.new");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft)?;
    // Some network shares have no locks. Then only two first starts at the same moment could differ.
    if let Err(error) = file.lock() {
        tracing::debug!(%error, "could not lock the draft of the secret file");
    }
    if path.exists() {
        // Another instance was faster. The draft is its file under the old name, or a new and empty one.
        let _ = fs::remove_file(&draft);
        return Ok(());
    }
    file.set_len(0)?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    sync_folder(path);
    Ok(())
}

/// Makes the name of a file durable. Not all file systems can.
fn sync_folder(path: &Path) {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = fs::File::open(folder.unwrap_or(Path::new(".")));
    if let Err(error) = folder.and_then(|folder| folder.sync_all()) {
        tracing::debug!(%error, "could not sync the folder of the secret file");
    }
}

#[cfg(unix)]
fn warn_if_readable_by_others(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;

    let mode = fs::metadata(path)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let path = path.display();
        tracing::warn!(
            "the secret file {path} can be read by other users of this machine (mode {mode:04o}); \
             run: chmod 600 {path}"
        );
    }
    Ok(())
}

#[cfg(not(unix))]
fn warn_if_readable_by_others(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn concurrent_first_starts_use_the_same_secret() {
        for _ in 0..20 {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("books.jwt-secret");
            let secrets: Vec<String> = std::thread::scope(|scope| {
                let load = || load_or_generate(&path).expect("a secret").expose_secret().to_owned();
                let starts: Vec<_> = (0..8).map(|_| scope.spawn(load)).collect();
                starts.into_iter().map(|start| start.join().expect("a secret")).collect()
            });
            assert!(secrets.iter().all(|secret| *secret == secrets[0]), "{secrets:?}");
        }
    }

    #[test]
    fn an_interrupted_first_start_is_repeated() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("books.jwt-secret");
        let draft = folder.path().join("books.jwt-secret.new");
        fs::write(&draft, "f".repeat(200)).expect("a draft");
        let secret = load_or_generate(&path).expect("a secret");
        assert_eq!(secret.expose_secret().len(), 64);
        assert!(!draft.exists());
        let again = load_or_generate(&path).expect("a secret");
        assert_eq!(again.expose_secret(), secret.expose_secret());
    }
}
