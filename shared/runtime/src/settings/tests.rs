use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use secrecy::ExposeSecret as _;

use super::*;

fn from_env(environment: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    Settings::from_sources(None, environment.iter().copied())
}

fn refusal(environment: &[(&str, &str)]) -> String {
    from_env(environment).expect_err("these settings are wrong").to_string()
}

struct File {
    path: PathBuf,
    _dir: tempfile::TempDir,
}

fn file(text: &str) -> File {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mc.toml");
    std::fs::write(&path, text).unwrap();
    File { path, _dir: dir }
}

fn file_refusal(text: &str) -> String {
    let file = file(text);
    let error = Settings::from_sources(Some(&file.path), [("PATH", "/bin")])
        .expect_err("these settings are wrong")
        .to_string();
    error.replace(file.path.to_str().unwrap(), "mc.toml")
}

#[test]
fn defaults_need_no_source() {
    let settings = from_env(&[("HOME", "/home/someone")]).unwrap();
    assert_eq!(settings.api.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.nats.commands_max_bytes, 2 * 1024 * 1024 * 1024);
    assert!(settings.database.url.is_none());
    assert_eq!(settings.telemetry.instance_id.len(), 32);
}

#[test]
fn instance_ids_differ_by_default() {
    let (one, other) = (from_env(&[]).unwrap(), from_env(&[]).unwrap());
    assert_ne!(one.telemetry.instance_id, other.telemetry.instance_id);
}

#[test]
fn sources_override_one_another_in_order() {
    let file = file("[nats]\nurl = 'nats://file:1'\nreplicas = 3\nack_wait_ms = 2000\n");
    let path = file.path.to_str().unwrap();
    let settings = from_env(&[
        ("NATS_URL", "nats://well-known:3"),
        ("MC_NATS__URL", "nats://variable:2"),
        ("MC_NATS__REPLICAS", "5"),
        ("MC_CONFIG", path),
    ])
    .unwrap();
    assert_eq!(settings.nats.url, "nats://well-known:3");
    assert_eq!(settings.nats.replicas, 5);
    assert_eq!(settings.nats.ack_wait_ms, 2_000);
}

#[test]
fn an_argument_beats_the_file_that_the_environment_names() {
    let file = file("[api]\nissuer = 'clinic'\n");
    let settings =
        Settings::from_sources(Some(&file.path), [("MC_CONFIG", "/nowhere/mc.toml")]).unwrap();
    assert_eq!(settings.api.issuer, "clinic");
}

#[test]
fn well_known_names_reach_their_keys() {
    let settings = from_env(&[
        ("DATABASE_URL", "postgres://owner"),
        ("ADMIN_EMAIL", "admin@example.org"),
        ("ADMIN_PASSWORD", "12345678"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"),
    ])
    .unwrap();
    assert_eq!(settings.database.require_url().unwrap().expose_secret(), "postgres://owner");
    let (email, password) = settings.admin.credentials().unwrap();
    assert_eq!((email, password.expose_secret()), ("admin@example.org", "12345678"));
    assert_eq!(settings.telemetry.otlp_endpoint.as_deref(), Some("http://collector:4318"));
}

#[test]
fn empty_variables_count_as_unset() {
    let settings = from_env(&[
        ("ADMIN_EMAIL", ""),
        ("ADMIN_PASSWORD", ""),
        ("DATABASE_URL", ""),
        ("MC_CONFIG", ""),
        ("NATS_URL", ""),
        ("MC_API__LISTEN", ""),
    ])
    .unwrap();
    assert!(settings.admin.credentials().is_none());
    assert!(settings.database.url.is_none());
    assert_eq!(settings.nats.url, "nats://127.0.0.1:4222");
}

#[test]
fn any_variable_may_name_a_file_with_its_value() {
    let url = file("postgres://owner\n");
    let password = file("12345678\r\n");
    let settings = from_env(&[
        ("DATABASE_URL_FILE", url.path.to_str().unwrap()),
        ("MC_DATABASE__API_URL_FILE", url.path.to_str().unwrap()),
        ("ADMIN_EMAIL", "admin@example.org"),
        ("ADMIN_PASSWORD_FILE", password.path.to_str().unwrap()),
        ("ADMIN_PASSWORD", ""),
        ("MC_NATS__USER_FILE", ""),
    ])
    .unwrap();
    assert_eq!(settings.database.require_url().unwrap().expose_secret(), "postgres://owner");
    assert_eq!(settings.database.require_api_url().unwrap().expose_secret(), "postgres://owner");
    assert_eq!(settings.admin.credentials().unwrap().1.expose_secret(), "12345678");
    assert!(settings.nats.user.is_none());
}

#[test]
fn files_that_hold_no_value_are_explained_without_telling_their_names() {
    let sentence = refusal(&[("DATABASE_URL_FILE", "postgres://owner:secret@db/x")]);
    assert!(
        sentence.starts_with("cannot read the file that DATABASE_URL_FILE in the environment"),
        "{sentence}"
    );
    assert!(!sentence.contains("secret"), "{sentence}");
    let empty = file("\n");
    assert_eq!(
        refusal(&[("MC_NATS__PASSWORD_FILE", empty.path.to_str().unwrap())]),
        "the file that MC_NATS__PASSWORD_FILE in the environment names is empty; \
         write the value into it"
    );
    assert_eq!(
        refusal(&[("NATS_URL", "nats://a:1"), ("NATS_URL_FILE", "/run/secrets/url")]),
        "NATS_URL and NATS_URL_FILE are both set in the environment; unset one of them"
    );
    assert_eq!(
        refusal(&[("MC_API__LISTN_FILE", "/run/secrets/x")]),
        "unknown setting MC_API__LISTN_FILE in the environment; \
         did you mean MC_API__LISTEN_FILE? Correct or remove it"
    );
    let many = file("many");
    assert_eq!(
        refusal(&[("MC_BOOKING__BATCH_SIZE_FILE", many.path.to_str().unwrap())]),
        "setting MC_BOOKING__BATCH_SIZE_FILE in the environment must be a whole number, \
         not a text; correct or remove it"
    );
}

#[test]
fn refuses_unknown_variables() {
    assert_eq!(
        refusal(&[("MC_API__LISTN", "127.0.0.1:1")]),
        "unknown setting MC_API__LISTN in the environment; \
         did you mean MC_API__LISTEN? Correct or remove it"
    );
    assert_eq!(
        refusal(&[("MC_API_LISTEN", "127.0.0.1:1")]),
        "unknown setting MC_API_LISTEN in the environment; \
         did you mean MC_API__LISTEN? Correct or remove it"
    );
    assert_eq!(
        refusal(&[("MC_COLOUR_OF_THE_SKY", "")]),
        "unknown setting MC_COLOUR_OF_THE_SKY in the environment; correct or remove it"
    );
    for name in ["MC_", "MC___", "MC_API", "MC_API__", "MC_API____LISTEN"] {
        assert!(refusal(&[(name, "1")]).starts_with(&format!("unknown setting {name} in")));
    }
}

#[test]
fn refuses_unknown_keys_in_files() {
    assert_eq!(
        file_refusal("[api]\nlistn = '127.0.0.1:1'\n"),
        "unknown setting api.listn in mc.toml; did you mean api.listen? Correct or remove it"
    );
    assert_eq!(
        file_refusal("[weather]\n"),
        "unknown setting weather in mc.toml; correct or remove it"
    );
}

#[test]
fn refuses_wrong_types_and_never_quotes_the_value() {
    assert_eq!(
        refusal(&[("MC_BOOKING__BATCH_SIZE", "many")]),
        "setting MC_BOOKING__BATCH_SIZE in the environment must be a whole number, not a text; \
         correct or remove it"
    );
    assert_eq!(
        file_refusal("[database]\nurl = 5\n"),
        "setting database.url in mc.toml must be a string, not a number; correct or remove it"
    );
    assert_eq!(
        file_refusal("api = 5\n"),
        "setting api in mc.toml must be a section, not a number; correct or remove it"
    );
    assert_eq!(
        file_refusal("[api.listen]\nport = 5\n"),
        "setting api.listen in mc.toml must be an address and port such as 127.0.0.1:8080, \
         not a section; correct or remove it"
    );
    assert_eq!(
        refusal(&[("MC_API__CALLER_BURST", "0")]),
        "setting MC_API__CALLER_BURST in the environment must be a whole number above zero, \
         not zero; correct or remove it"
    );
    assert_eq!(
        refusal(&[("MC_API__LISTEN", "localhost")]),
        "setting MC_API__LISTEN in the environment must be an address and port such as \
         127.0.0.1:8080; correct or remove it"
    );
    assert_eq!(
        refusal(&[("MC_TELEMETRY__LOG_FORMAT", "xml")]),
        "setting MC_TELEMETRY__LOG_FORMAT in the environment must be one of auto, json, text; \
         correct or remove it"
    );
    for number in ["99999999999", "-1"] {
        assert_eq!(
            refusal(&[("MC_API__MAX_CONNECTIONS", number)]),
            "setting MC_API__MAX_CONNECTIONS in the environment is a number out of range; \
             correct or remove it"
        );
    }
}

#[test]
fn refuses_values_outside_their_range() {
    assert_eq!(
        refusal(&[("MC_BOOKING__BATCH_SIZE", "0")]),
        "setting MC_BOOKING__BATCH_SIZE in the environment must be between 1 and 1000; \
         correct or remove it"
    );
    assert_eq!(
        file_refusal("[nats]\nreplicas = 2\n"),
        "setting nats.replicas in mc.toml must be 1, 3 or 5; correct or remove it"
    );
    for (name, value) in [
        ("MC_TELEMETRY__INSTANCE_ID", "a.b"),
        ("MC_TELEMETRY__LOG_FILTER", "info,=="),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"),
        ("NATS_URL", "nats://user:secret@host:4222"),
        ("MC_NATS__USER", "two words secret"),
        ("NATS_URL", "http://host:4222"),
        ("NATS_URL", "host"),
        ("NATS_URL", "nats://one:4222,http://secret:4222"),
        ("DATABASE_URL", "mysql://owner:secret@host/x"),
        ("MC_DATABASE__OPS_URL", "secret"),
        ("MC_API__BODY_LIMIT_BYTES", "1"),
        ("MC_LIFECYCLE__STOP_GRACE_MS", "600001"),
        ("MC_DATABASE__API_CONNECTIONS", "0"),
    ] {
        let sentence = refusal(&[(name, value)]);
        assert!(
            sentence.starts_with(&format!("setting {name} in the environment must")),
            "{sentence}"
        );
        assert!(!sentence.contains("secret"), "{sentence}");
    }
}

#[test]
fn an_administrator_has_both_email_and_password() {
    assert_eq!(
        refusal(&[("ADMIN_EMAIL", "admin@example.org")]),
        "setting admin.email is set without admin.password; \
         set both or neither, in the environment as ADMIN_EMAIL and ADMIN_PASSWORD"
    );
    assert!(refusal(&[("ADMIN_PASSWORD", "x")]).starts_with("setting admin.password is set"));
    assert!(refusal(&[("MC_NATS__USER", "api")]).contains("MC_NATS__USER and MC_NATS__PASSWORD"));
}

#[test]
fn what_is_needed_and_missing_says_how_to_set_it() {
    let settings = from_env(&[]).unwrap();
    assert_eq!(
        settings.database.require_url().unwrap_err().to_string(),
        "setting database.url is needed and not set; \
         set DATABASE_URL in the environment, or database.url in the settings file"
    );
    let error = settings.database.require_api_url().unwrap_err().to_string();
    assert!(error.contains("MC_DATABASE__API_URL"), "{error}");
    let error = settings.api.require_keys_dir().unwrap_err().to_string();
    assert!(error.contains("MC_API__KEYS_DIR"), "{error}");
}

#[test]
fn unusable_files_are_explained() {
    let missing = Settings::from_sources(Some(Path::new("/nowhere/mc.toml")), [("A", "b")]);
    let sentence = missing.unwrap_err().to_string();
    assert!(sentence.starts_with("cannot read the settings file /nowhere/mc.toml: "), "{sentence}");
    assert_eq!(
        file_refusal("[database]\nurl = 'postgres://secret\n"),
        "the settings file mc.toml is not valid TOML at line 2; correct that line"
    );
}

#[test]
fn variables_that_are_not_unicode_are_refused_by_name() {
    let bytes = || OsString::from_vec(vec![0xff]);
    let error = Settings::from_sources(None, [(OsString::from("NATS_URL"), bytes())]).unwrap_err();
    assert!(error.to_string().starts_with("the value of NATS_URL"), "{error}");
    Settings::from_sources(None, [(bytes(), bytes()), ("OTHER".into(), bytes())]).unwrap();
}

#[test]
fn debug_redacts_secrets_and_personal_data() {
    let settings = from_env(&[
        ("DATABASE_URL", "postgres://owner:hidden@host"),
        ("MC_DATABASE__API_URL", "postgres://api:hidden@host"),
        ("MC_NATS__USER", "api"),
        ("MC_NATS__PASSWORD", "hidden"),
        ("ADMIN_EMAIL", "hidden@example.org"),
        ("ADMIN_PASSWORD", "hidden"),
    ])
    .unwrap();
    let text = format!("{settings:?}");
    assert!(!text.contains("hidden"), "{text}");
    assert!(text.contains("REDACTED"), "{text}");
}

/// The page as rows of cells, without the headings.
fn documented() -> Vec<Vec<&'static str>> {
    let page = include_str!("../../../../docs/SETTINGS.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| row.trim_end_matches(" |").split(" | ").collect()).collect()
}

#[test]
fn every_setting_is_documented_with_its_variable_and_default() {
    let rows = documented();
    let keys = known::Known::new().keys_with_defaults();
    for (key, default) in &keys {
        let variable = environment::variable_of(key);
        let row = rows.iter().find(|row| row[0] == format!("{key}`"));
        let row = row.unwrap_or_else(|| panic!("docs/SETTINGS.md says nothing of {key}"));
        assert_eq!(row[1], format!("`{variable}`"), "{key}");
        // Its default is another one in every process.
        let default = if key == "telemetry.instance_id" { "random" } else { default.as_str() };
        assert_eq!(row[3].trim_matches('`'), default, "{key}");
        let unit = [("_ms", "ms"), ("_bytes", "bytes"), ("_token_s", "s"), ("_wait_s", "s")];
        for (_, unit) in unit.iter().filter(|(suffix, _)| key.ends_with(suffix)) {
            assert_eq!(row[2], *unit, "{key}");
        }
    }
    let dotted = rows.iter().filter(|row| row[0].contains('.'));
    for row in dotted {
        let key = row[0].trim_end_matches('`');
        assert!(keys.iter().any(|(known, _)| known == key), "there is no setting {key}");
    }
}

#[test]
fn yes_and_no_come_from_variables() {
    let allowed = |value| from_env(&[("MC_ELIGIBILITY__ALLOW_PRIVATE_ADDRESSES", value)]);
    assert!(allowed("true").unwrap().eligibility.allow_private_addresses);
    assert!(!allowed("false").unwrap().eligibility.allow_private_addresses);
    assert!(!allowed("").unwrap().eligibility.allow_private_addresses);
    let refused = allowed("perhaps").unwrap_err().to_string();
    assert!(refused.contains("MC_ELIGIBILITY__ALLOW_PRIVATE_ADDRESSES"), "{refused}");
}

#[test]
fn payers_have_places_of_their_own_and_urls_are_checked() {
    let file = file("[eligibility.payer_urls]\n00042 = 'https://insurer.example/x'\n");
    let settings = Settings::from_sources(Some(&file.path), [("PATH", "/bin")]).unwrap();
    assert_eq!(settings.eligibility.payer_urls["00042"], "https://insurer.example/x");
    for url in
        ["insurer.example", "ftp://x", "https://", "https://a@b", "https://x?y", "https://x y"]
    {
        let refused = refusal(&[("MC_ELIGIBILITY__INSURER_URL", url)]);
        assert!(refused.contains("INSURER_URL"), "{refused}");
    }
    let short = refusal(&[("MC_ELIGIBILITY__LEASE_MS", "20000")]);
    assert!(short.contains("must be longer than eligibility.call_timeout_ms"), "{short}");
    assert!(refusal(&[("MC_ELIGIBILITY__INSURER_URI", "x")]).contains("INSURER_URL"));
}
