//! From names of variables to keys, and back.

use std::ffi::OsString;

use super::SettingsError;

/// Where variables come from, for people.
pub(super) const ORIGIN: &str = "the environment";

const PREFIX: &str = "MC_";
const NESTING: &str = "__";

/// Names that other tools have made common, and the keys they stand for.
const WELL_KNOWN: [(&str, &str); 5] = [
    ("ADMIN_EMAIL", "admin.email"),
    ("ADMIN_PASSWORD", "admin.password"),
    ("DATABASE_URL", "database.url"),
    ("NATS_URL", "nats.url"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "telemetry.otlp_endpoint"),
];

/// Names with the product's prefix that choose programs and test servers; no service reads them.
const NOT_SETTINGS: [&str; 3] = ["MC_NATS_SERVER", "MC_POSTGRES_BIN", "MC_TEST_POSTGRES_URL"];

/// Behind the name of any variable: it names a file that holds the value, as container runtimes
/// hand over secrets.
pub(super) const IN_FILE: &str = "_FILE";

/// Names the settings file itself.
pub(super) const CONFIG_FILE: &str = "MC_CONFIG";

/// One variable that is meant for this product.
#[derive(Clone, Debug)]
pub(super) struct Variable {
    pub name: String,
    /// The dotted key it sets, known or not.
    pub key: String,
    pub value: String,
}

/// What a variable with [`IN_FILE`] behind its name stands for.
#[derive(Debug)]
pub(super) struct InFile<'a> {
    /// The key whose value the file holds, known or not.
    pub key: &'a str,
    /// The variable that would set that key without a file.
    pub direct: &'a str,
}

impl Variable {
    /// Nothing when the variable isn't called so.
    pub fn in_file(&self) -> Option<InFile<'_>> {
        let key = self.key.strip_suffix(&IN_FILE.to_lowercase())?;
        Some(InFile { key, direct: self.name.strip_suffix(IN_FILE)? })
    }

    /// What the file that this variable names holds, without the end of the line that editors put
    /// there. An error tells neither value nor path: who mistakes one for the other would find
    /// the password in a log.
    pub fn read_file(&self) -> Result<String, SettingsError> {
        let name = || self.name.clone();
        let text = std::fs::read_to_string(&self.value)
            .map_err(|reason| SettingsError::SecretUnreadable { name: name(), reason })?;
        let value = text.strip_suffix('\n').unwrap_or(&text);
        let value = value.strip_suffix('\r').unwrap_or(value);
        if value.is_empty() {
            Err(SettingsError::SecretEmpty { name: name() })
        } else {
            Ok(value.to_owned())
        }
    }
}

/// Picks the product's variables from the environment, the well-known names last, because
/// they override.
pub(super) fn variables(
    environment: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Vec<Variable>, SettingsError> {
    let mut found = Vec::new();
    for (name, value) in environment {
        let Some((name, key)) = name.into_string().ok().and_then(with_key) else {
            continue;
        };
        let value =
            value.into_string().map_err(|_| SettingsError::NotUnicode { name: name.clone() })?;
        found.push(Variable { name, key, value });
    }
    found.sort_by_key(|variable| (!variable.name.starts_with(PREFIX), variable.name.clone()));
    Ok(found)
}

fn with_key(name: String) -> Option<(String, String)> {
    if NOT_SETTINGS.contains(&name.as_str()) {
        return None;
    }
    let (direct, suffix) = match name.strip_suffix(IN_FILE) {
        Some(direct) => (direct, IN_FILE),
        None => (name.as_str(), ""),
    };
    let well_known = WELL_KNOWN.iter().find(|(known, _)| *known == direct);
    let key = match (well_known, name.strip_prefix(PREFIX)) {
        (Some((_, key)), _) => format!("{key}{}", suffix.to_lowercase()),
        (None, Some(rest)) => rest.replace(NESTING, ".").to_lowercase(),
        (None, None) => return None,
    };
    Some((name, key))
}

/// The variable to recommend for `key`.
pub(super) fn variable_of(key: &str) -> String {
    WELL_KNOWN.iter().find(|(_, known)| *known == key).map_or_else(
        || format!("{PREFIX}{}", key.replace('.', NESTING).to_uppercase()),
        |(name, _)| (*name).to_owned(),
    )
}
