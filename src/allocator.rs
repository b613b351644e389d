//! Settings of the memory allocator.

use std::convert::Infallible;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// The variable that mimalloc reads when the process begins: how long it keeps freed memory, in milliseconds.
const PURGE_DELAY: &str = "MIMALLOC_PURGE_DELAY";

/// Makes the allocator return freed memory to the system at once, unless the environment sets another time. By default it
/// keeps the memory for a second, and then until some other memory is freed. A few large files, one after the other,
/// would then need the memory of all of them.
///
/// Only an unsafe function could change this in a running process, so the program is executed again, in the same process.
/// If that is not possible, this returns, and the default applies. Must be called before threads are started and files are
/// opened.
#[expect(
    clippy::disallowed_methods,
    reason = "a variable of mimalloc, read before the configuration"
)]
pub(crate) fn return_freed_memory() {
    if std::env::var_os(PURGE_DELAY).is_none() {
        // If it fails, the server works too, with more memory.
        let _: Result<Infallible, _> = execute_again();
    }
}

/// Returns only if it fails.
fn execute_again() -> io::Result<Infallible> {
    let mut arguments = std::env::args_os();
    let mut command = Command::new(std::env::current_exe()?);
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    Err(command.args(arguments).env(PURGE_DELAY, "0").exec())
}
