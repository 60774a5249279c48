//! The slow-header siege: a crowd that sends headers byte by byte costs honest clients nothing they would notice.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is all test code")]

use std::time::Duration;

use otaria_conformance::siege::Siege;
use otaria_conformance::{Engine, Server};

async fn holds(siege: Siege, p99: Duration) {
    let server = Server::start(Engine::Sqlite).await;
    let outcome = siege.lay(&server).await;
    eprintln!("{siege:?}\n{outcome:#?}");
    assert_eq!(outcome.failed, 0, "honest requests fail");
    assert!(outcome.p99 < p99, "honest requests wait");
    assert!(outcome.most_open > siege.slow * 9 / 10, "the crowd was never there");
    assert!(outcome.closed >= siege.slow, "slow connections stay");
    assert!(outcome.longest < Duration::from_secs(15), "slow connections stay for long");
    assert!(outcome.gained < 64 * 1024 * 1024, "the server grows");
    server.anonymous().get("/readyz").await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_siege_is_not_noticed() {
    let siege = Siege { slow: 500, lasting: Duration::from_secs(15), honest_a_second: 50 };
    // Other tests run beside it.
    holds(siege, Duration::from_secs(2)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes more than a minute and the machine for itself: scripts/soak runs it"]
async fn a_large_siege_is_not_noticed() {
    let siege = Siege { slow: 5000, lasting: Duration::from_secs(60), honest_a_second: 200 };
    holds(siege, Duration::from_millis(250)).await;
}
