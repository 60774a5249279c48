//! The repository, in a folder and on S3.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures::TryStreamExt as _;
use otaria_conformance::s3::S3Server;
use otaria_conformance::until;
use otaria_core::Timestamp;
use otaria_store::{Error, Repository, RepositoryLocation};
use rstest::rstest;
use tempfile::TempDir;

use crate::bucket::location;
use crate::world::at;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// So many bytes that some go to S3 before the upload's end.
const MORE_THAN_A_PART: usize = 9 * 1024 * 1024;

/// Where a test's repository is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Folder,
    S3,
}

/// A repository of the test's own, and the folder where its objects are files: of either sort.
struct Shelves {
    repository: Repository,
    folder: PathBuf,
    s3: Option<S3Server>,
    _temporary: Option<TempDir>,
}

impl Shelves {
    async fn at(place: Place) -> Self {
        match place {
            Place::Folder => {
                let temporary = tempfile::tempdir().unwrap();
                let folder = temporary.path().join("made/if/missing");
                let repository = Repository::open(&RepositoryLocation::Folder(folder.clone())).await.unwrap();
                Self { repository, folder, s3: None, _temporary: Some(temporary) }
            }
            Place::S3 => {
                let s3 = S3Server::start();
                let repository = Repository::open(&location(&s3, "some/prefix")).await.unwrap();
                let folder = s3.bucket_folder().join("some/prefix");
                Self { repository, folder, s3: Some(s3), _temporary: None }
            }
        }
    }

    /// Every file there, finished or not.
    fn files(&self) -> BTreeSet<PathBuf> {
        let (mut folders, mut found) = (vec![self.folder.clone()], BTreeSet::new());
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    found.insert(path);
                }
            }
        }
        found.extend(self.s3.iter().flat_map(S3Server::unfinished).map(PathBuf::from));
        found
    }

    fn file_at(&self, location: &str) -> PathBuf {
        self.folder.join(location)
    }

    fn set_age(&self, location: &str, since_epoch: Duration) {
        let file = std::fs::File::options().write(true).open(self.file_at(location)).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + since_epoch).unwrap();
    }
}

/// Bytes that repeat themselves nowhere near.
pub(crate) fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

pub(crate) async fn store(repository: &Repository, pieces: &[&[u8]]) -> String {
    let mut staged = repository.stage().await.unwrap();
    for piece in pieces {
        staged.write(Bytes::copy_from_slice(piece)).await.unwrap();
    }
    staged.finish().await.unwrap()
}

pub(crate) async fn read(repository: &Repository, location: &str, start: u64, end: u64) -> Vec<u8> {
    let pieces: Vec<Bytes> = repository.read(location, start, end).await.unwrap().try_collect().await.unwrap();
    pieces.concat()
}

#[rstest]
#[case::folder(Place::Folder)]
#[case::s3(Place::S3)]
#[tokio::test]
async fn every_range_is_read_as_it_was_written(#[case] place: Place) {
    let shelves = Shelves::at(place).await;
    let repository = &shelves.repository;
    let bytes = pattern(700_001);
    let (head, tail) = bytes.split_at(300_000);
    let location = store(repository, &[head, &[], &tail[..1], &tail[1..]]).await;
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
        assert!(read(repository, &location, start, end).await == expected, "{start}..{end}");
    }
}

#[rstest]
#[case::folder(Place::Folder)]
#[case::s3(Place::S3)]
#[tokio::test]
async fn what_is_staged_side_by_side_is_kept_apart(#[case] place: Place) {
    let shelves = Shelves::at(place).await;
    let repository = &shelves.repository;
    let (mut one, mut two) = (repository.stage().await.unwrap(), repository.stage().await.unwrap());
    for _ in 0..3 {
        one.write(Bytes::from_static(b"one")).await.unwrap();
        two.write(Bytes::from_static(b"2")).await.unwrap();
    }
    let (one, two) = (one.finish().await.unwrap(), two.finish().await.unwrap());
    assert_eq!(read(repository, &one, 0, 9).await, b"oneoneone");
    assert_eq!(read(repository, &two, 0, 3).await, b"222");
    assert_eq!(shelves.files(), BTreeSet::from([shelves.file_at(&one), shelves.file_at(&two)]));
}

#[rstest]
#[case::folder(Place::Folder)]
#[case::s3(Place::S3)]
#[tokio::test]
async fn nothing_is_to_be_found_before_it_is_finished(#[case] place: Place) {
    let shelves = Shelves::at(place).await;
    let repository = &shelves.repository;
    let mut staged = repository.stage().await.unwrap();
    staged.write(Bytes::from(pattern(MORE_THAN_A_PART))).await.unwrap();
    until("its bytes are on their way", async || !shelves.files().is_empty()).await;
    let far_future = at(i64::MAX);
    assert_eq!(repository.older_than(far_future).await.unwrap(), [""; 0]);
    let location = staged.finish().await.unwrap();
    assert_eq!(repository.older_than(far_future).await.unwrap(), [location]);
}

#[rstest]
#[case::folder(Place::Folder)]
#[case::s3(Place::S3)]
#[tokio::test]
async fn an_upload_that_is_dropped_leaves_no_file(#[case] place: Place) {
    let shelves = Shelves::at(place).await;
    let repository = &shelves.repository;
    let mut staged = repository.stage().await.unwrap();
    staged.write(Bytes::from(pattern(MORE_THAN_A_PART))).await.unwrap();
    until("its bytes are on their way", async || !shelves.files().is_empty()).await;
    drop(staged);
    until("nothing is left of it", async || shelves.files().is_empty()).await;
}

#[rstest]
#[case::folder(Place::Folder)]
#[case::s3(Place::S3)]
#[tokio::test]
async fn what_is_removed_is_gone_and_may_be_removed_again(#[case] place: Place) {
    let shelves = Shelves::at(place).await;
    let repository = &shelves.repository;
    let (one, two) = (store(repository, &[b"one"]).await, store(repository, &[b"two"]).await);
    repository.remove(&one).await.unwrap();
    repository.remove(&one).await.unwrap();
    assert_eq!(shelves.files(), BTreeSet::from([shelves.file_at(&two)]));
    // Whoever reads has the location from a row: that it is gone will not get better.
    assert!(matches!(repository.read(&one, 0, 3).await, Err(Error::Gone(_))));
    assert_eq!(read(repository, &two, 0, 3).await, b"two");
}

#[rstest]
#[case::folder(Place::Folder)]
#[case::s3(Place::S3)]
#[tokio::test]
async fn objects_are_told_apart_by_age(#[case] place: Place) {
    let shelves = Shelves::at(place).await;
    let repository = &shelves.repository;
    let (old, new) = (store(repository, &[b"old"]).await, store(repository, &[b"new"]).await);
    shelves.set_age(&old, Duration::from_millis(5_000));
    shelves.set_age(&new, Duration::from_millis(7_000));
    let older_than = async |millis: i64| repository.older_than(Timestamp::from_millis(millis)).await.unwrap();
    assert_eq!(older_than(5_000).await, [""; 0]);
    assert_eq!(older_than(5_001).await, std::slice::from_ref(&old));
    assert_eq!(older_than(7_001).await.into_iter().collect::<BTreeSet<_>>(), BTreeSet::from([old, new]));
}

#[tokio::test]
async fn only_what_a_crash_cut_off_is_removed_from_a_folder() {
    let shelves = Shelves::at(Place::Folder).await;
    let repository = &shelves.repository;
    assert_eq!(repository.remove_unfinished(DAY).await.unwrap(), 0, "there is nothing yet, not even a folder");
    let finished = store(repository, &[b"finished"]).await;
    let shelf = finished.rsplit_once('/').unwrap().0;
    let (crashed, under_way) = (format!("{shelf}/crashed#1"), format!("{shelf}/under way#1"));
    for location in [&crashed, &under_way] {
        std::fs::write(shelves.file_at(location), b"half").unwrap();
    }
    // Both of these are old; one of them is no upload.
    shelves.set_age(&finished, Duration::from_secs(1));
    shelves.set_age(&crashed, Duration::from_secs(1));
    assert_eq!(repository.remove_unfinished(DAY).await.unwrap(), 1);
    assert_eq!(shelves.files(), BTreeSet::from([&finished, &under_way].map(|location| shelves.file_at(location))));
    assert_eq!(repository.remove_unfinished(DAY).await.unwrap(), 0);
}

#[rstest]
#[case::folder(Place::Folder)]
#[case::s3(Place::S3)]
#[tokio::test]
async fn an_upload_without_bytes_is_an_empty_object(#[case] place: Place) {
    let shelves = Shelves::at(place).await;
    let repository = &shelves.repository;
    let location = store(repository, &[]).await;
    assert_eq!(std::fs::read(shelves.file_at(&location)).unwrap(), b"");
    assert_eq!(read(repository, &location, 0, 0).await, b"");
}
