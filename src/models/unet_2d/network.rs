//! A network with its weights on a machine, and instances of it at a batch size.

use super::build::build;
use super::config::{ClassEmbedding, ConfigError, UNetConfig};
use super::time::{TimeProjection, padded};
use crate::kernels::{BufferId, Dispatch};
use crate::machine::{Machine, MachineError, ProgramId};
use crate::net;
use crate::net::graph::{Graph, Role};
use crate::net::network::{Network, NetworkError};
use crate::net::pixels::{to_nchw, to_nhwc};
use crate::net::weights::WeightsError;

/// Why a network cannot be loaded or run.
#[derive(Clone, Debug, thiserror::Error)]
pub enum UNetError {
    #[error(transparent)]
    Weights(#[from] WeightsError),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Machine(#[from] MachineError),
    #[error("{0}")]
    Input(String),
}

impl From<NetworkError> for UNetError {
    fn from(error: NetworkError) -> Self {
        match error {
            NetworkError::Weights(error) => Self::Weights(error),
            NetworkError::Machine(error) => Self::Machine(error),
        }
    }
}

/// A network whose weights are on a machine.
#[derive(Debug)]
pub struct UNet {
    pub config: UNetConfig,
    pub time: TimeProjection,
    pub(super) network: Network,
}

/// What conditions each sample besides its timestep.
#[derive(Clone, Debug, PartialEq)]
pub enum ClassLabels {
    /// Class numbers.
    Numbers(Vec<u32>),
    /// For `class_embed_type` timestep: a time each.
    Times(Vec<f32>),
    /// For `class_embed_type` identity: `[N, time_embed_dim]`.
    Embeddings(Vec<f32>),
}

/// The network at one batch and image size, ready to run.
#[derive(Debug)]
pub struct Instance {
    pub batch: usize,
    pub height: usize,
    pub width: usize,
    pub program: ProgramId,
    /// `[N, H, W, in_channels]` in vec4s.
    pub sample: BufferId,
    /// `[N, timestep_input_dim]` in vec4s.
    pub time: BufferId,
    /// Words of the whole batch's `time`.
    pub time_words: usize,
    pub condition: Option<BufferId>,
    /// The output's factor and term for each sample and channel, if it has one,
    /// and how many words that takes.
    pub output_scale: Option<(BufferId, usize)>,
    /// `[N, H, W, out_channels]` in vec4s.
    pub output: BufferId,
    whole: net::network::Instance,
}

impl UNet {
    /// Gives the weights' memory back.
    pub fn free<M: Machine>(self, machine: &mut M) {
        self.network.free(machine);
    }

    pub fn parameters(&self) -> u64 {
        self.network.parameters() + self.time.parameters()
    }

    /// The graph at an image size.
    pub fn graph(&self, height: usize, width: usize) -> Result<Graph, UNetError> {
        self.config.check_size(height, width)?;
        Ok(build(&self.config, height, width))
    }

    /// Everything that running needs at a batch and image size.
    pub fn instance<M: Machine>(
        &self,
        machine: &mut M,
        batch: usize,
        height: usize,
        width: usize,
    ) -> Result<Instance, UNetError> {
        self.partial_instance(machine, batch, height, width, &|_, _| true)
    }

    /// An instance whose program is only a part of the pass: the dispatches to `keep`, by their
    /// place in the plan.
    pub fn partial_instance<M: Machine>(
        &self,
        machine: &mut M,
        batch: usize,
        height: usize,
        width: usize,
        keep: &dyn Fn(usize, &Dispatch) -> bool,
    ) -> Result<Instance, UNetError> {
        let graph = self.graph(height, width)?;
        let whole = self.network.instance(machine, &graph, batch, keep)?;
        let input = |role| whole.input(role);
        let [sample, time] =
            [Role::Sample, Role::Time].map(|role| input(role).expect("every U-Net has both"));
        let condition = input(Role::Labels).or_else(|| input(Role::Vectors));
        Ok(Instance {
            batch,
            height,
            width,
            program: whole.program,
            sample: sample.buffer,
            time: time.buffer,
            time_words: time.words,
            condition: condition.map(|port| port.buffer),
            output_scale: input(Role::OutputScale).map(|port| (port.buffer, port.words)),
            output: whole.output(Role::Prediction).expect("every U-Net predicts").buffer,
            whole,
        })
    }

    /// Gives an instance's memory back.
    pub fn release<M: Machine>(&self, machine: &mut M, instance: Instance) {
        instance.whole.release(machine);
    }

    /// Time vectors of a batch, as the instance's `time` wants them.
    pub fn time_words(&self, timesteps: &[f32]) -> Vec<u32> {
        self.time.words(timesteps)
    }

    /// Output factors of a batch, as the instance's `output_scale` wants them.
    pub fn output_scale_words(&self, timesteps: &[f32]) -> Vec<u32> {
        self.time.output_words(timesteps, self.config.out_channels)
    }

    /// Checks class labels for `batch` samples and turns them into what the
    /// instance's `condition` wants.
    pub fn condition_words(&self, labels: Option<&ClassLabels>, batch: usize) -> Result<Vec<u32>, UNetError> {
        let dim = self.config.time_embed_dim;
        let refuse = |message: String| Err(UNetError::Input(message));
        let counted = |found: usize, each: usize| {
            if found == batch * each {
                return Ok(());
            }
            Err(UNetError::Input(format!(
                "class_labels has {found} values; {batch} samples need {}",
                batch * each
            )))
        };
        match (self.config.class_embedding, labels) {
            (None, None) => Ok(Vec::new()),
            (None, Some(_)) => refuse("this model takes no class labels; leave class_labels out".into()),
            (Some(_), None) => refuse("this model is conditioned: give class_labels for every sample".into()),
            (
                Some(ClassEmbedding::Table { num_class_embeds: count }),
                Some(ClassLabels::Numbers(numbers)),
            ) => {
                counted(numbers.len(), 1)?;
                match numbers.iter().find(|n| **n as usize >= count) {
                    Some(n) => refuse(format!(
                        "class {n} is out of range; this model has classes 0 to {}",
                        count - 1
                    )),
                    None => Ok(numbers.clone()),
                }
            }
            (Some(ClassEmbedding::Timestep), Some(ClassLabels::Times(times))) => {
                counted(times.len(), 1)?;
                for time in times {
                    self.time
                        .check(*time, None)
                        .map_err(|e| UNetError::Input(format!("class_labels: {e}")))?;
                }
                Ok(self.time_words(times))
            }
            (Some(ClassEmbedding::Identity), Some(ClassLabels::Embeddings(values))) => {
                counted(values.len(), dim)?;
                if let Some(bad) = values.iter().find(|v| !v.is_finite()) {
                    return refuse(format!("class_labels holds {bad}; embeddings must be finite"));
                }
                Ok(values.chunks(dim).flat_map(padded).collect())
            }
            (Some(kind), Some(_)) => refuse(format!(
                "class_labels are of another kind than this model's class embedding ({kind:?})"
            )),
        }
    }

    /// One pass: `sample` `[N, C, H, W]` at a timestep for each sample.
    pub async fn forward<M: Machine>(
        &self,
        machine: &mut M,
        instance: &Instance,
        sample: &[f32],
        timesteps: &[f32],
        labels: Option<&ClassLabels>,
    ) -> Result<Vec<f32>, UNetError> {
        self.submit(machine, instance, sample, timesteps, labels)?;
        let output = machine.read(instance.output, 0, self.output_words(instance)).await?;
        Ok(self.output_values(instance, &output))
    }

    /// Words of an instance's output.
    pub fn output_words(&self, instance: &Instance) -> usize {
        instance.batch * instance.height * instance.width * self.config.out_channels.next_multiple_of(4)
    }

    /// An instance's output as `[N, C, H, W]`.
    pub fn output_values(&self, instance: &Instance, words: &[u32]) -> Vec<f32> {
        to_nchw(words, self.config.out_channels, instance.height * instance.width)
    }

    /// Queues a pass whose result stays in the instance's `output`.
    pub fn submit<M: Machine>(
        &self,
        machine: &mut M,
        instance: &Instance,
        sample: &[f32],
        timesteps: &[f32],
        labels: Option<&ClassLabels>,
    ) -> Result<(), UNetError> {
        let pixels = instance.height * instance.width;
        let expected = instance.batch * self.config.in_channels * pixels;
        if sample.len() != expected || timesteps.len() != instance.batch {
            let found = (sample.len(), timesteps.len());
            return Err(UNetError::Input(format!(
                "sample and timestep have {found:?} values; this batch needs {:?}",
                (expected, instance.batch)
            )));
        }
        for timestep in timesteps {
            self.time.check(*timestep, None).map_err(UNetError::Input)?;
        }
        let condition = self.condition_words(labels, instance.batch)?;
        machine.write(instance.sample, 0, &to_nhwc(sample, self.config.in_channels, pixels));
        machine.write(instance.time, 0, &self.time_words(timesteps));
        if let Some(buffer) = instance.condition {
            machine.write(buffer, 0, &condition);
        }
        if let Some((buffer, _)) = instance.output_scale {
            machine.write(buffer, 0, &self.output_scale_words(timesteps));
        }
        machine.run(instance.program, 0);
        machine.submit();
        Ok(())
    }
}
