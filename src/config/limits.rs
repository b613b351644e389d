//! What one request, one caller and the process as a whole may take: one struct, every field of which
//! is a variable `LIMIT_…` and an option `--limit-…`.

use std::time::Duration;

use clap::builder::Str;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};

use super::parse::{duration, parse_positive_integer};

/// Makes the struct, its defaults, and the list of its fields that the command line, the environment
/// and `bookshelf config` go by.
macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $name:ident: $type:ty = $default:expr,)+) => {
        /// What one request, one caller and the process may take.
        #[derive(Clone, Debug)]
        pub struct Limits {
            $($(#[doc = $doc])+ pub $name: $type,)+
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $default,)+ }
            }
        }

        impl Limits {
            /// Every limit, to be read or set by its name.
            pub(super) fn fields_mut(&mut self) -> Vec<LimitField<'_>> {
                vec![$(LimitField {
                    field: stringify!($name),
                    help: concat!($($doc),+).trim(),
                    value: &mut self.$name,
                },)+]
            }
        }
    };
}

limits! {
    /// Bytes of the head of an HTTP request.
    header_bytes: usize = 128 << 10,
    /// Bytes of a JSON request body.
    body_bytes: usize = 1 << 20,
    /// Bytes of a multipart request, with all its files. They are kept in memory.
    upload_bytes: usize = 20 << 20,
    /// Files of a multipart request.
    upload_files: usize = 5,

    /// Bytes of a GraphQL document.
    document_bytes: usize = 32 << 10,
    /// Tokens of a document (GraphQL specification, section 2.1.6).
    document_tokens: usize = 2_000,
    /// Operations of a document.
    operations: usize = 20,
    /// Fragments of a document.
    fragments: usize = 50,
    /// Variables of a document's operations together.
    variables: usize = 100,
    /// Directives of a document.
    directives: usize = 50,
    /// Lists and objects within each other, in a literal or a type.
    literal_nesting: usize = 32,
    /// Selections of a document after its fragments are expanded. Guards the executor, which walks
    /// every one of them, from documents whose fragments double at each level.
    expanded_selections: u64 = 2_000,
    /// Fields within fields. The introspection query of graphql-js, with every option on, has 15.
    depth: u64 = 15,
    /// Aliases of an operation after its fragments are expanded.
    aliases: u64 = 30,
    /// Root fields of an operation.
    root_fields: usize = 20,
    /// Root fields of a mutation.
    mutation_root_fields: usize = 5,
    /// Root fields of a mutation that take a password or a refresh token: `register`, `login`,
    /// `refreshToken` and `changePassword` together.
    auth_mutations: usize = 1,
    /// Cost of an operation: 1 for a field, and a list costs its page size times its children.
    cost: u64 = 5_000,
    /// Bytes of memory, about, for all the documents that are remembered, so that they need no
    /// validation the second time.
    document_cache_bytes: usize = 16 << 20,
    /// Errors in one answer.
    errors: usize = 20,
    /// Characters in the message of one error.
    error_message_chars: usize = 300,

    /// Time for the head of a request to arrive, from its first byte or from the connection's
    /// beginning.
    header_read_timeout: Duration = Duration::from_secs(10),
    /// Time for a body to arrive.
    body_timeout: Duration = Duration::from_secs(30),
    /// Time for one operation.
    operation_timeout: Duration = Duration::from_secs(10),
    /// Time for a connection to be idle between two requests.
    keep_alive_timeout: Duration = Duration::from_secs(60),
    /// Time for every 64 KiB of an answer to be taken.
    write_timeout: Duration = Duration::from_secs(30),
    /// Time for open requests to end after SIGTERM or SIGINT.
    shutdown_timeout: Duration = Duration::from_secs(20),

    /// Connections at once. More are answered with 503 and closed.
    max_connections: usize = 4_096,
    /// Connections at once of one address, or one /64 of IPv6. More are answered with 429 and
    /// closed. Trusted proxies have no such limit.
    connections_per_client: usize = 256,
    /// Queries and mutations that run at once. More are answered with `SERVICE_UNAVAILABLE`.
    concurrent_operations: usize = 512,
    /// Passwords that may wait for a free core before the answer is `SERVICE_UNAVAILABLE`.
    password_queue: usize = 64,

    /// Time from the handshake of a WebSocket to its `connection_init`.
    websocket_init_timeout: Duration = Duration::from_secs(5),
    /// Bytes of one message over WebSocket.
    websocket_message_bytes: usize = 64 << 10,
    /// Operations at once on one WebSocket.
    websocket_operations: usize = 50,
    /// Connections by `WebSocket` at once of one address, or one /64 of IPv6.
    websockets_per_client: usize = 50,

    /// `login` and `refreshToken` of one address in a minute, all of them at once if need be.
    sign_ins_per_minute: u32 = 20,
    /// `register` of one address in a minute.
    registrations_per_minute: u32 = 10,
    /// Wrong passwords for one account, over all copies of the server, until only one a minute may
    /// be tried.
    failed_login_burst: u32 = 10,
    /// Cost of all operations in a minute, of a viewer, or of an address while nobody is signed in.
    /// An address also pays for the tokens of each document that the server does not know yet.
    cost_per_minute: u32 = 100_000,
}

/// One of the limits.
pub(super) struct LimitField<'a> {
    field: &'static str,
    help: &'static str,
    pub(super) value: &'a mut dyn LimitValue,
}

impl LimitField<'_> {
    /// `LIMIT_BODY_BYTES`.
    pub(super) fn variable(&self) -> String {
        format!("LIMIT_{}", self.field.to_uppercase())
    }

    /// `limit-body-bytes`.
    fn option(&self) -> String {
        format!("limit-{}", self.field.replace('_', "-"))
    }
}

/// What can be a limit.
pub(super) trait LimitValue {
    fn set(&mut self, text: &str) -> Result<(), String>;
    fn shown(&self) -> String;
}

macro_rules! numbers {
    ($($type:ty)+) => {$(
        impl LimitValue for $type {
            fn set(&mut self, text: &str) -> Result<(), String> {
                *self = parse_positive_integer(text)?;
                Ok(())
            }

            fn shown(&self) -> String {
                self.to_string()
            }
        }
    )+};
}

numbers!(usize u64 u32);

impl LimitValue for Duration {
    fn set(&mut self, text: &str) -> Result<(), String> {
        *self = duration(text)?;
        Ok(())
    }

    fn shown(&self) -> String {
        super::display::DisplayDuration(*self).to_string()
    }
}

/// The limits as they were typed: those of them that were.
#[derive(Clone, Debug, Default)]
pub(super) struct LimitArgs(Vec<(usize, String)>);

impl LimitArgs {
    /// Sets what was typed, and tells `wrong` of what is not allowed.
    pub(super) fn resolve(self, mut wrong: impl FnMut(String, String, String)) -> Limits {
        let mut limits = Limits::default();
        let mut each = limits.fields_mut();
        for (index, text) in self.0 {
            let limit = &mut each[index];
            if let Err(allowed) = limit.value.set(&text) {
                wrong(limit.variable(), text, allowed);
            }
        }
        limits
    }
}

impl FromArgMatches for LimitArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut limits = Limits::default();
        let given = limits.fields_mut().into_iter().enumerate().filter_map(|(index, limit)| {
            Some((index, matches.get_one::<String>(&limit.option())?.clone()))
        });
        Ok(Self(given.collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for LimitArgs {
    fn augment_args(command: Command) -> Command {
        Limits::default().fields_mut().into_iter().fold(command, |command, limit| {
            let option = Str::from(limit.option());
            let help = format!("{} [default: {}]", limit.help, limit.value.shown());
            command.arg(
                Arg::new(option.clone())
                    .long(option)
                    .env(clap::builder::OsStr::from(limit.variable()))
                    .value_name("LIMIT")
                    .help(help)
                    .help_heading("Limits")
                    .hide_short_help(true)
                    .global(true),
            )
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}
