//! A device that sends its log line by line, all at once: every line is kept, and few transactions are paid for.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is all test code")]

use std::collections::BTreeSet;

use futures::future::join_all;
use otaria_conformance::Engine;
use otaria_conformance::publisher::{Publisher, messages};
use otaria_conformance::writes::Writes;
use reqwest::RequestBuilder;
use rstest::rstest;
use serde_json::json;

const LINES: usize = 30;
const MOST_TRANSACTIONS: u64 = 10;

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn a_burst_of_feedback_takes_few_transactions(#[case] engine: Engine) {
    // Devices heard of are written down by a chore, which comes once at the beginning and then not for an hour.
    let publisher = Publisher::start_with(engine, &[("OTARIA_CHORE_SECONDS", "3600")]).await;
    let token = publisher.device("lamp-1").await;
    let (_, image) = publisher.publish(3, "1", b"image".to_vec()).await;
    let push = publisher.push(&image, "lamp-1").await;
    let url = publisher.server.url();
    let says = |action: u8, line: &str| -> RequestBuilder {
        let status = json!({ "execution": "proceeding", "result": { "finished": "none" }, "details": [line] });
        let feedback = format!("{url}/default/controller/v1/lamp-1/deploymentBase/{action}/feedback");
        let request = publisher.api.http.post(feedback).header("Authorization", format!("TargetToken {token}"));
        request.json(&json!({ "status": status }))
    };
    let mut writes = Writes::count(&publisher.server).await;

    // One after another they cost one each: what is written is counted.
    let before = writes.so_far().await;
    for line in ["first", "second", "third"] {
        assert_eq!(says(1, line).send().await.unwrap().status(), 200);
    }
    let begun = writes.so_far().await;
    assert_eq!(begun - before, 3);

    let lines: Vec<String> = (0..LINES).map(|line| format!("{line} of {LINES}")).collect();
    // In the middle of it, one about a push that it never had, and one that its sender does not wait for.
    let (here, there) = lines.split_at(LINES / 2);
    let posts = |lines: &[String]| join_all(lines.iter().map(|line| says(1, line).send()).collect::<Vec<_>>());
    let left = tokio::spawn(says(1, "left").send());
    let (here, wrong, there) = tokio::join!(posts(here), says(7, "wrong").send(), posts(there));
    left.abort();
    for answer in here.into_iter().chain(there) {
        assert_eq!(answer.unwrap().status(), 200);
    }
    assert_eq!(wrong.unwrap().status(), 404, "it takes nobody with it");
    let taken = writes.so_far().await - begun;
    assert!(taken <= MOST_TRANSACTIONS, "{taken} transactions for {LINES} lines");

    let shown = push.shown().await;
    let said: BTreeSet<_> = messages(&shown).into_iter().collect();
    assert!(lines.iter().all(|line| said.contains(line.as_str())), "{said:?}");
    assert_eq!(says(1, "and on").send().await.unwrap().status(), 200, "nothing is held up");
}
