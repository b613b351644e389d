//! `bookshelf user`: accounts, for the operator. Works while servers run.

use std::fmt::Write;
use std::net::Ipv4Addr;

use anyhow::{anyhow, bail};
use clap::Subcommand;

use super::output::print;
use super::password;
use crate::auth::passwords::HashingPool;
use crate::client_ip::ClientIp;
use crate::clock::Clock;
use crate::config::Config;
use crate::id::IdGenerator;
use crate::input::email::Email;
use crate::input::username::Username;
use crate::input::validation_error::ValidationError;
use crate::store::Store;
use crate::store::users::{NameConflicts, PasswordHash, SaveUserOutcome, User};

/// How many accounts are read at once.
const PAGE_SIZE: u64 = 1_000;

#[derive(Clone, Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Create an account; its password is asked for, or read from standard input
    Add {
        /// The email address
        email: String,
        /// The username; by default the email address up to the @
        #[arg(long)]
        username: Option<String>,
    },
    /// List all accounts: id, time of registration, email address and username, separated by tabs
    List,
    /// Set the password of an account and end its sessions; the password is asked for, or read from standard input
    SetPassword {
        /// The email address
        email: String,
    },
    /// Delete an account and everything that it owns
    Delete {
        /// The email address
        email: String,
    },
}

pub(super) async fn run(config: Config, command: UserCommand) -> anyhow::Result<()> {
    let store = Store::open(&config).await?;
    // The first account may be made before the first start of the server.
    store.migrate().await?;
    let commands = UserCommands { store: &store, config: &config };
    let done = match command {
        UserCommand::Add { email, username } => commands.add(&email, username.as_deref()).await,
        UserCommand::List => commands.list().await,
        UserCommand::SetPassword { email } => commands.set_password(&email).await,
        UserCommand::Delete { email } => commands.delete(&email).await,
    };
    store.close().await;
    done
}

struct UserCommands<'a> {
    store: &'a Store,
    config: &'a Config,
}

impl UserCommands<'_> {
    async fn add(&self, email: &str, username: Option<&str>) -> anyhow::Result<()> {
        let email = parse_email(email)?;
        let local_part = email.as_str().rsplit_once('@').map_or("", |(local, _)| local);
        let parsed = Username::parse(username.unwrap_or(local_part));
        let username = parsed.map_err(|error| match username {
            Some(_) => invalid("username", &error),
            None => anyhow!("the start of the address is no username; add one with --username"),
        })?;
        let hints = vec![username.as_str().to_owned(), email.as_str().to_owned()];
        let hash = self.read_password_hash(hints).await?;
        let clock = Clock::system();
        let id = IdGenerator::new(clock.clone()).next();
        let users = self.store.users();
        match users.insert(id, &username, &email, hash, clock.now(), None).await? {
            SaveUserOutcome::Done(user) => {
                print(&format!("created {} with the username {}\n", user.email, user.username))
            }
            SaveUserOutcome::NameConflicts(NameConflicts { email: true, .. }) => {
                bail!("the email address belongs to another account")
            }
            SaveUserOutcome::NameConflicts(_) => {
                bail!(
                    "the username {} belongs to another account; choose one with --username",
                    username.as_str()
                )
            }
        }
    }

    async fn list(&self) -> anyhow::Result<()> {
        let mut after = None;
        loop {
            let accounts = self.store.users().list(after, PAGE_SIZE).await?;
            let Some(last) = accounts.last() else { return Ok(()) };
            after = Some(last.id);
            let mut lines = String::new();
            for account in &accounts {
                let (id, created_at) = (account.id, account.created_at);
                writeln!(lines, "{id}\t{created_at}\t{}\t{}", account.email, account.username)?;
            }
            print(&lines)?;
        }
    }

    async fn set_password(&self, email: &str) -> anyhow::Result<()> {
        let user = self.find(email).await?;
        let hash = self.read_password_hash(vec![user.username, user.email]).await?;
        // Read again: the owner may have signed in meanwhile, which can store a new hash of the same password.
        let user = self.find(email).await?;
        let ended = self.store.users().change_password(&user, hash, None).await?;
        let ended = ended.ok_or_else(changed_meanwhile)?;
        print(&format!(
            "changed the password of {} and ended {} sessions\n",
            user.email,
            ended.len()
        ))
    }

    async fn delete(&self, email: &str) -> anyhow::Result<()> {
        let user = self.find(email).await?;
        let ended = self.store.users().delete(&user).await?.ok_or_else(changed_meanwhile)?;
        print(&format!("deleted {} and ended {} sessions\n", user.email, ended.len()))
    }

    async fn find(&self, email: &str) -> anyhow::Result<User> {
        find_user(self.store, email).await
    }

    /// Reads a new password and checks it as a registration does.
    async fn read_password_hash(&self, hints: Vec<String>) -> anyhow::Result<PasswordHash> {
        let text = password::read_new()?;
        let hashing = HashingPool::new(self.config.bcrypt_cost, 1)?;
        let hasher = hashing
            .for_client(ClientIp::from(std::net::IpAddr::from(Ipv4Addr::LOCALHOST)).network());
        let password = hasher.parse(text, hints).await?;
        let password = password.map_err(|error| invalid("password", &error))?;
        Ok(hasher.hash(password).await?)
    }
}

/// The account with this email address.
pub(super) async fn find_user(store: &Store, email: &str) -> anyhow::Result<User> {
    let user = store.users().find_by_email(&parse_email(email)?).await?;
    user.ok_or_else(|| anyhow!("no account has this email address"))
}

fn parse_email(email: &str) -> anyhow::Result<Email> {
    Email::parse(email).map_err(|error| invalid("email address", &error))
}

fn invalid(what: &str, error: &ValidationError) -> anyhow::Error {
    anyhow!("invalid {what}: {}", error.message)
}

fn changed_meanwhile() -> anyhow::Error {
    anyhow!("the account was changed at the same time; please try again")
}
