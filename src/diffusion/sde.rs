//! Diffusion in continuous time, as stochastic differential equations.
//!
//! dx = f(t)·x dt + g(t) dw carries data at t = 0 to x_t = signal·x0 + noise·ε (Song et al.
//! 2021, arXiv:2011.13456, §3.4 and appendix B). One ε-network serves all of them, because it
//! is asked at σ = noise/signal.

use super::named::named_enum;
use super::prediction::Level;

named_enum! {
    /// Which equation carries data to noise.
    pub enum SdeKind("sde") {
        /// Variance exploding: noise is added, the signal stays.
        Ve = "ve",
        /// Variance preserving, DDPM's limit for ever smaller steps.
        Vp = "vp",
        /// Less noise than VP on the way, with the same signal.
        SubVp = "sub-vp",
    }
}

/// The smallest and the largest noise level of VE.
const VE_SIGMAS: (f64, f64) = (0.01, 50.0);
/// β at t = 0 and at t = 1.
const BETAS: (f64, f64) = (0.1, 20.0);

/// One of the equations, with its numbers; t runs from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sde {
    Ve { sigma_min: f64, sigma_max: f64 },
    Vp { beta_min: f64, beta_max: f64 },
    SubVp { beta_min: f64, beta_max: f64 },
}

impl From<SdeKind> for Sde {
    /// With Song et al.'s numbers.
    fn from(kind: SdeKind) -> Self {
        let (sigma_min, sigma_max) = VE_SIGMAS;
        let (beta_min, beta_max) = BETAS;
        match kind {
            SdeKind::Ve => Self::Ve { sigma_min, sigma_max },
            SdeKind::Vp => Self::Vp { beta_min, beta_max },
            SdeKind::SubVp => Self::SubVp { beta_min, beta_max },
        }
    }
}

impl Sde {
    /// How close to t = 0 the score is still known (appendix C of the paper).
    pub fn earliest(self) -> f64 {
        match self {
            Self::Ve { .. } => 1e-5,
            Self::Vp { .. } | Self::SubVp { .. } => 1e-3,
        }
    }

    /// ∫β from 0 to t.
    fn integral(self, t: f64) -> f64 {
        match self {
            Self::Ve { .. } => 0.0,
            Self::Vp { beta_min, beta_max } | Self::SubVp { beta_min, beta_max } => {
                t * beta_min + 0.5 * t * t * (beta_max - beta_min)
            }
        }
    }

    /// Signal and noise of x_t.
    pub fn marginal(self, t: f64) -> (f64, f64) {
        let integral = self.integral(t);
        let share = -libm::expm1(-integral);
        match self {
            Self::Ve { sigma_min, sigma_max } => (1.0, sigma_min * libm::pow(sigma_max / sigma_min, t)),
            Self::Vp { .. } => (libm::exp(-0.5 * integral), share.sqrt()),
            Self::SubVp { .. } => (libm::exp(-0.5 * integral), share),
        }
    }

    /// The same in float32.
    pub fn level(self, t: f64) -> Level {
        let (signal, noise) = self.marginal(t);
        Level { signal: signal as f32, noise: noise as f32 }
    }

    /// Noise over signal.
    pub fn sigma(self, t: f64) -> f64 {
        let (signal, noise) = self.marginal(t);
        noise / signal
    }

    /// The time of a noise level: [`Self::sigma`]'s inverse, for levels above 0.
    pub fn time_of(self, sigma: f64) -> f64 {
        let (beta_min, beta_max, integral) = match self {
            Self::Ve { sigma_min, sigma_max } => {
                return libm::log(sigma / sigma_min) / libm::log(sigma_max / sigma_min);
            }
            Self::Vp { beta_min, beta_max } => (beta_min, beta_max, libm::log1p(sigma * sigma)),
            // noise/signal = 2·sinh(½∫β)
            Self::SubVp { beta_min, beta_max } => (beta_min, beta_max, 2.0 * libm::asinh(0.5 * sigma)),
        };
        // The positive root of ½(β_max − β_min)t² + β_min·t = ∫β.
        let slope = beta_max - beta_min;
        2.0 * integral / (beta_min + (beta_min * beta_min + 2.0 * slope * integral).sqrt())
    }

    /// f(t), the drift's factor of x.
    pub fn drift(self, t: f64) -> f64 {
        -0.5 * self.beta(t)
    }

    /// β(t), where there is one.
    pub fn beta(self, t: f64) -> f64 {
        match self {
            Self::Ve { .. } => 0.0,
            Self::Vp { beta_min, beta_max } | Self::SubVp { beta_min, beta_max } => {
                beta_min + t * (beta_max - beta_min)
            }
        }
    }

    /// g(t)².
    pub fn diffusion_squared(self, t: f64) -> f64 {
        match self {
            Self::Ve { sigma_min, sigma_max } => {
                let (_, sigma) = self.marginal(t);
                2.0 * sigma * sigma * libm::log(sigma_max / sigma_min)
            }
            Self::Vp { .. } => self.beta(t),
            Self::SubVp { .. } => self.beta(t) * -libm::expm1(-2.0 * self.integral(t)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> [Sde; 3] {
        [SdeKind::Ve, SdeKind::Vp, SdeKind::SubVp].map(Sde::from)
    }

    /// d(signal)/dt = f·signal and d(noise²)/dt = 2f·noise² + g² (Särkkä & Solin 2019, eq. 5.50).
    #[test]
    fn marginals_are_what_the_equation_makes_of_data() {
        for sde in all() {
            for t in [0.05, 0.3, 0.6, 0.95] {
                let h = 1e-5;
                let [(s0, n0), (s1, n1)] = [t - h, t + h].map(|t| sde.marginal(t));
                let (signal, noise) = sde.marginal(t);
                let (f, g2) = (sde.drift(t), sde.diffusion_squared(t));
                assert!(((s1 - s0) / (2.0 * h) - f * signal).abs() < 1e-6, "{sde:?} at {t}");
                let slope = (n1 * n1 - n0 * n0) / (2.0 * h);
                let expected = 2.0 * f * noise * noise + g2;
                assert!((slope - expected).abs() < 1e-6 * expected.abs().max(1.0), "{sde:?} at {t}");
            }
        }
    }

    #[test]
    fn times_and_noise_levels_are_inverse() {
        for sde in all() {
            for t in [1e-5, 1e-3, 0.2, 0.7, 1.0] {
                assert!((sde.time_of(sde.sigma(t)) - t).abs() < 1e-9 * t.max(1e-3), "{sde:?} at {t}");
            }
        }
    }

    /// The log mean of the paper's VP at t = 1 is −¼·19.9 − ½·0.1.
    #[test]
    fn the_ends_are_the_papers() {
        let [ve, vp, sub_vp] = all();
        assert!((ve.sigma(0.0) - 0.01).abs() < 1e-12 && (ve.sigma(1.0) - 50.0).abs() < 1e-9);
        let signal = libm::exp(-0.25 * 19.9 - 0.05);
        assert!((vp.marginal(1.0).0 - signal).abs() < 1e-12);
        assert!((vp.marginal(1.0).1 - (1.0 - signal * signal).sqrt()).abs() < 1e-12);
        assert!((sub_vp.marginal(1.0).1 - (1.0 - signal * signal)).abs() < 1e-12);
    }
}
