//! Whether this very device computes what it should: every kernel beside its twin, and the whole
//! network beside PyTorch.

use serde::Serialize;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::engine::to_js;
use super::golden::Golden;
use super::{Engine, error};
use crate::gpu::painter::Offscreen;
use crate::gpu::{Painter, Picture};
use crate::kernels::case::{random, relative_error};
use crate::kernels::{ALL, Case, present};
use crate::machine::{Machine, MachineError, Trial};
use crate::unet::network::UNetError;
use crate::unet::pixels::to_nchw;

/// What a network may differ from PyTorch by, relative to the largest magnitude.
const TOLERANCE: f32 = 1e-4;
/// Drawing may round a level of 255 the other way.
const ONE_LEVEL: f32 = 1.0 / 255.0;

/// One pass beside PyTorch's.
#[derive(Serialize)]
struct SelfTest {
    max_abs: f32,
    relative: f32,
    tolerance: f32,
    passed: bool,
}

/// A kernel beside its twin: the case that comes nearest to its tolerance, or passes it the most.
#[derive(Serialize)]
struct KernelTest {
    kernel: &'static str,
    cases: usize,
    relative: f32,
    tolerance: f32,
    passed: bool,
    /// What the device said against the shader.
    complaint: Option<String>,
}

/// The names of all kernels that are tested, in the order of their numbers.
pub fn kernels() -> Vec<&'static str> {
    ALL.iter().map(|kernel| kernel.shader.name).chain([present::SHADER.name]).collect()
}

#[wasm_bindgen]
impl Engine {
    /// Compares one pass with what PyTorch made of the same input.
    pub async fn self_test(&self, golden: Vec<u8>) -> Result<JsValue, JsValue> {
        let golden = Golden::parse(golden)?;
        let (output, channels, pixels) = {
            let mut state = self.state.borrow_mut();
            let (model, machine) = state.model_mut()?;
            let Golden { shape: [batch, _, height, width], ref sample, ref timesteps, .. } = golden;
            let unet = &model.unet;
            let session = |e: UNetError| error::of_session(&e.into());
            let instance = unet.instance(machine, batch, height, width).map_err(session)?;
            let submitted = unet.submit(machine, &instance, sample, timesteps, golden.labels.as_ref());
            let output = machine.request(instance.output, 0, unet.output_words(&instance));
            unet.release(machine, instance);
            submitted.map_err(session)?;
            (output, unet.config.out_channels, height * width)
        };
        let words = output.await.map_err(|e| error::of_machine(&e))?;
        let values = to_nchw(&words, channels, pixels);
        let relative = relative_error(&values, &golden.output);
        let differences = values.iter().zip(&golden.output).map(|(a, b)| (a - b).abs());
        to_js(&SelfTest {
            max_abs: differences.fold(0.0, f32::max),
            relative,
            tolerance: TOLERANCE,
            passed: relative <= TOLERANCE,
        })
    }

    /// Runs all cases of a kernel on the device, and compares them with what its twin makes of them.
    pub async fn test_kernel(&self, kernel: usize) -> Result<JsValue, JsValue> {
        let test = match ALL.get(kernel) {
            Some(kernel) => self.test_cases(kernel.shader.name, (kernel.cases)()).await,
            None => self.test_drawing().await,
        };
        to_js(&test.map_err(|e| error::of_machine(&e))?)
    }
}

impl Engine {
    async fn test_cases(&self, kernel: &'static str, cases: Vec<Case>) -> Result<KernelTest, MachineError> {
        let (reads, complaint) = {
            let machine = &mut self.state.borrow_mut().machine;
            // A shader that this device refuses is what the test is to find: no reason to stop.
            let scope = machine.gpu.device.push_error_scope(wgpu::ErrorFilter::Validation);
            let mut reads = Vec::new();
            for case in &cases {
                let trial = Trial::start(machine, case)?;
                for &(buffer, words) in &trial.buffers {
                    reads.push(machine.request(buffer, 0, words));
                }
                trial.release(machine);
            }
            (reads, scope.pop())
        };
        let complaint = complaint.await.map(|e| e.to_string());
        let mut reads = reads.into_iter();
        let (mut relative, mut tolerance) = (0.0, cases[0].tolerance);
        for case in &cases {
            let mut got = Vec::new();
            for read in reads.by_ref().take(case.buffers.len()) {
                got.push(read.await?);
            }
            let error = case.error(&got);
            if error / case.tolerance > relative / tolerance {
                (relative, tolerance) = (error, case.tolerance);
            }
        }
        let passed = relative <= tolerance && complaint.is_none();
        Ok(KernelTest { kernel, cases: cases.len(), relative, tolerance, passed, complaint })
    }

    /// What draws pictures is no compute kernel: a grid of samples, texel by texel.
    async fn test_drawing(&self) -> Result<KernelTest, MachineError> {
        let grid = present::Grid { samples: 3, width: 7, height: 5, gap: 1 };
        let params = grid.params(3, 0, [-0.9, 0.8], [0.2, 0.4, 0.6, 1.0]);
        let words = random(1, 4 * grid.samples * grid.width * grid.height);
        let (gpu, source, buffer) = {
            let machine = &mut self.state.borrow_mut().machine;
            let buffer = machine.upload(&words)?;
            (machine.gpu.clone(), machine.buffer(buffer).clone(), buffer)
        };
        let painter = Painter::new(&gpu, Offscreen::FORMAT);
        let target = Offscreen::new(&gpu, grid.size());
        let painted = target.paint(&gpu, &painter, &Picture { source, params }).await;
        self.state.borrow_mut().machine.free(buffer);
        let floats = |texels: &[u8]| texels.iter().map(|&t| f32::from(t) / 255.0).collect::<Vec<f32>>();
        let twin = present::twin(&params, bytemuck::cast_slice(&words));
        let relative = relative_error(&floats(&painted?), &floats(&twin));
        Ok(KernelTest {
            kernel: present::SHADER.name,
            cases: 1,
            relative,
            tolerance: ONE_LEVEL,
            passed: relative <= 1.001 * ONE_LEVEL,
            complaint: None,
        })
    }
}
