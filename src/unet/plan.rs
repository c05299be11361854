//! A graph at one batch size: buffers and an immutable list of dispatches.

use super::choose::{self, Attention, Conv, Downsample};
use super::graph::{Graph, Op, TensorId, WeightId};
use super::lower::View;
use super::memory::{self, Between, Memory};
use super::pack;
use crate::kernels::{ALL, BufferId, Dispatch, Kernel, im2col, winograd};
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

/// A dispatch's share of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// The operation of the graph, by number.
    pub op: usize,
    /// Floating-point operations, as many as the plain sums have.
    pub flops: u64,
    /// Words that it reads and writes, each counted once.
    pub words: u64,
}

/// Dispatches over numbered buffers, free of any device.
#[derive(Clone, Debug)]
pub struct Plan {
    pub batch: usize,
    pub(super) class: Class,
    pub buffers: Vec<Buffer>,
    pub dispatches: Vec<Dispatch>,
    /// What each dispatch has to do.
    pub shares: Vec<Share>,
    memory: Memory,
}

impl Plan {
    /// Plans `batch` samples for a class of machine; no buffer may exceed `max_words`.
    pub fn new(graph: &Graph, batch: usize, class: Class, max_words: u64) -> Result<Self, MachineError> {
        let between = between_of(graph, class);
        let memory = Memory::of(graph, &between);
        let scratch = memory.buffers.iter().map(|words| Buffer::Scratch(words.saturating_mul(batch as u64)));
        // One more: what stands in for the inputs that an operation does without.
        let mut buffers: Vec<Buffer> = scratch.chain([Buffer::Scratch(4)]).collect();
        buffers.extend((0..graph.weights.len()).map(|i| Buffer::Weight(WeightId(i))));
        for buffer in &buffers {
            let (what, words) = match *buffer {
                Buffer::Scratch(words) => ("an activation", words),
                Buffer::Weight(id) => ("a weight", pack::words(&graph.weights[id.0], class)),
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
        let mut plan = Self { batch, class, buffers, dispatches: Vec::new(), shares: Vec::new(), memory };
        for (at, op) in graph.ops.iter().enumerate() {
            let whole = Share {
                op: at,
                flops: batch as u64 * graph.op_flops(op),
                words: graph.op_words(op, batch as u64, class),
            };
            for (dispatch, share) in plan.lower(graph, op, whole) {
                plan.dispatches.push(dispatch);
                plan.shares.push(share);
            }
        }
        Ok(plan)
    }

    /// The buffer that a tensor lies in.
    pub fn buffer(&self, tensor: TensorId) -> BufferId {
        BufferId(self.memory.of[tensor.0])
    }

    /// Words of one of its buffers.
    pub fn words(&self, graph: &Graph, buffer: &Buffer) -> u64 {
        match *buffer {
            Buffer::Scratch(words) => words,
            Buffer::Weight(id) => pack::words(&graph.weights[id.0], self.class),
        }
    }

    /// Bytes of working memory.
    pub fn scratch_bytes(&self) -> u64 {
        let words = |b: &Buffer| if let Buffer::Scratch(words) = b { *words } else { 0 };
        4 * self.buffers.iter().map(words).sum::<u64>()
    }

    /// Bytes of the weights.
    pub fn weight_bytes(&self, graph: &Graph) -> u64 {
        4 * graph.weights.iter().map(|spec| pack::words(spec, self.class)).sum::<u64>()
    }

    /// Bytes of the tensors that are alive at one time, and of what the operation of then has between
    /// its dispatches, where those are most: no plan could do with less working memory.
    pub fn live_bytes(&self, graph: &Graph) -> u64 {
        4 * self.batch as u64 * memory::most_alive(graph, &between_of(graph, self.class))
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

    pub(super) fn absent(&self) -> BufferId {
        BufferId(self.memory.buffers.len())
    }

    /// What is between the dispatches of an operation.
    pub(super) fn between(&self, op: usize) -> [BufferId; 2] {
        self.memory.between[op].map(BufferId)
    }

    pub(super) fn weight(&self, id: WeightId) -> BufferId {
        BufferId(self.memory.buffers.len() + 1 + id.0)
    }
}

/// What is between the dispatches of each operation, for one sample.
fn between_of(graph: &Graph, class: Class) -> Vec<Between> {
    graph.ops.iter().map(|op| between(graph, op, class)).collect()
}

fn between(graph: &Graph, op: &Op, class: Class) -> Between {
    let view = |id: TensorId| View::of(graph, BufferId(0), id);
    match op {
        Op::Conv { x, y, joined, .. } => {
            let [x, y] = [x, y].map(|id| view(*id));
            let activated = joined.before.map_or(0, |_| x.words());
            let upsampled = if joined.upsampled { 4 * x.words() } else { 0 };
            let transform = |of: View| winograd::words(y.height, y.width, of.channels);
            match choose::conv(class, 1, [x, y].map(|view| view.channels as usize)) {
                Conv::Direct => [activated, upsampled],
                Conv::Winograd => [transform(x), transform(y).max(activated)],
            }
        }
        Op::Attention { qkv, heads, dim, .. } => {
            let tokens = graph.tensor(*qkv).pixels() as u64;
            match choose::attention(class, tokens as u32, dim.div_ceil(4) as u32) {
                Attention::Whole => [0, 0],
                Attention::One | Attention::Four => [*heads as u64 * tokens * tokens.next_multiple_of(4), 0],
            }
        }
        Op::Downsample { x, y, .. } => match choose::downsample(class) {
            Downsample::Direct => [0, 0],
            Downsample::Product => {
                let [x, y] = [x, y].map(|id| view(*id));
                [im2col::words(y.height, y.width, x.channels), 0]
            }
        },
        _ => [0, 0],
    }
}
