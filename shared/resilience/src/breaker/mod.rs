//! A circuit breaker: stops calling a dependency that fails, and asks it once in a while.
//!
//! ```text
//!             too many failures                   the period is over
//!    Closed ────────────────────► Open ──────────────────────────────► HalfOpen
//!      ▲                            ▲                                   │    │
//!      │                            └────────── the probe fails ────────┘    │
//!      └──────────────────────── the probe succeeds ─────────────────────────┘
//!
//!    an operator: any ──► ForcedOpen ──automatic──► HalfOpen
//!                 any ──► ForcedClosed ──automatic──► Closed
//! ```
//!
//! - **Closed**: calls run. A failure opens the breaker if, of the calls that *finished* in the
//!   rolling window, at least [`Options::volume_threshold`] did and more than
//!   [`Options::failure_threshold`] failed. Successes never open it, nor does time.
//! - **Open**: calls are refused. The state follows from the clock: nobody need call.
//! - **Half-open**: exactly one call runs, the *probe*; the others are refused. Its success closes
//!   the breaker and empties the window; its failure opens it for a full period. A probe that is
//!   dropped, or that outlives [`Options::probe_deadline`], makes room for another.
//!
//! A timeout is a failure. An answer, however unwelcome ("patient not found"), is a success: the
//! caller decides which is which. A call refused for lack of capacity, or dropped without a
//! result, counts as neither. A result that was begun before the last change of state is ignored:
//! each change begins a new *generation*.
//!
//! [`Machine`] is the pure state machine, [`CircuitBreaker`] the same for many tasks,
//! [`conformance`] the replay of recorded traces.

mod circuit_breaker;
pub mod conformance;
mod machine;
mod options;
mod percent;
mod period;
mod state;
mod window;

pub use circuit_breaker::{CircuitBreaker, Permit};
pub use machine::{Machine, Ticket};
pub use options::{Growth, InvalidOptions, MAX_BUCKETS, Options};
pub use percent::{InvalidPercent, Percent};
pub use state::{Control, Outcome, Refusal, State, Transition};
