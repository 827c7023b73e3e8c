//! What is proven may leave the stream, and nothing else may.

use anyhow::Context;
use contracts::subjects;
use domain::{Clock as _, RequestId, SystemClock};
use jiff::SignedDuration;
use ledger::{Findings, Keeper, Rules};
use store::ServiceRole;
use store::ledger::{Checkpoint, LedgerStore};

use super::books::Books;
use super::{BALANCED, NO_GRACE, NOT_BALANCED};

/// Checkpoints of ten messages, and everything below them may go.
const RULES: Rules = Rules { checkpoint_messages: 10, margin_messages: 0 };

/// The books as the booking worker keeps them.
struct Kept {
    books: Books,
    store: LedgerStore,
}

impl Kept {
    async fn open() -> anyhow::Result<Self> {
        let books = Books::open().await?;
        let url = books.database.url_for(ServiceRole::Booking);
        let store = LedgerStore::connect(&url, &books.database.settings())?;
        Ok(Self { books, store })
    }

    async fn look_by(&self, rules: Rules) -> anyhow::Result<Findings> {
        let keeper = Keeper { bus: &self.books.bus, store: &self.store, rules };
        let now = SystemClock.now();
        // Everything is old.
        let old = now + SignedDuration::from_mins(1);
        Ok(keeper.look(u64::MAX, now, old).await?)
    }

    async fn look(&self) -> anyhow::Result<Findings> {
        self.look_by(RULES).await
    }

    async fn first_sequence(&self) -> anyhow::Result<u64> {
        Ok(self.books.bus.state_of(subjects::COMMANDS).await?.first)
    }

    async fn lose(&self, stream: &str, id: RequestId) -> anyhow::Result<()> {
        let stream = self.books.context.get_stream(stream).await?;
        let lost = stream.purge().filter(format!("mc.*.booking.*.{id}")).await?;
        anyhow::ensure!(lost.purged == 1, "nothing was lost");
        Ok(())
    }
}

#[tokio::test]
async fn what_is_proven_goes_and_the_books_still_balance() -> anyhow::Result<()> {
    let kept = Kept::open().await?;
    let ids = kept.books.accept_some(25).await?;
    kept.books.settle(ids[0], 1, Some("slot_taken")).await?;
    for (index, id) in ids.iter().enumerate().skip(1) {
        kept.books.settle(*id, index as u64 + 1, None).await?;
    }
    let found = kept.look().await?;
    assert_eq!((found.new_checkpoints, found.checkpointed, found.purged), (2, 20, 20));
    assert_eq!((found.unsettled, found.trouble), (vec![], None));
    assert_eq!(kept.first_sequence().await?, 21);
    assert_eq!(kept.look().await?, Findings { checkpointed: 20, ..Findings::default() });

    // One that is repeated after its message has gone is still the same request.
    kept.books.accept(ids[3]).await?;
    let (report, code) = kept.books.read(&[NO_GRACE]).await?;
    assert_eq!(code, BALANCED, "{report:#}");
    assert_eq!(report["messages"], 26);
    assert_eq!(report["checkpointed"], 20);
    assert_eq!(report["purged"], 20);
    assert_eq!(report["requests"], 25);
    assert_eq!(report["repeats"], 1);
    assert_eq!(report["settled"]["applied"], 24);
    assert_eq!(report["settled"]["rejected"]["slot_taken"], 1);
    Ok(())
}

#[tokio::test]
async fn what_is_not_settled_is_named_and_never_purged() -> anyhow::Result<()> {
    let kept = Kept::open().await?;
    let ids = kept.books.accept_some(30).await?;
    for (index, id) in ids.iter().enumerate().filter(|(index, _)| *index != 14) {
        kept.books.settle(*id, index as u64 + 1, None).await?;
    }
    for _ in 0..2 {
        let found = kept.look().await?;
        assert_eq!((found.checkpointed, found.unsettled), (10, vec![15]));
        assert_eq!(found.trouble, None);
        assert_eq!(kept.first_sequence().await?, 11);
    }
    assert!(kept.books.bus.find_request(ids[14]).await?.is_some());
    kept.books.settle(ids[14], 15, None).await?;
    assert_eq!(kept.look().await?.checkpointed, 30);
    // A stream that holds nothing any more.
    assert_eq!(kept.first_sequence().await?, 31);
    let (report, code) = kept.books.read(&[NO_GRACE]).await?;
    assert_eq!((code, &report["requests"]), (BALANCED, &30.into()), "{report:#}");
    Ok(())
}

#[tokio::test]
async fn what_was_not_delivered_is_nobodys_business() -> anyhow::Result<()> {
    let kept = Kept::open().await?;
    kept.books.accept_some(5).await?;
    let keeper = Keeper { bus: &kept.books.bus, store: &kept.store, rules: RULES };
    let now = SystemClock.now();
    let found = keeper.look(2, now, now + SignedDuration::from_mins(1)).await?;
    assert_eq!(found.unsettled, [1, 2]);
    // Young ones may be in hand.
    let found = keeper.look(2, now, now - SignedDuration::from_mins(1)).await?;
    assert!(found.unsettled.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_margin_stays_and_a_late_purge_is_as_good() -> anyhow::Result<()> {
    let kept = Kept::open().await?;
    let ids = kept.books.accept_some(20).await?;
    kept.books.settle_all(&ids).await?;
    // As after a crash between checkpoint and purge.
    let found = kept.look_by(Rules { margin_messages: 100, ..RULES }).await?;
    assert_eq!((found.checkpointed, found.purged), (20, 0));
    let (report, code) = kept.books.read(&[NO_GRACE]).await?;
    assert_eq!((code, &report["requests"]), (BALANCED, &20.into()), "{report:#}");

    let found = kept.look_by(Rules { margin_messages: 5, ..RULES }).await?;
    assert_eq!((found.checkpointed, found.purged), (20, 15));
    let (report, code) = kept.books.read(&[NO_GRACE]).await?;
    assert_eq!((code, &report["purged"]), (BALANCED, &15.into()), "{report:#}");
    Ok(())
}

#[tokio::test]
async fn a_loss_behind_the_checkpoints_is_found_and_stops_them() -> anyhow::Result<()> {
    let kept = Kept::open().await?;
    let ids = kept.books.accept_some(30).await?;
    for (index, id) in ids.iter().enumerate().filter(|(index, _)| *index != 14) {
        kept.books.settle(*id, index as u64 + 1, None).await?;
    }
    assert_eq!(kept.look().await?.checkpointed, 10);

    // A row is gone, which no checkpoint covers …
    let delete = "DELETE FROM requests WHERE id = $1";
    kept.books.admin.execute(delete, &[&ids[22].as_uuid()]).await?;
    let (report, code) = kept.books.read(&[NO_GRACE]).await?;
    assert_eq!(code, NOT_BALANCED);
    let missing = report["unaccounted_for"].as_array().context("a list")?;
    let missing: Vec<_> = missing.iter().map(|missing| missing["sequence"].as_u64()).collect();
    assert_eq!(missing, [Some(15), Some(23)]);

    // … and so is a message that was never settled.
    kept.lose(subjects::COMMANDS, ids[14]).await?;
    let (report, code) = kept.books.read(&[NO_GRACE]).await?;
    assert_eq!(code, NOT_BALANCED);
    assert_eq!(report["lost"], serde_json::json!([{ "from": 15, "to": 15 }]));
    let found = kept.look().await?;
    assert!(found.trouble.context("it is told")?.contains("15"));
    assert_eq!((found.checkpointed, found.purged), (10, 0));
    Ok(())
}

#[tokio::test]
async fn what_is_dead_may_go_while_its_letter_is_there() -> anyhow::Result<()> {
    let kept = Kept::open().await?;
    let ids = kept.books.accept_some(8).await?;
    for (index, id) in ids.iter().enumerate().skip(1) {
        kept.books.settle(*id, index as u64 + 1, None).await?;
    }
    // Both messages of a request are dead, which counts once; and one that names no request.
    kept.books.publish_letter(&ids[0].to_string(), 1).await?;
    kept.books.accept(ids[0]).await?;
    kept.books.publish_letter(&ids[0].to_string(), 9).await?;
    let unreadable = kept.books.publish_unreadable().await?;
    assert_eq!(kept.look().await?.checkpointed, 0, "it has no letter yet");
    kept.books.publish_letter(&unreadable.to_string(), unreadable).await?;
    assert_eq!(kept.look().await?.checkpointed, 10);

    let (report, code) = kept.books.read(&[NO_GRACE]).await?;
    assert_eq!(code, BALANCED, "{report:#}");
    assert_eq!((&report["dead"], &report["repeats"]), (&1.into(), &1.into()));
    assert_eq!(report["unreadable"]["dead"], 1);
    assert_eq!(report["requests"], 8);

    // A replay that ends well moves it from one count to the other.
    let replayed = kept.books.accept(ids[0]).await?;
    kept.books.settle(ids[0], replayed, None).await?;
    let (report, code) = kept.books.read(&[NO_GRACE]).await?;
    assert_eq!(code, BALANCED, "{report:#}");
    assert_eq!((&report["dead"], &report["repeats"]), (&0.into(), &2.into()));
    assert_eq!(report["requests"], 8);

    // The letter is all that is left of the unreadable one.
    let letters = kept.books.context.get_stream(subjects::DEAD).await?;
    let letter = subjects::dead_letter("booking", "cancel", &unreadable.to_string());
    letters.purge().filter(letter).await?;
    let (report, code) = kept.books.read(&[NO_GRACE]).await?;
    assert_eq!(code, NOT_BALANCED);
    assert_eq!(report["unreadable"]["unaccounted_for"][0]["sequence"], unreadable);
    Ok(())
}

#[tokio::test]
async fn checkpoints_of_another_stream_prove_nothing() -> anyhow::Result<()> {
    let kept = Kept::open().await?;
    let ids = kept.books.accept_some(10).await?;
    kept.books.settle_all(&ids).await?;
    assert_eq!(kept.look().await?.checkpointed, 10);
    kept.books.context.delete_stream(subjects::COMMANDS).await?;
    kept.books.bus.ensure_topology().await?;

    kept.books.accept_some(12).await?;
    let found = kept.look().await?;
    assert_eq!((found.checkpointed, found.purged), (0, 0));
    assert!(found.trouble.is_some());
    let (report, code) = kept.books.read(&[]).await?;
    assert_eq!(code, NOT_BALANCED);
    assert_eq!(report["settled_without_message"].as_array().context("a list")?.len(), 10);
    Ok(())
}

#[tokio::test]
async fn the_database_refuses_checkpoints_that_do_not_add_up() -> anyhow::Result<()> {
    let kept = Kept::open().await?;
    let stream = kept.books.bus.state_of(subjects::COMMANDS).await?.created_at;
    let good = Checkpoint {
        from_sequence: 1,
        to_sequence: 10,
        applied: 10,
        rejected: std::collections::BTreeMap::new(),
        withdrawn: 0,
        repeats: 0,
        letters: Vec::new(),
    };
    let now = SystemClock.now();
    let bad = Checkpoint { applied: 9, ..good.clone() };
    let refused = kept.store.record(stream, &bad, now).await.expect_err("one is missing");
    assert!(refused.is_violation_of("ledger_checkpoints_balance"), "{refused}");
    kept.store.record(stream, &good, now).await?;
    let overlapping = Checkpoint { from_sequence: 10, applied: 1, ..good };
    let refused = kept.store.record(stream, &overlapping, now).await.expect_err("10 is in both");
    assert!(refused.is_violation_of("ledger_checkpoints_overlap"), "{refused}");
    Ok(())
}

#[tokio::test]
async fn one_keeps_the_books_at_a_time() -> anyhow::Result<()> {
    let kept = Kept::open().await?;
    let url = kept.books.database.url_for(ServiceRole::Booking);
    let other = LedgerStore::connect(&url, &kept.books.database.settings())?;
    let lock = kept.store.lock().await?.context("nobody else has it")?;
    assert!(other.lock().await?.is_none());
    drop(lock);
    kept.store.close().await;
    assert!(other.lock().await?.is_some());
    Ok(())
}
