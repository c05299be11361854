//! One look at a noised image sees what a run sees.
#![cfg(not(target_arch = "wasm32"))]

use std::path::Path;

use pollster::block_on;
use reverie::cpu::CpuMachine;
use reverie::diffusion::samplers::SamplerOptions;
use reverie::gpu::GpuMachine;
use reverie::kernels::case::relative_error;
use reverie::machine::Machine;
use reverie::net::pixels::{to_nchw, to_nhwc};
use reverie::session::{Condition, Lens, Microscope, Model, NoiseSource, Recipe, Run};

/// Looks at every frame of a run, and compares x̂0 with what the run's next step made of it.
async fn check_against_a_run(machine: &mut impl Machine) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/unet/classes");
    let model = Model::load(machine, &folder).unwrap();
    let (height, width) = model.size();
    let (channels, pixels) = (model.channels(), height * width);
    let words = pixels * channels.next_multiple_of(4);
    let x_t = machine.allocate(words).unwrap();
    let mut microscope = Microscope::default();
    // Guidance comes and goes: what was made for the one is not used for the other.
    for (class, guidance_scale) in [(Some(2), 3.0), (Some(1), 1.0), (None, 3.0), (Some(0), 0.0)] {
        let condition = class.map_or(Condition::Free, |class| Condition::Classes(vec![class]));
        let options = SamplerOptions {
            guidance_scale,
            guidance_interval: Some((200.0, 800.0)),
            ..SamplerOptions::default()
        };
        let recipe = Recipe {
            sampler: Some("ddim".into()),
            scheduler: None,
            steps: 5,
            batch: 1,
            first_sample: 0,
            size: None,
            condition: condition.clone(),
            options,
            noise: NoiseSource::Seed(9),
            keep_bytes: 1 << 20,
        };
        let mut run = Run::start(machine, &model, &recipe).unwrap();
        while !run.is_done() {
            run.step(machine);
        }
        for step in 0..run.plan.steps.len() {
            let frame = run.read_frame(machine, step, Lens::Sample).await.unwrap().unwrap();
            let x0_hat = run.read_frame(machine, step + 1, Lens::X0Hat).await.unwrap().unwrap();
            machine.write(x_t, 0, &to_nhwc(&frame, channels, pixels));
            let timestep = run.plan.steps[step].timestep as usize;
            let at = microscope.look(machine, &model, x_t, timestep, (&condition, &options)).unwrap();
            let seen = to_nchw(&machine.read(at.0, at.1, words).await.unwrap(), channels, pixels);
            let error = relative_error(&seen, &x0_hat);
            assert!(error < 1e-6, "class {class:?}, guidance {guidance_scale}, t {timestep}: {error:e}");
        }
        run.release(machine, &model);
    }
    let beyond = microscope.look(machine, &model, x_t, 1000, (&Condition::Free, &SamplerOptions::default()));
    assert!(beyond.unwrap_err().to_string().contains("timestep 1000"));
    microscope.clear(machine, &model);
}

#[test]
fn the_cpu_machine_sees_what_a_run_sees() {
    block_on(check_against_a_run(&mut CpuMachine::default()));
}

#[test]
fn the_shaders_see_what_a_run_sees() {
    block_on(check_against_a_run(&mut block_on(GpuMachine::new()).unwrap()));
}
