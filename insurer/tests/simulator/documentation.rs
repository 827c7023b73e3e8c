//! `docs/INSURER.md` says what is so.

use contracts::insurer::{ELIGIBILITY_PATH, EligibilityQuestion};
use insurer::{Knobs, Latency, Outcome};
use reqwest::Method;

use crate::lab::Lab;

const PAGE: &str = include_str!("../../../docs/INSURER.md");

fn blocks(kind: &str) -> Vec<&'static str> {
    let begin = format!("```{kind}\n");
    PAGE.split(&*begin).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

#[tokio::test]
async fn its_question_is_answered() {
    let lab = Lab::start().await;
    let [question] = blocks("json question")[..] else { panic!("one question is shown") };
    serde_json::from_str::<EligibilityQuestion>(question).unwrap();
    assert_eq!(lab.send(Method::POST, ELIGIBILITY_PATH, question).await.0, 200);
    assert!(PAGE.contains(ELIGIBILITY_PATH));
}

#[tokio::test]
async fn its_knobs_are_taken() {
    let lab = Lab::start().await;
    let examples = blocks("json knobs");
    assert!(examples.len() >= 3, "the page has lost its examples");
    for example in &examples {
        let (code, answer) = lab.send(Method::PUT, "/admin/knobs", example).await;
        assert_eq!(code, 200, "{example}: {answer}");
    }
    let all = examples.concat();
    // Somebody who adds a knob shows it.
    for word in ["latency", "mix", "concurrency", "outage", "flapping"] {
        assert!(all.contains(&format!("\"{word}\"")), "{word} is not shown");
    }
    let shown: Vec<Knobs> = examples.iter().map(|e| serde_json::from_str(e).unwrap()).collect();
    let latencies = shown.iter().map(|knobs| std::mem::discriminant(&knobs.latency));
    let constant = std::mem::discriminant(&Latency::default());
    assert!(latencies.into_iter().any(|kind| kind != constant));
    let outcomes = shown.iter().flat_map(|knobs| &knobs.mix).map(|share| share.outcome.label());
    let mut outcomes: Vec<_> = outcomes.collect();
    outcomes.sort();
    outcomes.dedup();
    for outcome in [
        Outcome::Answer,
        Outcome::Hang,
        Outcome::Reset,
        Outcome::ResetMidway,
        Outcome::Truncated,
        Outcome::Garbage,
        Outcome::Enormous { bytes: 1 },
        Outcome::Redirect { location: None },
    ] {
        assert!(outcomes.contains(&outcome.label()), "{outcome:?} is not shown");
    }
}
