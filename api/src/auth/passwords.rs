//! Hashing of passwords (Argon2id, 19 MiB, 2 passes, 1 lane), in a pool so small that sign-ins
//! can't crowd out bookings.

use std::sync::{Arc, LazyLock};

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, Params, PasswordHasher as _, PasswordVerifier as _};
use ring::rand::{SecureRandom as _, SystemRandom};
use runtime::metrics::{self, IntCounterVec};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;
use unicode_normalization::UnicodeNormalization as _;

/// Says that the same is done for those who have an account and those who have none.
static HASHES: LazyLock<IntCounterVec> = LazyLock::new(|| {
    metrics::counter_vec("password_hashes_total", "Passwords hashed, by purpose.", &["purpose"])
});

/// All places are taken: try again in a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are being hashed")]
pub struct Busy;

/// What came of checking a password.
#[derive(Debug)]
pub enum Check {
    /// Right.
    Right,
    /// Right, and this is its hash with today's parameters, which the stored one doesn't have.
    RightButWeaklyHashed(SecretString),
    /// Wrong.
    Wrong,
}

/// The pool that hashes passwords.
#[derive(Clone, Debug)]
pub struct Passwords {
    /// Whoever hashes or waits for it.
    admitted: Arc<Semaphore>,
    /// Whoever hashes.
    hashing: Arc<Semaphore>,
    /// The hash of nobody's password: checked when there is no such user, so that it takes as
    /// long as when there is one.
    nobodys: SecretString,
}

impl Passwords {
    /// A pool that hashes `parallel` passwords at once and lets `queue` more wait.
    pub fn new(parallel: usize, queue: usize) -> Self {
        let mut random = [0; 32];
        SystemRandom::new()
            .fill(&mut random)
            .expect("the operating system's random numbers don't fail once it is up");
        Self {
            admitted: Arc::new(Semaphore::new(parallel + queue)),
            hashing: Arc::new(Semaphore::new(parallel)),
            nobodys: hash(&random),
        }
    }

    /// The PHC string of a password.
    pub async fn hash(&self, password: SecretString) -> Result<SecretString, Busy> {
        HASHES.with_label_values(&["keep"]).inc();
        let password = normalised(&password);
        self.run(move || hash(password.expose_secret().as_bytes())).await
    }

    /// Whether the password has that hash. Without a hash the answer is "wrong", as slowly.
    pub async fn check(
        &self,
        password: SecretString,
        stored: Option<SecretString>,
    ) -> Result<Check, Busy> {
        HASHES.with_label_values(&["check"]).inc();
        let password = normalised(&password);
        let somebodys = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.nobodys.clone());
        self.run(move || {
            let check = check(password.expose_secret(), stored.expose_secret());
            if somebodys { check } else { Check::Wrong }
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let admitted = Arc::clone(&self.admitted).try_acquire_owned().map_err(|_| Busy)?;
        let hashing = Arc::clone(&self.hashing).acquire_owned().await.map_err(|_| Busy)?;
        // The permits go along: a caller who hangs up frees no place that is still worked in.
        let worked = tokio::task::spawn_blocking(move || {
            let done = work();
            drop((hashing, admitted));
            done
        });
        worked.await.map_err(|_| Busy)
    }
}

/// The same text for the same password, whichever keyboard wrote it (NFKC, NIST SP 800-63B).
pub fn normalised(password: &SecretString) -> SecretString {
    password.expose_secret().nfkc().collect::<String>().into()
}

fn hash(password: &[u8]) -> SecretString {
    let hash = Argon2::default()
        .hash_password(password)
        .expect("the default parameters are valid and any password up to 4 GiB can be hashed");
    hash.to_string().into()
}

fn check(password: &str, stored: &str) -> Check {
    let Ok(stored) = PasswordHash::new(stored) else { return Check::Wrong };
    if Argon2::default().verify_password(password.as_bytes(), &stored).is_err() {
        return Check::Wrong;
    }
    if is_weak(&stored) {
        Check::RightButWeaklyHashed(hash(password.as_bytes()))
    } else {
        Check::Right
    }
}

fn is_weak(stored: &PasswordHash) -> bool {
    let Ok(params) = Params::try_from(stored) else { return true };
    let today = Params::default();
    stored.algorithm != argon2::Algorithm::Argon2id.ident()
        || params.m_cost() < today.m_cost()
        || params.t_cost() < today.t_cost()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn checks_what_it_hashed() {
        let passwords = Passwords::new(1, 1);
        let hash = passwords.hash("three unrelated words".into()).await.unwrap();
        assert!(hash.expose_secret().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        let check = async |password: &str, hash: Option<SecretString>| {
            passwords.check(password.into(), hash).await.unwrap()
        };
        let stored = Some(hash);
        assert!(matches!(check("three unrelated words", stored.clone()).await, Check::Right));
        assert!(matches!(check("three unrelated", stored).await, Check::Wrong));
        assert!(matches!(check("three unrelated words", None).await, Check::Wrong));
        assert!(matches!(check("anything", Some("no hash".into())).await, Check::Wrong));
    }

    #[tokio::test]
    async fn it_does_not_matter_how_a_keyboard_writes_a_letter() {
        let passwords = Passwords::new(1, 1);
        let stored = passwords.hash("trois e\u{301}le\u{301}phants roses".into()).await.unwrap();
        let check = passwords.check("trois éléphants roses".into(), Some(stored)).await.unwrap();
        assert!(matches!(check, Check::Right));
    }

    #[tokio::test]
    async fn renews_hashes_with_weaker_parameters() {
        let weak = Argon2::from(Params::new(8 * 1024, 1, 1, None).unwrap());
        let stored = weak.hash_password(b"three unrelated words").unwrap().to_string();
        let passwords = Passwords::new(1, 0);
        let check = passwords.check("three unrelated words".into(), Some(stored.into())).await;
        let Ok(Check::RightButWeaklyHashed(renewed)) = check else { panic!("{check:?}") };
        assert!(renewed.expose_secret().contains("m=19456,t=2"));
    }

    #[tokio::test]
    async fn turns_callers_away_when_the_queue_is_full() {
        let passwords = Passwords::new(1, 1);
        let _taken = passwords.admitted.clone().try_acquire_many_owned(2).unwrap();
        assert_eq!(passwords.hash("three unrelated words".into()).await.unwrap_err(), Busy);
    }
}
