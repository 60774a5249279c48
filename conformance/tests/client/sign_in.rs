//! Signing in as a person, what is kept of it and where it goes; and which of several settings holds.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use otaria_conformance::{Engine, Server};
use rstest::rstest;
use serde_json::Value;

use crate::world::{World, prints};

/// So short that every command needs another one.
const SHORT: [(&str, &str); 1] = [("OTARIA_ACCESS_TOKEN_SECONDS", "8")];

/// Runs a command with this on its standard input.
fn given(mut command: Command, input: &str) -> Output {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Whoever refuses before reading closes it.
    drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
    child.wait_with_output().unwrap()
}

/// Signs the owner in by password, with more arguments; every other setting is in the file from then on.
fn sign_in(world: &World, arguments: &[&str]) -> Output {
    let mut login = world.command_of_nobody(&["login", "--username", "owner@example.com", "--password-stdin"]);
    login.args(arguments).env("OTARIA_URL", world.server.url());
    login.env("OTARIA_CLIENT_ID", world.server.first("clientId"));
    login.env("OTARIA_CLIENT_SECRET", world.server.first("clientSecret"));
    given(login, &format!("{}\n", world.server.first("password")))
}

fn credentials(world: &World) -> PathBuf {
    world.home().join(".config/otaria/credentials.toml")
}

/// What is kept of the sign-in of a profile.
fn kept(world: &World, profile: &str) -> toml::Table {
    let text = std::fs::read_to_string(credentials(world)).unwrap();
    text.parse::<toml::Table>().unwrap()[profile].as_table().unwrap().clone()
}

fn works(world: &World, arguments: &[&str]) -> Output {
    let output = world.command_of_nobody(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", prints(&output));
    output
}

/// That no secret of the server's owner is in what was printed.
fn keeps_secrets(world: &World, output: &Output) {
    for secret in [world.server.first("password"), world.server.first("clientSecret")] {
        for printed in [&output.stdout, &output.stderr] {
            assert!(!String::from_utf8_lossy(printed).contains(&secret), "a secret was printed");
        }
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_person_signs_in_looks_and_signs_out(#[case] engine: Engine) {
    let world = World::start(engine).await;
    let mut shown = prints(&sign_in(&world, &["--dry-run"]));
    assert!(!credentials(&world).exists());
    let login = sign_in(&world, &[]);
    keeps_secrets(&world, &login);
    shown += &prints(&login);
    let kept = kept(&world, "default");
    for arguments in [
        &["logout", "--dry-run"][..],
        &["whoami"],
        &["whoami", "--json"],
        &["api", "GET", "/v1/ota/partners/{partnerId}/tags"],
    ] {
        let output = works(&world, arguments);
        keeps_secrets(&world, &output);
        shown += &prints(&output);
    }
    for command in ["logout", "whoami", "logout"] {
        shown +=
            &prints(&world.command_of_nobody(&[command]).env("OTARIA_URL", world.server.url()).output().unwrap());
    }
    insta::assert_snapshot!("a_person_signs_in_looks_and_signs_out", shown);
    let token = kept["access_token"].as_str().unwrap();
    world.server.anonymous().with_token(token).get("/v1/users/me").await.is_error(401, "unauthorized");
    let left = std::fs::read_to_string(credentials(&world)).unwrap();
    assert!(!left.contains(token), "{left}");
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_wrong_password_is_refused_and_nothing_is_kept(#[case] engine: Engine) {
    let world = World::start(engine).await;
    let mut login = world.command(&["login", "--username", "owner@example.com", "--password-stdin", "--json"]);
    login.stdout(Stdio::null());
    let refused = given(login, "not this one\n");
    assert_eq!(refused.status.code(), Some(4), "{}", prints(&refused));
    let error: Value = serde_json::from_slice(&refused.stderr).unwrap();
    assert_eq!((&error["code"], &error["retryable"]), (&"invalid_grant".into(), &false.into()));
    assert!(!credentials(&world).exists());
}

#[tokio::test]
async fn only_the_user_can_read_what_is_kept() {
    let world = World::start(Engine::Sqlite).await;
    // One that a process left behind, for all to read.
    let folder = world.home().join(".config/otaria");
    assert!(sign_in(&world, &[]).status.success());
    std::fs::write(folder.join("credentials.toml.next"), "left").unwrap();
    assert!(sign_in(&world, &[]).status.success());
    let mode = |path: PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(folder.clone()), 0o700);
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        assert_eq!(mode(path.clone()), 0o600, "{}", path.display());
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn ten_commands_at_once_share_a_refresh_token_that_is_good_once(#[case] engine: Engine) {
    let world = World::beside(Server::start_with(engine, &SHORT).await);
    assert!(sign_in(&world, &[]).status.success());
    let before = kept(&world, "default");
    let spawn = |_| {
        let mut command = world.command_of_nobody(&["whoami", "--json"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let children: Vec<_> = (0..10).map(spawn).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", prints(&output));
    }
    let after = kept(&world, "default");
    assert_ne!(before["refresh_token"], after["refresh_token"]);
    assert_ne!(before["access_token"], after["access_token"]);
    works(&world, &["whoami"]);
}

#[tokio::test]
async fn a_token_that_the_server_forgot_is_replaced() {
    let world = World::start(Engine::Sqlite).await;
    assert!(sign_in(&world, &[]).status.success());
    let text = std::fs::read_to_string(credentials(&world)).unwrap();
    let token = kept(&world, "default")["access_token"].as_str().unwrap().to_owned();
    std::fs::write(credentials(&world), text.replace(&token, "gone")).unwrap();
    works(&world, &["whoami"]);
    assert_ne!(kept(&world, "default")["access_token"].as_str(), Some("gone"));
}

#[tokio::test]
async fn a_sign_in_that_has_ended_says_so() {
    let world = World::beside(Server::start_with(Engine::Sqlite, &SHORT).await);
    assert!(sign_in(&world, &[]).status.success());
    world.server.owner().await.post("/v1/users/me/signOut", Value::Null).await;
    let output = world.command_of_nobody(&["whoami"]).output().unwrap();
    insta::assert_snapshot!("a_sign_in_that_has_ended_says_so", prints(&output));
}

#[tokio::test]
async fn a_flag_gives_the_client_secret_with_a_warning() {
    let world = World::start(Engine::Sqlite).await;
    let (id, secret) = (world.server.first("clientId"), world.server.first("clientSecret"));
    let mut login = world.command_of_nobody(&["login", "--username", "owner@example.com", "--password-stdin"]);
    login.args(["--client-id", &id, "--client-secret", &secret]).env("OTARIA_URL", world.server.url());
    let output = given(login, &format!("{}\n", world.server.first("password")));
    assert!(output.status.success(), "{}", prints(&output));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("--client-secret can be read by others") && !said.contains("while a"), "{said}");
    keeps_secrets(&world, &output);
}

#[tokio::test]
async fn of_several_partners_the_one_is_worked_for_whose_client_signs_in() {
    let world = World::start(Engine::Sqlite).await;
    let made = world.server.owner().await.post("/v1/partners", serde_json::json!({ "name": "Other" })).await.body;
    let other = |field: &str| made[field].as_str().unwrap().to_owned();
    let mut login = world.command_of_nobody(&["login", "--username", "owner@example.com", "--password-stdin"]);
    login.env("OTARIA_URL", world.server.url()).env("OTARIA_CLIENT_ID", other("clientId"));
    login.env("OTARIA_CLIENT_SECRET", other("clientSecret"));
    let output = given(login, &format!("{}\n", world.server.first("password")));
    assert!(output.status.success(), "{}", prints(&output));
    assert_eq!(kept(&world, "default")["partner"].as_str(), Some(other("partnerId").as_str()));
    let shown: Value = serde_json::from_slice(&works(&world, &["whoami", "--json"]).stdout).unwrap();
    let partners = shown["partners"].as_array().unwrap();
    assert_eq!(partners.len(), 2, "{shown}");
    assert!(partners.iter().all(|partner| partner["may"].as_array().unwrap().contains(&"owner".into())), "{shown}");
}

#[tokio::test]
async fn a_client_that_has_a_token_is_told_what_can_be_said() {
    let world = World::start(Engine::Sqlite).await;
    let token = world.server.client().await.token.unwrap();
    let whoami = |partner: String| {
        let mut command = world.command_of_nobody(&["whoami"]);
        command.env("OTARIA_URL", world.server.url()).env("OTARIA_TOKEN", &token).env("OTARIA_PARTNER", partner);
        prints(&command.output().unwrap())
    };
    insta::assert_snapshot!("a_client_that_has_a_token", whoami(world.server.partner()) + &whoami(String::new()));
}

#[tokio::test]
async fn whoever_interrupts_at_a_prompt_gets_the_terminal_back() {
    let world = World::start(Engine::Sqlite).await;
    // A terminal of its own, and somebody who presses Ctrl-C when the password is asked for.
    let line = "trap : INT; otaria login --username ada@example.com; echo ended with $?; stty -a";
    let mut terminal = world.shell(&format!("exec script --quiet --command '{line}' /dev/null"));
    let mut child = terminal.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut shown = Vec::new();
    let mut output = child.stdout.take().unwrap();
    let mut byte = [0];
    while !String::from_utf8_lossy(&shown).contains("Password of ada@example.com at http") {
        assert_eq!(output.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&shown));
        shown.extend(byte);
    }
    child.stdin.take().unwrap().write_all(b"hunter2\x03").unwrap();
    output.read_to_end(&mut shown).unwrap();
    child.wait().unwrap();
    let shown = String::from_utf8_lossy(&shown).into_owned();
    assert!(shown.contains("ended with 130") && !shown.contains("hunter2"), "{shown}");
    assert!(shown.contains(" echo ") && !shown.contains("-echo "), "{shown}");
}

/// Answers whoever comes with this, and keeps what they sent.
fn listener(answer: String) -> (String, std::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            let read = stream.read(&mut request).unwrap();
            drop(sender.send(String::from_utf8_lossy(&request[..read]).into_owned()));
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    (url, receiver)
}

#[tokio::test]
async fn a_sign_in_goes_to_its_own_server_alone() {
    let world = World::start(Engine::Sqlite).await;
    assert!(sign_in(&world, &[]).status.success());
    let (url, asked) = listener("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}".to_owned());
    let elsewhere = world.command_of_nobody(&["whoami", "--url", &url]).output().unwrap();
    assert_eq!(elsewhere.status.code(), Some(4), "{}", prints(&elsewhere));
    let api = world.command(&["api", "GET", &format!("{url}/v1/users/me")]).output().unwrap();
    assert_eq!(api.status.code(), Some(2), "{}", prints(&api));
    assert_eq!(asked.try_recv().ok(), None, "somebody else was asked");
}

/// A sign-in as it is kept.
fn write_credentials(world: &World, url: &str, of: &str) {
    let text = format!(
        "[default]\nurl = \"{url}/\"\nusername = \"{of}\"\nclient_id = \"client-of-{of}\"\nclient_secret = \"secret-of-{of}\"\n\
         access_token = \"token-of-{of}\"\nexpires = 9999999999999\nrefresh_token = \"refresh-of-{of}\"\n"
    );
    std::fs::create_dir_all(credentials(world).parent().unwrap()).unwrap();
    std::fs::write(credentials(world), text).unwrap();
}

#[tokio::test]
async fn a_sign_in_elsewhere_meanwhile_stays_elsewhere() {
    let world = World::start(Engine::Sqlite).await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    write_credentials(&world, &url, "one");
    let command = world.command_of_nobody(&["whoami"]).stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    let mut request = [0; 4096];
    let read = stream.read(&mut request).unwrap();
    assert!(String::from_utf8_lossy(&request[..read]).contains("token-of-one"));
    // Under the same profile, at another server.
    write_credentials(&world, "http://127.0.0.1:9", "two");
    stream.write_all(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
    drop(stream);
    let output = command.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", prints(&output));
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err(), "what is for the second server was sent to the first");
    assert_eq!(kept(&world, "default")["refresh_token"].as_str(), Some("refresh-of-two"));
}

#[tokio::test]
async fn what_may_have_been_done_is_not_done_again() {
    let world = World::start(Engine::Sqlite).await;
    let (url, asked) = listener("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n".to_owned());
    let mut create = world.command_of_nobody(&["api", "POST", "/v1/partners", "-f", "name=Other", "--json"]);
    let output = create.env("OTARIA_URL", url).env("OTARIA_TOKEN", "token").output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", prints(&output));
    assert!(prints(&output).contains("\"retryable\":true"), "{}", prints(&output));
    assert_eq!(asked.try_iter().count(), 1, "{}", prints(&output));
}

#[tokio::test]
async fn nobody_is_redirected_to_another_server() {
    let world = World::start(Engine::Sqlite).await;
    let (elsewhere, asked) = listener("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}".to_owned());
    let moved = format!("HTTP/1.1 307 Moved\r\nlocation: {elsewhere}/\r\ncontent-length: 0\r\n\r\n");
    let (url, _) = listener(moved);
    let output = world.command(&["whoami"]).env("OTARIA_URL", url).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", prints(&output));
    assert!(prints(&output).contains("redirects to"), "{}", prints(&output));
    assert_eq!(asked.try_recv().ok(), None, "the client's secret went to somebody else");
}

#[tokio::test]
async fn profiles_are_signed_in_each_for_itself() {
    let world = World::start(Engine::Sqlite).await;
    assert!(sign_in(&world, &[]).status.success());
    assert!(sign_in(&world, &["--profile", "factory"]).status.success());
    works(&world, &["logout"]);
    works(&world, &["whoami", "--profile", "factory"]);
    works(&world, &["whoami", "--profile=factory", "--json"]);
    let mistyped = world.command_of_nobody(&["whoami", "--profile", "facotry"]).output().unwrap();
    insta::assert_snapshot!("profiles_are_signed_in_each_for_itself", prints(&mistyped));
    // Also where everything else is said, as a pipeline does.
    let mistyped = world.command(&["type", "list", "--profile", "facotry"]).output().unwrap();
    assert_eq!(mistyped.status.code(), Some(2), "{}", prints(&mistyped));
    let mistyped = world.command(&["type", "list"]).env("OTARIA_PROFILE", "facotry").output().unwrap();
    assert_eq!(mistyped.status.code(), Some(2), "{}", prints(&mistyped));
    // Who signs out twice, or never was signed in, is as signed out as can be.
    works(&world, &["logout", "--profile", "factory"]);
    for profile in ["factory", "nobody"] {
        let again = works(&world, &["logout", "--profile", profile]);
        assert_eq!(prints(&again), "nobody was signed in\n");
    }
}

#[tokio::test]
async fn a_profile_that_is_named_means_its_own_server() {
    let world = World::start(Engine::Sqlite).await;
    let (staging, _) = listener(String::new());
    let config = world.home().join(".config/otaria");
    std::fs::create_dir_all(&config).unwrap();
    std::fs::write(config.join("config.toml"), format!("[profiles.staging]\nurl = \"{staging}\"\n")).unwrap();
    let by_environment = world.command(&["type", "list", "--profile", "staging"]).output().unwrap();
    let mut by_file = world.command(&["type", "list", "--profile", "staging"]);
    by_file.env_remove("OTARIA_URL");
    std::fs::write(world.folder.path().join("otaria.toml"), format!("url = {:?}", world.server.url())).unwrap();
    for (refused, place) in
        [(by_environment, "the environment says"), (by_file.output().unwrap(), "otaria.toml says")]
    {
        assert_eq!(refused.status.code(), Some(2), "{}", prints(&refused));
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(said.contains(place) && said.contains(&staging) && said.contains(&world.server.url()), "{said}");
    }
    // Who says which server means that one, and one URL is the same however it ends.
    let said =
        world.command(&["type", "list", "--profile", "staging", "--url", &world.server.url()]).output().unwrap();
    assert!(said.status.success(), "{}", prints(&said));
    std::fs::write(config.join("config.toml"), format!("[profiles.staging]\nurl = \"{}/\"\n", world.server.url()))
        .unwrap();
    let same = world.command(&["type", "list", "--profile", "staging"]).output().unwrap();
    assert!(same.status.success(), "{}", prints(&same));
}

#[tokio::test]
async fn what_is_wrong_with_what_is_published_breaks_nothing_else() {
    let world = World::start(Engine::Sqlite).await;
    std::fs::write(world.folder.path().join("otaria.toml"), "[publish]\ntype = 300\n").unwrap();
    let list = world.command(&["type", "list"]).output().unwrap();
    assert!(list.status.success(), "{}", prints(&list));
    let publish = world.command(&["publish", "app.bin", "--version", "1"]).output().unwrap();
    assert_eq!(publish.status.code(), Some(2), "{}", prints(&publish));
    assert!(prints(&publish).contains("type is a number from 1 to 200, and not 300"), "{}", prints(&publish));
}

#[tokio::test]
async fn a_file_above_the_repository_is_not_taken() {
    let world = World::start(Engine::Sqlite).await;
    let repository = world.folder.path().join("repository");
    std::fs::create_dir_all(repository.join(".git")).unwrap();
    std::fs::create_dir_all(repository.join("src")).unwrap();
    std::fs::write(world.folder.path().join("otaria.toml"), "url = \"http://127.0.0.1:1\"").unwrap();
    let mut command = world.command(&["type", "list"]);
    let output = command.current_dir(repository.join("src")).env_remove("OTARIA_URL").output().unwrap();
    assert!(prints(&output).contains("no server is named"), "{}", prints(&output));
    let above = world.command(&["type", "list"]).env_remove("OTARIA_URL").output().unwrap();
    assert!(prints(&above).contains("127.0.0.1:1 cannot be reached") || prints(&above).contains("[server]"));
}

#[tokio::test]
async fn a_file_in_the_repository_holds_for_every_folder_below_and_no_secret() {
    let world = World::start(Engine::Sqlite).await;
    let below = world.folder.path().join("firmware/src");
    std::fs::create_dir_all(&below).unwrap();
    let file = world.folder.path().join("otaria.toml");
    std::fs::write(&file, format!("url = \"{}\"\npartner = \"{}\"\n", world.server.url(), world.server.partner()))
        .unwrap();
    let mut command = world.command_of_nobody(&["whoami"]);
    command.current_dir(&below).env("OTARIA_CLIENT_ID", world.server.first("clientId"));
    command.env("OTARIA_CLIENT_SECRET", world.server.first("clientSecret"));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", prints(&output));
    let secret = "do-not-print-this";
    for (name, exit) in [("token", 2), ("client_secret", 2), ("password", 2), ("refresh_token", 2)] {
        std::fs::write(&file, format!("{name} = \"{secret}\"\n")).unwrap();
        let refused = world.command_of_nobody(&["whoami"]).output().unwrap();
        assert_eq!(refused.status.code(), Some(exit));
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(said.contains(name) && !said.contains(secret), "{said}");
    }
    // Nor where the file is broken, or the secret is one of somebody's own naming.
    for text in
        [format!("token = \"{secret}"), format!("api_key = \"{secret}\""), format!("[publish]\ntoken = \"{secret}\"")]
    {
        std::fs::write(&file, text).unwrap();
        let refused = world.command_of_nobody(&["whoami"]).output().unwrap();
        assert_eq!(refused.status.code(), Some(2));
        assert!(!String::from_utf8_lossy(&refused.stderr).contains(secret), "{}", prints(&refused));
    }
}

#[tokio::test]
async fn secrets_come_from_files_and_standard_input_and_flags_are_warned_about() {
    let world = World::start(Engine::Sqlite).await;
    let token = world.server.owner().await.token.unwrap();
    let file = world.folder.path().join("secret");
    let command = |arguments: &[&str]| {
        let mut command = world.command_of_nobody(&["whoami", "--json"]);
        command.args(arguments).env("OTARIA_URL", world.server.url()).env("OTARIA_PARTNER", world.server.partner());
        command
    };
    let by = |output: &Output| {
        assert!(output.status.success(), "{}", prints(output));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()["by"].as_str().unwrap().to_owned()
    };
    std::fs::write(&file, format!("{token}\n")).unwrap();
    assert_eq!(by(&command(&[]).env("OTARIA_TOKEN_FILE", &file).output().unwrap()), "token");
    assert_eq!(by(&given(command(&["--token-stdin"]), &format!("{token}\n"))), "token");
    let warned = command(&["--token", &token]).output().unwrap();
    assert_eq!(by(&warned), "token");
    let said = String::from_utf8(warned.stderr).unwrap();
    assert!(said.contains("warning: --token can be read by others") && !said.contains(&token), "{said}");
    std::fs::write(&file, world.server.first("clientSecret")).unwrap();
    let mut client = command(&["--client-id", &world.server.first("clientId")]);
    assert_eq!(by(&client.env("OTARIA_CLIENT_SECRET_FILE", &file).output().unwrap()), "client credentials");
    std::fs::write(world.folder.path().join("id"), world.server.first("clientId")).unwrap();
    let mut client = command(&[]);
    client.env("OTARIA_CLIENT_ID_FILE", world.folder.path().join("id")).env("OTARIA_CLIENT_SECRET_FILE", &file);
    assert_eq!(by(&client.output().unwrap()), "client credentials");
    let broken = command(&[]).env("OTARIA_TOKEN", "one\ntwo").output().unwrap();
    // What cannot be read, is empty, or is said twice, is no secret, and says which.
    let missing = command(&[]).env("OTARIA_TOKEN_FILE", "/nowhere").output().unwrap();
    let twice = command(&[]).env("OTARIA_TOKEN_FILE", &file).env("OTARIA_TOKEN", &token).output().unwrap();
    let empty = given(command(&["--token-stdin"]), "");
    for (refused, why) in [
        (missing, "OTARIA_TOKEN_FILE names a file that cannot be read"),
        (twice, "both OTARIA_TOKEN and OTARIA_TOKEN_FILE are set"),
        (empty, "standard input is empty"),
        (broken, "OTARIA_TOKEN holds no token"),
    ] {
        assert_eq!(refused.status.code(), Some(2), "{}", prints(&refused));
        assert!(prints(&refused).contains(why), "{}", prints(&refused));
    }
}

/// Everywhere that a setting can be said, nearest first.
const PLACES: [&str; 5] = ["a flag", "the environment", "otaria.toml", "config.toml", "otaria login"];

#[tokio::test]
async fn a_flag_over_the_environment_over_the_repository_over_the_profile_over_the_sign_in() {
    let world = World::start(Engine::Sqlite).await;
    assert!(sign_in(&world, &[]).status.success());
    let config = world.home().join(".config/otaria/config.toml");
    let repository = world.folder.path().join("otaria.toml");
    for (setting, flag, variable, noted) in [
        ("partner", "--partner", "OTARIA_PARTNER", world.server.partner()),
        ("account", "--account", "OTARIA_ACCOUNT", world.server.account()),
        ("url", "--url", "OTARIA_URL", format!("{}/", world.server.url())),
    ] {
        // Each is said in all of the places from this one on, and nowhere nearer.
        for (nearest, place) in PLACES.iter().enumerate() {
            let value =
                |place: usize| if place == 4 { noted.clone() } else { format!("http://127.0.0.1:{}", place + 1) };
            let mut command = world.command_of_nobody(&["doctor", "--json"]);
            if nearest == 0 {
                command.args([flag, &value(0)]);
            }
            if nearest <= 1 {
                command.env(variable, value(1));
            }
            std::fs::write(&repository, "").unwrap();
            if nearest <= 2 {
                std::fs::write(&repository, format!("{setting} = {:?}", value(2))).unwrap();
            }
            std::fs::write(&config, "").unwrap();
            if nearest <= 3 {
                std::fs::write(&config, format!("[profiles.default]\n{setting} = {:?}", value(3))).unwrap();
            }
            let output = command.output().unwrap();
            let found: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
            let found = found.iter().filter(|finding| finding["name"] == "settings");
            let said: Vec<_> = found.map(|finding| finding["message"].as_str().unwrap()).collect();
            let expected = format!("{setting} is {}, from ", value(nearest));
            let said: Vec<_> = said.iter().filter(|said| said.starts_with(&format!("{setting} is"))).collect();
            assert!(
                said.len() == 1 && said[0].starts_with(&expected) && said[0].ends_with(place),
                "{place}: {said:?}"
            );
        }
    }
}

#[tokio::test]
async fn who_says_all_by_the_environment_needs_no_home() {
    let world = World::start(Engine::Sqlite).await;
    // What should be a folder is none: nothing below it can be read.
    let nowhere = |arguments: &[&str]| {
        let mut command = world.command(arguments);
        command.env("HOME", "/dev/null").env("XDG_CONFIG_HOME", "/dev/null");
        command
    };
    let list = nowhere(&["type", "list", "--quiet"]).output().unwrap();
    assert_eq!((list.status.code(), prints(&list).as_str()), (Some(0), ""));
    // Who names a profile, or no credential, needs what is kept there.
    let profile = nowhere(&["type", "list", "--profile", "factory"]).output().unwrap();
    let nobody = nowhere(&["type", "list"]).env_remove("OTARIA_CLIENT_SECRET").output().unwrap();
    for refused in [profile, nobody] {
        assert!(!refused.status.success() && prints(&refused).contains("make it readable"), "{}", prints(&refused));
    }
}

#[tokio::test]
async fn nobody_signs_in_where_nothing_can_be_kept() {
    let world = World::start(Engine::Sqlite).await;
    let (url, asked) = listener("HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n".to_owned());
    // No file can be written, as on a disk that is full.
    let line = "trap '' XFSZ; ulimit -f 0; exec otaria login --username ada@example.com --password-stdin";
    let mut login = world.shell(line);
    login.env("OTARIA_URL", url);
    let refused = given(login, "a password\n");
    assert_eq!(refused.status.code(), Some(1), "{}", prints(&refused));
    assert!(prints(&refused).contains("a sign-in is kept there: make room"), "{}", prints(&refused));
    assert_eq!(asked.try_recv().ok(), None, "a token was asked for");
    let left = std::fs::read_dir(credentials(&world).parent().unwrap()).unwrap();
    let left: Vec<_> = left.map(|file| file.unwrap().file_name()).collect();
    assert_eq!(left, ["credentials.lock"]);
}
