//! The shipped models draw here what they draw in diffusers, pixel for pixel.
#![cfg(not(target_arch = "wasm32"))]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{fixture, tensor};
use pollster::block_on;
use reverie::diffusion::samplers::SamplerOptions;
use reverie::gpu::GpuMachine;
use reverie::session::{Condition, Model, NoiseSource, Recipe, Run};
use safetensors::SafeTensors;

/// Grey levels of 255 that a pixel may differ by.
const LIMIT: f32 = 2.0;

fn models() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("www/models");
    let mut folders: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.retain(|folder| folder.join("model_index.json").exists());
    folders.sort();
    folders
}

/// What the file's two samples were asked for; the second one for nothing.
fn condition(model: &Model, file: &SafeTensors) -> Condition {
    match tensor(file, "attribute_values") {
        Some((_, values)) => {
            let (first, second) = values.split_at(values.len() / 2);
            let attributes = model.attributes.as_ref().unwrap().list();
            assert!(second.iter().zip(attributes).all(|(value, a)| *value as usize == a.values.len()));
            let asked = first.iter().map(|value| Some(*value as u32)).collect();
            Condition::Attributes(vec![asked, vec![None; attributes.len()]])
        }
        None => {
            let (_, classes) = tensor(file, "class_labels").unwrap();
            assert_eq!(Some(classes[1] as usize), model.facts.null_label);
            Condition::Classes(classes.iter().map(|class| *class as u32).collect())
        }
    }
}

#[test]
fn the_shipped_models_draw_what_they_draw_in_diffusers() {
    let mut machine = block_on(GpuMachine::new()).unwrap();
    let models = models();
    assert!(!models.is_empty());
    for folder in models {
        let name = folder.file_name().unwrap().to_str().unwrap();
        let bytes = fs::read(fixture(&format!("shipped/{name}.safetensors"))).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let (shape, x_t) = tensor(&file, "x_T").unwrap();
        let (_, expected) = tensor(&file, "sample").unwrap();

        let model = Model::load(&mut machine, &folder).unwrap();
        let recipe = Recipe {
            sampler: Some("ddim".into()),
            scheduler: None,
            steps: 20,
            batch: shape[0],
            first_sample: 0,
            size: None,
            condition: condition(&model, &file),
            options: SamplerOptions { guidance_scale: 2.0, ..Default::default() },
            noise: NoiseSource::Given { x_t, steps: Vec::new() },
            keep_bytes: 0,
        };
        let mut run = Run::start(&mut machine, &model, &recipe).unwrap();
        while !run.is_done() {
            run.step(&mut machine);
        }
        let sample = block_on(run.read_sample(&mut machine)).unwrap();
        run.release(&mut machine, &model);
        let levels = sample.iter().zip(&expected).map(|(a, b)| 127.5 * (a.clamp(-1.0, 1.0) - b).abs());
        let worst = levels.fold(0.0, f32::max);
        println!("{name}: {worst:.4} of 255");
        assert!(worst <= LIMIT, "{name}: a pixel differs by {worst} of 255");
    }
}
