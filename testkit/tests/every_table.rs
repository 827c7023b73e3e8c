//! Row-level security alone, without anything that api checks: every table of the schema and every
//! policy on it, from the catalogue. A table or a policy that isn't in the lists below fails here.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the answer")]

use std::collections::{BTreeMap, BTreeSet};

use store::ServiceRole;
use testkit::TestDatabase;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

/// What api's role sees of a table that has one row of each of two sides: without a caller, as two
/// patients, as the doctor of each, as an administrator, as an operator. No number: it may not look.
struct Table {
    name: &'static str,
    seen: Option<[i64; 7]>,
}

const fn seen(name: &'static str, seen: [i64; 7]) -> Table {
    Table { name, seen: Some(seen) }
}

const fn hidden(name: &'static str) -> Table {
    Table { name, seen: None }
}

/// Every table. To add one: say here who sees how many of its two rows, add the rows in `FILL`, and,
/// if api may write to it, what is tried in `ATTEMPTS`.
const TABLES: &[Table] = &[
    hidden("account_notices"),
    seen("appointment_status_history", [0, 1, 1, 1, 1, 2, 0]),
    seen("appointments", [0, 1, 1, 1, 1, 2, 0]),
    // COPY refuses tables with row-level security: nobody but the auditor has the privilege.
    hidden("audit_log"),
    hidden("audit_seals"),
    // A directory, for everybody who is signed in.
    seen("availability_exceptions", [0, 2, 2, 2, 2, 2, 2]),
    seen("availability_rules", [0, 2, 2, 2, 2, 2, 2]),
    seen("care_relations", [0, 1, 1, 1, 1, 2, 0]),
    seen("clinical_notes", [0, 1, 1, 1, 1, 2, 0]),
    seen("coverages", [0, 1, 1, 0, 0, 2, 0]),
    seen("dead_letter_actions", [0, 0, 0, 0, 0, 2, 2]),
    hidden("dead_letter_positions"),
    seen("dead_letters", [0, 0, 0, 0, 0, 2, 2]),
    seen("eligibility_checks", [0, 1, 1, 1, 1, 2, 0]),
    seen("emergency_access_reviews", [0, 0, 0, 1, 1, 2, 0]),
    seen("emergency_accesses", [0, 0, 0, 1, 1, 2, 0]),
    seen("healthcare_services", [0, 2, 2, 2, 2, 2, 2]),
    hidden("known_devices"),
    hidden("ledger_checkpoint_letters"),
    hidden("ledger_checkpoints"),
    seen("locations", [0, 2, 2, 2, 2, 2, 2]),
    hidden("message_attempts"),
    hidden("outbox"),
    hidden("password_resets"),
    seen("patients", [0, 1, 1, 1, 1, 2, 0]),
    seen("practitioners", [0, 2, 2, 2, 2, 2, 2]),
    hidden("recovery_codes"),
    hidden("refresh_tokens"),
    seen("requests", [0, 1, 1, 0, 0, 0, 0]),
    hidden("sessions"),
    hidden("sign_in_challenges"),
    hidden("sign_in_failures"),
    hidden("totp_authenticators"),
    seen("users", [0, 1, 1, 1, 1, 6, 1]),
];

/// Tables without row-level security, and why.
const UNGUARDED: &[(&str, &str)] = &[
    ("audit_log", "COPY refuses it; privileges guard it, and triggers"),
    ("_sqlx_migrations", "the schema's version"),
];

/// The rows: Ada's and Bob's, and staff who have none. Each of both has a doctor of their own, who
/// has opened a chart in an emergency that is over.
const FILL: &str = "
    INSERT INTO users (id, email, password_hash, role, created_at)
        SELECT id, id || '@x.example', '-', role, now() FROM people;
    INSERT INTO patients SELECT id, 'A', 'B', '1990-01-01' FROM people WHERE role = 'patient';
    INSERT INTO practitioners
        SELECT id, 'C', 'D', 'gp', id, now() FROM people WHERE role = 'doctor';
    INSERT INTO sessions (id, user_id, created_at, expires_at, last_used_at)
        SELECT patient, patient, now(), now(), now() FROM sides;
    INSERT INTO refresh_tokens SELECT sha256(patient::text::bytea), patient, now() FROM sides;
    INSERT INTO sign_in_failures SELECT sha256(patient::text::bytea), 1, now(), now() FROM sides;
    INSERT INTO known_devices (token_sha256, user_id, expires_at)
        SELECT sha256(patient::text::bytea), patient, now() FROM sides;
    INSERT INTO totp_authenticators (user_id, secret, created_at)
        SELECT patient, substr(sha256(patient::text::bytea), 1, 20), now() FROM sides;
    INSERT INTO recovery_codes SELECT sha256(patient::text::bytea), patient FROM sides;
    INSERT INTO sign_in_challenges (token_sha256, user_id, expires_at)
        SELECT sha256(patient::text::bytea), patient, now() FROM sides;
    INSERT INTO password_resets (user_id, token_sha256, created_at, expires_at)
        SELECT patient, sha256(patient::text::bytea), now(), now() FROM sides;
    INSERT INTO account_notices (id, kind, user_id, created_at)
        SELECT patient, 'account.reset-requested', patient, now() FROM sides;
    INSERT INTO locations SELECT patient, 'L', 'Etc/UTC', true, 1 FROM sides;
    INSERT INTO healthcare_services
        SELECT patient, 'S', NULL, 'video', 30, 0, 0, 30, 0, 90, true, 1 FROM sides;
    INSERT INTO availability_rules
            (practitioner_id, weekday, starts_at, ends_at, time_zone, slot_minutes)
        SELECT doctor, 1, '09:00', '17:00', 'Europe/Berlin', 30 FROM sides;
    INSERT INTO availability_exceptions
        SELECT doctor, '2027-03-02', 'closed', '09:00', '17:00', NULL, '{}' FROM sides;
    INSERT INTO appointments (id, practitioner_id, patient_id, during, occupied, status, version,
            request_id, created_at)
        SELECT patient, doctor, patient, '[2027-03-01 09:00Z, 2027-03-01 09:30Z)',
            '[2027-03-01 09:00Z, 2027-03-01 09:30Z)', 'booked', 1, patient, now() FROM sides;
    INSERT INTO appointment_status_history SELECT patient, 1, 'booked', NULL, now(), patient,
        'patient', patient, patient FROM sides;
    INSERT INTO clinical_notes SELECT patient, 1, patient, patient, doctor, 'n', now(), patient
        FROM sides;
    INSERT INTO care_relations (id, practitioner_id, patient_id, since, assigned_by)
        SELECT patient, doctor, patient, now(), admin FROM sides;
    INSERT INTO requests SELECT patient, 'book', patient, NULL, 'applied', NULL, '{}', patient, 1,
        now(), now() FROM sides;
    INSERT INTO coverages (id, patient_id, payer_id, subscriber_id, relationship, status,
            created_at, created_by)
        SELECT patient, patient, '00042', 'M', 'self', 'active', now(), patient FROM sides;
    INSERT INTO eligibility_checks (id, coverage_id, appointment_id, payer_id, service_date,
            correlation_id, created_at, changed_at)
        SELECT patient, patient, patient, '00042', '2027-03-01', patient, now(), now() FROM sides;
    INSERT INTO emergency_accesses
        SELECT patient, doctor, other, 'over', now() - interval '2 h', now() - interval '1 h', NULL,
            patient FROM sides;
    INSERT INTO emergency_access_reviews SELECT patient, admin, now(), 'fine' FROM sides;
    INSERT INTO dead_letters (id, dead_sequence, worker, kind, origin_stream, error_class,
            error_detail, fingerprint, generation, attempts, first_failure_at, last_failure_at,
            changed_at)
        SELECT patient, 1, 'booking', 'book', 'MC_COMMANDS', 'panic', '', 'f', 1, 5, now(), now(),
            now() FROM sides;
    INSERT INTO dead_letter_actions SELECT patient, patient, 'discard', 1, admin, 'admin', admin,
        'because', now() FROM sides;
    INSERT INTO dead_letter_positions SELECT patient::text, 1 FROM sides;
    INSERT INTO message_attempts SELECT abs(hashtext(patient::text)), 'x', 1, now(), now() FROM sides;
    INSERT INTO outbox (event_id, kind, version, body, correlation_id, request_id, actor, created_at)
        SELECT patient, 'appointment.booked', 1, '{}', patient, patient, 'x', now() FROM sides;
    INSERT INTO audit_log (position, stream, sequence, kind, recorded_at, outcome, occurrences,
            patient_id, user_id)
        SELECT row_number() OVER (), 'MC_AUDIT', 1, 'read', now(), 0, 1, patient, doctor FROM sides;
";

/// Something that api's role tries in somebody's name, and who may.
struct Attempt {
    /// `<table>.<policy>`.
    policy: &'static str,
    /// With `$ada`, `$bob` and so on for ids, and `$me` for whoever tries.
    sql: &'static str,
    /// Whose it changes at least one row for. Everybody else is refused, or changes nothing.
    allowed: &'static [&'static str],
}

/// Every policy by which api may write, both of what is allowed and of what isn't.
const ATTEMPTS: &[Attempt] = &[
    Attempt {
        policy: "coverages.caller_adds",
        sql: "INSERT INTO coverages (id, patient_id, payer_id, subscriber_id, relationship, status,
                created_at, created_by)
            VALUES (gen_random_uuid(), '$ada', '1', 'N', 'self', 'active', now(), '$me')",
        allowed: &["ada", "admin"],
    },
    Attempt {
        policy: "coverages.caller_changes",
        sql: "UPDATE coverages SET subscriber_id = 'N', changed_by = '$me' WHERE id = '$ada'",
        allowed: &["ada", "admin"],
    },
    Attempt {
        policy: "coverages.caller_changes",
        sql: "UPDATE coverages SET subscriber_id = 'N', changed_by = '$bob' WHERE id = '$ada'",
        allowed: &[],
    },
    Attempt {
        policy: "eligibility_checks.caller_adds",
        sql: "INSERT INTO eligibility_checks (id, coverage_id, payer_id, service_date,
                correlation_id, created_at, changed_at)
            VALUES (gen_random_uuid(), '$ada', '00042', '2027-03-01', '$ada', now(), now())",
        allowed: &["ada", "admin"],
    },
    Attempt {
        policy: "eligibility_checks.caller_asks_again",
        sql: "UPDATE eligibility_checks SET next_at = now() WHERE id = '$ada'",
        allowed: &["ada", "admin"],
    },
    // How it stands is the worker's to say, and what is decided an administrator's.
    Attempt {
        policy: "eligibility_checks.caller_asks_again",
        sql: "UPDATE eligibility_checks SET status = 'active' WHERE id = '$ada'",
        allowed: &[],
    },
    Attempt {
        policy: "eligibility_checks.caller_asks_again",
        sql: "UPDATE eligibility_checks SET decision = 'self_pay', decision_reason = 'why not',
                decided_by = '$me', decided_at = now() WHERE id = '$ada'",
        allowed: &["admin"],
    },
    Attempt {
        policy: "eligibility_checks.caller_asks_again",
        sql: "UPDATE eligibility_checks SET decision = 'self_pay', decision_reason = 'why not',
                decided_by = '$operator', decided_at = now() WHERE id = '$ada'",
        allowed: &[],
    },
    Attempt {
        policy: "emergency_accesses.caller_opens",
        sql: "INSERT INTO emergency_accesses VALUES (gen_random_uuid(), '$me', '$ada', 'why not',
            now(), now() + interval '1 h', NULL, '$ada')",
        allowed: &["doctor_of_ada", "doctor_of_bob"],
    },
    Attempt {
        policy: "emergency_accesses.caller_opens",
        sql: "INSERT INTO emergency_accesses VALUES (gen_random_uuid(), '$doctor_of_ada', '$bob',
            'why not', now(), now() + interval '1 h', NULL, '$ada')",
        allowed: &["doctor_of_ada"],
    },
    Attempt {
        policy: "emergency_accesses.caller_opens",
        sql: "INSERT INTO emergency_accesses VALUES (gen_random_uuid(), '$me', '$ada', 'why not',
            now() + interval '1 year', now() + interval '1 year 1 h', NULL, '$ada')",
        allowed: &[],
    },
    // Ada's is her doctor's access to Bob's chart.
    Attempt {
        policy: "emergency_accesses.caller_ends",
        sql: "UPDATE emergency_accesses SET ended_at = now() WHERE id = '$ada'",
        allowed: &["doctor_of_ada"],
    },
    Attempt {
        policy: "emergency_accesses.caller_ends",
        sql: "UPDATE emergency_accesses SET expires_at = now() + interval '1 h'",
        allowed: &[],
    },
    Attempt {
        policy: "emergency_access_reviews.caller_reviews",
        sql:
            "WITH new AS (INSERT INTO emergency_access_reviews VALUES ('$new', '$me', now(), 'fine')
            RETURNING 1) SELECT * FROM new",
        allowed: &["admin"],
    },
    Attempt {
        policy: "dead_letters.caller",
        sql: "UPDATE dead_letters SET state = 'discarded' WHERE id = '$ada'",
        allowed: &["admin", "operator"],
    },
    Attempt {
        policy: "dead_letter_actions.caller_acts",
        sql:
            "INSERT INTO dead_letter_actions VALUES (gen_random_uuid(), '$ada', 'discard', 1, '$me',
            '$my_role', '$ada', 'because', now())",
        allowed: &["admin", "operator"],
    },
];

/// In the order of [`Table::seen`], without nobody.
const PEOPLE: [(&str, &str); 6] = [
    ("ada", "patient"),
    ("bob", "patient"),
    ("doctor_of_ada", "doctor"),
    ("doctor_of_bob", "doctor"),
    ("admin", "admin"),
    ("operator", "operator"),
];

struct Scene {
    database: TestDatabase,
    admin: Client,
    api: Client,
    ids: BTreeMap<&'static str, Uuid>,
}

impl Scene {
    async fn set() -> Self {
        let database = TestDatabase::create().await.unwrap();
        let (admin, api) =
            (database.admin().await.unwrap(), database.connect_as(ServiceRole::Api).await.unwrap());
        let ids: BTreeMap<&'static str, Uuid> =
            PEOPLE.iter().map(|(name, _)| (*name, Uuid::now_v7())).collect();
        let people: Vec<String> = PEOPLE
            .iter()
            .map(|(name, role)| format!("('{}'::uuid, '{role}')", ids[name]))
            .collect();
        let of = |name: &str| format!("'{}'::uuid", ids[name]);
        let sides = format!(
            "({ada}, {doctor_of_ada}, {bob}, {admin}), ({bob}, {doctor_of_bob}, {ada}, {admin})",
            ada = of("ada"),
            bob = of("bob"),
            doctor_of_ada = of("doctor_of_ada"),
            doctor_of_bob = of("doctor_of_bob"),
            admin = of("admin"),
        );
        let scene = format!(
            "CREATE TEMP TABLE people AS SELECT * FROM (VALUES {}) AS p (id, role);
             CREATE TEMP TABLE sides AS
                 SELECT * FROM (VALUES {sides}) AS s (patient, doctor, other, admin);",
            people.join(", "),
        );
        admin.batch_execute(&scene).await.unwrap();
        admin.batch_execute(FILL).await.unwrap();
        Self { database, admin, api, ids }
    }

    async fn begin_as(&self, person: Option<(&str, &str)>) {
        self.api.batch_execute("BEGIN").await.unwrap();
        if let Some((name, role)) = person {
            let begin = "SELECT begin_as($1, $2, $1)";
            self.api.execute(begin, &[&self.ids[name], &role]).await.unwrap();
        }
    }

    async fn names(&self, sql: &str) -> BTreeSet<String> {
        let rows = self.admin.query(sql, &[]).await.unwrap();
        rows.iter().map(|row| row.get::<_, String>(0)).collect()
    }

    /// Rows that a client sees; none when it may not look at all.
    async fn count(client: &Client, table: &str) -> Option<i64> {
        // Not every column may be read.
        let count = format!("SELECT count(*) FROM (SELECT FROM {table}) AS rows");
        match client.query_one(&count, &[]).await {
            Ok(row) => Some(row.get(0)),
            Err(error) => {
                assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{table}");
                None
            }
        }
    }
}

const ALL_TABLES: &str = "SELECT relname::text FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')";

#[tokio::test]
async fn every_table_is_in_the_list_and_guarded_even_from_its_owner() {
    let scene = Scene::set().await;
    let mut listed: BTreeSet<String> = TABLES.iter().map(|it| it.name.to_owned()).collect();
    listed.insert("_sqlx_migrations".to_owned());
    assert_eq!(scene.names(ALL_TABLES).await, listed, "say in TABLES who sees what of each table");
    let unguarded = format!("{ALL_TABLES} AND NOT (relrowsecurity AND relforcerowsecurity)");
    let expected: BTreeSet<String> = UNGUARDED.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(scene.names(&unguarded).await, expected, "row-level security is forced everywhere");
    let views = "SELECT relname::text FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('v', 'm')";
    assert!(scene.names(views).await.is_empty(), "a view reads as its owner: nobody guards it");
}

#[tokio::test]
async fn whoever_has_apis_role_sees_what_is_the_callers_and_nothing_else() {
    let scene = Scene::set().await;
    let people: Vec<Option<(&str, &str)>> =
        std::iter::once(None).chain(PEOPLE.iter().copied().map(Some)).collect();
    let mut wrong = Vec::new();
    for table in TABLES {
        let rows = Scene::count(&scene.admin, table.name).await.unwrap();
        // The machinery's own bookkeeping is nobody's.
        let is_filled =
            rows > 0 || table.name.starts_with("ledger_") || table.name == "audit_seals";
        assert!(is_filled, "FILL has no rows of {}", table.name);
        for (number, person) in people.iter().enumerate() {
            scene.begin_as(*person).await;
            let found = Scene::count(&scene.api, table.name).await;
            scene.api.batch_execute("ROLLBACK").await.unwrap();
            let expected = table.seen.map(|seen| seen[number]);
            if found != expected {
                wrong.push(format!("{} as {person:?}: {found:?}, not {expected:?}", table.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn every_policy_lets_through_whom_it_should_and_nobody_else() {
    let scene = Scene::set().await;
    let of_api = scene
        .names(
            "SELECT tablename || '.' || policyname FROM pg_policies
             WHERE schemaname = 'public' AND roles = '{mediconnect_api}' AND cmd <> 'SELECT'",
        )
        .await;
    let tried: BTreeSet<String> = ATTEMPTS.iter().map(|it| it.policy.to_owned()).collect();
    assert_eq!(of_api, tried, "say in ATTEMPTS what each policy lets through");
    // Somebody's access that nobody has reviewed.
    let new = Uuid::now_v7();
    let open = "INSERT INTO emergency_accesses VALUES ($1, $2, $3, 'new', now(),
        now() + interval '1 h', now(), $1)";
    let (doctor, patient) = (scene.ids["doctor_of_ada"], scene.ids["bob"]);
    scene.admin.execute(open, &[&new, &doctor, &patient]).await.unwrap();
    let mut wrong = Vec::new();
    for attempt in ATTEMPTS {
        for (name, role) in PEOPLE {
            let mut sql = attempt.sql.replace("$my_role", role).replace("$new", &new.to_string());
            sql = sql.replace("$me", &scene.ids[name].to_string());
            // Longer names first: `$doctor_of_ada` begins like nothing else, `$admin` too.
            for (person, id) in scene.ids.iter().rev() {
                sql = sql.replace(&format!("${person}"), &id.to_string());
            }
            scene.begin_as(Some((name, role))).await;
            let changed = match scene.api.execute(&sql, &[]).await {
                Ok(rows) => rows > 0,
                Err(error) => {
                    let code = error.code().cloned();
                    assert_eq!(code, Some(SqlState::INSUFFICIENT_PRIVILEGE), "{sql}: {error}");
                    false
                }
            };
            scene.api.batch_execute("ROLLBACK").await.unwrap();
            if changed != attempt.allowed.contains(&name) {
                wrong.push(format!("{} as {name}: {changed}: {}", attempt.policy, attempt.sql));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn an_emergency_opens_one_chart_to_one_doctor_for_reading() {
    let scene = Scene::set().await;
    let doctor = ("doctor_of_bob", "doctor");
    let charts = [
        "patients",
        "appointments",
        "appointment_status_history",
        "coverages",
        "eligibility_checks",
    ];
    let counts = async || {
        let mut counts = Vec::new();
        for table in charts {
            scene.begin_as(Some(doctor)).await;
            counts.push(Scene::count(&scene.api, table).await.unwrap());
            scene.api.batch_execute("ROLLBACK").await.unwrap();
        }
        counts
    };
    assert_eq!(counts().await, [1, 1, 1, 0, 1]);
    scene.begin_as(Some(doctor)).await;
    let open = "INSERT INTO emergency_accesses VALUES ($1, $1, $2, 'why not', now(),
        now() + interval '1 h', NULL, $1)";
    let ids = (scene.ids["doctor_of_bob"], scene.ids["ada"]);
    scene.api.execute(open, &[&ids.0, &ids.1]).await.unwrap();
    scene.api.batch_execute("COMMIT").await.unwrap();
    assert_eq!(counts().await, [2, 2, 2, 1, 2]);
    // The other doctor sees as much as before, and the patient's coverage stays as it is.
    scene.begin_as(Some(("doctor_of_ada", "doctor"))).await;
    assert_eq!(Scene::count(&scene.api, "patients").await, Some(1));
    scene.api.batch_execute("ROLLBACK").await.unwrap();
    for change in [
        "UPDATE coverages SET subscriber_id = 'N', changed_by = caller_id()",
        "UPDATE eligibility_checks SET next_at = now()",
    ] {
        scene.begin_as(Some(doctor)).await;
        assert_eq!(scene.api.execute(change, &[]).await.unwrap(), 0, "{change}");
        scene.api.batch_execute("ROLLBACK").await.unwrap();
    }
    // The role is part of it.
    scene.begin_as(Some(("doctor_of_bob", "operator"))).await;
    assert_eq!(Scene::count(&scene.api, "patients").await, Some(0));
    scene.api.batch_execute("ROLLBACK").await.unwrap();
    let later = "UPDATE emergency_accesses SET began_at = began_at - interval '2 h',
        expires_at = expires_at - interval '2 h'";
    scene.admin.execute(later, &[]).await.unwrap();
    assert_eq!(counts().await, [1, 1, 1, 0, 1]);
}

#[tokio::test]
async fn a_patient_reads_who_looked_at_their_record_and_at_nobody_elses() {
    let scene = Scene::set().await;
    for (name, role) in PEOPLE {
        scene.begin_as(Some((name, role))).await;
        let access = "SELECT user_id FROM record_access(NULL, NULL, 100)";
        let rows = scene.api.query(access, &[]).await.unwrap();
        let who: Vec<Uuid> = rows.iter().map(|row| row.get(0)).collect();
        scene.api.batch_execute("ROLLBACK").await.unwrap();
        let expected = match name {
            "ada" => vec![scene.ids["doctor_of_ada"]],
            "bob" => vec![scene.ids["doctor_of_bob"]],
            _ => Vec::new(),
        };
        assert_eq!(who, expected, "{name}");
    }
}

/// A policy for a service is for its whole table: it acts for many callers at once, or for none.
#[tokio::test]
async fn every_service_sees_the_tables_that_are_its_own() {
    let scene = Scene::set().await;
    let policies = scene
        .admin
        .query(
            "SELECT tablename::text, roles[1]::text FROM pg_policies
             WHERE schemaname = 'public' AND roles <> '{mediconnect_api}'",
            &[],
        )
        .await
        .unwrap();
    assert!(policies.len() > 20, "{} policies", policies.len());
    let mut clients: BTreeMap<String, Client> = BTreeMap::new();
    for role in ServiceRole::ALL {
        let client = scene.database.connect_as(role).await.unwrap();
        clients.insert(role.as_str().to_owned(), client);
    }
    let owner = secrecy::ExposeSecret::expose_secret(scene.database.owner_url());
    let (owner, connection) = tokio_postgres::connect(owner, NoTls).await.unwrap();
    tokio::spawn(connection);
    for policy in policies {
        let (table, role): (String, String) = (policy.get(0), policy.get(1));
        let all = Scene::count(&scene.admin, &table).await;
        let client = clients.get(&role).unwrap_or(&owner);
        assert_eq!(Scene::count(client, &table).await, all, "{table} as {role}");
    }
    // And no others: not even the owner sees what no policy shows it.
    for table in TABLES.iter().filter(|it| !matches!(it.name, "audit_log" | "appointments")) {
        assert_eq!(Scene::count(&owner, table.name).await, Some(0), "{} as its owner", table.name);
    }
}
