//! Network, guidance and sampler together, on both machines.
#![cfg(not(target_arch = "wasm32"))]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use common::{fixture, tensor};
use pollster::block_on;
use reverie::cpu::CpuMachine;
use reverie::diffusion::samplers::{Churn, SAMPLERS, SamplerEntry, SamplerOptions};
use reverie::diffusion::scheduler_config::SchedulerConfig;
use reverie::gpu::GpuMachine;
use reverie::kernels::case::relative_error;
use reverie::machine::Machine;
use reverie::session::{Condition, Lens, Model, NoiseSource, Recipe, Run, Wish};
use safetensors::SafeTensors;
use serde::Deserialize;

/// A recipe of `tests/fixtures/end-to-end`.
#[derive(Deserialize)]
struct EndToEnd {
    sampler: String,
    steps: usize,
    eta: f32,
    scheduler: serde_json::Value,
    model: PathBuf,
    /// None where the tensors have `attribute_values`.
    class_label: Option<u32>,
    guidance_scale: f32,
}

/// `tests/fixtures/end-to-end/samplers.json`: recipes that share a model, x_T and noise.
#[derive(Deserialize)]
struct SamplerRuns {
    model: PathBuf,
    class_label: u32,
    runs: BTreeMap<String, SamplerRun>,
}

#[derive(Deserialize)]
struct SamplerRun {
    sampler: String,
    steps: usize,
    eta: f32,
    #[serde(default)]
    s_churn: f32,
    scheduler: serde_json::Value,
    guidance_scale: f32,
}

fn recipe(sampler: &str, steps: usize, batch: usize) -> Recipe {
    Recipe {
        sampler: Some(sampler.into()),
        scheduler: None,
        steps,
        batch,
        first_sample: 0,
        size: None,
        condition: Condition::Classes((0..batch as u32).map(|i| i % 4).collect()),
        options: SamplerOptions { guidance_scale: 2.0, ..Default::default() },
        noise: NoiseSource::Seed(1),
        keep_bytes: 0,
    }
}

fn gpu() -> GpuMachine {
    block_on(GpuMachine::new()).unwrap()
}

fn classes(machine: &mut impl Machine) -> Model {
    Model::load(machine, &fixture("unet/classes")).unwrap()
}

/// `attribute_values` [N, A], in which a number beyond an attribute's values leaves it free.
fn wishes(model: &Model, file: &SafeTensors) -> Vec<Wish> {
    let attributes = model.attributes.as_ref().unwrap().list();
    let (_, numbers) = tensor(file, "attribute_values").unwrap();
    let wish = |numbers: &[f32]| {
        let values = attributes.iter().zip(numbers).map(|(attribute, number)| {
            Some(*number as u32).filter(|number| (*number as usize) < attribute.values.len())
        });
        values.collect()
    };
    numbers.chunks(attributes.len()).map(wish).collect()
}

/// The largest relative error of any step against diffusers.
async fn error_of(machine: &mut impl Machine, name: &str) -> f32 {
    let folder = fixture("end-to-end");
    let text = fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
    let given: EndToEnd = serde_json::from_str(&text).unwrap();
    let bytes = fs::read(folder.join(format!("{name}.safetensors"))).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let (shape, x_t) = tensor(&file, "x_T").unwrap();
    let steps = tensor(&file, "noise").map_or(Vec::new(), |(_, steps)| steps);
    let (_, trajectory) = tensor(&file, "trajectory").unwrap();

    let mut model = Model::load(machine, &folder.join(given.model)).unwrap();
    model.scheduler = SchedulerConfig::from_json(&given.scheduler.to_string()).unwrap();
    let recipe = Recipe {
        condition: match given.class_label {
            Some(class) => Condition::Classes(vec![class; shape[0]]),
            None => Condition::Attributes(wishes(&model, &file)),
        },
        options: SamplerOptions {
            eta: given.eta,
            guidance_scale: given.guidance_scale,
            ..Default::default()
        },
        noise: NoiseSource::Given { x_t: x_t.clone(), steps },
        ..recipe(&given.sampler, given.steps, shape[0])
    };
    let worst = follow(machine, &model, &recipe, &x_t, &trajectory).await;
    println!("{name}: {worst:.1e}");
    worst
}

/// Runs the recipe beside a trajectory; the largest relative error of any step.
async fn follow<M: Machine>(
    machine: &mut M,
    model: &Model,
    recipe: &Recipe,
    x_t: &[f32],
    trajectory: &[f32],
) -> f32 {
    let mut run = Run::start(machine, model, recipe).unwrap();
    assert_eq!(run.read_sample(machine).await.unwrap(), x_t);
    let mut worst = 0f32;
    for expected in trajectory.chunks(x_t.len()) {
        run.step(machine);
        worst = worst.max(relative_error(&run.read_sample(machine).await.unwrap(), expected));
    }
    assert!(run.is_done());
    run.release(machine, model);
    worst
}

/// Every sampler whose scheduler in diffusers takes steps of timesteps, on pictures of 8 × 8.
async fn check_every_sampler(machine: &mut impl Machine) {
    let folder = fixture("end-to-end");
    let text = fs::read_to_string(folder.join("samplers.json")).unwrap();
    let given: SamplerRuns = serde_json::from_str(&text).unwrap();
    // The two ScoreSde schedulers take other calls: `score_based.rs` and `continuous.rs` have them.
    let stepped = |sampler: &&SamplerEntry| sampler.diffusers_class.is_some() && !sampler.score_based;
    for sampler in SAMPLERS.iter().filter(stepped) {
        let has_run = given.runs.values().any(|run| run.sampler == sampler.name);
        assert!(has_run, "no run of {} in samplers.json", sampler.name);
    }
    let bytes = fs::read(folder.join("samplers.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let (shape, x_t) = tensor(&file, "x_T").unwrap();
    let (_, steps) = tensor(&file, "noise").unwrap();
    let mut model = Model::load(machine, &folder.join(given.model)).unwrap();
    for (name, run) in given.runs {
        model.scheduler = SchedulerConfig::from_json(&run.scheduler.to_string()).unwrap();
        let recipe = Recipe {
            size: Some((shape[2], shape[3])),
            condition: Condition::Classes(vec![given.class_label; shape[0]]),
            options: SamplerOptions {
                eta: run.eta,
                guidance_scale: run.guidance_scale,
                churn: Churn { s_churn: run.s_churn, ..Default::default() },
                ..Default::default()
            },
            noise: NoiseSource::Given { x_t: x_t.clone(), steps: steps.clone() },
            ..recipe(&run.sampler, run.steps, shape[0])
        };
        let (_, trajectory) = tensor(&file, &name).unwrap();
        assert_eq!(trajectory.len(), run.steps * x_t.len(), "{name}");
        let error = follow(machine, &model, &recipe, &x_t, &trajectory).await;
        println!("{name}, guidance {}: {error:.1e}", run.guidance_scale);
        assert!(error <= 1e-4, "{name} is off by {error:e}");
    }
}

#[test]
fn the_cpu_machine_follows_every_sampler_of_diffusers() {
    block_on(check_every_sampler(&mut CpuMachine::default()));
}

#[test]
fn the_shaders_follow_every_sampler_of_diffusers() {
    block_on(check_every_sampler(&mut gpu()));
}

#[test]
fn the_cpu_machine_follows_the_trajectories_of_diffusers() {
    for name in ["ddim", "ddpm", "attributes"] {
        assert!(block_on(error_of(&mut CpuMachine::default(), name)) <= 1e-4, "{name}");
    }
}

#[test]
fn the_shaders_follow_the_trajectories_of_diffusers() {
    for name in ["ddim", "ddpm", "attributes"] {
        assert!(block_on(error_of(&mut gpu(), name)) <= 1e-4, "{name}");
    }
}

/// DDPM writes noise every step, DDIM with guidance runs both halves; frames are kept.
#[test]
fn the_step_loop_reads_nothing_back_and_allocates_nothing() {
    let mut machine = gpu();
    let model = classes(&mut machine);
    for sampler in ["ddpm", "ddim"] {
        let recipe = Recipe { keep_bytes: 1 << 20, ..recipe(sampler, 8, 2) };
        let mut run = Run::start(&mut machine, &model, &recipe).unwrap();
        let before = machine.counters;
        while !run.is_done() {
            run.step(&mut machine);
        }
        assert_eq!(machine.counters, before, "{sampler}");
        let sample = block_on(run.read_sample(&mut machine)).unwrap();
        assert!(sample.iter().all(|value| value.is_finite()));
        assert!(machine.counters.readbacks > before.readbacks, "the counters do count");
        run.release(&mut machine, &model);
    }
}

/// Frames of a run in `keep_bytes`, and the samples that were there after each step.
async fn kept(machine: &mut impl Machine, keep_bytes: u64) -> (Run, Vec<Vec<f32>>) {
    let model = classes(machine);
    let recipe = Recipe { keep_bytes, ..recipe("ddpm", 7, 2) };
    let mut run = Run::start(machine, &model, &recipe).unwrap();
    let mut samples = vec![run.read_sample(machine).await.unwrap()];
    while !run.is_done() {
        run.step(machine);
        samples.push(run.read_sample(machine).await.unwrap());
    }
    (run, samples)
}

#[test]
fn kept_frames_are_the_samples_of_their_steps() {
    block_on(async {
        let mut machine = CpuMachine::default();
        let (run, samples) = kept(&mut machine, 1 << 20).await;
        assert_eq!((run.keep_every(), samples.len()), (1, 8));
        for (step, sample) in samples.iter().enumerate() {
            let frame = run.read_frame(&mut machine, step, Lens::Sample).await.unwrap().unwrap();
            assert_eq!(&frame, sample, "after step {step}");
        }
        // DDPM's last step returns x̂0 itself.
        let x0_hat = run.read_frame(&mut machine, 7, Lens::X0Hat).await.unwrap().unwrap();
        assert!(relative_error(&samples[7], &x0_hat) <= 1e-6);
    });
}

/// Not what is there of a run that has just taken another's place.
#[test]
fn a_moment_that_is_not_reached_has_no_frame() {
    block_on(async {
        let mut machine = CpuMachine::default();
        let model = classes(&mut machine);
        let recipe = Recipe { keep_bytes: 1 << 20, ..recipe("ddpm", 7, 2) };
        let mut run = Run::start(&mut machine, &model, &recipe).unwrap();
        run.step(&mut machine);
        for (step, there) in [(0, true), (1, true), (2, false), (7, false)] {
            let frame = run.read_frame(&mut machine, step, Lens::Sample).await.unwrap();
            assert_eq!(frame.is_some(), there, "after step {step}");
        }
    });
}

#[test]
fn a_small_budget_thins_frames_out_but_keeps_the_last() {
    block_on(async {
        let mut machine = gpu();
        // Three images of 2 samples of 16 × 16 pixels in vec4s make a frame.
        let frame = 3 * 2 * 16 * 16 * 16;
        let (run, samples) = kept(&mut machine, 4 * frame).await;
        assert_eq!(run.keep_every(), 3);
        for (step, shown) in [(0, 0), (1, 0), (2, 0), (3, 3), (5, 3), (6, 6), (7, 7)] {
            let frame = run.read_frame(&mut machine, step, Lens::Sample).await.unwrap().unwrap();
            assert_eq!(frame, samples[shown], "after step {step}");
        }
        let (run, _) = kept(&mut machine, frame).await;
        assert!(run.read_frame(&mut machine, 7, Lens::Sample).await.unwrap().is_none(), "no room at all");
    });
}

/// Both machines draw the same picture with the model that is shipped.
#[test]
fn gpu_and_cpu_draw_the_same_digits() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("www/models/digits");
    if !folder.is_dir() {
        println!("skipped: {} is not there", folder.display());
        return;
    }
    async fn draw(machine: &mut impl Machine, folder: &PathBuf) -> Vec<f32> {
        let model = Model::load(machine, folder).unwrap();
        let mut run = Run::start(machine, &model, &recipe("ddim", 20, 2)).unwrap();
        while !run.is_done() {
            run.step(machine);
        }
        let [low, high] = model.value_range();
        let sample = run.read_sample(machine).await.unwrap();
        sample.iter().map(|value| ((value - low) / (high - low)).clamp(0.0, 1.0) * 255.0).collect()
    }
    let shaders = block_on(draw(&mut gpu(), &folder));
    let twins = block_on(draw(&mut CpuMachine::default(), &folder));
    let worst = shaders.iter().zip(&twins).fold(0f32, |worst, (a, b)| worst.max((a - b).abs()));
    println!("digits: {worst:.3} of 255");
    assert!(worst <= 2.0, "off by {worst} of 255");
}
