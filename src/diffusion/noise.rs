//! Counter-based normals: a pure function of (seed, sample, branch, step, element).
//!
//! Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3")
//! gives four words a counter, Box and Muller (1958) make them four normals. All is
//! pure Rust in float64, rounded once: one bit pattern on every platform, whatever
//! the batch. In numpy:
//!
//! ```python
//! import numpy as np
//! def normal(seed, sample, branch, step, count):  # x_T is step 0xFFFFFFFF, a start 0xFFFFFFFE
//!     n = (count + 3) // 4
//!     c = [np.arange(n, dtype=np.uint64)] + [np.full(n, v, np.uint64) for v in (sample, step, branch)]
//!     k0, k1, low = seed & 0xFFFFFFFF, seed >> 32, np.uint64(0xFFFFFFFF)
//!     for i in range(10):
//!         p, q = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
//!         a, b = (np.uint64((k + i * w) & 0xFFFFFFFF) for k, w in ((k0, 0x9E3779B9), (k1, 0xBB67AE85)))
//!         c = [(q >> np.uint64(32)) ^ c[1] ^ a, q & low, (p >> np.uint64(32)) ^ c[3] ^ b, p & low]
//!     u = (np.stack(c, 1).reshape(-1, 2) + 0.5) / 2**32
//!     r, angle = np.sqrt(-2 * np.log(u[:, :1])), 2 * np.pi * u[:, 1:]
//!     return (r * np.hstack([np.cos(angle), np.sin(angle)])).reshape(-1)[:count].astype(np.float32)
//! ```

use std::f64::consts::TAU;

/// What a sample's normals are for: distinct streams of one seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// The starting noise x_T.
    Initial,
    /// What a run that starts from a picture adds to it, to reach a step's noise level.
    Start,
    /// The fresh noise of a scheduler step, from 0.
    Step(u32),
}

/// Fills `out`, one sample in C, H, W order, with unit normals. `sample` is its
/// place in the batch, `branch` tells forks of one run apart (0 is the trunk).
pub fn normal(seed: u64, sample: u32, branch: u32, stream: Stream, out: &mut [f32]) {
    let step = match stream {
        Stream::Initial => u32::MAX,
        Stream::Start => u32::MAX - 1,
        Stream::Step(step) => step,
    };
    let key = [seed as u32, (seed >> 32) as u32];
    for (block, out) in (0..).zip(out.chunks_mut(4)) {
        let [a, b, c, d] = philox4x32([block, sample, step, branch], key);
        let [(a, b), (c, d)] = [box_muller(a, b), box_muller(c, d)];
        out.copy_from_slice(&[a, b, c, d][..out.len()]);
    }
}

/// Philox4x32 with ten rounds.
pub fn philox4x32(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    let multiply = |a: u32, b: u32| {
        let product = u64::from(a) * u64::from(b);
        ((product >> 32) as u32, product as u32)
    };
    for _ in 0..10 {
        let (high_0, low_0) = multiply(0xD251_1F53, counter[0]);
        let (high_1, low_1) = multiply(0xCD9E_8D57, counter[2]);
        counter = [high_1 ^ counter[1] ^ key[0], low_1, high_0 ^ counter[3] ^ key[1], low_0];
        key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
    }
    counter
}

/// Two words as two independent unit normals. The half keeps the logarithm finite.
fn box_muller(a: u32, b: u32) -> (f32, f32) {
    let [radius, angle] = [a, b].map(|word| (f64::from(word) + 0.5) / 4_294_967_296.0);
    let radius = libm::sqrt(-2.0 * libm::log(radius));
    let (sin, cos) = libm::sincos(TAU * angle);
    ((radius * cos) as f32, (radius * sin) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normals(seed: u64, sample: u32, branch: u32, stream: Stream, count: usize) -> Vec<f32> {
        let mut out = vec![0.0; count];
        normal(seed, sample, branch, stream, &mut out);
        out
    }

    /// Random123's kat_vectors.
    #[test]
    fn philox_gives_the_known_answers() {
        let answer = philox4x32([0; 4], [0; 2]);
        assert_eq!(answer, [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
        let answer = philox4x32([u32::MAX; 4], [u32::MAX; 2]);
        assert_eq!(answer, [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]);
        let digits = [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344];
        let answer = philox4x32(digits, [0xa4093822, 0x299f31d0]);
        assert_eq!(answer, [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1]);
    }

    #[test]
    fn normals_are_the_numpy_recipes() {
        let seed = 0x0123_4567_89AB_CDEF;
        let step = [-0.403_144_84, -0.218_341_59, -0.185_426_6, -0.332_771_8, -1.248_304_6, 0.636_026_56];
        assert_eq!(normals(seed, 3, 1, Stream::Step(7), 6), step);
        let initial = [-0.654_996_7, 0.015_992_325, 1.138_242];
        assert_eq!(normals(seed, 0, 0, Stream::Initial, 3), initial);
    }

    /// Mean, variance, skewness and kurtosis of 2^18 normals, to four standard errors.
    #[test]
    fn moments_are_those_of_a_unit_normal() {
        let z = normals(42, 0, 0, Stream::Initial, 1 << 18);
        let moment = |power: i32| z.iter().map(|&z| f64::from(z).powi(power)).sum::<f64>() / z.len() as f64;
        for (power, expected, variance) in [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0)] {
            let error = moment(power) - expected;
            let standard = (variance / z.len() as f64).sqrt();
            assert!(error.abs() < 4.0 * standard, "moment {power} is off by {error}");
        }
    }

    /// Changing any one coordinate gives an uncorrelated stream.
    #[test]
    fn streams_are_independent() {
        let count = 1 << 14;
        let base = normals(1, 0, 0, Stream::Step(0), count);
        for other in [
            normals(2, 0, 0, Stream::Step(0), count),
            normals(1 << 32 | 1, 0, 0, Stream::Step(0), count),
            normals(1, 1, 0, Stream::Step(0), count),
            normals(1, 0, 1, Stream::Step(0), count),
            normals(1, 0, 0, Stream::Step(1), count),
            normals(1, 0, 0, Stream::Initial, count),
            base[1..].to_vec(),
            base[4..].to_vec(),
        ] {
            let correlation = base.iter().zip(&other).map(|(a, b)| a * b).sum::<f32>();
            assert!(correlation.abs() / (count as f32) < 4.0 / (count as f32).sqrt());
        }
    }

    #[test]
    fn a_shorter_sample_is_a_prefix() {
        let long = normals(5, 2, 0, Stream::Initial, 11);
        assert_eq!(normals(5, 2, 0, Stream::Initial, 7), long[..7]);
    }
}
