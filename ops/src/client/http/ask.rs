//! One question to the server, which can be asked again.

use reqwest::header::{AUTHORIZATION, HeaderName};
use reqwest::{Client, Method, RequestBuilder, Response, Url};
use serde::Serialize;
use serde_json::Value;

/// What a question is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Accounts, sign-in, hours.
    Prepare,
    /// Free slots.
    Search,
    /// A booking: not knowing what became of it is counted.
    Book,
    /// What became of an accepted request.
    Poll,
    /// An operator's work.
    Operate,
}

/// A question, whole, so that the second time it is the same.
#[derive(Clone, Debug)]
pub struct Ask<'a> {
    purpose: Purpose,
    method: Method,
    path: &'a str,
    query: Vec<(&'static str, String)>,
    bearer: Option<&'a str>,
    headers: Vec<(HeaderName, String)>,
    body: Option<Value>,
}

/// The longest wait for an outcome that is asked for.
const WAIT_S: u32 = 10;

impl<'a> Ask<'a> {
    /// A question without a body.
    pub fn get(purpose: Purpose, path: &'a str) -> Self {
        Self::new(purpose, Method::GET, path)
    }

    /// A question with a body.
    pub fn post(purpose: Purpose, path: &'a str, body: &impl Serialize) -> Self {
        Self::new(purpose, Method::POST, path).with_body(body)
    }

    /// A question with a body.
    pub fn put(purpose: Purpose, path: &'a str, body: &impl Serialize) -> Self {
        Self::new(purpose, Method::PUT, path).with_body(body)
    }

    fn new(purpose: Purpose, method: Method, path: &'a str) -> Self {
        Self {
            purpose,
            method,
            path,
            query: Vec::new(),
            bearer: None,
            headers: Vec::new(),
            body: None,
        }
    }

    fn with_body(mut self, body: &impl Serialize) -> Self {
        let body = serde_json::to_value(body);
        self.body = Some(body.expect("structs with string keys, so writing JSON can't fail"));
        self
    }

    /// Adds a parameter.
    pub fn query(mut self, name: &'static str, value: impl ToString) -> Self {
        self.query.push((name, value.to_string()));
        self
    }

    /// In whose name.
    pub fn bearer(mut self, token: &'a str) -> Self {
        self.bearer = Some(token);
        self
    }

    /// One effect, however often it is asked; and the outcome, if there is one soon.
    pub fn once_and_wait(mut self, key: &str) -> Self {
        self.headers.push((HeaderName::from_static("idempotency-key"), key.to_owned()));
        self.headers.push((HeaderName::from_static("prefer"), format!("wait={WAIT_S}")));
        self
    }

    pub(super) fn purpose(&self) -> Purpose {
        self.purpose
    }

    pub(super) async fn send(&self, client: &Client, base: &Url) -> reqwest::Result<Response> {
        let mut url = base.clone();
        url.set_path(self.path);
        let request = client.request(self.method.clone(), url).query(&self.query);
        let request = self
            .headers
            .iter()
            .fold(request, |request: RequestBuilder, (name, value)| request.header(name, value));
        let request = match self.bearer {
            Some(token) => request.header(AUTHORIZATION, format!("Bearer {token}")),
            None => request,
        };
        match &self.body {
            Some(body) => request.json(body).send().await,
            None => request.send().await,
        }
    }
}
