//! The accounts of a replay: who they are, and their tokens, kept fresh.

use std::collections::BTreeMap;

use anyhow::Context as _;
use domain::{Clock as _, SystemClock};
use jiff::civil::Date;
use jiff::{SignedDuration, ToSpan as _};
use ring::hmac;
use tokio::sync::Mutex;

use super::state::State;
use crate::client::http::Http;
use crate::client::sign_in::{self, Credentials, Person, Registered};

/// A token that ends sooner than this is renewed before it is used.
const RENEW_BEFORE: SignedDuration = SignedDuration::from_secs(60);

/// Bytes of a derived password: 128 bits.
const PASSWORD_BYTES: usize = 16;

/// Ages outside of this range are dirt in the source.
const PLAUSIBLE_AGES: std::ops::RangeInclusive<i32> = 0..=110;

/// Names and passwords of accounts. Both are derived from the state, so that an account whose
/// registration was interrupted can still be used.
#[derive(Debug)]
pub struct Identities {
    label: String,
    secret: hmac::Key,
}

impl Identities {
    /// The identities of a state.
    pub fn of(state: &State) -> Self {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, state.secret.as_bytes());
        Self { label: state.label.clone(), secret }
    }

    /// An address under a name that can never be somebody's.
    pub fn email(&self, who: &str) -> String {
        format!("{who}@{}.replay.example", self.label)
    }

    /// The password that goes with it.
    pub fn password(&self, who: &str) -> String {
        let tag = hmac::sign(&self.secret, who.as_bytes());
        super::hex(&tag.as_ref()[..PASSWORD_BYTES])
    }

    /// Sets keys and licences of this state apart from those of others.
    pub fn label(&self) -> &str {
        &self.label
    }
}

/// The patients of a run.
#[derive(Debug)]
pub struct Patients {
    identities: Identities,
    accounts: BTreeMap<u32, Patient>,
}

/// One patient. The lock keeps two connections from using one refresh token twice, which would
/// end the sign-in.
#[derive(Debug)]
struct Patient {
    birth_date: Date,
    account: Mutex<Option<Registered>>,
}

impl Patients {
    /// The patients with these ages, as far as the state knows them already.
    pub fn new(state: &State, ages: &BTreeMap<u32, i32>, today: Date) -> Self {
        let patient = |(&number, &age): (&u32, &i32)| {
            let account = Mutex::new(state.patients.get(&number).cloned());
            (number, Patient { birth_date: birth_date(number, age, today), account })
        };
        Self { identities: Identities::of(state), accounts: ages.iter().map(patient).collect() }
    }

    /// Their numbers.
    pub fn numbers(&self) -> Vec<u32> {
        self.accounts.keys().copied().collect()
    }

    /// The access token of a patient: signs in, registers or renews as need be.
    pub async fn access_token(&self, http: &Http, number: u32) -> anyhow::Result<String> {
        let patient = self.patient(number)?;
        let mut account = patient.account.lock().await;
        let soon = SystemClock.now() + RENEW_BEFORE;
        if let Some(known) = account.as_ref().filter(|it| it.tokens.access_expires_at > soon) {
            return Ok(known.tokens.access.clone());
        }
        let renewed = self.renew(http, number, patient.birth_date, account.as_ref()).await?;
        let token = renewed.tokens.access.clone();
        *account = Some(renewed);
        Ok(token)
    }

    /// As [`Patients::access_token`], after the server refused `refused`.
    pub async fn another_access_token(
        &self,
        http: &Http,
        number: u32,
        refused: &str,
    ) -> anyhow::Result<String> {
        let mut account = self.patient(number)?.account.lock().await;
        if let Some(known) = account.as_mut().filter(|known| known.tokens.access == refused) {
            known.tokens.access_expires_at = jiff::Timestamp::UNIX_EPOCH;
        }
        drop(account);
        self.access_token(http, number).await
    }

    /// Everybody who is registered, for the state. Nobody may be renewing meanwhile.
    pub async fn registered(&self) -> BTreeMap<u32, Registered> {
        let mut registered = BTreeMap::new();
        for (number, patient) in &self.accounts {
            if let Some(account) = patient.account.lock().await.clone() {
                registered.insert(*number, account);
            }
        }
        registered
    }

    async fn renew(
        &self,
        http: &Http,
        number: u32,
        birth_date: Date,
        known: Option<&Registered>,
    ) -> anyhow::Result<Registered> {
        let who = format!("patient-{number}");
        let (email, password) = (self.identities.email(&who), self.identities.password(&who));
        let credentials = Credentials { email: &email, password: &password };
        if let Some(known) = known {
            if let Some(renewed) = sign_in::refresh(http, &known.tokens.refresh).await? {
                return Ok(renewed);
            }
            if let Some(renewed) = sign_in::log_in(http, credentials).await? {
                return Ok(renewed);
            }
        }
        let family = number.to_string();
        let person = Person { given: "Patient", family: &family, birth_date };
        sign_in::register(http, credentials, person).await?;
        sign_in::log_in(http, credentials)
            .await?
            .with_context(|| format!("the address of patient {number} belongs to somebody else"))
    }

    fn patient(&self, number: u32) -> anyhow::Result<&Patient> {
        self.accounts.get(&number).with_context(|| format!("patient {number} wasn't prepared"))
    }
}

/// A day of birth that gives this age today; the number spreads the patients over the year.
fn birth_date(number: u32, age: i32, today: Date) -> Date {
    let years = age.clamp(*PLAUSIBLE_AGES.start(), *PLAUSIBLE_AGES.end());
    today.saturating_sub(years.years()).saturating_sub(i64::from(number % 365).days())
}

/// Whether an age can't be true.
pub fn is_dirty(age: i32) -> bool {
    !PLAUSIBLE_AGES.contains(&age)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    const TODAY: Date = date(2026, 11, 22);

    #[test]
    fn a_birth_date_gives_the_age_and_lies_in_the_past() {
        for (number, age) in [(0, 0), (364, 0), (12, 37), (365, 90), (4_000_000, 1)] {
            let born = birth_date(number, age, TODAY);
            let years = born.until((jiff::Unit::Year, TODAY)).unwrap().get_years();
            assert_eq!(i32::from(years), age, "patient {number}");
            assert!(born <= TODAY);
        }
    }

    #[test]
    fn dirty_ages_are_clamped() {
        assert_eq!(birth_date(0, -1, TODAY), TODAY);
        assert_eq!(birth_date(0, 115, TODAY), date(1916, 11, 22));
        assert_eq!([-1, 0, 110, 111].map(is_dirty), [true, false, false, true]);
    }

    #[test]
    fn accounts_are_derived_and_differ() {
        let state = State::new();
        let (one, same) = (Identities::of(&state), Identities::of(&state));
        assert_eq!(one.password("patient-1"), same.password("patient-1"));
        assert_ne!(one.password("patient-1"), one.password("patient-2"));
        assert!(one.password("patient-1").len() >= 15);
        assert!(one.email("patient-1").ends_with(".example"));
        let other = Identities::of(&State::new());
        assert_ne!(one.password("patient-1"), other.password("patient-1"));
    }
}
