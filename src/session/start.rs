//! Runs that start from a picture of some noise level, and not from x_T: a kept moment of another
//! run (a fork of it), or a picture of the forward process (SDEdit, Meng et al. 2021,
//! arXiv:2108.01073).

use crate::diffusion::row::{Assign, Register, Row};
use crate::kernels::BufferId;

/// A batch of images on the machine, which takes the place of x_T.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// The buffer and first word of `[N, H, W, C]`, or of the one image that every sample starts
    /// from.
    pub at: (BufferId, usize),
    pub spread: bool,
    /// What its values are divided by to be of unit variance, for data of unit variance.
    pub deviation: f32,
    /// Its noise level √((1 − ᾱ)/ᾱ): 0 for a picture, infinite for x_T.
    pub sigma: f64,
    /// Forks of one run draw different noise; 0 draws what the run itself would.
    pub branch: u32,
}

impl Start {
    /// Brings the sample to unit variance and to the noise level `sigma`, which is not below its
    /// own: x′ = (s′/s)·x + √(n′² − (s′/s)²n²)·z with signal s and noise n of the two levels.
    pub(super) fn row(&self, sigma: f64) -> Row {
        let (share, noise) = raised(self.sigma, sigma);
        let factor = (share / f64::from(self.deviation)) as f32;
        Row::part(0, vec![Assign::new(Register::Sample, &[(Register::Sample, factor)], noise as f32)])
    }
}

/// The shares of the image and of fresh noise.
fn raised(from: f64, to: f64) -> (f64, f64) {
    // Also where both are pure noise.
    if to <= from * (1.0 + 1e-4) {
        return (1.0, 0.0);
    }
    let signal = |sigma: f64| 1.0 / sigma.hypot(1.0);
    let share = signal(to) / signal(from);
    let noise_left = share * from * signal(from);
    (share, (1.0 - signal(to).powi(2) - noise_left * noise_left).max(0.0).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_kept_or_raised() {
        assert_eq!(raised(2.0, 2.0), (1.0, 0.0));
        assert_eq!(raised(f64::INFINITY, 20_291.0), (1.0, 0.0));
        assert_eq!(raised(3.0, f64::INFINITY), (0.0, 1.0));
        let (share, noise) = raised(0.0, 1.0);
        assert!((share - 0.5f64.sqrt()).abs() < 1e-12 && (noise - 0.5f64.sqrt()).abs() < 1e-12);
        // In two goes as in one.
        let (first, then, at_once) = (raised(0.5, 3.0), raised(3.0, 40.0), raised(0.5, 40.0));
        assert!((first.0 * then.0 - at_once.0).abs() < 1e-12);
        let variance = (first.1 * then.0).powi(2) + then.1.powi(2);
        assert!((variance.sqrt() - at_once.1).abs() < 1e-12);
    }
}
