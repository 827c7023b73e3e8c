//! A day of bookings by patients who are insured: half of them with an insurer that will be in
//! trouble, half with one that won't.

use std::time::Duration;

use anyhow::{Context, ensure};
use domain::PayerId;
use insurer::{Knobs, Outcome, Share};
use serde_json::{Value, json};
use testkit::{Insurer, InventedDay, Replaying, System};
use tokio_postgres::Client;

pub const DAY: InventedDay = InventedDay { rows: 240, patients: 40, clinics: 2 };

const CONNECTIONS: u32 = 8;

/// The payer that will be in trouble, and the one that won't.
pub const BAD: &str = "00042";
pub const GOOD: &str = "00007";

/// How long a breaker stays open, and what a call may take.
pub const OPEN: Duration = Duration::from_millis(800);
const CALL_TIMEOUT: &str = "1000";

/// Places for calls to one payer.
pub const AT_ONCE: u64 = 4;

/// Failures that open the breaker.
pub const MIN_CALLS: u64 = 5;

pub struct Scene {
    pub system: System,
    pub insurer: Insurer,
    pub database: Client,
}

impl Scene {
    /// Everything ready, everybody insured, nothing booked.
    pub async fn set() -> anyhow::Result<Self> {
        let insurer = Insurer::start().await?;
        let open_ms = OPEN.as_millis().to_string();
        let at_once = AT_ONCE.to_string();
        let min_calls = MIN_CALLS.to_string();
        let settings = [
            ("MC_ELIGIBILITY__INSURER_URL", insurer.url()),
            ("MC_ELIGIBILITY__ALLOW_PRIVATE_ADDRESSES", "true".to_owned()),
            ("MC_ELIGIBILITY__CALL_TIMEOUT_MS", CALL_TIMEOUT.to_owned()),
            ("MC_ELIGIBILITY__LEASE_MS", "1500".to_owned()),
            ("MC_ELIGIBILITY__POLL_MS", "50".to_owned()),
            ("MC_ELIGIBILITY__CALLS_AT_ONCE", at_once),
            ("MC_ELIGIBILITY__CALLS_PER_S", "200".to_owned()),
            ("MC_ELIGIBILITY__RETRY_FIRST_MS", "100".to_owned()),
            ("MC_ELIGIBILITY__RETRY_MAX_MS", "1000".to_owned()),
            ("MC_ELIGIBILITY__BREAKER_MIN_CALLS", min_calls),
            ("MC_ELIGIBILITY__BREAKER_OPEN_MS", open_ms),
            ("MC_ELIGIBILITY__BREAKER_WINDOW_MS", "5000".to_owned()),
        ];
        let settings: Vec<(&str, &str)> =
            settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut system = System::start_with(&settings).await?;
        system.start_audit()?;
        system.prepare_replay(DAY).await?;
        let database = system.database().await?;
        let scene = Self { system, insurer, database };
        scene.insure_everybody().await?;
        Ok(scene)
    }

    /// Coverages through the API, as the front desk adds them.
    async fn insure_everybody(&self) -> anyhow::Result<()> {
        let admin = self.system.api().admin().await?;
        let patients =
            self.database.query("SELECT id::text FROM patients ORDER BY id", &[]).await?;
        ensure!(patients.len() == DAY.patients as usize, "{} patients", patients.len());
        for (number, row) in patients.iter().enumerate() {
            let (patient, payer) = (row.get::<_, String>(0), [BAD, GOOD][number % 2]);
            let body = json!({ "payer": payer, "subscriber_id": format!("M-{number}-ACTIVE") });
            admin.post(&format!("/v1/patients/{patient}/coverages"), body).await?.expect(201)?;
        }
        Ok(())
    }

    pub async fn start_eligibility(&mut self) -> anyhow::Result<()> {
        self.system.start_eligibility().await
    }

    pub fn start_day(&self) -> anyhow::Result<Replaying> {
        self.system.start_replay(CONNECTIONS)
    }

    /// The bad payer's behaviour from now on.
    pub async fn always(&self, outcome: Outcome) -> anyhow::Result<()> {
        let knobs = Knobs { mix: vec![Share { weight: 1, outcome }], ..Knobs::default() };
        self.insurer.set_for(&payer(BAD)?, &knobs).await
    }

    /// How many checks of a payer have one of these statuses.
    pub async fn count(&self, payer: &str, statuses: &[&str]) -> anyhow::Result<i64> {
        let sql =
            "SELECT count(*) FROM eligibility_checks WHERE payer_id = $1 AND status = ANY ($2)";
        Ok(self.database.query_one(sql, &[&payer, &statuses]).await?.get(0))
    }

    /// A number that SQL gives.
    pub async fn number(&self, sql: &str) -> anyhow::Result<i64> {
        Ok(self.database.query_one(sql, &[]).await?.get(0))
    }

    /// A transition of the bad payer's breaker, by count.
    pub async fn transitions(&self, from: &str, to: &str) -> anyhow::Result<u64> {
        let labels = format!("{{from=\"{from}\",payer=\"{BAD}\",to=\"{to}\"}}");
        self.metric(&format!("mediconnect_breaker_transitions_total{labels}")).await
    }

    /// One series of the eligibility worker; nothing when it isn't there.
    pub async fn metric(&self, series: &str) -> anyhow::Result<u64> {
        let metrics = self.system.eligibility_metrics().await?;
        let line = metrics.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        Ok(line.map_or(Ok(0), str::parse)?)
    }

    /// Waits until the breaker has opened and so many probes have failed.
    pub async fn wait_for_probes(&self, probes: u64) -> anyhow::Result<()> {
        let probed = || async { Ok(self.transitions("half_open", "open").await? >= probes) };
        self.system.wait_until("probes have failed", probed).await
    }

    /// Waits until a visit of each booked one of that payer's patients has a check, and all of
    /// that payer's are in one of these statuses.
    pub async fn wait_for_all(&self, payer: &str, statuses: &[&str]) -> anyhow::Result<()> {
        let sql = "SELECT count(*) FROM appointments a JOIN coverages c USING (patient_id)
            WHERE c.payer_id = $1 AND NOT EXISTS (SELECT FROM eligibility_checks e
                WHERE e.appointment_id = a.id AND e.status = ANY ($2))";
        let all = || async {
            let missing: i64 = self.database.query_one(sql, &[&payer, &statuses]).await?.get(0);
            let total: i64 = self.count(payer, ALL).await?;
            Ok(missing == 0 && total == self.count(payer, statuses).await?)
        };
        self.system.wait_until(&format!("all of {payer} are {statuses:?}"), all).await
    }

    /// What must hold after any trouble.
    pub async fn check_the_end(&self, report: &Value) -> anyhow::Result<()> {
        let rows = report["rows"]["booked"].as_i64().context("the report counts bookings")?;
        ensure!(rows == i64::from(DAY.rows), "not everybody could book: {report:#}");
        ensure!(self.system.visits().await? == rows);
        let at_rest = || async { Ok(self.system.ledger().await?.0["in_flight"] == 0) };
        self.system.wait_until("nothing is in flight", at_rest).await?;
        let (ledger, code) = self.system.ledger().await?;
        ensure!(code == 0 && ledger["balanced"] == true, "the ledger doesn't balance: {ledger:#}");
        let bus = self.system.nats.bus().await?;
        let dead = bus.state_of(contracts::subjects::DEAD).await?;
        ensure!(dead.messages == 0, "the outage made {} dead letters", dead.messages);
        // A check for each visit and each coverage, and each once.
        let checks = self.number("SELECT count(*) FROM eligibility_checks").await?;
        ensure!(checks == rows + i64::from(DAY.patients), "{checks} checks");
        let sql = "SELECT count(*) FROM eligibility_checks
            WHERE status <> 'active' OR last_result <> 'active' OR lease_owner IS NOT NULL";
        ensure!(self.number(sql).await? == 0, "not every check is settled");
        // A fact for each visit at least, and who insured whom.
        let recorded = self.system.check_audit_is_complete().await? as i64;
        ensure!(recorded >= rows + i64::from(DAY.patients), "{recorded} ids are recorded");
        Ok(())
    }

    /// Nobody was ever told "not covered", whatever the insurer did.
    pub async fn nobody_is_not_covered(&self) -> anyhow::Result<()> {
        let sql = "SELECT count(*) FROM eligibility_checks
            WHERE status = 'inactive' OR last_result = 'inactive'";
        ensure!(self.number(sql).await? == 0, "silence was taken for a no");
        Ok(())
    }
}

const ALL: &[&str] = &[
    "not_checked",
    "checking",
    "active",
    "inactive",
    "needs_attention",
    "pending_verification",
    "self_pay",
];

pub fn payer(id: &str) -> anyhow::Result<PayerId> {
    Ok(id.parse()?)
}
