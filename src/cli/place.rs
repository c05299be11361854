//! Where a model is: a folder, or the name of one that is shipped.

use std::path::{Path, PathBuf};

/// The shipped models, from the root of the repository.
const SHIPPED: &str = "www/models";

/// The folder of `--model`: as given, or `www/models/NAME` of the repository around the
/// current directory.
pub fn folder(given: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(given);
    // Something written as a path is one, whether it is there or not.
    if path.is_dir() || path.components().count() != 1 {
        return Ok(path);
    }
    let Some(models) = shipped() else { return Ok(path) };
    let named = models.join(&path);
    if named.is_dir() {
        return Ok(named);
    }
    let names = names(&models);
    if names.is_empty() {
        return Ok(path);
    }
    Err(format!("there is no model here, and none is shipped by this name; there are {}", names.join(", ")))
}

fn shipped() -> Option<PathBuf> {
    let here = std::env::current_dir().ok()?;
    here.ancestors().map(|folder| folder.join(SHIPPED)).find(|models| models.is_dir())
}

fn names(models: &Path) -> Vec<String> {
    let entries = models.read_dir().into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.path().is_dir());
    let mut names: Vec<_> = folders.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
