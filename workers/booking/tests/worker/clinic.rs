//! A clinic in a database of its own, and a worker that settles what is asked of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use booking::{Request, Settler};
use contracts::commands::{ExceptionEntry, Seen};
use contracts::{
    Applied, AppointmentState, BookAppointment, BookingCommand, CancelAppointment, IdempotencyId,
    LocationState, Metadata, Outcome, Rejection, Route, ServiceState, SetAvailability,
    SetException, SetLocation, SetService, WithdrawRequest,
};
use domain::{
    Actor, CancelationReason, CorrelationId, HealthcareServiceId, LocationId, ManualClock,
    Modality, PatientId, PractitionerId, RequestId, RequestedStart, Role, UserId,
};
use jiff::Timestamp;
use store::ServiceRole;
use store::booking::Pool;
use testkit::TestDatabase;
use tokio::sync::Notify;
use tokio_postgres::Client;
use uuid::Uuid;

/// What the clinic's clock shows: a Monday morning in São Paulo.
pub const NOW: &str = "2027-02-01T08:00:00-03:00";

/// The next Monday, when every doctor works from nine to five in slots of half an hour.
pub const MONDAY: &str = "2027-02-08";

pub struct Clinic {
    pub database: TestDatabase,
    /// Sees everything.
    pub admin: Client,
    pub pool: Pool,
    pub settler: Settler,
    pub clock: Arc<ManualClock>,
    sequence: AtomicU64,
}

impl Clinic {
    pub async fn open() -> Self {
        let database = TestDatabase::create().await.unwrap();
        let admin = database.admin().await.unwrap();
        let settings = database.settings();
        let pool = Pool::connect(&database.url_for(ServiceRole::Booking), &settings).unwrap();
        let clock = Arc::new(ManualClock::at(NOW.parse().unwrap()));
        let settler = Settler::new(pool.clone(), clock.clone(), Arc::new(Notify::new()));
        Self { database, admin, pool, settler, clock, sequence: AtomicU64::new(1) }
    }

    /// A worker on connections of its own.
    pub fn settler_on(&self, pool: Pool) -> Settler {
        Settler::new(pool, self.clock.clone(), Arc::new(Notify::new()))
    }

    /// An approved doctor who works from Monday to Friday.
    pub async fn doctor(&self) -> PractitionerId {
        let id = self.unapproved_doctor().await;
        let approve = "UPDATE practitioners SET approved_at = now() WHERE id = $1";
        self.admin.execute(approve, &[&id.as_uuid()]).await.unwrap();
        self.hours(id, "America/Sao_Paulo", &[1, 2, 3, 4, 5], "09:00", "17:00", 30).await;
        id
    }

    pub async fn unapproved_doctor(&self) -> PractitionerId {
        let id = self.user(Role::Doctor).await;
        let insert = "INSERT INTO practitioners (id, given_name, family_name, specialty, licence)
                      VALUES ($1::uuid, 'Ada', 'Test', 'gp', $1::uuid::text)";
        self.admin.execute(insert, &[&id.as_uuid()]).await.unwrap();
        id.into()
    }

    pub async fn hours(
        &self,
        doctor: PractitionerId,
        zone: &str,
        weekdays: &[i16],
        from: &str,
        to: &str,
        minutes: i16,
    ) {
        let insert = "INSERT INTO availability_rules
                      SELECT $1, weekday, $3::text::time, $4::text::time, $5, $6
                      FROM unnest($2::smallint[]) AS weekday";
        let id = doctor.as_uuid();
        self.admin.execute(insert, &[&id, &weekdays, &from, &to, &zone, &minutes]).await.unwrap();
    }

    pub async fn patient(&self) -> PatientId {
        let id = self.user(Role::Patient).await;
        let insert = "INSERT INTO patients VALUES ($1, 'Bo', 'Test', '1990-01-01')";
        self.admin.execute(insert, &[&id.as_uuid()]).await.unwrap();
        id.into()
    }

    async fn user(&self, role: Role) -> UserId {
        let id = UserId::generate();
        let insert = "INSERT INTO users (id, email, password_hash, role, created_at)
                      VALUES ($1::uuid, $1::uuid::text || '@clinic.example', '-', $2, now())";
        self.admin.execute(insert, &[&id.as_uuid(), &role.as_str()]).await.unwrap();
        id
    }

    /// A request as it comes from the stream, each with the next sequence.
    pub fn request(&self, actor: Actor, command: BookingCommand) -> Incoming {
        let metadata = Metadata {
            correlation_id: CorrelationId::generate(),
            request_id: RequestId::generate(),
            causation_id: None,
            reply_to: None,
            actor,
            schema: command.schema(),
            accepted_at: NOW.parse().unwrap(),
            idempotency_id: None,
            trace: None,
        };
        let stream_sequence = self.sequence.fetch_add(1, Ordering::Relaxed);
        Incoming { metadata, command, stream_sequence }
    }

    /// A patient books for themselves.
    pub fn book(&self, patient: PatientId, doctor: PractitionerId, start: &str) -> Incoming {
        self.request(patient_of(patient), book(patient, doctor, start))
    }

    /// A patient cancels.
    pub fn cancel(&self, patient: PatientId, visit: &AppointmentState) -> Incoming {
        self.request(patient_of(patient), cancel(visit))
    }

    /// The caller of a request withdraws it.
    pub fn withdraw(&self, target: &Incoming) -> Incoming {
        self.request(target.metadata.actor, target.withdrawal())
    }

    pub async fn settle(&self, incoming: &[&Incoming]) -> Vec<Outcome> {
        settle(&self.settler, incoming).await.unwrap()
    }

    pub async fn settle_one(&self, incoming: &Incoming) -> Outcome {
        let mut outcomes = self.settle(&[incoming]).await;
        assert_eq!(outcomes.len(), 1);
        outcomes.remove(0)
    }

    /// A visit that was booked just now.
    pub async fn booked(
        &self,
        patient: PatientId,
        doctor: PractitionerId,
        start: &str,
    ) -> AppointmentState {
        visit(self.settle_one(&self.book(patient, doctor, start)).await)
    }

    /// Books behind the worker's back, as its role would.
    pub async fn insert_raw(
        &self,
        client: &Client,
        doctor: PractitionerId,
        patient: PatientId,
        start: &str,
    ) -> Result<u64, tokio_postgres::Error> {
        let insert = "INSERT INTO appointments (id, practitioner_id, patient_id, during, occupied,
                          status, version, request_id, created_at)
                      SELECT $1, $2, $3, visit, visit, 'booked', 1, $1, now()
                      FROM (SELECT tstzrange($4::timestamptz,
                          $4::timestamptz + interval '30 min')) AS visits (visit)";
        let (id, start) = (Uuid::new_v4(), instant(start));
        client.execute(insert, &[&id, &doctor.as_uuid(), &patient.as_uuid(), &start]).await
    }

    /// Returns once a statement in this database waits for another transaction.
    pub async fn until_somebody_waits(&self) {
        let waiting = "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
                       WHERE a.datname = current_database() AND NOT l.granted";
        while self.admin.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) == 0 {
            tokio::task::yield_now().await;
        }
    }

    pub async fn count(&self, table: &str) -> i64 {
        let rows = self.admin.query_one(&format!("SELECT count(*) FROM {table}"), &[]).await;
        rows.unwrap().get(0)
    }
}

pub async fn settle(
    settler: &Settler,
    incoming: &[&Incoming],
) -> Result<Vec<Outcome>, store::booking::Failure> {
    let requests: Vec<Request<'_>> = incoming.iter().map(|incoming| incoming.request()).collect();
    settler.settle(&requests).await
}

/// A message as the runner hands it on.
#[derive(Clone, Debug)]
pub struct Incoming {
    pub metadata: Metadata,
    pub command: BookingCommand,
    pub stream_sequence: u64,
}

impl Incoming {
    pub fn request(&self) -> Request<'_> {
        Request {
            metadata: &self.metadata,
            command: &self.command,
            stream_sequence: self.stream_sequence,
        }
    }

    pub fn id(&self) -> RequestId {
        self.metadata.request_id
    }

    /// As api makes it from an `Idempotency-Key`: the ids follow from the key and the body.
    pub fn with_key(mut self, key: &str) -> Self {
        let id = IdempotencyId::derive(self.metadata.actor.id, Route::BookAppointment, key);
        self.metadata.idempotency_id = Some(id);
        self.metadata.request_id = id.request_id(&self.command.to_body());
        self
    }

    pub fn withdrawal(&self) -> BookingCommand {
        let kind = self.command.kind();
        BookingCommand::Withdraw(WithdrawRequest::of(&self.metadata, kind, self.stream_sequence))
    }
}

pub fn book(patient_id: PatientId, practitioner_id: PractitionerId, at: &str) -> BookingCommand {
    let start = RequestedStart::try_from(at.to_owned()).unwrap();
    BookingCommand::Book(BookAppointment {
        practitioner_id,
        patient_id,
        start,
        service_id: None,
        location_id: None,
    })
}

pub fn cancel(visit: &AppointmentState) -> BookingCommand {
    BookingCommand::Cancel(CancelAppointment {
        appointment_id: visit.id,
        version: visit.version,
        reason: CancelationReason::Patient,
        override_reason: None,
    })
}

/// The whole week from nine to ten, in São Paulo.
pub fn early_week(practitioner_id: PractitionerId, slot_minutes: i16) -> SetAvailability {
    use contracts::commands::{Day, WeeklyHours};
    let [start, end] = ["09:00", "10:00"].map(|time| time.parse().unwrap());
    let hours = [Day::Mon, Day::Tue, Day::Wed, Day::Thu, Day::Fri]
        .map(|day| WeeklyHours { day, start, end, location_id: None, service_ids: vec![] })
        .to_vec();
    SetAvailability {
        practitioner_id,
        time_zone: "America/Sao_Paulo".to_owned(),
        slot_minutes,
        hours,
    }
}

pub fn patient_of(id: PatientId) -> Actor {
    Actor { id: id.into(), role: Role::Patient }
}

pub fn doctor_of(id: PractitionerId) -> Actor {
    Actor { id: id.into(), role: Role::Doctor }
}

pub fn somebody(role: Role) -> Actor {
    Actor { id: UserId::generate(), role }
}

/// A time on [`MONDAY`] in São Paulo.
pub fn monday(time: &str) -> String {
    format!("{MONDAY}T{time}:00-03:00")
}

pub fn rejected(reason: Rejection) -> Outcome {
    Outcome::Rejected { reason }
}

pub fn is_applied(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Applied { .. })
}

pub fn visit(outcome: Outcome) -> AppointmentState {
    match outcome {
        Outcome::Applied { result: Applied::Appointment(visit) } => visit,
        other => panic!("expected a visit, got {other:?}"),
    }
}

pub fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn nobody() -> Uuid {
    Uuid::new_v4()
}

/// A visit type: half an hour in person, every half hour, for everybody and everyone.
pub fn plain_service() -> SetService {
    SetService {
        changed: None,
        name: "Follow-up".to_owned(),
        specialty: None,
        modality: Modality::InPerson,
        duration_minutes: 30,
        buffer_before_minutes: 0,
        buffer_after_minutes: 0,
        alignment_minutes: 30,
        minimum_notice_minutes: 0,
        horizon_days: 90,
        active: true,
    }
}

impl Clinic {
    /// Makes a visit type, or changes one.
    pub async fn service(&self, service: SetService) -> ServiceState {
        let command = BookingCommand::SetService(service);
        match self.settle_one(&self.request(somebody(Role::Admin), command)).await {
            Outcome::Applied { result: Applied::Service(service) } => service,
            other => panic!("expected a visit type, got {other:?}"),
        }
    }

    /// Makes a location, or changes one.
    pub async fn location(&self, changed: Option<Seen<LocationId>>, active: bool) -> LocationState {
        let command = set_location(changed, active);
        match self.settle_one(&self.request(somebody(Role::Admin), command)).await {
            Outcome::Applied { result: Applied::Location(location) } => location,
            other => panic!("expected a location, got {other:?}"),
        }
    }

    /// A patient books a visit of that type, at that place.
    pub fn book_there(
        &self,
        (patient_id, practitioner_id): (PatientId, PractitionerId),
        start: &str,
        service_id: Option<HealthcareServiceId>,
        location_id: Option<LocationId>,
    ) -> Incoming {
        let start = RequestedStart::try_from(start.to_owned()).unwrap();
        let command =
            BookAppointment { practitioner_id, patient_id, start, service_id, location_id };
        self.request(patient_of(patient_id), BookingCommand::Book(command))
    }

    /// A doctor says in what [`MONDAY`] differs from other Mondays.
    pub fn set_monday(&self, doctor: PractitionerId, entries: &[(&str, &str, &str)]) -> Incoming {
        let entries = entries.iter().map(|(kind, start, end)| ExceptionEntry {
            kind: kind.parse().unwrap(),
            start: start.parse().unwrap(),
            end: end.parse().unwrap(),
            location_id: None,
            service_ids: vec![],
        });
        let command = SetException {
            practitioner_id: doctor,
            date: MONDAY.parse().unwrap(),
            entries: entries.collect(),
        };
        self.request(doctor_of(doctor), BookingCommand::SetException(command))
    }
}

pub fn set_location(changed: Option<Seen<LocationId>>, active: bool) -> BookingCommand {
    BookingCommand::SetLocation(SetLocation {
        changed,
        name: "Downtown".to_owned(),
        time_zone: "america/sao_paulo".to_owned(),
        active,
    })
}

/// Every day from nine to ten in São Paulo, there and for those visit types.
pub fn week_at(
    doctor: PractitionerId,
    location_id: Option<LocationId>,
    service_ids: &[HealthcareServiceId],
) -> BookingCommand {
    let mut week = early_week(doctor, 30);
    for hours in &mut week.hours {
        hours.location_id = location_id;
        hours.service_ids = service_ids.to_vec();
    }
    BookingCommand::SetAvailability(week)
}
