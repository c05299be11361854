//! Why a model cannot be loaded or a run not be made.

use crate::diffusion::adaptive::AdaptiveError;
use crate::diffusion::samplers::PlanError;
use crate::diffusion::scheduler_config::SchedulerConfigError;
use crate::machine::MachineError;
use crate::models::folder::FolderError;
use crate::models::unet_2d::network::UNetError;

#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error("scheduler_config.json: {0}")]
    Scheduler(#[from] SchedulerConfigError),
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error(transparent)]
    Adaptive(#[from] AdaptiveError),
    #[error(transparent)]
    UNet(#[from] UNetError),
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// The recipe asks for something that this model cannot do.
    #[error("{0}")]
    Recipe(String),
}
