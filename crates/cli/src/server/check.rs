//! `otaria check`

use data_encoding::HEXLOWER;
use otaria_server::DatabaseLocation;
use otaria_server::serve::open;

use super::options::ServerOptions;
use crate::failure::Failure;
use crate::terminal::print;

/// Verifies what is stored: every partner's audit log against its hashes, and every binary's bytes against its row.
/// Prints a line for each, and fails if anything is not what was written.
pub async fn run(options: &ServerOptions) -> Result<(), Failure> {
    let settings = options.settings()?;
    if let DatabaseLocation::Sqlite(file) = &settings.database
        && !file.exists()
    {
        return Err(Failure::new(format!("there is no database at {}: is this the right folder?", file.display())));
    }
    let service = open(settings).await?;
    let mut wrong = 0;
    for log in service.verify_audit_logs().await? {
        let outcome = match log.outcome {
            Ok(intact) => format!("{} entries, intact, ends with {}", intact.entries, HEXLOWER.encode(&intact.head)),
            Err(broken) => {
                wrong += 1;
                format!("BROKEN: {broken}")
            }
        };
        let name = log.name.unwrap_or_else(|| {
            wrong += 1;
            "BROKEN: there is no such partner".to_owned()
        });
        print(&format!("audit log of partner {} ({name}): {outcome}", log.partner_id));
    }
    let binaries = service.verify_binaries().await?;
    for damaged in &binaries.damaged {
        wrong += 1;
        print(&format!("binary {}: DAMAGED: {}", damaged.sha256, damaged.reason));
    }
    print(&format!("binaries: {} of {} intact", binaries.intact, binaries.intact + binaries.damaged.len()));
    if wrong == 0 {
        Ok(())
    } else {
        Err(Failure::new("what is stored is not what was written; the lines above say where"))
    }
}
