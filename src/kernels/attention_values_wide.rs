//! Attention's output as `attention_values` makes it, by larger tiles, for adapters that are a
//! processor and tokens that come in fours.

use super::attention_values;
pub use super::attention_values::Params;
use super::{BufferId, Case, Dispatch, Kernel, folded};
use crate::kernels::shaders::attention_values_wide::SHADER;

pub static KERNEL: Kernel = Kernel::new(&SHADER, attention_values::twin, cases);

/// Buffers: qkv, weights, y.
pub fn dispatch(p: &Params, buffers: [BufferId; 3]) -> Dispatch {
    let rows = p.batch * p.heads * p.tokens;
    Dispatch::new(&KERNEL, p, &buffers, grid(p)).reaching([3 * rows * p.head_dim, rows * p.tokens / 4])
}

fn grid(p: &Params) -> [u32; 3] {
    folded((p.batch * p.heads * p.head_dim * (p.tokens / 4)).div_ceil(SHADER.workgroup_size))
}

fn cases() -> Vec<Case> {
    attention_values::cases_of(&KERNEL, &[8, 16, 4], grid)
}
