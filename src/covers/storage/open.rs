//! Opens the storage of the configuration, and checks it.

use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ClientConfigKey, ObjectStore, ObjectStoreExt, RetryConfig};
use secrecy::{ExposeSecret, SecretString};

use super::{Storage, TIMEOUT, in_time};
use crate::config::{CoversUrl, Database};

/// The name of the file that is written and removed to check the storage.
const CHECK: &str = "check";

impl Storage {
    /// Opens the storage and checks that a file can be written to it.
    ///
    /// `variables` are those of S3, such as `AWS_ENDPOINT`; others are ignored.
    pub(in super::super) async fn open(
        url: &CoversUrl,
        database: &Database,
        variables: &[(String, SecretString)],
    ) -> anyhow::Result<Self> {
        let (store, folder) = match url {
            CoversUrl::Default(folder) | CoversUrl::Folder(folder) => {
                let store = open_folder(folder)
                    .with_context(|| format!("cannot open the folder of covers {url}"))?;
                if let Database::Postgres(_) = database {
                    tracing::info!(
                        folder = %url,
                        "covers are stored in a folder; several instances need a shared folder or S3 (COVERS_URL)"
                    );
                }
                (store, Some(std::path::absolute(folder)?))
            }
            CoversUrl::S3 { bucket, prefix } => {
                let store = open_bucket(bucket, prefix, variables)
                    .with_context(|| format!("cannot open the bucket of covers {url}"))?;
                (store, None)
            }
        };
        let storage = Self { store, folder, name: url.to_string().into() };
        storage
            .check()
            .await
            .with_context(|| format!("cannot write covers to {url} (COVERS_URL)"))?;
        Ok(storage)
    }

    async fn check(&self) -> anyhow::Result<()> {
        let path = Path::from(CHECK);
        in_time(self.store.put(&path, "Bookshelf can write here.\n".into())).await?;
        // Another instance that starts may have removed it.
        match in_time(self.store.delete(&path)).await {
            Err(super::StorageError::ObjectStore(object_store::Error::NotFound { .. })) => Ok(()),
            deleted => Ok(deleted?),
        }
    }
}

fn open_folder(folder: &FilePath) -> anyhow::Result<Arc<dyn ObjectStore>> {
    std::fs::create_dir_all(folder)?;
    Ok(Arc::new(LocalFileSystem::new_with_prefix(folder)?.with_fsync(true)))
}

fn open_bucket(
    bucket: &str,
    prefix: &str,
    variables: &[(String, SecretString)],
) -> anyhow::Result<Arc<dyn ObjectStore>> {
    // The client of S3 uses the default of the process. An error means that there is one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = |key| AmazonS3ConfigKey::Client(key);
    let seconds = |duration: Duration| format!("{}s", duration.as_secs());
    let mut builder = AmazonS3Builder::new();
    for (name, value) in variables {
        if let Ok(key) = name.to_ascii_lowercase().parse() {
            builder = builder.with_config(key, value.expose_secret());
        }
    }
    let store = builder
        .with_bucket_name(bucket)
        .with_config(client(ClientConfigKey::ConnectTimeout), seconds(Duration::from_secs(3)))
        .with_config(client(ClientConfigKey::ReadTimeout), seconds(TIMEOUT))
        // The whole time of a download, which a slow reader may need.
        .with_config(client(ClientConfigKey::Timeout), seconds(Duration::from_secs(300)))
        .with_retry(RetryConfig {
            max_retries: 2,
            retry_timeout: TIMEOUT,
            ..RetryConfig::default()
        })
        .build()?;
    Ok(match prefix {
        "" => Arc::new(store),
        prefix => Arc::new(PrefixStore::new(store, prefix)),
    })
}
