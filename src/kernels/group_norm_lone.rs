//! Group normalisation's statistics, a thread a group, for adapters that are a processor.

use super::{BufferId, Case, Dispatch, Kernel, group_norm};
use crate::kernels::shaders::group_norm_lone::{Params, SHADER};

pub static KERNEL: Kernel = Kernel::new(&SHADER, group_norm::twin, cases);

/// The most values of a group: lavapipe ends a thread's loops after 65,535 turns, here of sixteen.
pub const MOST_VALUES: u32 = 1 << 19;

/// Buffers as `group_norm` has them.
pub fn dispatch(p: &group_norm::Params, buffers: [BufferId; 5]) -> Dispatch {
    Dispatch::new(&KERNEL, &bytemuck::cast::<_, Params>(*p), &buffers, grid(p))
}

fn grid(p: &group_norm::Params) -> [u32; 3] {
    [p.groups.div_ceil(SHADER.workgroup_size), p.batch, 1]
}

fn cases() -> Vec<Case> {
    group_norm::cases_of(&KERNEL, grid)
}
