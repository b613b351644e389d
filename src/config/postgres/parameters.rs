//! The connection parameters of libpq: from the URL, or else from their environment variables.

use std::collections::HashMap;
use std::time::Duration;

use super::url::UrlParts;

/// Every supported parameter, and its variable.
const PARAMETERS: [(&str, Option<&str>); 20] = [
    ("host", Some("PGHOST")),
    ("hostaddr", Some("PGHOSTADDR")),
    ("port", Some("PGPORT")),
    ("dbname", Some("PGDATABASE")),
    ("user", Some("PGUSER")),
    ("password", Some("PGPASSWORD")),
    ("passfile", Some("PGPASSFILE")),
    ("options", Some("PGOPTIONS")),
    ("search_path", None),
    ("application_name", Some("PGAPPNAME")),
    ("sslmode", Some("PGSSLMODE")),
    ("sslrootcert", Some("PGSSLROOTCERT")),
    ("sslcert", Some("PGSSLCERT")),
    ("sslkey", Some("PGSSLKEY")),
    ("sslnegotiation", Some("PGSSLNEGOTIATION")),
    ("channel_binding", Some("PGCHANNELBINDING")),
    ("gssencmode", Some("PGGSSENCMODE")),
    ("connect_timeout", Some("PGCONNECT_TIMEOUT")),
    ("target_session_attrs", Some("PGTARGETSESSIONATTRS")),
    ("load_balance_hosts", Some("PGLOADBALANCEHOSTS")),
];

/// Returns the value of an environment variable.
pub(super) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The environment of the process.
#[expect(clippy::disallowed_methods, reason = "part of the configuration")]
pub(super) fn environment(variable: &str) -> Option<String> {
    std::env::var(variable).ok()
}

/// The values of all parameters that have one.
pub(super) struct Parameters {
    values: HashMap<&'static str, Value>,
    /// Session parameters: those of `PGOPTIONS` come first.
    options: Vec<(String, String)>,
}

struct Value {
    text: String,
    /// The name of the parameter or of the variable, for errors.
    source: &'static str,
}

impl Parameters {
    /// Collects the parameters of a URL, and those of the environment that the URL does not have. An empty text is the
    /// default, as in libpq.
    pub(super) fn collect(url: UrlParts, environment: Environment<'_>) -> Result<Self, String> {
        let mut collected = Self { values: HashMap::new(), options: Vec::new() };
        let from_environment =
            |variable: &Option<&str>| variable.and_then(environment).unwrap_or_default();
        for (name, variable) in &PARAMETERS {
            collected.insert(name, variable.unwrap_or_default(), from_environment(variable))?;
        }
        let UrlParts { user, password, hosts, database, parameters } = url;
        let parts = [("user", user), ("password", password), ("dbname", database)];
        for (name, text) in parts {
            collected.insert(name, name, text.unwrap_or_default())?;
        }
        if !hosts.is_empty() {
            let port = |port: &Option<u16>| port.map(|port| port.to_string()).unwrap_or_default();
            let ports: Vec<_> = hosts.iter().map(|(_, number)| port(number)).collect();
            let names: Vec<_> = hosts.into_iter().map(|(name, _)| name).collect();
            collected.values.remove("hostaddr");
            collected.insert("host", "host", names.join(","))?;
            if ports.iter().any(|port| !port.is_empty()) {
                collected.insert("port", "port", ports.join(","))?;
            }
        }
        // An unescaped `&` in a password starts a parameter.
        let has_password = parameters.iter().any(|(name, _)| name == "password");
        for (given, text) in parameters {
            let option = given.strip_prefix("options[").and_then(|name| name.strip_suffix(']'));
            if let Some(option) = option {
                collected.options.push((option.to_owned(), text));
                continue;
            }
            match PARAMETERS.iter().find(|(name, _)| *name == given) {
                Some((name, _)) => collected.insert(name, name, text)?,
                None if is_name(&given) && !has_password => {
                    return Err(format!("the parameter {given} is not supported"));
                }
                None => return Err("a parameter is not supported".to_owned()),
            }
        }
        Ok(collected)
    }

    fn insert(
        &mut self,
        name: &'static str,
        source: &'static str,
        text: String,
    ) -> Result<(), String> {
        if text.is_empty() {
            return Ok(());
        }
        if name == "options" {
            let options = parse_options(&text);
            self.options.extend(options.ok_or_else(|| format!("{source}: {OPTIONS}"))?);
        } else {
            self.values.insert(name, Value { text, source });
        }
        Ok(())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|value| value.text.as_str())
    }

    /// The session parameters, in the order in which they apply.
    pub(super) fn options(&self) -> Vec<(String, String)> {
        self.options.clone()
    }

    /// The error of a parameter with an invalid value.
    pub(super) fn invalid(&self, name: &'static str, expected: &str) -> String {
        let source = self.values.get(name).map_or(name, |value| value.source);
        format!("{source}: {expected}")
    }

    /// The choice with this name, or the default.
    pub(super) fn choose<T: Clone>(
        &self,
        name: &'static str,
        default: T,
        choices: &[(&str, T)],
    ) -> Result<T, String> {
        let Some(text) = self.get(name) else { return Ok(default) };
        match choices.iter().find(|(choice, _)| *choice == text) {
            Some((_, value)) => Ok(value.clone()),
            None => {
                let names: Vec<_> = choices.iter().map(|(choice, _)| *choice).collect();
                Err(self.invalid(name, &format!("expected {}", names.join(", "))))
            }
        }
    }

    /// A number of seconds; zero means no limit.
    pub(super) fn seconds(&self, name: &'static str) -> Result<Option<Duration>, String> {
        let Some(text) = self.get(name) else { return Ok(None) };
        match text.parse() {
            Ok(0) => Ok(None),
            Ok(seconds @ 1..=3_600) => Ok(Some(Duration::from_secs(seconds))),
            _ => Err(self.invalid(name, "expected a number of seconds, up to 3600")),
        }
    }
}

/// Whether a text may be the name of a parameter.
fn is_name(text: &str) -> bool {
    text.len() < 40 && text.bytes().all(|c| c.is_ascii_alphabetic() || b"_-".contains(&c))
}

const OPTIONS: &str = "expected -c NAME=VALUE …, with spaces in a value escaped by a backslash";

/// Parses `-c NAME=VALUE`, `-cNAME=VALUE` and `--NAME=VALUE`, separated by spaces. The server allows more, but
/// these are all that have a meaning for a client.
fn parse_options(text: &str) -> Option<Vec<(String, String)>> {
    let mut options = Vec::new();
    let mut words = words(text).into_iter();
    while let Some(word) = words.next() {
        let option = match (word.as_str(), word.strip_prefix("--"), word.strip_prefix("-c")) {
            ("-c", ..) => words.next()?,
            (_, Some(option), _) | (_, None, Some(option)) => option.to_owned(),
            _ => return None,
        };
        let (name, value) = option.split_once('=')?;
        if name.is_empty() {
            return None;
        }
        options.push((name.replace('-', "_"), value.to_owned()));
    }
    Some(options)
}

/// Splits at spaces that are not escaped by a backslash.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut chars) = (Vec::new(), String::new(), text.chars());
    while let Some(c) = chars.next() {
        match c {
            '\\' => word.extend(chars.next()),
            c if c.is_ascii_whitespace() => words.push(std::mem::take(&mut word)),
            c => word.push(c),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_names_with_values() {
        let text = r"-c search_path=a\ b\\c,d  --work-mem=4MB -cgeqo=off";
        let options = [("search_path", r"a b\c,d"), ("work_mem", "4MB"), ("geqo", "off")];
        let options = options.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(parse_options(text).as_deref(), Some(&options[..]));
        for invalid in ["-c", "-c geqo", "geqo=off", "-B 100", "-c =1"] {
            assert_eq!(parse_options(invalid), None, "{invalid}");
        }
    }
}
