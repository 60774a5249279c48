//! `otaria api`: whatever request to the partner API, with the settings and the sign-in of every other command.

use std::io::Read as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use reqwest::{Method, Response, header};
use serde_json::{Map, Value, json};

use crate::client::api::{Change, Limit};
use crate::client::connection::answers::body_of;
use crate::client::paths::Path;
use crate::client::{Client, settings::Settings};
use crate::failure::Failure;
use crate::terminal::{Format, print, print_json, print_json_as_it_is, print_raw};

/// A request.
#[derive(Args)]
pub struct Options {
    /// What to do
    #[arg(value_enum, ignore_case = true)]
    method: Verb,
    /// The path, such as `/v1/ota/partners/{partnerId}/tags`: {partnerId} and {accountId} are those in force
    path: String,
    /// A field with a text: of the query where something is read, of the JSON body otherwise
    #[arg(long, short = 'f', value_name = "NAME=TEXT", value_parser = field)]
    field: Vec<(String, String)>,
    /// A field with JSON, such as `type=101`, `tags=["qa"]` or `part=null`
    #[arg(long, short = 'F', value_name = "NAME=JSON", value_parser = json_field)]
    json_field: Vec<(String, Value)>,
    /// A file with the JSON body; - for standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["field", "json_field"])]
    input: Option<PathBuf>,
    /// Read every page of a list, and write the records of all as one array
    #[arg(long)]
    paginate: bool,
}

/// What HTTP knows to do.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "UPPER")]
enum Verb {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
}

impl Verb {
    fn method(self) -> Method {
        match self {
            Self::Get => Method::GET,
            Self::Head => Method::HEAD,
            Self::Post => Method::POST,
            Self::Put => Method::PUT,
            Self::Patch => Method::PATCH,
            Self::Delete => Method::DELETE,
        }
    }

    fn only_reads(self) -> bool {
        matches!(self, Self::Get | Self::Head)
    }
}

/// Sends it, and writes what the server answers.
pub async fn run(options: Options, client: Client) -> Result<(), Failure> {
    let path = path(&options.path, &client.settings)?;
    if !options.method.only_reads() {
        if options.paginate {
            return Err(Failure::usage("--paginate is for lists, and those are read with GET"));
        }
        let body = body(&options)?;
        return change(Change::of(options.method.method(), path, body), &client).await;
    }
    if options.input.is_some() {
        return Err(Failure::usage("--input is the body of a request, and what only reads has none"));
    }
    let path = with_fields(path, &options);
    if options.paginate {
        return print_all(path, &client).await;
    }
    let response = client.api.send(options.method.method(), &path, |request| request).await?;
    if options.method == Verb::Head {
        print_headers(&response, client.terminal.format());
        return Ok(());
    }
    print_body(response).await
}

async fn change(change: Change, client: &Client) -> Result<(), Failure> {
    let Some(changed) = client.api.change(change).await? else { return Ok(()) };
    if !changed.body.is_null() {
        print_json_as_it_is(&changed.body);
    }
    if let Some(location) = changed.location {
        client.terminal.say(&format!("location: {location}"));
    }
    Ok(())
}

async fn print_all(path: Path, client: &Client) -> Result<(), Failure> {
    if path.asks_for("page") || path.asks_for("size") {
        return Err(Failure::usage("--paginate reads all pages; leave `page` and `size` out"));
    }
    let records = client.api.list(path, Limit::None).await?;
    print_json_as_it_is(&Value::from(records));
    Ok(())
}

fn print_headers(response: &Response, format: Format) {
    let headers = response.headers().iter();
    let headers: Vec<_> =
        headers.map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes()))).collect();
    match format {
        Format::Json => {
            let headers: Map<_, _> = headers.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
            print_json(&Value::from(headers));
        }
        Format::Human => headers.iter().for_each(|(name, value)| print(&format!("{name}: {value}"))),
    }
}

/// JSON as people read it; everything else as it comes, piece by piece: a file, or events without an end.
async fn print_body(mut response: Response) -> Result<(), Failure> {
    let content_type = response.headers().get(header::CONTENT_TYPE).map(header::HeaderValue::as_bytes);
    if content_type.is_some_and(|known| known.starts_with(b"application/json")) {
        print_json_as_it_is(&body_of(response).await?);
        return Ok(());
    }
    while let Some(piece) = response.chunk().await? {
        if print_raw(&piece).is_break() {
            break;
        }
    }
    Ok(())
}

/// The path that was given, which may be a URL of the server itself and of no other: the token goes with it.
fn path(given: &str, settings: &Settings) -> Result<Path, Failure> {
    let given = match is_url(given) {
        true => below(given, settings)?,
        false => given.to_owned(),
    };
    let path = Path::parse(&given).ok_or_else(|| Failure::usage(format!("{given:?} is no path of the API")))?;
    path.filled(|name| match name {
        "{partnerId}" => settings.partner().map(Some),
        "{accountId}" => settings.account().map(Some),
        _ => Ok(None),
    })
}

/// Whether a text begins as URLs do (RFC 3986, 3.1); paths may have one in their query.
fn is_url(text: &str) -> bool {
    let is_scheme = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    text.split_once("://").is_some_and(|(before, _)| is_scheme(before))
}

fn below(url: &str, settings: &Settings) -> Result<String, Failure> {
    let server = settings.url.as_str().trim_end_matches('/');
    let below = url.strip_prefix(server).filter(|below| below.starts_with('/'));
    below.map(str::to_owned).ok_or_else(|| {
        Failure::usage(format!("{url} is not at {server}: your token would go there"))
            .with_remedy("give the path alone, and the server with --url")
    })
}

fn with_fields(path: Path, options: &Options) -> Path {
    let path = options.field.iter().fold(path, |path, (name, text)| path.with(name, text));
    options.json_field.iter().fold(path, |path, (name, value)| path.with(name, value))
}

fn body(options: &Options) -> Result<Option<Value>, Failure> {
    if let Some(file) = &options.input {
        let refused = |why: &dyn std::fmt::Display| Failure::usage(format!("{}: {why}", file.display()));
        let mut text = Vec::new();
        let read = match file.as_os_str() == "-" {
            true => std::io::stdin().read_to_end(&mut text),
            false => std::fs::File::open(file).and_then(|mut file| file.read_to_end(&mut text)),
        };
        read.map_err(|error| refused(&error))?;
        return serde_json::from_slice(&text).map(Some).map_err(|error| refused(&format!("no JSON: {error}")));
    }
    let texts = options.field.iter().map(|(name, text)| (name.clone(), json!(text)));
    let fields: Map<_, _> = texts.chain(options.json_field.iter().cloned()).collect();
    Ok(if fields.is_empty() { None } else { Some(Value::from(fields)) })
}

fn field(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("it must look like NAME=TEXT")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn json_field(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or("it must look like NAME=JSON")?;
    let value = serde_json::from_str(value);
    Ok((name.to_owned(), value.map_err(|error| format!("{error}; for text use --field {text}"))?))
}
