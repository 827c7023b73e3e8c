//! Every outcome, as a client meets it.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use contracts::insurer::{ELIGIBILITY_PATH, EligibilityAnswer, InsurerError};
use domain::RejectClass;
use insurer::{Concurrency, Knobs, Outcome, Share};
use reqwest::Client;
use reqwest::redirect::Policy;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::lab::{Lab, PAYER, question};

/// What comes over the wire, and how it ends.
async fn talk(address: SocketAddr) -> (String, std::io::Result<()>) {
    let body = serde_json::to_string(&question(PAYER, "M-ACTIVE")).unwrap();
    let head = format!("POST {ELIGIBILITY_PATH} HTTP/1.1\r\nHost: x\r\n");
    let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut received = Vec::new();
    let ended = stream.read_to_end(&mut received).await.map(drop);
    (String::from_utf8_lossy(&received).into_owned(), ended)
}

#[tokio::test]
async fn a_rejection_comes_with_200() {
    let lab = Lab::always(Outcome::Reject { code: "42".to_owned() }).await;
    let answer = lab.answer(PAYER, "M-ACTIVE").await;
    assert_eq!(answer.errors[0].class(), RejectClass::PayerDown);
    assert_eq!(answer.errors[0].location, "Loop 2100A");
    assert!(answer.benefits_information.is_empty());
}

#[tokio::test]
async fn statuses_come_as_told() {
    for (code, reject, retry_after_s) in [
        (400, Some("79"), None),
        (403, None, None),
        (404, None, None),
        (429, None, Some(3)),
        (500, None, None),
        (503, None, Some(120)),
        (504, None, None),
    ] {
        let reject = reject.map(str::to_owned);
        let lab =
            Lab::always(Outcome::Status { code, reject: reject.clone(), retry_after_s }).await;
        let response = lab.ask(PAYER, "M-ACTIVE").await.unwrap();
        assert_eq!(response.status(), code);
        let header = response.headers().get("retry-after").map(|v| v.to_str().unwrap().to_owned());
        assert_eq!(header, retry_after_s.map(|s| s.to_string()));
        let refusal: InsurerError = response.json().await.unwrap();
        assert_eq!(refusal.errors.first().map(|error| error.code.clone()), reject);
        let outcomes = lab.calls_of(PAYER).await.totals.outcomes;
        assert_eq!(outcomes[&format!("status_{code}")], 1);
    }
}

#[tokio::test]
async fn a_call_that_hangs_ends_when_the_client_has_enough() {
    let lab = Lab::always(Outcome::Hang).await;
    let impatient = Client::builder().timeout(Duration::from_millis(100)).build().unwrap();
    let error = lab.ask_with(&impatient, PAYER, "M-ACTIVE").await.unwrap_err();
    assert!(error.is_timeout(), "{error:?}");
    let calls = lab.wait_for(|calls| calls.totals.in_flight == 0).await;
    assert_eq!((calls.totals.calls, calls.totals.abandoned), (1, 1));
}

#[tokio::test]
async fn a_reset_is_one_on_the_wire() {
    let lab = Lab::always(Outcome::Reset).await;
    let (received, ended) = talk(lab.address).await;
    assert_eq!(received, "");
    assert_eq!(ended.unwrap_err().kind(), ErrorKind::ConnectionReset);
    let error = lab.ask(PAYER, "M-ACTIVE").await.unwrap_err();
    assert!(error.is_request() && !error.is_timeout(), "{error:?}");
}

#[tokio::test]
async fn a_reset_midway_follows_a_part_of_the_body() {
    let lab = Lab::always(Outcome::ResetMidway).await;
    let (received, ended) = talk(lab.address).await;
    assert!(received.starts_with("HTTP/1.1 200 OK\r\n"), "{received}");
    assert!(received.contains("\r\n\r\n{\"id\":\"ec_"), "{received}");
    assert_eq!(ended.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_truncated_body_is_shorter_than_announced() {
    let lab = Lab::always(Outcome::Truncated).await;
    let (received, ended) = talk(lab.address).await;
    ended.unwrap();
    let (head, body) = received.split_once("\r\n\r\n").unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    assert_eq!(body.len(), length.parse::<usize>().unwrap() / 2);

    let response = lab.ask(PAYER, "M-ACTIVE").await.unwrap();
    assert_eq!(response.status(), 200);
    let error = response.bytes().await.unwrap_err();
    assert!(error.is_body() || error.is_decode(), "{error:?}");
}

#[tokio::test]
async fn garbage_is_complete_and_no_json() {
    let lab = Lab::always(Outcome::Garbage).await;
    let response = lab.ask(PAYER, "M-ACTIVE").await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/json");
    let body = response.bytes().await.unwrap();
    assert!(serde_json::from_slice::<EligibilityAnswer>(&body).is_err());
}

#[tokio::test]
async fn an_enormous_body_goes_on_beyond_any_limit() {
    let lab = Lab::always(Outcome::Enormous { bytes: 100 * 1024 * 1024 }).await;
    let limit = 1024 * 1024;
    let mut response = lab.ask(PAYER, "M-ACTIVE").await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.content_length(), None, "it comes in chunks, unannounced");
    let mut read = 0;
    while let Some(chunk) = response.chunk().await.unwrap() {
        read += chunk.len();
        if read > limit {
            break;
        }
    }
    assert!(read > limit, "the body ended after {read} bytes");
    drop(response);
    lab.wait_for(|calls| calls.totals.abandoned == 1 && calls.totals.in_flight == 0).await;
}

#[tokio::test]
async fn a_redirect_names_a_place_and_sees_who_follows() {
    let lab = Lab::always(Outcome::Redirect { location: None }).await;
    let response = lab.ask(PAYER, "M-ACTIVE").await.unwrap();
    assert_eq!(response.status(), 307);
    assert_eq!(response.headers()["location"], "/redirected");
    assert_eq!(lab.calls().await.followed_redirects, 0);

    let trusting = Client::builder().redirect(Policy::limited(1)).build().unwrap();
    let response = lab.ask_with(&trusting, PAYER, "M-ACTIVE").await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(lab.calls().await.followed_redirects, 1);

    let location = Some("http://192.0.2.1/elsewhere".to_owned());
    let lab = Lab::always(Outcome::Redirect { location: location.clone() }).await;
    let response = lab.ask(PAYER, "M-ACTIVE").await.unwrap();
    assert_eq!(
        response.headers().get("location").map(|l| l.to_str().unwrap()),
        location.as_deref()
    );
}

#[tokio::test]
async fn calls_over_the_limit_are_told_to_come_later() {
    let lab = Lab::start().await;
    let knobs = Knobs {
        mix: vec![Share { weight: 1, outcome: Outcome::Hang }],
        concurrency: Some(Concurrency { limit: 2, retry_after_s: 7 }),
        ..Knobs::default()
    };
    lab.set(&knobs).await;
    let hanging = [lab.ask_in_background("M-1"), lab.ask_in_background("M-2")];
    lab.wait_for(|calls| calls.totals.in_flight == 2).await;

    let response = lab.ask(PAYER, "M-3").await.unwrap();
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["retry-after"], "7");
    let totals = lab.calls_of(PAYER).await.totals;
    assert_eq!((totals.in_flight, totals.max_in_flight), (2, 3));
    assert_eq!((totals.outcomes["hang"], totals.outcomes["over_limit"]), (2, 1));

    // A call that leaves makes room.
    hanging[0].abort();
    lab.wait_for(|calls| calls.totals.in_flight == 1).await;
    let fourth = lab.ask_in_background("M-4");
    lab.wait_for(|calls| calls.totals.outcomes["hang"] == 3).await;
    fourth.abort();
    hanging[1].abort();
}
