//! Files that are written whole or not at all.

use std::path::{Path, PathBuf};

use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::error::CliError;

/// What an output file holds, by its extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Png,
    Gif,
    Safetensors,
}

/// An f32 tensor to be written.
pub struct Named<'a> {
    pub name: &'static str,
    pub shape: Vec<usize>,
    pub values: &'a [f32],
}

impl Format {
    pub fn of(path: &Path) -> Result<Self, CliError> {
        let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        match extension.as_str() {
            "png" => Ok(Self::Png),
            "gif" => Ok(Self::Gif),
            "safetensors" => Ok(Self::Safetensors),
            _ => {
                let path = path.display();
                Err(CliError::Usage(format!(
                    "{path} has no known extension; write a .png, .gif or .safetensors file"
                )))
            }
        }
    }
}

/// Checks that a file could be made at `path`, before anything is computed for it.
pub fn check_folder(path: &Path) -> Result<(), CliError> {
    let cannot = |reason: &str| CliError::Write { file: path.display().to_string(), reason: reason.into() };
    if path.file_name().is_none() || path.exists() && !path.is_file() {
        return Err(cannot("it is a folder or a device; name a file"));
    }
    if folder(path).is_dir() { Ok(()) } else { Err(cannot("its folder does not exist")) }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Writes a file beside its place, then moves it there.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let part: PathBuf = folder(path).join(format!(".{name}.{}.part", std::process::id()));
    let moved = std::fs::write(&part, bytes).and_then(|()| std::fs::rename(&part, path));
    moved.map_err(|error| {
        // What the first error left behind; it may not even be there.
        let _ = std::fs::remove_file(&part);
        CliError::Write { file: path.display().to_string(), reason: error.to_string() }
    })
}

/// Writes a safetensors file.
pub fn write_tensors(path: &Path, tensors: &[Named]) -> Result<(), CliError> {
    let views = tensors.iter().map(|Named { name, shape, values }| {
        Ok((*name, TensorView::new(Dtype::F32, shape.clone(), bytemuck::cast_slice(values))?))
    });
    let bytes = views.collect::<Result<Vec<_>, _>>().and_then(|views| safetensors::serialize(views, None));
    let bytes = bytes
        .map_err(|error| CliError::Write { file: path.display().to_string(), reason: error.to_string() })?;
    write(path, &bytes)
}
