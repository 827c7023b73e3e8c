//! What a careful client does when the server doesn't simply answer.

use serde_json::json;

use super::*;
use crate::client::scripted::{Line, ScriptedServer, answer, answer_with, problem};

const PATIENCE: Duration = Duration::from_secs(20);
const BOOK: &str = "POST /v1/appointments";

async fn book(http: &Http) -> Result<Answer, NoAnswer> {
    let ask = Ask::post(Purpose::Book, "/v1/appointments", &json!({ "start": "now" }));
    http.ask(&ask.bearer("token").once_and_wait("key-1")).await
}

#[tokio::test]
async fn an_unknown_outcome_is_asked_again_under_the_same_key() {
    let server = ScriptedServer::start().await;
    let unavailable = answer_with(503, "retry-after", "0", json!({}));
    server
        .expect(BOOK, [Line::HangUp, unavailable, answer(500, json!({})), answer(201, json!({}))]);
    assert_eq!(book(&server.client(PATIENCE)).await.unwrap().status(), 201);

    let heard = server.heard_of(BOOK);
    assert_eq!(heard.len(), 4);
    assert!(heard.iter().all(|one| *one == heard[0]), "{heard:?}");
    assert_eq!(heard[0].key.as_deref(), Some("key-1"));
    let expected = EncountersSoFar { unknown_outcomes: 3, repeats: 3, ..Default::default() };
    assert_eq!(server.encounters.so_far(), expected);
}

#[tokio::test]
async fn a_search_that_fails_is_no_unknown_outcome() {
    let server = ScriptedServer::start().await;
    server.expect("GET /v1/slots", [Line::HangUp, answer(200, json!({}))]);
    let ask = Ask::get(Purpose::Search, "/v1/slots").query("limit", 3);
    assert_eq!(server.client(PATIENCE).ask(&ask).await.unwrap().status(), 200);
    assert_eq!(server.heard()[0].query, "limit=3");
    let expected = EncountersSoFar { repeats: 1, ..Default::default() };
    assert_eq!(server.encounters.so_far(), expected);
}

#[tokio::test]
async fn told_to_slow_down_it_waits_as_long_as_it_is_told() {
    let server = ScriptedServer::start().await;
    let slow_down = answer_with(429, "retry-after", "1", json!({}));
    server.expect(BOOK, [slow_down, answer(201, json!({}))]);
    let began = Instant::now();
    assert_eq!(book(&server.client(PATIENCE)).await.unwrap().status(), 201);
    assert!(began.elapsed() >= Duration::from_secs(1));
    let expected = EncountersSoFar { throttled: 1, repeats: 1, ..Default::default() };
    assert_eq!(server.encounters.so_far(), expected);
}

#[tokio::test]
async fn a_refusal_is_an_answer() {
    let server = ScriptedServer::start().await;
    server.expect(BOOK, [problem(409, "slot-taken")]);
    let answer = book(&server.client(PATIENCE)).await.unwrap();
    assert_eq!((answer.status(), answer.reason().as_str()), (409, "slot_taken"));
    assert_eq!(server.encounters.so_far(), EncountersSoFar::default());
}

#[tokio::test]
async fn gives_up_when_its_patience_ends() {
    let server = ScriptedServer::start().await;
    server.expect(BOOK, std::iter::repeat_n(answer(500, json!({})), 100));
    let error = book(&server.client(Duration::from_millis(300))).await.unwrap_err();
    assert!(error.to_string().contains("500"), "{error}");
}

#[tokio::test]
async fn nobody_there_is_not_an_unknown_outcome() {
    runtime::telemetry::install_crypto();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let encounters = Arc::new(Encounters::default());
    let url = format!("http://{closed}").parse().unwrap();
    let http = Http::new(&url, Duration::from_millis(200), Arc::clone(&encounters)).unwrap();
    assert!(book(&http).await.is_err());
    let met = encounters.so_far();
    assert!(met.unreachable > 0 && met.unknown_outcomes == 0, "{met:?}");
}
