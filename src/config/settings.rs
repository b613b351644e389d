//! The macro that declares settings, and their description for the command line.

use std::borrow::Cow;

use super::value::SettingValue;

/// Declares a struct of settings. Each field has a doc comment, which is also the help text, a name, a type
/// that implements [`SettingValue`], a default, and a [`SettingInfo`]. After `parse`, a function may replace
/// the parser of the type. A `group` is a field with another struct of settings.
///
/// With `as`, a function makes the [`SettingInfo`] of each field from its name, and `=> parse` replaces the parser.
macro_rules! settings {
    (
        $(#[$meta:meta])*
        pub struct $struct:ident as $info:path {
            $(
                $(#[doc = $doc:literal])+
                $name:ident: $type:ty = $default:expr $(=> parse $parse:path)?,
            )+
        }
    ) => {
        settings! {
            $(#[$meta])*
            pub struct $struct {
                $(
                    $(#[doc = $doc])+
                    $name: $type = $default, $info(stringify!($name)) $(, parse $parse)?;
                )+
            }
        }
    };
    (
        $(#[$meta:meta])*
        pub struct $struct:ident {
            $(
                $(#[doc = $doc:literal])+
                $name:ident: $type:ty = $default:expr, $info:expr $(, parse $parse:path)?;
            )+
            $(group $(#[doc = $group_doc:literal])+ $group:ident: $group_type:ty;)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug)]
        pub struct $struct {
            $($(#[doc = $doc])+ pub $name: $type,)+
            $($(#[doc = $group_doc])+ pub $group: $group_type,)*
        }

        impl Default for $struct {
            fn default() -> Self {
                Self { $($name: $default,)+ $($group: Default::default(),)* }
            }
        }

        impl $struct {
            /// All settings with their values, in the order of their declaration.
            pub(super) fn settings(&self) -> Vec<Setting> {
                [$(Setting::new($info, concat!($($doc),+), &self.$name),)+]
                    .into_iter()
                    $(.chain(self.$group.settings()))*
                    .collect()
            }

            /// Parses and sets the setting with this variable. The error describes the expected values.
            /// `None` if there is no such setting.
            pub(super) fn set(&mut self, variable: &str, text: &str) -> Option<Result<(), String>> {
                $(if $info.variable == variable {
                    let value = settings!(@parse $type $(, $parse)?)(text);
                    return Some(value.map(|value| self.$name = value));
                })+
                $(if let Some(set) = self.$group.set(variable, text) {
                    return Some(set);
                })*
                None
            }
        }
    };
    (@parse $type:ty) => { <$type as SettingValue>::parse };
    (@parse $type:ty, $parse:path) => { $parse };
}

pub(super) use settings;

/// How a setting appears on the command line and in the environment.
#[derive(Clone, Debug)]
pub(super) struct SettingInfo {
    /// The environment variable, such as `BCRYPT_COST`.
    pub(super) variable: Cow<'static, str>,
    /// The name of the value in the help.
    pub(super) placeholder: &'static str,
    /// The heading in the help; `None` for the general options.
    pub(super) heading: Option<&'static str>,
    /// Describes the default in the help, if the value itself does not.
    pub(super) default: Option<&'static str>,
    /// Whether the help and error messages hide the value.
    pub(super) secret: bool,
}

impl SettingInfo {
    pub(super) fn new(variable: &'static str, placeholder: &'static str) -> Self {
        Self { variable: variable.into(), placeholder, heading: None, default: None, secret: false }
    }

    /// A limit: the variable of the field `depth` is `LIMIT_DEPTH`.
    pub(super) fn limit(field: &'static str) -> Self {
        let variable = format!("LIMIT_{}", field.to_uppercase()).into();
        Self { variable, heading: Some("Limits"), ..Self::new("", "LIMIT") }
    }

    /// Describes the default in the help.
    pub(super) fn default_text(self, default: &'static str) -> Self {
        Self { default: Some(default), ..self }
    }

    /// Hides the value in the help and in errors. `bookshelf config` prints [`SettingValue::to_text`], so the
    /// type of a secret must hide it there, and in its `Debug`.
    pub(super) fn secret(self) -> Self {
        Self { secret: true, ..self }
    }

    /// The command line option, such as `bcrypt-cost`.
    pub(super) fn option(&self) -> String {
        self.variable.to_lowercase().replace('_', "-")
    }
}

/// A setting with its value.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    pub(super) info: SettingInfo,
    pub(super) help: String,
    /// The value as text, without secrets; empty if it is absent.
    pub(super) text: String,
    /// A remark on the value for `bookshelf config`.
    pub(super) remark: Option<String>,
}

impl Setting {
    pub(super) fn new(info: SettingInfo, doc: &str, value: &impl SettingValue) -> Self {
        let doc = doc.trim();
        let mut help = doc.strip_suffix('.').unwrap_or(doc).to_owned();
        if let Some(default) = info.default {
            help.push_str(&format!(" [default: {default}]"));
        }
        Self { info, help, text: value.to_text(), remark: value.remark() }
    }
}
