//! What insurers do, and what becomes of it.

use anyhow::ensure;
use insurer::{Flapping, Knobs, Outcome, Share};

use crate::scene::{AT_ONCE, BAD, GOOD, MIN_CALLS, OPEN, Scene, payer};

/// Every call of the bad payer was either one of those that opened the breaker, or a probe; and
/// between two probes lies a whole open period.
async fn calls_stopped_while_open(scene: &Scene) -> anyhow::Result<()> {
    ensure!(scene.transitions("closed", "open").await? == 1, "it opened more than once");
    // Probes that have ended, asked first: one more may be under way when the calls are counted.
    let probes = scene.transitions("half_open", "open").await?;
    let calls = scene.insurer.calls_of(&payer(BAD)?).await?;
    let (begun, most) = (calls.totals.calls, MIN_CALLS + AT_ONCE - 1 + probes + 1);
    ensure!(begun <= most, "{begun} calls, {probes} probes: calls went on while it was open");
    ensure!(calls.totals.max_in_flight <= AT_ONCE, "{:?}", calls.totals);
    let arrivals = &calls.arrivals[calls.arrivals.len() - probes as usize..];
    for pair in arrivals.windows(2) {
        let gap_ms = pair[1].at_ms - pair[0].at_ms;
        ensure!(u128::from(gap_ms) + 1 >= OPEN.as_millis(), "two probes within {gap_ms} ms");
    }
    Ok(())
}

#[tokio::test]
async fn an_insurer_that_hangs_holds_up_nobody() -> anyhow::Result<()> {
    let mut scene = Scene::set().await?;
    scene.always(Outcome::Hang).await?;
    scene.start_eligibility().await?;
    let report = scene.start_day()?.report().await?;
    // The other insurer's checks end while this one still hangs.
    scene.wait_for_all(GOOD, &["active"]).await?;
    scene.wait_for_all(BAD, &["pending_verification"]).await?;
    scene.wait_for_probes(3).await?;
    calls_stopped_while_open(&scene).await?;
    scene.nobody_is_not_covered().await?;
    let hung = scene.insurer.calls_of(&payer(BAD)?).await?.totals;
    ensure!(hung.outcomes.get("hang") > Some(&MIN_CALLS), "the fault did not hit: {hung:?}");

    scene.insurer.reset().await?;
    scene.wait_for_all(BAD, &["active"]).await?;
    ensure!(scene.transitions("half_open", "closed").await? == 1);
    let after = scene.insurer.calls_of(&payer(BAD)?).await?.totals;
    ensure!(after.max_in_flight <= AT_ONCE, "a stampede: {after:?}");
    scene.check_the_end(&report).await
}

#[tokio::test]
async fn an_insurer_that_is_down_is_asked_once_a_period() -> anyhow::Result<()> {
    let mut scene = Scene::set().await?;
    scene.insurer.stop().await?;
    scene.start_eligibility().await?;
    let report = scene.start_day()?.report().await?;
    scene.wait_for_probes(2).await?;
    scene.wait_for_all(BAD, &["pending_verification"]).await?;
    scene.wait_for_all(GOOD, &["pending_verification"]).await?;
    scene.nobody_is_not_covered().await?;
    let calls =
        format!("mediconnect_insurer_calls_total{{outcome=\"connection\",payer=\"{BAD}\"}}");
    let probes = scene.transitions("half_open", "open").await?;
    let refused = scene.metric(&calls).await?;
    ensure!(refused <= MIN_CALLS + AT_ONCE - 1 + probes + 1, "{refused} calls, {probes} probes");

    scene.insurer.restart().await?;
    scene.wait_for_all(BAD, &["active"]).await?;
    scene.wait_for_all(GOOD, &["active"]).await?;
    // Started anew, it has counted exactly what came after the outage: each check once.
    let totals = scene.insurer.calls_of(&payer(BAD)?).await?.totals;
    ensure!(totals.calls == totals.outcomes["answer"], "{totals:?}");
    scene.check_the_end(&report).await
}

#[tokio::test]
async fn an_insurer_that_flaps_answers_everybody_in_the_end() -> anyhow::Result<()> {
    let mut scene = Scene::set().await?;
    let flapping = Flapping { period_ms: 1_500, up_ratio: 0.5, outcome: Outcome::Reset };
    let knobs = Knobs { flapping: Some(flapping), ..Knobs::default() };
    scene.insurer.set_for(&payer(BAD)?, &knobs).await?;
    scene.start_eligibility().await?;
    let day = scene.start_day()?;
    let hit = "resets were met";
    scene
        .insurer
        .wait_for(&payer(BAD)?, hit, |it| it.totals.outcomes.contains_key("reset"))
        .await?;
    let report = day.report().await?;
    // It still flaps.
    scene.wait_for_all(BAD, &["active"]).await?;
    scene.wait_for_all(GOOD, &["active"]).await?;
    scene.nobody_is_not_covered().await?;
    scene.check_the_end(&report).await
}

#[tokio::test]
async fn an_insurer_that_lies_is_not_believed() -> anyhow::Result<()> {
    let mut scene = Scene::set().await?;
    let lies = [
        Outcome::Garbage,
        Outcome::Truncated,
        Outcome::ResetMidway,
        Outcome::Enormous { bytes: 1 << 27 },
        Outcome::Redirect { location: None },
        Outcome::Reject { code: "42".to_owned() },
        Outcome::unavailable(),
    ];
    let mix = lies.into_iter().map(|outcome| Share { weight: 1, outcome }).collect();
    scene.insurer.set_for(&payer(BAD)?, &Knobs { mix, ..Knobs::default() }).await?;
    scene.start_eligibility().await?;
    let report = scene.start_day()?.report().await?;
    scene.wait_for_all(GOOD, &["active"]).await?;
    scene.wait_for_probes(3).await?;
    scene.wait_for_all(BAD, &["pending_verification"]).await?;
    scene.nobody_is_not_covered().await?;
    calls_stopped_while_open(&scene).await?;
    ensure!(scene.insurer.calls().await?.followed_redirects == 0, "it was led elsewhere");

    scene.insurer.reset().await?;
    scene.wait_for_all(BAD, &["active"]).await?;
    scene.check_the_end(&report).await
}

#[tokio::test]
async fn a_worker_that_is_killed_while_it_asks_loses_no_check() -> anyhow::Result<()> {
    let mut scene = Scene::set().await?;
    scene.always(Outcome::Hang).await?;
    scene.start_eligibility().await?;
    let day = scene.start_day()?;
    let asking = |it: &insurer::PayerCalls| it.totals.in_flight > 0;
    scene.insurer.wait_for(&payer(BAD)?, "a call hangs", asking).await?;
    scene.system.kill_eligibility().await?;
    let leased = "SELECT count(*) FROM eligibility_checks WHERE lease_owner IS NOT NULL";
    ensure!(scene.number(leased).await? > 0, "the kill hit nothing");
    scene.insurer.reset().await?;
    scene.start_eligibility().await?;
    let report = day.report().await?;
    scene.wait_for_all(BAD, &["active"]).await?;
    scene.wait_for_all(GOOD, &["active"]).await?;
    scene.check_the_end(&report).await
}
