//! The list of samplers that the page shows, and what a recipe asks of one.

use serde::Serialize;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::facts::Recipe;
use crate::diffusion::samplers::{Churn, Plan, SAMPLERS, SamplerEntry, SamplerOptions, StepFacts};
use crate::diffusion::scheduler_config::SchedulerConfig;

#[derive(Serialize)]
pub struct Sampler {
    pub name: &'static str,
    pub title: &'static str,
    pub paper: &'static str,
    pub takes_eta: bool,
    pub takes_churn: bool,
    /// Whether it adds fresh noise on the way, with η and churn at 0.
    pub stochastic: bool,
}

/// Every sampler that draws pictures, in the table's order.
#[wasm_bindgen]
pub fn samplers() -> Result<JsValue, JsValue> {
    let list: Vec<Sampler> = SAMPLERS.iter().filter_map(sampler).collect();
    super::engine::to_js(&list)
}

/// What programs of a few steps show of it; one that ends in more noise than it starts from (DDIM
/// inversion) draws nothing.
fn sampler(entry: &'static SamplerEntry) -> Option<Sampler> {
    let plan = entry.plan(&SchedulerConfig::default(), 10, &SamplerOptions::default());
    let sigma = |step: Option<&StepFacts>| step.map_or(0.0, |step| step.sigma);
    let inverts = |plan: &Plan| sigma(plan.steps.first()) < sigma(plan.steps.last());
    // The worker's steps do not wait for numbers yet, as adaptive ones have to.
    let waits = |plan: &Plan| plan.adaptive.is_some();
    if plan.as_ref().is_ok_and(|plan| inverts(plan) || waits(plan)) {
        return None;
    }
    Some(Sampler {
        name: entry.name,
        title: entry.title,
        paper: entry.paper,
        takes_eta: entry.takes_eta,
        takes_churn: entry.takes_churn,
        stochastic: plan.is_ok_and(|plan| plan.rows.iter().any(|row| row.noise.is_some())),
    })
}

/// The page keeps η and churn while a sampler that does not take them is chosen.
pub fn options(wish: &Recipe) -> SamplerOptions {
    let entry = SamplerEntry::by_name(&wish.sampler);
    let of = |takes: fn(&SamplerEntry) -> bool, value: f32| {
        if entry.as_ref().is_ok_and(|entry| takes(entry)) { value } else { 0.0 }
    };
    SamplerOptions {
        eta: of(|entry| entry.takes_eta, wish.eta),
        churn: Churn { s_churn: of(|entry| entry.takes_churn, wish.s_churn), ..Churn::default() },
        guidance_scale: wish.guidance_scale,
        guidance_interval: wish.guidance_interval,
        ..SamplerOptions::default()
    }
}
