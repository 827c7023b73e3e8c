//! Row-level security of clinical notes and care relations, asked with raw SQL by whoever got hold
//! of api's role: no statement here has a WHERE.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the answer")]

use domain::Role;
use store::ServiceRole;
use testkit::TestDatabase;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use uuid::Uuid;

/// A patient whom one doctor has seen, another cares for, a third cared for, and a fourth doesn't
/// know.
struct Scene {
    // Lives as long as its client.
    _database: TestDatabase,
    api: Client,
    patient: Uuid,
    other: Uuid,
    doctors: [Uuid; 4],
    staff: [Uuid; 2],
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
        let (patient, other) = (user("patient").await, user("patient").await);
        let mut doctors = [Uuid::nil(); 4];
        for doctor in &mut doctors {
            *doctor = user("doctor").await;
        }
        let staff = [user("admin").await, user("operator").await];
        let [seen, cares, cared, _] = doctors;
        let fill = format!(
            "INSERT INTO patients SELECT id, 'A', 'B', '1990-01-01' FROM users
                 WHERE role = 'patient';
             INSERT INTO practitioners SELECT id, 'C', 'D', 'gp', id, now() FROM users
                 WHERE role = 'doctor';
             INSERT INTO appointments (id, practitioner_id, patient_id, during, occupied, status,
                 version, request_id, created_at)
                 VALUES ('{seen}', '{seen}', '{patient}',
                 '[2027-03-01 09:00Z, 2027-03-01 09:30Z)', '[2027-03-01 09:00Z, 2027-03-01 09:30Z)',
                 'fulfilled', 1, '{seen}', now());
             INSERT INTO clinical_notes VALUES
                 ('{seen}', 1, '{seen}', '{patient}', '{seen}', 'one', now(), '{seen}'),
                 ('{seen}', 2, '{seen}', '{patient}', '{seen}', 'two', now(), '{seen}');
             INSERT INTO care_relations (id, practitioner_id, patient_id, since, until, assigned_by)
                 VALUES ('{cares}', '{cares}', '{patient}', now() - interval '1 day', NULL,
                     '{cares}'),
                 ('{cared}', '{cared}', '{patient}', now() - interval '2 days',
                     now() - interval '1 day', '{cares}');"
        );
        admin.batch_execute(&fill).await.unwrap();
        let api = database.connect_as(ServiceRole::Api).await.unwrap();
        Self { _database: database, api, patient, other, doctors, staff }
    }

    /// How many versions of notes, care relations and patients somebody sees.
    async fn seen_by(&self, id: Uuid, role: Role) -> [i64; 3] {
        self.api.batch_execute("BEGIN").await.unwrap();
        let begin = "SELECT begin_as($1, $2, $1)";
        self.api.execute(begin, &[&id, &role.as_str()]).await.unwrap();
        let mut counts = [0; 3];
        for (count, table) in
            counts.iter_mut().zip(["clinical_notes", "care_relations", "patients"])
        {
            let sql = format!("SELECT count(*) FROM {table}");
            *count = self.api.query_one(&sql, &[]).await.unwrap().get(0);
        }
        self.api.batch_execute("COMMIT").await.unwrap();
        counts
    }
}

#[tokio::test]
async fn notes_are_seen_by_those_who_treat_and_by_their_patient() {
    let scene = Scene::set().await;
    let [seen, cares, cared, stranger] = scene.doctors;
    let [admin, operator] = scene.staff;
    for (id, role, expected) in [
        (scene.patient, Role::Patient, [2, 2, 1]),
        (scene.other, Role::Patient, [0, 0, 1]),
        (seen, Role::Doctor, [2, 0, 1]),
        (cares, Role::Doctor, [2, 1, 1]),
        (cared, Role::Doctor, [0, 1, 0]),
        (stranger, Role::Doctor, [0, 0, 0]),
        // The right id in the wrong role.
        (seen, Role::Patient, [0, 0, 0]),
        (scene.patient, Role::Operator, [0, 0, 1]),
        (operator, Role::Operator, [0, 0, 0]),
        (admin, Role::Admin, [2, 2, 2]),
    ] {
        assert_eq!(scene.seen_by(id, role).await, expected, "{role}");
    }
    for table in ["clinical_notes", "care_relations"] {
        let sql = format!("SELECT count(*) FROM {table}");
        let count: i64 = scene.api.query_one(&sql, &[]).await.unwrap().get(0);
        assert_eq!(count, 0, "nobody in particular sees {table}");
    }
}

#[tokio::test]
async fn api_writes_no_notes_and_no_care_relations() {
    let scene = Scene::set().await;
    for forbidden in [
        "INSERT INTO clinical_notes SELECT * FROM clinical_notes",
        "UPDATE clinical_notes SET text = 'x'",
        "DELETE FROM clinical_notes",
        "UPDATE care_relations SET until = NULL",
        "DELETE FROM care_relations",
    ] {
        let refused = scene.api.batch_execute(forbidden).await.unwrap_err();
        assert_eq!(refused.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{forbidden}");
    }
}
