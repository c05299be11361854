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

impl PredictionType {
    /// A plain call on the sample x_t, without guidance and thresholding. With
    /// `eps_from_clipped`, ε̂ = (x − √ᾱ·x̂0)/√(1−ᾱ) of the x̂0 that thresholding left
    /// (diffusers' `use_clipped_model_output`).
    pub fn call(self, timestep: f32, alpha_bar: f32, eps_from_clipped: bool) -> Call {
        let (signal, noise) = (alpha_bar.sqrt(), (1.0 - alpha_bar).sqrt());
        let (x0_from_input, x0_from_output) = match self {
            Self::Epsilon => (1.0 / signal, -(noise / signal)),
            Self::Sample => (0.0, 1.0),
            Self::VPrediction => (signal, -noise),
        };
        let (eps_from_input, eps_from_output, eps_from_x0) = match self {
            _ if eps_from_clipped => (1.0 / noise, 0.0, -(signal / noise)),
            Self::Epsilon => (0.0, 1.0, 0.0),
            Self::Sample => (1.0 / noise, -(signal / noise), 0.0),
            Self::VPrediction => (noise, signal, 0.0),
        };
        Call {
            input: Register::Sample,
            input_scale: 1.0,
            timestep,
            guidance_scale: 1.0,
            x0_from_input,
            x0_from_output,
            eps_from_input,
            eps_from_output,
            eps_from_x0,
            threshold: Threshold::None,
            learned_variance: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prediction_gives_back_data_and_noise() {
        let (alpha_bar, x0, eps) = (0.3_f32, 0.8_f32, -1.7_f32);
        let (signal, noise) = (alpha_bar.sqrt(), (1.0 - alpha_bar).sqrt());
        let input = signal * x0 + noise * eps;
        for (prediction, output) in [
            (PredictionType::Epsilon, eps),
            (PredictionType::Sample, x0),
            (PredictionType::VPrediction, signal * eps - noise * x0),
        ] {
            for clipped in [false, true] {
                let call = prediction.call(0.0, alpha_bar, clipped);
                let x0_hat = call.x0_from_input * input + call.x0_from_output * output;
                let eps_hat =
                    call.eps_from_input * input + call.eps_from_output * output + call.eps_from_x0 * x0_hat;
                assert!((x0_hat - x0).abs() < 1e-6, "{prediction:?}: x0 {x0_hat}");
                assert!((eps_hat - eps).abs() < 1e-6, "{prediction:?}: eps {eps_hat}");
            }
        }
    }
}
