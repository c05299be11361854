//! A graph at one batch size: buffers and an immutable list of dispatches.

use super::choose::{self, Norm};
use super::graph::{Graph, Op, TensorId, WeightId};
use super::lower::{View, moments_of};
use super::memory::{self, Memory};
use super::pack;
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
    pub(super) class: Class,
    pub buffers: Vec<Buffer>,
    pub dispatches: Vec<Dispatch>,
    /// The operation of the graph that each dispatch is a part of.
    pub ops: Vec<usize>,
    memory: Memory,
}

impl Plan {
    /// Plans `batch` samples for a class of machine; no buffer may exceed `max_words`.
    pub fn new(graph: &Graph, batch: usize, class: Class, max_words: u64) -> Result<Self, MachineError> {
        let memory = Memory::of(graph);
        let scratch = memory.buffers.iter().map(|words| Buffer::Scratch(words.saturating_mul(batch as u64)));
        // Two more: what stands in for the inputs that an operation does without, and what is
        // between two dispatches of the same operation.
        let between = most_between(graph, batch as u64, class);
        let mut buffers: Vec<Buffer> =
            scratch.chain([Buffer::Scratch(4), Buffer::Scratch(between.max(4))]).collect();
        buffers.extend((0..graph.weights.len()).map(|i| Buffer::Weight(WeightId(i))));
        for buffer in &buffers {
            let (what, words) = match *buffer {
                Buffer::Scratch(words) => ("an activation", words),
                Buffer::Weight(id) => ("a weight", pack::words(&graph.weights[id.0])),
            };
            if words > max_words {
                let (bytes, limit) = (words.saturating_mul(4), 4 * max_words);
                let fits = match *buffer {
                    Buffer::Scratch(words) => max_words / words.div_ceil(batch as u64),
                    Buffer::Weight(_) => 0,
                };
                return Err(match fits {
                    0 => MachineError::TooLarge { what, bytes, limit },
                    fits => MachineError::BatchTooLarge { batch, bytes, limit, fits },
                });
            }
        }
        let mut plan = Self { batch, class, buffers, dispatches: Vec::new(), ops: Vec::new(), memory };
        for (at, op) in graph.ops.iter().enumerate() {
            let made = plan.lower(graph, op);
            plan.ops.resize(plan.ops.len() + made.len(), at);
            plan.dispatches.extend(made);
        }
        Ok(plan)
    }

    /// The buffer that a tensor lies in.
    pub fn buffer(&self, tensor: TensorId) -> BufferId {
        BufferId(self.memory.of[tensor.0])
    }

    /// Bytes of working memory.
    pub fn scratch_bytes(&self) -> u64 {
        let words = |b: &Buffer| if let Buffer::Scratch(words) = b { *words } else { 0 };
        4 * self.buffers.iter().map(words).sum::<u64>()
    }

    /// Bytes of the weights.
    pub fn weight_bytes(&self, graph: &Graph) -> u64 {
        4 * graph.weights.iter().map(pack::words).sum::<u64>()
    }

    /// Bytes of the tensors that are alive at one time, where those are most: no plan could do
    /// with less working memory.
    pub fn live_bytes(&self, graph: &Graph) -> u64 {
        4 * self.batch as u64 * memory::most_alive(graph)
    }

    /// What each kernel does in one pass: how often it runs, and its floating-point operations.
    pub fn work(&self, graph: &Graph) -> Vec<Work> {
        let of = |kernel: &&'static Kernel| {
            let ops = self.dispatches.iter().zip(&self.ops);
            let its = ops.filter(|(dispatch, _)| std::ptr::eq(dispatch.kernel, *kernel));
            let flops = its.clone().map(|(_, op)| graph.op_flops(&graph.ops[*op])).sum::<u64>();
            let name = kernel.shader.name;
            Work { kernel: name, dispatches: its.count(), flops: flops * self.batch as u64 }
        };
        ALL.iter().map(of).filter(|work| work.dispatches > 0).collect()
    }

    pub(super) fn absent(&self) -> BufferId {
        BufferId(self.memory.buffers.len())
    }

    pub(super) fn between(&self) -> BufferId {
        BufferId(self.memory.buffers.len() + 1)
    }

    pub(super) fn weight(&self, id: WeightId) -> BufferId {
        BufferId(self.memory.buffers.len() + 2 + id.0)
    }
}

/// Words of what is between two dispatches of one operation, where that is most.
fn most_between(graph: &Graph, batch: u64, class: Class) -> u64 {
    let words = |op: &Op| match (op, choose::norm(class)) {
        (Op::GroupNorm { x, .. }, Norm::Moments { stretch }) => {
            let x = View::of(graph, BufferId(0), *x);
            batch.saturating_mul(moments_of(1, x, stretch).words())
        }
        _ => 0,
    };
    graph.ops.iter().map(words).max().unwrap_or(0)
}
