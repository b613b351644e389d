//! Why PostgreSQL does not accept a connection, in plain words.

use std::error::Error;
use std::io;

use tokio_postgres::error::SqlState;

/// The reason and what to do, if it is one of the usual reasons.
pub(super) fn explain(error: &anyhow::Error, host: &impl std::fmt::Display) -> Option<String> {
    let error = error.downcast_ref::<tokio_postgres::Error>()?;
    let refused = |cause: &&(dyn Error + 'static)| {
        let io = cause.downcast_ref::<io::Error>();
        io.is_some_and(|io| io.kind() == io::ErrorKind::ConnectionRefused)
    };
    if error.source().as_ref().is_some_and(refused) {
        return Some(format!(
            "nothing accepts connections at {host}; start PostgreSQL, or correct host and port in DATABASE_URL"
        ));
    }
    let reason = match *error.code()? {
        SqlState::INVALID_PASSWORD => {
            "PostgreSQL rejected the user name or the password of DATABASE_URL; correct them there, or set \
             the password of the role with: ALTER ROLE"
        }
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
            "PostgreSQL does not let the user of DATABASE_URL in: the role does not exist, or pg_hba.conf does \
             not allow it from here"
        }
        SqlState::INVALID_CATALOG_NAME => {
            "PostgreSQL has no such database; create it with: createdb"
        }
        SqlState::TOO_MANY_CONNECTIONS => {
            "PostgreSQL has no free connection; raise its max_connections"
        }
        SqlState::CANNOT_CONNECT_NOW => "PostgreSQL is starting or stopping; try again shortly",
        _ => return None,
    };
    Some(reason.to_owned())
}
