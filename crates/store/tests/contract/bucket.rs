//! What only a repository on S3 has to see to: parts, what a crash leaves there, and a server that is not there.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::TryStreamExt as _;
use otaria_conformance::s3::{ACCESS_KEY, S3Server, SECRET_KEY};
use otaria_conformance::until;
use otaria_store::repository::{OpenError, S3Credentials, S3Location, Trouble, UrlStyle};
use otaria_store::{Error, Repository, RepositoryLocation};
use rstest::rstest;

use crate::repository::{pattern, read, store};
use crate::world::at;

const PART: usize = 8 * 1024 * 1024;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Where a repository in the test server's bucket is.
pub(crate) fn location(s3: &S3Server, prefix: &str) -> RepositoryLocation {
    RepositoryLocation::S3(s3_location(s3, prefix))
}

fn s3_location(s3: &S3Server, prefix: &str) -> S3Location {
    S3Location {
        bucket: s3.bucket().to_owned(),
        prefix: prefix.to_owned(),
        endpoint: Some(s3.endpoint()),
        region: "us-east-1".to_owned(),
        url_style: UrlStyle::Path,
        credentials: S3Credentials {
            access_key_id: ACCESS_KEY.to_owned(),
            secret_access_key: SECRET_KEY.to_owned(),
            session_token: None,
        },
    }
}

/// A repository that is the whole bucket.
async fn open(s3: &S3Server) -> Repository {
    Repository::open(&location(s3, "")).await.unwrap()
}

fn is_empty(s3: &S3Server) -> bool {
    s3.objects().is_empty() && s3.unfinished().is_empty()
}

#[rstest]
#[case(PART - 1)]
#[case(PART)]
#[case(PART + 1)]
#[case(2 * PART)]
#[case(2 * PART + 5)]
#[tokio::test]
async fn what_is_sent_in_parts_is_one_object(#[case] size: usize) {
    let s3 = S3Server::start();
    let repository = open(&s3).await;
    let bytes = pattern(size);
    let pieces: Vec<&[u8]> = bytes.chunks(1_500_000).collect();
    let location = store(&repository, &pieces).await;
    assert!(read(&repository, &location, 0, size as u64).await == bytes);
    let (start, end) = (PART - 3, size.min(PART + 3));
    assert!(read(&repository, &location, start as u64, end as u64).await == bytes[start.min(end)..end]);
    until("only the object is left", async || s3.objects().len() == 1 && s3.unfinished().is_empty()).await;
    assert_eq!(s3.objects().get(&location), Some(&(size as u64)));
}

#[tokio::test]
async fn what_a_crash_left_is_removed_once_it_is_old() {
    let s3 = S3Server::start();
    let repository = open(&s3).await;
    let crashed = {
        let repository = repository.clone();
        // The end of a runtime is the end of its tasks, wherever they are.
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let staged = runtime.spawn(async move {
            let mut staged = repository.stage().await.unwrap();
            staged.write(Bytes::from(pattern(2 * PART + 1))).await.unwrap();
            staged
        });
        let staged = staged.await.unwrap();
        until("its parts are there", async || s3.unfinished().iter().any(|name| name.contains("part-2"))).await;
        runtime.shutdown_background();
        std::mem::forget(staged);
        s3.objects().into_keys().next().unwrap()
    };
    let mut under_way = repository.stage().await.unwrap();
    under_way.write(Bytes::from(pattern(PART + 1))).await.unwrap();
    until("both are under way", async || s3.objects().len() == 2).await;
    assert_eq!(repository.older_than(at(i64::MAX)).await.unwrap(), [""; 0], "neither is an object");

    assert_eq!(repository.remove_unfinished(DAY).await.unwrap(), 0, "both are young");
    s3.age(&crashed, 2 * DAY);
    assert_eq!(repository.remove_unfinished(DAY).await.unwrap(), 1);
    assert_eq!(repository.remove_unfinished(DAY).await.unwrap(), 0);
    let location = under_way.finish().await.unwrap();
    until("only the other is left", async || {
        s3.objects().into_keys().eq([location.clone()]) && s3.unfinished().is_empty()
    })
    .await;
}

#[tokio::test]
async fn what_fails_while_s3_is_away_works_when_it_is_back() {
    let mut s3 = S3Server::start();
    let repository = open(&s3).await;
    let location = store(&repository, &[b"kept"]).await;
    let mut half = repository.stage().await.unwrap();
    half.write(Bytes::from(pattern(PART + 1))).await.unwrap();
    until("one is half way", async || s3.objects().len() == 2).await;
    s3.stop();

    let mut small = repository.stage().await.unwrap();
    small.write(Bytes::from_static(b"small")).await.unwrap();
    assert!(matches!(small.finish().await, Err(Error::Unavailable(_))));
    assert!(matches!(repository.read(&location, 0, 4).await, Err(Error::Unavailable(_))));
    assert!(matches!(repository.remove(&location).await, Err(Error::Unavailable(_))));
    assert!(matches!(repository.older_than(at(i64::MAX)).await, Err(Error::Unavailable(_))));
    let failed = loop {
        if let Err(error) = half.write(Bytes::from(pattern(PART))).await {
            break error;
        }
    };
    assert!(matches!(failed, Error::Unavailable(_)), "{failed:?}");
    assert!(matches!(half.write(Bytes::from_static(b"more")).await, Err(Error::GivenUp)), "it is over");
    drop(half);

    s3.launch();
    assert_eq!(read(&repository, &location, 0, 4).await, b"kept");
    let again = store(&repository, &[b"small"]).await;
    assert_eq!(read(&repository, &again, 0, 5).await, b"small");
    // Nobody could abort the half one: the sweeper does.
    for key in s3.objects().into_keys().filter(|key| key.starts_with("uploads/")) {
        s3.age(&key, 2 * DAY);
    }
    repository.remove_unfinished(DAY).await.unwrap();
    for location in [location, again] {
        repository.remove(&location).await.unwrap();
    }
    assert!(is_empty(&s3), "{:?} {:?}", s3.objects(), s3.unfinished());
}

#[tokio::test]
async fn nothing_waits_for_ever_for_an_s3_that_stalls() {
    let s3 = S3Server::start();
    let repository = open(&s3).await;
    let location = store(&repository, &[b"kept"]).await;
    let mut staged = repository.stage().await.unwrap();
    staged.write(Bytes::from_static(b"small")).await.unwrap();
    s3.stall();
    let began = Instant::now();
    let (read_it, wrote_it) = tokio::join!(repository.read(&location, 0, 4), staged.finish());
    assert!(matches!(read_it, Err(Error::Unavailable(_))));
    assert!(matches!(wrote_it, Err(Error::Unavailable(_))));
    assert!(began.elapsed() < Duration::from_secs(40), "{:?}", began.elapsed());
    s3.go_on();
    assert_eq!(read(&repository, &location, 0, 4).await, b"kept");
}

#[tokio::test]
async fn a_download_that_stalls_ends() {
    let s3 = S3Server::start();
    let repository = open(&s3).await;
    let bytes = pattern(4 * PART);
    let location = store(&repository, &[&bytes]).await;
    let mut stream = repository.read(&location, 0, bytes.len() as u64).await.unwrap();
    stream.try_next().await.unwrap().unwrap();
    s3.stall();
    let rest =
        tokio::time::timeout(Duration::from_secs(60), stream.try_fold(0, async |sum, bytes| Ok(sum + bytes.len())));
    assert!(matches!(rest.await.unwrap(), Err(Error::Unavailable(_))));
}

async fn trouble(location: S3Location) -> (Trouble, String) {
    match Repository::open(&RepositoryLocation::S3(location)).await {
        Err(error @ OpenError::S3 { trouble, .. }) => (trouble, error.to_string()),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it was opened"),
    }
}

#[tokio::test]
async fn a_bucket_that_cannot_be_used_is_not_opened() {
    let mut s3 = S3Server::start();
    let right = s3_location(&s3, "some/prefix");
    let wrong_secret = S3Credentials { secret_access_key: "hunter2".to_owned(), ..right.credentials.clone() };
    let unknown_key = S3Credentials { access_key_id: "AKIANOBODY".to_owned(), ..right.credentials.clone() };
    for credentials in [wrong_secret, unknown_key] {
        let (found, text) = trouble(S3Location { credentials, ..right.clone() }).await;
        assert_eq!(found, Trouble::Credentials, "{text}");
        assert!(text.contains(&s3.endpoint()) && text.contains("s3://binaries/some/prefix"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
    let (found, text) = trouble(S3Location { bucket: "elsewhere".to_owned(), ..right.clone() }).await;
    assert_eq!(found, Trouble::NoBucket, "{text}");
    assert!(is_empty(&s3), "{:?}", s3.objects());
    s3.stop();
    let (found, text) = trouble(right.clone()).await;
    assert_eq!(found, Trouble::Unreachable, "{text}");
    s3.launch();
    Repository::open(&RepositoryLocation::S3(right)).await.unwrap();
    assert!(is_empty(&s3), "opening leaves nothing: {:?}", s3.objects());
}

#[tokio::test]
async fn only_a_bucket_has_links() {
    let s3 = S3Server::start();
    let repository = open(&s3).await;
    let location = store(&repository, &[b"linked"]).await;
    let link = repository.link(&location, "attachment; filename=\"a b.swu\"").await.unwrap().unwrap();
    assert!(link.starts_with(&format!("{}/binaries/{location}?", s3.endpoint())), "{link}");
    assert!(!link.contains(SECRET_KEY) && link.contains("X-Amz-Expires=900"), "{link}");
    let folder = tempfile::tempdir().unwrap();
    let folder = Repository::open(&RepositoryLocation::Folder(folder.path().to_owned())).await.unwrap();
    assert_eq!(folder.link("blobs/00/0", "attachment").await.unwrap(), None);
}
