# Lists the tasks.
_default:
    @just --list

# Starts the server.
run *arguments:
    cargo run -- {{ arguments }}

# Runs the Rust tests on SQLite.
test *arguments:
    cargo test {{ arguments }}

# Runs the integration tests on a temporary PostgreSQL cluster.
test-postgres *arguments:
    .ci/test-postgres {{ arguments }}

# Checks the format, the lints and the documentation of the Rust sources.
lint:
    .ci/lint

# Updates schema.graphql.
schema:
    cargo run --quiet -- schema > schema.graphql

# Updates the snippets in docs/clients.md.
snippets:
    npm --prefix tests/clients run snippets

# Tests GraphQL clients with an optimised binary.
clients:
    .ci/clients

# Tests GraphiQL in Chromium with an optimised binary.
browser:
    .ci/browser

# Fuzzes each target for ten seconds.
fuzz:
    .ci/fuzz

# Measures single stages of a request.
bench:
    cargo bench --features benchmarks

# Checks the dependencies.
deny:
    .ci/deny

# Runs all checks.
ci:
    .ci/run
