//! The file `.env`: one `NAME=value` per line.
//!
//! Programs disagree on `$`, quotes and backslashes in this file: some replace `$NAME`, some keep it. A value that they
//! would read differently is rejected unless it is quoted, so that it is never silently another one.

use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use super::model::Config;

const FILE: &str = ".env";

/// Reads `.env` in the working directory into the environment. Variables that are already set are kept. Returns
/// warnings for the operator.
///
/// # Errors
/// If the file cannot be read or parsed. The message contains no part of a value. A missing file is not an error.
pub fn read_dotenv() -> Result<Vec<String>, String> {
    let text = match fs::read_to_string(FILE) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(format!("{FILE}: {error}")),
    };
    let variables = parse(&text).map_err(|error| error.to_string())?;
    // dotenvy replaces variables and echoes lines that it cannot parse, so it gets neither.
    let quoted: String = variables.iter().map(Variable::quoted).collect();
    dotenvy::from_read(quoted.as_bytes()).map_err(|_| format!("{FILE} cannot be read"))?;

    let mut warnings: Vec<String> = permissions_warning(Path::new(FILE)).into_iter().collect();
    for (index, variable) in variables.iter().enumerate() {
        let first = variables[..index].iter().find(|earlier| earlier.name == variable.name);
        if let Some(first) = first.filter(|_| is_setting(variable.name)) {
            let (name, used, ignored) = (variable.name, first.line, variable.line);
            warnings.push(format!(
                "{FILE} sets {name} in lines {used} and {ignored}; the first counts"
            ));
        }
    }
    Ok(warnings)
}

/// A warning if other users of the machine can read the file.
fn permissions_warning(path: &Path) -> Option<String> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;

        let mode = fs::metadata(path).ok()?.permissions().mode() & 0o777;
        (mode & 0o004 != 0).then(|| {
            let path = path.display();
            format!("{path} can be read by every user of this machine (mode {mode:04o}); run: chmod 600 {path}")
        })
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

/// A variable with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Variable<'a> {
    line: usize,
    name: &'a str,
    value: String,
}

impl Variable<'_> {
    /// The line, in double quotes and with every special character escaped.
    fn quoted(&self) -> String {
        let value = self.value.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "\\$");
        format!("{}=\"{value}\"\n", self.name)
    }
}

/// A line cannot be parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct LineError<'a> {
    line: usize,
    /// The name, if it is that of a setting: any other may be a part of a secret.
    name: Option<&'a str>,
    reason: &'static str,
}

impl fmt::Display for LineError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{FILE}, line {}: ", self.line)?;
        if let Some(name) = self.name {
            write!(f, "{name}: ")?;
        }
        f.write_str(self.reason)
    }
}

const SYNTAX: &str = "expected NAME=value";
const NEEDS_QUOTES: &str =
    "a value with $, a quotation mark or a backslash needs single quotes, such as NAME='pa$word'";
const DOUBLE_QUOTES: &str =
    "within double quotes, write \\$ for $, \\\" for \" and \\\\ for \\; or use single quotes";
const UNCLOSED: &str = "the closing quotation mark is missing";
const AFTER_QUOTES: &str = "nothing but a comment may follow the closing quotation mark";

fn is_setting(name: &str) -> bool {
    Config::default().settings().iter().any(|setting| setting.info.variable == name)
}

fn parse(text: &str) -> Result<Vec<Variable<'_>>, LineError<'_>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = text.lines().map(str::trim).zip(1..);
    lines
        .filter(|(text, _)| !text.is_empty() && !text.starts_with('#'))
        .map(|(text, line)| parse_line(text, line))
        .collect()
}

fn parse_line(text: &str, line: usize) -> Result<Variable<'_>, LineError<'_>> {
    let (name, value) =
        text.split_once('=').ok_or(LineError { line, name: None, reason: SYNTAX })?;
    let name = name.strip_prefix("export ").unwrap_or(name).trim();
    let valid = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !name.chars().all(valid) || !name.starts_with(|c: char| !c.is_ascii_digit()) {
        return Err(LineError { line, name: None, reason: SYNTAX });
    }
    match parse_value(value.trim()) {
        Ok(value) => Ok(Variable { line, name, value }),
        Err(reason) => {
            Err(LineError { line, name: Some(name).filter(|name| is_setting(name)), reason })
        }
    }
}

/// The value of a line. The error is a constant.
fn parse_value(text: &str) -> Result<String, &'static str> {
    let (value, rest) = match text.chars().next() {
        Some('\'') => {
            let (value, rest) = text[1..].split_once('\'').ok_or(UNCLOSED)?;
            (value.to_owned(), rest)
        }
        Some('"') => parse_double_quoted(&text[1..])?,
        _ => return parse_unquoted(text),
    };
    let rest_is_comment =
        rest.is_empty() || rest.starts_with([' ', '\t']) && rest.trim_start().starts_with('#');
    if rest_is_comment { Ok(value) } else { Err(AFTER_QUOTES) }
}

/// A value without quotes ends before a comment: a `#` after white space, or at the beginning.
fn parse_unquoted(text: &str) -> Result<String, &'static str> {
    let is_comment = |(index, c): &(usize, char)| {
        *c == '#' && (*index == 0 || text[..*index].ends_with([' ', '\t']))
    };
    let end = text.char_indices().find(is_comment).map_or(text.len(), |(index, _)| index);
    let value = text[..end].trim_end();
    if value.contains(['$', '\'', '"', '\\']) {
        return Err(NEEDS_QUOTES);
    }
    Ok(value.to_owned())
}

/// The value before the closing quotation mark, and the rest of the line.
fn parse_double_quoted(text: &str) -> Result<(String, &str), &'static str> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((index, c)) = chars.next() {
        match c {
            '"' => return Ok((value, &text[index + 1..])),
            '$' => return Err(DOUBLE_QUOTES),
            '\\' => match chars.next() {
                Some((_, escaped @ ('$' | '"' | '\\'))) => value.push(escaped),
                Some(_) => return Err(DOUBLE_QUOTES),
                None => return Err(UNCLOSED),
            },
            _ => value.push(c),
        }
    }
    Err(UNCLOSED)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(line: &str) -> Result<String, String> {
        let variables = parse(line).map_err(|error| error.to_string())?;
        assert_eq!(variables.len(), 1, "{line}");
        Ok(variables[0].value.clone())
    }

    #[test]
    fn values_are_kept_as_written() {
        for (line, expected) in [
            ("LISTEN=localhost:80", "localhost:80"),
            ("export LISTEN = localhost:80  # a comment", "localhost:80"),
            ("\u{feff}LISTEN=a\r\n", "a"),
            ("LISTEN=", ""),
            ("LISTEN=# a comment", ""),
            ("LISTEN=a#b", "a#b"),
            ("LISTEN=a b", "a b"),
            ("LISTEN=a=b==", "a=b=="),
            ("LISTEN='pa$word #1 \"x\" \\n'", "pa$word #1 \"x\" \\n"),
            ("LISTEN=\"pa\\$word \\\"x\\\" \\\\n 'y'\" # a comment", "pa$word \"x\" \\n 'y'"),
            ("# LISTEN='\nLISTEN=b", "b"),
        ] {
            assert_eq!(value(line).as_deref(), Ok(expected), "{line}");
        }
    }

    #[test]
    fn ambiguous_values_are_rejected_with_the_variable_and_how_to_quote() {
        for line in [
            "DATABASE_URL=sqlite://pa$word/x.db",
            "DATABASE_URL=sqlite://${HOME}/x.db",
            "DATABASE_URL=\"sqlite://pa$word/x.db\"",
            "DATABASE_URL=pa\\nword",
            "DATABASE_URL=pa\"word",
            "DATABASE_URL='word",
            "DATABASE_URL=\"word",
            "DATABASE_URL=\"word\\\"",
            "DATABASE_URL='word'word",
            "DATABASE_URL='word' word",
            "DATABASE_URL=\"wo\\nrd\"",
        ] {
            let error = value(line).expect_err(line);
            assert!(error.starts_with(".env, line 1: DATABASE_URL: "), "{error}");
            assert!(error.contains("quot"), "{error}");
            assert!(!error.replace("pa$word'", "").contains("word"), "{error}");
        }
        assert_eq!(value("dGhpcw=\"x").expect_err("open"), format!(".env, line 1: {UNCLOSED}"));
        for line in ["hunter2", "hunter2 = x", "2=hunter2", "=hunter2", "hun ter2=x", "\n"] {
            let text = format!("\n\n{line}");
            match parse(&text) {
                Ok(variables) => assert!(variables.is_empty() || variables[0].name == "hunter2"),
                Err(error) => assert_eq!(error.to_string(), ".env, line 3: expected NAME=value"),
            }
        }
    }

    proptest! {
        #[test]
        fn errors_contain_no_part_of_a_value(password in "[!-~]{6,40}", quote in "['\"`]?") {
            let line = format!("DATABASE_URL={quote}postgres://shelf:{password}@db/shelf");
            if let Err(error) = value(&line) {
                let text = error.strip_prefix(".env, line 1: ").expect("the place");
                let text = text.strip_prefix("DATABASE_URL: ").unwrap_or(text);
                let texts = [SYNTAX, NEEDS_QUOTES, DOUBLE_QUOTES, UNCLOSED, AFTER_QUOTES];
                prop_assert!(texts.contains(&text), "{error}");
            }
        }

        #[test]
        fn quoted_values_are_read_back(value in "[ -~]{0,40}") {
            let variable = Variable { line: 1, name: "LISTEN", value };
            let lines = variable.quoted();
            let read: Vec<_> = dotenvy::from_read_iter(lines.as_bytes()).collect();
            prop_assert_eq!(read.len(), 1);
            let (name, found) = read[0].as_ref().expect("a variable");
            prop_assert_eq!((name.as_str(), found), ("LISTEN", &variable.value));
            prop_assert_eq!(parse(&lines), Ok(vec![variable.clone()]));
        }
    }
}
