//! Every intermediate sample of diffusers' schedulers, over a network in closed form.
//!
//! `train/reverie_train/fixtures` wrote the fixtures: a recipe, and x_T, the noise of
//! every step, the network's w and diffusers' trajectory.
#![cfg(not(target_arch = "wasm32"))]

use std::fs;
use std::path::Path;

use reverie::diffusion::interpret;
use reverie::diffusion::row::Register;
use reverie::diffusion::samplers::{Churn, SamplerEntry, SamplerOptions};
use reverie::diffusion::scheduler_config::SchedulerConfig;
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/schedulers");
/// max |Δ| over max |reference|, of every step.
const TOLERANCE: f32 = 1e-5;

#[derive(Deserialize)]
struct Recipe {
    sampler: String,
    steps: usize,
    eta: f32,
    #[serde(default)]
    s_churn: f32,
    use_clipped_model_output: bool,
    scheduler: serde_json::Value,
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

/// The largest relative error of one case's trajectory.
fn error_of(recipe: &Path) -> f32 {
    let data = fs::read(recipe.with_extension("safetensors")).unwrap();
    let recipe: Recipe = serde_json::from_slice(&fs::read(recipe).unwrap()).unwrap();
    let file = SafeTensors::deserialize(&data).unwrap();
    let [x_t, w, noise, trajectory] = ["x_T", "w", "noise", "trajectory"].map(|name| floats(&file, name));
    let config = SchedulerConfig::from_json(&recipe.scheduler.to_string()).unwrap();
    let sampler = SamplerEntry::of_config(&config).unwrap();
    assert_eq!(sampler.name, recipe.sampler);
    let options = SamplerOptions {
        eta: recipe.eta,
        churn: Churn { s_churn: recipe.s_churn, ..Default::default() },
        use_clipped_model_output: recipe.use_clipped_model_output,
        ..Default::default()
    };
    let plan = sampler.plan(&config, recipe.steps, &options).unwrap();

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
        _ => floats(&file, "timesteps"),
    };
    let calls: Vec<f32> = plan.calls().map(|call| call.timestep).collect();
    assert_eq!(calls.len(), timesteps.len(), "network calls");
    for (ours, theirs) in calls.iter().zip(&timesteps) {
        // Those that diffusers interpolates between noise levels are fractions.
        let limit = if whole { 0.0 } else { 2e-3 };
        assert!((ours - theirs).abs() <= limit, "timesteps {calls:?} for {timesteps:?}");
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

#[test]
fn trajectories_are_those_of_diffusers() {
    let mut cases: Vec<_> = fs::read_dir(FIXTURES)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    cases.sort();
    assert!(cases.len() >= 90, "{} cases in {FIXTURES}", cases.len());
    for case in cases {
        let error = error_of(&case);
        let name = case.file_stem().unwrap().to_str().unwrap();
        eprintln!("{error:.1e} {name}");
        assert!(error <= TOLERANCE, "{name} is off by {error:e}");
    }
}
