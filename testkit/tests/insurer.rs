//! The insurer simulator as a process: started, told, counted, stopped, killed, started again.

use anyhow::ensure;
use contracts::insurer::{EligibilityAnswer, EligibilityQuestion};
use domain::{CoverageFinding, PayerId};
use insurer::{Knobs, Outcome, Share};
use serde_json::json;
use testkit::Insurer;

fn question() -> anyhow::Result<EligibilityQuestion> {
    Ok(serde_json::from_value(json!({
        "tradingPartnerServiceId": "00042",
        "provider": { "npi": "0000000000", "organizationName": "Test Clinic" },
        "subscriber": {
            "memberId": "M-ACTIVE",
            "firstName": "Given",
            "lastName": "Family",
            "dateOfBirth": "20000101",
        },
    }))?)
}

fn always(outcome: Outcome) -> Knobs {
    Knobs { mix: vec![Share { weight: 1, outcome }], ..Knobs::default() }
}

#[tokio::test]
async fn answers_counts_and_is_told() -> anyhow::Result<()> {
    let insurer = Insurer::start().await?;
    let payer: PayerId = "00042".parse()?;
    let answer: EligibilityAnswer = insurer.ask(&question()?).await?.json().await?;
    ensure!(answer.finding() == CoverageFinding::Active, "{answer:?}");
    insurer.set_for(&payer, &always(Outcome::unavailable())).await?;
    ensure!(insurer.ask(&question()?).await?.status() == 503);
    insurer.set(&always(Outcome::Garbage)).await?;
    ensure!(insurer.ask(&question()?).await?.status() == 503, "its own knobs hold");
    insurer.reset().await?;
    ensure!(insurer.ask(&question()?).await?.status() == 200);
    ensure!(insurer.calls_of(&payer).await?.members["M-ACTIVE"] == 4);
    insurer.forget_calls().await?;
    ensure!(insurer.calls().await?.calls == 0);
    Ok(())
}

#[tokio::test]
async fn stops_on_sigterm_while_a_call_hangs_and_comes_back_at_its_place() -> anyhow::Result<()> {
    let mut insurer = Insurer::start_with_seed(7).await?;
    let (payer, url): (PayerId, _) = ("00042".parse()?, insurer.url());
    insurer.set(&always(Outcome::Hang)).await?;
    let request = reqwest::Client::new()
        .post(format!("{url}{}", contracts::insurer::ELIGIBILITY_PATH))
        .json(&question()?);
    let hanging = tokio::spawn(request.send());
    insurer.wait_for(&payer, "a call hangs", |calls| calls.totals.in_flight == 1).await?;
    insurer.stop().await?;
    ensure!(hanging.await?.is_err(), "the call that hung has no answer");
    ensure!(insurer.ask(&question()?).await.is_err(), "nobody listens");
    ensure!(!insurer.log().contains("M-ACTIVE"), "members are not logged");

    insurer.restart().await?;
    ensure!(insurer.url() == url);
    ensure!(insurer.ask(&question()?).await?.status() == 200, "the knobs are at their defaults");
    insurer.kill().await?;
    ensure!(insurer.ask(&question()?).await.is_err());
    insurer.restart().await?;
    ensure!(insurer.ask(&question()?).await?.status() == 200);
    Ok(())
}
