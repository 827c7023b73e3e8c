//! What api reads, through the role `mediconnect_api` and in the name of its caller: row-level
//! security shows each what is theirs. There is no other way to a row than a [`CallerTx`].

mod appointments;
mod audit;
mod care_relations;
mod coverages;
mod dead_letters;
mod eligibility;
mod emergency;
mod history;
mod hours;
mod letter_changes;
mod locations;
mod me;
mod notes;
mod patients;
mod practitioners;
mod record_access;
mod requests;
mod services;
mod slots;
mod users;

use domain::{Actor, CorrelationId};
use runtime::settings::DatabaseSettings;
use secrecy::SecretString;
use sqlx::{PgConnection, Postgres, Transaction};

use crate::StoreError;
use crate::pool::Pool;

pub use appointments::{AppointmentFilter, AppointmentPosition};
pub use audit::{AuditFilter, AuditLogRow, AuditPosition};
pub use coverages::{AddCoverage, ChangeCoverage, CoverageRow, NewCoverage, SubscriberRow};
pub use dead_letters::{
    LetterAction, LetterFilter, LetterGroup, LetterPage, LetterRow, LetterState,
};
pub use eligibility::{CheckFilter, CheckPosition, CheckRow, Decided, Recheck, Standing};
pub use emergency::{
    EmergencyAccess, EmergencyFilter, NewEmergencyAccess, OpenEmergency, Review, ReviewEmergency,
};
pub use history::HistoryRow;
pub use hours::Dates;
pub use letter_changes::Deed;
pub use locations::LocationFilter;
pub use me::Me;
pub use notes::NoteRow;
pub use patients::{PatientRow, VisitRow};
pub use practitioners::{Practitioner, PractitionerFilter};
pub use record_access::RecordAccess;
pub use requests::SettledRequest;
pub use services::ServiceFilter;
pub use slots::{Busy, Schedule, ScheduleFilter};
pub use users::{UserFilter, UserRow};

/// The same few queries come again and again with other parameters; planning each time would take
/// longer than running them. So every query here is written so that one plan fits.
const PARAMETERS: [(&str, &str); 1] = [("plan_cache_mode", "force_generic_plan")];

/// What sorts before every id.
const BEFORE_ALL: uuid::Uuid = uuid::Uuid::nil();

/// Where api reads.
#[derive(Clone, Debug)]
pub struct Reader {
    pool: Pool,
}

/// A transaction in somebody's name, read-only unless it came from [`Reader::change_as`].
/// Dropping it ends it.
#[derive(Debug)]
pub struct CallerTx {
    transaction: Transaction<'static, Postgres>,
    actor: Actor,
    correlation_id: CorrelationId,
}

impl Reader {
    /// Connects on first use.
    pub fn connect(url: &SecretString, settings: &DatabaseSettings) -> Result<Self, StoreError> {
        let connections = settings.api_connections;
        let pool = Pool::lazy_with(url, "mediconnect-api", connections, settings, &PARAMETERS)?;
        Ok(Self { pool })
    }

    /// Fails unless the database is there and has the schema that this program knows.
    pub async fn check(&self) -> Result<(), StoreError> {
        self.pool.check_schema().await
    }

    /// Begins to read as `actor`. The correlation id goes into the server's own log.
    pub async fn as_caller(
        &self,
        actor: Actor,
        correlation_id: CorrelationId,
    ) -> Result<CallerTx, StoreError> {
        self.begin("READ ONLY", actor, correlation_id).await
    }

    /// Begins to change, as `actor`, the little that isn't a worker's to change: the state of dead
    /// letters, who insures whom, what becomes of checks, and who sees what in an emergency. Nothing
    /// stays without [`CallerTx::commit`].
    pub async fn change_as(
        &self,
        actor: Actor,
        correlation_id: CorrelationId,
    ) -> Result<CallerTx, StoreError> {
        self.begin("READ WRITE", actor, correlation_id).await
    }

    async fn begin(
        &self,
        mode: &'static str,
        actor: Actor,
        correlation_id: CorrelationId,
    ) -> Result<CallerTx, StoreError> {
        // One round trip for both statements, which the extended protocol has no way to say. A
        // UUID and a word of an enum need no quoting.
        let Actor { id, role } = actor;
        let opening =
            format!("BEGIN {mode}; SELECT begin_as('{id}', '{role}', '{correlation_id}')");
        let transaction = self.pool.begin_with(&opening).await?;
        Ok(CallerTx { transaction, actor, correlation_id })
    }

    /// Ends all connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

impl CallerTx {
    fn connection(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }

    /// Makes what was changed stay.
    pub async fn commit(self) -> Result<(), StoreError> {
        Ok(self.transaction.commit().await?)
    }
}
