//! What becomes of pushes is told as it happens, once and in order, whatever happens to the connection and the server.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is all test code")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::future::join_all;
use otaria_conformance::{Answer, Api, Engine, Server, until};
use reqwest::{Method, StatusCode};
use rstest::rstest;
use serde_json::{Value, json};

const WHOLE: [&str; 6] = ["offered", "fetched", "downloading", "downloaded", "installing", "succeeded"];

#[track_caller]
fn text<'v>(record: &'v Value, name: &str) -> &'v str {
    record[name].as_str().unwrap_or_else(|| panic!("{name} is no text in {record}"))
}

/// One thing that a stream says.
#[derive(Clone, Debug, Default, PartialEq)]
struct Told {
    id: Option<i64>,
    event: String,
    data: Value,
    comment: Option<String>,
}

impl Told {
    fn state(&self) -> &str {
        text(&self.data, "state")
    }
}

/// A stream of server-sent events that is open.
struct Stream {
    response: reqwest::Response,
    buffer: String,
}

impl Stream {
    async fn open(api: &Api, path: &str, last: Option<i64>) -> Self {
        // Each its own connection, as browsers have them.
        let api = Api { http: reqwest::Client::new(), ..api.clone() };
        let mut request = api.request(Method::GET, path).header("accept", "text/event-stream");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-cache");
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        Self { response, buffer: String::new() }
    }

    /// What comes next, heartbeats too; nothing at the end, or when the connection is cut.
    async fn anything(&mut self) -> Option<Told> {
        loop {
            if let Some((block, rest)) = self.buffer.split_once("\n\n") {
                let mut told = Told::default();
                for line in block.lines() {
                    let (name, value) = line.split_once(':').unwrap();
                    let value = value.strip_prefix(' ').unwrap_or(value);
                    match name {
                        "" => told.comment = Some(value.to_owned()),
                        "id" => told.id = Some(value.parse().unwrap()),
                        "event" => told.event = value.to_owned(),
                        "data" => told.data = serde_json::from_str(value).unwrap_or(json!(value)),
                        other => panic!("{other} is no field of an event"),
                    }
                }
                self.buffer = rest.to_owned();
                return Some(told);
            }
            let chunk = tokio::time::timeout(Duration::from_secs(40), self.response.chunk()).await.unwrap();
            self.buffer.push_str(std::str::from_utf8(&chunk.ok().flatten()?).unwrap());
        }
    }

    /// The next event.
    async fn next(&mut self) -> Option<Told> {
        loop {
            let told = self.anything().await?;
            if told.comment.is_none() {
                return Some(told);
            }
        }
    }

    async fn take(&mut self, count: usize) -> Vec<Told> {
        let mut told = Vec::new();
        while told.len() < count {
            told.push(self.next().await.expect("the stream has ended"));
        }
        told
    }

    /// Everything until the stream ends.
    async fn rest(&mut self) -> Vec<Told> {
        let mut told = Vec::new();
        while let Some(next) = self.next().await {
            told.push(next);
        }
        told
    }
}

fn states(told: &[Told]) -> Vec<&str> {
    told.iter().map(Told::state).collect()
}

fn ids(told: &[Told]) -> Vec<i64> {
    told.iter().map(|told| told.id.unwrap()).collect()
}

/// A server with devices of one type, and an image for them.
struct Scene {
    server: Server,
    api: Api,
    partner: String,
    device_type: String,
    image: String,
    devices: Vec<(String, String)>,
}

impl Scene {
    async fn set(engine: Engine, devices: usize) -> Self {
        let server = Server::start(engine).await;
        let (api, partner) = (server.client().await, server.partner());
        let device_type = api.device_type(&partner, "Lamp").await;
        let (_, image) = api.publish(&partner, &device_type, 3, "1.0", b"light".to_vec()).await;
        let mut known = Vec::new();
        for number in 0..devices {
            let id = format!("lamp-{number}");
            let token = api.device(&server.account(), &device_type, &id).await;
            known.push((id, token));
        }
        Self { server, api, partner, device_type, image, devices: known }
    }

    fn events(&self) -> String {
        format!("/v1/ota/partners/{}/events", self.partner)
    }

    /// Pushes to a device; where the push is.
    async fn push(&self, device: usize) -> String {
        let pushed = self.api.push(&self.partner, &self.device_type, &self.image, &self.devices[device].0).await;
        pushed.is(StatusCode::ACCEPTED).headers["location"].to_str().unwrap().to_owned()
    }

    async fn ask(&self, device: usize, method: Method, url: &str, body: Option<Value>) -> Answer {
        let request = self.server.anonymous().http.request(method, url);
        let request = request.header("authorization", format!("TargetToken {}", self.devices[device].1));
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        Answer::of(request).await.ok()
    }

    /// The device fetches its update; where it is.
    async fn fetch(&self, device: usize) -> String {
        let base = format!("{}/{}/controller/v1/{}", self.server.url(), self.partner, self.devices[device].0);
        let poll = self.ask(device, Method::GET, &base, None).await.body;
        let update = text(&poll["_links"]["deploymentBase"], "href").to_owned();
        self.ask(device, Method::GET, &update, None).await;
        update
    }

    async fn say(&self, device: usize, update: &str, execution: &str, finished: &str) {
        let url = format!("{}/feedback", update.split('?').next().unwrap());
        let status = json!({ "execution": execution, "result": { "finished": finished }, "details": [] });
        self.ask(device, Method::POST, &url, Some(json!({ "status": status }))).await;
    }

    /// The device does all that an update takes.
    async fn update(&self, device: usize) {
        let update = self.fetch(device).await;
        for execution in ["download", "downloaded", "proceeding"] {
            self.say(device, &update, execution, "none").await;
        }
        self.say(device, &update, "closed", "success").await;
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn a_push_is_told_from_its_beginning_to_its_end(#[case] engine: Engine) {
    let scene = Scene::set(engine, 1).await;
    let mut of_partner = Stream::open(&scene.api, &scene.events(), None).await;
    let push = scene.push(0).await;
    let events = format!("{push}/events");
    let mut early = Stream::open(&scene.api, &events, None).await;
    assert_eq!(early.next().await.unwrap().state(), "offered");
    let update = scene.fetch(0).await;
    assert_eq!(early.next().await.unwrap().state(), "fetched");
    // From its beginning, also for who comes late.
    let mut late = Stream::open(&scene.api, &events, None).await;
    assert_eq!(states(&late.take(2).await), WHOLE[..2]);
    for (execution, state) in
        [("download", "downloading"), ("downloaded", "downloaded"), ("proceeding", "installing")]
    {
        scene.say(0, &update, execution, "none").await;
        let told = early.next().await.unwrap();
        assert_eq!((told.event.as_str(), told.state()), ("push", state));
        assert_eq!((text(&told.data, "deviceId"), text(&told.data, "version")), ("lamp-0", "1.0"));
        assert!(push.ends_with(text(&told.data, "pushId")));
    }
    scene.say(0, &update, "closed", "success").await;
    for stream in [&mut early, &mut late] {
        let rest = stream.rest().await;
        let (end, told) = rest.split_last().unwrap();
        assert_eq!((end.event.as_str(), end.id), ("end", None));
        assert_eq!(told.last().unwrap().state(), "succeeded");
    }
    let all = of_partner.take(WHOLE.len()).await;
    assert_eq!(states(&all), WHOLE);

    let mut again = Stream::open(&scene.api, &events, None).await.rest().await;
    assert_eq!(again.pop().unwrap().event, "end");
    assert_eq!(again, all);
    let end = Stream::open(&scene.api, &events, Some(all[5].id.unwrap())).await.rest().await;
    assert_eq!(end.iter().map(|told| told.event.as_str()).collect::<Vec<_>>(), ["end"]);
    let rest = Stream::open(&scene.api, &events, Some(all[3].id.unwrap())).await.rest().await;
    assert_eq!(rest[..2], all[4..]);
    // It is what the push's own history says.
    let history = scene.api.get(&push).await.ok().body["history"].as_array().unwrap().clone();
    let history: Vec<_> = history.iter().rev().map(|entry| text(entry, "state")).collect();
    assert_eq!(history, WHOLE);

    for last in ["x", "-1", "1.5", "\u{fc}"] {
        let request = scene.api.request(Method::GET, &scene.events()).header("last-event-id", last);
        Answer::of(request).await.is_error(400, "invalid_fields");
    }
    let request = scene.api.request(Method::GET, &scene.events()).header("accept", "application/json");
    Answer::of(request).await.is_error(406, "not_acceptable");
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_loses_nothing_and_hears_nothing_twice(#[case] engine: Engine) {
    let mut scene = Scene::set(engine, 6).await;
    let mut told = Vec::new();
    let mut stream = Stream::open(&scene.api, &scene.events(), Some(0)).await;
    for device in 0..6 {
        scene.push(device).await;
        scene.update(device).await;
        match device {
            // The connection is cut in the middle of it.
            1 | 2 => {
                told.extend(stream.take(4).await);
                stream = Stream::open(&scene.api, &scene.events(), told.last().unwrap().id).await;
            }
            // The power goes.
            4 => {
                told.extend(stream.take(3).await);
                scene.server.kill();
                scene.server.launch();
                scene.api = scene.server.client().await;
                stream = Stream::open(&scene.api, &scene.events(), told.last().unwrap().id).await;
            }
            _ => {}
        }
    }
    let left = 6 * WHOLE.len() - told.len();
    told.extend(stream.take(left).await);
    assert!(ids(&told).into_iter().eq(1..=36), "{:?}", ids(&told));
    assert_eq!(states(&told), WHOLE.repeat(6));
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn it_is_said_that_it_is_quiet_and_whoever_may_not_listen_any_more_is_cut_off(#[case] engine: Engine) {
    let scene = Scene::set(engine, 1).await;
    let (server, client) = (&scene.server, &scene.api);
    let view = &["viewDeviceInfo"];
    let out = server.person(client, &scene.partner, "out@example.com", view).await;
    let removed = server.person(client, &scene.partner, "removed@example.com", view).await;
    let mut quiet = Stream::open(client, &scene.events(), None).await;
    let opened = Instant::now();
    let mut cut = [
        Stream::open(&out.api, &scene.events(), None).await,
        Stream::open(&removed.api, &scene.events(), None).await,
    ];
    Answer::of(out.api.request(Method::POST, "/v1/users/me/signOut")).await.is(StatusCode::NO_CONTENT);
    client.delete(&format!("/v1/partners/{}/users/{}", scene.partner, removed.id)).await.is(StatusCode::NO_CONTENT);
    let told = quiet.anything().await.unwrap();
    assert_eq!(told.comment.as_deref(), Some("quiet"));
    assert!((Duration::from_secs(5)..Duration::from_secs(20)).contains(&opened.elapsed()), "{:?}", opened.elapsed());
    for stream in &mut cut {
        assert_eq!(stream.anything().await, None);
    }
    assert!(opened.elapsed() < Duration::from_secs(25));
    // Who may goes on.
    scene.push(0).await;
    assert_eq!(quiet.next().await.unwrap().state(), "offered");
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn it_is_said_that_events_were_forgotten(#[case] engine: Engine) {
    let scene = Scene::set(engine, 2).await;
    let push = scene.push(0).await;
    scene.update(0).await;
    scene.server.sql("DELETE FROM push_events WHERE sequence <= 3").await;
    for last in [0, 1] {
        let told = Stream::open(&scene.api, &scene.events(), Some(last)).await.take(4).await;
        assert_eq!((told[0].event.as_str(), told[0].id), ("gap", Some(3)));
        assert_eq!(ids(&told[1..]), [4, 5, 6]);
    }
    // Who saw the last forgotten one misses nothing.
    let told = Stream::open(&scene.api, &scene.events(), Some(3)).await.take(3).await;
    assert_eq!(ids(&told), [4, 5, 6]);
    scene.server.sql("DELETE FROM push_events").await;
    // Of a push it is said where it stands.
    let told = Stream::open(&scene.api, &format!("{push}/events"), None).await.rest().await;
    assert_eq!((told.len(), told[0].state(), told[1].event.as_str()), (2, "succeeded", "end"));
    let mut stream = Stream::open(&scene.api, &scene.events(), Some(4)).await;
    assert_eq!(stream.next().await.unwrap().event, "gap");
    scene.push(1).await;
    assert_eq!(stream.next().await.unwrap().id, Some(7));
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn many_may_listen_but_not_without_end(#[case] engine: Engine) {
    const MOST: usize = 256;
    let scene = Scene::set(engine, 1).await;
    let other = scene.server.another_partner("Other").await;
    let mut streams = Vec::new();
    for _ in 0..MOST {
        streams.push(Stream::open(&scene.api, &scene.events(), None).await);
    }
    let refused = scene.api.get(&scene.events()).await.is_error(429, "too_many_requests");
    assert!(refused.headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap() >= 1);
    // Nobody else is kept out, and everything else is answered.
    let theirs = format!("/v1/ota/partners/{}/events", other.id);
    let _theirs = Stream::open(&other.client, &theirs, None).await;
    let push = scene.push(0).await;
    let told = join_all(streams.iter_mut().map(Stream::next)).await;
    assert!(told.iter().all(|told| told.as_ref().unwrap().state() == "offered"));
    // A place that is given up is free.
    drop(streams.pop());
    until("there is a place again", || async {
        let request = scene.api.request(Method::GET, &scene.events());
        request.send().await.unwrap().status() == StatusCode::OK
    })
    .await;

    // Another partner's push is not there, and another partner's streams are not for everybody.
    other.client.get(&format!("{push}/events")).await.is_error(403, "forbidden");
    let id = push.rsplit_once('/').unwrap().1;
    let as_own = format!("/v1/ota/partners/{}/pushes/{id}/events", other.id);
    other.client.get(&as_own).await.is_error(404, "not_found");
    other.client.get(&scene.events()).await.is_error(403, "forbidden");
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn every_state_of_every_push_is_told_in_order(#[case] engine: Engine) {
    const DEVICES: usize = 50;
    let scene = Scene::set(engine, DEVICES).await;
    let mut stream = Stream::open(&scene.api, &scene.events(), None).await;
    let devices = join_all((0..DEVICES).map(async |device| {
        scene.push(device).await;
        scene.update(device).await;
    }));
    let (told, _) = tokio::join!(stream.take(DEVICES * WHOLE.len()), devices);
    assert!(ids(&told).into_iter().eq(1..=(DEVICES * WHOLE.len()) as i64));
    let mut pushes = BTreeMap::<String, Vec<&str>>::new();
    for told in &told {
        pushes.entry(text(&told.data, "pushId").to_owned()).or_default().push(told.state());
    }
    assert_eq!(pushes.len(), DEVICES);
    assert!(pushes.values().all(|states| states == &WHOLE), "{pushes:#?}");
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn the_server_stops_at_once_while_somebody_listens(#[case] engine: Engine) {
    let mut scene = Scene::set(engine, 1).await;
    let push = scene.push(0).await;
    let mut streams = vec![Stream::open(&scene.api, &format!("{push}/events"), None).await];
    for _ in 0..20 {
        streams.push(Stream::open(&scene.api, &scene.events(), None).await);
    }
    let asked = Instant::now();
    scene.server.terminate();
    assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
    for stream in &mut streams {
        // Cut off, not ended: the push goes on.
        assert!(stream.rest().await.iter().all(|told| told.event == "push"));
    }
}

/// Adds as many events as if they had happened, behind the server's back.
async fn add_events(scene: &Scene, last: usize) {
    scene.push(0).await;
    let statement = format!(
        "WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < {last})
         INSERT INTO push_events (partner_id, sequence, push_id, at_ms, state, progress, message)
         SELECT partner_id, i, push_id, at_ms, state, progress, message FROM push_events, n WHERE sequence = 1"
    );
    scene.server.sql(&statement).await;
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn however_much_happens_who_is_signed_out_is_cut_off(#[case] engine: Engine) {
    const LAST: usize = 200_000;
    let scene = Scene::set(engine, 1).await;
    let ann = scene.server.person(&scene.api, &scene.partner, "ann@example.com", &["viewDeviceInfo"]).await;
    add_events(&scene, LAST).await;
    let mut stream = Stream::open(&ann.api, &scene.events(), Some(0)).await;
    let opened = Instant::now();
    Answer::of(ann.api.request(Method::POST, "/v1/users/me/signOut")).await.is(StatusCode::NO_CONTENT);
    // Read so slowly that there is always more.
    let mut told = 0;
    while stream.next().await.is_some() {
        told += 1;
        if told % 100 == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    assert!(told < LAST, "all of it was told, within {:?}", opened.elapsed());
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn who_reads_too_slowly_is_told_what_was_forgotten_meanwhile(#[case] engine: Engine) {
    const LAST: usize = 100_000;
    let scene = Scene::set(engine, 1).await;
    add_events(&scene, LAST).await;
    let mut stream = Stream::open(&scene.api, &scene.events(), Some(0)).await;
    stream.take(10).await;
    scene.server.sql("DELETE FROM push_events WHERE sequence < 99000").await;
    let mut before = 10;
    loop {
        let told = stream.next().await.unwrap();
        let id = told.id.unwrap();
        if told.event == "gap" {
            assert_eq!(id, 98_999);
            break;
        }
        assert_eq!(id, before + 1);
        before = id;
    }
    assert_eq!(stream.next().await.unwrap().id, Some(99_000));
}
