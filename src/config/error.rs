//! The error of a setting that is missing or not valid.

use std::borrow::Cow;
use std::fmt;

/// A setting is missing or not valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    pub(super) variable: Cow<'static, str>,
    pub(super) problem: Problem,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    Invalid {
        /// `None` if the value is a secret.
        value: Option<String>,
        /// Which values are expected.
        expected: String,
    },
    Missing {
        /// What to do.
        advice: &'static str,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variable = &self.variable;
        match &self.problem {
            Problem::Invalid { value: Some(value), expected } => {
                write!(f, "invalid {variable}={value}: {expected}")
            }
            Problem::Invalid { value: None, expected } => {
                write!(f, "invalid {variable}: {expected}")
            }
            Problem::Missing { advice } => write!(f, "{variable} is missing; {advice}"),
        }
    }
}

impl std::error::Error for ConfigError {}
