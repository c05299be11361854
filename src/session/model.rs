//! A model on a machine: network, schedule and facts.

use super::SessionError;
use crate::diffusion::scheduler_config::SchedulerConfig;
use crate::machine::Machine;
use crate::models::attributes::Attributes;
use crate::models::facts::Facts;
use crate::models::folder::{Files, ModelFolder};
use crate::models::unet_2d::arriving::Arriving;
use crate::models::unet_2d::network::UNet;

/// Everything of a model folder that runs need.
#[derive(Debug)]
pub struct Model {
    pub unet: UNet,
    pub scheduler: SchedulerConfig,
    pub facts: Facts,
    /// What the model can be asked for, where that is not a class.
    pub attributes: Option<Attributes>,
}

impl Model {
    pub fn load<M: Machine>(machine: &mut M, files: &dyn Files) -> Result<Self, SessionError> {
        let folder = ModelFolder::open(files)?;
        let weights = folder.weights(files)?;
        let arriving = Arriving::whole(folder.config.clone(), weights);
        Self::finish(machine, folder, arriving)
    }

    /// Of a folder whose weights came by themselves.
    pub fn finish<M: Machine>(
        machine: &mut M,
        folder: ModelFolder,
        arriving: Arriving,
    ) -> Result<Self, SessionError> {
        let scheduler = match scheduler(&folder) {
            Ok(scheduler) => scheduler,
            Err(error) => {
                arriving.abandon(machine);
                return Err(error);
            }
        };
        let unet = arriving.finish(machine)?;
        Ok(Self { unet, scheduler, facts: folder.facts, attributes: folder.attributes })
    }

    /// Gives the weights' memory back.
    pub fn release<M: Machine>(self, machine: &mut M) {
        self.unet.free(machine);
    }

    /// Height and width of a sample, where nothing else is asked for.
    pub fn size(&self) -> (usize, usize) {
        self.unet.config.size()
    }

    /// Channels of a sample.
    pub fn channels(&self) -> usize {
        self.unet.config.in_channels
    }

    /// The values that are drawn black and white.
    pub fn value_range(&self) -> [f32; 2] {
        self.facts.value_range.unwrap_or([-1.0, 1.0])
    }
}

/// diffusers' defaults of `DDPMScheduler` where the folder has no scheduler.
fn scheduler(folder: &ModelFolder) -> Result<SchedulerConfig, SessionError> {
    match &folder.scheduler {
        Some(json) => Ok(SchedulerConfig::from_json(json)?),
        None => {
            Ok(SchedulerConfig { class_name: Some("DDPMScheduler".into()), ..SchedulerConfig::default() })
        }
    }
}
