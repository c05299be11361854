//! A network at one batch size: buffers and an immutable list of dispatches.

use super::fuse::fuse;
use super::fused::Fused;
use super::graph::{Graph, TensorId, WeightId};
use super::lower::{Lowering, Operand, Share};
use super::memory::Memory;
use crate::kernels::{ALL, BufferId, Dispatch, Kernel};
use crate::machine::{Class, MachineError};

/// What a numbered buffer of a plan is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Buffer {
    /// Working memory, in words.
    Scratch(u64),
    Weight(WeightId),
}

/// A kernel's share of a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    pub kernel: &'static str,
    pub dispatches: usize,
    pub flops: u64,
}

/// Dispatches over numbered buffers, free of any device.
#[derive(Clone, Debug)]
pub struct Plan {
    pub batch: usize,
    pub network: Fused,
    pub buffers: Vec<Buffer>,
    pub dispatches: Vec<Dispatch>,
    /// What each dispatch has to do.
    pub shares: Vec<Share>,
    memory: Memory,
}

impl Plan {
    /// Plans `batch` samples for a class of machine; no buffer may exceed `max_words`.
    pub fn new(graph: &Graph, batch: usize, class: Class, max_words: u64) -> Result<Self, MachineError> {
        let network = fuse(graph, class);
        // What is between dispatches is as much for every sample; of none there are no dispatches that
        // could be too large.
        let memory = Memory::of(&network, &Lowering::of(&network, 0).scratch);
        let scratch = memory.buffers.iter().map(|words| Buffer::Scratch(words.saturating_mul(batch as u64)));
        // One more: what stands in for the inputs that an operation does without.
        let mut buffers: Vec<Buffer> = scratch.chain([Buffer::Scratch(4)]).collect();
        buffers.extend((0..network.weights.len()).map(|i| Buffer::Weight(WeightId(i))));
        buffers.iter().try_for_each(|buffer| check(&network, *buffer, batch, max_words))?;
        let Lowering { dispatches, shares, .. } = Lowering::of(&network, batch);
        let mut plan = Self { batch, network, buffers, dispatches: Vec::new(), shares, memory };
        for mut dispatch in dispatches {
            dispatch.buffers.iter_mut().for_each(|id| *id = plan.place(*id));
            plan.dispatches.push(dispatch);
        }
        Ok(plan)
    }

    /// The buffer of what a lowered dispatch names.
    fn place(&self, id: BufferId) -> BufferId {
        let absent = self.memory.buffers.len();
        BufferId(match Operand::of(id, &self.network) {
            Operand::Tensor(tensor) => self.memory.tensors[tensor],
            Operand::Absent => absent,
            Operand::Weight(weight) => absent + 1 + weight,
            Operand::Scratch(scratch) => self.memory.scratch[scratch],
        })
    }

    /// The buffer that a tensor lies in.
    pub fn buffer(&self, tensor: TensorId) -> BufferId {
        BufferId(self.memory.tensors[tensor.0])
    }

    /// Words of one of its buffers.
    pub fn words(&self, buffer: &Buffer) -> u64 {
        words(&self.network, *buffer)
    }

    /// Bytes of working memory.
    pub fn scratch_bytes(&self) -> u64 {
        self.bytes(|buffer| matches!(buffer, Buffer::Scratch(_)))
    }

    /// Bytes of the weights.
    pub fn weight_bytes(&self) -> u64 {
        self.bytes(|buffer| matches!(buffer, Buffer::Weight(_)))
    }

    fn bytes(&self, of: impl Fn(&Buffer) -> bool) -> u64 {
        4 * self.buffers.iter().filter(|buffer| of(buffer)).map(|buffer| self.words(buffer)).sum::<u64>()
    }

    /// Bytes of the tensors that are alive at one time, and of what the operation of then has between
    /// its dispatches, where those are most: no plan could do with less working memory.
    pub fn live_bytes(&self) -> u64 {
        4 * self.batch as u64 * self.memory.most_alive
    }

    /// What a dispatch's operation works on, for people.
    pub fn shape(&self, share: &Share) -> String {
        self.network.op_shape(&self.network.ops[share.op])
    }

    /// What each kernel does in one pass: how often it runs, and its floating-point operations.
    pub fn work(&self) -> Vec<Work> {
        let of = |kernel: &&'static Kernel| {
            let all = self.dispatches.iter().zip(&self.shares);
            let its = all.filter(|(dispatch, _)| std::ptr::eq(dispatch.kernel, *kernel));
            let flops = its.clone().map(|(_, share)| share.flops).sum();
            Work { kernel: kernel.shader.name, dispatches: its.count(), flops }
        };
        ALL.iter().map(of).filter(|work| work.dispatches > 0).collect()
    }
}

fn words(network: &Fused, buffer: Buffer) -> u64 {
    match buffer {
        Buffer::Scratch(words) => words,
        Buffer::Weight(id) => network.weight_words(id),
    }
}

fn check(network: &Fused, buffer: Buffer, batch: usize, max_words: u64) -> Result<(), MachineError> {
    let words = words(network, buffer);
    if words <= max_words {
        return Ok(());
    }
    let (bytes, limit) = (words.saturating_mul(4), 4 * max_words);
    let (what, fits) = match buffer {
        Buffer::Scratch(words) => ("an activation", max_words / words.div_ceil(batch as u64)),
        Buffer::Weight(_) => ("a weight", 0),
    };
    Err(match fits {
        0 => MachineError::TooLarge { what, bytes, limit },
        fits => MachineError::BatchTooLarge { batch, bytes, limit, fits },
    })
}
