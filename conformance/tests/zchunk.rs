//! zckdl as the client that fetches of a file only what it has not: a tool that we did not write.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is all test code")]

use std::path::PathBuf;

use otaria_conformance::publisher::Publisher;
use otaria_conformance::{Engine, Noise, zchunk};
use rstest::rstest;

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_new_is_downloaded(#[case] engine: Engine) {
    let publisher = Publisher::start(engine).await;
    let files = Files::make();
    let (url, header) = publisher.artifact("lamp-1", "new.zck", files.whole.clone()).await;
    // It has no header of its own to show.
    publisher.link.adds(&header);
    files.come(&publisher, url).await;
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn a_signed_link_needs_no_header(#[case] engine: Engine) {
    let publisher = Publisher::start_with(engine, &[("OTARIA_ARTIFACT_LINKS", "signed")]).await;
    let files = Files::make();
    let (url, _) = publisher.artifact("lamp-1", "new.zck", files.whole.clone()).await;
    let sent = files.come(&publisher, url).await;
    assert!(!sent.to_lowercase().contains("authorization"), "{sent}");
}

/// An image that a device has, and one that differs from it here and there.
struct Files {
    folder: tempfile::TempDir,
    old: PathBuf,
    whole: Vec<u8>,
}

impl Files {
    fn make() -> Self {
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
        let whole = std::fs::read(zchunk::zck(&new)).unwrap();
        Self { old: zchunk::zck(&old), folder, whole }
    }

    /// The new one comes from this address, and little of it; what was sent for that.
    async fn come(&self, publisher: &Publisher, url: String) -> String {
        let (received, sent) = (publisher.link.received(), publisher.link.sent().len());
        let arrives = self.folder.path().join("arrives");
        std::fs::create_dir(&arrives).unwrap();
        let download = {
            let (arrives, old) = (arrives.clone(), self.old.clone());
            tokio::task::spawn_blocking(move || zchunk::zckdl(&arrives, &old, &url))
        };
        download.await.unwrap();
        let come = std::fs::read_dir(&arrives).unwrap().next().unwrap().unwrap().path();
        assert!(std::fs::read(come).unwrap() == self.whole);
        let received = publisher.link.received() - received;
        assert!(received < self.whole.len() / 4, "{received} of {} bytes", self.whole.len());
        let sent = String::from_utf8(publisher.link.sent()[sent..].to_vec()).unwrap();
        assert!(sent.lines().any(|line| line.starts_with("Range: bytes=") && line.contains(',')), "{sent}");
        sent
    }
}
