//! `mediconnect probe`, as a container's health check calls it.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::process::Command;

async fn probe(arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mediconnect"));
    let output = command.arg("probe").args(arguments).output().await.unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[tokio::test]
async fn its_exit_code_is_the_services_health() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new()
        .route("/well", get(|| async { "well" }))
        .route("/ill", get(|| async { StatusCode::SERVICE_UNAVAILABLE }))
        .route("/hung", get(std::future::pending::<()>));
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });
    let at = |path: &str| format!("http://{address}/{path}");

    assert_eq!(probe(&[&at("well")]).await, (Some(0), String::new()));
    let (code, said) = probe(&[&at("ill")]).await;
    assert_eq!(
        (code, said.trim()),
        (Some(1), "mediconnect: the answer is 503 Service Unavailable")
    );
    let (code, said) = probe(&[&at("hung"), "--timeout", "1"]).await;
    assert_eq!(code, Some(1));
    assert!(said.contains("no answer"), "{said}");
    serving.abort();
    assert_eq!(probe(&["nowhere"]).await.0, Some(2));
}
