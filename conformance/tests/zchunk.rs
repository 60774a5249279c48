//! zckdl as the client that fetches of a file only what it has not: a tool that we did not write.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is all test code")]

use otaria_conformance::publisher::Publisher;
use otaria_conformance::{Engine, Noise, zchunk};
use rstest::rstest;

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_new_is_downloaded(#[case] engine: Engine) {
    let publisher = Publisher::start(engine).await;
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (folder.path().join("old.img"), folder.path().join("new.img"));
    let mut bytes = Noise::new(71).bytes(4_000_000);
    std::fs::write(&old, &bytes).unwrap();
    // Here and there something else, and a little more of it.
    for (seed, place) in [(72, 300_000), (73, 1_700_000), (74, 2_500_000), (75, 3_900_000)] {
        let changed = Noise::new(seed).bytes(2000);
        bytes.splice(place..place + 1000, changed);
    }
    std::fs::write(&new, &bytes).unwrap();
    let (old, new) = (zchunk::zck(&old), zchunk::zck(&new));
    let whole = std::fs::read(new).unwrap();
    let (url, header) = publisher.artifact("lamp-1", "new.zck", whole.clone()).await;

    // It has no header of its own to show.
    publisher.link.adds(&header);
    let (received, sent) = (publisher.link.received(), publisher.link.sent().len());
    let arrives = tempfile::tempdir().unwrap();
    let download = {
        let arrives = arrives.path().to_owned();
        tokio::task::spawn_blocking(move || zchunk::zckdl(&arrives, &old, &url))
    };
    download.await.unwrap();
    assert!(std::fs::read(arrives.path().join("new.zck")).unwrap() == whole);
    let received = publisher.link.received() - received;
    assert!(received < whole.len() / 4, "{received} of {} bytes", whole.len());
    let sent = String::from_utf8(publisher.link.sent()[sent..].to_vec()).unwrap();
    assert!(sent.lines().any(|line| line.starts_with("Range: bytes=") && line.contains(',')), "{sent}");
}
