//! SWUpdate as the device: the program as Debian has it, in a folder of its own and without any privilege.
//!
//! It is the one that `scripts/install-swupdate` put into target/swupdate, else the one of the system.

use std::io::{BufRead as _, BufReader, Read};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

/// Where an image puts its payload, below the device's folder.
const TARGET: &str = "slot/payload";

/// Who makes images that its devices trust: a key, and its certificate. Debian's SWUpdate takes no image without.
pub struct Maker {
    folder: tempfile::TempDir,
}

/// An image that SWUpdate can install.
#[derive(Clone, Debug)]
pub struct Image<'i> {
    /// The revisions of the hardware that it is for.
    pub hardware: &'i str,
    /// What ends up on the device.
    pub payload: &'i [u8],
    /// A shell script that runs afterwards.
    pub script: Option<&'i str>,
    /// Whether the image says the truth about its payload.
    pub payload_is: Payload,
}

/// Whether an image says the truth about its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// It does.
    Intact,
    /// Its payload is another one than the one it was signed with.
    Damaged,
}

impl Default for Image<'_> {
    fn default() -> Self {
        Self { hardware: "1.0", payload: b"it runs", script: None, payload_is: Payload::Intact }
    }
}

impl Maker {
    /// A maker with a new key.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let maker = Self { folder };
        openssl(
            maker.folder.path(),
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=maker \
             -addext extendedKeyUsage=emailProtection -keyout key.pem -out cert.pem",
        );
        maker
    }

    fn certificate(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    /// The image as a file.
    pub fn make(&self, image: &Image<'_>) -> Vec<u8> {
        let sum = HEXLOWER.encode(&Sha256::digest(image.payload));
        let mut description = format!(
            "software = {{\n  version = \"1.0\";\n  hardware-compatibility: [ \"{}\" ];\n  \
             files: ( {{ filename = \"payload\"; path = \"{TARGET}\"; sha256 = \"{sum}\"; }} );\n",
            image.hardware
        );
        if let Some(script) = image.script {
            let sum = HEXLOWER.encode(&Sha256::digest(script));
            description.push_str(&format!(
                "  scripts: ( {{ filename = \"script.sh\"; type = \"postinstall\"; sha256 = \"{sum}\"; }} );\n"
            ));
        }
        description.push_str("}\n");
        let signature = self.sign(&description);
        let mut payload = image.payload.to_vec();
        if image.payload_is == Payload::Damaged {
            let middle = payload.len() / 2;
            payload[middle] ^= 1;
        }
        let mut files = vec![
            ("sw-description", description.as_bytes()),
            ("sw-description.sig", &signature),
            ("payload", &payload),
        ];
        files.extend(image.script.map(|script| ("script.sh", script.as_bytes())));
        cpio(&files)
    }

    fn sign(&self, description: &str) -> Vec<u8> {
        let folder = tempfile::tempdir_in(self.folder.path()).unwrap();
        std::fs::write(folder.path().join("in"), description).unwrap();
        openssl(
            folder.path(),
            "cms -sign -binary -nosmimecap -md sha256 -outform DER -signer ../cert.pem -inkey ../key.pem \
             -in in -out out",
        );
        std::fs::read(folder.path().join("out")).unwrap()
    }
}

impl Default for Maker {
    fn default() -> Self {
        Self::new()
    }
}

fn openssl(folder: &Path, arguments: &str) {
    let output = Command::new("openssl").args(arguments.split_whitespace()).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A cpio archive in the "crc" format (`cpio -H crc`), the one that SWUpdate reads.
fn cpio(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (number, &(name, bytes)) in files.iter().chain(&[("TRAILER!!!", &b""[..])]).enumerate() {
        let sum = bytes.iter().fold(0_u32, |sum, byte| sum.wrapping_add(u32::from(*byte)));
        // Inode, mode, user, group, links, time, size, four device numbers, the name's length with its end, sum.
        let fields = [number, 0o100_644, 0, 0, 1, 0, bytes.len(), 0, 0, 0, 0, name.len() + 1];
        archive.extend_from_slice(b"070702");
        for field in fields {
            archive.extend_from_slice(format!("{field:08X}").as_bytes());
        }
        archive.extend_from_slice(format!("{sum:08X}{name}\0").as_bytes());
        archive.resize(archive.len().next_multiple_of(4), 0);
        archive.extend_from_slice(bytes);
        archive.resize(archive.len().next_multiple_of(4), 0);
    }
    archive
}

/// What a device shows instead of a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential<'c> {
    /// Its own token.
    Target(&'c str),
    /// One for many devices.
    Gateway(&'c str),
    /// A certificate, in a folder with `ca.pem`, the server's authority, `NAME.pem` and `NAME.key`.
    Certificate {
        /// The folder.
        folder: &'c Path,
        /// The name.
        name: &'c str,
    },
}

/// How the boot before a start went, as the boot loader of a real device would know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boot {
    /// Nothing was tried.
    Usual,
    /// The new software runs: `-c 2`.
    Succeeded,
    /// It does not, and the old one runs again: `-c 3`.
    Failed,
}

/// A device: its folder, and SWUpdate on it while it is on.
pub struct Device {
    folder: tempfile::TempDir,
    running: Option<Running>,
    log: Arc<Mutex<String>>,
}

struct Running {
    child: Child,
    readers: Vec<std::thread::JoinHandle<()>>,
}

impl Device {
    /// A device of revision 1.0 that is off, configured as docs/devices/swupdate.md says. It trusts `maker`.
    pub fn new(maker: &Maker, url: &str, tenant: &str, id: &str, credential: Credential<'_>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["tmp", "slot"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let certificate = maker.certificate().display().to_string();
        let credential = match credential {
            Credential::Target(token) => format!("targettoken = \"{token}\";"),
            Credential::Gateway(token) => format!("gatewaytoken = \"{token}\";"),
            Credential::Certificate { folder, name } => {
                let own = |file: String| folder.join(file).display().to_string();
                replaced(
                    documented(1),
                    &[
                        ("/etc/swupdate/server-ca.pem", &own("ca.pem".to_owned())),
                        ("/etc/swupdate/lamp-1.pem", &own(format!("{name}.pem"))),
                        ("/etc/swupdate/lamp-1.key", &own(format!("{name}.key"))),
                    ],
                )
            }
        };
        let configuration = replaced(
            documented(0),
            &[
                ("\"/etc/swupdate/maker.pem\"", &format!("\"{certificate}\"")),
                ("\"https://ota.example.com\"", &format!("\"{url}\"")),
                ("\"DEFAULT\"", &format!("\"{tenant}\"")),
                ("\"lamp-1\"", &format!("\"{id}\"")),
                ("targettoken = \"0123456789abcdef0123456789abcdef\";", &credential),
                // Until the server has said how often.
                ("polldelay = 30", "polldelay = 1"),
            ],
        );
        std::fs::write(folder.path().join("swupdate.cfg"), configuration).unwrap();
        Self { folder, running: None, log: Arc::default() }
    }

    /// Turns it on.
    pub fn start(&mut self, boot: Boot) {
        assert!(self.running.is_none(), "it is on already");
        let path = self.folder.path();
        let (program, libraries) = program();
        let mut command = Command::new(program);
        command.arg("-f").arg(path.join("swupdate.cfg")).args(["-H", "board:1.0", "-u"]);
        command.arg(match boot {
            Boot::Usual => "",
            Boot::Succeeded => "-c 2",
            Boot::Failed => "-c 3",
        });
        if let Some(libraries) = libraries {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        // It makes processes of its own, which end with their group.
        command.current_dir(path).env("TMPDIR", path.join("tmp")).process_group(0);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let readers = vec![self.read(child.stdout.take().unwrap()), self.read(child.stderr.take().unwrap())];
        self.running = Some(Running { child, readers });
    }

    fn read(&self, stream: impl Read + Send + 'static) -> std::thread::JoinHandle<()> {
        let log = Arc::clone(&self.log);
        std::thread::spawn(move || {
            for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
                log.lock().unwrap().push_str(&format!("{}\n", String::from_utf8_lossy(&line)));
            }
        })
    }

    /// Turns it off as a power cut would.
    pub fn stop(&mut self) {
        let Some(mut running) = self.running.take() else { return };
        let group = running.child.id().to_string();
        drop(Command::new("sh").args(["-c", "kill -KILL -\"$0\"", &group]).status());
        running.child.wait().unwrap();
        for reader in running.readers {
            reader.join().unwrap();
        }
    }

    /// Turns it off and on again.
    pub fn restart(&mut self, boot: Boot) {
        self.stop();
        self.start(boot);
    }

    /// Everything that it has written to its terminal.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// What is installed on it.
    pub fn installed(&self) -> Option<Vec<u8>> {
        std::fs::read(self.folder.path().join(TARGET)).ok()
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.stop();
        if std::thread::panicking() {
            eprintln!("--- the device's log ---\n{}", self.log());
        }
    }
}

/// A piece of the configuration that docs/devices/swupdate.md tells people to use: the whole one, and what stands in it
/// in place of a token where there is a certificate.
fn documented(number: usize) -> &'static str {
    let page = include_str!("../../docs/devices/swupdate.md");
    let rest = page.split("```libconfig\n").nth(number + 1).unwrap();
    rest.split_once("```").unwrap().0
}

/// A documented text with one's own values in place of the documented ones.
fn replaced(text: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(text.to_owned(), |text, (documented, own)| {
        assert!(text.contains(documented), "{documented} is not in the documented configuration");
        text.replace(documented, own)
    })
}

/// SWUpdate, and where its libraries are if not where the system's are.
fn program() -> (PathBuf, Option<PathBuf>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/swupdate");
    let unpacked = root.join("usr/bin/swupdate");
    if !unpacked.is_file() {
        return ("swupdate".into(), None);
    }
    let folders = std::fs::read_dir(root.join("usr/lib")).unwrap().map(|entry| entry.unwrap().path());
    // Debian's folder for libraries is called after the machine, x86_64-linux-gnu for example.
    (unpacked, folders.into_iter().find(|folder| folder.to_string_lossy().ends_with("-linux-gnu")))
}
