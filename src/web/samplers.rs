//! The list of samplers that the page shows, and what a recipe asks of one.

use serde::Serialize;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::facts::Recipe;
use super::scheduler::Takes;
use crate::diffusion::samplers::{Churn, Plan, SAMPLERS, SamplerEntry, SamplerOptions};
use crate::diffusion::scheduler_config::SchedulerConfig;
use crate::diffusion::sde::SdeKind;
use crate::session::SessionError;

#[derive(Serialize)]
pub struct Sampler {
    pub name: &'static str,
    pub title: &'static str,
    pub paper: &'static str,
    pub takes_eta: bool,
    pub takes_churn: bool,
    /// Whether it adds fresh noise on the way, with η and churn at 0.
    pub stochastic: bool,
    pub defaults: Defaults,
    pub takes: Takes,
}

/// The values that a score-based sampler has by itself; None of what it does not take.
#[derive(Serialize)]
pub struct Defaults {
    pub sde: Option<&'static str>,
    pub snr: Option<f64>,
    pub langevin_steps: Option<usize>,
    pub tolerance: Option<f64>,
}

const NO_DEFAULTS: Defaults = Defaults { sde: None, snr: None, langevin_steps: None, tolerance: None };
/// Steps of the programs that samplers are known by.
const STEPS: usize = 10;

/// Every sampler that draws pictures, in the table's order.
#[wasm_bindgen]
pub fn samplers() -> Result<JsValue, JsValue> {
    let list: Vec<Sampler> = SAMPLERS.iter().filter(|entry| !entry.inverts).map(sampler).collect();
    super::engine::to_js(&list)
}

/// What programs of a few steps show of it.
fn sampler(entry: &'static SamplerEntry) -> Sampler {
    let plan = planned(entry, &SchedulerConfig::default(), &SamplerOptions::default());
    Sampler {
        name: entry.name,
        title: entry.title,
        paper: entry.paper,
        takes_eta: entry.takes_eta,
        takes_churn: entry.takes_churn,
        stochastic: plan.as_ref().is_some_and(|plan| plan.rows.iter().any(|row| row.noise.is_some())),
        defaults: plan.map_or(NO_DEFAULTS, |plan| defaults(entry, &plan)),
        takes: Takes::of(entry),
    }
}

pub(super) fn planned(
    entry: &'static SamplerEntry,
    config: &SchedulerConfig,
    options: &SamplerOptions,
) -> Option<Plan> {
    entry.plan(config, STEPS, options).ok()
}

/// Read off the program that the sampler writes without options.
fn defaults(entry: &'static SamplerEntry, plan: &Plan) -> Defaults {
    let snr = plan.rows.iter().find_map(|row| row.langevin).map(|langevin| langevin.snr);
    let tolerance = plan.adaptive.as_ref().map(|adaptive| adaptive.tolerance as f32);
    Defaults {
        sde: entry.takes_sde.then_some(SdeKind::Vp.name()),
        snr: snr.filter(|_| entry.takes_snr).map(rounded),
        langevin_steps: entry.takes_langevin_steps.then(|| langevin_steps(entry, plan)).flatten(),
        tolerance: tolerance.map(rounded),
    }
}

/// Each Langevin step of a level is one call more.
fn langevin_steps(entry: &'static SamplerEntry, plan: &Plan) -> Option<usize> {
    let one = SamplerOptions { langevin_steps: Some(1), ..SamplerOptions::default() };
    let more = plan
        .calls()
        .count()
        .checked_sub(planned(entry, &SchedulerConfig::default(), &one)?.calls().count())?;
    Some(1 + more / STEPS)
}

/// To six decimals: 0.16, where the next f64 is 0.1599999964237213.
fn rounded(value: f32) -> f64 {
    (f64::from(value) * 1e6).round() / 1e6
}

/// The page keeps options while a sampler that does not take them is chosen.
pub fn options(wish: &Recipe) -> Result<SamplerOptions, SessionError> {
    let entry = SamplerEntry::by_name(&wish.sampler)?;
    let sde = wish.sde.as_deref().filter(|_| entry.takes_sde).map(str::parse::<SdeKind>).transpose();
    Ok(SamplerOptions {
        eta: if entry.takes_eta { wish.eta } else { 0.0 },
        churn: Churn { s_churn: if entry.takes_churn { wish.s_churn } else { 0.0 }, ..Churn::default() },
        guidance_scale: wish.guidance_scale,
        guidance_interval: wish.guidance_interval,
        sde: sde.map_err(|e| SessionError::Recipe(e.to_string()))?,
        snr: wish.snr.filter(|_| entry.takes_snr),
        langevin_steps: wish.langevin_steps.filter(|_| entry.takes_langevin_steps),
        tolerance: wish.tolerance.filter(|_| entry.takes_tolerance),
        ..SamplerOptions::default()
    })
}
