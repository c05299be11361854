//! Which buffer each tensor lives in.
//!
//! A tensor is alive from the operation that writes it to the last that reads
//! it; tensors whose lives do not overlap share a buffer. A concatenation lives
//! from its first half to its last reader, and what is between the dispatches of
//! one operation as long as that.

use std::cmp::Reverse;

use super::fused::Fused;
use super::graph::TensorId;

/// What is between the dispatches of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scratch {
    /// The operation, by number.
    pub op: usize,
    /// Of one sample.
    pub words: u64,
}

/// Buffers of a network for one sample, and where everything lies.
#[derive(Clone, Debug)]
pub struct Memory {
    /// Words of each buffer, for one sample.
    pub buffers: Vec<u64>,
    /// The buffer of each tensor (its home's where it is part of a concatenation).
    pub tensors: Vec<usize>,
    /// The buffer of each scratch.
    pub scratch: Vec<usize>,
    /// The most words that are alive at one time: no plan could do with less.
    pub most_alive: u64,
}

/// The life of a tensor, in operations.
#[derive(Clone, Copy, Debug)]
struct Life {
    first: usize,
    last: usize,
}

impl Life {
    fn meets(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

/// Who wants memory.
#[derive(Clone, Copy, Debug)]
enum Owner {
    Tensor(usize),
    Scratch(usize),
}

#[derive(Clone, Copy, Debug)]
struct Wanted {
    owner: Owner,
    words: u64,
    life: Life,
}

impl Memory {
    pub fn of(graph: &Fused, scratch: &[Scratch]) -> Self {
        let mut order = wanted(graph, scratch);
        // The largest first, so that a buffer never grows.
        order.sort_by_key(|w| (Reverse(w.words), w.life.first));
        let mut memory = Self {
            buffers: Vec::new(),
            tensors: vec![usize::MAX; graph.tensors.len()],
            scratch: vec![usize::MAX; scratch.len()],
            most_alive: most_alive(&order, graph.ops.len() + 2),
        };
        let mut lives: Vec<Vec<Life>> = Vec::new();
        for Wanted { owner, words, life } in order {
            // The smallest that is free for all its life.
            let free = |buffer: &usize| lives[*buffer].iter().all(|other| !other.meets(life));
            let place = (0..lives.len()).filter(free).min_by_key(|buffer| memory.buffers[*buffer]);
            let place = place.unwrap_or_else(|| {
                memory.buffers.push(words);
                lives.push(Vec::new());
                lives.len() - 1
            });
            lives[place].push(life);
            match owner {
                Owner::Tensor(tensor) => memory.tensors[tensor] = place,
                Owner::Scratch(scratch) => memory.scratch[scratch] = place,
            }
        }
        for tensor in 0..memory.tensors.len() {
            memory.tensors[tensor] = memory.tensors[graph.root(TensorId(tensor)).0];
        }
        memory
    }
}

/// All that wants memory.
fn wanted(graph: &Fused, scratch: &[Scratch]) -> Vec<Wanted> {
    let tensors = lives(graph).into_iter().enumerate().filter_map(|(tensor, life)| {
        Some(Wanted { owner: Owner::Tensor(tensor), words: graph.tensors[tensor].words(), life: life? })
    });
    let between = scratch.iter().enumerate().map(|(number, scratch)| Wanted {
        owner: Owner::Scratch(number),
        words: scratch.words,
        life: Life { first: scratch.op + 1, last: scratch.op + 1 },
    });
    tensors.chain(between).collect()
}

fn most_alive(all: &[Wanted], end: usize) -> u64 {
    let alive_at = |at: usize| {
        let now = Life { first: at, last: at };
        all.iter().filter(|wanted| wanted.life.meets(now)).map(|wanted| wanted.words).sum()
    };
    (0..end).map(alive_at).max().unwrap_or(0)
}

/// Lives of root tensors. Inputs live from the start, what callers read to the end.
fn lives(graph: &Fused) -> Vec<Option<Life>> {
    let mut lives: Vec<Option<Life>> = vec![None; graph.tensors.len()];
    let mut touch = |tensor: TensorId, at: usize| {
        let life = lives[graph.root(tensor).0].get_or_insert(Life { first: at, last: at });
        life.first = life.first.min(at);
        life.last = life.last.max(at);
    };
    for (at, op) in graph.ops.iter().enumerate() {
        op.reads().into_iter().for_each(|tensor| touch(tensor, at + 1));
        touch(op.writes(), at + 1);
    }
    // Inputs are written once and may be read again by the next run.
    let end = graph.ops.len() + 1;
    for (_, tensor) in graph.inputs.iter().chain(&graph.outputs) {
        touch(*tensor, 0);
        touch(*tensor, end);
    }
    lives
}
