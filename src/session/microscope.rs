//! A look at one noised image: what the network makes of it, without a run.

use super::recipe::Labels;
use super::resources::Resources;
use super::{Condition, Model, SessionError};
use crate::diffusion::row::{Register, Row};
use crate::diffusion::samplers::{Plan, SamplerEntry, SamplerOptions};
use crate::kernels::BufferId;
use crate::kernels::reverse_step::Shape;
use crate::machine::Machine;
use crate::models::unet_2d::network::Instance;

/// x̂0 of an image at any timestep, by one call of the network; two at once where it is guided.
/// What that takes is made at the first look, and again when guidance comes or goes.
#[derive(Debug, Default)]
pub struct Microscope(Option<Stage>);

/// The network for one image, and what is around it.
#[derive(Debug)]
struct Stage {
    guided: bool,
    instance: Instance,
    resources: Resources,
}

impl Microscope {
    /// Queues a look at x_t `[1, H, W, C]`, in the model's range, as DDIM would call the network.
    /// Returns where x̂0 is going to lie, in the same layout.
    pub fn look<M: Machine>(
        &mut self,
        machine: &mut M,
        model: &Model,
        x_t: BufferId,
        timestep: usize,
        (condition, options): (&Condition, &SamplerOptions),
    ) -> Result<(BufferId, usize), SessionError> {
        let labels = Labels::of(model, condition, 1, options.guidance_scale)?;
        let call = SamplerEntry::by_name("ddim")?.call(&model.scheduler, timestep, options)?;
        model.unet.time.check(call.timestep, None).map_err(SessionError::Recipe)?;
        let timesteps = vec![call.timestep; if labels.guided { 2 } else { 1 }];
        let words = model.unet.condition_words(labels.all.as_ref(), timesteps.len())?;
        let row = Row::part(0, Vec::new()).after(call);
        let Stage { instance, resources, .. } = self.set_up(machine, model, &row, labels.guided)?;
        let wiring = &resources.wiring;
        if let Some(buffer) = instance.condition {
            machine.write(buffer, 0, &words);
        }
        machine.write(instance.time, 0, &model.unet.time_words(&timesteps));
        if let Some((buffer, _)) = instance.output_scale {
            machine.write(buffer, 0, &model.unet.output_scale_words(&timesteps));
        }
        let register = wiring.shape.register_floats() as usize;
        machine.copy((x_t, 0), (wiring.registers, Register::Sample as usize * register), register);
        machine.rewrite(resources.after, wiring.after_network(&[row]));
        machine.run(resources.before, 0);
        machine.run(instance.program, 0);
        machine.run(resources.after, 0);
        machine.submit();
        machine.health()?;
        Ok((wiring.registers, Register::X0Hat as usize * register))
    }

    fn set_up<M: Machine>(
        &mut self,
        machine: &mut M,
        model: &Model,
        row: &Row,
        guided: bool,
    ) -> Result<&Stage, SessionError> {
        if self.0.as_ref().is_some_and(|stage| stage.guided != guided) {
            self.clear(machine, model);
        }
        let stage = match self.0.take() {
            Some(stage) => stage,
            None => Stage::make(machine, model, row, guided)?,
        };
        Ok(self.0.insert(stage))
    }

    /// Gives everything back; the next look makes it anew.
    pub fn clear<M: Machine>(&mut self, machine: &mut M, model: &Model) {
        if let Some(Stage { instance, resources, .. }) = self.0.take() {
            resources.release(machine);
            model.unet.release(machine, instance);
        }
    }
}

impl Stage {
    fn make<M: Machine>(
        machine: &mut M,
        model: &Model,
        row: &Row,
        guided: bool,
    ) -> Result<Self, SessionError> {
        let (height, width) = model.size();
        let config = &model.unet.config;
        let shape = Shape {
            batch: 1,
            pixels: (height * width) as u32,
            channels: config.in_channels as u32,
            output_channels: config.out_channels as u32,
        };
        if shape.output_channels < shape.channels {
            let message =
                format!("the network makes {} channels of {}", shape.output_channels, shape.channels);
            return Err(SessionError::Recipe(message));
        }
        let plan = Plan {
            sampler: SamplerEntry::by_name("ddim")?,
            schedule: model.scheduler.schedule().map_err(|e| SessionError::Recipe(e.to_string()))?,
            rows: vec![row.clone()],
            steps: Vec::new(),
            adaptive: None,
        };
        let batch = if guided { 2 } else { 1 };
        let instance = model.unet.instance(machine, batch, height, width)?;
        match Resources::make(machine, model, &plan, &plan.rows, shape, &instance, 0) {
            Ok(resources) => Ok(Self { guided, instance, resources }),
            Err(error) => {
                model.unet.release(machine, instance);
                Err(error.into())
            }
        }
    }
}
