//! What a network predicts, and how that becomes x̂0 and ε̂.

use super::named::named_enum;
use super::row::{Call, Register, Threshold};

named_enum! {
    /// What the network was trained to return.
    pub enum PredictionType("prediction_type") {
        /// The noise ε; Ho et al. 2020.
        Epsilon = "epsilon",
        /// The data x0.
        Sample = "sample",
        /// v = √ᾱ·ε − √(1−ᾱ)·x0; Salimans & Ho 2022, appendix D.
        VPrediction = "v_prediction",
    }
}

/// How much signal and noise a sample holds: x = `signal`·x0 + `noise`·ε.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level {
    pub signal: f32,
    pub noise: f32,
}

impl Level {
    /// √ᾱ and √(1 − ᾱ), of unit variance.
    pub fn of_alpha_bar(alpha_bar: f32) -> Self {
        Self { signal: alpha_bar.sqrt(), noise: (1.0 - alpha_bar).sqrt() }
    }

    /// 1/√(σ² + 1) and σ/√(σ² + 1), of unit variance.
    pub fn of_sigma(sigma: f32) -> Self {
        let signal = 1.0 / (sigma * sigma + 1.0).sqrt();
        Self { signal, noise: sigma * signal }
    }

    /// Noise over signal.
    pub fn sigma(self) -> f32 {
        self.noise / self.signal
    }

    /// What makes a sample of this level one of unit variance, for data of unit variance.
    pub fn deviation(self) -> f32 {
        self.signal.hypot(self.noise)
    }
}

impl PredictionType {
    /// A plain call on the sample x_t, without guidance and thresholding. With
    /// `eps_from_clipped`, ε̂ = (x − signal·x̂0)/noise of the x̂0 that thresholding left
    /// (diffusers' `use_clipped_model_output`).
    pub fn call_at(self, timestep: f32, level: Level, eps_from_clipped: bool) -> Call {
        let Level { signal, noise } = level;
        let (x0_from_input, x0_from_output, x0_divisor) = match self {
            Self::Epsilon => (1.0, -noise, signal),
            Self::Sample => (0.0, 1.0, 1.0),
            Self::VPrediction => (signal, -noise, 1.0),
        };
        let (eps_from_input, eps_from_output, eps_from_x0, eps_divisor) = match self {
            _ if eps_from_clipped => (1.0, 0.0, -signal, noise),
            Self::Epsilon => (0.0, 1.0, 0.0, 1.0),
            Self::Sample => (1.0, -signal, 0.0, noise),
            Self::VPrediction => (noise, signal, 0.0, 1.0),
        };
        Call {
            input: Register::Sample,
            input_divisor: 1.0,
            timestep,
            level,
            guidance_scale: 1.0,
            x0_from_input,
            x0_from_output,
            x0_divisor,
            eps_from_input,
            eps_from_output,
            eps_from_x0,
            eps_divisor,
            threshold: Threshold::None,
            learned_variance: None,
        }
    }

    /// A call on x/√ᾱ = x0 + σ·ε, which the network sees over √(σ² + 1).
    pub fn call_at_sigma(self, timestep: f32, sigma: f32) -> Call {
        self.call_at_scale(timestep, Level { signal: 1.0, noise: sigma })
    }

    /// A call on a sample of any variance, which the network sees over its deviation. As in
    /// diffusers, ε̂ = (x − signal·x̂0)/noise of the x̂0 that thresholding left.
    pub fn call_at_scale(self, timestep: f32, level: Level) -> Call {
        let Level { signal, noise } = level;
        let variance = noise * noise + signal * signal;
        let call = Call { input_divisor: variance.sqrt(), ..self.call_at(timestep, level, true) };
        match self {
            Self::VPrediction => {
                let x0_from_output = -noise / variance.sqrt();
                Call { x0_from_input: signal / variance, x0_from_output, ..call }
            }
            Self::Epsilon | Self::Sample => call,
        }
    }

    /// A call whose answer is the score, −ε/noise, of a network that is asked at a time of its own
    /// and sees the sample as it is.
    pub fn score_call(time: f32, level: Level) -> Call {
        let Level { signal, noise } = level;
        let call = Self::Epsilon.call_at(time, level, true);
        Call { x0_from_output: noise * noise, x0_divisor: signal, ..call }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// x̂0 and ε̂ of a call, without a threshold.
    fn estimates(call: &Call, input: f32, output: f32) -> (f32, f32) {
        let x0 = (call.x0_from_input * input + call.x0_from_output * output) / call.x0_divisor;
        let eps = call.eps_from_input * input + call.eps_from_output * output + call.eps_from_x0 * x0;
        (x0, eps / call.eps_divisor)
    }

    #[test]
    fn every_prediction_gives_back_data_and_noise() {
        let (alpha_bar, x0, eps) = (0.3_f32, 0.8_f32, -1.7_f32);
        let level = Level::of_alpha_bar(alpha_bar);
        let Level { signal, noise } = level;
        let (input, sigma) = (signal * x0 + noise * eps, noise / signal);
        for (prediction, output) in [
            (PredictionType::Epsilon, eps),
            (PredictionType::Sample, x0),
            (PredictionType::VPrediction, signal * eps - noise * x0),
        ] {
            for (call, input) in [
                (prediction.call_at(0.0, level, false), input),
                (prediction.call_at(0.0, level, true), input),
                (prediction.call_at(0.0, Level::of_sigma(sigma), true), input),
                (prediction.call_at_sigma(0.0, sigma), input / signal),
                (
                    prediction.call_at_scale(0.0, Level { signal: 3.0, noise: 3.0 * sigma }),
                    3.0 * input / signal,
                ),
            ] {
                let (x0_hat, eps_hat) = estimates(&call, input, output);
                assert!((x0_hat - x0).abs() < 1e-6, "{prediction:?}: x0 {x0_hat}");
                assert!((eps_hat - eps).abs() < 1e-6, "{prediction:?}: eps {eps_hat}");
                assert!((call.level.sigma() - sigma).abs() < 1e-6);
            }
        }
        let (x0_hat, eps_hat) = estimates(&PredictionType::score_call(0.0, level), input, -eps / noise);
        assert!((x0_hat - x0).abs() < 1e-6 && (eps_hat - eps).abs() < 1e-6);
    }
}
