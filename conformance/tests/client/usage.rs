//! Wrong usage of every command there is, help, and completion. The commands are those that help names: a new one cannot
//! be forgotten.

use std::process::{Command, Output};

use otaria_conformance::{Engine, binary};
use rstest::rstest;
use serde_json::Value;

use crate::world::{World, prints};

fn otaria(arguments: &[&str]) -> Output {
    Command::new(binary()).args(arguments).env_clear().env("HOME", "/nowhere").output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// The help of a command. That it is to be had is no failure.
fn help(command: &[String]) -> String {
    let arguments: Vec<_> = command.iter().map(String::as_str).chain(["--help"]).collect();
    let output = otaria(&arguments);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""), "{command:?}");
    text(&output.stdout).to_owned()
}

/// What is below a command, as its help names it.
fn below(command: &[String]) -> Vec<Vec<String>> {
    let help = help(command);
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help");
    names.map(|name| [command, &[name.to_owned()]].concat()).collect()
}

/// Every command, those that only have others below them first.
fn commands() -> Vec<Vec<String>> {
    let mut all = vec![Vec::new()];
    let mut next = 0;
    while next < all.len() {
        let found = below(&all[next]);
        all.extend(found);
        next += 1;
    }
    all
}

/// That these arguments are refused as wrong usage, and what is said of them, to people and to programs.
#[track_caller]
fn is_wrong(command: &[String], more: &[&str]) -> String {
    let arguments: Vec<_> = command.iter().map(String::as_str).chain(more.iter().copied()).collect();
    let output = otaria(&arguments);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), ""), "{arguments:?}: {}", prints(&output));
    let said = text(&output.stderr).to_owned();
    let output = otaria(&[&arguments[..], &["--json"]].concat());
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), ""), "{arguments:?}: {}", prints(&output));
    let error: Value = serde_json::from_slice(&output.stderr).unwrap_or_else(|_| panic!("{arguments:?}: no object"));
    assert_eq!((&error["code"], &error["retryable"]), (&"usage".into(), &false.into()), "{arguments:?}");
    assert!(!error["message"].as_str().unwrap().is_empty());
    said
}

#[test]
fn wrong_usage_of_every_command_says_what_is_wrong_and_what_is_nearest() {
    let commands = commands();
    assert!(commands.len() > 30, "help does not name all commands: {commands:?}");
    for command in &commands {
        let said = is_wrong(command, &["--no-such-flag"]);
        assert!(said.contains("--no-such-flag") && said.contains("--help"), "{command:?}: {said}");
        for child in below(command) {
            // A letter twice, as fingers do it.
            let name = child.last().unwrap();
            let mistyped = format!("{name}{}", name.chars().last().unwrap());
            let said = is_wrong(command, &[&mistyped]);
            assert!(said.contains(&mistyped) && said.contains(&format!("'{name}'")), "{child:?}: {said}");
        }
    }
}

/// The flags of a command, each with what its help says it takes: `<VALUE>`, or a word of its description.
fn flags(command: &[String]) -> Vec<(String, String)> {
    let help = help(command);
    let lines = help.lines().filter(|line| line.trim_start().starts_with('-'));
    let words = lines.filter_map(|line| line.split_once("--")).map(|(_, rest)| {
        let mut words = rest.split_whitespace();
        (format!("--{}", words.next().unwrap()), words.next().unwrap_or_default().to_owned())
    });
    words.filter(|(flag, _)| flag != "--help" && flag != "--version").collect()
}

#[test]
fn a_mistyped_flag_of_every_command_finds_the_right_one() {
    let mut tried = 0;
    for command in commands() {
        for (flag, _) in flags(&command) {
            let mistyped = format!("{flag}x");
            let said = is_wrong(&command, &[&mistyped]);
            assert!(said.contains(&format!("'{flag}'")), "{command:?} {mistyped}: {said}");
            tried += 1;
        }
    }
    assert!(tried > 300, "help does not name all flags: {tried}");
}

#[test]
fn a_flag_without_its_value_is_named() {
    let mut tried = 0;
    for command in commands() {
        for (flag, _) in flags(&command).iter().filter(|(_, value)| value.starts_with('<')) {
            let arguments: Vec<_> = command.iter().map(String::as_str).chain([flag.as_str()]).collect();
            let output = otaria(&arguments);
            assert_eq!(output.status.code(), Some(2), "{arguments:?}");
            assert!(text(&output.stderr).contains(flag), "{arguments:?}: {}", text(&output.stderr));
            tried += 1;
        }
    }
    assert!(tried > 100, "help does not name all flags: {tried}");
}

#[test]
fn help_shows_where_to_begin() {
    insta::assert_snapshot!("help", help(&[]));
}

#[test]
fn bash_completes_commands_and_flags() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("otaria.bash");
    std::fs::write(&script, otaria(&["completion", "bash"]).stdout).unwrap();
    let bash = |line: &str| Command::new("bash").args(["-c", line]).arg(&script).output().unwrap();
    assert!(bash("bash -n \"$0\"").status.success());
    let completed = |words: &str| {
        let line = format!(
            "source \"$0\"; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _otaria otaria \"${{COMP_WORDS[-1]}}\" \"${{COMP_WORDS[-2]}}\"; printf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        let output = bash(&line);
        assert!(output.status.success(), "{}", prints(&output));
        text(&output.stdout).lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(completed("otaria pu"), ["publish", "push"]);
    assert_eq!(completed("otaria type sh"), ["show"]);
    assert_eq!(completed("otaria publish --rec"), ["--record-first"]);
}

#[test]
fn what_could_not_be_written_is_no_success() {
    for command in ["otaria completion bash", "otaria --help", "otaria image --help"] {
        let line = format!("exec {} {} > /dev/full", binary().display(), command.strip_prefix("otaria ").unwrap());
        let output = Command::new("sh").args(["-c", &line]).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{command}: {}", prints(&output));
        assert!(text(&output.stderr).contains("the output cannot be written"), "{command}: {}", prints(&output));
    }
}

#[tokio::test]
async fn a_secret_that_could_not_be_written_is_no_success_and_a_closed_pipe_is() {
    let world = World::start(Engine::Sqlite).await;
    let run = |line: &str| world.shell(line).output().unwrap();
    let lost = run("otaria partner secret --overlap 1h --json > /dev/full");
    assert_eq!(lost.status.code(), Some(1), "{}", prints(&lost));
    let error = text(&lost.stderr).lines().last().unwrap();
    assert_eq!(serde_json::from_str::<Value>(error).unwrap()["code"], "output_lost");
    for lost in ["otaria type list --platform > /dev/full", "otaria api GET /docs > /dev/full"] {
        assert_eq!(run(lost).status.code(), Some(1), "{lost}");
    }
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let closed = world.shell("otaria type list --platform").stdout(writer).output().unwrap();
    assert_eq!((closed.status.code(), text(&closed.stderr)), (Some(0), ""));
}

#[tokio::test]
async fn options_of_every_command_may_stand_before_it() {
    let world = World::start(Engine::Sqlite).await;
    let server = world.server.url();
    let before = world.shell(&format!("env -u OTARIA_URL otaria --json --url {server} type list")).output().unwrap();
    assert_eq!(text(&before.stdout), "[]\n", "{}", prints(&before));
    let serve = otaria(&["--json", "serve"]);
    assert_eq!(serve.status.code(), Some(2), "{}", prints(&serve));
}

#[test]
fn every_shell_gets_its_script() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = otaria(&["completion", shell]);
        assert!(output.status.success() && text(&output.stdout).contains("otaria"), "{shell}");
        for hidden in ["--token ", "--token'", "--token=", "--client-secret"] {
            assert!(!text(&output.stdout).contains(hidden), "{shell} offers {hidden}");
        }
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn whatever_request_is_sent_with_the_settings_of_every_other_command(#[case] engine: Engine) {
    let world = World::start(engine).await;
    std::fs::write(world.folder.path().join("type.json"), r#"{ "type": 102, "name": "boot" }"#).unwrap();
    let console = world.console(&[
        "otaria api GET '/v1/ota/partners/{partnerId}/tags'",
        "otaria api post '/v1/ota/partners/{partnerId}/types' -F type=101 -f name=app --dry-run",
        "otaria api POST '/v1/ota/partners/{partnerId}/types' -F type=101 -f name=app",
        "otaria api POST '/v1/ota/partners/{partnerId}/types' --input type.json > /dev/null",
        "echo '{' | otaria api POST '/v1/ota/partners/{partnerId}/types' --input -",
        "otaria api GET '/v1/ota/partners/{partnerId}/types' -F includePlatform=true | grep -c versionAttributeId",
        "otaria api GET '/v1/ota/partners/{partnerId}/types/150' --json",
        "otaria api PUT '/v1/ota/partners/{partnerId}/types/101' -f name=application",
        "for v in 1 2 3; do otaria api POST '/v1/ota/partners/{partnerId}/pool' -F type=101 -f name=app -f version=$v > /dev/null; done",
        "otaria api GET '/v1/ota/partners/{partnerId}/pool?sort=version' --paginate | grep '\"version\"'",
        "otaria api GET '/v1/ota/partners/{partnerId}/pool' -F size=1 --paginate",
        "otaria api GET https://elsewhere.example/v1/users/me",
        "otaria api GET '/v1/ota/partners/{partnerId}/pool?tags=http://a'",
        "otaria api GET \"$OTARIA_URL.elsewhere.example/v1/users/me\"",
        "otaria api GET \"$OTARIA_URL/v1/ota/partners/{partnerId}/tags\"",
        "otaria api HEAD /livez --json | grep content-type",
        "otaria api GET /docs",
        "otaria api FETCH /livez",
        "otaria api POST /v1/partners -f name",
        "otaria api POST /v1/partners -F name=Acme",
    ]);
    insta::assert_snapshot!("api", console);
}

#[test]
fn the_version_is_told_to_programs_as_well() {
    let output = otaria(&["--version", "--json"]);
    let version: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &version["name"]), (Some(0), &"otaria".into()), "{}", prints(&output));
}

#[test]
fn what_may_be_meant_by_another_word_is_named() {
    for (given, expected) in [
        (&["sign-in"][..], "'login'"),
        (&["tags"], "'image tag'"),
        (&["push", "delete"], "'cancel'"),
        (&["image", "remove"], "'dissociate'"),
        (&["device", "rm"], "'delete'"),
        (&["nope"], "there is publish, type, image"),
        (&["push", "watch", "1", "--timeout", "-5s"], "it must not be negative"),
    ] {
        let output = otaria(given);
        assert_eq!(output.status.code(), Some(2), "{given:?}");
        assert!(text(&output.stderr).contains(expected), "{given:?}: {}", text(&output.stderr));
    }
}

#[tokio::test]
async fn what_is_not_there_leads_to_what_is() {
    let world = World::start(Engine::Sqlite).await;
    let console = world.console(&[
        "otaria device-type create Lamp --quiet && otaria device create lamp-1 --device-type Lamp > /dev/null",
        "otaria device show lamp-l",
        "otaria type show 102",
        "echo light > app.bin; otaria publish app.bin --type 5 --name app --version .",
        "otaria publish app.bin --type 5 --name app --version 1 --quiet",
        "otaria image tag app@1 --add a --remove a",
    ]);
    insta::assert_snapshot!("what_is_not_there", console);
}
