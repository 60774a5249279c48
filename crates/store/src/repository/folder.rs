//! What only a folder needs.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use object_store::ObjectStore;
use object_store::local::LocalFileSystem;

use crate::Error;

/// A folder, made if missing. Writes are flushed to the disk before they count.
pub(super) fn open(folder: &Path) -> Result<Arc<dyn ObjectStore>, Error> {
    std::fs::create_dir_all(folder)?;
    Ok(Arc::new(LocalFileSystem::new_with_prefix(folder)?.with_fsync(true)))
}

/// `object_store` stages a file beside its place, under its name with `#` and a number.
pub(super) fn remove_unfinished(folder: &Path, idle: Duration) -> Result<usize, Error> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error.into()),
    };
    let mut removed = 0;
    for entry in entries {
        let entry = entry?;
        let metadata = match entry.metadata() {
            Ok(metadata) => metadata,
            // An upload that was finished meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error.into()),
        };
        if metadata.is_dir() {
            removed += remove_unfinished(&entry.path(), idle)?;
        } else if entry.file_name().to_string_lossy().contains('#')
            && metadata.modified()?.elapsed().is_ok_and(|age| age > idle)
        {
            match std::fs::remove_file(entry.path()) {
                Ok(()) => removed += 1,
                // Another process sweeps the same folder.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(removed)
}
