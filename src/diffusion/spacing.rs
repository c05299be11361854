//! Which of the T training timesteps a run of fewer steps visits.

use super::named::named_enum;

named_enum! {
    /// Table 2 of Lin et al. 2023 (arXiv:2305.08891).
    pub enum TimestepSpacing("timestep_spacing") {
        /// 0, ⌊T/S⌋, 2⌊T/S⌋, …: misses the noisiest timesteps. `steps_offset` shifts it.
        Leading = "leading",
        /// T − 1, T − 1 − T/S, …, rounded: starts from the noisiest timestep.
        Trailing = "trailing",
        /// S points from 0 to T − 1, both included, rounded.
        Linspace = "linspace",
    }
}

/// The timesteps of a run of `steps` steps, noisiest first, as diffusers rounds
/// them (to even). 1 ≤ `steps` ≤ `num_train_timesteps`; only an offset can make
/// a timestep leave 0 … T−1. Where rounding makes diffusers' trailing list one
/// entry too long (61 of 1000 steps ends in timestep −1), ours has no such entry.
pub fn timesteps(
    spacing: TimestepSpacing,
    num_train_timesteps: usize,
    steps: usize,
    steps_offset: usize,
) -> Vec<usize> {
    let total = num_train_timesteps as f64;
    let visit = |i: usize| match spacing {
        TimestepSpacing::Leading => (steps - 1 - i) * (num_train_timesteps / steps) + steps_offset,
        TimestepSpacing::Trailing => {
            // numpy's arange: start + i·((start + step) − start)
            let stride = (total - total / steps as f64) - total;
            (total + i as f64 * stride).round_ties_even() as usize - 1
        }
        TimestepSpacing::Linspace if i == 0 && steps > 1 => num_train_timesteps - 1,
        TimestepSpacing::Linspace => {
            let stride = (total - 1.0) / steps.saturating_sub(1).max(1) as f64;
            ((steps - 1 - i) as f64 * stride).round_ties_even() as usize
        }
    };
    (0..steps).map(visit).collect()
}

/// Whether diffusers' trailing list is that one entry too long: `numpy.arange` has
/// ⌈total/(total/steps)⌉ entries, and the quotients are rounded.
pub fn trailing_is_too_long(num_train_timesteps: usize, steps: usize) -> bool {
    let total = num_train_timesteps as f64;
    (total / (total / steps as f64)).ceil() as usize > steps
}

#[cfg(test)]
mod tests {
    use super::TimestepSpacing::*;
    use super::*;

    /// What diffusers 0.42 gives.
    #[test]
    fn timesteps_are_those_of_diffusers() {
        assert_eq!(timesteps(Leading, 1000, 5, 0), [800, 600, 400, 200, 0]);
        assert_eq!(timesteps(Leading, 1000, 3, 1), [667, 334, 1]);
        assert_eq!(timesteps(Trailing, 1000, 4, 0), [999, 749, 499, 249]);
        assert_eq!(timesteps(Trailing, 1000, 7, 9), [999, 856, 713, 570, 428, 285, 142]);
        assert_eq!(timesteps(Linspace, 1000, 4, 9), [999, 666, 333, 0]);
        assert_eq!(timesteps(Linspace, 1000, 7, 0), [999, 832, 666, 500, 333, 166, 0]);
        assert_eq!(timesteps(Linspace, 1000, 1, 0), [0]);
        assert_eq!(timesteps(Trailing, 1000, 1, 0), [999]);
        assert_eq!(timesteps(Leading, 1, 1, 0), [0]);
    }

    /// `len(numpy.arange(total, 0, -total / steps))`.
    #[test]
    fn some_trailing_lists_of_diffusers_are_too_long() {
        for (total, steps, expected) in
            [(1000, 61, true), (300, 7, true), (300, 14, true), (1000, 60, false), (1000, 1000, false)]
        {
            assert_eq!(trailing_is_too_long(total, steps), expected, "{steps} of {total}");
        }
    }

    #[test]
    fn timesteps_fall_and_stay_in_range() {
        for total in [1, 2, 3, 10, 40, 300, 1000] {
            for steps in 1..=total {
                for spacing in [Leading, Trailing, Linspace] {
                    let visited = timesteps(spacing, total, steps, 0);
                    assert_eq!(visited.len(), steps);
                    assert!(visited[0] < total);
                    assert!(visited.windows(2).all(|pair| pair[0] > pair[1]), "{visited:?}");
                }
            }
        }
    }
}
