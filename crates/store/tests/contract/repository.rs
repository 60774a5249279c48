//! The repository, in a folder.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures::TryStreamExt as _;
use otaria_core::Timestamp;
use otaria_store::Repository;
use tempfile::TempDir;

use crate::world::at;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn repository() -> (TempDir, Repository) {
    let folder = tempfile::tempdir().unwrap();
    let repository = Repository::open_folder(&folder.path().join("made/if/missing")).unwrap();
    (folder, repository)
}

/// Bytes that repeat themselves nowhere near.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

async fn store(repository: &Repository, pieces: &[&[u8]]) -> String {
    let mut staged = repository.stage().await.unwrap();
    for piece in pieces {
        staged.write(Bytes::copy_from_slice(piece)).await.unwrap();
    }
    staged.finish().await.unwrap()
}

async fn read(repository: &Repository, location: &str, start: u64, end: u64) -> Vec<u8> {
    let pieces: Vec<Bytes> = repository.read(location, start, end).await.unwrap().try_collect().await.unwrap();
    pieces.concat()
}

/// Every file below a folder.
fn files(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path);
        }
    }
    found
}

fn file_at(folder: &TempDir, location: &str) -> PathBuf {
    folder.path().join("made/if/missing").join(location)
}

fn set_age(file: &Path, since_epoch: Duration) {
    let file = std::fs::File::options().write(true).open(file).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH + since_epoch).unwrap();
}

#[tokio::test]
async fn every_range_is_read_as_it_was_written() {
    let (_folder, repository) = repository();
    let bytes = pattern(700_001);
    let (head, tail) = bytes.split_at(300_000);
    let location = store(&repository, &[head, &[], &tail[..1], &tail[1..]]).await;
    let length = bytes.len() as u64;
    let chunk = 256 * 1024;
    for (start, end) in [
        (0, length),
        (0, 1),
        (length - 1, length),
        (299_999, 300_002),
        (chunk - 1, chunk + 1),
        (chunk, 2 * chunk),
        (1, length - 1),
        (5, 5),
        (length, length),
        (9, 3),
    ] {
        let expected: &[u8] = if start < end { &bytes[start as usize..end as usize] } else { &[] };
        assert!(read(&repository, &location, start, end).await == expected, "{start}..{end}");
    }
}

#[tokio::test]
async fn what_is_staged_side_by_side_is_kept_apart() {
    let (folder, repository) = repository();
    let (mut one, mut two) = (repository.stage().await.unwrap(), repository.stage().await.unwrap());
    for _ in 0..3 {
        one.write(Bytes::from_static(b"one")).await.unwrap();
        two.write(Bytes::from_static(b"2")).await.unwrap();
    }
    let (one, two) = (one.finish().await.unwrap(), two.finish().await.unwrap());
    assert_eq!(read(&repository, &one, 0, 9).await, b"oneoneone");
    assert_eq!(read(&repository, &two, 0, 3).await, b"222");
    assert_eq!(files(folder.path()), BTreeSet::from([file_at(&folder, &one), file_at(&folder, &two)]));
}

#[tokio::test]
async fn nothing_is_to_be_found_before_it_is_finished() {
    let (folder, repository) = repository();
    let mut staged = repository.stage().await.unwrap();
    staged.write(Bytes::from_static(b"half")).await.unwrap();
    assert_eq!(files(folder.path()).len(), 1, "its bytes are on their way");
    let far_future = at(i64::MAX);
    assert_eq!(repository.older_than(far_future).await.unwrap(), [""; 0]);
    let location = staged.finish().await.unwrap();
    assert_eq!(repository.older_than(far_future).await.unwrap(), [location]);
}

#[tokio::test]
async fn an_upload_that_is_dropped_leaves_no_file() {
    let (folder, repository) = repository();
    let mut staged = repository.stage().await.unwrap();
    staged.write(Bytes::from(pattern(100_000))).await.unwrap();
    assert_eq!(files(folder.path()).len(), 1);
    drop(staged);
    // The file is removed in the background, by a thread that this one gives way to.
    for _ in 0..1_000_000 {
        if files(folder.path()).is_empty() {
            return;
        }
        tokio::task::yield_now().await;
        std::thread::yield_now();
    }
    panic!("it is still there: {:?}", files(folder.path()));
}

#[tokio::test]
async fn what_is_removed_is_gone_and_may_be_removed_again() {
    let (folder, repository) = repository();
    let (one, two) = (store(&repository, &[b"one"]).await, store(&repository, &[b"two"]).await);
    repository.remove(&one).await.unwrap();
    repository.remove(&one).await.unwrap();
    assert_eq!(files(folder.path()), BTreeSet::from([file_at(&folder, &two)]));
    assert!(repository.read(&one, 0, 3).await.is_err());
    assert_eq!(read(&repository, &two, 0, 3).await, b"two");
}

#[tokio::test]
async fn objects_are_told_apart_by_age() {
    let (folder, repository) = repository();
    let (old, new) = (store(&repository, &[b"old"]).await, store(&repository, &[b"new"]).await);
    set_age(&file_at(&folder, &old), Duration::from_millis(5_000));
    set_age(&file_at(&folder, &new), Duration::from_millis(7_000));
    let older_than = async |millis: i64| repository.older_than(Timestamp::from_millis(millis)).await.unwrap();
    assert_eq!(older_than(5_000).await, [""; 0]);
    assert_eq!(older_than(5_001).await, std::slice::from_ref(&old));
    assert_eq!(older_than(7_001).await.into_iter().collect::<BTreeSet<_>>(), BTreeSet::from([old, new]));
}

#[tokio::test]
async fn only_what_a_crash_cut_off_is_removed() {
    let (folder, repository) = repository();
    assert_eq!(repository.remove_unfinished(DAY).await.unwrap(), 0, "there is nothing yet, not even a folder");
    let finished = file_at(&folder, &store(&repository, &[b"finished"]).await);
    let shelf = finished.parent().unwrap();
    let (crashed, under_way) = (shelf.join("crashed#1"), shelf.join("under way#1"));
    for file in [&crashed, &under_way] {
        std::fs::write(file, b"half").unwrap();
    }
    // Both of these are old; one of them is no upload.
    set_age(&finished, Duration::from_secs(1));
    set_age(&crashed, Duration::from_secs(1));
    assert_eq!(repository.remove_unfinished(DAY).await.unwrap(), 1);
    assert_eq!(files(folder.path()), BTreeSet::from([finished, under_way]));
    assert_eq!(repository.remove_unfinished(DAY).await.unwrap(), 0);
}

#[tokio::test]
async fn an_upload_without_bytes_is_an_empty_object() {
    let (folder, repository) = repository();
    let location = store(&repository, &[]).await;
    assert_eq!(std::fs::read(file_at(&folder, &location)).unwrap(), b"");
    assert_eq!(read(&repository, &location, 0, 0).await, b"");
}
