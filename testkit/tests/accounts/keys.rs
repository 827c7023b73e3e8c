//! Keys that sign tokens are replaced, and nobody has to sign in again.

use anyhow::{Context as _, ensure};
use serde_json::Value;
use std::process::Command;
use testkit::{Api, System};

fn add_key(system: &System, name: &str) -> anyhow::Result<()> {
    let file = system.keys().join(format!("{name}.pem"));
    let mut make = Command::new("openssl");
    let made = make.args(["genpkey", "-algorithm", "ed25519", "-out"]).arg(file).output()?;
    ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    Ok(())
}

async fn restart(system: &mut System) -> anyhow::Result<()> {
    system.stop_api().await?;
    system.start_api().await
}

async fn published(system: &System) -> anyhow::Result<Vec<String>> {
    let keys = system.api().get("/.well-known/jwks.json").await?.expect(200)?;
    let keys = keys["keys"].as_array().context("a list")?;
    ensure!(keys.iter().all(|key| key.get("d").is_none()), "a private part is published");
    Ok(keys.iter().filter_map(|key| key["kid"].as_str().map(str::to_owned)).collect())
}

fn kid(person: &Api) -> anyhow::Result<String> {
    use base64::Engine as _;
    let header = person.token()?.split('.').next().context("a header")?;
    let header = base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(header)?;
    let header: Value = serde_json::from_slice(&header)?;
    Ok(header["kid"].as_str().context("a key id")?.to_owned())
}

#[tokio::test]
async fn item_15_a_replaced_key_verifies_until_its_tokens_have_ended() -> anyhow::Result<()> {
    let mut system = System::start().await?;
    let before = system.api().new_patient().await?;
    assert_eq!(kid(&before)?, "test");

    // First every instance learns of the new key, while the old one signs.
    add_key(&system, "zzz-new")?;
    std::fs::write(system.keys().join("current"), "test\n")?;
    restart(&mut system).await?;
    assert_eq!(published(&system).await?, ["test", "zzz-new"]);
    assert_eq!(kid(&system.api().new_patient().await?)?, "test");

    // Then it signs.
    std::fs::write(system.keys().join("current"), "zzz-new\n")?;
    restart(&mut system).await?;
    let after = system.api().new_patient().await?;
    assert_eq!(kid(&after)?, "zzz-new");
    for patient in [&before, &after] {
        patient.get("/v1/me").await?.expect(200)?;
    }
    assert_eq!(published(&system).await?, ["test", "zzz-new"]);

    // The old one goes once its last token has ended, and takes with it what is left.
    std::fs::remove_file(system.keys().join("test.pem"))?;
    restart(&mut system).await?;
    assert_eq!(published(&system).await?, ["zzz-new"]);
    assert_eq!(before.get("/v1/me").await?.problem(401)?, "unauthorized");
    after.get("/v1/me").await?.expect(200)?;
    Ok(())
}
