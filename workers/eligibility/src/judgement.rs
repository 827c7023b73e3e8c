//! What the end of a call means: for the breaker, and for the check.
//!
//! The classes are those of `domain::reject_reason`. Whatever isn't an answer leaves what was known
//! before as it is: nobody turns an outage into "not covered".

use std::time::Duration;

use contracts::insurer::{AaaError, EligibilityAnswer, class_of_status};
use domain::{CoverageFinding, EligibilityStatus, RejectClass, Retry};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use resilience::breaker::Outcome;
use store::eligibility::{KnownResult, Settlement};

use crate::insurer::CallEnd;

/// Whoever hasn't answered is asked again at this time before the visit at the latest, however long
/// the pauses have become.
const LAST_CALL: SignedDuration = SignedDuration::from_hours(24);

/// A coverage without a visit is asked again after that.
const REFRESH: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A pause without a `Retry-After` when we ask too much at once.
const OWN_LIMIT_PAUSE: Duration = Duration::from_secs(1);

/// What is asked, as far as it matters for what an answer means.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    /// The day that is asked for.
    pub service_date: Date,
    /// When the visit begins, if there is one.
    pub visit_start: Option<Timestamp>,
    /// Calls in a row without an answer, before this one.
    pub attempts: i32,
    /// How long to wait should the insurer have failed.
    pub pause: Duration,
    /// How long before the visit to ask again although there is an answer: people change their
    /// insurer.
    pub recheck_before_visit: SignedDuration,
    /// Now.
    pub now: Timestamp,
}

/// What the end of a call means.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Judgement {
    /// For the breaker; nothing when the insurer is not to blame, and did not answer either.
    pub outcome: Option<Outcome>,
    /// For the check.
    pub settlement: Settlement,
    /// In metrics.
    pub word: &'static str,
    /// So long nobody should ask this insurer anything.
    pub hold: Option<Duration>,
}

pub(crate) fn judge(end: CallEnd, asked: &Asked) -> Judgement {
    match end {
        CallEnd::Answer(answer) => match rejection(&answer.errors, AaaError::class) {
            None => answered(&answer, asked),
            Some((class, code)) => rejected(class, code, None, asked),
        },
        CallEnd::Refused { status, retry_after, body } => {
            let (class, code) = rejection(&body.errors, AaaError::class_in_bad_request)
                .filter(|_| status == 400)
                .or_else(|| class_of_status(status).map(|class| (class, None)))
                .unwrap_or((RejectClass::Unlisted, None));
            rejected(class, code, retry_after, asked)
        }
        CallEnd::TimedOut => unanswered("timeout", Outcome::Timeout, asked),
        CallEnd::Failed(class) => unanswered(class, Outcome::Failure, asked),
    }
}

/// The reason that counts: an insurer that is down says nothing of the patient.
fn rejection(
    errors: &[AaaError],
    class: impl Fn(&AaaError) -> RejectClass,
) -> Option<(RejectClass, Option<String>)> {
    let down = errors.iter().find(|error| class(error) == RejectClass::PayerDown);
    let error = down.or_else(|| errors.first())?;
    let is_code = (1..=4).contains(&error.code.len())
        && error.code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    Some((class(error), is_code.then(|| error.code.clone())))
}

fn answered(answer: &EligibilityAnswer, asked: &Asked) -> Judgement {
    let dates = &answer.plan_date_information;
    let is_before = dates.begins().is_some_and(|first| asked.service_date < first.date());
    let is_after = dates.ends().is_some_and(|last| asked.service_date > last.date());
    let finding = match answer.finding() {
        CoverageFinding::Active if is_before || is_after => CoverageFinding::Inactive,
        finding => finding,
    };
    let status = match finding {
        CoverageFinding::Active => EligibilityStatus::Active,
        CoverageFinding::Inactive => EligibilityStatus::Inactive,
        CoverageFinding::Investigate => EligibilityStatus::NeedsAttention,
    };
    Judgement {
        outcome: Some(Outcome::Success),
        settlement: Settlement {
            status,
            result: Some(KnownResult { finding, at: asked.now }),
            error_class: None,
            error_code: None,
            attempts: 0,
            next_at: asked.again(),
        },
        word: finding.as_str(),
        hold: None,
    }
}

fn rejected(
    class: RejectClass,
    error_code: Option<String>,
    retry_after: Option<Duration>,
    asked: &Asked,
) -> Judgement {
    let tries_once_more = class.retry() == Retry::Once && asked.attempts == 0;
    let (status, next_at) = match class.retry() {
        Retry::WithBackoff => waiting(retry_after.unwrap_or(asked.pause).max(asked.pause), asked),
        Retry::Once if tries_once_more => waiting(asked.pause, asked),
        Retry::WhenSlotFrees => waiting(retry_after.unwrap_or(OWN_LIMIT_PAUSE), asked),
        Retry::WhenRetimed => (EligibilityStatus::NeedsAttention, asked.next_date()),
        Retry::Once | Retry::Never => (EligibilityStatus::NeedsAttention, None),
    };
    let is_own_limit = class == RejectClass::OwnLimit;
    let outcome = if class.counts_for_breaker() { Outcome::Failure } else { Outcome::Success };
    Judgement {
        outcome: (!is_own_limit).then_some(outcome),
        settlement: Settlement {
            status,
            result: None,
            error_class: Some(class.as_str()),
            error_code,
            attempts: if is_own_limit { asked.attempts } else { asked.attempts + 1 },
            next_at,
        },
        word: class.as_str(),
        hold: is_own_limit.then(|| retry_after.unwrap_or(OWN_LIMIT_PAUSE)),
    }
}

fn unanswered(class: &'static str, outcome: Outcome, asked: &Asked) -> Judgement {
    let (status, next_at) = waiting(asked.pause, asked);
    let settlement = Settlement {
        status,
        result: None,
        error_class: Some(class),
        error_code: None,
        attempts: asked.attempts.saturating_add(1),
        next_at,
    };
    Judgement { outcome: Some(outcome), settlement, word: class, hold: None }
}

fn waiting(pause: Duration, asked: &Asked) -> (EligibilityStatus, Option<Timestamp>) {
    let pause = SignedDuration::try_from(pause).unwrap_or(SignedDuration::MAX);
    let next_at = asked.now.checked_add(pause).unwrap_or(Timestamp::MAX);
    let next_at = asked.next_date().map_or(next_at, |date| date.min(next_at));
    (EligibilityStatus::PendingVerification, Some(next_at))
}

impl Asked {
    /// When to ask again although there is an answer.
    fn again(&self) -> Option<Timestamp> {
        match self.visit_start {
            Some(_) => self.before_visit(self.recheck_before_visit),
            None => self.now.checked_add(REFRESH).ok(),
        }
    }

    /// When to ask at the latest while there is no answer.
    fn next_date(&self) -> Option<Timestamp> {
        let dates = [self.recheck_before_visit, LAST_CALL];
        dates.into_iter().filter_map(|before| self.before_visit(before)).min()
    }

    /// So long before the visit, unless that is over.
    fn before_visit(&self, before: SignedDuration) -> Option<Timestamp> {
        let time = self.visit_start?.checked_sub(before).ok();
        time.filter(|time| *time > self.now)
    }
}

#[cfg(test)]
mod tests {
    use contracts::insurer::{Benefit, InsurerError, PlanDates};
    use domain::RejectReason;
    use jiff::civil::date;

    use super::*;

    fn asked(attempts: i32) -> Asked {
        let now: Timestamp = "2027-03-01T12:00:00Z".parse().unwrap();
        Asked {
            service_date: date(2027, 3, 20),
            visit_start: Some("2027-03-20T09:00:00Z".parse().unwrap()),
            attempts,
            pause: Duration::from_secs(7),
            recheck_before_visit: SignedDuration::from_hours(48),
            now,
        }
    }

    fn says(code: &str) -> EligibilityAnswer {
        let line = Benefit { code: code.to_owned(), ..Benefit::default() };
        EligibilityAnswer { benefits_information: vec![line], ..EligibilityAnswer::default() }
    }

    fn rejects(code: &str) -> CallEnd {
        let error = AaaError { code: code.to_owned(), ..AaaError::default() };
        let answer = EligibilityAnswer { errors: vec![error], ..EligibilityAnswer::default() };
        CallEnd::Answer(Box::new(answer))
    }

    fn judged(end: CallEnd) -> Judgement {
        judge(end, &asked(0))
    }

    #[test]
    fn answers_are_remembered_and_asked_again_before_the_visit() {
        let active = judged(CallEnd::Answer(Box::new(says("1"))));
        assert_eq!(active.outcome, Some(Outcome::Success));
        assert_eq!(active.settlement.status, EligibilityStatus::Active);
        let again = Some("2027-03-18T09:00:00Z".parse().unwrap());
        assert_eq!(active.settlement.next_at, again);
        let inactive = judged(CallEnd::Answer(Box::new(says("6")))).settlement;
        assert_eq!(inactive.status, EligibilityStatus::Inactive);
        assert_eq!(inactive.result.unwrap().finding, CoverageFinding::Inactive);
        let unsure = judged(CallEnd::Answer(Box::new(says("V")))).settlement;
        assert_eq!(unsure.status, EligibilityStatus::NeedsAttention);
    }

    #[test]
    fn before_a_visit_an_answer_is_asked_for_once_more_and_a_silence_twice() {
        let next_at = |now: &str, end: CallEnd, pause: Duration| {
            let asked = Asked { now: now.parse().unwrap(), pause, ..asked(0) };
            judge(end, &asked).settlement.next_at.map(|at| at.to_string())
        };
        let (first, last) = ("2027-03-18T09:00:00Z", "2027-03-19T09:00:00Z");
        let answer = || CallEnd::Answer(Box::new(says("1")));
        let pause = Duration::from_secs(7);
        assert_eq!(next_at("2027-03-01T09:00:00Z", answer(), pause).as_deref(), Some(first));
        assert_eq!(next_at(first, answer(), pause), None);
        // However long a pause has become, nobody misses these two times.
        let long = Duration::from_hours(24 * 30);
        assert_eq!(next_at("2027-03-01T09:00:00Z", rejects("42"), long).as_deref(), Some(first));
        assert_eq!(next_at(first, CallEnd::TimedOut, long).as_deref(), Some(last));
        assert_eq!(
            next_at(first, CallEnd::TimedOut, pause).as_deref(),
            Some("2027-03-18T09:00:07Z")
        );
        // The dates make no sense there yet: nearer to the visit they may.
        assert_eq!(next_at(first, rejects("62"), pause).as_deref(), Some(last));
    }

    #[test]
    fn a_plan_that_ends_before_the_visit_does_not_cover_it() {
        let mut termed = says("1");
        termed.plan_date_information =
            PlanDates { plan_begin: None, plan_end: Some("20270315".to_owned()) };
        let judged = judged(CallEnd::Answer(Box::new(termed)));
        assert_eq!(judged.settlement.status, EligibilityStatus::Inactive);
    }

    #[test]
    fn only_an_answer_says_not_covered() {
        let mut ends = vec![CallEnd::TimedOut, CallEnd::Failed("connection")];
        ends.extend([400, 401, 404, 429, 500, 503, 504].map(|status| CallEnd::Refused {
            status,
            retry_after: None,
            body: InsurerError::default(),
        }));
        ends.extend(RejectReason::ALL.iter().map(|reason| rejects(reason.as_str())));
        ends.push(rejects("ZZ"));
        ends.push(CallEnd::Answer(Box::default()));
        for end in ends {
            let judged = judged(end.clone());
            assert_ne!(judged.settlement.status, EligibilityStatus::Inactive, "{end:?}");
            let is_known = judged.settlement.result.is_some();
            assert!(!is_known || matches!(end, CallEnd::Answer(_)), "{end:?}");
        }
    }

    #[test]
    fn an_insurer_that_is_down_is_asked_again_and_one_that_answers_is_not_blamed() {
        let down = judged(rejects("42"));
        assert_eq!(down.outcome, Some(Outcome::Failure));
        assert_eq!(down.settlement.status, EligibilityStatus::PendingVerification);
        let expected = asked(0).now + SignedDuration::from_secs(7);
        assert_eq!(down.settlement.next_at, Some(expected));

        let unknown = judged(rejects("75"));
        assert_eq!(unknown.outcome, Some(Outcome::Success));
        assert_eq!(unknown.settlement.status, EligibilityStatus::NeedsAttention);
        assert_eq!(unknown.settlement.next_at, None);
        assert_eq!(unknown.settlement.error_code.as_deref(), Some("75"));
    }

    #[test]
    fn what_may_be_the_insurers_fault_is_asked_once_more() {
        let first = judge(rejects("79"), &asked(0)).settlement;
        assert_eq!(first.status, EligibilityStatus::PendingVerification);
        let second = judge(rejects("79"), &asked(1)).settlement;
        assert_eq!((second.status, second.next_at), (EligibilityStatus::NeedsAttention, None));
    }

    #[test]
    fn our_own_limit_is_nobodys_failure() {
        let retry_after = Some(Duration::from_secs(3));
        let body = InsurerError::default();
        let limited = judged(CallEnd::Refused { status: 429, retry_after, body });
        assert_eq!(limited.outcome, None);
        assert_eq!(limited.hold, retry_after);
        assert_eq!(limited.settlement.attempts, 0);
        assert_eq!(limited.settlement.status, EligibilityStatus::PendingVerification);
    }
}
