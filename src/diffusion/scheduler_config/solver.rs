//! The keys of a scheduler config that the faster solvers read.

use super::{Keys, Read, SchedulerConfigError};
use crate::diffusion::named::named_enum;
use crate::diffusion::sde::Sde;
use crate::diffusion::sigmas::{FinalSigma, SigmaRule};

named_enum! {
    /// What DPM-Solver integrates. (`deis` is another class's, and means `dpmsolver++` here.)
    pub enum AlgorithmType("algorithm_type") {
        /// The ODE in ε̂; Lu et al. 2022 (arXiv:2206.00927).
        DpmSolver = "dpmsolver",
        /// The ODE in x̂0; Lu et al. 2022 (arXiv:2211.01095).
        DpmSolverPlusPlus = "dpmsolver++",
        /// The SDE in ε̂.
        SdeDpmSolver = "sde-dpmsolver",
        /// The SDE in x̂0.
        SdeDpmSolverPlusPlus = "sde-dpmsolver++",
        Deis = "deis",
    }
}

named_enum! {
    /// A solver's variant. Where it is another class's, a sampler takes its own default.
    pub enum SolverType("solver_type") {
        Midpoint = "midpoint",
        Heun = "heun",
        Bh1 = "bh1",
        Bh2 = "bh2",
        LogRho = "logrho",
    }
}

/// EDM's own preconditioning (Karras et al. 2022, table 1), for networks trained with it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Preconditioning {
    pub sigma_data: f64,
    pub rho: f64,
    /// Whether levels are even in ln σ instead of Karras'.
    pub exponential: bool,
}

/// Settings of the solvers; `None` leaves a setting to the sampler's own default.
#[derive(Clone, Debug, PartialEq)]
pub struct SolverConfig {
    /// `use_karras_sigmas`, `use_exponential_sigmas` or `use_beta_sigmas`.
    pub sigmas: SigmaRule,
    pub sigma_min: Option<f64>,
    pub sigma_max: Option<f64>,
    pub final_sigmas_type: FinalSigma,
    pub solver_order: usize,
    pub algorithm_type: AlgorithmType,
    pub solver_type: Option<SolverType>,
    pub lower_order_final: Option<bool>,
    pub euler_at_final: bool,
    pub lambda_min_clipped: f64,
    /// UniPC: whether it integrates x̂0, or ε̂.
    pub predict_x0: bool,
    /// UniPC: the steps after which there is no correction.
    pub disable_corrector: Vec<usize>,
    /// PNDM: whether it starts without Runge–Kutta steps.
    pub skip_prk_steps: bool,
    pub preconditioning: Option<Preconditioning>,
    /// The score-based samplers: what the network was trained with, where it answers with scores.
    pub sde: Option<TrainedSde>,
}

/// The equation of diffusers' `ScoreSdeVeScheduler` and `ScoreSdeVpScheduler`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrainedSde {
    pub sde: Sde,
    /// Where sampling ends.
    pub sampling_eps: f64,
    pub snr: f64,
    pub correct_steps: usize,
}

impl Default for SolverConfig {
    fn default() -> Self {
        Self {
            sigmas: SigmaRule::Native,
            sigma_min: None,
            sigma_max: None,
            final_sigmas_type: FinalSigma::Zero,
            solver_order: 2,
            algorithm_type: AlgorithmType::DpmSolverPlusPlus,
            solver_type: None,
            lower_order_final: None,
            euler_at_final: false,
            lambda_min_clipped: f64::NEG_INFINITY,
            predict_x0: true,
            disable_corrector: Vec::new(),
            skip_prk_steps: false,
            preconditioning: None,
            sde: None,
        }
    }
}

impl Keys<'_> {
    pub(super) fn solver(&self, class_name: Option<&str>) -> Read<SolverConfig> {
        self.refuse_unsupported()?;
        let default = SolverConfig::default();
        let positive = |key| {
            let number = |value: &serde_json::Value| value.as_f64().filter(|n| *n > 0.0 && n.is_finite());
            self.read(key, "a number above 0", number)
        };
        Ok(SolverConfig {
            sigmas: self.sigma_rule()?,
            sigma_min: positive("sigma_min")?,
            sigma_max: positive("sigma_max")?,
            final_sigmas_type: self.named("final_sigmas_type", default.final_sigmas_type)?,
            solver_order: self.read("solver_order", "1, 2 or 3", order)?.unwrap_or(2),
            algorithm_type: self.named("algorithm_type", default.algorithm_type)?,
            solver_type: self.text("solver_type")?.map(str::parse).transpose()?,
            lower_order_final: self.read("lower_order_final", "true or false", |value| value.as_bool())?,
            euler_at_final: self.flag("euler_at_final", false)?,
            // Python writes its infinity as JSON's standard does not; a null stands for it too.
            lambda_min_clipped: self.number(
                "lambda_min_clipped",
                "a number",
                |_| true,
                default.lambda_min_clipped,
            )?,
            predict_x0: self.flag("predict_x0", true)?,
            disable_corrector: self
                .read("disable_corrector", "a list of step numbers", |value| {
                    let steps = value.as_array()?.iter();
                    steps.map(|step| usize::try_from(step.as_u64()?).ok()).collect()
                })?
                .unwrap_or_default(),
            skip_prk_steps: self.flag("skip_prk_steps", false)?,
            preconditioning: match class_name {
                Some(name) if name.starts_with("EDM") => Some(Preconditioning {
                    sigma_data: positive("sigma_data")?.unwrap_or(0.5),
                    rho: positive("rho")?.unwrap_or(7.0),
                    exponential: self.text("sigma_schedule")? == Some("exponential"),
                }),
                _ => None,
            },
            sde: self.trained_sde(class_name)?,
        })
    }

    fn trained_sde(&self, class_name: Option<&str>) -> Read<Option<TrainedSde>> {
        let positive = |key, default| {
            self.number(key, "a number above 0", |number| number > 0.0 && number.is_finite(), default)
        };
        let (sde, earliest) = match class_name {
            Some("ScoreSdeVeScheduler") => {
                let sigma_min = positive("sigma_min", 0.01)?;
                (Sde::Ve { sigma_min, sigma_max: positive("sigma_max", 1348.0)? }, 1e-5)
            }
            Some("ScoreSdeVpScheduler") => {
                let beta_min = positive("beta_min", 0.1)?;
                (Sde::Vp { beta_min, beta_max: positive("beta_max", 20.0)? }, 1e-3)
            }
            _ => return Ok(None),
        };
        let within = |time| time > 0.0 && time < 1.0;
        Ok(Some(TrainedSde {
            sde,
            sampling_eps: self.number("sampling_eps", "a time between 0 and 1", within, earliest)?,
            snr: positive("snr", 0.15)?,
            correct_steps: self.whole("correct_steps", 1, 1)?,
        }))
    }

    fn sigma_rule(&self) -> Read<SigmaRule> {
        let mut asked = Vec::new();
        for (key, rule) in [
            ("use_karras_sigmas", SigmaRule::Karras),
            ("use_exponential_sigmas", SigmaRule::Exponential),
            ("use_beta_sigmas", SigmaRule::Beta),
        ] {
            if self.flag(key, false)? {
                asked.push(rule);
            }
        }
        match asked[..] {
            [] => Ok(SigmaRule::Native),
            [rule] => Ok(rule),
            _ => Err(SchedulerConfigError::Value {
                key: "use_karras_sigmas",
                value: "true".into(),
                expected: "the only one of use_karras_sigmas, use_exponential_sigmas and use_beta_sigmas"
                    .into(),
            }),
        }
    }

    /// Options of diffusers that have no counterpart here may only have their default.
    fn refuse_unsupported(&self) -> Read<()> {
        for key in ["use_flow_sigmas", "use_lu_lambdas", "use_dynamic_shifting"] {
            self.read(key, "false: this is not supported", |value| value.as_bool().filter(|on| !on))?;
        }
        for (key, only) in [("interpolation_type", "linear"), ("timestep_type", "discrete")] {
            let expected = format!("\"{only}\": nothing else is supported");
            self.read(key, &expected, |value| value.as_str().filter(|name| *name == only))?;
        }
        let known = |value: &serde_json::Value| {
            let name = value.as_str()?;
            ["karras", "exponential"].contains(&name).then_some(())
        };
        self.read("sigma_schedule", "\"karras\" or \"exponential\"", known)?;
        Ok(())
    }
}

fn order(value: &serde_json::Value) -> Option<usize> {
    let order = usize::try_from(value.as_u64()?).ok()?;
    (1..=3).contains(&order).then_some(order)
}
