//! PostgreSQL, and nothing but: schema, logins, pools, and one file per table.
//!
//! Two drivers share one connection budget. sqlx owns migrations, identity and the reads of api,
//! whose queries are checked against the schema when they are compiled; deadpool-postgres, which
//! pipelines, owns the workers' writes.

pub mod audit;
pub mod booking;
pub mod eligibility;
pub mod error;
pub mod identity;
pub mod ledger;
pub mod login;
pub mod migrate;
mod pool;
pub mod reading;
pub mod schema;
mod tls;
pub mod trace;

pub use error::StoreError;
pub use login::{ServiceLogin, ServiceRole, with_login};
pub use migrate::{MigrationReport, migrate};
pub use schema::{SchemaMismatch, check_schema};
