//! The insurer's wire format, held still: it is somebody else's.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps in vain")]

use contracts::insurer::{
    AaaError, Benefit, Dependent, EligibilityAnswer, EligibilityQuestion, Encounter, InsurerError,
    Payer, PersonOnFile, PlanDates, PlanInformation, Provider, Subscriber, X12Date,
    class_of_status,
};
use domain::{CoverageFinding, RejectClass};
use insta::assert_snapshot;
use jiff::civil::date;

fn birth() -> X12Date {
    date(2001, 2, 3).into()
}

fn question() -> EligibilityQuestion {
    EligibilityQuestion {
        trading_partner_service_id: "00042".parse().unwrap(),
        provider: Provider {
            npi: "0000000000".to_owned(),
            organization_name: Some("Test Clinic".to_owned()),
            ..Provider::default()
        },
        subscriber: Subscriber {
            member_id: "TEST-1".parse().unwrap(),
            first_name: "Given".to_owned(),
            last_name: "Family".to_owned(),
            date_of_birth: birth(),
        },
        dependents: vec![Dependent {
            first_name: "Child".to_owned(),
            last_name: "Family".to_owned(),
            date_of_birth: birth(),
        }],
        encounter: Some(Encounter {
            date_of_service: Some(date(2027, 3, 1).into()),
            service_type_codes: vec!["30".to_owned()],
            ..Encounter::default()
        }),
    }
}

fn error(code: &str) -> AaaError {
    AaaError {
        code: code.to_owned(),
        description: "in words".to_owned(),
        field: "AAA".to_owned(),
        followup_action: "Please Correct and Resubmit".to_owned(),
        location: "Loop 2100C".to_owned(),
        possible_resolutions: None,
    }
}

fn answer() -> EligibilityAnswer {
    EligibilityAnswer {
        id: "ec_00000000-0000-0000-0000-000000000001".to_owned(),
        control_number: "1".to_owned(),
        payer: Payer { name: "Payer".to_owned(), payor_identification: "00042".to_owned() },
        subscriber: PersonOnFile {
            member_id: "TEST-1".to_owned(),
            first_name: "Given".to_owned(),
            last_name: "Family".to_owned(),
            date_of_birth: "20010203".to_owned(),
        },
        plan_information: PlanInformation {
            plan_description: "Plan 1".to_owned(),
            group_number: "1".to_owned(),
        },
        plan_date_information: PlanDates {
            plan_begin: Some("20260101".to_owned()),
            plan_end: None,
        },
        benefits_information: vec![Benefit {
            code: "1".to_owned(),
            name: "Active Coverage".to_owned(),
            coverage_level: Some("Individual".to_owned()),
            service_type_codes: vec!["30".to_owned()],
            benefit_amount: Some("20".to_owned()),
            in_plan_network_indicator_code: Some("Y".to_owned()),
            auth_or_cert_indicator: Some("U".to_owned()),
            ..Benefit::default()
        }],
        errors: vec![error("75")],
        ..EligibilityAnswer::default()
    }
}

#[test]
fn questions_keep_their_form_and_read_back() {
    let json = serde_json::to_string_pretty(&question()).unwrap();
    assert_snapshot!(json);
    assert_eq!(serde_json::from_str::<EligibilityQuestion>(&json).unwrap(), question());
}

#[test]
fn answers_keep_their_form_and_read_back() {
    let json = serde_json::to_string_pretty(&answer()).unwrap();
    assert_snapshot!(json);
    assert_eq!(serde_json::from_str::<EligibilityAnswer>(&json).unwrap(), answer());
}

#[test]
fn refusals_keep_their_form_and_read_back() {
    let refusal = InsurerError {
        code: "INVALID_PAYER".to_owned(),
        message: "no such payer".to_owned(),
        errors: vec![error("79")],
    };
    let json = serde_json::to_string_pretty(&refusal).unwrap();
    assert_snapshot!(json);
    assert_eq!(serde_json::from_str::<InsurerError>(&json).unwrap(), refusal);
}

#[test]
fn answers_with_more_and_with_less_are_read() {
    let sparse: EligibilityAnswer = serde_json::from_str("{}").unwrap();
    assert_eq!(sparse.finding(), CoverageFinding::Investigate);
    let rich = r#"{"benefitsInformation":[{"code":"1","serviceTypes":["x"]},{"code":"ZZ"}],
        "planDateInformation":{"planBegin":"20260101-20261231","planEnd":"20261231"},"x12":"ISA"}"#;
    let rich: EligibilityAnswer = serde_json::from_str(rich).unwrap();
    assert_eq!(rich.finding(), CoverageFinding::Active);
    assert_eq!(rich.plan_date_information.begins(), None);
    assert_eq!(rich.plan_date_information.ends().unwrap().date(), date(2026, 12, 31));
}

#[test]
fn a_code_that_nobody_documents_is_unlisted() {
    assert_eq!(error("75").class(), RejectClass::PatientData);
    assert_eq!(error("79").class(), RejectClass::Ambiguous);
    assert_eq!(error("79").class_in_bad_request(), RejectClass::ProviderOrConfiguration);
    for code in ["", "04", "ZZ", "a longer text"] {
        assert_eq!(error(code).class(), RejectClass::Unlisted, "{code}");
    }
}

#[test]
fn statuses_have_a_class() {
    for (status, class) in [
        (200, None),
        (307, None),
        (400, Some(RejectClass::ProviderOrConfiguration)),
        (429, Some(RejectClass::OwnLimit)),
        (500, Some(RejectClass::PayerDown)),
        (503, Some(RejectClass::PayerDown)),
        (504, Some(RejectClass::PayerDown)),
    ] {
        assert_eq!(class_of_status(status), class, "{status}");
    }
}

#[test]
fn nothing_about_a_person_is_shown_by_debug() {
    let shown = format!("{:?} {:?}", question(), answer());
    for secret in ["TEST-1", "Given", "Family", "Child", "20010203", "2001"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}
