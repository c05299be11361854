//! Matrix products of few rows, as `matmul` makes them.

use super::matmul::{self, Params};
use super::{BufferId, Case, Dispatch, Kernel};
use crate::kernels::shaders::matmul_few::SHADER;

pub static KERNEL: Kernel = Kernel::new(&SHADER, matmul::twin, cases);

/// Rows that a thread makes.
const ROWS: u32 = 4;

/// Buffers: x, weight, bias, residual, y.
pub fn dispatch(p: &Params, buffers: [BufferId; 5]) -> Dispatch {
    Dispatch::new(&KERNEL, p, &buffers, grid(p)).reaching(matmul::reach(p))
}

fn grid(p: &Params) -> [u32; 3] {
    matmul::grid_of(p, ROWS, SHADER.workgroup_size)
}

fn cases() -> Vec<Case> {
    matmul::cases_of(&KERNEL, grid)
}
