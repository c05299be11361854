//! Attention's scores, scale · Q Kᵀ (Vaswani et al. 2017, eq. 1).

use super::case::{random, zeros};
use super::{BufferId, Case, Dispatch, Kernel, flat_grid, floats, output, params};
pub use crate::kernels::shaders::attention_scores::Params;
use crate::kernels::shaders::attention_scores::SHADER;

pub static KERNEL: Kernel = Kernel::new(&SHADER, twin, cases);

/// Buffers: qkv, scores.
pub fn dispatch(p: &Params, buffers: [BufferId; 2]) -> Dispatch {
    Dispatch::new(&KERNEL, p, &buffers, grid(p))
}

fn grid(p: &Params) -> [u32; 3] {
    flat_grid(p.batch * p.heads * p.tokens * p.tokens.div_ceil(4))
}

fn twin(bytes: &[u8], reads: &[&[u32]], writes: &mut [&mut [u32]]) {
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

fn cases() -> Vec<Case> {
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
        Case::new(label, &KERNEL, &p, buffers, grid(&p))
    })
    .into()
}
