//! How the values of an image are spread, beside the unit normal that noise is drawn from.

use std::f64::consts::PI;

/// Bins of a histogram; a finer one is ragged for a picture of a thousand pixels.
const BINS: usize = 64;
/// Values beyond ±REACH are counted in the outermost bins: one normal of 16,000 lies there.
const REACH: f32 = 4.0;

/// The values of an image in equal bins from `low` to `high`, and their first two moments.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    pub low: f32,
    pub high: f32,
    pub counts: Vec<u32>,
    /// How many values a unit normal would have in each bin: its density in the middle of the bin.
    pub normal: Vec<f32>,
    pub mean: f32,
    /// The square root of the mean squared distance from `mean`.
    pub std: f32,
}

impl Histogram {
    /// Of values of any shape; nothing of none.
    pub fn of(values: &[f32]) -> Self {
        let count = values.len().max(1) as f64;
        let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / count;
        let square = |v: &f32| (f64::from(*v) - mean) * (f64::from(*v) - mean);
        let variance = values.iter().map(square).sum::<f64>() / count;
        let width = 2.0 * REACH / BINS as f32;
        let mut counts = vec![0; BINS];
        // What is not a number has no bin: it falls into the first.
        values.iter().for_each(|v| counts[(((v + REACH) / width) as usize).min(BINS - 1)] += 1);
        let middle = |bin: usize| f64::from((bin as f32 + 0.5) * width - REACH);
        let density = |x: f64| libm::exp(-0.5 * x * x) / (2.0 * PI).sqrt();
        let expected = |bin| (values.len() as f64 * f64::from(width) * density(middle(bin))) as f32;
        Self {
            low: -REACH,
            high: REACH,
            counts,
            normal: (0..BINS).map(expected).collect(),
            mean: mean as f32,
            std: variance.sqrt() as f32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diffusion::noise::{Stream, normal};

    #[test]
    fn noise_lies_under_the_normals_curve() {
        let mut z = vec![0.0; 1 << 16];
        normal(3, 0, 0, Stream::Initial, &mut z);
        let Histogram { counts, normal, mean, std, .. } = Histogram::of(&z);
        assert!(mean.abs() < 0.02 && (std - 1.0).abs() < 0.02, "mean {mean}, std {std}");
        assert_eq!(counts.iter().sum::<u32>(), 1 << 16);
        // All but the tails, which the outermost bins hold as well.
        assert!((normal.iter().sum::<f32>() / 65536.0 - 1.0).abs() < 1e-3);
        for (count, expected) in counts.iter().zip(&normal) {
            let error = (*count as f32 - expected).abs();
            assert!(error < 4.5 * expected.sqrt() + 4.0, "{count} values where {expected} are expected");
        }
    }

    #[test]
    fn every_value_has_a_bin() {
        let values = [-1.0, -1.0, 0.0, 1.0, 9.0, -9.0, 4.0, -4.0];
        let Histogram { counts, mean, std, low, high, .. } = Histogram::of(&values);
        let bin = |value: f32| ((value - low) / (high - low) * counts.len() as f32) as usize;
        assert_eq!((counts[bin(-1.0)], counts[bin(0.0)], counts[bin(1.0)]), (2, 1, 1));
        assert_eq!((counts[0], counts[counts.len() - 1]), (2, 2));
        assert_eq!(mean, -0.125);
        assert!((std - 4.9607).abs() < 1e-3, "{std}");
    }

    #[test]
    fn nothing_and_what_is_not_a_number_count_without_harm() {
        assert!(Histogram::of(&[]).counts.iter().all(|count| *count == 0));
        assert_eq!(Histogram::of(&[f32::NAN, f32::INFINITY]).counts.iter().sum::<u32>(), 2);
    }
}
