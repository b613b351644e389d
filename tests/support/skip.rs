use std::ffi::OsString;
use std::fs::File;
use std::io::{Write, stderr};

/// Reports that the calling test cannot run on this machine.
///
/// The report is written to standard error and to the file in `SKIPPED_TESTS`. If `REQUIRE_ALL_TESTS` is set and not
/// empty, it is a failure.
pub fn skip(reason: &str) {
    // The test harness names the thread of a test after the test.
    let thread = std::thread::current();
    let name = thread.name().unwrap_or_default();
    let report = format!("skipped {name}: {reason}\n");
    // Unlike `eprintln!`, this is not hidden by the test harness.
    stderr().write_all(report.as_bytes()).expect("a written report");
    if let Some(path) = variable("SKIPPED_TESTS") {
        let mut file = File::options().append(true).create(true).open(path).expect("a file");
        file.write_all(report.as_bytes()).expect("a written report");
    }
    let required = variable("REQUIRE_ALL_TESTS").is_some_and(|value| !value.is_empty());
    assert!(!required, "{report}");
}

/// An environment variable of the tests.
#[expect(clippy::disallowed_methods, reason = "tests are configured by environment variables")]
pub fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}
