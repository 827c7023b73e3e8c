//! What came is counted, so that a test can prove what didn't.

use insurer::{Knobs, Outcome, PayerCalls, Share};
use reqwest::Method;

use crate::lab::{Lab, PAYER};

#[tokio::test]
async fn calls_are_counted_by_payer_member_outcome_and_time() {
    let lab = Lab::start().await;
    for (payer, member) in
        [(PAYER, "M-ACTIVE"), (PAYER, "M-ACTIVE"), (PAYER, "M-AAA75"), ("2", "M-ACTIVE")]
    {
        lab.ask(payer, member).await.unwrap();
    }
    let all = lab.calls().await;
    assert_eq!((all.calls, all.payers.len()), (4, 2));
    let one = lab.calls_of(PAYER).await;
    assert_eq!(one.totals, all.payers[&PAYER.parse().unwrap()]);
    assert_eq!((one.totals.calls, one.totals.in_flight, one.totals.max_in_flight), (3, 0, 1));
    assert_eq!((one.totals.outcomes["answer"], one.totals.outcomes["reject_75"]), (2, 1));
    assert_eq!((one.members["M-ACTIVE"], one.members["M-AAA75"]), (2, 1));
    let times: Vec<_> = one.arrivals.iter().map(|arrival| arrival.at_ms).collect();
    assert!(times.len() == 3 && times.is_sorted() && times[2] <= one.now_ms, "{one:?}");
    assert_eq!(one.arrivals[2].outcome, "reject_75");
}

#[tokio::test]
async fn a_payer_that_nobody_asked_has_zeros() {
    let lab = Lab::start().await;
    let calls = lab.calls_of("never").await;
    assert_eq!(calls, PayerCalls { now_ms: calls.now_ms, ..PayerCalls::default() });
    assert!(lab.calls().await.payers.is_empty(), "looking makes no payer");
}

#[tokio::test]
async fn counts_can_be_forgotten() {
    let lab = Lab::start().await;
    for payer in [PAYER, "2"] {
        lab.ask(payer, "M-ACTIVE").await.unwrap();
    }
    let path = format!("/admin/payers/{PAYER}/calls");
    assert_eq!(lab.send(Method::DELETE, &path, "").await.0, 204);
    assert_eq!(lab.calls_of(PAYER).await.totals.calls, 0);
    assert_eq!(lab.calls().await.calls, 1, "the other payer's stay");
    assert_eq!(lab.send(Method::DELETE, "/admin/calls", "").await.0, 204);
    assert_eq!(lab.calls().await.calls, 0);
}

#[tokio::test]
async fn the_most_calls_at_once_are_remembered() {
    let lab = Lab::start().await;
    let mix = vec![Share { weight: 1, outcome: Outcome::Hang }];
    lab.set(&Knobs { mix, ..Knobs::default() }).await;
    let hanging: Vec<_> = (0..5).map(|n| lab.ask_in_background(&format!("M-{n}"))).collect();
    lab.wait_for(|calls| calls.totals.in_flight == 5).await;
    hanging.iter().for_each(tokio::task::JoinHandle::abort);
    let calls = lab.wait_for(|calls| calls.totals.in_flight == 0).await;
    assert_eq!((calls.totals.max_in_flight, calls.totals.abandoned), (5, 5));
}

#[tokio::test]
async fn payers_beyond_the_limit_are_refused() {
    let lab = Lab::start().await;
    for n in 0..1_000 {
        lab.ask(&n.to_string(), "M-ACTIVE").await.unwrap();
    }
    let response = lab.ask("one-more", "M-ACTIVE").await.unwrap();
    assert_eq!(response.status(), 400);
    let (code, _) = lab.send(Method::PUT, "/admin/payers/one-more/knobs", "{}").await;
    assert_eq!(code, 409);
    let calls = lab.calls().await;
    assert_eq!((calls.calls, calls.unreadable), (1_000, 1));
}
