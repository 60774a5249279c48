//! A disk of a few mebibytes, which fills up.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// What a file on the disk grows by, in bytes.
pub const PAGE: u64 = 4096;

/// A disk in memory that holds little. It goes when this value goes.
pub struct SmallDisk {
    folder: tempfile::TempDir,
    size: u64,
}

impl SmallDisk {
    /// A disk of `size` bytes. Mounting takes root, or sudo without a password.
    pub fn mount(size: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = format!("size={size},mode=0777");
        let mounted = as_root("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(folder.path()).status();
        assert!(
            mounted.is_ok_and(|status| status.success()),
            "a small disk cannot be mounted: be root, or have sudo"
        );
        Self { folder, size }
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }

    /// Fills the disk, but for `pages` pages.
    pub fn fill_but_for(&self, pages: u64) {
        self.make_room();
        let mut ballast = File::create(self.ballast()).unwrap();
        let page = vec![0; usize::try_from(PAGE).unwrap()];
        let mut written = 0;
        while written < self.size && ballast.write_all(&page).is_ok() {
            written += PAGE;
        }
        // Whatever part of a page was written last goes with it.
        ballast.set_len(written.saturating_sub(pages * PAGE)).unwrap();
    }

    /// Takes away what filled it.
    pub fn make_room(&self) {
        drop(std::fs::remove_file(self.ballast()));
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(as_root("umount").arg("--lazy").arg(self.path()).status());
    }
}

fn as_root(program: &str) -> Command {
    let is_root = std::fs::read_to_string("/proc/self/status").unwrap().contains("\nUid:\t0\t");
    if is_root {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    command.args(["--non-interactive", program]);
    command
}

/// A PostgreSQL whose tables are on a disk of their own; its journal is elsewhere.
pub struct PostgresOnDisk {
    child: Child,
    /// How to connect.
    pub url: String,
}

impl PostgresOnDisk {
    /// Starts one.
    pub fn start(disk: &SmallDisk) -> Self {
        use std::io::{BufRead as _, BufReader};
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/with-postgres");
        let mut child = Command::new(script)
            .args(["sh", "-c", "echo $OTARIA_TEST_POSTGRES_URL; cat"])
            .env_remove("OTARIA_TEST_POSTGRES_URL")
            .env("OTARIA_TEST_POSTGRES_DATA", disk.path().join("postgres"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        assert!(url.starts_with("postgres://"), "PostgreSQL did not start");
        Self { child, url: url.trim().to_owned() }
    }
}

impl Drop for PostgresOnDisk {
    /// The script ends its server when its command ends, and that ends with its input.
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        drop(self.child.wait());
    }
}
