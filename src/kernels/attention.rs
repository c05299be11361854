//! Attention of small heads at once, for adapters that are a processor.

use bytemuck::cast_slice_mut;

use super::case::{random, zeros};
use super::{BufferId, Case, Dispatch, Kernel, attention_scores, attention_values, folded, params, softmax};
pub use crate::kernels::shaders::attention::Params;
use crate::kernels::shaders::attention::SHADER;

pub static KERNEL: Kernel = Kernel::new(&SHADER, twin, cases);

/// The most vec4s of a head.
pub const MOST_DIM: u32 = 8;
/// The most tokens: lavapipe ends a thread's loops after 65,535 turns, and four keys take a turn and
/// two for each vec4.
pub const MOST_TOKENS: u32 = 4 * 65_535 / (1 + 2 * MOST_DIM);

/// Buffers: qkv, y.
pub fn dispatch(p: &Params, buffers: [BufferId; 2]) -> Dispatch {
    let reach = 3 * p.batch * p.tokens * p.heads * p.head_dim;
    Dispatch::new(&KERNEL, p, &buffers, grid(p)).reaching([reach, 0])
}

fn grid(p: &Params) -> [u32; 3] {
    folded((p.batch * p.heads * p.tokens.div_ceil(4)).div_ceil(SHADER.workgroup_size))
}

/// Scores, their softmax, and the values' means with its weights.
fn twin(bytes: &[u8], reads: &[&[u32]], writes: &mut [&mut [u32]]) {
    let p: Params = params(bytes);
    let Params { batch, tokens, heads, head_dim, scale, .. } = p;
    let mut scores = vec![0f32; (batch * heads * tokens * tokens) as usize];
    let of_scores = attention_scores::Params { batch, tokens, heads, head_dim, scale };
    attention_scores::twin(bytemuck::bytes_of(&of_scores), reads, &mut [cast_slice_mut(&mut scores)]);
    let rows = softmax::Params { rows: batch * heads * tokens, columns: tokens };
    softmax::twin(bytemuck::bytes_of(&rows), &[], &mut [cast_slice_mut(&mut scores)]);
    let of_values = attention_values::Params { batch, tokens, heads, head_dim };
    let reads = [reads[0], bytemuck::cast_slice(&scores)];
    attention_values::twin(bytemuck::bytes_of(&of_values), &reads, writes);
}

fn cases() -> Vec<Case> {
    let p = Params { batch: 2, tokens: 8, heads: 2, head_dim: 2, scale: 3.0 };
    [
        ("plain", p),
        ("odd tokens", Params { tokens: 7, heads: 3, head_dim: 1, ..p }),
        ("one token", Params { tokens: 1, ..p }),
        ("the largest heads", Params { tokens: 13, head_dim: MOST_DIM, ..p }),
    ]
    .map(|(label, p)| {
        let values = 4 * p.batch * p.tokens * p.heads * p.head_dim;
        Case::new(label, &KERNEL, &p, vec![random(1, 3 * values), zeros(values)], grid(&p))
    })
    .into()
}
