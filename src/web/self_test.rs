//! Whether this very device computes what it should: every kernel beside its twin, and the whole
//! network beside PyTorch.

use js_sys::{Array, Reflect, Uint8Array, Uint32Array};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

use super::engine::object;
use super::golden::Golden;
use super::{Engine, device, error};
use crate::kernels::case::{relative_error, worst_error};
use crate::kernels::{ALL, BufferId, Case, Dispatch, Kernel};
use crate::machine::{MachineError, Trial};
use crate::models::unet_2d::network::UNetError;
use crate::net::pixels::to_nchw;

/// What a network may differ from PyTorch by, relative to the largest magnitude.
const TOLERANCE: f32 = 1e-4;

/// What was found of a kernel: the case that comes nearest to its tolerance, or passes it the most,
/// and what the device said against the shader.
pub(super) struct Found {
    pub relative: f32,
    pub tolerance: f32,
    pub complaint: Option<String>,
}

/// The names of all kernels that are tested, in the order of their numbers.
pub fn kernels() -> Vec<&'static str> {
    ALL.iter().map(|kernel| kernel.shader.name).chain(device::DRAWING.iter().copied()).collect()
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
            let output = machine.request(&[(instance.output, 0)], unet.output_words(&instance));
            unet.release(machine, instance);
            submitted.map_err(session)?;
            (output, unet.config.out_channels, height * width)
        };
        let words = output.await.map_err(|e| error::of_machine(&e))?;
        let values = to_nchw(&words, channels, pixels);
        let relative = relative_error(&values, &golden.output);
        let differences = values.iter().zip(&golden.output).map(|(a, b)| (a - b).abs());
        object(&[
            ("max_abs", differences.fold(0.0, f32::max).into()),
            ("relative", relative.into()),
            ("tolerance", TOLERANCE.into()),
            ("passed", (relative <= TOLERANCE).into()),
        ])
    }

    /// Runs a kernel's cases on the device, and compares what they leave with what its twin does:
    /// both as `src/twins.rs` gives them.
    pub async fn test_kernel(&self, kernel: String, cases: Array) -> Result<JsValue, JsValue> {
        let found = match ALL.iter().find(|known| known.shader.name == kernel) {
            Some(kernel) => {
                let cases = cases.iter().map(|case| case_of(kernel, &case)).collect::<Result<Vec<_>, _>>()?;
                self.test_cases(&cases).await
            }
            None => device::test_drawing(&self.state).await,
        };
        let Found { relative, tolerance, complaint } = found.map_err(|e| error::of_machine(&e))?;
        object(&[
            ("kernel", kernel.into()),
            ("cases", cases.length().max(1).into()),
            ("relative", relative.into()),
            ("tolerance", tolerance.into()),
            // A level of 255 as a float is a little more or less.
            ("passed", (relative <= 1.0001 * tolerance && complaint.is_none()).into()),
            ("complaint", complaint.into()),
        ])
    }
}

/// A case and the buffers that it should leave.
fn case_of(kernel: &'static Kernel, case: &JsValue) -> Result<(Case, Vec<Vec<u32>>), JsValue> {
    let get = |name: &str| Reflect::get(case, &name.into());
    let words = |name: &str| -> Result<Vec<Vec<u32>>, JsValue> {
        let buffers = get(name)?.unchecked_into::<Array>();
        Ok(buffers.iter().map(|buffer| Uint32Array::new(&buffer).to_vec()).collect())
    };
    let buffers = words("buffers")?;
    let mut grid = [1; 3];
    Uint32Array::new(&get("grid")?).copy_to(&mut grid);
    let params = vec![Uint8Array::new(&get("params")?).to_vec()];
    let ids = (0..buffers.len()).map(BufferId).collect();
    let tolerance = get("tolerance")?.as_f64().unwrap_or_default() as f32;
    let dispatch = Dispatch { kernel, params, buffers: ids, grid, reach: [u32::MAX; 2] };
    Ok((Case { label: String::new(), dispatch, buffers, tolerance }, words("expected")?))
}

impl Engine {
    async fn test_cases(&self, cases: &[(Case, Vec<Vec<u32>>)]) -> Result<Found, MachineError> {
        let (reads, complaint) = {
            let machine = &mut self.state.borrow_mut().machine;
            // A shader that this device refuses is what the test is to find: no reason to stop.
            let scope = device::listen(machine);
            let mut reads = Vec::new();
            for (case, _) in cases {
                let trial = Trial::start(machine, case)?;
                for &(buffer, words) in &trial.buffers {
                    reads.push(machine.request(&[(buffer, 0)], words));
                }
                trial.release(machine);
            }
            (reads, device::heard(scope))
        };
        let complaint = complaint.await;
        let mut reads = reads.into_iter();
        let mut found = Found { relative: 0.0, tolerance: 1.0, complaint };
        for (case, expected) in cases {
            let mut got = Vec::new();
            for read in reads.by_ref().take(expected.len()) {
                got.push(read.await?);
            }
            let relative = worst_error(&got, expected);
            if relative / case.tolerance >= found.relative / found.tolerance {
                (found.relative, found.tolerance) = (relative, case.tolerance);
            }
        }
        Ok(found)
    }
}
