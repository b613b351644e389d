# shellcheck shell=bash
# Helpers of the scripts in this directory. Each script sources this file in the root of the checkout.

export CARGO_TERM_COLOR=never

# When the first script started, in seconds since the Unix epoch.
export CI_STARTED="${CI_STARTED:-$EPOCHSECONDS}"

# Prints the title of a step, with the seconds since the start.
step() { printf '\n=== %s (%ss)\n' "$1" "$((EPOCHSECONDS - CI_STARTED))"; }

# Reports a step that cannot run here. If CI_SKIPPED names a file, the report is added to it.
skip() {
  if [ -n "${CI_SKIPPED:-}" ]; then
    printf 'skipped %s\n' "$1" >>"$CI_SKIPPED"
  else
    printf 'skipped %s\n' "$1"
  fi
}

# Prints the directory with the binaries of the newest PostgreSQL version; prints nothing if there is none.
postgres_bin() { find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1; }

# Sets BOOKSHELF_BIN to an optimised binary and builds it, unless BOOKSHELF_BIN is already set.
use_optimised_binary() {
  [ -n "${BOOKSHELF_BIN:-}" ] || .ci/build
  export BOOKSHELF_BIN="${BOOKSHELF_BIN:-$PWD/target/ci/bookshelf}"
}

# Creates the directory $temporary, which is removed when the script exits.
make_temporary() {
  temporary=$(mktemp -d)
  trap 'rm -rf "$temporary"' EXIT
}

# Installs a subcommand of cargo in $temporary, unless it is installed already.
use_cargo_tool() {
  command -v "$1" >/dev/null || cargo install "$1" --locked --root "$temporary/cargo"
  PATH="$temporary/cargo/bin:$PATH"
}

# After this many seconds, a test that still runs counts as hanging.
TEST_TIMEOUT="${TEST_TIMEOUT:-1500}"

# Waits for TEST_TIMEOUT, then prints the stacks of the test binaries that still run, and aborts them: the
# test harness itself only reports that a test takes long, and waits for it forever.
abort_hanging_tests() {
  sleep "$TEST_TIMEOUT"
  local pid
  printf '\nthe tests did not end within %s s\n' "$TEST_TIMEOUT"
  command -v gdb >/dev/null || apt-get install -qq -y --no-install-recommends gdb >/dev/null || true
  for pid in $(pgrep -f "^$PWD/target/[^ ]*/deps/"); do
    gdb -p "$pid" -batch -ex 'thread apply all backtrace 40' 2>/dev/null || true
    kill -ABRT "$pid"
  done
}

# Runs cargo test with these arguments, and lists the failed and the skipped tests at the end, so that they are
# in the last lines of a log. A skipped test is a failure, unless REQUIRE_ALL_TESTS is set and empty.
test_rust() {
  local skipped output status=0 line watchdog
  skipped=$(mktemp)
  output=$(mktemp)
  abort_hanging_tests &
  watchdog=$!
  REQUIRE_ALL_TESTS="${REQUIRE_ALL_TESTS-1}" SKIPPED_TESTS="$skipped" \
    cargo test --locked --no-fail-fast "$@" > >(tee "$output") 2>&1 || status=$?
  # Not a pipe: a server that an aborted test has left would keep it open. The last lines may take a moment.
  sleep 1
  pkill -P "$watchdog" || true
  kill "$watchdog" 2>/dev/null || true
  if [ -s "$skipped" ]; then
    printf '\nskipped tests:\n'
    cat "$skipped"
    while read -r line; do
      [ -z "${CI_SKIPPED:-}" ] || skip "${line#skipped }"
    done <"$skipped"
  fi
  if [ "$status" != 0 ]; then
    printf '\nfailed tests:\n'
    grep -E '^test .* FAILED$' "$output" || true
    grep -A 3 -E '^thread .* panicked at ' "$output" | cut -c 1-300 | tail -n 60 || true
  fi
  rm "$skipped" "$output"
  return "$status"
}
