//! Attention's scores, scale · Q Kᵀ (Vaswani et al. 2017, eq. 1).

use super::case::{random, zeros};
use super::fast::Scratch;
use super::fast::epilogue::Epilogue;
use super::fast::product::{Product, pack_transposed};
use super::{BufferId, Case, Dispatch, Kernel, flat_grid, floats, output, params};
pub use crate::kernels::shaders::attention_scores::Params;
use crate::kernels::shaders::attention_scores::SHADER;

pub static KERNEL: Kernel = Kernel::new(&SHADER, twin, cases).with_fast(fast);

/// Buffers: qkv, scores.
pub fn dispatch(p: &Params, buffers: [BufferId; 2]) -> Dispatch {
    Dispatch::new(&KERNEL, p, &buffers, grid(p))
}

fn grid(p: &Params) -> [u32; 3] {
    flat_grid(p.batch * p.heads * p.tokens * p.tokens.div_ceil(4))
}

pub(super) fn twin(bytes: &[u8], reads: &[&[u32]], writes: &mut [&mut [u32]]) {
    let p: Params = params(bytes);
    let [qkv] = floats(reads);
    let scores = output(writes);
    let (tokens, heads, dim) = (p.tokens as usize, p.heads as usize, 4 * p.head_dim as usize);
    let part = heads * dim;
    let row = |n: usize, token: usize, start: usize| &qkv[(n * tokens + token) * 3 * part + start..][..dim];
    let count = p.batch as usize * heads * tokens * tokens;
    for (i, score) in scores[..count].iter_mut().enumerate() {
        let (key, query, head) = (i % tokens, i / tokens % tokens, i / (tokens * tokens) % heads);
        let n = i / (tokens * tokens * heads);
        let q = row(n, query, head * dim);
        let k = row(n, key, part + head * dim);
        *score = p.scale * q.iter().zip(k).map(|(a, b)| a * b).sum::<f32>();
    }
}

fn fast(bytes: &[u8], reads: &[&[u32]], writes: &mut [&mut [u32]], scratch: &mut Scratch) {
    let p: Params = params(bytes);
    let [qkv] = floats(reads);
    let (tokens, heads, depth) = (p.tokens as usize, p.heads as usize, 4 * p.head_dim as usize);
    let part = heads * depth;
    scratch.starts.clear();
    scratch.starts.extend((0..tokens).map(|token| token * 3 * part));
    let all = output(writes).chunks_exact_mut(tokens * tokens).take(p.batch as usize * heads);
    for (i, scores) in all.enumerate() {
        let qkv = &qkv[i / heads * tokens * 3 * part + i % heads * depth..];
        pack_transposed(&qkv[part..], 3 * part, depth, tokens, &mut scratch.panels);
        let product = Product {
            x: qkv,
            starts: &scratch.starts,
            runs: 1,
            run_length: depth,
            run_pitch: 0,
            panels: &scratch.panels,
            columns: tokens,
            epilogue: Epilogue::scaled(p.scale),
        };
        product.write(scores, tokens, 0);
    }
}

fn cases() -> Vec<Case> {
    cases_of(&KERNEL, grid)
}

/// The same for both variants of the kernel.
pub(super) fn cases_of(kernel: &'static Kernel, grid: fn(&Params) -> [u32; 3]) -> Vec<Case> {
    let p = Params { batch: 2, tokens: 8, heads: 2, head_dim: 2, scale: 0.4 };
    [
        ("plain", p),
        ("odd tokens", Params { tokens: 7, heads: 3, ..p }),
        ("one token", Params { tokens: 1, ..p }),
    ]
    .map(|(label, p)| {
        let buffers = vec![
            random(1, 12 * p.batch * p.tokens * p.heads * p.head_dim),
            zeros(p.batch * p.heads * p.tokens * p.tokens),
        ];
        Case::new(label, kernel, &p, buffers, grid(&p))
    })
    .into()
}
