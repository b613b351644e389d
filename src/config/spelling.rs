//! Unknown variables that look like a misspelt setting.

use super::model::Config;

/// How many letters may be wrong.
const MAX_DISTANCE: usize = 3;

/// The warnings about variables of the environment, which has those of `.env` too.
#[must_use]
pub fn unknown_environment_variables() -> Vec<String> {
    let names: Vec<String> =
        std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect();
    unknown_variables(names.iter().map(String::as_str))
}

/// The warnings about variables that are not known, but nearly. Others are not mentioned: they belong to other
/// programs, or are not even names.
pub(super) fn unknown_variables<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let settings = Config::default().settings();
    let known: Vec<&str> = settings.iter().map(|setting| setting.info.variable.as_ref()).collect();
    let unknown = names.into_iter().filter(|name| !known.contains(name));
    let warnings = unknown.filter_map(|name| {
        let likely = closest(name, &known)?;
        Some(format!("the variable {name} is unknown and ignored; did you mean {likely}?"))
    });
    warnings.collect()
}

/// The variable that was probably meant.
fn closest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let name = name.to_ascii_uppercase().replace(['-', '.'], "_");
    let bare = name.strip_prefix("BOOKSHELF_").unwrap_or(&name);
    let distance = |known: &str| strsim::damerau_levenshtein(bare, known);
    let likely = known.iter().copied().min_by_key(|known| distance(known))?;
    let is_limit = bare.starts_with("LIMIT_");
    // A few wrong letters of a short name make another name.
    let close = distance(likely) <= MAX_DISTANCE.min(bare.len() / 4);
    (close || is_limit).then_some(likely)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_variables_are_reported_with_the_likely_spelling() {
        for (name, likely) in [
            ("BCRYPT_COSTS", "BCRYPT_COST"),
            ("BCRYPTCOST", "BCRYPT_COST"),
            ("bcrypt_cost", "BCRYPT_COST"),
            ("BOOKSHELF_LISTEN", "LISTEN"),
            ("DATABASE_URI", "DATABASE_URL"),
            ("JWT_SECRET", "JWT_SECRETS"),
            ("TRUSTED_PROXY", "TRUSTED_PROXIES"),
            ("CORS_ORIGIN", "CORS_ORIGINS"),
            ("LISTNE", "LISTEN"),
            ("REGISTRATIONS", "REGISTRATION"),
            ("LIMIT_BODY_SIZE", "LIMIT_BODY_BYTES"),
            ("SESSION-TTL", "SESSION_TTL"),
        ] {
            let warnings = unknown_variables([name]);
            assert_eq!(warnings.len(), 1, "{name}");
            let expected = format!("{name} is unknown and ignored; did you mean {likely}?");
            assert!(warnings[0].ends_with(&expected), "{warnings:?}");
        }
    }

    #[test]
    fn variables_of_other_programs_are_not_reported() {
        let names = [
            "PATH",
            "HOME",
            "LANG",
            "TERM",
            "USER",
            "LOGNAME",
            "HOSTNAME",
            "SHLVL",
            "LISTEN_FDS",
            "LISTEN_PID",
            "POSTGRES_PASSWORD",
            "PGPASSWORD",
            "COMPOSE_PROJECT_NAME",
            "RUST_BACKTRACE",
            "NODE_ENV",
            "TZ",
            "dGhpcyBpcyBhIHNlY3JldA",
            "BCRYPT_COST",
            "LIMIT_DEPTH",
            "DATABASE_URL",
            "LS_COLORS",
        ];
        assert_eq!(unknown_variables(names), Vec::<String>::new());
    }
}
