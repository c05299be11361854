//! Everything that can go wrong on the command line.

use std::path::Path;

use reverie::machine::MachineError;
use reverie::models::unet_2d::network::UNetError;
use reverie::session::SessionError;

/// One error; its message names the thing and says what is expected.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// clap's report: the complaint, a blank line, then help.
    #[error("{0}")]
    Arguments(String),
    /// Arguments that do not go together, or with the model.
    #[error("{0}")]
    Usage(String),
    #[error("{file} cannot be read: {reason}")]
    Read { file: String, reason: String },
    #[error("{file} cannot be written: {reason}")]
    Write { file: String, reason: String },
    /// A file that can be read but not used.
    #[error("{file}: {reason}")]
    Input { file: String, reason: String },
    #[error("{folder}: {error}")]
    Model { folder: String, error: Box<SessionError> },
    #[error("{0}; or add `--backend cpu`")]
    Gpu(MachineError),
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error(transparent)]
    UNet(#[from] UNetError),
    #[error(transparent)]
    Machine(#[from] MachineError),
    #[error("sample {0} came out as infinite or not a number: try fewer or more steps, or another guidance")]
    NotFinite(usize),
}

impl CliError {
    /// What is wrong with the model in `folder`.
    pub fn model(folder: &Path, error: impl Into<SessionError>) -> Self {
        Self::Model { folder: folder.display().to_string(), error: Box::new(error.into()) }
    }

    /// The message on one line.
    pub fn line(&self) -> String {
        let message = self.to_string();
        let complaint = match self {
            Self::Arguments(_) => message.split("\n\n").next().unwrap_or_default(),
            _ => &message,
        };
        let line = complaint.split_whitespace().collect::<Vec<_>>().join(" ");
        line.strip_prefix("error: ").map_or(line.clone(), str::to_owned)
    }
}
