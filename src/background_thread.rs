//! Threads for long computations, which must not delay requests.

use std::io;
use std::thread;

use thread_priority::{ThreadPriority, ThreadPriorityValue};

/// Starts a thread with a low priority, nice 9 on Linux: on a busy core it gets about an eighth of the CPU time and
/// everything else the rest.
pub(crate) fn spawn(name: String, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name(name).spawn(move || {
        lower_priority();
        work();
    })?;
    Ok(())
}

/// Lowers the priority of this thread.
fn lower_priority() {
    let priority = ThreadPriorityValue::try_from(25).map(ThreadPriority::Crossplatform);
    if priority.is_err() || priority.is_ok_and(|priority| priority.set_for_current().is_err()) {
        tracing::debug!("could not lower the priority of a background thread");
    }
}
