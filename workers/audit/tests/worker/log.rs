//! Streams, an empty log, and workers to fill it.

use std::time::Duration;

use async_nats::jetstream;
use bus::{AuditPublisher, Bus, OutgoingEvent};
use contracts::outcome::AppointmentState;
use contracts::{AppointmentEvent, AuditEntry, EventKind};
use domain::{
    Actor, AppointmentId, AppointmentStatus, CorrelationId, EventId, PatientId, PractitionerId,
    RequestId, Role, UserId,
};
use runtime::settings::AuditSettings;
use runtime::{Settings, Shutdown};
use testkit::{TestDatabase, TestNats};
use tokio::time::{Instant, sleep};
use tokio_postgres::Client;

/// A bound against hanging.
const PATIENCE: Duration = Duration::from_mins(1);

pub struct Log {
    pub database: TestDatabase,
    /// Sees everything.
    pub admin: Client,
    pub nats: TestNats,
    pub bus: Bus,
    publisher: AuditPublisher,
    _publishing: Shutdown,
}

/// A running worker.
pub struct Worker {
    shutdown: Shutdown,
    running: tokio::task::JoinHandle<anyhow::Result<()>>,
}

impl Log {
    pub async fn open() -> Self {
        let database = TestDatabase::create().await.unwrap();
        let nats = TestNats::start().await.unwrap();
        let bus = nats.bus().await.unwrap();
        let publishing = Shutdown::new();
        Self {
            admin: database.admin().await.unwrap(),
            publisher: AuditPublisher::start(&bus, &publishing),
            database,
            nats,
            bus,
            _publishing: publishing,
        }
    }

    pub async fn record(&self, entry: &AuditEntry) {
        self.publisher.publish(entry, None, PATIENCE).await.unwrap();
    }

    /// A visit was booked, by its patient.
    pub async fn book(&self, patient: PatientId) -> OutgoingEvent {
        let now = "2027-02-01T08:00:00.123456789Z".parse().unwrap();
        let fact = AppointmentEvent {
            appointment: AppointmentState {
                id: AppointmentId::generate(),
                version: 1,
                status: AppointmentStatus::Booked,
                practitioner_id: PractitionerId::generate(),
                patient_id: patient,
                start: now,
                end: now,
                cancelation_reason: None,
                service_id: None,
                location_id: None,
                expires_at: None,
                series_id: None,
            },
            occurred_at: now,
            previous: None,
            override_reason: None,
        };
        let event = OutgoingEvent {
            id: EventId::generate(),
            kind: EventKind::AppointmentBooked,
            aggregate_version: 1,
            body: serde_json::to_vec(&fact).unwrap(),
            correlation_id: CorrelationId::generate(),
            request_id: RequestId::generate(),
            actor: Actor { id: UserId::from(patient), role: Role::Patient }.to_string(),
            trace: None,
        };
        self.bus.publish_events(std::slice::from_ref(&event)).await.unwrap();
        event
    }

    pub async fn jetstream(&self) -> jetstream::Context {
        jetstream::new(self.nats.client().await.unwrap())
    }

    pub fn start_worker(&self) -> Worker {
        let settings = Settings {
            audit: AuditSettings {
                metrics_listen: ([127, 0, 0, 1], 0).into(),
                pause_ms: 10,
                ..AuditSettings::default()
            },
            database: self.database.settings(),
            nats: self.nats.settings(),
            ..Settings::default()
        };
        let shutdown = Shutdown::new();
        let running = tokio::spawn(audit::run(settings, shutdown.clone()));
        Worker { shutdown, running }
    }

    pub async fn number(&self, sql: &str) -> i64 {
        self.admin.query_one(sql, &[]).await.unwrap().get(0)
    }

    /// Returns once there are this many rows.
    pub async fn until_rows(&self, count: i64) {
        self.until("SELECT count(*) FROM audit_log", count).await;
    }

    pub async fn until(&self, sql: &str, expected: i64) {
        let give_up = Instant::now() + PATIENCE;
        loop {
            let found = self.number(sql).await;
            if found == expected {
                return;
            }
            assert!(Instant::now() < give_up, "{sql}: {found}, not {expected}");
            sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Worker {
    pub async fn stop(self) {
        self.shutdown.trigger();
        self.running.await.unwrap().unwrap();
    }

    /// Why it ended by itself.
    pub async fn failure(self) -> String {
        format!("{:#}", self.running.await.unwrap().unwrap_err())
    }

    pub fn has_ended(&self) -> bool {
        self.running.is_finished()
    }
}
