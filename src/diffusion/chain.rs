//! The forward process link by link (Ho et al. 2020, eq. 2), to hold against its closed form.

use super::forward::{Mix, q_step};
use super::noise::{Stream, normal};
use super::schedule::Schedule;

/// The noise is kept after every so many links: from there on, any timestep is near.
const KEY_EVERY: usize = 32;

/// x_t = √(1 − β_t)·x_{t−1} + √β_t·z_t, with fresh noise z_t at each link.
///
/// A link is linear, so the image and the noise go through the chain apart: x_t = s_t·x_0 + n_t
/// with s_t = √(1 − β_t)·s_{t−1} and n_t = √(1 − β_t)·n_{t−1} + √β_t·z_t. Only the noise is kept,
/// so that another image costs nothing.
#[derive(Clone, Debug)]
pub struct Chain {
    seed: u64,
    links: Vec<Mix>,
    /// s_t of every timestep.
    signals: Vec<f32>,
    /// The noise after 0, 1, 2, … times [`KEY_EVERY`] links, as far as the chain has come.
    keys: Vec<Vec<f32>>,
    /// The noise after `done` links.
    noise: Vec<f32>,
    done: usize,
    fresh: Vec<f32>,
}

impl Chain {
    /// For images of `values` values.
    pub fn new(schedule: &Schedule, values: usize, seed: u64) -> Self {
        let steps = 0..schedule.num_train_timesteps();
        let links: Vec<Mix> = steps.filter_map(|timestep| q_step(schedule, timestep).ok()).collect();
        let product = |signal: &mut f64, link: &Mix| {
            *signal *= f64::from(link.signal);
            Some(*signal as f32)
        };
        let none = vec![0.0; values];
        Self {
            seed,
            signals: links.iter().scan(1.0, product).collect(),
            links,
            keys: vec![none.clone()],
            noise: none.clone(),
            done: 0,
            fresh: none,
        }
    }

    /// What the noise of the links is drawn from.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Goes towards a timestep by at most so many links; returns whether it is there. Beyond the
    /// last timestep is the last.
    pub fn go(&mut self, timestep: usize, links: usize) -> bool {
        let end = timestep.saturating_add(1).min(self.links.len());
        let key = (end / KEY_EVERY).min(self.keys.len() - 1);
        if self.done > end || self.done < key * KEY_EVERY {
            self.done = key * KEY_EVERY;
            self.noise.copy_from_slice(&self.keys[key]);
        }
        for _ in 0..links.min(end - self.done) {
            self.link();
        }
        self.done == end
    }

    fn link(&mut self) {
        let Mix { signal, noise } = self.links[self.done];
        normal(self.seed, 0, 0, Stream::Step(self.done as u32), &mut self.fresh);
        for (n, z) in self.noise.iter_mut().zip(&self.fresh) {
            *n = signal * *n + noise * z;
        }
        self.done += 1;
        if self.done == self.keys.len() * KEY_EVERY {
            self.keys.push(self.noise.clone());
        }
    }

    /// Where an image is, as far as the chain has gone.
    pub fn carry(&self, image: &[f32]) -> Vec<f32> {
        let signal = self.done.checked_sub(1).map_or(1.0, |timestep| self.signals[timestep]);
        image.iter().zip(&self.noise).map(|(x0, n)| signal * x0 + n).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diffusion::forward::q_sample;
    use crate::diffusion::histogram::Histogram;
    use crate::diffusion::schedule::{BetaSchedule, Ends};

    fn linear() -> Schedule {
        Schedule::new(&BetaSchedule::Linear(Ends::HO_2020), 1000, false).unwrap()
    }

    /// Ten pixels in a thousand are white, as in a drawing.
    fn drawing(values: usize) -> Vec<f32> {
        (0..values).map(|i| if i % 100 == 0 { 1.0 } else { -1.0 }).collect()
    }

    /// The chain as it is written, on the image itself.
    fn literally(schedule: &Schedule, mut x: Vec<f32>, seed: u64, timestep: usize) -> Vec<f32> {
        let mut z = vec![0.0; x.len()];
        for t in 0..=timestep {
            let Mix { signal, noise } = q_step(schedule, t).unwrap();
            normal(seed, 0, 0, Stream::Step(t as u32), &mut z);
            x.iter_mut().zip(&z).for_each(|(x, z)| *x = signal * *x + noise * z);
        }
        x
    }

    #[test]
    fn the_image_and_the_noise_may_go_apart() {
        let (schedule, image) = (linear(), drawing(256));
        let mut chain = Chain::new(&schedule, 256, 5);
        assert_eq!(chain.carry(&image), image);
        // There, back to a kept place, on from it, and a little further.
        for timestep in [0, 700, 31, 32, 690, 691, 999] {
            while !chain.go(timestep, 100) {}
            let expected = literally(&schedule, image.clone(), 5, timestep);
            let apart =
                chain.carry(&image).iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(apart < 1e-5, "t {timestep}: {apart}");
        }
    }

    #[test]
    fn it_goes_no_further_than_it_may() {
        let mut chain = Chain::new(&linear(), 4, 1);
        assert!(!chain.go(99, 60));
        assert!(chain.go(99, 40));
        assert!(chain.go(usize::MAX, 1000));
        let end = chain.carry(&[0.0; 4]);
        assert!(chain.go(999, 0));
        assert_eq!(chain.carry(&[0.0; 4]), end);
    }

    /// Mean and deviation agree with the closed form to five standard errors of 4,096 values.
    #[test]
    fn its_moments_are_those_of_the_closed_form() {
        let (schedule, image) = (linear(), drawing(4096));
        let mut chain = Chain::new(&schedule, image.len(), 11);
        let mut eps = vec![0.0; image.len()];
        normal(11, 0, 0, Stream::Initial, &mut eps);
        for timestep in [0, 100, 300, 600, 999] {
            while !chain.go(timestep, 1000) {}
            let mix = q_sample(&schedule, timestep).unwrap();
            let closed: Vec<f32> =
                image.iter().zip(&eps).map(|(x, z)| mix.signal * x + mix.noise * z).collect();
            let (a, b) = (Histogram::of(&chain.carry(&image)), Histogram::of(&closed));
            let error = 5.0 * mix.noise / (image.len() as f32).sqrt();
            assert!((a.mean - b.mean).abs() < 1.5 * error, "t {timestep}: {} and {}", a.mean, b.mean);
            assert!((a.std - b.std).abs() < 1.5 * error, "t {timestep}: {} and {}", a.std, b.std);
        }
    }
}
