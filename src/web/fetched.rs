//! A model's files as the page has them: what is asked for is copied out, and nothing else.

use js_sys::{Map, Uint8Array};
use wasm_bindgen::JsCast;

use crate::models::folder::{Files, FolderError, checked_size};

/// Bytes by their paths in the folder.
pub struct Fetched(pub Map);

impl Files for Fetched {
    fn has(&self, path: &str) -> bool {
        self.0.has(&path.into())
    }

    fn read(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, FolderError> {
        let bytes = self.0.get(&path.into()).dyn_into::<Uint8Array>();
        let checked =
            |bytes: Uint8Array| checked_size(path, bytes.length().into(), limit).map(|()| bytes.to_vec());
        bytes.ok().map(checked).transpose()
    }
}
