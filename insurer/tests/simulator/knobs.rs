//! Knobs: set, read, reset, refused.

use std::time::{Duration, Instant};

use insurer::{
    AllKnobs, Flapping, Knobs, Latency, Outage, Outcome, PercentilePoint, PresentKnobs, Share,
};
use reqwest::{Client, Method};
use serde_json::json;

use crate::lab::{Lab, PAYER};

fn outage(start_in_ms: u64, duration_ms: u64) -> Knobs {
    let outcome = Outcome::unavailable();
    let outage = Some(Outage { start_in_ms, duration_ms, outcome });
    Knobs { outage, ..Knobs::default() }
}

fn flapping(up_ratio: f64) -> Knobs {
    let outcome = Outcome::unavailable();
    Knobs { flapping: Some(Flapping { period_ms: 1000, up_ratio, outcome }), ..Knobs::default() }
}

async fn status(lab: &Lab) -> u16 {
    lab.ask(PAYER, "M-ACTIVE").await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_payer_has_its_own_or_those_of_all() {
    let lab = Lab::start().await;
    let path = format!("/admin/payers/{PAYER}/knobs");
    let down = serde_json::to_string(&outage(0, 60_000)).unwrap();
    let (code, present) = lab.send(Method::PUT, &path, &down).await;
    assert_eq!((code, &present["is_own"], &present["is_up"]), (200, &json!(true), &json!(false)));
    assert_eq!(status(&lab).await, 503);
    assert_eq!(lab.ask("2", "M-ACTIVE").await.unwrap().status(), 200, "another payer is well");

    let all = AllKnobs { ..lab.read("/admin/knobs").await };
    assert_eq!(all.seed, 1);
    assert_eq!(all.all.knobs, Knobs::default());
    assert_eq!(all.payers[&PAYER.parse().unwrap()].knobs, outage(0, 60_000));

    // What is set for all leaves a payer's own alone; without its own, it follows.
    lab.set(&flapping(0.0)).await;
    assert_eq!(lab.ask("2", "M-ACTIVE").await.unwrap().status(), 503);
    assert_eq!(lab.send(Method::DELETE, &path, "").await.0, 204);
    let present: PresentKnobs = lab.read(&path).await;
    assert!(!present.is_own && present.knobs == flapping(0.0));

    lab.send(Method::PUT, &path, &down).await;
    assert_eq!(lab.send(Method::DELETE, "/admin/knobs", "").await.0, 204);
    let all: AllKnobs = lab.read("/admin/knobs").await;
    assert!(all.all.knobs == Knobs::default() && all.payers.is_empty(), "all is as it began");
    assert_eq!(status(&lab).await, 200);
}

#[tokio::test]
async fn an_outage_ends_by_itself() {
    let lab = Lab::start().await;
    lab.set(&outage(60_000, 60_000)).await;
    assert_eq!(status(&lab).await, 200, "it hasn't begun");
    lab.set(&outage(0, 60_000)).await;
    assert_eq!(status(&lab).await, 503);
    lab.set(&outage(0, 300)).await;
    let give_up = Instant::now() + Duration::from_secs(30);
    while status(&lab).await != 200 {
        assert!(Instant::now() < give_up, "it doesn't end");
    }
}

#[tokio::test]
async fn flapping_follows_its_duty() {
    let lab = Lab::start().await;
    lab.set(&flapping(1.0)).await;
    assert_eq!(status(&lab).await, 200);
    lab.set(&flapping(0.0)).await;
    assert_eq!(status(&lab).await, 503);
    // Between the two, both come, and come again.
    let flapping = Flapping { period_ms: 60, up_ratio: 0.5, outcome: Outcome::unavailable() };
    lab.set(&Knobs { flapping: Some(flapping), ..Knobs::default() }).await;
    let give_up = Instant::now() + Duration::from_secs(30);
    let (mut last, mut changes) = (200, 0);
    while changes < 4 {
        let next = status(&lab).await;
        changes += u32::from(next != last);
        last = next;
        assert!(Instant::now() < give_up, "it changed {changes} times");
    }
}

#[tokio::test]
async fn latency_comes_first_in_every_distribution() {
    let lab = Lab::start().await;
    let point = |percentile, ms| PercentilePoint { percentile, ms };
    for latency in [
        Latency::Constant { ms: 60 },
        Latency::Uniform { min_ms: 60, max_ms: 70 },
        Latency::LogNormal { median_ms: 60, p99_ms: 60, max_ms: 60 },
        Latency::Percentiles { points: vec![point(50.0, 60), point(100.0, 70)] },
    ] {
        lab.set(&Knobs { latency: latency.clone(), ..Knobs::default() }).await;
        let began = Instant::now();
        assert_eq!(status(&lab).await, 200);
        assert!(began.elapsed() >= Duration::from_millis(60), "{latency:?}");
    }
}

#[tokio::test]
async fn an_answer_may_come_after_the_client_has_left() {
    let lab = Lab::start().await;
    lab.set(&Knobs { latency: Latency::Constant { ms: 60_000 }, ..Knobs::default() }).await;
    let impatient = Client::builder().timeout(Duration::from_millis(100)).build().unwrap();
    let error = lab.ask_with(&impatient, PAYER, "M-ACTIVE").await.unwrap_err();
    assert!(error.is_timeout(), "{error:?}");
    let calls = lab.wait_for(|calls| calls.totals.in_flight == 0).await;
    assert_eq!((calls.totals.abandoned, calls.totals.outcomes["answer"]), (1, 1));
}

#[tokio::test]
async fn a_mix_repeats_with_its_seed() {
    let mix = vec![
        Share { weight: 2, outcome: Outcome::Answer },
        Share { weight: 1, outcome: Outcome::unavailable() },
        Share { weight: 1, outcome: Outcome::Reject { code: "42".to_owned() } },
    ];
    let knobs = Knobs { mix, ..Knobs::default() };
    let outcomes = async |lab: &Lab| {
        lab.set(&knobs).await;
        lab.send(Method::DELETE, "/admin/calls", "").await;
        for _ in 0..40 {
            lab.ask(PAYER, "M-ACTIVE").await.unwrap();
        }
        let arrivals = lab.calls_of(PAYER).await.arrivals;
        arrivals.into_iter().map(|arrival| arrival.outcome).collect::<Vec<_>>()
    };
    let (one, same, other) =
        (Lab::with_seed(7).await, Lab::with_seed(7).await, Lab::with_seed(8).await);
    let first = outcomes(&one).await;
    for outcome in ["answer", "status_503", "reject_42"] {
        assert!(first.iter().any(|came| came == outcome), "{outcome} never came: {first:?}");
    }
    assert_eq!(first, outcomes(&one).await, "setting the knobs begins anew");
    assert_eq!(first, outcomes(&same).await);
    assert_ne!(first, outcomes(&other).await);
}

#[tokio::test]
async fn knobs_that_make_no_sense_are_refused_and_change_nothing() {
    let lab = Lab::start().await;
    lab.set(&flapping(1.0)).await;
    let large = format!(r#"{{"mix":[{}]}}"#, " ".repeat(70_000));
    for (body, status, complaint) in [
        ("", 400, "EOF"),
        ("{", 400, "EOF"),
        ("[]", 400, "expected an object"),
        ("{} {}", 400, "trailing"),
        (r#"{"latancy":{}}"#, 400, "unknown field `latancy`"),
        (r#"{"latency":{"constant":{"ms":1,"max":2}}}"#, 400, "unknown field `max`"),
        (r#"{"latency":{"gamma":{}}}"#, 400, "unknown variant `gamma`"),
        (r#"{"latency":{"constant":{"ms":-1}}}"#, 400, "latency.constant.ms: invalid value"),
        (r#"{"mix":[{"weight":1,"outcome":"hnag"}]}"#, 400, "mix[0].outcome: unknown variant"),
        (r#"{"mix":[{"outcome":"hang"}]}"#, 400, "mix[0]: missing field `weight`"),
        (r#"{"latency":{"constant":{"ms":60001}}}"#, 422, "latency.constant.ms must lie"),
        (r#"{"concurrency":{"limit":0}}"#, 422, "concurrency.limit must lie"),
        (&large, 413, "longer than"),
    ] {
        for path in ["/admin/knobs", "/admin/payers/1/knobs"] {
            let (code, problem) = lab.send(Method::PUT, path, body).await;
            assert_eq!((code, &problem["status"]), (status, &json!(status)), "{problem}");
            let detail = problem["detail"].as_str().unwrap();
            assert!(detail.contains(complaint), "{detail}");
        }
    }
    let all: AllKnobs = lab.read("/admin/knobs").await;
    assert!(all.all.knobs == flapping(1.0) && all.payers.is_empty());

    let (code, problem) = lab.send(Method::PUT, "/admin/payers/a.b/knobs", "{}").await;
    assert_eq!(code, 400);
    assert!(problem["detail"].as_str().unwrap().contains("a payer id has"), "{problem}");
}

#[tokio::test]
async fn what_is_nowhere_says_what_is_where() {
    let lab = Lab::start().await;
    let (code, problem) = lab.send(Method::GET, "/", "").await;
    assert_eq!(code, 404);
    assert!(problem["detail"].as_str().unwrap().contains("/admin/knobs"), "{problem}");
    assert_eq!(lab.send(Method::GET, "/healthz", "").await, (200, json!({ "status": "ok" })));
}
