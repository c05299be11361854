//! What tests of the command line share: the binary, and a copy of a folder.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// Runs the binary; arguments are split at spaces.
fn reverie(folder: &Path, args: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reverie"));
    command.current_dir(folder).args(args.split_whitespace()).output().unwrap()
}

/// Its stdout, if all went well.
pub fn done(folder: &Path, args: &str) -> String {
    let Output { status, stdout, stderr } = reverie(folder, args);
    assert!(status.success(), "{args}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

/// It fails with one line that has these words in it.
pub fn refused(folder: &Path, args: &str, words: &[&str]) {
    let Output { status, stdout, stderr } = reverie(folder, args);
    let stderr = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(1), "{args}: {stderr}");
    assert_eq!(stdout, b"", "{args}");
    assert!(stderr.starts_with("error: ") && stderr.lines().count() == 1, "{args}: {stderr}");
    assert!(stderr.len() < 500, "{args}: {stderr}");
    for word in words {
        assert!(stderr.contains(word), "{args}: no {word:?} in {stderr}");
    }
}

/// Copies a folder with all that is in it.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
