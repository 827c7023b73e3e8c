//! What it answers when nothing is wrong.

use contracts::insurer::{Dependent, ELIGIBILITY_PATH, EligibilityAnswer, InsurerError, X12Date};
use domain::{CoverageFinding, RejectClass};
use jiff::civil::date;
use reqwest::Method;
use serde_json::{Value, json};

use crate::lab::{Lab, PAYER, question};

async fn bodies(lab: &Lab, payer: &str) -> Vec<EligibilityAnswer> {
    let mut bodies = Vec::new();
    for n in 0..40 {
        bodies.push(lab.answer(payer, &format!("M-{n}")).await);
    }
    bodies
}

#[tokio::test]
async fn the_same_seed_and_member_have_the_same_answer() {
    let (one, same, other) =
        (Lab::with_seed(7).await, Lab::with_seed(7).await, Lab::with_seed(8).await);
    let first = bodies(&one, PAYER).await;
    assert_eq!(first, bodies(&one, PAYER).await, "asking again changes nothing");
    assert_eq!(first, bodies(&same, PAYER).await);
    let findings = |all: &[EligibilityAnswer]| -> Vec<_> {
        all.iter().map(|answer| (answer.finding(), answer.errors.clone())).collect()
    };
    assert_ne!(findings(&first), findings(&bodies(&other, PAYER).await));
    assert_ne!(findings(&first), findings(&bodies(&one, "00043").await));
}

#[tokio::test]
async fn the_members_ending_chooses_the_answer() {
    let lab = Lab::start().await;
    for (member, finding) in [
        ("M-ACTIVE", CoverageFinding::Active),
        ("M-INACTIVE", CoverageFinding::Inactive),
        ("M-TWOPLANS", CoverageFinding::Active),
        ("M-TERMED", CoverageFinding::Inactive),
        ("M-PENDING7", CoverageFinding::Investigate),
    ] {
        let answer = lab.answer(PAYER, member).await;
        assert_eq!(answer.finding(), finding, "{member}");
        assert_eq!(answer.payer.payor_identification, PAYER, "leading zeros stay");
        assert_eq!(answer.subscriber.member_id, member);
    }
    let rejected = lab.answer(PAYER, "M-AAA75").await;
    assert_eq!(rejected.errors[0].class(), RejectClass::PatientData);
    let unlisted = lab.answer(PAYER, "M-AAAZZ").await;
    assert_eq!(unlisted.errors[0].class(), RejectClass::Unlisted);
}

#[tokio::test]
async fn a_dependent_is_answered_for() {
    let lab = Lab::start().await;
    let mut question = question(PAYER, "M-ACTIVE");
    question.dependents.push(Dependent {
        first_name: "Child".to_owned(),
        last_name: "Family".to_owned(),
        date_of_birth: X12Date::from(date(2020, 1, 1)),
    });
    let request = lab.http.post(lab.url(ELIGIBILITY_PATH)).json(&question);
    let answer: EligibilityAnswer = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(answer.dependents[0].first_name, "Child");
}

#[tokio::test]
async fn a_question_that_is_none_is_a_400_that_says_why() {
    let lab = Lab::start().await;
    let change = |path: &str, value: Value| {
        let mut body = serde_json::to_value(question(PAYER, "M-ACTIVE")).unwrap();
        *body.pointer_mut(path).unwrap() = value;
        body.to_string()
    };
    let person = json!({"firstName":"A","lastName":"B","dateOfBirth":"20200101"});
    let range = json!({"dateOfService":"20270101","beginningDateOfService":"20270101"});
    let mut dependents = serde_json::to_value(question(PAYER, "M-ACTIVE")).unwrap();
    dependents["dependents"] = json!([person, person]);
    let cases = [
        (String::new(), "EOF"),
        ("{}".to_owned(), "missing field"),
        (change("/tradingPartnerServiceId", json!(42)), "tradingPartnerServiceId"),
        (change("/tradingPartnerServiceId", json!("a/b")), "a payer id has"),
        (change("/subscriber/memberId", json!("")), "a member id has"),
        (change("/subscriber/dateOfBirth", json!("2000-01-01")), "YYYYMMDD"),
        (change("/provider", json!({"npi":"1"})), "organizationName"),
        (change("/encounter", range), "either dateOfService"),
        (dependents.to_string(), "one person"),
    ];
    for (body, complaint) in &cases {
        let (status, refusal) = lab.send(Method::POST, ELIGIBILITY_PATH, body).await;
        let refusal: InsurerError = serde_json::from_value(refusal).unwrap();
        assert_eq!((status, &*refusal.code), (400, "INVALID_REQUEST"), "{body}");
        assert!(refusal.message.contains(complaint), "{body}: {}", refusal.message);
    }
    let calls = lab.calls().await;
    assert_eq!((calls.calls, calls.unreadable), (0, cases.len() as u64));
}
