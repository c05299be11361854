//! What the page's engine runs on: WebGPU.

mod adapter;
mod probe;
mod screen;

use std::cell::RefCell;

use futures_channel::oneshot;
use wasm_bindgen::JsValue;

use super::engine::{State, object};
use super::facts::DeviceFacts;
use super::self_test::Found;
use super::steps::now;
use crate::gpu::painter::Offscreen;
use crate::gpu::{GpuMachine, Painter, Picture};
use crate::kernels::case::{random, relative_error};
use crate::kernels::present::{Grid, SHADER, twin};
use crate::kernels::shaders::Shader;
use crate::machine::{Machine, MachineError, ProgramId};
use adapter::Adapter;
pub use screen::Screen;

pub type PageMachine = GpuMachine;

/// Drawing may round a level of 255 the other way.
const ONE_LEVEL: f32 = 1.0 / 255.0;

/// The kernels that are no compute kernels: what draws pictures.
pub const DRAWING: &[&str] = &[SHADER.name];

/// What was found.
pub struct Device {
    adapter: Adapter,
    /// Whether WebGPU canvases show here.
    shows: bool,
    software: bool,
}

impl Device {
    pub async fn open() -> Result<(Self, PageMachine), MachineError> {
        if adapter::webgpu().is_none() {
            let hint = "open the page over HTTPS or on localhost, in a browser with WebGPU switched on";
            return Err(MachineError::NoWebGpu { hint: hint.into() });
        }
        let adapter = adapter::describe().await;
        let (gpu, shows) = probe::find_gpu().await?;
        let software = gpu.adapter.get_info().device_type == wgpu::DeviceType::Cpu;
        Ok((Self { adapter, shows, software }, GpuMachine::on(gpu)))
    }

    pub fn facts(&self) -> DeviceFacts {
        let Adapter { vendor, architecture, description } = self.adapter.clone();
        DeviceFacts {
            adapter: description,
            vendor,
            architecture,
            backend: "WebGPU",
            presents: if self.shows { "canvas" } else { "copy" },
            software: self.software,
        }
    }
}

/// Waits until the device is gone.
pub fn lost(machine: &PageMachine) -> impl Future<Output = ()> + use<> {
    let gpu = machine.gpu.clone();
    async move { gpu.lost().await }
}

/// Has something done when all that was submitted is.
pub fn when_done(machine: &mut PageMachine, work: impl FnOnce() + Send + 'static) {
    machine.gpu.queue.on_submitted_work_done(work);
}

/// Runs a program's first row so many times, and again; says when each of these ended.
pub fn time(
    machine: &mut PageMachine,
    program: ProgramId,
    repetitions: &[usize],
) -> Vec<oneshot::Receiver<f64>> {
    // All is encoded before the clock starts.
    let commands: Vec<_> = repetitions.iter().map(|times| machine.commands(program, *times)).collect();
    let submit = |commands| {
        machine.gpu.queue.submit([commands]);
        let (done, end) = oneshot::channel();
        // The receiver is gone only if nobody waits any more.
        machine.gpu.queue.on_submitted_work_done(move || {
            let _ = done.send(now());
        });
        end
    };
    commands.into_iter().map(submit).collect()
}

/// Bytes of buffers, now and at the most.
pub fn memory(machine: &PageMachine) -> [u64; 2] {
    [machine.counters.bytes, machine.counters.peak_bytes]
}

/// What the adapter could give and what was asked of it.
pub fn limits(machine: &PageMachine) -> Result<[JsValue; 2], JsValue> {
    Ok([named(&machine.gpu.adapter.limits())?, named(&machine.gpu.device.limits())?])
}

/// Those that decide which networks run, by WebGPU's names.
fn named(of: &wgpu::Limits) -> Result<JsValue, JsValue> {
    object(&[
        ("maxStorageBufferBindingSize", (of.max_storage_buffer_binding_size as f64).into()),
        ("maxBufferSize", (of.max_buffer_size as f64).into()),
        ("maxStorageBuffersPerShaderStage", of.max_storage_buffers_per_shader_stage.into()),
        ("maxComputeInvocationsPerWorkgroup", of.max_compute_invocations_per_workgroup.into()),
        ("maxComputeWorkgroupStorageSize", of.max_compute_workgroup_storage_size.into()),
    ])
}

/// Makes a shader's pipeline, and waits until the device has compiled it: others that ask something
/// of the device come between two of these.
pub async fn make_ready(state: &RefCell<State>, shader: &'static Shader) -> Result<(), MachineError> {
    let compiled = {
        let machine = &mut state.borrow_mut().machine;
        let scope = listen(machine);
        machine.make_pipeline(shader);
        heard(scope)
    };
    compiled.await.map_or(Ok(()), |reason| Err(MachineError::Failed { reason }))
}

/// Starts to listen for what the device says against shaders.
pub fn listen(machine: &PageMachine) -> wgpu::ErrorScopeGuard {
    machine.gpu.device.push_error_scope(wgpu::ErrorFilter::Validation)
}

/// What it said meanwhile.
pub fn heard(scope: wgpu::ErrorScopeGuard) -> impl Future<Output = Option<String>> {
    let error = scope.pop();
    async { error.await.map(|e| e.to_string()) }
}

/// Draws a grid of samples, and compares it with what the twin makes of it, texel by texel.
pub async fn test_drawing(state: &RefCell<State>) -> Result<Found, MachineError> {
    let grid = Grid { samples: 3, width: 7, height: 5, gap: 1 };
    let params = grid.params(3, 0, [-0.9, 0.8], [0.2, 0.4, 0.6, 1.0]);
    let words = random(1, 4 * grid.samples * grid.width * grid.height);
    let (gpu, source, buffer) = {
        let machine = &mut state.borrow_mut().machine;
        let buffer = machine.upload(&words)?;
        (machine.gpu.clone(), machine.buffer(buffer).clone(), buffer)
    };
    let painter = Painter::new(&gpu, Offscreen::FORMAT);
    let target = Offscreen::new(&gpu, grid.size());
    let painted = target.paint(&gpu, &painter, &Picture { source, params }).await;
    state.borrow_mut().machine.free(buffer);
    let floats = |texels: &[u8]| texels.iter().map(|&t| f32::from(t) / 255.0).collect::<Vec<f32>>();
    let twin = twin(&params, bytemuck::cast_slice(&words));
    let relative = relative_error(&floats(&painted?), &floats(&twin));
    Ok(Found { relative, tolerance: ONE_LEVEL, complaint: None })
}
