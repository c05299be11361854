//! Which buffer each tensor lives in.
//!
//! A tensor is alive from the operation that writes it to the last that reads
//! it; tensors whose lives do not overlap share a buffer. A concatenation lives
//! from its first half to its last reader.

use std::cmp::Reverse;

use super::graph::{Graph, TensorId};

/// Buffers of a graph for one sample, and where every tensor lies.
#[derive(Clone, Debug)]
pub struct Memory {
    /// Words of each buffer, for one sample.
    pub buffers: Vec<u64>,
    /// The buffer of each tensor (its home's where it is part of a concatenation).
    pub of: Vec<usize>,
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

impl Memory {
    pub fn of(graph: &Graph) -> Self {
        let lives = lives(graph);
        let mut of: Vec<usize> = vec![usize::MAX; graph.tensors.len()];
        let mut buffers: Vec<u64> = Vec::new();
        let mut tenants: Vec<Vec<Life>> = Vec::new();
        // The largest first, so that a buffer never grows: each takes the smallest that is free for
        // all its life.
        let mut order: Vec<(usize, Life)> =
            lives.iter().enumerate().filter_map(|(tensor, life)| Some((tensor, (*life)?))).collect();
        order.sort_by_key(|(tensor, life)| (Reverse(graph.tensors[*tensor].words()), life.first));
        for (tensor, life) in order {
            let free = |buffer: &usize| tenants[*buffer].iter().all(|tenant| !tenant.meets(life));
            let place = (0..buffers.len()).filter(free).min_by_key(|buffer| buffers[*buffer]);
            let place = place.unwrap_or_else(|| {
                buffers.push(graph.tensors[tensor].words());
                tenants.push(Vec::new());
                buffers.len() - 1
            });
            tenants[place].push(life);
            of[tensor] = place;
        }
        for tensor in 0..of.len() {
            of[tensor] = of[root(graph, TensorId(tensor)).0];
        }
        Self { buffers, of }
    }
}

/// The most words, of one sample, that are alive at one time.
pub fn most_alive(graph: &Graph) -> u64 {
    let lives = lives(graph);
    let alive_at = |at: usize| {
        let now = Life { first: at, last: at };
        let alive = lives.iter().zip(&graph.tensors).filter(|(life, _)| life.is_some_and(|l| l.meets(now)));
        alive.map(|(_, tensor)| tensor.words()).sum()
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
