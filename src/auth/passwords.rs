//! Password hashing with bcrypt on dedicated threads: one per core, with a low priority. A bounded
//! queue serves clients round-robin. A flood of logins slows down only logins, and those of the
//! flooding client most.

use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use bcrypt::{BcryptError, HashParts};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::oneshot;

use crate::background_thread;
use crate::client_ip::ClientPrefix;
use crate::fair_queue::{self, FairQueue};
use crate::input::password::{MAX_BYTES, Password, normalize};
use crate::input::validation_error::ValidationError;
use crate::store::users::{PasswordHash, User};

/// A password could not be hashed or verified.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum HashError {
    /// The queue is full.
    #[error("too many passwords are waiting to be hashed")]
    Busy,
    #[error("bcrypt: {0}")]
    Bcrypt(String),
}

impl From<BcryptError> for HashError {
    fn from(error: BcryptError) -> Self {
        Self::Bcrypt(error.to_string())
    }
}

type Job = Box<dyn FnOnce() + Send>;

/// The hashing threads and their queue.
pub(crate) struct HashingPool {
    queue: Arc<FairQueue<ClientPrefix, Job>>,
    cost: u32,
}

/// Hashes and verifies passwords for one client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PasswordHasher<'a> {
    pool: &'a HashingPool,
    client: ClientPrefix,
}

impl HashingPool {
    pub(crate) fn new(cost: u32, queue_capacity: usize) -> std::io::Result<Self> {
        let queue = Arc::new(FairQueue::<ClientPrefix, Job>::new(queue_capacity));
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        for number in 0..cores {
            let queue = Arc::clone(&queue);
            background_thread::spawn(format!("password-{number}"), move || {
                while let Some(job) = queue.take() {
                    job();
                }
            })?;
        }
        Ok(Self { queue, cost })
    }

    pub(crate) fn for_client(&self, client: ClientPrefix) -> PasswordHasher<'_> {
        PasswordHasher { pool: self, client }
    }
}

impl Drop for HashingPool {
    fn drop(&mut self) {
        self.queue.close();
    }
}

impl std::fmt::Debug for HashingPool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HashingPool").field("cost", &self.cost).finish_non_exhaustive()
    }
}

impl PasswordHasher<'_> {
    /// Validates a new password. Estimating its strength takes up to a quarter of a second, so it runs
    /// on a hashing thread.
    pub(crate) async fn parse(
        &self,
        text: SecretString,
        hints: Vec<String>,
    ) -> Result<Result<Password, ValidationError>, HashError> {
        self.run(move || Password::parse(text.expose_secret(), &hints)).await
    }

    /// The bcrypt hash to store for a password.
    pub(crate) async fn hash(&self, password: Password) -> Result<PasswordHash, HashError> {
        let cost = self.pool.cost;
        let hash = self.run(move || bcrypt::non_truncating_hash(password.expose(), cost)).await??;
        Ok(PasswordHash::new(hash))
    }

    /// Whether this is the user's password. Unknown users and impossible passwords are verified against a
    /// dummy hash, so the time is the same.
    pub(crate) async fn verify(
        &self,
        user: Option<&User>,
        password: &str,
    ) -> Result<bool, HashError> {
        let password = normalize(password);
        let password = password.expose_secret();
        let possible = password.len() <= MAX_BYTES && !password.contains('\0');
        let stored_hash =
            user.filter(|_| possible).map(|user| user.password_hash.as_str().to_owned());
        let (password, correct_if_equal) = if possible {
            (password.to_owned(), stored_hash.is_some())
        } else {
            (String::new(), false)
        };
        let cost = self.pool.cost;
        let hash = stored_hash.unwrap_or_else(|| dummy_hash(cost));
        let verify = move || {
            let equal = bcrypt::verify(password, &hash)?;
            if !equal && hash.parse::<HashParts>()?.get_cost() < cost {
                // The stored hash has a lower cost: a wrong password must not fail faster than for an
                // unknown user.
                bcrypt::verify("", &dummy_hash(cost))?;
            }
            Ok::<_, BcryptError>(equal)
        };
        let equal = self.run(verify).await??;
        Ok(equal && correct_if_equal)
    }

    /// A new hash of a password that was just verified; `None` if the stored hash already has the
    /// configured cost.
    pub(crate) async fn rehash_if_outdated(
        &self,
        user: &User,
        password: &SecretString,
    ) -> Result<Option<PasswordHash>, HashError> {
        let cost = self.pool.cost;
        if user.password_hash.as_str().parse::<HashParts>()?.get_cost() == cost {
            return Ok(None);
        }
        let password = normalize(password.expose_secret());
        let hash = move || bcrypt::non_truncating_hash(password.expose_secret(), cost);
        Ok(Some(PasswordHash::new(self.run(hash).await??)))
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let (sender, receiver) = oneshot::channel();
        let job: Job = Box::new(move || {
            // Skip the work if the request has timed out or the client has disconnected.
            if !sender.is_closed() {
                let done = catch_unwind(AssertUnwindSafe(work));
                let panicked = |_| HashError::Bcrypt("the job panicked".to_owned());
                let _ = sender.send(done.map_err(panicked));
            }
        });
        self.pool.queue.push(self.client, job).map_err(|fair_queue::Full| HashError::Busy)?;
        // No result: the full queue dropped this job in favour of another client's.
        receiver.await.unwrap_or(Err(HashError::Busy))
    }
}

/// A hash with this cost that matches no password. Verification takes the usual time and fails.
fn dummy_hash(cost: u32) -> String {
    format!("$2b${cost:02}$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verifying_the_dummy_hash_is_real_work() {
        assert_eq!(
            dummy_hash(12).parse::<HashParts>().map(|parts| parts.get_cost()).ok(),
            Some(12)
        );
        assert!(!bcrypt::verify("", &dummy_hash(10)).expect("a well-formed hash"));
    }

    #[tokio::test]
    async fn passwords_that_bcrypt_would_truncate_never_match() {
        let threads = HashingPool::new(10, 4).expect("threads");
        let passwords = threads.for_client(client());
        let password = Password::parse("correct horse battery staple", &[]).expect("a password");
        let password_hash = passwords.hash(password).await.expect("a hash");
        let user = user_with(password_hash);
        let verify =
            async |text: &str| passwords.verify(Some(&user), text).await.expect("a result");
        assert!(verify("correct horse battery staple").await);
        assert!(!verify("correct horse battery stapl").await);
        assert!(!verify("correct horse battery staple\0").await);
        assert!(!verify("correct horse battery staple\0correct horse battery staple").await);
        assert!(!verify("").await);
        assert!(!passwords.verify(None, "correct horse battery staple").await.expect("a result"));
    }

    #[tokio::test]
    async fn a_full_queue_rejects_passwords_at_once() {
        let threads = HashingPool::new(10, 1).expect("threads");
        let passwords = threads.for_client(client());
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let release = Arc::new(std::sync::Barrier::new(cores + 1));
        let (start, mut started) = tokio::sync::mpsc::channel(cores);
        let mut running = Vec::new();
        for _ in 0..cores {
            let (held, start) = (Arc::clone(&release), start.clone());
            let mut work = Box::pin(passwords.run(move || {
                let _ = start.blocking_send(());
                held.wait();
            }));
            assert!(futures_util::poll!(&mut work).is_pending());
            started.recv().await.expect("a thread runs it");
            running.push(work);
        }
        let mut waiting = Box::pin(passwords.run(|| true));
        assert!(futures_util::poll!(&mut waiting).is_pending());
        assert!(matches!(passwords.run(|| true).await, Err(HashError::Busy)));
        // The password of an unknown user uses the same queue.
        assert!(matches!(passwords.verify(None, "any").await, Err(HashError::Busy)));
        assert!(matches!(passwords.verify(None, "\0").await, Err(HashError::Busy)));
        release.wait();
        assert!(waiting.await.is_ok());
        assert!(futures_util::future::join_all(running).await.iter().all(Result::is_ok));
    }

    fn client() -> ClientPrefix {
        crate::client_ip::ClientIp::from(std::net::IpAddr::from([192, 0, 2, 1])).network()
    }

    fn user_with(password_hash: PasswordHash) -> User {
        let ids = crate::id::IdGenerator::new(crate::clock::Clock::system());
        User {
            id: ids.next(),
            username: "ada".into(),
            username_folded: "ada".into(),
            email: "ada@example.org".into(),
            email_folded: "ada@example.org".into(),
            password_hash,
            created_at: crate::clock::Timestamp::from_millis(0),
        }
    }
}
