//! The rules that give β_t, in PyTorch's float32.

/// Where a rule begins and ends: `beta_start` and `beta_end`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ends {
    pub start: f64,
    pub end: f64,
}

impl Ends {
    /// Ho et al. 2020, and diffusers' default.
    pub const HO_2020: Self = Self { start: 1e-4, end: 0.02 };
    pub const STABLE_DIFFUSION: Self = Self { start: 0.00085, end: 0.012 };
}

/// A rule that gives β_t, t = 0 … T−1.
#[derive(Clone, Debug, PartialEq)]
pub enum BetaSchedule {
    /// linspace(start, end, T); Ho et al. 2020, §4.
    Linear(Ends),
    /// linspace(√start, √end, T)²; latent diffusion, Rombach et al. 2022.
    /// With `Linear`'s ends it is DDIM's "quadratic".
    ScaledLinear(Ends),
    /// logistic(linspace(−6, 6, T))·(end − start) + start; GeoDiff, Xu et al. 2022.
    Sigmoid(Ends),
    /// β = min(1 − f(t+1)/f(t), 0.999), f(t) = cos²((t/T + 0.008)/1.008 · π/2);
    /// the cosine schedule, Nichol & Dhariwal 2021, eq. 17.
    SquaredCosCapV2,
    /// The values themselves.
    Trained(Vec<f32>),
}

impl BetaSchedule {
    /// The five schedules of the literature with their usual ends.
    pub const PRESETS: [(&'static str, BetaSchedule); 5] = [
        ("linear", BetaSchedule::Linear(Ends::HO_2020)),
        ("scaled_linear", BetaSchedule::ScaledLinear(Ends::STABLE_DIFFUSION)),
        ("quadratic", BetaSchedule::ScaledLinear(Ends::HO_2020)),
        ("sigmoid", BetaSchedule::Sigmoid(Ends::HO_2020)),
        ("cosine", BetaSchedule::SquaredCosCapV2),
    ];

    /// β_t of `count` timesteps; of trained ones as many as there are.
    pub(super) fn betas(&self, count: usize) -> Vec<f32> {
        match self {
            Self::Linear(Ends { start, end }) => linspace(*start, *end, count),
            Self::ScaledLinear(Ends { start, end }) => {
                let mut roots = linspace(start.sqrt(), end.sqrt(), count);
                roots.iter_mut().for_each(|root| *root *= *root);
                roots
            }
            Self::Sigmoid(Ends { start, end }) => linspace(-6.0, 6.0, count)
                .into_iter()
                .map(|x| logistic(x) * (end - start) as f32 + *start as f32)
                .collect(),
            Self::SquaredCosCapV2 => (0..count)
                .map(|t| {
                    let [from, to] = [t, t + 1].map(|t| cosine(t as f64 / count as f64));
                    (1.0 - to / from).min(0.999) as f32
                })
                .collect(),
            Self::Trained(betas) => betas.clone(),
        }
    }
}

/// `torch.linspace` in float32: from both ends to the middle, fused multiply-add.
pub(super) fn linspace(start: f64, end: f64, count: usize) -> Vec<f32> {
    let (start, end) = (start as f32, end as f32);
    let step = if count > 1 { (end - start) / (count - 1) as f32 } else { 0.0 };
    let fused = |base: f32, steps: f64| (f64::from(base) + f64::from(step) * steps) as f32;
    (0..count)
        .map(|i| match count > 1 && i >= count / 2 {
            true => fused(end, -((count - 1 - i) as f64)),
            false => fused(start, i as f64),
        })
        .collect()
}

fn logistic(x: f32) -> f32 {
    1.0 / (1.0 + libm::exp(f64::from(-x)) as f32)
}

fn cosine(t: f64) -> f64 {
    let root = libm::cos((t + 0.008) / 1.008 * std::f64::consts::PI / 2.0);
    root * root
}
