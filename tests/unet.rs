//! Whole networks against diffusers: every folder of `tests/fixtures/unet`.
#![cfg(not(target_arch = "wasm32"))]

mod common;

use std::path::PathBuf;

use common::{fixture, tensor};
use reverie::cpu::CpuMachine;
use reverie::gpu::GpuMachine;
use reverie::kernels::case::relative_error;
use reverie::machine::{Class, Machine};
use reverie::models::folder::ModelFolder;
use reverie::models::unet_2d::config::ClassEmbedding;
use reverie::models::unet_2d::network::{ClassLabels, UNet};
use safetensors::SafeTensors;

/// The relative error of one folder on a machine.
async fn error_of(machine: &mut impl Machine, folder: &PathBuf) -> f32 {
    let model = ModelFolder::open(folder).unwrap();
    let weights = model.weights(folder).unwrap();
    let unet = UNet::load(machine, model.config, weights).unwrap();
    let bytes = std::fs::read(folder.join("io.safetensors")).unwrap();
    let io = SafeTensors::deserialize(&bytes).unwrap();
    let (shape, sample) = tensor(&io, "sample").unwrap();
    let (_, mut timesteps) = tensor(&io, "timestep").unwrap();
    timesteps.resize(shape[0], timesteps[0]);
    let labels = tensor(&io, "class_labels").map(|(_, values)| match unet.config.class_embedding {
        Some(ClassEmbedding::Timestep) => ClassLabels::Times(values),
        Some(ClassEmbedding::Identity) => ClassLabels::Embeddings(values),
        _ => ClassLabels::Numbers(values.iter().map(|v| *v as u32).collect()),
    });
    let instance = unet.instance(machine, shape[0], shape[2], shape[3]).unwrap();
    let output = unet.forward(machine, &instance, &sample, &timesteps, labels.as_ref()).await.unwrap();
    unet.release(machine, instance);
    relative_error(&output, &tensor(&io, "output").unwrap().1)
}

fn folders() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(fixture("unet")).unwrap();
    let mut folders: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    assert!(folders.len() >= 10, "the fixtures are there");
    folders
}

fn check(machine: &mut impl Machine, tolerance: f32) {
    let mut failures = Vec::new();
    for folder in folders() {
        let error = pollster::block_on(error_of(machine, &folder));
        println!("{:32} {error:.1e}", folder.file_name().unwrap().to_string_lossy());
        if error > tolerance {
            failures.push((folder, error));
        }
    }
    assert!(failures.is_empty(), "above {tolerance:e}: {failures:?}");
}

#[test]
fn the_cpu_machine_equals_diffusers() {
    check(&mut CpuMachine::default(), 2e-5);
}

/// With the variants for every class of adapter, not only for the one that is here.
#[test]
fn the_shaders_equal_diffusers() {
    for class in [Class::SoftwareAdapter, Class::Gpu] {
        let mut machine = pollster::block_on(GpuMachine::new()).unwrap();
        machine.class = class;
        check(&mut machine, 1e-4);
    }
}
