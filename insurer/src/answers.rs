//! The body of an answer, from what is on file.

use contracts::insurer::{
    AaaError, Benefit, EligibilityAnswer, EligibilityQuestion, HEALTH_BENEFIT_PLAN_COVERAGE, Payer,
    PersonOnFile, PlanDates, PlanInformation, X12Date,
};
use domain::{BenefitCode, RejectClass, RejectReason};
use jiff::ToSpan as _;
use jiff::civil::{Date, date};
use uuid::Uuid;

use crate::draw::Draw;
use crate::standing::Standing;

/// What the insurer has on file, for a question asked on `today`.
pub fn from_file(seed: u64, question: &EligibilityQuestion, today: Date) -> EligibilityAnswer {
    let payer = &question.trading_partner_service_id;
    match Standing::of(seed, payer, &question.subscriber.member_id) {
        Standing::Rejected(code) => rejection(seed, question, &code),
        standing => Answering::new(seed, question, today).of(&standing),
    }
}

/// An answer that is a rejection.
pub fn rejection(seed: u64, question: &EligibilityQuestion, code: &str) -> EligibilityAnswer {
    let mut answer = heading(&plan_draw(seed, question), question);
    answer.errors.push(aaa(code));
    answer
}

/// One reason for a rejection, worded and placed as insurers do.
pub fn aaa(code: &str) -> AaaError {
    let follow_up = match (code, code.parse::<RejectReason>().map(RejectReason::class)) {
        ("42", _) => "Resubmission Allowed",
        // Intermediaries send this when they have lost the line: it doesn't mean never.
        ("80", _) | (_, Err(_)) => "Resubmission Not Allowed",
        (_, Ok(RejectClass::Ambiguous)) => "Please Resubmit Original Transaction",
        (_, Ok(_)) => "Please Correct and Resubmit",
    };
    let part = match code {
        "04" | "41" | "42" | "79" | "80" | "T4" => 'A',
        "43" | "44" | "45" | "46" | "47" | "48" | "49" | "50" | "51" | "97" => 'B',
        "64" | "65" | "67" | "68" | "77" => 'D',
        _ => 'C',
    };
    AaaError {
        code: code.to_owned(),
        description: format!("Reject reason {code}"),
        field: "AAA".to_owned(),
        followup_action: follow_up.to_owned(),
        location: format!("Loop 2100{part}"),
        possible_resolutions: None,
    }
}

fn plan_draw(seed: u64, question: &EligibilityQuestion) -> Draw {
    let payer = question.trading_partner_service_id.as_str();
    let member = question.subscriber.member_id.as_str();
    Draw::new(seed, &[b"plan", payer.as_bytes(), member.as_bytes()])
}

/// What every answer begins with. The person is who was asked for.
fn heading(draw: &Draw, question: &EligibilityQuestion) -> EligibilityAnswer {
    let member = &question.subscriber;
    let id = uuid::Builder::from_random_bytes(draw.bytes()).into_uuid();
    let dependents = question.dependents.iter().map(|person| PersonOnFile {
        member_id: String::new(),
        first_name: person.first_name.clone(),
        last_name: person.last_name.clone(),
        date_of_birth: person.date_of_birth.to_string(),
    });
    EligibilityAnswer {
        id: format!("ec_{}", Uuid::hyphenated(id)),
        control_number: format!("{:09}", draw.below(3, 1_000_000_000)),
        payer: Payer {
            name: format!("Payer {}", question.trading_partner_service_id),
            payor_identification: question.trading_partner_service_id.to_string(),
        },
        subscriber: PersonOnFile {
            member_id: member.member_id.as_str().to_owned(),
            first_name: member.first_name.clone(),
            last_name: member.last_name.clone(),
            date_of_birth: member.date_of_birth.to_string(),
        },
        dependents: dependents.collect(),
        ..EligibilityAnswer::default()
    }
}

struct Answering<'a> {
    question: &'a EligibilityQuestion,
    draw: Draw,
    /// The day that is asked for.
    service: Date,
    service_types: Vec<String>,
}

impl<'a> Answering<'a> {
    fn new(seed: u64, question: &'a EligibilityQuestion, today: Date) -> Self {
        let encounter = question.encounter.clone().unwrap_or_default();
        let day = encounter.date_of_service.or(encounter.beginning_date_of_service);
        let mut service_types = encounter.service_type_codes;
        if service_types.is_empty() {
            service_types.push(HEALTH_BENEFIT_PLAN_COVERAGE.to_owned());
        }
        let draw = plan_draw(seed, question);
        Self { question, draw, service: day.map_or(today, X12Date::date), service_types }
    }

    fn of(&self, standing: &Standing) -> EligibilityAnswer {
        let number = self.draw.below(0, 100);
        // Long before any visit: on the first of a month from 2010 to 2019.
        let months = i32::try_from(self.draw.below(1, 120)).expect("below 120");
        let begin = date(2010, 1, 1).saturating_add(months.months());
        let two_years_on = begin.saturating_add(2.years()).saturating_sub(1.day());
        let (benefits, end) = match standing {
            Standing::Active => (self.active(None), None),
            Standing::Inactive => (vec![self.line(BenefitCode::Inactive)], Some(two_years_on)),
            Standing::Termed => {
                let last = self.service.first_of_month().saturating_add(14.days());
                let is_over = self.service > last;
                let over = || vec![self.line(BenefitCode::Inactive)];
                (if is_over { over() } else { self.active(None) }, Some(last))
            }
            Standing::TwoPlans => (self.two_plans(number), None),
            Standing::Unsettled(code) => (vec![self.line(*code)], None),
            Standing::Rejected(_) => (Vec::new(), None),
        };
        EligibilityAnswer {
            plan_information: PlanInformation {
                plan_description: format!("Plan {number}"),
                group_number: format!("GROUP-{number:03}"),
            },
            plan_date_information: PlanDates {
                plan_begin: Some(X12Date::from(begin).to_string()),
                plan_end: end.map(|day| X12Date::from(day).to_string()),
            },
            benefits_information: benefits,
            ..heading(&self.draw, self.question)
        }
    }

    fn two_plans(&self, number: u64) -> Vec<Benefit> {
        let ended = Benefit {
            plan_coverage: Some(format!("Plan {}", number + 100)),
            ..self.line(BenefitCode::Inactive)
        };
        let mut lines = vec![ended];
        lines.extend(self.active(Some(format!("Plan {number}"))));
        lines
    }

    /// An active plan, and what the patient pays under it.
    fn active(&self, plan_coverage: Option<String>) -> Vec<Benefit> {
        let share = |code, amount: Option<u64>, percent: Option<u64>, time: &str| Benefit {
            benefit_amount: amount.map(|dollars| dollars.to_string()),
            benefit_percent: percent.map(|percent| format!("0.{percent:02}")),
            time_qualifier: Some(time.to_owned()),
            in_plan_network_indicator_code: Some("Y".to_owned()),
            auth_or_cert_indicator: Some(
                ["Y", "N", "U"][self.draw.below(2, 3) as usize].to_owned(),
            ),
            ..self.line(code)
        };
        let step = self.draw.below(3, 6);
        vec![
            Benefit { plan_coverage, ..self.line(BenefitCode::Active) },
            share(BenefitCode::CoPayment, Some(10 + 10 * step), None, "Visit"),
            share(BenefitCode::Deductible, Some(250 * step), None, "Remaining"),
            share(BenefitCode::CoInsurance, None, Some(5 * step), "Visit"),
        ]
    }

    fn line(&self, code: BenefitCode) -> Benefit {
        Benefit {
            code: code.as_str().to_owned(),
            name: words(code).to_owned(),
            coverage_level: Some("Individual".to_owned()),
            service_type_codes: self.service_types.clone(),
            ..Benefit::default()
        }
    }
}

/// The code's name in X12, for those that occur here.
const fn words(code: BenefitCode) -> &'static str {
    match code {
        BenefitCode::Active => "Active Coverage",
        BenefitCode::ActivePendingInvestigation => "Active - Pending Investigation",
        BenefitCode::Inactive => "Inactive",
        BenefitCode::InactivePendingUpdate => "Inactive - Pending Eligibility Update",
        BenefitCode::InactivePendingInvestigation => "Inactive - Pending Investigation",
        BenefitCode::CoInsurance => "Co-Insurance",
        BenefitCode::CoPayment => "Co-Payment",
        BenefitCode::Deductible => "Deductible",
        _ => "Contact Following Entity for Eligibility or Benefit Information",
    }
}

#[cfg(test)]
mod tests {
    use contracts::insurer::{Encounter, Provider, Subscriber};
    use domain::CoverageFinding;

    use super::*;

    fn question(member: &str, day: Date) -> EligibilityQuestion {
        EligibilityQuestion {
            trading_partner_service_id: "00042".parse().unwrap(),
            provider: Provider::default(),
            subscriber: Subscriber {
                member_id: member.parse().unwrap(),
                first_name: "Given".to_owned(),
                last_name: "Family".to_owned(),
                date_of_birth: date(2000, 1, 1).into(),
            },
            dependents: Vec::new(),
            encounter: Some(Encounter {
                date_of_service: Some(day.into()),
                ..Encounter::default()
            }),
        }
    }

    fn answer(member: &str, day: Date) -> EligibilityAnswer {
        from_file(1, &question(member, day), date(2000, 1, 1))
    }

    #[test]
    fn standings_read_as_they_are_meant() {
        let day = date(2027, 3, 20);
        for (member, finding) in [
            ("M-ACTIVE", CoverageFinding::Active),
            ("M-INACTIVE", CoverageFinding::Inactive),
            ("M-TERMED", CoverageFinding::Inactive),
            ("M-TWOPLANS", CoverageFinding::Active),
            ("M-PENDING5", CoverageFinding::Investigate),
            ("M-PENDING7", CoverageFinding::Investigate),
            ("M-PENDING8", CoverageFinding::Investigate),
            ("M-INVESTIGATE", CoverageFinding::Investigate),
        ] {
            let answer = answer(member, day);
            assert_eq!(answer.finding(), finding, "{member}");
            assert!(answer.errors.is_empty() && answer.plan_date_information.begins().is_some());
        }
        let rejected = answer("M-AAA75", day);
        assert_eq!(rejected.errors[0].class(), RejectClass::PatientData);
        assert!(rejected.benefits_information.is_empty());
    }

    #[test]
    fn a_plan_that_is_termed_holds_till_the_middle_of_the_month() {
        let before = answer("M-TERMED", date(2027, 3, 15));
        assert_eq!(before.finding(), CoverageFinding::Active);
        assert_eq!(before.plan_date_information.ends().unwrap().date(), date(2027, 3, 15));
        let after = answer("M-TERMED", date(2027, 3, 16));
        assert_eq!(after.finding(), CoverageFinding::Inactive);
    }

    #[test]
    fn without_a_day_today_is_meant() {
        let mut question = question("M-TERMED", date(2027, 3, 1));
        question.encounter = None;
        let finding = |today| from_file(1, &question, today).finding();
        assert_eq!(finding(date(2027, 3, 1)), CoverageFinding::Active);
        assert_eq!(finding(date(2027, 3, 31)), CoverageFinding::Inactive);
    }
}
