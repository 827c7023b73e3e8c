//! One row's way through a server that does what a test says.

use std::time::Duration;

use domain::{SystemClock, UserId};
use jiff::SignedDuration;
use jiff::civil::date;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::super::days::VisitDays;
use super::super::state::State;
use super::*;
use crate::client::scripted::{Line, ScriptedServer, answer, answer_with, problem};
use crate::client::sign_in::{Registered, Tokens};

const BOOK: &str = "POST /v1/appointments";
const SEARCH: &str = "GET /v1/slots";

/// A clinic with one doctor, a signed-in patient, and what earlier runs left in a folder.
struct Scene {
    server: ScriptedServer,
    doctor: PractitionerId,
    state: State,
    folder: TempDir,
}

impl Scene {
    async fn set() -> Self {
        let mut state = State::new();
        let tokens = Tokens {
            access: "first".into(),
            access_expires_at: SystemClock.now() + SignedDuration::from_hours(1),
            refresh: "again".into(),
        };
        state.patients.insert(7, Registered { id: UserId::generate(), tokens });
        Self {
            server: ScriptedServer::start().await,
            doctor: UserId::generate().into(),
            state,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn run(&self) -> Run {
        let today = date(2026, 11, 22);
        let days = VisitDays::of(&[row()]);
        let calendar = Calendar::settle(None, &days, &[row().visit_day], today, 1);
        let state_path = self.folder.path().join("state.json");
        Run {
            label: self.state.label.clone(),
            zone: TimeZone::get("America/Sao_Paulo").unwrap(),
            calendar,
            doctors: BTreeMap::from([(2, vec![self.doctor])]),
            patients: Patients::new(&self.state, &BTreeMap::from([(7, 40)]), today),
            journal: Journal::open(&state_path, calendar.weeks()).unwrap(),
            tally: Tally::new(),
        }
    }

    async fn settle(&self, run: &Run, row: &Row) -> RowEnd {
        run.settle_row(&self.server.client(Duration::from_secs(20)), row).await
    }

    fn slots(&self, starts: &[&str]) -> Line {
        let slot = |start| json!({ "practitioner_id": self.doctor, "start": start, "end": start });
        answer(200, json!({ "items": starts.iter().map(slot).collect::<Vec<_>>() }))
    }

    fn booked_starts(&self) -> Vec<Value> {
        self.server.heard_of(BOOK).into_iter().map(|heard| heard.body["start"].clone()).collect()
    }
}

fn row() -> Row {
    Row {
        line: 2,
        requested_at: "2001-02-01T10:00:00Z".parse().unwrap(),
        visit_day: date(2001, 3, 1),
        patient: 7,
        clinic: 2,
        age: 40,
    }
}

const TEN: &str = "2026-12-03T13:00:00Z";
const ELEVEN: &str = "2026-12-03T14:00:00Z";

#[tokio::test]
async fn books_a_free_slot_of_the_mapped_day() {
    let scene = Scene::set().await;
    scene.server.expect(SEARCH, [scene.slots(&[TEN])]);
    scene.server.expect(BOOK, [answer(201, json!({}))]);
    let run = scene.run();
    assert_eq!(scene.settle(&run, &row()).await, RowEnd::Booked);

    let heard = scene.server.heard();
    let query = heard[0].query.replace("%3A", ":");
    assert!(query.contains(&format!("practitioner_id={}", scene.doctor)), "{query}");
    // A day of America/Sao_Paulo, three hours behind UTC.
    assert!(query.contains("from=2026-12-03T03:00:00Z&to=2026-12-04T03:00:00Z"), "{query}");
    assert_eq!(heard[1].body, json!({ "practitioner_id": scene.doctor, "start": TEN }));
    assert_eq!(heard[1].token.as_deref(), Some("first"));
}

#[tokio::test]
async fn takes_the_next_slot_under_a_new_key_when_somebody_was_faster() {
    let scene = Scene::set().await;
    scene.server.expect(SEARCH, [scene.slots(&[TEN, ELEVEN])]);
    scene.server.expect(BOOK, [problem(409, "slot-taken"), answer(201, json!({}))]);
    let run = scene.run();
    assert_eq!(scene.settle(&run, &row()).await, RowEnd::Booked);

    let heard = scene.server.heard_of(BOOK);
    assert_ne!(heard[0].key, heard[1].key);
    assert_ne!(heard[0].body, heard[1].body);
    assert_eq!(run.tally.so_far().slots_taken, 1);
}

#[tokio::test]
async fn searches_again_when_all_that_was_found_is_taken() {
    let scene = Scene::set().await;
    scene.server.expect(SEARCH, [scene.slots(&[TEN]), scene.slots(&[ELEVEN]), scene.slots(&[])]);
    scene.server.expect(BOOK, [problem(409, "slot-taken"), problem(409, "slot-taken")]);
    let end = scene.settle(&scene.run(), &row()).await;
    assert_eq!(end, RowEnd::Refused("no_free_slot".into()));
    assert_eq!(scene.booked_starts(), [TEN, ELEVEN]);
}

#[tokio::test]
async fn a_busy_patient_never_asks_for_that_time_again() {
    let scene = Scene::set().await;
    scene.server.expect(SEARCH, [scene.slots(&[TEN]), scene.slots(&[TEN, ELEVEN])]);
    scene.server.expect(BOOK, [problem(409, "patient-busy"), answer(201, json!({}))]);
    let run = scene.run();
    assert_eq!(scene.settle(&run, &row()).await, RowEnd::Booked);
    assert_eq!(scene.booked_starts(), [TEN, ELEVEN]);
    assert_eq!(run.tally.so_far().patients_busy, 1);
}

#[tokio::test]
async fn follows_an_accepted_request_to_its_end() {
    let scene = Scene::set().await;
    let request = "GET /v1/requests/12";
    scene.server.expect(SEARCH, [scene.slots(&[TEN, ELEVEN])]);
    let accepted = || answer_with(202, "location", "/v1/requests/12", json!({}));
    scene.server.expect(BOOK, [accepted(), accepted()]);
    let waiting = answer_with(200, "retry-after", "0", json!({ "status": "accepted" }));
    let taken = json!({ "status": "rejected", "problem": { "type": "/problems/slot-taken" } });
    let applied = json!({ "status": "applied" });
    scene.server.expect(request, [waiting, answer(200, taken), answer(200, applied)]);
    assert_eq!(scene.settle(&scene.run(), &row()).await, RowEnd::Booked);
    assert_eq!(scene.server.heard_of(request).len(), 3);
}

#[tokio::test]
async fn an_accepted_request_that_is_forgotten_has_no_known_outcome() {
    let scene = Scene::set().await;
    scene.server.expect(SEARCH, [scene.slots(&[TEN])]);
    scene.server.expect(BOOK, [answer_with(202, "location", "/v1/requests/12", json!({}))]);
    let end = scene.settle(&scene.run(), &row()).await;
    assert!(matches!(end, RowEnd::Undecided(why) if why.contains("unknown to the server")));
}

#[tokio::test]
async fn renews_a_sign_in_and_asks_again_under_the_same_key() {
    let scene = Scene::set().await;
    scene.server.expect(SEARCH, [scene.slots(&[TEN])]);
    scene.server.expect(BOOK, [problem(401, "unauthorized"), answer(201, json!({}))]);
    let renewed = json!({
        "user": { "id": UserId::generate() },
        "access_token": "second",
        "expires_in": 900,
        "refresh_token": "and again",
    });
    scene.server.expect("POST /v1/auth/refresh", [answer(200, renewed)]);
    assert_eq!(scene.settle(&scene.run(), &row()).await, RowEnd::Booked);

    let heard = scene.server.heard_of(BOOK);
    assert_eq!(heard[0].key, heard[1].key);
    assert_eq!(heard[1].token.as_deref(), Some("second"));
}

#[tokio::test]
async fn a_visit_before_its_request_is_asked_for_as_far_in_the_past() {
    let scene = Scene::set().await;
    scene.server.expect(BOOK, [problem(422, "start-in-past")]);
    let requested_at = "2001-03-03T10:00:00Z".parse().unwrap();
    let end = scene.settle(&scene.run(), &Row { requested_at, ..row() }).await;
    assert_eq!(end, RowEnd::Refused("start_in_past".into()));

    let start: Timestamp = scene.booked_starts()[0].as_str().unwrap().parse().unwrap();
    let ago = SystemClock.now().duration_since(start).as_hours();
    assert!((24..=72).contains(&ago), "{ago} hours ago");
    assert!(scene.server.heard_of(SEARCH).is_empty());
}

#[tokio::test]
async fn a_later_run_asks_for_the_same_and_is_told_the_same() {
    let scene = Scene::set().await;
    scene.server.expect(SEARCH, [scene.slots(&[TEN, ELEVEN])]);
    scene.server.expect(BOOK, [problem(409, "slot-taken"), answer(201, json!({}))]);
    assert_eq!(scene.settle(&scene.run(), &row()).await, RowEnd::Booked);

    scene.server.expect(BOOK, [answer(201, json!({}))]);
    let again = scene.run();
    assert_eq!(scene.settle(&again, &row()).await, RowEnd::Booked);
    let heard = scene.server.heard_of(BOOK);
    assert_eq!(heard[2], heard[1], "the last attempt, word for word");
    assert_eq!(again.tally.so_far().asked_before, 1);
}
