//! What strangers may try, and that it keeps nobody out of their own account.

use anyhow::{Context as _, ensure};
use futures::future::join_all;
use reqwest::Method;
use serde_json::json;
use testkit::{Answer, Api, System};

use super::{PASSWORD, register, text, try_to_sign_in};

#[tokio::test]
async fn item_05_a_strangers_failures_keep_nobody_out_of_their_own_account() -> anyhow::Result<()> {
    let system = System::start().await?;
    let api = system.api();
    let email = "pat@patients.example";
    register(&api, email).await?;
    let first = try_to_sign_in(&api, email, PASSWORD).await?.expect(200)?;
    let device = text(&first, "device_token")?.to_owned();

    let mut is_delayed = false;
    for _ in 0..12 {
        is_delayed = try_to_sign_in(&api, email, "not the right passphrase").await?.status == 429;
    }
    ensure!(is_delayed, "twelve guesses in a row were all answered at once");
    // From anywhere else even the right password has to wait.
    assert_eq!(try_to_sign_in(&api, email, PASSWORD).await?.problem(429)?, "sign_in_delayed");
    let at_device = |password: &str, device: &str| {
        let body = json!({ "email": email, "password": password, "device_token": device });
        api.post("/v1/auth/login", body)
    };
    let again = at_device(PASSWORD, &device).await?.expect(200)?;
    ensure!(again.get("device_token").is_none(), "a known device needs no new token");
    // Another person's device is a stranger here, and so is one that was made up.
    let stranger = api.new_patient().await?;
    let other = json!({ "email": "other@patients.example", "password": PASSWORD });
    register(&api, "other@patients.example").await?;
    let other = api.post("/v1/auth/login", other).await?.expect(200)?;
    for device in [text(&other, "device_token")?, "x", stranger.token()?] {
        let refusal = at_device(PASSWORD, device).await?;
        assert_eq!(refusal.problem(429)?, "sign_in_delayed");
    }
    // Whoever guesses at the device itself is slowed down, too, and loses it.
    let mut slowed = false;
    for _ in 0..12 {
        slowed |= at_device("not the right passphrase", &device).await?.status == 429;
    }
    ensure!(slowed, "guesses at a known device are free");
    Ok(())
}

async fn knock(api: &Api, forwarded: &str) -> anyhow::Result<Answer> {
    let body = json!({ "email": "nobody@patients.example" });
    let request = api.request(Method::POST, "/v1/auth/password-reset").json(&body);
    api.send(request.header("x-forwarded-for", forwarded)).await
}

#[tokio::test]
async fn item_06_a_forged_address_evades_no_limit() -> anyhow::Result<()> {
    let limit = [("MC_API__SIGN_IN_PER_MIN", "1"), ("MC_API__SIGN_IN_BURST", "40")];
    let system = System::start_with(&limit).await?;
    let api = system.api();
    for n in 0..=40 {
        let answer = knock(&api, &format!("198.51.100.{n}")).await?;
        if answer.status == 429 {
            let wait: u64 = answer.header("retry-after").context("when to come back")?.parse()?;
            assert!(wait >= 1);
            assert_eq!(answer.problem(429)?, "rate_limited");
            return Ok(());
        }
        answer.expect(202)?;
    }
    anyhow::bail!("a new address in every header, and no limit")
}

#[tokio::test]
async fn behind_a_trusted_proxy_each_client_has_a_limit_of_their_own() -> anyhow::Result<()> {
    let settings = [
        ("MC_API__SIGN_IN_PER_MIN", "1"),
        ("MC_API__SIGN_IN_BURST", "40"),
        ("MC_API__TRUSTED_PROXIES", "127.0.0.0/8"),
    ];
    let system = System::start_with(&settings).await?;
    let api = system.api();
    for n in 0..60 {
        // What the client itself claims stands further left, and counts nothing.
        knock(&api, &format!("10.0.0.1, 198.51.100.{n}")).await?.expect(202)?;
    }
    for n in 0..=40 {
        if knock(&api, &format!("10.0.0.{n}, 203.0.113.7")).await?.status == 429 {
            return Ok(());
        }
    }
    anyhow::bail!("one client behind the proxy, and no limit")
}

/// The most memory that the process ever had, in bytes.
fn peak_bytes(pid: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.context("a peak")?.trim().trim_end_matches(" kB").parse::<u64>()?;
    Ok(kib * 1024)
}

#[tokio::test]
async fn item_04_two_hundred_sign_ins_at_once_take_bounded_memory() -> anyhow::Result<()> {
    let system = System::start_with(&[("MC_API__ARGON2_QUEUE", "16")]).await?;
    let api = system.api();
    let pid = system.api_pid().context("api runs")?;
    let before = peak_bytes(pid)?;
    let tries = (0..200).map(|n| {
        let (api, email) = (api.clone(), format!("nobody-{n}@patients.example"));
        async move { try_to_sign_in(&api, &email, "not the right passphrase").await }
    });
    let mut turned_away = 0;
    for answer in join_all(tries).await {
        let answer = answer?;
        match answer.status {
            401 => {}
            503 => turned_away += 1,
            _ => anyhow::bail!("{}: {}", answer.status, answer.text),
        }
    }
    ensure!(turned_away > 0, "all of them waited: the queue has no end");
    // Two hashes of 19 MiB at a time; two hundred of them would be 3,800 MiB.
    let grown = peak_bytes(pid)? - before;
    ensure!(grown < 150 << 20, "it grew by {grown} bytes");
    api.get("/healthz").await?.expect(200)?;
    Ok(())
}
