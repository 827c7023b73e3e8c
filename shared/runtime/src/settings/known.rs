//! The keys that exist.

use figment::providers::Serialized;
use figment::value::{Dict, Value};
use figment::{Figment, Provider};

use super::environment::{self, InFile, Variable};
use super::{Settings, SettingsError, suggestion};

/// All keys in dotted form, with their defaults (empty for optional ones).
pub(super) struct Known(Vec<(String, Value)>);

impl Known {
    pub fn new() -> Self {
        let defaults = Figment::from(Serialized::defaults(Settings::default()));
        let sections = defaults.data().unwrap_or_default();
        Self(sections.values().flat_map(leaves).collect())
    }

    /// The value of a variable, or nothing when it is empty: compose files and CI pass empty
    /// strings for "not given".
    pub fn value_of(&self, variable: &Variable) -> Result<Option<Value>, SettingsError> {
        let Some((_, default)) = self.0.iter().find(|(key, _)| *key == variable.key) else {
            return Err(self.unknown_variable(variable));
        };
        let text = variable.value.as_str();
        Ok((!text.is_empty()).then(|| typed_like(default, text)))
    }

    /// The variables as if those that name a file held its content.
    pub fn read_files(&self, variables: &[Variable]) -> Result<Vec<Variable>, SettingsError> {
        let is_given = |name: &str| {
            variables.iter().any(|found| found.name == name && !found.value.is_empty())
        };
        let read = |variable: &Variable| {
            let names_file = |found: &InFile<'_>| self.has(found.key) && !self.has(&variable.key);
            let Some(InFile { key, direct }) = variable.in_file().filter(names_file) else {
                return Ok(variable.clone());
            };
            let (key, name) = (key.to_owned(), variable.name.clone());
            if variable.value.is_empty() {
                return Ok(Variable { name, key, value: String::new() });
            }
            if is_given(direct) {
                return Err(SettingsError::SetTwice { direct: direct.to_owned(), in_file: name });
            }
            Ok(Variable { name, key, value: variable.read_file()? })
        };
        variables.iter().map(read).collect()
    }

    fn has(&self, key: &str) -> bool {
        self.keys().any(|known| known == key)
    }

    /// Refuses the first key of a file that doesn't exist. A value in place of a section, or a
    /// section in place of a value, passes: that is a wrong type, and is reported as such.
    pub fn check_file(&self, values: &Dict, origin: &str) -> Result<(), SettingsError> {
        let is_known = |key: &str| {
            self.keys().any(|known| known == key || is_below(known, key) || is_below(key, known))
        };
        match leaves(values).into_iter().find(|(key, _)| !is_known(key)) {
            None => Ok(()),
            Some((name, _)) => Err(SettingsError::UnknownKey {
                suggestion: suggestion::nearest(&name, self.keys()).map(str::to_owned),
                origin: origin.to_owned(),
                name,
            }),
        }
    }

    fn unknown_variable(&self, variable: &Variable) -> SettingsError {
        let names: Vec<_> = self.keys().map(environment::variable_of).collect();
        let (meant, suffix) = match variable.in_file() {
            Some(InFile { direct, .. }) => (direct, environment::IN_FILE),
            None => (variable.name.as_str(), ""),
        };
        let nearest = suggestion::nearest(meant, names.iter().map(String::as_str));
        SettingsError::UnknownKey {
            name: variable.name.clone(),
            origin: environment::ORIGIN.to_owned(),
            suggestion: nearest.map(|name| format!("{name}{suffix}")),
        }
    }

    /// Every key with its default in words, for the page that documents them.
    #[cfg(test)]
    pub fn keys_with_defaults(&self) -> Vec<(String, String)> {
        let word = |value: &Value| match value {
            Value::Num(_, number) => number.to_u128().map(|number| number.to_string()),
            Value::Bool(_, yes) => Some(yes.to_string()),
            _ => value.as_str().map(str::to_owned),
        };
        let with_default = |(key, value): &(String, Value)| {
            (key.clone(), word(value).unwrap_or_else(|| "none".to_owned()))
        };
        self.0.iter().map(with_default).collect()
    }

    fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(key, _)| key.as_str())
    }
}

/// Variables have no types. A number or a boolean is meant where the default is one, and nowhere
/// else, so that a password of digits stays a string.
fn typed_like(default: &Value, text: &str) -> Value {
    match default {
        Value::Num(..) => text
            .parse::<u64>()
            .map(Value::from)
            .or_else(|_| text.parse::<i64>().map(Value::from))
            .unwrap_or_else(|_| text.into()),
        Value::Bool(..) => text.parse::<bool>().map_or_else(|_| text.into(), Value::from),
        _ => text.into(),
    }
}

fn is_below(key: &str, section: &str) -> bool {
    key.strip_prefix(section).is_some_and(|rest| rest.starts_with('.'))
}

/// All values that aren't sections, with their dotted keys.
fn leaves(values: &Dict) -> Vec<(String, Value)> {
    fn walk(prefix: &str, values: &Dict, found: &mut Vec<(String, Value)>) {
        for (name, value) in values {
            let key = format!("{prefix}{name}");
            match value {
                Value::Dict(_, inner) if !inner.is_empty() => {
                    walk(&format!("{key}."), inner, found);
                }
                _ => found.push((key, value.clone())),
            }
        }
    }
    let mut found = Vec::new();
    walk("", values, &mut found);
    found
}
