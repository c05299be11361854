//! What crosses the border to TypeScript, in the shapes of `www/src/engine/types.ts`.

use serde::{Deserialize, Serialize};

use super::scheduler::Own;
use crate::diffusion::row::{Assign, NOISE, REGISTERS, Row};
use crate::diffusion::samplers::{SamplerEntry, StepFacts};
use crate::models::attributes::Attribute;
use crate::session::{Condition, Model, SessionError, Wish};

#[derive(Serialize)]
pub struct DeviceFacts {
    pub adapter: String,
    pub vendor: String,
    pub architecture: String,
    pub backend: &'static str,
    /// "canvas", or "copy" where WebGPU canvases stay blank.
    pub presents: &'static str,
    /// It computes on the processor.
    pub software: bool,
}

#[derive(Serialize)]
pub struct ModelFacts {
    pub name: String,
    pub parameters: f64,
    pub gflop: f64,
    pub channels: usize,
    pub height: usize,
    pub width: usize,
    pub class_names: Option<Vec<String>>,
    pub null_label: Option<usize>,
    /// Empty where the model has classes, or nothing to ask for.
    pub attributes: Vec<Attribute>,
    pub description: Option<String>,
    pub licence: Option<String>,
    pub credits: Option<String>,
    pub artists: Vec<String>,
    pub num_train_timesteps: usize,
    pub scheduler: Own,
    pub defaults: Defaults,
    pub pad: usize,
}

#[derive(Serialize)]
pub struct Defaults {
    pub sampler: &'static str,
    pub steps: usize,
}

#[derive(Deserialize)]
pub struct Recipe {
    pub sampler: String,
    pub steps: usize,
    pub seed: f64,
    pub batch: usize,
    pub class_label: ClassLabel,
    /// The number of a value of each of the model's attributes, or null where it is free.
    pub attributes: Option<Wish>,
    pub guidance_scale: f32,
    /// The lowest and the highest timestep at which guidance acts; null for all.
    pub guidance_interval: Option<(f32, f32)>,
    pub eta: f32,
    pub s_churn: f32,
    /// These three are diffusers' names; null keeps the model's own.
    pub timestep_spacing: Option<String>,
    pub sigmas: Option<String>,
    pub threshold: Option<String>,
    /// These four are of the score-based samplers; null leaves them to the sampler.
    pub sde: Option<String>,
    pub snr: Option<f32>,
    pub langevin_steps: Option<usize>,
    pub tolerance: Option<f32>,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub enum ClassLabel {
    /// This class for every sample.
    Class(u32),
    /// "each": sample i is of class i, modulo their number.
    Each(Each),
    /// null: no class.
    Free,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Each {
    Each,
}

/// A branch that is wished for.
#[derive(Deserialize)]
pub struct ForkWish {
    pub recipe: Recipe,
    pub origin: OriginFacts,
    /// 0 draws the trunk's noise.
    pub noise: u32,
    /// A branch to close first.
    pub replaces: Option<usize>,
}

/// Where a branch left another; `spread` is the one sample that all of its samples start from.
#[derive(Serialize, Deserialize)]
pub struct OriginFacts {
    pub branch: usize,
    pub at: usize,
    pub spread: Option<usize>,
}

/// A row of a sampler's program: the call's timestep and guidance, then combinations.
#[derive(Serialize)]
pub struct RowFacts {
    /// The register the network sees.
    pub input: Option<&'static str>,
    pub timestep: Option<f32>,
    pub guidance_scale: Option<f32>,
    pub assigns: Vec<AssignFacts>,
    /// Whether the combinations are scaled by a Langevin corrector's norms.
    pub langevin: bool,
}

/// `to` ← Σ coefficient·register + noise·z.
#[derive(Serialize)]
pub struct AssignFacts {
    pub to: &'static str,
    pub terms: Vec<(&'static str, f32)>,
    pub noise: f32,
}

/// What formulas call the registers.
const REGISTER_NAMES: [&str; REGISTERS] = ["x", "saved", "h0", "h1", "h2", "h3", "x0_hat", "eps_hat"];

/// A row as it is.
pub fn row_facts(row: &Row) -> RowFacts {
    let assign = |assign: &Assign| {
        let terms = REGISTER_NAMES.iter().zip(assign.coefficients).filter(|(_, factor)| *factor != 0.0);
        AssignFacts {
            to: REGISTER_NAMES[assign.to as usize],
            terms: terms.map(|(name, factor)| (*name, factor)).collect(),
            noise: assign.coefficients[NOISE],
        }
    };
    let call = row.call.as_ref();
    RowFacts {
        input: call.map(|call| REGISTER_NAMES[call.input as usize]),
        timestep: call.map(|call| call.timestep),
        guidance_scale: call.map(|call| call.guidance_scale),
        assigns: row.assigns.iter().map(assign).collect(),
        langevin: row.langevin.is_some(),
    }
}

#[derive(Serialize)]
pub struct RunFacts {
    /// The branch's number, 0 for the trunk, and where it left another.
    pub branch: usize,
    pub origin: Option<OriginFacts>,
    /// The numbers of all branches.
    pub branches: Vec<usize>,
    /// Steps of its path that are done.
    pub computed: usize,
    /// Of the path: its ancestors' up to where it left them, then its own.
    pub steps: Vec<Step>,
    /// Of an adaptive method, those of undivided steps.
    pub network_calls: usize,
    /// Whether the method chooses its steps' lengths, and so how often it calls the network.
    pub adaptive: bool,
    /// Whether each call evaluates the network twice, with the condition and without.
    pub guided: bool,
    /// Whether ε̂'s register holds v as the network answers it, as PNDM's history does.
    pub keeps_v: bool,
    pub width: u32,
    pub height: u32,
    pub columns: u32,
    pub rows: u32,
}

#[derive(Serialize)]
pub struct Step {
    pub step: usize,
    pub timestep: f32,
    pub alpha_bar: f32,
    pub sigma: f32,
    pub log_snr: f32,
}

pub fn model_facts(model: &Model) -> Result<ModelFacts, SessionError> {
    let (height, width) = model.size();
    Ok(ModelFacts {
        name: model.facts.name.clone().unwrap_or_else(|| "model".into()),
        parameters: model.unet.parameters() as f64,
        gflop: model.unet.graph(height, width)?.flops() as f64 / 1e9,
        channels: model.channels(),
        height,
        width,
        class_names: model.facts.class_names.clone(),
        null_label: model.facts.null_label,
        attributes: model.attributes.as_ref().map_or(Vec::new(), |attributes| attributes.list().to_vec()),
        description: model.facts.description.clone(),
        licence: model.facts.licence.clone(),
        credits: model.facts.credits.clone(),
        artists: model.facts.artists.clone(),
        num_train_timesteps: model.scheduler.num_train_timesteps,
        scheduler: Own::of(&model.scheduler),
        defaults: Defaults { sampler: SamplerEntry::of_config(&model.scheduler)?.name, steps: 50 },
        pad: model.facts.content.pad,
    })
}

/// The wish of a recipe for each sample.
pub fn condition(wish: &Recipe, model: &Model) -> Condition {
    if let Some(values) = &wish.attributes {
        return Condition::Attributes(vec![values.clone(); wish.batch]);
    }
    let names = model.facts.class_names.as_ref().map_or(0, Vec::len);
    match wish.class_label {
        ClassLabel::Free => Condition::Free,
        ClassLabel::Class(class) => Condition::Classes(vec![class; wish.batch]),
        ClassLabel::Each(_) if names == 0 => Condition::Free,
        ClassLabel::Each(_) => Condition::Classes((0..wish.batch).map(|i| (i % names) as u32).collect()),
    }
}

pub fn step_facts(step: &StepFacts) -> Step {
    Step {
        step: step.step,
        timestep: step.timestep,
        alpha_bar: step.alpha_bar as f32,
        sigma: step.sigma as f32,
        log_snr: step.log_snr as f32,
    }
}
