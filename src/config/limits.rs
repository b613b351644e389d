//! The limits of one request, one client and the process as a whole. Each field of the struct is a variable
//! `LIMIT_…` and an option `--limit-…`.

use std::time::Duration;

use super::settings::{Setting, SettingInfo, settings};
use super::value::{SettingValue, duration_or_zero};

settings! {
    /// The limits of one request, one client and the process.
    pub struct Limits as SettingInfo::limit {
        /// Bytes of the head of an HTTP request.
        header_bytes: usize = 128 << 10,
        /// Bytes of a JSON request body.
        body_bytes: usize = 1 << 20,
        /// Bytes of a multipart request, including its files, which are kept in memory. Only for operations that
        /// take a file.
        upload_bytes: usize = 20 << 20,
        /// Files of a multipart request.
        upload_files: usize = 5,

        /// Bytes of the bodies of all requests that are being received or processed, and of the variables of
        /// running subscriptions. Further ones are rejected with `SERVICE_UNAVAILABLE`.
        bodies_in_flight_bytes: usize = 256 << 20,
        /// The same, for one IPv4 address or IPv6 /64. Further ones are rejected with `RATE_LIMITED`.
        bodies_in_flight_bytes_per_client: usize = 64 << 20,

        /// Bytes of a GraphQL document.
        document_bytes: usize = 32 << 10,
        /// Tokens of a document (GraphQL specification, section 2.1.6).
        document_tokens: usize = 2_000,
        /// Operations of a document.
        operations: usize = 20,
        /// Fragments of a document.
        fragments: usize = 50,
        /// Variables of all operations of a document together.
        variables: usize = 100,
        /// Directives of a document.
        directives: usize = 50,
        /// Nesting depth of lists and objects in a literal or a type.
        literal_nesting: usize = 32,
        /// Selections of a document after its fragments are expanded. Protects the executor, which visits
        /// each of them, from documents whose fragments double at each level.
        expanded_selections: u64 = 2_000,
        /// Nesting depth of fields. The introspection query of graphql-js, with every option on, has 15.
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
        /// Cost of an operation: a field costs 1, `notes` 5, `setBookCover` 500, and a list its page size times the
        /// cost of its children.
        cost: u64 = 5_000,
        /// Approximate bytes of memory for the cache of validated documents. Cached documents need no
        /// validation.
        document_cache_bytes: usize = 16 << 20,
        /// Bytes of a response.
        response_bytes: usize = 8 << 20,
        /// Bytes of the responses that an account or, for anonymous clients, an address has not taken yet.
        unread_response_bytes: usize = 32 << 20,
        /// Errors in one response.
        errors: usize = 20,
        /// Characters in the message of one error.
        error_message_chars: usize = 300,

        /// Time for the head of a request to arrive, from its first byte or, on a new connection, from the
        /// start of the connection.
        header_read_timeout: Duration = Duration::from_secs(10),
        /// Time for the body of a request to arrive.
        body_timeout: Duration = Duration::from_secs(30),
        /// Time for one operation to run.
        operation_timeout: Duration = Duration::from_secs(10),
        /// Time for a connection to be idle between two requests. Longer than the 60 s of common load balancers:
        /// otherwise one could send a request on a connection that is being closed.
        keep_alive_timeout: Duration = Duration::from_secs(75),
        /// Time for the client to receive each 64 KiB of a response.
        write_timeout: Duration = Duration::from_secs(30),
        /// Time after SIGTERM or SIGINT in which readiness is 503 and requests are still served, for load balancers
        /// to notice; may be zero.
        lame_duck: Duration = Duration::ZERO => parse duration_or_zero,
        /// Time for open requests to complete after that.
        shutdown_timeout: Duration = Duration::from_secs(20),

        /// Concurrent connections. Further connections get a response with status 503 and are closed.
        max_connections: usize = 4_096,
        /// Concurrent connections of one IPv4 address or IPv6 /64. Further connections get a response with
        /// status 429 and are closed. Trusted proxies have no such limit.
        connections_per_client: usize = 256,
        /// Covers that are being sent at once. Further requests get a response with status 503.
        cover_downloads: usize = 1_024,
        /// The same, for one IPv4 address or IPv6 /64. Further requests get a response with status 429.
        cover_downloads_per_client: usize = 128,
        /// Exports that are being sent at once. Further requests get a response with status 503.
        export_downloads: usize = 64,
        /// The same, for one IPv4 address or IPv6 /64. Further requests get a response with status 429.
        export_downloads_per_client: usize = 8,
        /// Queries and mutations that run at once. Further ones are rejected with `SERVICE_UNAVAILABLE`.
        concurrent_operations: usize = 512,
        /// Operations of one account that search, filter or count its books at once, and how many such
        /// statements of the account run at once. Further operations are rejected with `RATE_LIMITED`.
        scans_per_account: usize = 2,
        /// Imports of files that run at once, each of another account. Further ones are rejected with
        /// `RATE_LIMITED`.
        concurrent_imports: usize = 4,
        /// Books of one account. Further ones are rejected with `QUOTA_EXCEEDED`.
        account_books: u64 = 100_000,
        /// Bytes of the texts and covers of one account; each book counts as whole kibibytes. Further ones are
        /// rejected with `QUOTA_EXCEEDED`.
        account_bytes: u64 = 1 << 30,
        /// Passwords that may wait for a free core. Beyond that, requests get `SERVICE_UNAVAILABLE`.
        password_queue: usize = 64,
        /// Covers that may wait to be processed, one at a time. Beyond that, requests get `SERVICE_UNAVAILABLE`.
        cover_queue: usize = 16,

        /// Time from the handshake of a WebSocket to its `connection_init`.
        websocket_init_timeout: Duration = Duration::from_secs(5),
        /// Bytes of one WebSocket message.
        websocket_message_bytes: usize = 64 << 10,
        /// Concurrent operations on one WebSocket.
        websocket_operations: usize = 50,
        /// Concurrent WebSocket connections of one IPv4 address or IPv6 /64.
        websockets_per_client: usize = 50,

        /// Calls of `login` from one address per minute. All may come at once.
        sign_ins_per_minute: u32 = 20,
        /// Calls of `refreshToken` with an invalid token from one address per minute.
        failed_refreshes_per_minute: u32 = 20,
        /// Calls of `register`, and of `updateProfile` with another name or address, from one address per minute.
        registrations_per_minute: u32 = 10,
        /// Wrong passwords for one account from one address, counted over all instances. After that, one attempt
        /// per minute is allowed. Those of signed-in users count apart.
        failed_login_burst: u32 = 10,
        /// Wrong passwords for one account from all addresses per hour, counted over all instances. All may come at
        /// once. Those of signed-in users count apart.
        failed_logins_per_hour: u32 = 100,
        /// Cost of all operations per minute, of a viewer or, for anonymous clients, of an address. An address
        /// is also charged for the tokens of each document that is not cached yet.
        cost_per_minute: u32 = 100_000,
    }
}
