//! Every intermediate sample of diffusers' schedulers, over a network in closed form.
//!
//! `train/reverie_train/fixtures` wrote the fixtures: a recipe, and x_T, the noise of
//! every step, the network's w and diffusers' trajectory.
#![cfg(not(target_arch = "wasm32"))]

use std::fs;
use std::path::Path;

use reverie::diffusion::interpret;
use reverie::diffusion::row::Register;
use reverie::diffusion::samplers::{Churn, Plan, SamplerEntry, SamplerOptions};
use reverie::diffusion::scheduler_config::SchedulerConfig;
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/schedulers");
/// Algorithm 2 of Karras et al. 2022, in float64.
const EDM_FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/edm");
/// max |Δ| over max |reference|, of every step.
const TOLERANCE: f32 = 1e-5;
/// The same of the float64 reference: 1 − ᾱ of the first timesteps has three or four digits in
/// float32.
const EDM_TOLERANCE: f32 = 5e-5;

#[derive(Deserialize)]
struct Recipe {
    sampler: String,
    steps: usize,
    #[serde(default)]
    eta: f32,
    #[serde(default)]
    s_churn: f32,
    #[serde(default)]
    s_tmin: f32,
    s_tmax: Option<f32>,
    s_noise: Option<f32>,
    #[serde(default)]
    use_clipped_model_output: bool,
    #[serde(default)]
    begin: usize,
    scheduler: serde_json::Value,
}

impl Recipe {
    fn options(&self) -> SamplerOptions {
        let usual = Churn::default();
        SamplerOptions {
            eta: self.eta,
            churn: Churn {
                s_churn: self.s_churn,
                s_tmin: self.s_tmin,
                s_tmax: self.s_tmax.unwrap_or(usual.s_tmax),
                s_noise: self.s_noise.unwrap_or(usual.s_noise),
            },
            use_clipped_model_output: self.use_clipped_model_output,
            begin: self.begin,
            ..Default::default()
        }
    }
}

fn floats(file: &SafeTensors, name: &str) -> Vec<f32> {
    let bytes = file.tensor(name).unwrap().data();
    bytes.chunks_exact(4).map(|x| f32::from_le_bytes(x.try_into().unwrap())).collect()
}

/// m = 0.7·x + 0.2·t/1000 + 0.1·w of `[N, C, H, W]`, and v = 0.5·x − 0.1·w after each
/// sample's m where a variance is asked for.
fn network(x: &[f32], timestep: f32, w: &[f32], learned_variance: bool) -> Vec<f32> {
    let shift = (0.2 * (f64::from(timestep) / 1000.0)) as f32;
    let outputs = x.chunks_exact(w.len()).flat_map(|x| {
        let mean = x.iter().zip(w).map(move |(x, w)| 0.7 * x + shift + 0.1 * w);
        let variance = x.iter().zip(w).map(|(x, w)| 0.5 * x - 0.1 * w);
        mean.chain(variance.take(if learned_variance { w.len() } else { 0 }))
    });
    outputs.collect()
}

fn check_timesteps(plan: &Plan, file: &SafeTensors) {
    let timesteps = file.tensor("timesteps").unwrap();
    let whole = timesteps.dtype() == Dtype::I64;
    let timesteps: Vec<f32> = match timesteps.dtype() {
        Dtype::I64 => timesteps
            .data()
            .chunks_exact(8)
            .map(|t| i64::from_le_bytes(t.try_into().unwrap()) as f32)
            .collect(),
        Dtype::F64 => timesteps
            .data()
            .chunks_exact(8)
            .map(|t| f64::from_le_bytes(t.try_into().unwrap()) as f32)
            .collect(),
        _ => floats(file, "timesteps"),
    };
    let calls: Vec<f32> = plan.calls().map(|call| call.timestep).collect();
    assert_eq!(calls.len(), timesteps.len(), "network calls");
    for (ours, theirs) in calls.iter().zip(&timesteps) {
        // Those that diffusers interpolates between noise levels are fractions.
        let limit = if whole { 0.0 } else { 2e-3 };
        assert!((ours - theirs).abs() <= limit, "timesteps {calls:?} for {timesteps:?}");
    }
}

/// The largest relative error of one case's trajectory.
fn error_of(path: &Path) -> f32 {
    let data = fs::read(path.with_extension("safetensors")).unwrap();
    let recipe: Recipe = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let file = SafeTensors::deserialize(&data).unwrap();
    let [x_t, w, noise, trajectory] = ["x_T", "w", "noise", "trajectory"].map(|name| floats(&file, name));
    let config = SchedulerConfig::from_json(&recipe.scheduler.to_string()).unwrap();
    let sampler = SamplerEntry::by_name(&recipe.sampler).unwrap();
    let plan = sampler.plan(&config, recipe.steps, &recipe.options()).unwrap();
    if sampler.diffusers_class.is_some() {
        assert_eq!(SamplerEntry::of_config(&config).unwrap().name, recipe.sampler);
        check_timesteps(&plan, &file);
    }

    let learned = recipe.scheduler["variance_type"] == "learned_range";
    let len = x_t.len();
    let mut worst = 0.0_f32;
    let mut visited = 0;
    interpret::run(
        &plan.rows,
        x_t,
        w.len(),
        |x, timestep| network(x, timestep, &w, learned),
        |step| noise[step * len..][..len].to_vec(),
        |step, registers| {
            let reference = &trajectory[step * len..][..len];
            let scale = reference.iter().fold(0.0_f32, |max, x| max.max(x.abs()));
            for (ours, theirs) in registers[Register::Sample as usize].iter().zip(reference) {
                assert!(ours.is_finite());
                worst = worst.max((ours - theirs).abs() / scale);
            }
            visited += 1;
        },
    );
    assert_eq!(visited * len, trajectory.len());
    worst
}

/// Every case of a folder.
fn check(folder: &str, least: usize, tolerance: f32) {
    let mut cases: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    cases.sort();
    assert!(cases.len() >= least, "{} cases in {folder}", cases.len());
    for case in cases {
        let error = error_of(&case);
        let name = case.file_stem().unwrap().to_str().unwrap();
        eprintln!("{error:.1e} {name}");
        assert!(error <= tolerance, "{name} is off by {error:e}");
    }
}

#[test]
fn trajectories_are_those_of_diffusers() {
    check(FIXTURES, 90, TOLERANCE);
}

#[test]
fn edm_is_algorithm_2_of_the_paper() {
    check(EDM_FIXTURES, 6, EDM_TOLERANCE);
}
