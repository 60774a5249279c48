//! zchunk's own tools: files in pieces, of which a download fetches only those that are new.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Makes a .zck out of a file, beside it.
pub fn zck(file: &Path) -> PathBuf {
    let made = file.with_extension("zck");
    run(tool("zck").arg("--output").arg(&made).arg(file));
    made
}

/// Downloads a .zck into a folder, with an older one to take pieces from.
pub fn zckdl(folder: &Path, source: &Path, url: &str) {
    run(tool("zckdl").arg("--fail-no-ranges").arg("--source").arg(source).arg(url).current_dir(folder));
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// One of the tools that `scripts/install-zchunk` put into target/zchunk, else the system's.
fn tool(name: &str) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/zchunk");
    let unpacked = root.join("usr/bin").join(name);
    if !unpacked.is_file() {
        return Command::new(name);
    }
    let folders = std::fs::read_dir(root.join("usr/lib")).unwrap().map(|entry| entry.unwrap().path());
    let mut command = Command::new(unpacked.canonicalize().unwrap());
    // Debian's folder for libraries is called after the machine, x86_64-linux-gnu for example.
    for folder in folders.filter(|folder| folder.to_string_lossy().ends_with("-linux-gnu")) {
        command.env("LD_LIBRARY_PATH", folder.canonicalize().unwrap());
    }
    command
}
