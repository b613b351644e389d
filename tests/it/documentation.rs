//! The commands in the documentation print the output that it shows.

use std::path::Path;
use std::process::Command;

use regex::Regex;

use crate::support::{ServerProcess, TestDatabase, jpeg};

/// Commands of a page, and the output that it shows below them, or nothing.
type Step = (String, String);

const README: &str = include_str!("../../README.md");

/// The blocks `sh` of a page. A block that follows one directly, of another language than `sh`, is its output.
fn steps(page: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut is_output = false;
    for block in page.split("```").skip(1).step_by(2) {
        let (language, content) = block.split_once('\n').expect("a block");
        match steps.last_mut() {
            _ if language == "sh" => steps.push((content.to_owned(), String::new())),
            Some((_, output)) if is_output => content.clone_into(output),
            _ => {}
        }
        is_output = language == "sh";
    }
    steps
}

/// The session of the README, which begins with a new account.
fn readme_session() -> Vec<Step> {
    let (_, chapter) = README.split_once("## A session").expect("the chapter");
    let (chapter, _) = chapter.split_once("\n## ").expect("the end of the chapter");
    steps(chapter)
}

/// Runs the steps in one shell. Returns the output of each.
fn run(steps: &[Step], folder: &Path, server: &ServerProcess, database_url: &str) -> Vec<String> {
    let blocks = steps.iter().map(|(commands, _)| format!("{commands}printf '\\036'\n"));
    let script = blocks.collect::<String>().replace("localhost:8000", &server.address);
    let binary = Path::new(env!("CARGO_BIN_EXE_bookshelf"));
    let binaries = binary.parent().expect("a folder").display();
    let shell = Command::new("bash")
        .current_dir(folder)
        .env("DATABASE_URL", database_url)
        .args(["-euc", &format!("exec 2>&1\nPATH='{binaries}':$PATH\n{script}")])
        .output()
        .expect("bash");
    let output = String::from_utf8(shell.stdout).expect("UTF-8");
    assert!(shell.status.success(), "{output}");
    let output = output.strip_suffix('\u{1e}').unwrap_or(&output);
    output.split('\u{1e}').map(str::to_owned).collect()
}

/// Replaces what differs between runs, and the lines of a response that a page breaks.
fn redact(text: &str) -> String {
    let mut text = text.replace('\r', "").replace("\n  ", "");
    for (pattern, name) in [
        (r"127\.0\.0\.1:\d+", "localhost:8000"),
        (r"eyJ[\w.…-]+", "TOKEN"),
        (r"(user|book|session|import)_[0-9a-z]{26}", "${1}_ID"),
        (r#""(\w+Cursor)":"[\w-]+""#, "$1"),
        (r"(covers|exports)/[\w-]{32,}/", "$1/KEY/"),
        (r#"etag: "[0-9a-f]{32}"#, "etag: \"KEY"),
        (r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "TIME"),
        (r"bookshelf-\d{4}-\d\d-\d\d", "bookshelf-DATE"),
        (r"\n(content-length|x-request-id|date): [^\n]+", "\n$1"),
        // An event stream begins with a comment, and may send an import that is still running.
        (r"(?m)^:\n\n", ""),
        (r#"event: next\ndata: [^\n]*"state":"RUNNING"[^\n]*\n\n"#, ""),
    ] {
        text = Regex::new(pattern).expect("a pattern").replace_all(&text, name).into_owned();
    }
    text.trim_end().to_owned()
}

/// Runs the session of the README and then this page, and compares what they print. The page has at least so
/// many steps with an output.
async fn assert_prints(page: &str, minimum: usize) {
    let (folder, database) = (tempfile::tempdir().unwrap(), TestDatabase::create().await);
    std::fs::write(folder.path().join("cover.jpg"), jpeg(120, 180)).unwrap();
    let server = ServerProcess::start_on(database.url(), &[]);
    let page = steps(page);
    let compared = page.iter().filter(|(_, output)| !output.is_empty()).count();
    assert!(compared >= minimum, "{page:?}");
    let steps = [readme_session(), page].concat();
    let printed = run(&steps, folder.path(), &server, database.url());
    assert_eq!(printed.len(), steps.len());
    for ((commands, documented), printed) in steps.iter().zip(printed) {
        assert_eq!(redact(documented), redact(&printed), "{commands}");
    }
}

#[tokio::test]
async fn the_readme_session_prints_the_documented_output() {
    assert!(readme_session().iter().filter(|(_, output)| !output.is_empty()).count() >= 5);
    assert_prints("", 0).await;
}

#[tokio::test]
async fn the_page_on_imports_prints_the_documented_output() {
    assert_prints(include_str!("../../docs/import.md"), 4).await;
}

#[tokio::test]
async fn the_page_on_exports_prints_the_documented_output() {
    assert_prints(include_str!("../../docs/export.md"), 2).await;
}

#[tokio::test]
async fn the_page_on_covers_prints_the_documented_output() {
    assert_prints(include_str!("../../docs/covers.md"), 2).await;
}

#[test]
fn every_command_in_the_help_is_documented() {
    let run = Command::new(env!("CARGO_BIN_EXE_bookshelf")).arg("-h").env_clear().output();
    let help = String::from_utf8(run.expect("a process").stdout).expect("UTF-8");
    let (_, commands) = help.split_once("Commands:\n").expect("the commands");
    let (commands, _) = commands.split_once("\n\n").expect("the end of the commands");
    let commands: Vec<_> = commands.lines().filter_map(|it| it.split_whitespace().next()).collect();
    assert!(commands.len() >= 8, "{help}");
    for command in commands.into_iter().filter(|command| *command != "help") {
        assert!(README.contains(&format!("| `bookshelf {command}")), "{command} in README.md");
    }
}
