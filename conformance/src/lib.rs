//! A harness that runs the real binary as its users do: a process, a port, HTTP.
//!
//! Every server gets its own folder, and on PostgreSQL its own database, so that tests run in parallel. The binary
//! is the one beside the test (`cargo build --bin otaria`), or the one that `OTARIA_BIN` names.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "this is all test code")]

pub mod arduino;
pub mod authority;
pub mod fleet;
pub mod pages;
pub mod plain_http;
pub mod publisher;
pub mod rauc;
pub mod s3;
pub mod siege;
pub mod slow_link;
pub mod small_disk;
pub mod swupdate;

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

pub mod people;
pub mod tenants;
pub mod writes;
pub mod zchunk;
pub mod zephyr;

/// Which database a server runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// The binary under test.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("OTARIA_BIN") {
        return PathBuf::from(path);
    }
    // target/debug/deps/<test> -> target/debug/otaria
    let test = std::env::current_exe().unwrap();
    let path = test.parent().and_then(Path::parent).unwrap().join("otaria");
    assert!(path.is_file(), "{} is missing: run `cargo build --bin otaria` first", path.display());
    path
}

/// A running server.
pub struct Server {
    child: Option<Child>,
    folder: tempfile::TempDir,
    port: u16,
    environment: Vec<(String, String)>,
    log: Arc<Mutex<String>>,
    reader: Option<std::thread::JoinHandle<()>>,
    database: Option<String>,
    files: Option<u32>,
    /// What `bootstrap` printed.
    pub first: Value,
}

impl Server {
    /// Starts a fresh server and bootstraps it.
    pub async fn start(engine: Engine) -> Self {
        Self::start_with(engine, &[]).await
    }

    /// The same, with more environment variables.
    pub async fn start_with(engine: Engine, settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Free when asked for; a test that loses the race for it fails to start and says so.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut environment = vec![
            ("OTARIA_LISTEN".to_owned(), format!("127.0.0.1:{port}")),
            ("OTARIA_DATA".to_owned(), folder.path().join("data").display().to_string()),
            ("RUST_LOG".to_owned(), "info".to_owned()),
        ];
        let mut database = None;
        if engine == Engine::Postgres {
            let name = format!("otaria_{}", uuid::Uuid::now_v7().simple());
            postgres(&format!("CREATE DATABASE {name}")).await;
            let url = postgres_url();
            let (server, _) = url.rsplit_once('/').unwrap();
            environment.push(("OTARIA_DATABASE_URL".to_owned(), format!("{server}/{name}")));
            database = Some(name);
        }
        environment.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let log = Arc::default();
        let mut server = Self {
            child: None,
            folder,
            port,
            environment,
            log,
            reader: None,
            database,
            files: None,
            first: Value::Null,
        };
        let printed = server.command(&["bootstrap", "--name", "Acme", "--email", "owner@example.com", "--json"]);
        let output = server.run(printed);
        server.first = serde_json::from_slice(&output).unwrap();
        server.launch();
        server
    }

    /// A fresh server on SQLite whose process may have no more than this many files open.
    pub async fn start_within(files: u32, settings: &[(&str, &str)]) -> Self {
        let mut server = Self::start_with(Engine::Sqlite, settings).await;
        server.kill();
        server.files = Some(files);
        server.launch();
        server
    }

    /// A command of the binary on this server's storage.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = match self.files {
            None => Command::new(binary()),
            Some(files) => {
                let mut shell = Command::new("sh");
                shell.arg("-c").arg(format!("ulimit -n {files} && exec \"$0\" \"$@\"")).arg(binary());
                shell
            }
        };
        command.args(arguments).envs(self.environment.iter().cloned()).current_dir(self.folder.path());
        command
    }

    fn run(&self, mut command: Command) -> Vec<u8> {
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    /// Starts the process (again) and waits until it says that it serves.
    pub fn launch(&mut self) {
        let mut child = self.command(&["serve"]).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        self.child = Some(child);
        loop {
            let line = lines.next().unwrap_or_else(|| panic!("the server ended: {}", self.log())).unwrap();
            self.log.lock().unwrap().push_str(&format!("{line}\n"));
            if line.contains("otaria serves") {
                break;
            }
        }
        let log = Arc::clone(&self.log);
        self.reader = Some(std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                log.lock().unwrap().push_str(&format!("{line}\n"));
            }
        }));
    }

    /// Changes an environment variable for the next launch.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Kills the process as a power cut would: SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
    }

    /// Asks the process to stop, and waits until it has.
    pub fn terminate(&mut self) {
        let pid = self.pid().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert!(self.child.take().unwrap().wait().unwrap().success());
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
    }

    /// Everything that the server has logged; all of it once the process is gone.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// The folder with the server's data.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Every file of the repository, finished or not, with its size.
    pub fn repository_files(&self) -> Vec<(PathBuf, u64)> {
        files_in(&self.data().join("repository"))
    }

    /// The name of the server's PostgreSQL database, if it is on one.
    pub fn database(&self) -> Option<&str> {
        self.database.as_deref()
    }

    /// Runs statements on the server's own database, behind its back. Returns how many rows they touched.
    pub async fn sql(&self, statements: &str) -> u64 {
        use sqlx::{Connection as _, Executor as _};
        // Foreign keys keep nobody from it who is behind the server's back.
        let unbound = match &self.database {
            Some(_) => "SET session_replication_role = replica",
            None => "PRAGMA foreign_keys = OFF",
        };
        let sql = sqlx::AssertSqlSafe(format!("{unbound}; {statements}"));
        match &self.database {
            Some(name) => {
                let mut connection = sqlx::PgConnection::connect(&postgres_url_of(name)).await.unwrap();
                connection.execute(sqlx::raw_sql(sql)).await.unwrap().rows_affected()
            }
            None => {
                let url = format!("sqlite:{}", self.data().join("otaria.db").display());
                let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
                connection.execute(sqlx::raw_sql(sql)).await.unwrap().rows_affected()
            }
        }
    }

    /// Everything that the server's database holds, as bytes.
    pub async fn dump(&self) -> Vec<u8> {
        use sqlx::{Connection as _, Row as _};
        let Some(database) = self.database() else {
            let files = std::fs::read_dir(self.data()).unwrap().map(|entry| entry.unwrap().path());
            let files = files.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("otaria.db"));
            return files.flat_map(|path| std::fs::read(path).unwrap()).collect();
        };
        let mut connection = sqlx::PgConnection::connect(&postgres_url_of(database)).await.unwrap();
        let tables = "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'";
        let mut dump = Vec::new();
        for table in sqlx::query(tables).fetch_all(&mut connection).await.unwrap() {
            let rows = format!("SELECT t::text FROM {} t", table.get::<&str, _>(0));
            for row in sqlx::query(sqlx::AssertSqlSafe(rows)).fetch_all(&mut connection).await.unwrap() {
                dump.extend_from_slice(row.get::<&str, _>(0).as_bytes());
            }
        }
        dump
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// The highest resident memory that the process has had, in bytes (Linux).
    pub fn peak_memory(&self) -> u64 {
        self.status("VmHWM")
    }

    /// The resident memory that the process has, in bytes (Linux).
    pub fn memory(&self) -> u64 {
        self.status("VmRSS")
    }

    fn status(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }

    /// Where the server is.
    pub fn url(&self) -> String {
        let is_tls = self.environment.iter().any(|(name, _)| name == "OTARIA_TLS_CERTIFICATE");
        format!("{}://127.0.0.1:{}", if is_tls { "https" } else { "http" }, self.port)
    }

    /// A string that `bootstrap` printed.
    pub fn first(&self, name: &str) -> String {
        self.first[name].as_str().unwrap().to_owned()
    }

    /// The default partner's id.
    pub fn partner(&self) -> String {
        self.first("partnerId")
    }

    /// The first account's id.
    pub fn account(&self) -> String {
        self.first("accountId")
    }

    /// Nobody, at this server.
    pub fn anonymous(&self) -> Api {
        Api { http: reqwest::Client::new(), url: self.url(), token: None }
    }

    /// The owner, signed in by password.
    pub async fn owner(&self) -> Api {
        self.owner_over(reqwest::Client::new()).await
    }

    /// The owner, over this client's connections.
    pub async fn owner_over(&self, http: reqwest::Client) -> Api {
        let password = self.first("password");
        let form = [("grant_type", "password"), ("username", "owner@example.com"), ("password", &password)];
        let api = Api { http, url: self.url(), token: None };
        let answer = api.token(&self.first("clientId"), &self.first("clientSecret"), &form).await;
        api.with_token(answer.ok().body["access_token"].as_str().unwrap())
    }

    /// The default partner's own client.
    pub async fn client(&self) -> Api {
        self.client_of(&self.first("clientId"), &self.first("clientSecret")).await
    }

    /// A partner beside the default one, made by the admin, who therefore owns it too.
    pub async fn another_partner(&self, name: &str) -> Partner {
        let made =
            self.owner().await.post("/v1/partners", json!({ "name": name })).await.is(StatusCode::CREATED).body;
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        let (client_id, client_secret) = (text("clientId"), text("clientSecret"));
        let client = self.client_of(&client_id, &client_secret).await;
        Partner { id: text("partnerId"), client_id, client_secret, client }
    }

    /// A partner's own client, by its id and secret.
    pub async fn client_of(&self, id: &str, secret: &str) -> Api {
        let answer = self.anonymous().token(id, secret, &[("grant_type", "client_credentials")]).await;
        self.anonymous().with_token(answer.ok().body["access_token"].as_str().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("--- the server's log ---\n{}", self.log());
        }
    }
}

/// The PostgreSQL server for tests: `scripts/with-postgres` sets it, and `make test` uses that.
pub fn postgres_url() -> String {
    std::env::var("OTARIA_TEST_POSTGRES_URL")
        .expect("OTARIA_TEST_POSTGRES_URL is not set: run the tests through `make test`, or scripts/with-postgres")
}

/// A database of the PostgreSQL server for tests.
pub fn postgres_url_of(database: &str) -> String {
    let url = postgres_url();
    let (server, _) = url.rsplit_once('/').unwrap();
    format!("{server}/{database}")
}

/// Runs a statement on the PostgreSQL server for tests.
pub async fn postgres(statement: &str) {
    use sqlx::{Connection as _, Executor as _};
    let mut connection = sqlx::PgConnection::connect(&postgres_url()).await.unwrap();
    connection.execute(sqlx::AssertSqlSafe(statement.to_owned())).await.unwrap();
}

/// A partner, and its own client.
pub struct Partner {
    pub id: String,
    pub client_id: String,
    pub client_secret: String,
    pub client: Api,
}

/// Somebody who calls the API.
#[derive(Clone)]
pub struct Api {
    pub http: reqwest::Client,
    pub url: String,
    pub token: Option<String>,
}

impl Api {
    /// The same place with this token.
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// A request to a path.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url)).timeout(Duration::from_secs(120));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        Answer::of(self.request(Method::POST, path).json(&body)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        Answer::of(self.request(Method::PUT, path).json(&body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::DELETE, path)).await
    }

    /// Sends a body as it is, with this content type or without any.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        content_type: Option<&str>,
        body: impl Into<reqwest::Body>,
    ) -> Answer {
        let mut request = self.request(method, path).body(body);
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        Answer::of(request).await
    }

    /// Every record of a list that comes in pages.
    pub async fn all(&self, path: &str) -> Vec<Value> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let mut records = Vec::new();
        for number in 0.. {
            let page = self.get(&format!("{path}{separator}sort=id&size=1000&page={number}")).await.ok();
            records.extend(page.body["content"].as_array().unwrap().iter().cloned());
            if number + 1 >= page.body["totalPages"].as_u64().unwrap() {
                break;
            }
        }
        records
    }

    /// Uploads bytes as a stream.
    pub async fn upload(&self, partner: &str, bytes: impl Into<reqwest::Body>) -> Answer {
        let request = self.request(Method::POST, &format!("/v1/ota/partners/{partner}/binaries"));
        Answer::of(request.header("content-type", "application/octet-stream").body(bytes)).await
    }

    /// Asks for tokens as a client.
    pub async fn token(&self, id: &str, secret: &str, form: &[(&str, &str)]) -> Answer {
        let request = self.http.post(format!("{}/oauth/token", self.url)).basic_auth(id, Some(secret));
        Answer::of(request.form(form)).await
    }

    /// Uploads bytes and moves them to the repository; the url.
    pub async fn publish_bytes(&self, partner: &str, bytes: impl Into<reqwest::Body>) -> String {
        let uploaded = self.upload(partner, bytes).await;
        self.move_to_repository(partner, uploaded).await
    }

    /// The same for a file with a name.
    pub async fn publish_file(&self, partner: &str, name: &str, bytes: Vec<u8>) -> String {
        let request = self.request(Method::POST, &format!("/v1/ota/partners/{partner}/binaries"));
        let request = request.header("content-type", "application/octet-stream");
        let named = request.header("content-disposition", format!("attachment; filename=\"{name}\""));
        let uploaded = Answer::of(named.body(bytes)).await;
        self.move_to_repository(partner, uploaded).await
    }

    async fn move_to_repository(&self, partner: &str, uploaded: Answer) -> String {
        let path = format!("/v1/ota/partners/{partner}/binaries/moveToRepository");
        let moved = self.post(&path, json!({ "value": uploaded.ok().body["value"] })).await.ok();
        moved.body["value"].as_str().unwrap().to_owned()
    }

    /// Makes a device type; its id.
    pub async fn device_type(&self, partner: &str, name: &str) -> String {
        let made = self.post(&format!("/v1/partners/{partner}/deviceTypes"), json!({ "name": name })).await;
        made.is(StatusCode::CREATED).body["deviceTypeId"].as_str().unwrap().to_owned()
    }

    /// Associates a device; its token.
    pub async fn device(&self, account: &str, device_type: &str, id: &str) -> String {
        let body = json!({ "deviceTypeId": device_type, "deviceId": id });
        let made = self.post(&format!("/v1/accounts/{account}/devices"), body).await;
        made.is(StatusCode::CREATED).body["deviceToken"].as_str().unwrap().to_owned()
    }

    /// Publishes an image of `bytes` and associates it with a device type: the pool's record, and the association's id.
    pub async fn publish(
        &self,
        partner: &str,
        device_type: &str,
        firmware_type: i64,
        version: &str,
        bytes: Vec<u8>,
    ) -> (Value, String) {
        let url = self.publish_bytes(partner, bytes).await;
        self.publish_url(partner, device_type, firmware_type, version, &url).await
    }

    /// The same with a binary that is in the repository already.
    pub async fn publish_url(
        &self,
        partner: &str,
        device_type: &str,
        firmware_type: i64,
        version: &str,
        url: &str,
    ) -> (Value, String) {
        let body = json!({
            "name": "app", "type": firmware_type, "version": version, "url": url,
            "associations": { partner: [device_type] },
        });
        let image = self.post(&format!("/v1/ota/partners/{partner}/pool"), body).await.is(StatusCode::CREATED).body;
        let number = image["versionNumber"].as_str().unwrap();
        let path = format!(
            "/v1/ota/partners/{partner}/deviceTypes/{device_type}/firmwareImages/types/{firmware_type}/versionNumbers/{number}"
        );
        let associated = self.get(&path).await.ok();
        let id = associated.body["id"].as_str().unwrap().to_owned();
        (image, id)
    }

    /// Pushes an associated image to a device.
    pub async fn push(&self, partner: &str, device_type: &str, image: &str, device: &str) -> Answer {
        let path = format!("/v1/ota/partners/{partner}/deviceTypes/{device_type}/firmwareImages/{image}/push");
        self.put(&path, json!({ "value": device })).await
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
    /// The JSON, or null.
    pub body: Value,
}

impl Answer {
    pub async fn of(request: reqwest::RequestBuilder) -> Self {
        Self::try_of(request).await.unwrap()
    }

    /// What came back, if the connection held.
    pub async fn try_of(request: reqwest::RequestBuilder) -> Result<Self, reqwest::Error> {
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Self { status, headers, text, body })
    }

    /// This answer, if it has this status.
    #[track_caller]
    pub fn is(self, status: StatusCode) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    /// This answer, if it is 200.
    #[track_caller]
    pub fn ok(self) -> Self {
        self.is(StatusCode::OK)
    }

    /// Asserts that this is the one error body, with this status and code.
    #[track_caller]
    pub fn is_error(self, status: u16, code: &str) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert_eq!(self.headers["content-type"], "application/json");
        assert_eq!(self.body["status"], status);
        assert_eq!(self.body["error"], code, "{}", self.text);
        assert_eq!(self.body["service_name"], "otaria");
        assert!(self.body["timestamp"].is_i64());
        let description = self.body["error_description"].as_str().unwrap();
        let trace = self.body["trace"].as_str().unwrap();
        assert!(!description.is_empty() && trace.contains(description) && !trace.contains('\n'), "{trace}");
        assert!(trace.contains(self.headers["x-request-id"].to_str().unwrap()), "{trace}");
        self
    }

    /// The names of the fields that a 400 complains about.
    pub fn fields(&self) -> Vec<String> {
        let fields = self.body["fields"].as_array().cloned().unwrap_or_default();
        fields.iter().map(|field| field["name"].as_str().unwrap().to_owned()).collect()
    }
}

/// Asserts that a JSON object has exactly these fields.
#[track_caller]
pub fn fields_are(value: &Value, names: &[&str]) {
    let mut found: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    let mut names = names.to_vec();
    found.sort_unstable();
    names.sort_unstable();
    assert_eq!(found, names, "{value}");
}

/// Every file below a folder, with its size.
pub fn files_in(folder: &Path) -> Vec<(PathBuf, u64)> {
    let mut folders = vec![folder.to_owned()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            // A file may go while one looks.
            match std::fs::metadata(&path) {
                Ok(metadata) if metadata.is_dir() => folders.push(path),
                Ok(metadata) => files.push((path, metadata.len())),
                Err(_) => {}
            }
        }
    }
    files
}

/// Waits until something is so, and fails if it is not within half a minute.
pub async fn until<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waiting).await.unwrap_or_else(|_| panic!("in vain: {what}"));
}

/// Whether `part` is somewhere in `text`.
pub fn contains(text: &[u8], part: &[u8]) -> bool {
    let Some(first) = part.first() else { return true };
    let starts = text.iter().enumerate().filter(|(_, byte)| *byte == first);
    starts.map(|(at, _)| at).any(|at| text[at..].starts_with(part))
}

/// Now, in milliseconds since the Unix epoch.
#[allow(clippy::disallowed_methods, reason = "a test is outside the server, and has no clock of its own")]
pub fn now_millis() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

/// How often a test does what it does: `default`, unless the environment says otherwise.
pub fn how_many(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |value| value.parse().unwrap())
}

/// Numbers and bytes that look random and follow from the seed (splitmix64).
#[derive(Clone, Debug)]
pub struct Noise(u64);

impl Noise {
    /// The noise of this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The noise of the seed in `OTARIA_SEED`, else of a new one; said aloud, so that a failure can be repeated.
    pub fn of_environment() -> Self {
        let seed = how_many("OTARIA_SEED", uuid::Uuid::now_v7().as_u64_pair().1);
        eprintln!("OTARIA_SEED={seed}");
        Self::new(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// The next number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.number() % end
    }

    /// The next bytes.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            bytes.extend_from_slice(&self.number().to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    }
}
