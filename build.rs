//! Builds GraphiQL from `web/graphiql` into `$OUT_DIR/graphiql`; `src/http/graphiql.rs` embeds it in the
//! binary. Without npm, or with `BOOKSHELF_WEB=skip`, a page that explains this replaces it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

/// The sources of the page. They are listed one by one, because `web/graphiql` may contain a developer's
/// `node_modules`, which cargo would watch too.
const SOURCES: [&str; 7] = [
    ".npmrc",
    "fetcher.js",
    "index.html",
    "main.jsx",
    "package-lock.json",
    "package.json",
    "tabs.js",
];
const FALLBACK: &str = "fallback.html";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-env-changed=BOOKSHELF_WEB");
    for file in SOURCES.iter().chain([&FALLBACK]) {
        println!("cargo::rerun-if-changed=web/graphiql/{file}");
    }

    let sources = Path::new("web/graphiql");
    let out = variable("OUT_DIR").map(PathBuf::from).ok_or(io::ErrorKind::NotFound)?;
    let page = out.join("graphiql");
    remove(&page)?;
    // npm works on a copy, so that it writes only to cargo's directory.
    let copy = out.join("web");
    remove(&copy)?;
    fs::create_dir(&copy)?;
    for file in SOURCES {
        fs::copy(sources.join(file), copy.join(file))?;
    }
    match build(&copy) {
        Ok(()) => fs::rename(copy.join("dist"), &page)?,
        Err(reason) => {
            println!("cargo::warning=The binary is built without GraphiQL.");
            for line in reason.lines() {
                println!("cargo::warning={line}");
            }
            fs::create_dir(&page)?;
            fs::copy(sources.join(FALLBACK), page.join("index.html"))?;
        }
    }
    // `node_modules` is large, and `npm ci` always starts from an empty directory.
    remove(&copy)
}

fn build(directory: &Path) -> Result<(), String> {
    if variable("BOOKSHELF_WEB").is_some_and(|web| web == "skip") {
        return Err("BOOKSHELF_WEB=skip".to_owned());
    }
    npm(directory, &["ci", "--include=dev"])?;
    npm(directory, &["run", "build"])
}

/// Runs npm without printing its output. If it fails, the error contains its standard error.
fn npm(directory: &Path, arguments: &[&str]) -> Result<(), String> {
    let command = format!("npm {}", arguments.join(" "));
    let output = Command::new("npm")
        .args(arguments)
        .current_dir(directory)
        .output()
        .map_err(|error| format!("{command}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command}: {}\n{said}", output.status))
}

/// Removes a directory if it exists.
fn remove(directory: &Path) -> io::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a build script gets its settings from the environment"
)]
fn variable(name: &str) -> Option<OsString> {
    env::var_os(name)
}
