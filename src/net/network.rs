//! A network whose weights are on a machine, and instances of it at a batch and image size.

use super::graph::{Graph, Role, WeightSpec};
use super::pack;
use super::plan::{Buffer, Plan};
use super::weights::WeightsError;
use crate::kernels::{BufferId, Dispatch};
use crate::machine::{Machine, MachineError, ProgramId};

/// Why weights cannot be brought to a machine.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NetworkError {
    #[error(transparent)]
    Weights(#[from] WeightsError),
    #[error(transparent)]
    Machine(#[from] MachineError),
}

/// Packed weights on a machine, in the order of a graph's.
#[derive(Debug)]
pub struct Network {
    pub weights: Vec<BufferId>,
    specs: Vec<WeightSpec>,
}

/// A buffer of an instance that callers fill or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port {
    pub buffer: BufferId,
    /// Words of the whole batch.
    pub words: usize,
}

/// A network at one batch and image size, ready to run.
#[derive(Debug)]
pub struct Instance {
    pub program: ProgramId,
    inputs: Vec<(Role, Port)>,
    outputs: Vec<(Role, Port)>,
    scratch: Vec<BufferId>,
}

impl Instance {
    /// What is filled as `role`, where the network has such an input.
    pub fn input(&self, role: Role) -> Option<Port> {
        self.inputs.iter().find(|(of, _)| *of == role).map(|(_, port)| *port)
    }

    /// What is read as `role`, where the network has such an output.
    pub fn output(&self, role: Role) -> Option<Port> {
        self.outputs.iter().find(|(of, _)| *of == role).map(|(_, port)| *port)
    }

    /// Gives the memory back.
    pub fn release<M: Machine>(self, machine: &mut M) {
        machine.discard(self.program);
        self.scratch.into_iter().for_each(|buffer| machine.free(buffer));
    }
}

impl Network {
    /// Of weights that are on a machine.
    pub fn of(parts: impl Iterator<Item = (WeightSpec, BufferId)>) -> Self {
        let (specs, weights) = parts.unzip();
        Self { weights, specs }
    }

    /// Gives the weights' memory back.
    pub fn free<M: Machine>(self, machine: &mut M) {
        self.weights.into_iter().for_each(|buffer| machine.free(buffer));
    }

    /// How many numbers of the file are on the machine.
    pub fn parameters(&self) -> u64 {
        self.specs.iter().map(pack::parameters).sum()
    }

    /// Everything that running the graph, whose weights these are, needs: of the dispatches those to
    /// `keep`, by their place in the plan.
    pub fn instance<M: Machine>(
        &self,
        machine: &mut M,
        graph: &Graph,
        batch: usize,
        keep: &dyn Fn(usize, &Dispatch) -> bool,
    ) -> Result<Instance, MachineError> {
        let plan = Plan::new(graph, batch, machine.class(), machine.max_words())?;
        let mut scratch = Vec::new();
        let made = self.bind(machine, &plan, keep, &mut scratch);
        if made.is_err() {
            scratch.drain(..).for_each(|buffer| machine.free(buffer));
        }
        let (ids, program) = made?;
        let port = |(role, tensor): &(Role, _)| {
            let words = batch * graph.tensor(*tensor).words() as usize;
            (*role, Port { buffer: ids[plan.buffer(*tensor).0], words })
        };
        let [inputs, outputs] = [&graph.inputs, &graph.outputs].map(|ports| ports.iter().map(port).collect());
        Ok(Instance { program, inputs, outputs, scratch })
    }

    /// The machine's buffer for each of the plan's, and the plan's program.
    fn bind<M: Machine>(
        &self,
        machine: &mut M,
        plan: &Plan,
        keep: &dyn Fn(usize, &Dispatch) -> bool,
        scratch: &mut Vec<BufferId>,
    ) -> Result<(Vec<BufferId>, ProgramId), MachineError> {
        let mut ids = Vec::with_capacity(plan.buffers.len());
        for buffer in &plan.buffers {
            ids.push(match *buffer {
                Buffer::Weight(id) => self.weights[id.0],
                Buffer::Scratch(words) => {
                    scratch.push(machine.allocate(words as usize)?);
                    scratch[scratch.len() - 1]
                }
            });
        }
        let kept = plan.dispatches.iter().enumerate().filter(|(at, dispatch)| keep(*at, dispatch));
        let mut dispatches: Vec<Dispatch> = kept.map(|(_, dispatch)| dispatch.clone()).collect();
        for dispatch in &mut dispatches {
            dispatch.buffers.iter_mut().for_each(|id| *id = ids[id.0]);
        }
        let program = machine.compile(dispatches)?;
        Ok((ids, program))
    }
}
