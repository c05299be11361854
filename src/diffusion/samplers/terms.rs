//! Small words that samplers are written in.

use super::Setting;
use crate::diffusion::row::{Assign, Register, Row};

/// The register of the model output of step `step`: four are remembered, in turn.
pub(super) fn history(step: usize) -> Register {
    [Register::History0, Register::History1, Register::History2, Register::History3][step % 4]
}

/// `to` ← Σ coefficient·register + `noise`·z; a register may come more than once.
pub(super) fn set(to: Register, terms: &[(Register, f32)], noise: f32) -> Assign {
    let mut sums: Vec<(Register, f32)> = Vec::new();
    for &(register, coefficient) in terms {
        match sums.iter_mut().find(|(known, _)| *known == register) {
            Some((_, sum)) => *sum += coefficient,
            None => sums.push((register, coefficient)),
        }
    }
    Assign::new(to, &sums, noise)
}

pub(super) fn copy(to: Register, from: Register) -> Assign {
    set(to, &[(from, 1.0)], 0.0)
}

/// Sample ← `from` + `dt`·ε̂ + `noise`·z: a step along the derivative dx/dσ = ε.
pub(super) fn slide(from: Register, dt: f32, noise: f32) -> Assign {
    set(Register::Sample, &[(from, 1.0), (Register::EpsHat, dt)], noise)
}

impl Setting<'_> {
    /// The row that makes x_T as noisy as the first level.
    pub fn scaled_start(&self, factor: f32) -> Row {
        Row::part(0, vec![set(Register::Sample, &[(Register::Sample, factor)], 0.0)])
    }
}
