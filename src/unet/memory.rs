//! Which buffer each tensor lives in.
//!
//! A tensor is alive from the operation that writes it to the last that reads
//! it; tensors whose lives do not overlap share a buffer. A concatenation lives
//! from its first half to its last reader, and what is between the dispatches of
//! one operation as long as that.

use std::cmp::Reverse;

use super::graph::{Graph, TensorId};

/// Words of what is between the dispatches of an operation, two tensors at the most.
pub type Between = [u64; 2];

/// Buffers of a graph for one sample, and where every tensor lies.
#[derive(Clone, Debug)]
pub struct Memory {
    /// Words of each buffer, for one sample.
    pub buffers: Vec<u64>,
    /// The buffer of each tensor (its home's where it is part of a concatenation).
    pub of: Vec<usize>,
    /// The buffers of what is between the dispatches of each operation.
    pub between: Vec<[usize; 2]>,
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
    /// What is between the dispatches of an operation.
    Between(usize, usize),
}

#[derive(Clone, Copy, Debug)]
struct Wanted {
    owner: Owner,
    words: u64,
    life: Life,
}

impl Memory {
    /// `between` is of each operation.
    pub fn of(graph: &Graph, between: &[Between]) -> Self {
        let mut order = wanted(graph, between);
        // The largest first, so that a buffer never grows.
        order.sort_by_key(|w| (Reverse(w.words), w.life.first));
        let mut memory = Self {
            buffers: Vec::new(),
            of: vec![usize::MAX; graph.tensors.len()],
            between: vec![[usize::MAX; 2]; between.len()],
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
                Owner::Tensor(tensor) => memory.of[tensor] = place,
                Owner::Between(op, which) => memory.between[op][which] = place,
            }
        }
        for tensor in 0..memory.of.len() {
            memory.of[tensor] = memory.of[root(graph, TensorId(tensor)).0];
        }
        memory
    }
}

/// All that wants memory.
fn wanted(graph: &Graph, between: &[Between]) -> Vec<Wanted> {
    let tensors = lives(graph).into_iter().enumerate().filter_map(|(tensor, life)| {
        Some(Wanted { owner: Owner::Tensor(tensor), words: graph.tensors[tensor].words(), life: life? })
    });
    let parts = between.iter().enumerate().flat_map(|(op, words)| {
        let life = Life { first: op + 1, last: op + 1 };
        [0, 1].map(|which| Wanted { owner: Owner::Between(op, which), words: words[which], life })
    });
    tensors.chain(parts.filter(|wanted| wanted.words > 0)).collect()
}

/// The most words, of one sample, that are alive at one time.
pub fn most_alive(graph: &Graph, between: &[Between]) -> u64 {
    let all = wanted(graph, between);
    let alive_at = |at: usize| {
        let now = Life { first: at, last: at };
        all.iter().filter(|wanted| wanted.life.meets(now)).map(|wanted| wanted.words).sum()
    };
    (0..graph.ops.len() + 2).map(alive_at).max().unwrap_or(0)
}

/// The tensor whose buffer this one lies in, followed through concatenations.
pub fn root(graph: &Graph, tensor: TensorId) -> TensorId {
    graph.tensor(tensor).home.map_or(tensor, |(home, _)| root(graph, home))
}

/// Lives of root tensors. Inputs live from the start, what callers read to the end.
fn lives(graph: &Graph) -> Vec<Option<Life>> {
    let mut lives: Vec<Option<Life>> = vec![None; graph.tensors.len()];
    let mut touch = |tensor: TensorId, at: usize| {
        let life = lives[root(graph, tensor).0].get_or_insert(Life { first: at, last: at });
        life.first = life.first.min(at);
        life.last = life.last.max(at);
    };
    for (at, op) in graph.ops.iter().enumerate() {
        op.reads().into_iter().for_each(|tensor| touch(tensor, at + 1));
        touch(op.writes(), at + 1);
    }
    // Inputs are written once and may be read again by the next run.
    let end = graph.ops.len() + 1;
    for input in graph.inputs().into_iter().chain([graph.output]) {
        touch(input, 0);
        touch(input, end);
    }
    lives
}
