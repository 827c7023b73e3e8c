//! Insurers in trouble while a day is booked, on real processes: bookings go on, the breaker stops
//! the calls, another insurer isn't slowed, and every check is settled after.

mod faults;
mod operators;
mod scene;
