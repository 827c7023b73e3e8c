//! What fails, fails as a whole; and an outage is nobody's fault.

use std::time::Duration;

use futures::future::join;
use runtime::settings::DatabaseSettings;
use store::ServiceRole;
use store::booking::attempts::RecordFailure;
use store::booking::{Contention, Failure, Pool, SchemaProblem, Transaction, Work};
use tokio::net::TcpListener;

use super::clinic::{Clinic, is_applied, monday, settle};

/// Makes the database refuse one patient, late in the transaction.
const REFUSE: &str = "
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.caller_id = TG_ARGV[0]::uuid THEN
            RAISE EXCEPTION 'no % today', NEW.caller_id USING ERRCODE = '22023';
        END IF;
        RETURN NEW;
    END $$;";

#[tokio::test]
async fn a_refused_batch_leaves_nothing_behind() {
    let clinic = Clinic::open().await;
    let doctor = clinic.doctor().await;
    let (ada, bob) = (clinic.patient().await, clinic.patient().await);
    let trigger = format!(
        "{REFUSE} CREATE TRIGGER refuse BEFORE INSERT ON requests
         FOR EACH ROW EXECUTE FUNCTION refuse('{bob}')"
    );
    clinic.admin.batch_execute(&trigger).await.unwrap();
    let good = clinic.book(ada, doctor, &monday("09:00"));
    let bad = clinic.book(bob, doctor, &monday("09:30"));

    let failure = settle(&clinic.settler, &[&good, &bad]).await.unwrap_err();
    let expected = Failure::Refused { class: "data_exception", detail: "SQLSTATE 22023".into() };
    assert_eq!(failure, expected, "neither the message nor a value of it");
    for table in ["appointments", "appointment_status_history", "outbox", "requests"] {
        assert_eq!(clinic.count(table).await, 0, "{table}");
    }

    assert!(is_applied(&clinic.settle_one(&good).await), "its neighbour is none the worse");
    clinic.admin.batch_execute("DROP TRIGGER refuse ON requests").await.unwrap();
    let outcomes = clinic.settle(&[&good, &bad]).await;
    assert!(outcomes.iter().all(is_applied));
}

#[tokio::test]
async fn a_lost_connection_is_an_outage_and_repeating_is_right() {
    let clinic = Clinic::open().await;
    let (doctor, patient) = (clinic.doctor().await, clinic.patient().await);
    let request = clinic.book(patient, doctor, &monday("09:00"));
    clinic.admin.batch_execute("BEGIN; LOCK TABLE requests IN EXCLUSIVE MODE").await.unwrap();
    let killing = async {
        clinic.until_somebody_waits().await;
        clinic
            .admin
            .batch_execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE datname = current_database() AND usename = 'mediconnect_booking';
                 ROLLBACK",
            )
            .await
            .unwrap();
    };
    let (ended, ()) = join(settle(&clinic.settler, &[&request]), killing).await;
    assert!(matches!(ended, Err(Failure::Outage(_))), "{ended:?}");

    clinic.pool.ping().await.unwrap();
    assert!(is_applied(&clinic.settle_one(&request).await));
    assert_eq!(clinic.count("appointments").await, 1);
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_an_outage() {
    let clinic = Clinic::open().await;
    let (doctor, patient) = (clinic.doctor().await, clinic.patient().await);
    let settings = DatabaseSettings { statement_timeout_ms: 100, ..clinic.database.settings() };
    let url = clinic.database.url_for(ServiceRole::Booking);
    let hurried = clinic.settler_on(Pool::connect(&url, &settings).unwrap());
    clinic.admin.batch_execute("BEGIN; LOCK TABLE requests IN EXCLUSIVE MODE").await.unwrap();
    let request = clinic.book(patient, doctor, &monday("09:00"));
    let ended = settle(&hurried, &[&request]).await;
    assert!(matches!(&ended, Err(Failure::Outage(cause)) if cause.contains("57014")), "{ended:?}");
    clinic.admin.batch_execute("ROLLBACK").await.unwrap();
    assert!(is_applied(&settle(&hurried, &[&request]).await.unwrap()[0]));
}

#[tokio::test]
async fn a_server_that_is_not_there_or_says_nothing_is_an_outage() {
    let clinic = Clinic::open().await;
    let (doctor, patient) = (clinic.doctor().await, clinic.patient().await);
    let request = clinic.book(patient, doctor, &monday("09:00"));
    let settings = DatabaseSettings { connect_timeout_ms: 200, ..DatabaseSettings::default() };
    // Its backlog accepts connections, and nobody ever reads from them.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = listener.local_addr().unwrap().port();
    for port in [silent, 1] {
        let url = format!("postgres://mediconnect_booking@127.0.0.1:{port}/x").into();
        let pool = Pool::connect(&url, &settings).unwrap();
        let ended = settle(&clinic.settler_on(pool.clone()), &[&request]).await;
        assert!(matches!(ended, Err(Failure::Outage(_))), "{ended:?}");
        assert!(pool.ping().await.is_err());
        let problem = pool.check_schema().await;
        assert!(matches!(problem, Err(SchemaProblem::Unreachable(_))), "{problem:?}");
    }
}

#[tokio::test]
async fn a_schema_that_is_not_known_is_refused() {
    let clinic = Clinic::open().await;
    clinic.pool.check_schema().await.unwrap();
    let newer = "INSERT INTO _sqlx_migrations
                 SELECT 9999, 'later', now(), true, checksum, 0 FROM _sqlx_migrations LIMIT 1";
    clinic.admin.batch_execute(newer).await.unwrap();
    let problem = clinic.pool.check_schema().await;
    assert!(matches!(problem, Err(SchemaProblem::Mismatch(_))), "{problem:?}");
    clinic.admin.batch_execute("DROP TABLE _sqlx_migrations").await.unwrap();
    let problem = clinic.pool.check_schema().await;
    assert!(matches!(problem, Err(SchemaProblem::Mismatch(_))), "{problem:?}");
}

/// Work that somebody else is always faster at.
struct Loser;

impl Work for Loser {
    type Output = ();
    const NAME: &'static str = "loser";

    async fn run(&self, _transaction: &Transaction<'_>) -> Result<(), Failure> {
        Err(Failure::Contended(Contention::ChangedMeanwhile))
    }
}

#[tokio::test]
async fn who_loses_every_race_blames_no_message() {
    let clinic = Clinic::open().await;
    let ended = clinic.pool.transact(&Loser).await;
    assert!(matches!(ended, Err(Failure::Outage(_))), "{ended:?}");
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_named() {
    let clinic = Clinic::open().await;
    let (doctor, patient) = (clinic.doctor().await, clinic.patient().await);
    let request = clinic.book(patient, doctor, &monday("09:00"));
    clinic.settle_one(&request).await;
    let later = r#"UPDATE requests SET result = '{"teleported": {}}'"#;
    clinic.admin.batch_execute(later).await.unwrap();
    let failure = settle(&clinic.settler, &[&request]).await.unwrap_err();
    let detail = format!("requests.result of row {}", request.id());
    assert_eq!(failure, Failure::Refused { class: "unreadable_row", detail });
}

#[tokio::test]
async fn failures_of_a_message_are_counted_by_cause() {
    let clinic = Clinic::open().await;
    let first_at = "2027-02-01T08:00:00Z".parse().unwrap();
    let fail = async |class, at| {
        let work = RecordFailure { stream_sequence: 7, class, at };
        clinic.pool.transact(&work).await.unwrap()
    };
    assert_eq!(fail("data_exception", first_at).await.count, 1);
    let later = first_at + Duration::from_mins(1);
    let again = fail("data_exception", later).await;
    assert_eq!((again.count, again.first_at), (2, first_at));
    assert_eq!(fail("panic", later).await.count, 1);
}
