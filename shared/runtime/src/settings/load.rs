//! Merging the sources, and blaming the right one.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use figment::error::{Actual, Kind};
use figment::providers::Serialized;
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};

use super::environment::{self, Variable};
use super::violation::Violation;
use super::{Settings, SettingsError, suggestion};

const ENVIRONMENT: &str = "the environment";
const DEFAULTS: &str = "the defaults";

pub(super) fn load(
    config_file: Option<&Path>,
    environment: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Settings, SettingsError> {
    let mut variables = environment::variables(environment)?;
    let named_by_variable = take_config_file(&mut variables);
    let config_file = config_file.map(Path::to_path_buf).or(named_by_variable);

    let defaults = Figment::from(Serialized::defaults(Settings::default()));
    let known = Known::of(&defaults);
    let mut figment = defaults;
    if let Some(path) = config_file {
        figment = figment.merge(Layer::from_file(&path)?);
    }
    for variable in variables {
        // Compose files and CI pass empty strings for "not given".
        if !(variable.value.is_empty() && known.contains(&variable.key)) {
            figment = figment.merge(Layer::from_variable(&variable, &known));
        }
    }
    known.refuse_others(&figment)?;
    let settings: Settings = figment.extract().map_err(|error| explain(&figment, &error))?;
    check(&settings).map_err(|violation| blame(&figment, violation))?;
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
    settings.booking.check()?;
    settings.database.check()?;
    settings.lifecycle.check()?;
    settings.nats.check()?;
    settings.telemetry.check()
}

/// One source: a file, or a single variable, so that each value knows where it came from.
struct Layer {
    /// For people: a path, or "the environment".
    origin: String,
    /// The variable's name; none for files, where keys are written dotted.
    variable: Option<String>,
    values: Dict,
}

impl Layer {
    fn from_file(path: &Path) -> Result<Self, SettingsError> {
        let text = std::fs::read_to_string(path).map_err(|source| {
            SettingsError::FileUnreadable { path: path.to_path_buf(), source }
        })?;
        let values = toml::from_str(&text).map_err(|error| {
            // The error's own text quotes the line, which may hold a secret.
            let offset = error.span().map_or(0, |span| span.start).min(text.len());
            SettingsError::FileMalformed {
                path: path.to_path_buf(),
                line: text.as_bytes()[..offset].iter().filter(|b| **b == b'\n').count() + 1,
                reason: error.message().replace('\n', ", "),
            }
        })?;
        Ok(Self { origin: path.display().to_string(), variable: None, values })
    }

    fn from_variable(variable: &Variable, known: &Known) -> Self {
        let value = known.read(&variable.key, &variable.value);
        let Value::Dict(_, values) = figment::util::nest(&variable.key, value) else {
            unreachable!("nesting a value under a key makes a dictionary")
        };
        Self { origin: ENVIRONMENT.into(), variable: Some(variable.name.clone()), values }
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        let variable = self.variable.clone();
        Metadata::named(self.origin.clone())
            .interpolater(move |_, keys| variable.clone().unwrap_or_else(|| keys.join(".")))
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

/// The keys that exist, with their defaults.
struct Known(Vec<(String, Value)>);

impl Known {
    fn of(defaults: &Figment) -> Self {
        Self(leaves(defaults))
    }

    fn contains(&self, key: &str) -> bool {
        self.default_of(key).is_some()
    }

    fn default_of(&self, key: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| known == key).map(|(_, value)| value)
    }

    /// Variables have no types: a number is meant where the default is one, so that a
    /// password of digits stays a string.
    fn read(&self, key: &str, text: &str) -> Value {
        match self.default_of(key) {
            Some(Value::Num(..)) => match text.parse() {
                Ok(value @ Value::Num(..)) => value,
                _ => text.into(),
            },
            Some(Value::Bool(..)) => text.parse::<bool>().map_or(text.into(), Value::from),
            _ => text.into(),
        }
    }

    fn refuse_others(&self, figment: &Figment) -> Result<(), SettingsError> {
        let unknown = leaves(figment).into_iter().find(|(key, value)| {
            // A value in place of a section, or a section in place of a value, is a wrong
            // type, not an unknown key.
            !self.contains(key) && !self.is_section(key) && !self.is_inside_value(key, value)
        });
        let Some((key, _)) = unknown else { return Ok(()) };
        let (name, origin) = whereabouts(figment, &key);
        let suggestion = if origin == ENVIRONMENT {
            let variables: Vec<_> =
                self.0.iter().map(|(key, _)| environment::variable_of(key)).collect();
            suggestion::nearest(&name, variables.iter().map(String::as_str)).map(str::to_owned)
        } else {
            suggestion::nearest(&key, self.0.iter().map(|(key, _)| key.as_str()))
                .map(str::to_owned)
        };
        Err(SettingsError::UnknownKey { name, origin, suggestion })
    }

    fn is_section(&self, key: &str) -> bool {
        self.0.iter().any(|(known, _)| known.starts_with(&format!("{key}.")))
    }

    fn is_inside_value(&self, key: &str, _: &Value) -> bool {
        self.0.iter().any(|(known, _)| key.starts_with(&format!("{known}.")))
    }
}

/// All values that aren't sections, with their dotted keys.
fn leaves(figment: &Figment) -> Vec<(String, Value)> {
    fn walk(prefix: &str, values: &Dict, found: &mut Vec<(String, Value)>) {
        for (name, value) in values {
            let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            match value {
                Value::Dict(_, inner) if !inner.is_empty() => walk(&key, inner, found),
                _ => found.push((key, value.clone())),
            }
        }
    }
    let mut found = Vec::new();
    if let Ok(data) = figment.data() {
        for values in data.values() {
            walk("", values, &mut found);
        }
    }
    found
}

/// How `key` is written at its source, and what that source is.
fn whereabouts(figment: &Figment, key: &str) -> (String, String) {
    match figment.find_metadata(key) {
        Some(metadata) if metadata.interpolate_is_custom() => unreachable!(),
        _ => (key.to_owned(), DEFAULTS.to_owned()),
    }
}
