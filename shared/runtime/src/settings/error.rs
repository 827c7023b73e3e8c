//! Why settings were refused, each in a sentence that says what to do.

use std::path::PathBuf;

use super::environment;

/// Why settings were refused. No message holds a value, since any value may be a secret.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The settings file can't be read.
    #[error("cannot read the settings file {}: {reason}; correct --config or MC_CONFIG", path.display())]
    FileUnreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: std::io::Error,
    },
    /// The settings file isn't TOML.
    #[error("the settings file {} is not valid TOML at line {line}; correct that line", path.display())]
    FileMalformed {
        /// Which file.
        path: PathBuf,
        /// Which line, counted from 1.
        line: usize,
    },
    /// The value of a variable isn't Unicode.
    #[error("the value of {name} in the environment is not valid UTF-8; set it again or unset it")]
    NotUnicode {
        /// The variable's name.
        name: String,
    },
    /// The file that a variable names can't be read.
    #[error(
        "cannot read the file that {name} in the environment names: {reason}; correct the path"
    )]
    SecretUnreadable {
        /// The variable's name.
        name: String,
        /// Why.
        reason: std::io::Error,
    },
    /// The file that a variable names holds nothing.
    #[error("the file that {name} in the environment names is empty; write the value into it")]
    SecretEmpty {
        /// The variable's name.
        name: String,
    },
    /// A value, and a file with a value.
    #[error("{direct} and {in_file} are both set in the environment; unset one of them")]
    SetTwice {
        /// The variable with the value.
        direct: String,
        /// The variable with the file.
        in_file: String,
    },
    /// A key that no service knows.
    #[error("unknown setting {name} in {origin}; {}", advice(suggestion.as_deref()))]
    UnknownKey {
        /// As it is written there.
        name: String,
        /// The file, or the environment.
        origin: String,
        /// The most similar known key, written the same way.
        suggestion: Option<String>,
    },
    /// A value of the wrong type, or outside its range.
    #[error("setting {name} in {origin} {expected}; correct or remove it")]
    WrongValue {
        /// As it is written there.
        name: String,
        /// The file, or the environment.
        origin: String,
        /// What is wrong with it, as the rest of a sentence.
        expected: String,
    },
    /// One of two settings that go together.
    #[error(
        "setting {set} is set without {missing}; set both or neither, in the environment as {} and {}",
        environment::variable_of(set),
        environment::variable_of(missing)
    )]
    Incomplete {
        /// The key that is set.
        set: &'static str,
        /// The key that is not.
        missing: &'static str,
    },
    /// Needed by this command, and not set.
    #[error(
        "setting {key} is needed and not set; set {variable} in the environment, or {key} in the settings file"
    )]
    Missing {
        /// The key in dotted form.
        key: &'static str,
        /// The variable that sets it.
        variable: String,
    },
}

impl SettingsError {
    /// The error for an optional setting that turns out to be needed.
    pub fn missing(key: &'static str) -> Self {
        Self::Missing { key, variable: environment::variable_of(key) }
    }
}

fn advice(suggestion: Option<&str>) -> String {
    match suggestion {
        Some(name) => format!("did you mean {name}? Correct or remove it"),
        None => "correct or remove it".into(),
    }
}
