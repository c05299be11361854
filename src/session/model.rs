//! A model on a machine: network, schedule and facts.

use super::SessionError;
use crate::diffusion::scheduler_config::SchedulerConfig;
use crate::machine::Machine;
use crate::unet::attributes::Attributes;
use crate::unet::facts::Facts;
use crate::unet::folder::{Files, ModelFolder};
use crate::unet::network::UNet;

/// Everything of a model folder that runs need.
#[derive(Debug)]
pub struct Model {
    pub unet: UNet,
    /// diffusers' defaults of `DDPMScheduler` where the folder has no scheduler.
    pub scheduler: SchedulerConfig,
    pub facts: Facts,
    /// What the model can be asked for, where that is not a class.
    pub attributes: Option<Attributes>,
}

impl Model {
    pub fn load<M: Machine>(machine: &mut M, files: &dyn Files) -> Result<Self, SessionError> {
        let folder = ModelFolder::open(files)?;
        let scheduler = match &folder.scheduler {
            Some(json) => SchedulerConfig::from_json(json)?,
            None => {
                SchedulerConfig { class_name: Some("DDPMScheduler".into()), ..SchedulerConfig::default() }
            }
        };
        let unet = UNet::load(machine, folder.config, folder.weights)?;
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
