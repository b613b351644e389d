//! Output of commands. If the reader of a pipe ends early, as `head` does, the command has not failed.

use std::io::{self, ErrorKind, Write};

/// The reader of the output has closed the pipe: the command ends without a message.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the output is closed")]
pub(super) struct OutputClosed;

/// Writes to standard output.
///
/// # Errors
/// [`OutputClosed`] if the reader has gone; other errors if the output cannot be written.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    print_bytes(text.as_bytes())
}

/// Like [`print()`], for the parts of a file.
pub(super) fn print_bytes(bytes: &[u8]) -> anyhow::Result<()> {
    let mut output = io::stdout().lock();
    match output.write_all(bytes).and_then(|()| output.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(OutputClosed.into()),
        written => Ok(written?),
    }
}

/// Writes a message for the operator to standard error. If nobody reads it, it is dropped.
pub(super) fn report(message: &str) {
    let _ = writeln!(io::stderr(), "bookshelf: {message}");
}
