//! `otaria bootstrap`

use clap::Args;
use otaria_core::EmailAddress;
use otaria_core::fields::Fields;
use otaria_server::Error;
use otaria_server::serve::open;
use otaria_wire::partner::BootstrapOut;

use super::options::ServerOptions;
use crate::failure::{Exit, Failure};
use crate::terminal::print_as_it_is;

/// What the first partner and owner are called.
#[derive(Args)]
pub struct Options {
    /// The name of the first partner, which is the default one
    #[arg(long)]
    name: String,
    /// The e-mail address of its owner, who is the installation's admin
    #[arg(long)]
    email: EmailAddress,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerOptions,
}

/// Makes the first credentials and prints them once, alone on standard output.
pub async fn run(options: &Options) -> Result<(), Failure> {
    check(options)?;
    let settings = options.server.settings()?;
    let public_url = settings.public_url();
    let service = open(settings).await?;
    let first =
        service.bootstrap(options.name.clone(), options.email.clone()).await.map_err(|error| match error {
            Error::Conflict { .. } => Failure::of(Exit::Conflict, "conflict", error),
            other => Failure::new(other),
        })?;
    let out = BootstrapOut {
        partner_id: first.partner.partner_id.to_string(),
        client_id: first.partner.client_id,
        client_secret: first.client_secret.into_revealed(),
        account_id: first.account_id.to_string(),
        user_id: first.user_id.to_string(),
        username: first.username,
        password: first.password.into_revealed(),
        public_url,
    };
    print_as_it_is(&if options.json { serde_json::to_string(&out)? } else { describe(&out) });
    Ok(())
}

fn check(options: &Options) -> Result<(), Failure> {
    let mut fields = Fields::new();
    fields.name("--name", Some(&options.name));
    let checked = fields.finish();
    checked.map_err(|fields| Failure::usage(Error::Invalid(fields)))
}

fn describe(out: &BootstrapOut) -> String {
    let rows = [
        ("partner id", &out.partner_id),
        ("client id", &out.client_id),
        ("client secret", &out.client_secret),
        ("account id", &out.account_id),
        ("user id", &out.user_id),
        ("user name", &out.username),
        ("password", &out.password),
        ("public URL", &out.public_url),
    ];
    let mut lines = vec!["These are shown this once:".to_owned()];
    lines.extend(rows.iter().map(|(name, value)| format!("  {name:<14} {value}")));
    lines.join("\n")
}
