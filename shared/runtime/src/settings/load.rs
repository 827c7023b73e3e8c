//! Merging the sources, and blaming the right one.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use figment::error::{Actual, Kind};
use figment::providers::Serialized;
use figment::{Figment, Metadata, Profile};

use super::environment::{self, Variable};
use super::known::Known;
use super::layer::Layer;
use super::violation::Violation;
use super::{Settings, SettingsError};

const ADDRESS: &str = "an address and port such as 127.0.0.1:8080";

const WHOLE_NUMBER: &str = "a whole number";

pub(super) fn load(
    config_file: Option<&Path>,
    environment: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Settings, SettingsError> {
    let mut variables = environment::variables(environment)?;
    let named_by_variable = take_config_file(&mut variables);
    let known = Known::new();

    let mut figment = Figment::from(Serialized::defaults(Settings::default()));
    if let Some(path) = config_file.or(named_by_variable.as_deref()) {
        figment = figment.merge(Layer::from_file(path, &known)?);
    }
    for variable in &known.read_files(&variables)? {
        if let Some(layer) = Layer::from_variable(variable, &known)? {
            figment = figment.merge(layer);
        }
    }
    let settings = figment.extract().map_err(|error| wrong_type(&error))?;
    check(&settings).map_err(|violation| wrong_value(&figment, violation))?;
    Ok(settings)
}

fn take_config_file(variables: &mut Vec<Variable>) -> Option<PathBuf> {
    let index = variables.iter().position(|v| v.name == environment::CONFIG_FILE)?;
    let value = variables.remove(index).value;
    (!value.is_empty()).then(|| PathBuf::from(value))
}

fn check(settings: &Settings) -> Result<(), Violation> {
    settings.admin.check()?;
    settings.api.check()?;
    settings.audit.check()?;
    settings.booking.check()?;
    settings.scheduling.check()?;
    settings.database.check()?;
    settings.eligibility.check()?;
    settings.lifecycle.check()?;
    settings.nats.check()?;
    settings.telemetry.check()
}

fn wrong_type(error: &figment::Error) -> SettingsError {
    let key = error.path.join(".");
    blame(error.metadata.as_ref(), &key, expectation(&key, &error.kind))
}

fn wrong_value(figment: &Figment, violation: Violation) -> SettingsError {
    match violation {
        Violation::Incomplete { set, missing } => SettingsError::Incomplete { set, missing },
        Violation::Value { key, expected } => blame(figment.find_metadata(key), key, expected),
    }
}

fn blame(metadata: Option<&Metadata>, key: &str, expected: String) -> SettingsError {
    let keys: Vec<_> = key.split('.').collect();
    SettingsError::WrongValue {
        name: metadata.map_or_else(|| key.into(), |m| m.interpolate(&Profile::Default, &keys)),
        origin: metadata.map_or_else(|| "the settings".into(), |m| m.name.to_string()),
        expected,
    }
}

/// The rest of a sentence that starts with the key. It never quotes the value.
fn expectation(key: &str, kind: &Kind) -> String {
    match kind {
        Kind::InvalidType(Actual::Unsigned(1..) | Actual::Signed(_), expected)
        | Kind::InvalidValue(Actual::Unsigned(1..) | Actual::Signed(_), expected)
            if expected_type(expected).starts_with(WHOLE_NUMBER) =>
        {
            "is a number out of range".into()
        }
        Kind::InvalidType(actual, expected) | Kind::InvalidValue(actual, expected) => {
            format!("must be {}, not {}", expected_type(expected), type_of(actual))
        }
        Kind::UnknownVariant(_, variants) => format!("must be one of {}", variants.join(", ")),
        Kind::UnknownField(name, _) => format!("has the unknown key {name}"),
        Kind::MissingField(name) => format!("misses the key {name}"),
        Kind::ISizeOutOfRange(_) | Kind::USizeOutOfRange(_) => "is a number out of range".into(),
        // The only type here that is parsed from a text.
        Kind::Message(_) if key.ends_with("listen") => format!("must be {ADDRESS}"),
        _ => "is not valid".into(),
    }
}

/// Rust's names of types, in words.
fn expected_type(expected: &str) -> &str {
    match expected {
        "u16" | "u32" | "u64" | "usize" => WHOLE_NUMBER,
        "a nonzero u32" => "a whole number above zero",
        "socket address" => ADDRESS,
        other if other.starts_with("struct ") => "a section",
        other => other,
    }
}

fn type_of(actual: &Actual) -> &'static str {
    match actual {
        Actual::Bool(_) => "a boolean",
        Actual::Unsigned(0) => "zero",
        Actual::Unsigned(_) | Actual::Signed(_) => "a number",
        Actual::Float(_) => "a fraction",
        Actual::Char(_) | Actual::Str(_) => "a text",
        Actual::Seq => "a list",
        Actual::Map => "a section",
        _ => "something else",
    }
}
