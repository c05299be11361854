//! Attention's scores as `attention_scores` makes them, by larger tiles, for adapters that are a
//! processor.

use super::attention_scores;
pub use super::attention_scores::Params;
use super::{BufferId, Case, Dispatch, Kernel, folded};
use crate::kernels::shaders::attention_scores_wide::SHADER;

pub static KERNEL: Kernel = Kernel::new(&SHADER, attention_scores::twin, cases);

/// Buffers: qkv, scores.
pub fn dispatch(p: &Params, buffers: [BufferId; 2]) -> Dispatch {
    let reach = 3 * p.batch * p.tokens * p.heads * p.head_dim;
    Dispatch::new(&KERNEL, p, &buffers, grid(p)).reaching([reach, 0])
}

fn grid(p: &Params) -> [u32; 3] {
    let tiles = p.tokens.div_ceil(4);
    folded((p.batch * p.heads * tiles * tiles).div_ceil(SHADER.workgroup_size))
}

fn cases() -> Vec<Case> {
    attention_scores::cases_of(&KERNEL, grid)
}
