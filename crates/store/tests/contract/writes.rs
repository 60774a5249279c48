//! What holds for every write, whatever it writes: all or nothing, durable before it is answered, in order.

use std::collections::BTreeSet;
use std::pin::pin;
use std::task::Poll;

use futures::future::join_all;
use futures::poll;
use otaria_core::page::Direction::Ascending;
use otaria_core::{FirmwareType, VersionNumber};
use otaria_store::pool::{self, Image, Kind};
use otaria_store::scopes::ManagePartner;
use otaria_store::{Conn, DatabaseLocation, Error, Store, Tx, firmware_types, partners, users};
use rstest::rstest;
use sqlx::ConnectOptions as _;
use tokio::sync::{oneshot, watch};

use crate::scratch::Engine::{self, Postgres, Sqlite};
use crate::scratch::Scratch;
use crate::world::{INSTALLATION, World, at, commit, content, location, new_user, own_type, sorted};

async fn insert_type(tx: &mut Tx, partner: ManagePartner, number: i64) -> Result<(), Error> {
    let details = firmware_types::Details { name: "T".into(), description: None, part: None };
    firmware_types::insert(tx, &partner, own_type(number), &details, at(1)).await.map(drop)
}

async fn numbers(conn: &mut Conn, partner: ManagePartner) -> Vec<u8> {
    let types = firmware_types::all(conn, &partner).await.unwrap();
    types.into_iter().map(|record| record.firmware_type.number()).collect()
}

async fn insert_image(tx: &mut Tx, partner: ManagePartner, name: &str) -> Result<Image, Error> {
    pool::insert(tx, &partner, &Kind::Pool(FirmwareType::HUB), &content(name, "1"), at(1)).await
}

#[rstest]
#[tokio::test]
async fn a_write_that_fails_leaves_nothing(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let partner = *world.partner("A").await;
    let failed: Result<(), Error> = commit!(world, tx => async {
        insert_type(tx, partner, 101).await?;
        assert_eq!(numbers(tx, partner).await, [101], "it reads its own writes");
        Err(Error::GivenUp)
    });
    assert!(matches!(failed, Err(Error::GivenUp)));
    assert_eq!(numbers(&mut world.conn().await, partner).await, [0; 0]);
    commit!(world, tx => insert_type(tx, partner, 102)).unwrap();
    assert_eq!(numbers(&mut world.conn().await, partner).await, [102]);
}

/// PostgreSQL answers the commit of a transaction in which a statement failed with success, and keeps nothing.
#[rstest]
#[tokio::test]
async fn a_write_that_goes_on_after_a_failed_statement_fails(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let partner = *world.partner("A").await;
    world.user("ada@example.com").await;
    let namesake = new_user("ada@example.com");
    let answer: Result<&str, Error> = commit!(world, tx => async {
        insert_type(tx, partner, 101).await?;
        let refused = users::insert(tx, &INSTALLATION, &namesake).await;
        assert!(matches!(refused, Err(Error::Duplicate(_))));
        Ok("all is well")
    });
    assert!(matches!(answer, Err(Error::Duplicate(_))), "{answer:?}");
    assert_eq!(numbers(&mut world.conn().await, partner).await, [0; 0]);
    commit!(world, tx => insert_type(tx, partner, 102)).unwrap();
    assert_eq!(numbers(&mut world.conn().await, partner).await, [102], "the next write is none the worse");
}

#[rstest]
#[tokio::test]
async fn a_panic_gives_up_its_own_write_only(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let partner = *world.partner("A").await;
    let in_its_course: Result<(), Error> = commit!(world, tx => async {
        insert_type(tx, partner, 101).await?;
        panic!("on purpose, in its course")
    });
    assert!(matches!(in_its_course, Err(Error::Panicked)), "{in_its_course:?}");
    let at_once: Result<(), Error> = world.store.write(|_| panic!("on purpose, at once")).await;
    assert!(matches!(at_once, Err(Error::Panicked)), "{at_once:?}");
    assert!(world.store.is_writable());
    assert_eq!(numbers(&mut world.conn().await, partner).await, [0; 0]);
    commit!(world, tx => insert_type(tx, partner, 102)).unwrap();
    assert_eq!(numbers(&mut world.conn().await, partner).await, [102]);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_writes_at_once_all_land(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let partner = *world.partner("A").await;
    let other = world.second_store().await;
    // On PostgreSQL they wait for a connection, and not for ever.
    let count = if engine == Sqlite { 200 } else { 50 };
    let writes = (0..count).map(|index| {
        let (store, other) = (world.store.clone(), other.clone());
        tokio::spawn(async move {
            let name = format!("image {index}");
            let image = store.write(move |tx| Box::pin(async move { insert_image(tx, partner, &name).await }));
            let image = image.await.unwrap();
            // Whoever is answered finds it from anywhere.
            let mut conn = other.read().await.unwrap();
            pool::get(&mut conn, &partner, image.firmware_type, image.version_number).await.unwrap().unwrap();
            image.version_number
        })
    });
    let landed: BTreeSet<VersionNumber> = join_all(writes).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(landed, (1..=count).map(VersionNumber::from_i64).collect());
}

/// Work that says when it has begun and ends when it may.
struct Gate {
    begun: oneshot::Sender<()>,
    may_end: oneshot::Receiver<()>,
}

fn gate() -> (Gate, oneshot::Receiver<()>, oneshot::Sender<()>) {
    let ((begun, has_begun), (open, may_end)) = (oneshot::channel(), oneshot::channel());
    (Gate { begun, may_end }, has_begun, open)
}

impl Gate {
    async fn pass(self) {
        self.begun.send(()).unwrap();
        self.may_end.await.unwrap();
    }
}

/// Writes that share a transaction: the first that were answered before it is durable would be lost with it.
#[tokio::test]
async fn a_group_is_answered_once_it_is_durable() {
    let world = World::on(Sqlite).await;
    let partner = *world.partner("A").await;
    let write = |number: i64, gate: Option<Gate>| {
        let store = world.store.clone();
        async move {
            let work = store.write(move |tx| {
                Box::pin(async move {
                    insert_type(tx, partner, number).await?;
                    if let Some(gate) = gate {
                        gate.pass().await;
                    }
                    Ok::<_, Error>(())
                })
            });
            work.await
        }
    };
    let (gate, has_begun, open) = gate();
    let (mut first, mut second, mut last) =
        (pin!(write(101, None)), pin!(write(102, None)), pin!(write(103, Some(gate))));
    // All are enqueued before the writer runs, and so in one group.
    assert!(poll!(&mut first).is_pending() && poll!(&mut second).is_pending() && poll!(&mut last).is_pending());
    has_begun.await.unwrap();
    assert!(poll!(&mut first).is_pending() && poll!(&mut second).is_pending(), "answered before the commit");
    assert_eq!(numbers(&mut world.conn().await, partner).await, [0; 0]);
    open.send(()).unwrap();
    for work in [first, second] {
        work.await.unwrap();
        assert_eq!(numbers(&mut world.conn().await, partner).await, [101, 102, 103], "one transaction");
    }
    last.await.unwrap();
}

#[tokio::test]
async fn who_fails_in_a_group_leaves_its_neighbours_alone() {
    let world = World::on(Sqlite).await;
    let partner = *world.partner("A").await;
    let namesake = new_user("ada@example.com");
    world.user("ada@example.com").await;
    let write = |number: i64, then: fn() -> Result<(), Error>| {
        world.store.write(move |tx| {
            Box::pin(async move {
                insert_type(tx, partner, number).await?;
                then()
            })
        })
    };
    let refused = world.store.write(move |tx| {
        Box::pin(async move {
            insert_type(tx, partner, 104).await?;
            users::insert(tx, &INSTALLATION, &namesake).await
        })
    });
    // Polled in this order, before the writer runs: one group.
    let answers = futures::join!(
        write(101, || Ok(())),
        write(102, || Err(Error::GivenUp)),
        write(103, || panic!("on purpose")),
        refused,
        write(105, || Ok(())),
    );
    assert!(
        matches!(answers, (Ok(()), Err(Error::GivenUp), Err(Error::Panicked), Err(Error::Duplicate(_)), Ok(()))),
        "{answers:?}"
    );
    assert_eq!(numbers(&mut world.conn().await, partner).await, [101, 105]);
}

#[rstest]
#[tokio::test]
async fn work_that_was_begun_ends_without_its_caller(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let partner = *world.partner("A").await;
    let (gate, has_begun, open) = gate();
    let store = world.store.clone();
    let caller = tokio::spawn(async move {
        let work = store.write(move |tx| {
            Box::pin(async move {
                insert_type(tx, partner, 101).await?;
                gate.pass().await;
                insert_type(tx, partner, 102).await
            })
        });
        work.await
    });
    has_begun.await.unwrap();
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    open.send(()).unwrap();
    // Comes after it: on SQLite there is one writer, on PostgreSQL both take the next id of a record.
    commit!(world, tx => insert_type(tx, partner, 103)).unwrap();
    assert_eq!(numbers(&mut world.conn().await, partner).await, [101, 102, 103]);
}

#[tokio::test]
async fn work_that_was_not_begun_may_run_without_its_caller() {
    let world = World::on(Sqlite).await;
    let partner = *world.partner("A").await;
    let (gate, has_begun, open) = gate();
    let mut first = Box::pin(world.store.write(move |_| {
        Box::pin(async move {
            gate.pass().await;
            Ok::<_, Error>(())
        })
    }));
    let mut waiting = Box::pin(world.store.write(move |tx| Box::pin(insert_type(tx, partner, 101))));
    assert!(poll!(&mut first).is_pending());
    has_begun.await.unwrap();
    assert!(poll!(&mut waiting).is_pending());
    drop(waiting);
    open.send(()).unwrap();
    first.await.unwrap();
    commit!(world, tx => insert_type(tx, partner, 102)).unwrap();
    assert_eq!(numbers(&mut world.conn().await, partner).await, [101, 102]);
}

/// Every third of them fails after it took its number.
#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn version_numbers_have_no_gaps_and_no_doubles(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let partners = [*world.partner("A").await, *world.partner("B").await];
    let writes = (0..60).map(|index| {
        let (store, partner) = (world.store.clone(), partners[index % 2]);
        tokio::spawn(async move {
            let name = format!("image {index}");
            let image = store.write(move |tx| {
                Box::pin(async move {
                    let image = insert_image(tx, partner, &name).await?;
                    if index % 3 == 0 { Err(Error::GivenUp) } else { Ok(image.version_number.as_i64()) }
                })
            });
            image.await.ok()
        })
    });
    let mut given: Vec<i64> = join_all(writes).await.into_iter().filter_map(Result::unwrap).collect();
    given.sort_unstable();
    assert_eq!(given, (1..=40).collect::<Vec<_>>());
}

/// The ids of the pool's images, smallest first.
async fn ids(conn: &mut Conn, partner: ManagePartner) -> Vec<i64> {
    let mut request = sorted(&[("id", Ascending)]);
    request.size = 1000;
    let page = pool::page(conn, &partner, None, &[], &request).await.unwrap();
    page.content.into_iter().map(|image| image.id.as_i64()).collect()
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reads_by_id_never_finds_a_smaller_one_later(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let partner = *world.partner("A").await;
    let (found, finds) = watch::channel(0);
    let writers = (0..8).map(|writer| {
        let (store, mut finds) = (world.store.clone(), finds.clone());
        tokio::spawn(async move {
            for index in 0..15 {
                if index == 7 {
                    // So that the reader walks while they write, whatever else the machine has to do.
                    finds.wait_for(|count| *count > 0).await.unwrap();
                }
                let name = format!("image {writer}.{index}");
                let work = store.write(move |tx| Box::pin(async move { insert_image(tx, partner, &name).await }));
                work.await.unwrap();
            }
        })
    });
    let mut writers = pin!(join_all(writers.collect::<Vec<_>>()));
    let mut conn = world.conn().await;
    let mut seen: Vec<i64> = Vec::new();
    loop {
        let written = poll!(&mut writers);
        let now = ids(&mut conn, partner).await;
        assert!(now.starts_with(&seen), "{seen:?} became {now:?}");
        seen = now;
        found.send_replace(seen.len());
        if let Poll::Ready(answers) = written {
            answers.into_iter().for_each(Result::unwrap);
            break;
        }
    }
    assert_eq!(seen.len(), 120);
}

/// The same by design, and not by luck: who takes an id waits for whoever took one before, until that is durable.
#[tokio::test]
async fn on_postgres_ids_become_visible_in_their_order() {
    let world = World::on(Postgres).await;
    let partner = *world.partner("A").await;
    let (gate, has_begun, open) = gate();
    let first = tokio::spawn({
        let store = world.store.clone();
        async move {
            let work = store.write(move |tx| {
                Box::pin(async move {
                    let image = insert_image(tx, partner, "first").await?;
                    gate.pass().await;
                    Ok::<_, Error>(image.id)
                })
            });
            work.await.unwrap()
        }
    });
    has_begun.await.unwrap();
    let second = tokio::spawn({
        let store = world.store.clone();
        async move {
            let work = store.write(move |tx| Box::pin(insert_image(tx, partner, "second")));
            work.await.unwrap().id
        }
    });
    let mut postgres = world.postgres().connect().await.unwrap();
    loop {
        assert!(!second.is_finished(), "the second did not wait for the first");
        let waiting: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = CURRENT_DATABASE() AND wait_event_type = 'Lock'",
        )
        .fetch_one(&mut postgres)
        .await
        .unwrap();
        if waiting == 1 {
            break;
        }
    }
    assert_eq!(ids(&mut world.conn().await, partner).await, [0; 0]);
    open.send(()).unwrap();
    assert!(first.await.unwrap() < second.await.unwrap());
}

#[rstest]
#[tokio::test]
async fn what_was_written_is_there_after_a_restart(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let partner = *world.partner("A").await;
    commit!(world, tx => insert_type(tx, partner, 101)).unwrap();
    world.store.close().await;
    assert!(world.store.read().await.is_err(), "closed");
    let restarted = world.second_store().await;
    assert_eq!(numbers(&mut restarted.read().await.unwrap(), partner).await, [101]);
    let work = restarted.write(move |tx| Box::pin(insert_type(tx, partner, 102)));
    work.await.unwrap();
    assert_eq!(numbers(&mut restarted.read().await.unwrap(), partner).await, [101, 102]);
}

/// As when a second process writes beside the server.
#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_stores_write_side_by_side(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let partner = *world.partner("A").await;
    let stores = [world.store.clone(), world.second_store().await];
    let writes = (0..40).map(|index| {
        let store = stores[index % 2].clone();
        tokio::spawn(async move {
            let number = 101 + i64::try_from(index).unwrap();
            store.write(move |tx| Box::pin(insert_type(tx, partner, number))).await
        })
    });
    for answer in join_all(writes).await {
        answer.unwrap().unwrap();
    }
    for store in &stores {
        assert_eq!(numbers(&mut store.read().await.unwrap(), partner).await, (101..141).collect::<Vec<_>>());
    }
}

/// As when a server and `bootstrap` are started side by side on an empty machine.
#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_database_may_be_opened_by_several_at_once(#[values(Sqlite, Postgres)] engine: Engine) {
    let scratch = Scratch::on(engine).await;
    let location = location(&scratch);
    let opening = (0..4).map(|_| {
        let location = location.clone();
        tokio::spawn(async move { Store::open(&location).await })
    });
    for opened in join_all(opening.collect::<Vec<_>>()).await {
        let mut conn = opened.unwrap().unwrap().read().await.unwrap();
        assert!(!partners::has_default(&mut conn, &INSTALLATION).await.unwrap());
    }
}

#[rstest]
#[tokio::test]
async fn a_database_that_cannot_be_opened_says_so(#[values(Sqlite, Postgres)] engine: Engine) {
    let scratch = Scratch::on(engine).await;
    let location = match engine {
        Sqlite => DatabaseLocation::Sqlite(scratch.file().join("in a file that is no folder")),
        Postgres => {
            let missing = scratch.postgres().database("otaria_test_missing");
            DatabaseLocation::Postgres(missing.to_url_lossy().to_string())
        }
    };
    assert!(Store::open(&location).await.is_err());
}
