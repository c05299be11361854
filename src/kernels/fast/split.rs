//! Splitting work: over threads natively, in a browser not at all.

/// Floats of a piece of work that is mostly passing over memory.
pub const PIECE: usize = 4096;

/// An exponential, in multiply-adds.
pub const EXP: usize = 16;

/// Multiply-adds below which waking other threads takes longer than they save.
#[cfg(not(target_arch = "wasm32"))]
const LITTLE: usize = 200_000;

/// Calls `work` with the number and the contents of every chunk of `size`; the last may be shorter.
/// Each float takes about `cost` multiply-adds.
pub fn each_chunk(data: &mut [f32], size: usize, cost: usize, work: impl Fn(usize, &mut [f32]) + Sync) {
    #[cfg(target_arch = "wasm32")]
    let _ = cost;
    #[cfg(not(target_arch = "wasm32"))]
    if data.len() > size && data.len() * cost > LITTLE && rayon::current_num_threads() > 1 {
        use rayon::prelude::*;
        data.par_chunks_mut(size).enumerate().for_each(|(i, chunk)| work(i, chunk));
        return;
    }
    data.chunks_mut(size).enumerate().for_each(|(i, chunk)| work(i, chunk));
}
