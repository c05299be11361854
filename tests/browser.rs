//! Runs in a real browser: `wasm-pack test --headless --chrome` (or `--firefox`).
#![cfg(target_arch = "wasm32")]

use std::collections::BTreeMap;

use reverie::cpu::CpuMachine;
use reverie::diffusion::samplers::SamplerOptions;
use reverie::gpu::GpuMachine;
use reverie::kernels::ALL;
use reverie::kernels::case::relative_error;
use reverie::kernels::fast::lanes::LANES;
use reverie::machine::{Class, Machine, run_case};
use reverie::models::folder::ModelFolder;
use reverie::models::unet_2d::arriving::specs;
use reverie::models::unet_2d::config::UNetConfig;
use reverie::models::unet_2d::network::{ClassLabels, UNet};
use reverie::net::random::random_weights;
use reverie::session::{Condition, Model, NoiseSource, Recipe, Run};
use safetensors::SafeTensors;
use wasm_bindgen_test::{console_log, wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

/// A model folder's files, compiled in.
type Folder = BTreeMap<String, Vec<u8>>;

macro_rules! folder {
    ($path:expr, $($file:literal),*) => {
        Folder::from([$(($file.to_owned(), include_bytes!(concat!($path, "/", $file)).to_vec())),*])
    };
}

#[wasm_bindgen_test]
async fn every_shader_equals_its_twin() {
    let mut machine = GpuMachine::new().await.unwrap();
    for case in ALL.iter().flat_map(|kernel| (kernel.cases)()) {
        let got = run_case(&mut machine, &case).await.unwrap();
        case.compare(&got).unwrap();
    }
}

/// With Wasm's SIMD; the native tests hold what they make of it on other processors to the same.
#[wasm_bindgen_test]
async fn every_fast_form_equals_its_twin() {
    assert_eq!(LANES, 4, "this is built without simd128");
    let mut machine = CpuMachine::default();
    for case in ALL.iter().flat_map(|kernel| (kernel.cases)()) {
        let got = run_case(&mut machine, &case).await.unwrap();
        case.compare(&got).unwrap();
    }
}

fn floats(file: &SafeTensors, name: &str) -> Vec<f32> {
    let data = file.tensor(name).unwrap();
    data.data().chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
}

fn integers(file: &SafeTensors, name: &str) -> Option<Vec<i64>> {
    let data = file.tensor(name).ok()?;
    Some(data.data().chunks_exact(8).map(|b| i64::from_le_bytes(b.try_into().unwrap())).collect())
}

async fn check_network(name: &str, files: Folder) {
    // With the variants for every class of adapter, not only for the one that is here.
    for class in [Class::SoftwareAdapter, Class::Gpu] {
        let mut machine = GpuMachine::new().await.unwrap();
        machine.class = class;
        check_network_on(&mut machine, &format!("{class:?}"), name, &files).await;
    }
    check_network_on(&mut CpuMachine::default(), "CPU", name, &files).await;
}

async fn check_network_on<M: Machine>(machine: &mut M, device: &str, name: &str, files: &Folder) {
    let io = files["io.safetensors"].clone();
    let io = SafeTensors::deserialize(&io).unwrap();
    let model = ModelFolder::open(files).unwrap();
    let weights = model.weights(files).unwrap();
    let unet = UNet::load(machine, model.config, weights).unwrap();
    let shape = io.tensor("sample").unwrap().shape().to_vec();
    let mut timesteps: Vec<f32> = integers(&io, "timestep").unwrap().iter().map(|t| *t as f32).collect();
    timesteps.resize(shape[0], timesteps[0]);
    let labels = integers(&io, "class_labels")
        .map(|labels| ClassLabels::Numbers(labels.iter().map(|l| *l as u32).collect()));
    let instance = unet.instance(machine, shape[0], shape[2], shape[3]).unwrap();
    let output =
        unet.forward(machine, &instance, &floats(&io, "sample"), &timesteps, labels.as_ref()).await.unwrap();
    let error = relative_error(&output, &floats(&io, "output"));
    console_log!("{name}, {device}: {error:e}");
    assert!(error <= 1e-4, "{name}, {device}: {error:e}");
}

#[wasm_bindgen_test]
async fn networks_equal_diffusers() {
    macro_rules! check {
        ($name:literal) => {
            check_network(
                $name,
                folder!(
                    concat!("fixtures/unet/", $name),
                    "model_index.json",
                    "unet/config.json",
                    "unet/diffusion_pytorch_model.safetensors",
                    "scheduler/scheduler_config.json",
                    "io.safetensors"
                ),
            )
            .await
        };
    }
    check!("classes");
    check!("odd-channels");
    check!("resnet-resampling-scale-shift");
}

fn digits() -> Folder {
    folder!(
        "../www/models/digits",
        "model_index.json",
        "unet/config.json",
        "unet/diffusion_pytorch_model.safetensors",
        "scheduler/scheduler_config.json",
        "reverie.json"
    )
}

/// The run whose picture every backend must agree on.
fn recipe() -> Recipe {
    Recipe {
        sampler: Some("ddim".into()),
        scheduler: None,
        steps: 20,
        batch: 1,
        first_sample: 0,
        size: None,
        condition: Condition::Classes(vec![3]),
        options: SamplerOptions { guidance_scale: 2.0, ..Default::default() },
        noise: NoiseSource::Seed(7),
        keep_bytes: 0,
    }
}

async fn sample<M: Machine>(machine: &mut M) -> Vec<f32> {
    let model = Model::load(machine, &digits()).unwrap();
    let mut run = Run::start(machine, &model, &recipe()).unwrap();
    while !run.is_done() {
        run.step(machine);
    }
    run.read_sample(machine).await.unwrap()
}

/// The native tests hold the CPU machine to the native shaders, so that this browser agrees with
/// all of them.
#[wasm_bindgen_test]
async fn a_run_repeats_bit_for_bit_and_agrees_with_the_cpu() {
    let mut machine = GpuMachine::new().await.unwrap();
    let first = sample(&mut machine).await;
    assert_eq!(first, sample(&mut machine).await, "the same seed, the same picture");
    let cpu = sample(&mut CpuMachine::default()).await;
    let worst = first.iter().zip(&cpu).map(|(a, b)| (a - b).abs() * 127.5).fold(0.0, f32::max);
    console_log!("GPU against CPU: {worst} of 255");
    assert!(worst <= 2.0, "off by {worst} of 255");
}

/// Net A of the README's measurements; the best of several times, since whatever
/// else the machine does only adds to them.
#[wasm_bindgen_test]
async fn a_pass_of_net_a_takes_at_most_250_ms() {
    let mut machine = GpuMachine::new().await.unwrap();
    let config = UNetConfig::parse(include_str!("../bench/nets/a.json")).unwrap();
    let weights = random_weights(&specs(&config)).unwrap();
    let unet = UNet::load(&mut machine, config, weights).unwrap();
    console_log!("{:?}: {:?}", machine.class, machine.gpu.adapter.get_info().name);
    let instance = unet.instance(&mut machine, 1, 32, 32).unwrap();
    let sample = vec![0.5; 32 * 32];
    let mut best = f64::INFINITY;
    for _ in 0..12 {
        let start = js_sys::Date::now();
        // Five passes a time, since Firefox answers at multiples of 100 ms only.
        for _ in 0..5 {
            unet.submit(&mut machine, &instance, &sample, &[500.0], None).unwrap();
        }
        machine.read(instance.output, 0, 4).await.unwrap();
        best = f64::min(best, (js_sys::Date::now() - start) / 5.0);
    }
    console_log!("net A: {best} ms a pass");
    assert!(best <= 250.0, "net A: {best} ms a pass");
}
