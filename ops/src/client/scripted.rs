//! A server that says what a test wrote down, and remembers what it was asked.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Response, header};
use reqwest::Url;
use serde_json::Value;
use tokio::net::TcpListener;

use super::http::{Encounters, Http};

/// What the server does with one request.
#[derive(Clone, Debug)]
pub enum Line {
    /// Answers.
    Answer {
        /// The status.
        status: u16,
        /// Headers.
        headers: Vec<(&'static str, &'static str)>,
        /// The body.
        body: Value,
    },
    /// Breaks the answer off.
    HangUp,
}

/// What the server was asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    /// `POST /v1/appointments`, without the query.
    pub what: String,
    /// The query, as it came.
    pub query: String,
    /// The `Idempotency-Key`.
    pub key: Option<String>,
    /// The bearer token.
    pub token: Option<String>,
    /// The body.
    pub body: Value,
}

#[derive(Debug, Default)]
struct Script {
    lines: HashMap<&'static str, VecDeque<Line>>,
    heard: Vec<Heard>,
}

/// The server. It ends with the test's runtime.
#[derive(Clone, Debug)]
pub struct ScriptedServer {
    url: Url,
    script: Arc<Mutex<Script>>,
    /// What the clients of this server met.
    pub encounters: Arc<Encounters>,
}

/// An answer with a JSON body.
pub fn answer(status: u16, body: Value) -> Line {
    Line::Answer { status, headers: Vec::new(), body }
}

/// An answer with a header and a JSON body.
pub fn answer_with(status: u16, name: &'static str, value: &'static str, body: Value) -> Line {
    Line::Answer { status, headers: vec![(name, value)], body }
}

/// A problem document of this type.
pub fn problem(status: u16, slug: &str) -> Line {
    answer(status, serde_json::json!({ "type": format!("/problems/{slug}"), "title": slug }))
}

impl ScriptedServer {
    /// Begins to listen.
    pub async fn start() -> Self {
        runtime::telemetry::install_crypto();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let script = Arc::new(Mutex::new(Script::default()));
        let router = Router::new().fallback(act).with_state(Arc::clone(&script));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, script, encounters: Arc::new(Encounters::default()) }
    }

    /// Writes down what is done with the next requests of this kind, in order. Without a line left
    /// the server says 404.
    pub fn expect(&self, what: &'static str, lines: impl IntoIterator<Item = Line>) {
        lock(&self.script).lines.entry(what).or_default().extend(lines);
    }

    /// What was asked, in order.
    pub fn heard(&self) -> Vec<Heard> {
        lock(&self.script).heard.clone()
    }

    /// What was asked of this kind, in order.
    pub fn heard_of(&self, what: &str) -> Vec<Heard> {
        self.heard().into_iter().filter(|heard| heard.what == what).collect()
    }

    /// A client of this server.
    pub fn client(&self, patience: Duration) -> Http {
        Http::new(&self.url, patience, Arc::clone(&self.encounters)).unwrap()
    }
}

fn lock(script: &Mutex<Script>) -> MutexGuard<'_, Script> {
    script.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn act(State(script): State<Arc<Mutex<Script>>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let header = |name| Some(parts.headers.get(name)?.to_str().unwrap().to_owned());
    let what = format!("{} {}", parts.method, parts.uri.path());
    let heard = Heard {
        query: parts.uri.query().unwrap_or_default().to_owned(),
        key: header("idempotency-key"),
        token: header("authorization").map(|value| value.replace("Bearer ", "")),
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
        what: what.clone(),
    };
    let line = {
        let mut script = lock(&script);
        script.heard.push(heard);
        script.lines.get_mut(what.as_str()).and_then(VecDeque::pop_front)
    };
    match line.unwrap_or_else(|| problem(404, "not_in_the_script")) {
        Line::Answer { status, headers, body } => {
            let mut response =
                Response::builder().status(status).header(header::CONTENT_TYPE, "application/json");
            for (name, value) in headers {
                response = response.header(name, value);
            }
            response.body(Body::from(body.to_string())).unwrap()
        }
        Line::HangUp => {
            let broken =
                futures::stream::once(async { Err::<Bytes, _>(std::io::Error::other("")) });
            Response::new(Body::from_stream(broken))
        }
    }
}
