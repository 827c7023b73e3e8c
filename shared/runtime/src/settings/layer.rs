//! One source of settings: a file, or a single variable, so that each value knows its origin.

use std::path::Path;

use figment::value::{Dict, Map, Value};
use figment::{Metadata, Profile, Provider};

use super::SettingsError;
use super::environment::{self, Variable};
use super::known::Known;

pub(super) struct Layer {
    origin: String,
    /// The variable's name; none for a file, where keys are written in dotted form.
    variable: Option<String>,
    values: Dict,
}

impl Layer {
    pub fn from_file(path: &Path, known: &Known) -> Result<Self, SettingsError> {
        let text = std::fs::read_to_string(path)
            .map_err(|reason| SettingsError::FileUnreadable { path: path.into(), reason })?;
        let values = toml::from_str(&text).map_err(|error| {
            // The error's own text quotes the line, which may hold a secret.
            let offset = error.span().map_or(0, |span| span.start).min(text.len());
            SettingsError::FileMalformed {
                path: path.into(),
                line: text.as_bytes()[..offset].split(|byte| *byte == b'\n').count(),
            }
        })?;
        let origin = path.display().to_string();
        known.check_file(&values, &origin)?;
        Ok(Self { origin, variable: None, values })
    }

    /// The layer of one variable; none when it is empty.
    pub fn from_variable(
        variable: &Variable,
        known: &Known,
    ) -> Result<Option<Self>, SettingsError> {
        let value = known.value_of(variable)?;
        Ok(value.map(|value| Self {
            origin: environment::ORIGIN.to_owned(),
            variable: Some(variable.name.clone()),
            values: nest(&variable.key, value),
        }))
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

fn nest(key: &str, value: Value) -> Dict {
    match key.split_once('.') {
        None => Dict::from([(key.to_owned(), value)]),
        Some((section, rest)) => Dict::from([(section.to_owned(), nest(rest, value).into())]),
    }
}
