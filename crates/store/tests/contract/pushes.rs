//! Pushes and their histories.

use otaria_core::page::Direction::{Ascending, Descending};
use otaria_core::page::PageRequest;
use otaria_core::push::{Entry, Event, Push, PushState, Report, Stage, Timers};
use otaria_core::{FirmwareType, PushId, Sha256, Timestamp};
use otaria_store::firmware_images::FirmwareImage;
use otaria_store::pool::{self, Content, Link};
use otaria_store::pushes::{self, Filter, HistoryEntry, PushRecord};
use otaria_store::scopes::{DeviceScope, ManagePartner};
use otaria_store::{Error, devices};
use rstest::rstest;

use crate::scratch::Engine::{self, Postgres, Sqlite};
use crate::world::{Fleet, INSTALLATION, World, at, commit, content, new_id, own_type, part, sorted};

/// What follows from the event is stored.
async fn happens(world: &World, device: &DeviceScope, push: &Push, event: Event, now: Timestamp) -> Push {
    let (device, change) = (device.clone(), push.on(event, now, &Timers::default()));
    let push = change.push.clone();
    commit!(world, tx => pushes::save(tx, &device, &change, now)).unwrap();
    push
}

fn report(stage: Stage, progress: Option<u8>, message: Option<&str>, details: &[&str]) -> Event {
    let details = crate::world::owned(details);
    Event::Report(Report { stage, progress, message: message.map(str::to_owned), details })
}

async fn get(world: &World, partner: ManagePartner, id: PushId) -> Option<PushRecord> {
    pushes::get(&mut world.conn().await, &partner, id).await.unwrap()
}

async fn history(world: &World, partner: ManagePartner, id: PushId) -> Vec<HistoryEntry> {
    pushes::history(&mut world.conn().await, &partner, id).await.unwrap()
}

/// An associated image of another type than 5.
async fn application(world: &World, fleet: &Fleet, version: &str) -> FirmwareImage {
    let image = world.image_with(fleet.partner, FirmwareType::APPLICATION, content("App", version)).await.unwrap();
    world.associated(fleet.partner, fleet.device_type, &image).await
}

#[rstest]
#[tokio::test]
async fn a_new_push_waits_for_its_device(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let fleet = Fleet::in_world(&world).await;
    let (device, image) = (fleet.device(&world, "d").await, fleet.image(&world, "1.0").await);
    let made = world.push(&device, &image, at(100)).await.unwrap();

    let mut conn = world.conn().await;
    let by_action = pushes::by_action(&mut conn, &device, 1).await.unwrap().unwrap();
    let open = pushes::open(&mut conn, &device).await.unwrap();
    assert_eq!(open.len(), 1);
    let got = get(&world, fleet.partner, made.push.id).await.unwrap();
    for kept in [&made, &got, &by_action, &open[0]] {
        assert_eq!(kept.push, made.push);
        assert_eq!((kept.action, kept.device_id.as_str(), kept.device_type_id), (1, "d", fleet.device_type));
        assert_eq!((kept.association_id, kept.image_id), (image.id, image.image_id));
        assert_eq!((kept.image_partner_id, kept.version.as_str()), (fleet.partner.partner_id(), "1.0"));
        assert_eq!(kept.requested_by, "the test");
    }
    assert_eq!(made.push.version_number, image.version_number);
    let told = history(&world, fleet.partner, made.push.id).await;
    let first = Entry { state: PushState::Offered, message: None, details: vec![] };
    assert_eq!(told.iter().map(|one| (one.at, &one.entry)).collect::<Vec<_>>(), [(at(100), &first)]);
    let image = pushes::image(&mut conn, &device, 1).await.unwrap().unwrap();
    assert_eq!((image.name.as_str(), image.part), ("Hub", None));
    assert_eq!(pushes::image(&mut conn, &device, 2).await.unwrap(), None);
    let shown = devices::get(&mut conn, &fleet.partner, device.device_id()).await.unwrap().unwrap();
    assert!(shown.updating);
}

#[rstest]
#[tokio::test]
async fn a_devices_pushes_are_counted_from_one(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let fleet = Fleet::in_world(&world).await;
    let (device, other) = (fleet.device(&world, "d").await, fleet.device(&world, "e").await);
    let own = world.image_with(fleet.partner, own_type(101), content("Own", "1")).await.unwrap();
    let images = [
        fleet.image(&world, "1").await,
        application(&world, &fleet, "1").await,
        world.associated(fleet.partner, fleet.device_type, &own).await,
    ];
    let mut actions = Vec::new();
    for image in &images {
        actions.push(world.push(&device, image, at(1)).await.unwrap().action);
    }
    assert_eq!(actions, [1, 2, 3]);
    assert_eq!(world.push(&other, &images[0], at(1)).await.unwrap().action, 1);
    let open = pushes::open(&mut world.conn().await, &device).await.unwrap();
    assert_eq!(open.iter().map(|record| record.action).collect::<Vec<_>>(), [1, 2, 3], "oldest first");
}

#[rstest]
#[tokio::test]
async fn a_device_has_one_live_push_of_a_type(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let fleet = Fleet::in_world(&world).await;
    let device = fleet.device(&world, "d").await;
    let images = [fleet.image(&world, "1").await, fleet.image(&world, "2").await];
    let first = world.push(&device, &images[0], at(1)).await.unwrap().push;
    let second = world.push(&device, &images[1], at(2)).await;
    assert!(matches!(second, Err(Error::Duplicate(_))), "{second:?}");
    world.push(&device, &application(&world, &fleet, "1").await, at(2)).await.unwrap();

    let fetched = happens(&world, &device, &first, Event::Fetched, at(3)).await;
    let second = world.push(&device, &images[1], at(4)).await;
    assert!(matches!(second, Err(Error::Duplicate(_))), "live while under way: {second:?}");
    let cancelling = happens(&world, &device, &fetched, Event::Superseded, at(5)).await;
    assert_eq!(cancelling.state, PushState::Cancelling);
    let second = world.push(&device, &images[1], at(6)).await.unwrap();
    assert_eq!(second.action, 3, "a number that was given to a refused push is given again");
    let open = pushes::open(&mut world.conn().await, &device).await.unwrap();
    assert_eq!(open.iter().map(|record| record.action).collect::<Vec<_>>(), [1, 2, 3]);

    let mut back = cancelling.clone();
    back.state = PushState::Fetched;
    let (known, change) = (device.clone(), back.on(Event::Fetched, at(7), &Timers::default()));
    let refused = commit!(world, tx => pushes::save(tx, &known, &change, at(7)));
    assert!(matches!(refused, Err(Error::Duplicate(_))), "nor may one come back beside it: {refused:?}");
    let accepted = Event::CancelAccepted { message: None, details: vec![] };
    happens(&world, &device, &cancelling, accepted, at(8)).await;
    assert_eq!(pushes::open(&mut world.conn().await, &device).await.unwrap().len(), 2);
}

#[rstest]
#[tokio::test]
async fn what_became_of_a_push_is_kept_and_told_newest_first(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let fleet = Fleet::in_world(&world).await;
    let (device, image) = (fleet.device(&world, "d").await, fleet.image(&world, "1").await);
    let (other, foreign) = (fleet.device(&world, "e").await, *world.partner("B").await);
    let untouched = world.push(&other, &image, at(1)).await.unwrap().push;
    let mut push = world.push(&device, &image, at(1)).await.unwrap().push;
    let id = push.id;
    let events = [
        Event::Fetched,
        report(Stage::Downloading, Some(40), Some("40 %"), &["line 1", "line \"2\", ü"]),
        report(Stage::Note, Some(50), None, &[]),
        Event::CancelRequested,
        report(Stage::Failed, None, Some("gave up"), &[]),
    ];
    for (now, event) in (10..).zip(events) {
        push = happens(&world, &device, &push, event, at(now)).await;
        assert_eq!(get(&world, fleet.partner, id).await.unwrap().push, push, "at {now}");
    }
    assert_eq!((push.state, push.started, push.finished), (PushState::Cancelled, Some(at(10)), Some(at(14))));

    let told = history(&world, fleet.partner, id).await;
    let told: Vec<_> = told.iter().map(|one| (one.at, one.entry.state, one.entry.message.as_deref())).collect();
    assert_eq!(
        told,
        [
            (at(14), PushState::Cancelled, Some("gave up")),
            (at(13), PushState::Cancelling, None),
            (at(11), PushState::Downloading, Some("40 %")),
            (at(10), PushState::Fetched, None),
            (at(1), PushState::Offered, None),
        ]
    );
    assert_eq!(history(&world, fleet.partner, id).await[2].entry.details, ["line 1", "line \"2\", ü"]);
    assert_eq!(get(&world, fleet.partner, untouched.id).await.unwrap().push, untouched);
    let shown = devices::get(&mut world.conn().await, &fleet.partner, device.device_id()).await.unwrap().unwrap();
    assert!(!shown.updating);

    assert!(get(&world, foreign, id).await.is_none());
    assert!(history(&world, foreign, id).await.is_empty());
    assert!(commit!(world, tx => pushes::lock(tx, &foreign, id)).unwrap().is_none());
    assert!(get(&world, fleet.partner, new_id(PushId::from_uuid)).await.is_none());
}

#[rstest]
#[tokio::test]
async fn a_history_never_goes_back_in_time(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let fleet = Fleet::in_world(&world).await;
    let (device, image) = (fleet.device(&world, "d").await, fleet.image(&world, "1").await);
    let mut push = world.push(&device, &image, at(100)).await.unwrap().push;
    let id = push.id;
    // Who looked at the clock first need not be the first to write.
    let late = report(Stage::Note, None, Some("late"), &[]);
    for (event, now) in [
        (Event::Fetched, at(300)),
        (Event::Superseded, at(200)),
        (report(Stage::Failed, None, Some("no"), &[]), at(250)),
        (late.clone(), at(400)),
        (late, at(350)),
    ] {
        push = happens(&world, &device, &push, event, now).await;
    }
    let told = history(&world, fleet.partner, id).await;
    let times: Vec<_> = told.iter().rev().map(|one| one.at).collect();
    assert_eq!(times, [at(100), at(300), at(300), at(300), at(400), at(400)]);
    assert_eq!(get(&world, fleet.partner, id).await.unwrap().push.finished, Some(at(300)));
}

#[rstest]
#[tokio::test]
async fn a_device_is_told_the_last_of_its_own_history(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let fleet = Fleet::in_world(&world).await;
    let (device, other) = (fleet.device(&world, "d").await, fleet.device(&world, "e").await);
    let push = world.push(&device, &fleet.image(&world, "1").await, at(1)).await.unwrap().push;
    let push = happens(&world, &device, &push, Event::Fetched, at(2)).await;
    happens(&world, &device, &push, report(Stage::Downloading, None, Some("half"), &["way"]), at(3)).await;
    let recent = async |device: &DeviceScope, limit: i64| {
        let entries = pushes::recent_entries(&mut world.conn().await, device, push.id, limit).await.unwrap();
        entries.into_iter().map(|entry| (entry.state, entry.message, entry.details)).collect::<Vec<_>>()
    };
    let [half, fetched, offered] = [
        (PushState::Downloading, Some("half".to_owned()), crate::world::owned(&["way"])),
        (PushState::Fetched, None, vec![]),
        (PushState::Offered, None, vec![]),
    ];
    assert_eq!(recent(&device, 2).await, [half.clone(), fetched.clone()]);
    assert_eq!(recent(&device, 9).await, [half, fetched, offered]);
    assert_eq!(recent(&other, 9).await, [], "another device's push");
}

#[rstest]
#[tokio::test]
async fn a_history_keeps_its_newest_thousand_entries_and_when_each_state_was_reached(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine).await;
    let fleet = Fleet::in_world(&world).await;
    let (device, image) = (fleet.device(&world, "d").await, fleet.image(&world, "1").await);
    let push = world.push(&device, &image, at(0)).await.unwrap().push;
    let id = push.id;
    commit!(world, tx => async {
        for now in 1..=1005 {
            let change = push.on(report(Stage::Note, None, Some("…"), &[]), at(now), &Timers::default());
            pushes::save(tx, &device, &change, at(now)).await?;
        }
        Ok::<_, Error>(())
    })
    .unwrap();
    let told = history(&world, fleet.partner, id).await;
    assert_eq!((told.len(), told[0].at, told[999].at), (1002, at(1005), at(6)));
    let first: Vec<_> = told[1000..].iter().map(|entry| (entry.at, entry.entry.state)).collect();
    assert_eq!(first, [(at(1), PushState::Fetched), (at(0), PushState::Offered)]);
}

#[rstest]
#[tokio::test]
async fn a_locked_push_comes_with_its_device(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let fleet = Fleet::in_world(&world).await;
    let (device, image) = (fleet.device(&world, "d").await, fleet.image(&world, "1").await);
    let (partner, id) = (fleet.partner, world.push(&device, &image, at(1)).await.unwrap().push.id);
    let (record, scope) = commit!(world, tx => pushes::lock(tx, &partner, id)).unwrap().unwrap();
    assert_eq!((record.push.id, scope.partner_id(), scope.device_id().as_str()), (id, partner.partner_id(), "d"));
}

#[rstest]
#[tokio::test]
async fn a_partners_pushes_are_filtered_and_come_in_pages(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let fleet = Fleet::in_world(&world).await;
    let (hub, app) = (fleet.image(&world, "1").await, application(&world, &fleet, "2").await);
    let (d, e) = (fleet.device(&world, "d").await, fleet.device(&world, "E").await);
    for (device, image, now, event) in [
        (&d, &hub, 1, None),
        (&d, &app, 2, Some(Event::Fetched)),
        (&e, &app, 3, Some(Event::CancelRequested)),
        (&e, &hub, 3, None),
    ] {
        let push = world.push(device, image, at(now)).await.unwrap().push;
        if let Some(event) = event {
            happens(&world, device, &push, event, at(now)).await;
        }
    }
    let foreign = Fleet::in_world(&world).await;
    let (device, image) = (foreign.device(&world, "d").await, foreign.image(&world, "1").await);
    world.push(&device, &image, at(9)).await.unwrap();

    let seen = async |filter: Filter, request: PageRequest| {
        let page = pushes::page(&mut world.conn().await, &fleet.partner, &filter, &request).await.unwrap();
        let seen: Vec<_> = page.content.iter().map(|one| format!("{}{}", one.device_id, one.version)).collect();
        (seen.join(" "), page.total_elements)
    };
    let oldest_first = || sorted(&[("createdTimestamp", Ascending)]);
    let to = |id: &str| Filter { device_id: id.into(), ..Filter::default() };
    let of = |firmware_type| Filter { firmware_type: Some(firmware_type), ..Filter::default() };
    let state = |state| Filter { state: Some(state), ..Filter::default() };
    // The two of one instant: by id, which is by the time they were made.
    assert_eq!(seen(Filter::default(), oldest_first()).await, ("d1 d2 E2 E1".into(), 4));
    assert_eq!(seen(Filter::default(), sorted(&[("createdTimestamp", Descending)])).await.0, "E1 E2 d2 d1");
    assert_eq!(
        seen(Filter::default(), sorted(&[("deviceId", Ascending), ("type", Ascending)])).await.0,
        "E2 E1 d2 d1"
    );
    assert_eq!(seen(Filter::default(), sorted(&[("state", Descending)])).await.0, "E1 d1 d2 E2");
    assert_eq!(seen(Filter::default(), part(1, 3, &[("id", Ascending)])).await, ("E1".into(), 4));
    assert_eq!(seen(to("d"), oldest_first()).await, ("d1 d2".into(), 2));
    assert_eq!(seen(to("e"), oldest_first()).await, (String::new(), 0));
    assert_eq!(seen(of(FirmwareType::APPLICATION), oldest_first()).await, ("d2 E2".into(), 2));
    assert_eq!(seen(state(PushState::Offered), oldest_first()).await, ("d1 E1".into(), 2));
    assert_eq!(seen(state(PushState::Lost), oldest_first()).await, (String::new(), 0));
    let all = Filter {
        device_id: "E".into(),
        firmware_type: Some(FirmwareType::APPLICATION),
        state: Some(PushState::Cancelled),
    };
    assert_eq!(seen(all, oldest_first()).await, ("E2".into(), 1));
}

#[rstest]
#[tokio::test]
async fn a_dissociated_image_is_called_back_where_no_device_fetched_it(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let fleet = Fleet::in_world(&world).await;
    let (hub, app) = (fleet.image(&world, "1").await, application(&world, &fleet, "1").await);
    let (a, b, c) =
        (fleet.device(&world, "a").await, fleet.device(&world, "b").await, fleet.device(&world, "c").await);
    for (device, image) in [(&c, &hub), (&a, &hub), (&b, &hub), (&b, &app)] {
        let push = world.push(device, image, at(1)).await.unwrap().push;
        if device.device_id() == b.device_id() && image.id == hub.id {
            happens(&world, device, &push, Event::Fetched, at(2)).await;
        }
    }
    let offered = async |partner: ManagePartner, image: &FirmwareImage| {
        let devices = pushes::devices_offered(&mut world.conn().await, &partner, image.id).await.unwrap();
        assert!(devices.iter().all(|device| device.partner_id() == partner.partner_id()));
        devices.iter().map(|device| device.device_id().as_str()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(offered(fleet.partner, &hub).await, "a c");
    assert_eq!(offered(fleet.partner, &app).await, "b");
    assert_eq!(offered(*world.partner("B").await, &hub).await, "");
}

#[rstest]
#[tokio::test]
async fn a_pushed_image_keeps_its_binary(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let fleet = Fleet::in_world(&world).await;
    let Fleet { partner, device_type, .. } = fleet;
    let [old, new] = [1, 2].map(|seed| Link::Ours(Sha256::from_bytes([seed; 32])));
    let with = |link: &Link, version: &str| Content { link: link.clone(), ..content("Hub", version) };
    let pooled = world.image_with(partner, FirmwareType::HUB, with(&old, "1")).await.unwrap();
    let seen = world.associated(partner, device_type, &pooled).await;
    let fix = async |image: &FirmwareImage| {
        let image = image.clone();
        commit!(world, tx => pushes::fix_binary(tx, &partner, &image)).unwrap()
    };
    let was_pushed = async || {
        let mut conn = world.conn().await;
        pool::get(&mut conn, &partner, pooled.firmware_type, pooled.version_number).await.unwrap().unwrap().was_pushed
    };
    let (id, changed) = (pooled.id, with(&new, "1"));
    commit!(world, tx => pool::update(tx, &partner, id, &changed, at(9))).unwrap();
    assert!(!fix(&seen).await, "it has another binary by now");
    assert!(!was_pushed().await);
    let mut current = seen.clone();
    current.content.link = new;
    assert!(fix(&current).await);
    assert!(was_pushed().await);
    assert!(fix(&current).await, "again");

    let without = fleet.image(&world, "2").await;
    assert!(!fix(&without).await, "it has none");
}

#[rstest]
#[tokio::test]
async fn pushes_are_due_when_their_timers_are_to_be_looked_at(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let fleet = Fleet::in_world(&world).await;
    let image = fleet.image(&world, "1").await;
    let foreign = Fleet::in_world(&world).await;
    let foreign_image = foreign.image(&world, "1").await;
    let mut first_check = at(0);
    for (fleet, image, id, now) in
        [(&fleet, &image, "late", 300), (&foreign, &foreign_image, "foreign", 200), (&fleet, &image, "early", 100)]
    {
        let device = fleet.device(&world, id).await;
        first_check = world.push(&device, image, at(now)).await.unwrap().push.check_at.unwrap();
        let sighting = devices::Sighting { device, at: at(now + 1), address: None };
        if id != "late" {
            commit!(world, tx => devices::note_sightings(tx, &INSTALLATION, &[sighting])).unwrap();
        }
    }
    let ended = fleet.device(&world, "ended").await;
    let push = world.push(&ended, &image, at(50)).await.unwrap().push;
    happens(&world, &ended, &push, Event::CancelRequested, at(51)).await;

    let due = async |after: i64, limit: i64| {
        let now = at(first_check.as_millis() + after);
        let due = pushes::due(&mut world.conn().await, &INSTALLATION, now, limit).await.unwrap();
        let told = |one: pushes::Due| {
            assert_eq!(one.action, 1);
            (one.device.device_id().to_string(), one.last_seen)
        };
        due.into_iter().map(told).collect::<Vec<_>>()
    };
    let [early, other, late] = [("early", Some(at(101))), ("foreign", Some(at(201))), ("late", None)]
        .map(|(id, seen)| (id.to_owned(), seen));
    assert_eq!(due(-1, 10).await, []);
    assert_eq!(due(0, 10).await, std::slice::from_ref(&early));
    assert_eq!(due(200, 10).await, [early.clone(), other.clone(), late]);
    assert_eq!(due(200, 2).await, [early, other]);
}
