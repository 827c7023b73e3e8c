//! Row-level security, asked with raw SQL by whoever got hold of a service's role: no statement
//! here has a WHERE, because a forgotten one is what the policies are for.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the answer")]

use domain::{Actor, Role, UserId};
use store::ServiceRole;
use testkit::TestDatabase;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use uuid::Uuid;

/// Everything that api may read.
const TABLES: [&str; 7] = [
    "users",
    "patients",
    "practitioners",
    "availability_rules",
    "appointments",
    "appointment_status_history",
    "requests",
];

/// Two doctors with a patient and a visit each, a doctor who waits for approval, and staff.
struct Scene {
    database: TestDatabase,
    api: Client,
    ada: Uuid,
    bob: Uuid,
    doctor_of_ada: Uuid,
    doctor_of_bob: Uuid,
    applicant: Uuid,
    admin: Uuid,
    operator: Uuid,
}

impl Scene {
    async fn set() -> Self {
        let database = TestDatabase::create().await.unwrap();
        let admin = database.admin().await.unwrap();
        let user = async |role: &str| {
            let id = Uuid::now_v7();
            let insert = "INSERT INTO users (id, email, password_hash, role, created_at)
                          VALUES ($1::uuid, $1::uuid::text || '@x.example', '-', $2, now())";
            admin.execute(insert, &[&id, &role]).await.unwrap();
            id
        };
        let scene = Self {
            ada: user("patient").await,
            bob: user("patient").await,
            doctor_of_ada: user("doctor").await,
            doctor_of_bob: user("doctor").await,
            applicant: user("doctor").await,
            admin: user("admin").await,
            operator: user("operator").await,
            api: database.connect_as(ServiceRole::Api).await.unwrap(),
            database,
        };
        let Self { ada, bob, doctor_of_ada, doctor_of_bob, applicant, .. } = &scene;
        let fill = format!(
            "INSERT INTO patients SELECT id, 'A', 'B', '1990-01-01' FROM users
                 WHERE role = 'patient';
             INSERT INTO practitioners SELECT id, 'C', 'D', 'gp', id,
                 CASE WHEN id <> '{applicant}' THEN now() END FROM users WHERE role = 'doctor';
             INSERT INTO availability_rules
                 (practitioner_id, weekday, starts_at, ends_at, time_zone, slot_minutes)
                 SELECT id, 1, '09:00', '17:00', 'Europe/Berlin', 30 FROM practitioners;
             INSERT INTO appointments (id, practitioner_id, patient_id, during, occupied, status,
                 version, request_id, created_at)
                 SELECT gen_random_uuid(), doctor::uuid, patient::uuid,
                 '[2027-03-01 09:00Z, 2027-03-01 09:30Z)', '[2027-03-01 09:00Z, 2027-03-01 09:30Z)',
                 'booked', 1, gen_random_uuid(), now()
                 FROM (VALUES ('{doctor_of_ada}', '{ada}'), ('{doctor_of_bob}', '{bob}'))
                     AS visits (doctor, patient);
             INSERT INTO appointment_status_history SELECT id, 1, 'booked', NULL, now(),
                 patient_id, 'patient', request_id, gen_random_uuid() FROM appointments;
             INSERT INTO requests SELECT request_id, 'book', patient_id, NULL, 'applied', NULL,
                 '{{}}', gen_random_uuid(), 1, now(), now() FROM appointments;"
        );
        admin.batch_execute(&fill).await.unwrap();
        scene
    }

    /// Owners of the rows of each table that `actor` sees, in one transaction.
    async fn seen_by(&self, actor: Actor) -> Seen {
        begin_as(&self.api, actor).await;
        let seen = Seen {
            users: self.ids("SELECT id FROM users").await,
            patients: self.ids("SELECT id FROM patients").await,
            practitioners: self.ids("SELECT id FROM practitioners").await,
            visits_of: self.ids("SELECT patient_id FROM appointments").await,
            history_by: self.ids("SELECT actor_id FROM appointment_status_history").await,
            requests_of: self.ids("SELECT caller_id FROM requests").await,
        };
        self.api.batch_execute("COMMIT").await.unwrap();
        seen
    }

    async fn ids(&self, sql: &str) -> Vec<Uuid> {
        let rows = self.api.query(sql, &[]).await.unwrap();
        let mut ids: Vec<Uuid> = rows.iter().map(|row| row.get(0)).collect();
        // Made in the order of the scene's fields.
        ids.sort();
        ids
    }

    async fn counts(&self) -> Vec<i64> {
        let mut counts = Vec::new();
        for table in TABLES {
            // Not every column of `users` may be counted.
            let count = format!("SELECT count(*) FROM (SELECT FROM {table}) AS rows");
            counts.push(self.api.query_one(&count, &[]).await.unwrap().get(0));
        }
        counts
    }
}

#[derive(Debug, PartialEq)]
struct Seen {
    users: Vec<Uuid>,
    patients: Vec<Uuid>,
    practitioners: Vec<Uuid>,
    visits_of: Vec<Uuid>,
    history_by: Vec<Uuid>,
    requests_of: Vec<Uuid>,
}

fn actor(id: Uuid, role: Role) -> Actor {
    Actor { id: UserId::from(id), role }
}

async fn begin_as(client: &Client, actor: Actor) {
    client.batch_execute("BEGIN").await.unwrap();
    let begin = "SELECT begin_as($1, $2, $1)";
    client.execute(begin, &[&actor.id.as_uuid(), &actor.role.as_str()]).await.unwrap();
}

#[tokio::test]
async fn without_a_caller_there_is_nothing_to_see() {
    let scene = Scene::set().await;
    assert_eq!(scene.counts().await, [0; TABLES.len()]);
    scene.api.batch_execute("BEGIN").await.unwrap();
    assert_eq!(scene.counts().await, [0; TABLES.len()]);
}

#[tokio::test]
async fn a_patient_sees_themselves_and_the_directory() {
    let scene = Scene::set().await;
    let Scene { ada, doctor_of_ada, doctor_of_bob, .. } = scene;
    let expected = Seen {
        users: vec![ada],
        patients: vec![ada],
        practitioners: vec![doctor_of_ada, doctor_of_bob],
        visits_of: vec![ada],
        history_by: vec![ada],
        requests_of: vec![ada],
    };
    assert_eq!(scene.seen_by(actor(ada, Role::Patient)).await, expected);
}

#[tokio::test]
async fn a_doctor_sees_their_visits_and_patients() {
    let scene = Scene::set().await;
    let Scene { ada, doctor_of_ada, doctor_of_bob, applicant, .. } = scene;
    let expected = Seen {
        users: vec![doctor_of_ada],
        patients: vec![ada],
        practitioners: vec![doctor_of_ada, doctor_of_bob],
        visits_of: vec![ada],
        history_by: vec![ada],
        requests_of: vec![],
    };
    assert_eq!(scene.seen_by(actor(doctor_of_ada, Role::Doctor)).await, expected);

    let expected = Seen {
        users: vec![applicant],
        patients: vec![],
        practitioners: vec![doctor_of_ada, doctor_of_bob, applicant],
        visits_of: vec![],
        history_by: vec![],
        requests_of: vec![],
    };
    assert_eq!(scene.seen_by(actor(applicant, Role::Doctor)).await, expected);
}

#[tokio::test]
async fn an_administrator_sees_everybody_but_not_their_requests() {
    let scene = Scene::set().await;
    let Scene { ada, bob, doctor_of_ada, doctor_of_bob, applicant, admin, operator, .. } = scene;
    let expected = Seen {
        users: vec![ada, bob, doctor_of_ada, doctor_of_bob, applicant, admin, operator],
        patients: vec![ada, bob],
        practitioners: vec![doctor_of_ada, doctor_of_bob, applicant],
        visits_of: vec![ada, bob],
        history_by: vec![ada, bob],
        requests_of: vec![],
    };
    assert_eq!(scene.seen_by(actor(admin, Role::Admin)).await, expected);
}

#[tokio::test]
async fn an_operator_sees_no_patient() {
    let scene = Scene::set().await;
    let Scene { doctor_of_ada, doctor_of_bob, operator, .. } = scene;
    let expected = Seen {
        users: vec![operator],
        patients: vec![],
        practitioners: vec![doctor_of_ada, doctor_of_bob],
        visits_of: vec![],
        history_by: vec![],
        requests_of: vec![],
    };
    assert_eq!(scene.seen_by(actor(operator, Role::Operator)).await, expected);
}

#[tokio::test]
async fn the_right_id_in_the_wrong_role_sees_no_visit() {
    let scene = Scene::set().await;
    let Scene { ada, doctor_of_ada, .. } = scene;
    for stranger in [actor(ada, Role::Doctor), actor(doctor_of_ada, Role::Patient)] {
        let seen = scene.seen_by(stranger).await;
        assert!(seen.visits_of.is_empty() && seen.history_by.is_empty(), "{stranger}");
    }
}

#[tokio::test]
async fn a_caller_is_forgotten_with_their_transaction() {
    let scene = Scene::set().await;
    for end in ["COMMIT", "ROLLBACK"] {
        begin_as(&scene.api, actor(scene.admin, Role::Admin)).await;
        assert_ne!(scene.counts().await, [0; TABLES.len()]);
        scene.api.batch_execute(end).await.unwrap();
        assert_eq!(scene.counts().await, [0; TABLES.len()], "after {end}");
        scene.api.batch_execute("BEGIN").await.unwrap();
        assert_eq!(scene.counts().await, [0; TABLES.len()], "in the next after {end}");
        scene.api.batch_execute("ROLLBACK").await.unwrap();
    }
}

#[tokio::test]
async fn a_caller_that_is_none_sees_nothing() {
    let scene = Scene::set().await;
    scene.api.batch_execute("BEGIN; SET LOCAL mc.role = 'admin'").await.unwrap();
    scene.api.batch_execute("SET LOCAL mc.user_id = ''").await.unwrap();
    assert!(scene.ids("SELECT caller_id FROM requests").await.is_empty());
    scene.api.batch_execute("SET LOCAL mc.user_id = 'everybody'").await.unwrap();
    let refused = scene.api.query("SELECT caller_id FROM requests", &[]).await.unwrap_err();
    assert_eq!(refused.code(), Some(&SqlState::INVALID_TEXT_REPRESENTATION));
}

#[tokio::test]
async fn api_cannot_write_or_read_secrets() {
    let scene = Scene::set().await;
    let mut forbidden: Vec<String> = Vec::new();
    for table in TABLES {
        forbidden.push(format!("DELETE FROM {table}"));
        forbidden.push(format!("TRUNCATE {table}"));
        forbidden.push(format!("INSERT INTO {table} SELECT * FROM {table}"));
        forbidden.push(format!("ALTER TABLE {table} DISABLE ROW LEVEL SECURITY"));
        forbidden.push(format!("DROP POLICY caller ON {table}"));
    }
    let others = [
        "UPDATE users SET role = 'admin'",
        "UPDATE appointments SET status = 'cancelled'",
        "UPDATE requests SET outcome = 'applied'",
        "SELECT password_hash FROM users",
        "SELECT * FROM sessions",
        "SELECT * FROM refresh_tokens",
        "SELECT * FROM sign_in_failures",
        "SELECT * FROM known_devices",
        "SELECT * FROM totp_authenticators",
        "SELECT * FROM recovery_codes",
        "SELECT * FROM sign_in_challenges",
        "SELECT * FROM password_resets",
        "SELECT * FROM account_notices",
        "SELECT * FROM outbox",
        "SELECT * FROM message_attempts",
        "CREATE TABLE mine ()",
        "SET ROLE mediconnect_accounts",
    ];
    forbidden.extend(others.map(str::to_owned));
    for sql in forbidden {
        begin_as(&scene.api, actor(scene.admin, Role::Admin)).await;
        let refused = scene.api.batch_execute(&sql).await.unwrap_err();
        assert_eq!(refused.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{sql}");
        scene.api.batch_execute("ROLLBACK").await.unwrap();
    }
}

#[tokio::test]
async fn busy_times_show_nobody() {
    let scene = Scene::set().await;
    begin_as(&scene.api, actor(scene.bob, Role::Patient)).await;
    let busy = "SELECT * FROM busy_ranges($1, '[2027-03-01, 2027-03-02)')";
    let rows = scene.api.query(busy, &[&vec![scene.doctor_of_ada]]).await.unwrap();
    let columns: Vec<&str> = rows[0].columns().iter().map(tokio_postgres::Column::name).collect();
    assert_eq!((rows.len(), columns), (1, vec!["practitioner_id", "busy"]));
    assert_eq!(rows[0].get::<_, Uuid>(0), scene.doctor_of_ada);
}

#[tokio::test]
async fn the_ledger_sees_that_there_are_requests_and_not_whose() {
    let scene = Scene::set().await;
    let ops = scene.database.connect_as(ServiceRole::Ops).await.unwrap();
    assert_eq!(ops.query("SELECT id, outcome FROM requests", &[]).await.unwrap().len(), 2);
    for forbidden in [
        "SELECT caller_id FROM requests",
        "SELECT result FROM requests",
        "SELECT idempotency_id FROM requests",
        "SELECT body FROM outbox",
        "SELECT * FROM appointments",
        "SELECT * FROM patients",
        "SELECT id FROM users",
    ] {
        let refused = ops.batch_execute(forbidden).await.unwrap_err();
        assert_eq!(refused.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{forbidden}");
    }
}

#[tokio::test]
async fn dead_letters_are_for_operators_who_act_under_their_own_name() {
    let scene = Scene::set().await;
    let Scene { ada, doctor_of_ada, admin, operator, .. } = scene;
    let letter = "INSERT INTO dead_letters (id, dead_sequence, worker, kind, origin_stream,
             error_class, error_detail, fingerprint, generation, attempts, first_failure_at,
             last_failure_at, changed_at)
         VALUES (gen_random_uuid(), 1, 'booking', 'book', 'MC_COMMANDS', 'panic', '', 'f', 1, 5,
             now(), now(), now())";
    scene.database.admin().await.unwrap().batch_execute(letter).await.unwrap();
    let people = [
        (actor(operator, Role::Operator), 1),
        (actor(admin, Role::Admin), 1),
        (actor(ada, Role::Patient), 0),
        (actor(doctor_of_ada, Role::Doctor), 0),
    ];
    for (person, count) in people {
        begin_as(&scene.api, person).await;
        let letters = scene.api.query("SELECT id FROM dead_letters", &[]).await.unwrap();
        assert_eq!(letters.len(), count, "{person}");
        let discard = "UPDATE dead_letters SET state = state";
        assert_eq!(scene.api.execute(discard, &[]).await.unwrap(), count as u64, "{person}");
        scene.api.batch_execute("ROLLBACK").await.unwrap();
    }
    let act = |name: Uuid, role: &str| {
        format!(
            "INSERT INTO dead_letter_actions SELECT gen_random_uuid(), id, 'discard', 1, '{name}',
                 '{role}', id, 'because', now() FROM dead_letters"
        )
    };
    for (forged, caller) in [
        (act(admin, "admin"), actor(operator, Role::Operator)),
        (act(operator, "admin"), actor(operator, Role::Operator)),
    ] {
        begin_as(&scene.api, caller).await;
        let refused = scene.api.batch_execute(&forged).await.unwrap_err();
        assert_eq!(refused.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{forged}");
        scene.api.batch_execute("ROLLBACK").await.unwrap();
    }
    begin_as(&scene.api, actor(operator, Role::Operator)).await;
    scene.api.batch_execute(&act(operator, "operator")).await.unwrap();
    scene.api.batch_execute("COMMIT").await.unwrap();
    for forbidden in [
        "UPDATE dead_letter_actions SET reason = 'another'",
        "DELETE FROM dead_letter_actions",
        "DELETE FROM dead_letters",
        "UPDATE dead_letters SET error_class = 'none'",
        "INSERT INTO dead_letters (id) VALUES (gen_random_uuid())",
    ] {
        begin_as(&scene.api, actor(operator, Role::Operator)).await;
        let refused = scene.api.batch_execute(forbidden).await.unwrap_err();
        assert_eq!(refused.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{forbidden}");
        scene.api.batch_execute("ROLLBACK").await.unwrap();
    }
}

/// A coverage of Ada's and one of Bob's, each with a check of its own and one of the visit.
async fn insure(scene: &Scene) {
    let fill = "
        INSERT INTO coverages (id, patient_id, payer_id, subscriber_id, relationship, status,
                created_at, created_by)
            SELECT id, id, '00042', 'M', 'self', 'active', now(), id FROM patients;
        INSERT INTO eligibility_checks (id, coverage_id, appointment_id, payer_id, service_date,
                correlation_id, created_at, changed_at)
            SELECT gen_random_uuid(), c.id, visit, '00042', '2027-03-01', c.id, now(), now()
            FROM coverages c JOIN appointments a USING (patient_id)
            CROSS JOIN LATERAL (VALUES (NULL::uuid), (a.id)) AS visits (visit)";
    scene.database.admin().await.unwrap().batch_execute(fill).await.unwrap();
}

#[tokio::test]
async fn coverages_are_the_patients_and_doctors_see_only_how_a_visit_is_covered() {
    let scene = Scene::set().await;
    insure(&scene).await;
    let Scene { ada, bob, doctor_of_ada, applicant, admin, operator, .. } = scene;
    let people = [
        (actor(ada, Role::Patient), vec![ada], 2),
        (actor(doctor_of_ada, Role::Doctor), vec![], 1),
        (actor(applicant, Role::Doctor), vec![], 0),
        (actor(admin, Role::Admin), vec![ada, bob], 4),
        (actor(operator, Role::Operator), vec![], 0),
        (actor(ada, Role::Doctor), vec![], 0),
    ];
    for (person, coverages, checks) in people {
        begin_as(&scene.api, person).await;
        assert_eq!(scene.ids("SELECT patient_id FROM coverages").await, coverages, "{person}");
        let seen = scene.ids("SELECT id FROM eligibility_checks").await;
        assert_eq!(seen.len(), checks, "{person}");
        scene.api.batch_execute("ROLLBACK").await.unwrap();
    }
    scene.api.batch_execute("BEGIN").await.unwrap();
    assert!(scene.ids("SELECT id FROM coverages").await.is_empty());
    assert!(scene.ids("SELECT id FROM eligibility_checks").await.is_empty());
}

#[tokio::test]
async fn nobody_adds_a_coverage_or_a_check_for_somebody_else() {
    let scene = Scene::set().await;
    insure(&scene).await;
    let Scene { ada, bob, doctor_of_ada, .. } = scene;
    let add = |patient: Uuid, by: Uuid| {
        format!(
            "INSERT INTO coverages (id, patient_id, payer_id, subscriber_id, relationship, status,
                 created_at, created_by)
             VALUES (gen_random_uuid(), '{patient}', '1', 'N', 'self', 'active', now(), '{by}')"
        )
    };
    let check_of_bob = format!(
        "INSERT INTO eligibility_checks (id, coverage_id, payer_id, service_date, correlation_id,
             created_at, changed_at)
         VALUES (gen_random_uuid(), '{bob}', '00042', '2027-03-01', '{bob}', now(), now())"
    );
    let forbidden = [
        (actor(ada, Role::Patient), add(bob, ada)),
        (actor(ada, Role::Patient), add(ada, bob)),
        (actor(doctor_of_ada, Role::Doctor), add(ada, doctor_of_ada)),
        (actor(ada, Role::Patient), check_of_bob),
        (actor(ada, Role::Patient), "UPDATE coverages SET status = 'cancelled'".to_owned()),
        (actor(ada, Role::Patient), "DELETE FROM coverages".to_owned()),
        (actor(ada, Role::Patient), "UPDATE eligibility_checks SET status = 'active'".to_owned()),
    ];
    for (caller, sql) in forbidden {
        begin_as(&scene.api, caller).await;
        let refused = scene.api.batch_execute(&sql).await.unwrap_err();
        assert_eq!(refused.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{sql}");
        scene.api.batch_execute("ROLLBACK").await.unwrap();
    }
    begin_as(&scene.api, actor(ada, Role::Patient)).await;
    scene.api.batch_execute(&add(ada, ada)).await.unwrap();
    scene.api.batch_execute("COMMIT").await.unwrap();
}

#[tokio::test]
async fn the_eligibility_worker_can_do_only_what_it_must() {
    let scene = Scene::set().await;
    insure(&scene).await;
    let worker = scene.database.connect_as(ServiceRole::Eligibility).await.unwrap();
    let count = "SELECT count(*) FROM eligibility_checks";
    assert_eq!(worker.query_one(count, &[]).await.unwrap().get::<_, i64>(0), 4);
    worker.batch_execute("UPDATE eligibility_checks SET status = 'active'").await.unwrap();
    for forbidden in [
        "INSERT INTO coverages SELECT * FROM coverages",
        "UPDATE coverages SET status = 'cancelled'",
        "DELETE FROM eligibility_checks",
        "UPDATE eligibility_checks SET coverage_id = id",
        "UPDATE appointments SET status = 'cancelled'",
        "SELECT request_id FROM appointments",
        "SELECT * FROM users",
        "SELECT * FROM requests",
        "SELECT * FROM outbox",
        "SELECT * FROM dead_letters",
        "UPDATE patients SET given_name = 'X'",
        "SELECT begin_as(gen_random_uuid(), 'admin', gen_random_uuid())",
    ] {
        let refused = worker.batch_execute(forbidden).await.unwrap_err();
        assert_eq!(refused.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{forbidden}");
    }
}

#[tokio::test]
async fn sign_in_has_no_way_to_appointments() {
    let scene = Scene::set().await;
    let accounts = scene.database.connect_as(ServiceRole::Accounts).await.unwrap();
    for forbidden in [
        "SELECT * FROM appointments",
        "SELECT * FROM appointment_status_history",
        "SELECT * FROM requests",
        "DELETE FROM users",
        "SELECT begin_as(gen_random_uuid(), 'admin', gen_random_uuid())",
    ] {
        let refused = accounts.batch_execute(forbidden).await.unwrap_err();
        assert_eq!(refused.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{forbidden}");
    }
}

#[tokio::test]
async fn the_schemas_owner_is_bound_too() {
    let scene = Scene::set().await;
    let url = secrecy::ExposeSecret::expose_secret(scene.database.owner_url());
    let (owner, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    for table in
        ["users", "patients", "requests", "outbox", "sessions", "dead_letters", "coverages"]
    {
        let rows = owner.query(&format!("SELECT * FROM {table}"), &[]).await.unwrap();
        assert!(rows.is_empty(), "{table}");
    }
}
