//! Score-based samplers with a network, on both machines.
#![cfg(not(target_arch = "wasm32"))]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{fixture, tensor};
use pollster::block_on;
use reverie::cpu::CpuMachine;
use reverie::diffusion::samplers::SamplerOptions;
use reverie::diffusion::scheduler_config::SchedulerConfig;
use reverie::diffusion::sde::SdeKind;
use reverie::diffusion::sigmas::SigmaRule;
use reverie::gpu::GpuMachine;
use reverie::kernels::case::relative_error;
use reverie::machine::Machine;
use reverie::session::{Condition, Model, NoiseSource, Recipe, Run};
use safetensors::SafeTensors;
use serde::Deserialize;

fn gpu() -> GpuMachine {
    block_on(GpuMachine::new()).unwrap()
}

fn recipe(sampler: &str, steps: usize, options: SamplerOptions) -> Recipe {
    Recipe {
        sampler: Some(sampler.into()),
        scheduler: None,
        steps,
        batch: 2,
        first_sample: 0,
        size: None,
        condition: Condition::Classes(vec![1, 3]),
        options,
        noise: NoiseSource::Seed(5),
        keep_bytes: 0,
    }
}

/// Every step's sample, and the network calls of all.
async fn trajectory_of(machine: &mut impl Machine, model: &Model, recipe: &Recipe) -> (Vec<Vec<f32>>, usize) {
    let mut run = Run::start(machine, model, recipe).unwrap();
    let mut samples = Vec::new();
    while !run.is_done() {
        run.advance(machine).await.unwrap();
        samples.push(run.read_sample(machine).await.unwrap());
    }
    let calls = run.network_calls();
    run.release(machine, model);
    (samples, calls)
}

#[test]
fn shaders_and_twins_take_the_same_steps() {
    let shaders = &mut gpu();
    let twins = &mut CpuMachine::default();
    let models = [
        Model::load(shaders, &fixture("unet/classes")).unwrap(),
        Model::load(twins, &fixture("unet/classes")).unwrap(),
    ];
    let guided = SamplerOptions { guidance_scale: 2.0, ..Default::default() };
    let of = |sde| SamplerOptions { sde: Some(sde), ..guided };
    for (sampler, steps, options, calls) in [
        ("reverse-sde", 6, of(SdeKind::SubVp), 6),
        ("pc", 4, of(SdeKind::Ve), 8),
        ("pc", 3, SamplerOptions { langevin_steps: Some(2), ..of(SdeKind::Vp) }, 9),
        ("ald", 3, SamplerOptions { langevin_steps: Some(2), ..guided }, 7),
        ("pf-ode", 2, of(SdeKind::Vp), 13),
    ] {
        let recipe = recipe(sampler, steps, options);
        let (ours, made) = block_on(trajectory_of(shaders, &models[0], &recipe));
        let (theirs, _) = block_on(trajectory_of(twins, &models[1], &recipe));
        let errors = ours.iter().zip(&theirs).map(|(a, b)| relative_error(a, b));
        let worst = errors.fold(0f32, f32::max);
        println!("{sampler}: {worst:.1e}, {made} calls");
        assert_eq!((ours.len(), made), (steps, calls), "{sampler}");
        assert!(worst <= 1e-4, "{sampler}: {worst}");
    }
}

/// Its steps are as long as their errors allow, which differ in the last digits.
#[test]
fn an_adaptive_run_is_the_same_on_both_machines_to_its_tolerance() {
    let (shaders, twins) = (&mut gpu(), &mut CpuMachine::default());
    let ours = Model::load(shaders, &fixture("unet/classes")).unwrap();
    let theirs = Model::load(twins, &fixture("unet/classes")).unwrap();
    let mut before = 0;
    for tolerance in [1e-1, 1e-2] {
        let options = SamplerOptions { tolerance: Some(tolerance), ..Default::default() };
        let recipe = recipe("rk45", 3, options);
        let (ours, calls) = block_on(trajectory_of(shaders, &ours, &recipe));
        let (theirs, _) = block_on(trajectory_of(twins, &theirs, &recipe));
        assert_eq!(ours.len(), 3);
        let worst = ours.iter().zip(&theirs).map(|(a, b)| relative_error(a, b)).fold(0f32, f32::max);
        println!("tolerance {tolerance:e}: {calls} calls, machines differ by {worst:.1e}");
        assert!(worst <= tolerance, "{worst}");
        assert!(calls > before && calls % 6 == 1, "{calls}");
        before = calls;
    }
}

/// A step submits work, and reads one error a sample, only in adaptive runs.
#[test]
fn only_adaptive_runs_read_back() {
    let mut machine = gpu();
    let model = Model::load(&mut machine, &fixture("unet/classes")).unwrap();
    for (sampler, reads) in [("pc", false), ("ald", false), ("pf-ode", false), ("rk45", true)] {
        let mut run =
            Run::start(&mut machine, &model, &recipe(sampler, 3, SamplerOptions::default())).unwrap();
        let before = machine.counters;
        block_on(run.advance(&mut machine)).unwrap();
        assert_eq!(machine.counters.readbacks > before.readbacks, reads, "{sampler}");
        assert_eq!(machine.counters.buffers_created > before.buffers_created, reads, "{sampler}");
        run.release(&mut machine, &model);
    }
}

/// From a digit to noise and back, in 34 steps of six calls each way (in 100 it is off by 0.008).
#[test]
fn a_digit_survives_the_round_trip() {
    let mut machine = gpu();
    let mut model =
        Model::load(&mut machine, &Path::new(env!("CARGO_MANIFEST_DIR")).join("www/models/digits")).unwrap();
    model.scheduler.solver.sigmas = SigmaRule::Exponential;
    let options = SamplerOptions::default();
    let one = |recipe: Recipe| Recipe { batch: 1, condition: Condition::Classes(vec![3]), ..recipe };
    let first = one(recipe("ddim", 20, SamplerOptions { guidance_scale: 2.0, ..options }));
    let (samples, _) = block_on(trajectory_of(&mut machine, &model, &first));
    let x0: Vec<f32> = samples[19].iter().map(|x| x.clamp(-1.0, 1.0)).collect();
    let from = |x: &[f32], sampler: &str| Recipe {
        noise: NoiseSource::Given { x_t: x.to_vec(), steps: Vec::new() },
        ..one(recipe(sampler, 34, options))
    };
    let (there, calls) = block_on(trajectory_of(&mut machine, &model, &from(&x0, "pf-ode-inversion")));
    let (back, _) = block_on(trajectory_of(&mut machine, &model, &from(&there[33], "pf-ode")));
    let worst = back[33].iter().zip(&x0).fold(0f32, |worst, (a, b)| worst.max((a - b).abs()));
    println!("{calls} calls each way: off by {worst:.4} of a range of 2");
    assert!(worst <= 0.05, "{worst}");
}

/// A recipe of `tests/fixtures/end-to-end/score.json`.
#[derive(Deserialize)]
struct Given {
    model: PathBuf,
    steps: usize,
    scheduler: serde_json::Value,
}

/// The largest relative error of any step against diffusers.
async fn error_of_scores(machine: &mut impl Machine) -> f32 {
    let place = fixture("end-to-end");
    let given: Given = serde_json::from_slice(&fs::read(place.join("score.json")).unwrap()).unwrap();
    let bytes = fs::read(place.join("score.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let [x_t, steps, trajectory] = ["x_T", "noise", "trajectory"].map(|name| tensor(&file, name).unwrap().1);
    let mut model = Model::load(machine, &place.join(given.model)).unwrap();
    model.scheduler = SchedulerConfig::from_json(&given.scheduler.to_string()).unwrap();
    let recipe = Recipe {
        sampler: None,
        size: Some((8, 8)),
        condition: Condition::Free,
        noise: NoiseSource::Given { x_t: x_t.clone(), steps },
        ..recipe("", given.steps, SamplerOptions::default())
    };
    let (samples, calls) = trajectory_of(machine, &model, &recipe).await;
    assert_eq!(calls, 3 * given.steps);
    let pairs = samples.iter().zip(trajectory.chunks(x_t.len()));
    pairs.map(|(ours, theirs)| relative_error(ours, theirs)).fold(0f32, f32::max)
}

/// diffusers' `ScoreSdeVePipeline`: norms over the batch, and a network that answers with scores.
#[test]
fn a_network_of_scores_follows_diffusers_on_both_machines() {
    let errors =
        [block_on(error_of_scores(&mut gpu())), block_on(error_of_scores(&mut CpuMachine::default()))];
    println!("shaders {:.1e}, twins {:.1e}", errors[0], errors[1]);
    assert!(errors.iter().all(|error| *error <= 1e-4), "{errors:?}");
}
