//! Builds GraphiQL from `web/graphiql` into `$OUT_DIR/graphiql`, where `src/http/graphiql.rs` takes
//! it into the binary. Without npm, or with `BOOKSHELF_WEB=skip`, a page that says so takes its place.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

/// What the page is made of. Listed one by one: to cargo, `web/graphiql` includes the `node_modules`
/// of whoever works on the page.
const SOURCES: [&str; 6] =
    [".npmrc", "index.html", "main.jsx", "package-lock.json", "package.json", "tabs.js"];
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
    // npm works on a copy, so that it writes nothing outside of cargo's directory.
    let copy = out.join("web");
    remove(&copy)?;
    fs::create_dir(&copy)?;
    for file in SOURCES {
        fs::copy(sources.join(file), copy.join(file))?;
    }
    match build(&copy) {
        Ok(()) => fs::rename(copy.join("dist"), &page)?,
        Err(reason) => {
            println!("cargo::warning=GraphiQL is left out of the binary.");
            for line in reason.lines() {
                println!("cargo::warning={line}");
            }
            fs::create_dir(&page)?;
            fs::copy(sources.join(FALLBACK), page.join("index.html"))?;
        }
    }
    // `node_modules` is large, and `npm ci` starts from nothing anyway.
    remove(&copy)
}

fn build(directory: &Path) -> Result<(), String> {
    if variable("BOOKSHELF_WEB").is_some_and(|web| web == "skip") {
        return Err("BOOKSHELF_WEB=skip".to_owned());
    }
    npm(directory, &["ci", "--include=dev"])?;
    npm(directory, &["run", "build"])
}

/// Runs npm, quietly unless it fails; the error holds what it had to say then.
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

/// Removes a directory that may not be there.
fn remove(directory: &Path) -> io::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a build script is told everything by its environment"
)]
fn variable(name: &str) -> Option<OsString> {
    env::var_os(name)
}
