//! The file that is published: what it is, and that it stays so.

use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use data_encoding::{BASE64, HEXLOWER};
use sha2::{Digest as _, Sha256};

use crate::failure::{Exit, Failure};

/// How much of a file is read at once, in bytes.
pub const PIECE: usize = 1024 * 1024;

/// A file, as it was when it was hashed.
#[derive(Clone, Debug)]
pub struct LocalFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    digest: [u8; 32],
    modified: Option<SystemTime>,
}

impl LocalFile {
    /// Reads and hashes a file, beside whatever else there is to do.
    ///
    /// # Errors
    /// If it is no file, is empty, cannot be read, or changes meanwhile.
    pub async fn hashed(path: PathBuf) -> Result<Self, Failure> {
        tokio::task::spawn_blocking(move || Self::hash(path)).await?
    }

    fn hash(path: PathBuf) -> Result<Self, Failure> {
        let refused = |error: io::Error| unreadable(&path, &error);
        // A pipe would be waited for here, before anybody could say that it is no file.
        let is_what_it_must_be = std::fs::metadata(&path).map_err(refused)?;
        require_file(&path, &is_what_it_must_be)?;
        let file = File::open(&path).map_err(refused)?;
        let before = file.metadata().map_err(refused)?;
        let digest = digest_of(file).map_err(refused)?;
        let hashed = Self { size: before.len(), digest, modified: before.modified().ok(), path };
        hashed.require_unchanged()?;
        Ok(hashed)
    }

    /// That it is still what was hashed, as far as its size and its time say so. Whoever receives it compares the digest.
    ///
    /// # Errors
    /// If it is not.
    pub fn require_unchanged(&self) -> Result<(), Failure> {
        let now = std::fs::metadata(&self.path).map_err(|error| unreadable(&self.path, &error))?;
        if now.len() == self.size && now.modified().ok() == self.modified { Ok(()) } else { Err(self.changed()) }
    }

    /// That it has the bytes that were hashed, whatever its time says. It is read once more for that.
    ///
    /// # Errors
    /// If it has not, or cannot be read.
    pub async fn require_same_bytes(&self) -> Result<(), Failure> {
        let path = self.path.clone();
        let digest = tokio::task::spawn_blocking(move || File::open(path).and_then(digest_of)).await?;
        let digest = digest.map_err(|error| unreadable(&self.path, &error))?;
        if digest == self.digest { Ok(()) } else { Err(self.changed()) }
    }

    /// That it changed while it was read.
    pub fn changed(&self) -> Failure {
        let message = format!("{} changed while it was read, so nothing of it is published", self.path.display());
        Failure::of(Exit::Error, "file_changed", message)
            .with_remedy("publish it once whatever writes it is done")
            .retryable()
    }

    /// Its SHA-256 in lower-case hex.
    pub fn sha256(&self) -> String {
        HEXLOWER.encode(&self.digest)
    }

    /// Its digest as a header says it (RFC 9530).
    pub fn repr_digest(&self) -> String {
        format!("sha-256=:{}:", BASE64.encode(&self.digest))
    }

    /// Its name, without the folders that it is in.
    pub fn name(&self) -> String {
        self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }
}

fn digest_of(mut file: File) -> io::Result<[u8; 32]> {
    let mut hasher = Sha256::new();
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hasher.finalize().into()),
            read => hasher.update(&piece[..read]),
        }
    }
}

fn require_file(path: &Path, metadata: &Metadata) -> Result<(), Failure> {
    let refused = |why: &str| Err(Failure::usage(format!("{} {why}", path.display())));
    if metadata.is_dir() {
        return refused("is a folder: name the file in it that is to be published");
    }
    if !metadata.is_file() {
        return refused("is no regular file: it is read twice, so write it to a file first");
    }
    if metadata.len() == 0 {
        return refused("is empty: did the build fail?");
    }
    Ok(())
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    match error.kind() {
        ErrorKind::NotFound => Failure::not_found("file", &path.display().to_string()),
        _ => Failure::new(format!("{} cannot be read: {error}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_file_that_grows_is_not_what_was_hashed() {
        let path = std::env::temp_dir().join(format!("otaria-grows-{}", std::process::id()));
        std::fs::write(&path, b"abc").unwrap();
        let file = LocalFile::hash(path.clone()).unwrap();
        // FIPS 180-4's own example.
        assert_eq!(file.sha256(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        file.require_unchanged().unwrap();
        std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"d").unwrap();
        assert_eq!(file.require_unchanged().unwrap_err().code(), "file_changed");
        std::fs::remove_file(&path).unwrap();
        assert_eq!(file.require_unchanged().unwrap_err().exit(), Exit::NotFound);
    }
}
