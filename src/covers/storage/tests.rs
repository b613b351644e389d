//! Tests of both kinds of storage. S3 is a server of moto.

use std::collections::HashSet;
use std::convert::Infallible;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path as FilePath, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::SystemTime;

use futures_util::stream::TryStreamExt;
use secrecy::SecretString;
use tempfile::TempDir;

use super::*;
use crate::config::{CoversUrl, Database};

#[path = "../../../tests/support/skip.rs"]
mod skip;

const JPEG: &[u8] = b"\xff\xd8\xff\xe0 small";
const WEBP: &[u8] = b"RIFF medium";

fn images() -> CoverImages {
    CoverImages::for_test(JPEG, WEBP, b"\xff\xd8\xff\xe0 original")
}

fn new_key() -> CoverKey {
    CoverKey::generate(&mut rand::rng())
}

async fn open_folder(folder: &FilePath) -> anyhow::Result<Storage> {
    Storage::open(&CoversUrl::Folder(folder.to_owned()), &Database::default(), &[]).await
}

async fn folder() -> (TempDir, Storage) {
    let folder = tempfile::tempdir().expect("a folder");
    let storage = open_folder(&folder.path().join("new/covers")).await.expect("a storage");
    (folder, storage)
}

async fn content(
    storage: &Storage,
    key: &CoverKey,
    size: CoverSize,
) -> Option<(CoverFile, Vec<u8>)> {
    let mut file = storage.get(key, size).await.expect("a storage that answers")?;
    let body = std::mem::replace(&mut file.body, futures_util::stream::empty().boxed());
    let parts: Vec<Bytes> = body.try_collect().await.expect("a whole file");
    Some((file, parts.concat()))
}

async fn listed(storage: &Storage) -> Vec<(CoverKey, Timestamp)> {
    let mut files: Vec<_> = storage.list().try_collect().await.expect("a list");
    files.sort();
    files
}

/// What holds for every storage.
async fn assert_stores(storage: &Storage) {
    let (key, other) = (new_key(), new_key());
    assert!(content(storage, &key, CoverSize::Small).await.is_none());
    storage.put(&key, images()).await.expect("stored");
    storage.put(&other, images()).await.expect("stored");

    let (small, bytes) = content(storage, &key, CoverSize::Small).await.expect("a file");
    assert_eq!((small.content_type, &bytes[..]), ("image/jpeg", JPEG));
    assert_eq!(small.length, JPEG.len() as u64);
    assert_eq!(small.etag, format!("\"{key}-small\""));
    let (medium, bytes) = content(storage, &key, CoverSize::Medium).await.expect("a file");
    assert_eq!((medium.content_type, &bytes[..]), ("image/webp", WEBP));
    assert_ne!(medium.etag, small.etag);

    let files = listed(storage).await;
    assert_eq!(files.len(), 6);
    assert_eq!(files.iter().map(|file| file.0).collect::<HashSet<_>>(), [key, other].into());

    for _ in 0..2 {
        storage.delete(&key).await.expect("deleted");
    }
    for size in CoverSize::ALL {
        assert!(content(storage, &key, size).await.is_none());
        assert!(content(storage, &other, size).await.is_some());
    }

    // A cover whose files are not all there, as after a crash.
    storage.put(&key, images()).await.expect("stored");
    storage.store.delete(&path(&key, CoverSize::Medium)).await.expect("deleted");
    let newest = listed(storage).await.into_iter().map(|file| file.1).max().expect("a file");
    let only_other = async |keys: &[CoverKey]| {
        assert!(keys.len() <= 2);
        Ok::<_, Infallible>(HashSet::from([other]))
    };
    let now = newest + Duration::from_secs(3_600);
    assert_eq!(storage.sweep(now, only_other).await.expect("a sweep"), 0, "too young");
    let now = now + Duration::from_millis(1);
    assert_eq!(storage.sweep(now, only_other).await.expect("a sweep"), 1);
    assert_eq!(listed(storage).await.len(), 3, "the files with a row");
    let failing = async |_: &[CoverKey]| Err::<HashSet<CoverKey>, _>("no database");
    assert_eq!(storage.sweep(now, failing).await.expect_err("an error").to_string(), "no database");
    assert_eq!(listed(storage).await.len(), 3, "nothing is removed if the rows are not known");
}

#[tokio::test]
async fn a_folder_stores_covers() {
    let (_folder, storage) = folder().await;
    assert_stores(&storage).await;
}

#[tokio::test]
async fn a_folder_has_subfolders_by_key_and_no_other_files() {
    let (folder, storage) = folder().await;
    let covers = folder.path().join("new/covers");
    assert_eq!(
        fs::read_dir(&covers).expect("a folder").count(),
        0,
        "the file of the check remains"
    );
    let key: CoverKey = "0123456789abcdef0123456789abcdef".parse().expect("a key");
    storage.put(&key, images()).await.expect("stored");
    let mut names: Vec<_> = fs::read_dir(covers.join("01"))
        .expect("a folder")
        .map(|file| file.expect("a file").file_name().into_string().expect("a name"))
        .collect();
    names.sort();
    assert_eq!(names, ["medium", "original", "small"].map(|size| format!("{key}-{size}")));
}

#[tokio::test]
async fn files_of_others_are_neither_listed_nor_removed() {
    let (folder, storage) = folder().await;
    let covers = folder.path().join("new/covers");
    let key = new_key();
    let shard = covers.join(&key.to_string()[..2]);
    fs::create_dir_all(&shard).expect("a folder");
    let others = [
        covers.join("notes.txt"),
        covers.join(format!("{key}-small")),
        shard.join(format!("{key}-huge")),
        shard.join(key.to_string()),
        shard.join("report#1"),
    ];
    others.iter().for_each(|file| fs::write(file, "x").expect("a file"));
    assert!(listed(&storage).await.is_empty());
    let far = Timestamp::from_secs(100_000_000_000);
    let none = async |_: &[CoverKey]| Ok::<_, Infallible>(HashSet::new());
    assert_eq!(storage.sweep(far, none).await.expect("a sweep"), 0);
    assert!(others.iter().all(|file| file.exists()));
}

#[tokio::test]
async fn the_covers_of_another_database_are_kept() {
    let (_folder, storage) = folder().await;
    let keys: Vec<_> = std::iter::repeat_with(new_key).take(101).collect();
    for key in &keys {
        storage.put(key, images()).await.expect("stored");
    }
    let far = Timestamp::from_secs(4_000_000_000);
    let none = async |_: &[CoverKey]| Ok::<_, Infallible>(HashSet::new());
    let error = storage.sweep(far, none).await.expect_err("an error").to_string();
    assert!(error.contains("101 covers") && error.contains("COVERS_URL"), "{error}");
    assert_eq!(listed(&storage).await.len(), 303);
    let first = keys[0];
    let one = async |_: &[CoverKey]| Ok::<_, Infallible>(HashSet::from([first]));
    assert_eq!(storage.sweep(far, one).await.expect("a sweep"), 100);
}

#[tokio::test]
async fn files_that_were_being_written_are_removed_after_an_hour() {
    let (folder, storage) = folder().await;
    let key = new_key();
    storage.put(&key, images()).await.expect("stored");
    let written = folder.path().join("new/covers").join(&key.to_string()[..2]);
    let staged = written.join(format!("{key}-small#1"));
    fs::write(&staged, "half").expect("a file");
    let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
    File::options()
        .write(true)
        .open(&staged)
        .expect("a file")
        .set_modified(changed)
        .expect("a time");
    let all = async |keys: &[CoverKey]| Ok::<_, Infallible>(keys.iter().copied().collect());
    let young = Timestamp::from_secs(1_000_000 + 3_600);
    storage.sweep(young, all).await.expect("a sweep");
    assert!(staged.exists());
    storage.sweep(young + Duration::from_secs(1), all).await.expect("a sweep");
    assert!(!staged.exists());
    assert_eq!(listed(&storage).await.len(), 3);
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_to_is_an_error_at_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, "").expect("a file");
    for path in [&file, &file.join("covers"), FilePath::new("/proc/covers")] {
        let error = open_folder(path).await.expect_err("no folder");
        let error = format!("{error:#}");
        assert!(
            error.contains(path.to_str().expect("a path")) && error.contains("covers"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_damaged_file_is_an_error() {
    let (_folder, storage) = folder().await;
    let key = new_key();
    let images = CoverImages::for_test(b"", b"<script>", b"\xff\xd8\xff\xe0");
    storage.put(&key, images).await.expect("stored");
    for size in [CoverSize::Small, CoverSize::Medium] {
        assert!(matches!(storage.get(&key, size).await, Err(StorageError::Damaged)));
    }
}

/// A server of S3 by moto, with the bucket `books`. Its data is in memory.
struct S3Server {
    process: Child,
    endpoint: String,
}

impl S3Server {
    /// `None` after reporting a skipped test if moto is not installed.
    async fn start() -> Option<Self> {
        let Some(program) = moto_server() else {
            skip::skip("moto is not installed (.ci/setup installs it)");
            return None;
        };
        let mut process = Command::new(program)
            .args(["-H", "127.0.0.1", "-p", "0"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a server");
        let log = BufReader::new(process.stderr.take().expect("its log"));
        let mut lines = log.lines().map_while(Result::ok);
        let endpoint = lines.find_map(|line| {
            let (_, address) = line.split_once("Running on ")?;
            Some(address.trim().to_owned())
        });
        // Reads the rest, so that the server does not wait.
        std::thread::spawn(move || lines.for_each(drop));
        let server = Self { process, endpoint: endpoint.expect("an address") };
        server.create_bucket("books").await;
        Some(server)
    }

    async fn create_bucket(&self, bucket: &str) {
        let url = format!("{}/{bucket}", self.endpoint);
        // An error means that there is one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let created = reqwest::Client::new().put(url).send().await.expect("a response");
        assert!(created.status().is_success(), "{created:?}");
    }

    async fn open(&self, bucket: &str, prefix: &str) -> anyhow::Result<Storage> {
        open_bucket(&self.endpoint, bucket, prefix).await
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn open_bucket(endpoint: &str, bucket: &str, prefix: &str) -> anyhow::Result<Storage> {
    let url = CoversUrl::S3 { bucket: bucket.to_owned(), prefix: prefix.to_owned() };
    let variables = [
        ("AWS_ENDPOINT", endpoint),
        ("AWS_ACCESS_KEY_ID", "the-key-id"),
        ("AWS_SECRET_ACCESS_KEY", "the-secret"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_SOMETHING_ELSE", "ignored"),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), SecretString::from(value)));
    Storage::open(&url, &Database::default(), &variables).await
}

/// The program in `MOTO_SERVER`, where `.ci/setup` installs it, or in the path.
fn moto_server() -> Option<PathBuf> {
    let installed = FilePath::new(env!("CARGO_MANIFEST_DIR")).join("target/moto/bin/moto_server");
    let path = skip::variable("PATH").unwrap_or_default();
    let mut programs = skip::variable("MOTO_SERVER")
        .map(PathBuf::from)
        .into_iter()
        .chain([installed])
        .chain(std::env::split_paths(&path).map(|folder| folder.join("moto_server")));
    programs.find(|program| program.is_file())
}

#[tokio::test]
async fn a_bucket_stores_covers() {
    let Some(server) = S3Server::start().await else { return };
    for prefix in ["", "library/covers"] {
        let storage = server.open("books", prefix).await.expect("a storage");
        assert_stores(&storage).await;
        for (key, _) in listed(&storage).await {
            storage.delete(&key).await.expect("deleted");
        }
    }
}

#[tokio::test]
async fn instances_share_the_covers_of_a_prefix() {
    let Some(server) = S3Server::start().await else { return };
    let storage = server.open("books", "a").await.expect("a storage");
    let key = new_key();
    storage.put(&key, images()).await.expect("stored");
    let same = server.open("books", "a").await.expect("a storage");
    assert!(content(&same, &key, CoverSize::Original).await.is_some());
    let other = server.open("books", "b").await.expect("a storage");
    assert!(content(&other, &key, CoverSize::Original).await.is_none());
    assert!(listed(&other).await.is_empty());
}

#[tokio::test]
async fn more_files_than_a_page_of_s3_has_are_swept() {
    let Some(server) = S3Server::start().await else { return };
    let storage = server.open("books", "many").await.expect("a storage");
    let keys: Vec<CoverKey> = std::iter::repeat_with(new_key).take(400).collect();
    for key in &keys {
        storage.put(key, images()).await.expect("stored");
    }
    let far = Timestamp::from_secs(100_000_000_000);
    let keep: HashSet<CoverKey> = keys.iter().copied().step_by(2).collect();
    let rows = async |_: &[CoverKey]| Ok::<_, Infallible>(keep.clone());
    storage.sweep(far, rows).await.expect("a sweep");
    let left: HashSet<CoverKey> = listed(&storage).await.into_iter().map(|file| file.0).collect();
    assert_eq!(left, keep);
}

#[tokio::test]
async fn a_bucket_that_cannot_be_written_to_is_an_error_at_start_without_secrets() {
    let unreachable = open_bucket("http://127.0.0.1:9", "books", "").await.expect_err("no server");
    let mut errors = vec![format!("{unreachable:#} {unreachable:?}")];
    if let Some(server) = S3Server::start().await {
        let missing = server.open("no-such-bucket", "").await.expect_err("no bucket");
        errors.push(format!("{missing:#} {missing:?}"));
    }
    for error in errors {
        assert!(error.contains("s3://") && error.contains("COVERS_URL"), "{error}");
        assert!(!error.contains("the-secret") && !error.contains("the-key-id"), "{error}");
    }
}
