//! 3×3 convolution as `conv3x3` does it, by larger tiles, for adapters that are a processor.

use super::conv3x3;
pub use super::conv3x3::Params;
use super::{BufferId, Case, Dispatch, Kernel, folded};
use crate::kernels::shaders::conv3x3_wide::SHADER;

pub static KERNEL: Kernel = Kernel::new(&SHADER, conv3x3::twin, cases);

/// Output channels that a workgroup makes, in vec4s, and pixels that a thread makes.
const LANES: u32 = 8;
const TILE: [u32; 2] = [4, 8];

/// Buffers: x, weight, bias, temb, residual, y.
pub fn dispatch(p: &Params, buffers: [BufferId; 6]) -> Dispatch {
    Dispatch::new(&KERNEL, p, &buffers, grid(p))
}

fn grid(p: &Params) -> [u32; 3] {
    let tiles = p.height.div_ceil(TILE[0]) * p.width.div_ceil(TILE[1]);
    folded(p.batch * tiles * p.out_channels.div_ceil(LANES))
}

fn cases() -> Vec<Case> {
    conv3x3::cases_of(&KERNEL, grid)
}
