//! Churn: a step that first adds noise, then removes more (Karras et al. 2022, §4).

use super::Setting;

/// σ̂ = σ·(1 + γ), and the factor of the noise that leads there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Churned {
    pub sigma_hat: f32,
    pub noise: f32,
}

impl Setting<'_> {
    /// γ = min(S_churn/K, √2 − 1) where S_tmin ≤ σ ≤ S_tmax, else 0; the noise is
    /// S_noise·√(σ̂² − σ²).
    pub fn churned(&self, sigma: f32) -> Churned {
        let churn = self.options.churn;
        let acts = (churn.s_tmin..=churn.s_tmax).contains(&sigma);
        let gamma = f64::from(churn.s_churn) / self.steps as f64;
        let gamma = if acts { gamma.min(std::f64::consts::SQRT_2 - 1.0) } else { 0.0 };
        if gamma <= 0.0 {
            return Churned { sigma_hat: sigma, noise: 0.0 };
        }
        let sigma_hat = sigma * (gamma + 1.0) as f32;
        Churned { sigma_hat, noise: churn.s_noise * (sigma_hat * sigma_hat - sigma * sigma).sqrt() }
    }
}
