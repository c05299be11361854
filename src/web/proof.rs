//! What the page runs on, and what that holds.

use serde::Serialize;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::engine::to_js;
use super::self_test::kernels;
use super::{Engine, error};
use crate::unet::network::UNetError;
use crate::unet::plan::Plan;

#[derive(Serialize)]
struct ProofFacts {
    version: &'static str,
    /// The adapter computes on the processor.
    software: bool,
    limits: Vec<Limit>,
    /// The names of the kernels that can be tested, by their numbers.
    kernels: Vec<&'static str>,
    /// What one pass of the network is made of.
    work: Vec<Work>,
}

#[derive(Serialize)]
struct Limit {
    name: &'static str,
    /// What the adapter could give, and what was asked of it.
    adapter: f64,
    device: f64,
}

#[derive(Serialize)]
struct Work {
    kernel: &'static str,
    dispatches: usize,
    gflop: f64,
}

/// Bytes of GPU buffers.
#[derive(Serialize)]
struct Memory {
    bytes: f64,
    peak_bytes: f64,
}

#[wasm_bindgen]
impl Engine {
    /// The device, and what the network asks of it.
    pub fn proof(&self) -> Result<JsValue, JsValue> {
        let mut state = self.state.borrow_mut();
        let (model, machine) = state.model_mut()?;
        let session = |e: UNetError| error::of_session(&e.into());
        let (height, width) = model.size();
        let graph = model.unet.graph(height, width).map_err(session)?;
        let plan = Plan::new(&graph, 1, u64::MAX).map_err(|e| error::of_machine(&e))?;
        let work = plan.work(&graph).into_iter().map(|work| Work {
            kernel: work.kernel,
            dispatches: work.dispatches,
            gflop: work.flops as f64 / 1e9,
        });
        let adapter = &machine.gpu.adapter;
        to_js(&ProofFacts {
            version: env!("CARGO_PKG_VERSION"),
            software: adapter.get_info().device_type == wgpu::DeviceType::Cpu,
            limits: limits(&adapter.limits(), &machine.gpu.device.limits()),
            kernels: kernels(),
            work: work.collect(),
        })
    }

    /// Bytes of GPU buffers, now and at the most.
    pub fn memory(&self) -> Result<JsValue, JsValue> {
        let counters = self.state.borrow().machine.counters;
        to_js(&Memory { bytes: counters.bytes as f64, peak_bytes: counters.peak_bytes as f64 })
    }
}

/// Those that decide which networks run.
fn limits(adapter: &wgpu::Limits, device: &wgpu::Limits) -> Vec<Limit> {
    let of = |limits: &wgpu::Limits| {
        [
            ("maxStorageBufferBindingSize", limits.max_storage_buffer_binding_size as f64),
            ("maxBufferSize", limits.max_buffer_size as f64),
            ("maxStorageBuffersPerShaderStage", f64::from(limits.max_storage_buffers_per_shader_stage)),
            ("maxComputeInvocationsPerWorkgroup", f64::from(limits.max_compute_invocations_per_workgroup)),
            ("maxComputeWorkgroupStorageSize", f64::from(limits.max_compute_workgroup_storage_size)),
        ]
    };
    let pairs = of(adapter).into_iter().zip(of(device));
    pairs.map(|((name, adapter), (_, device))| Limit { name, adapter, device }).collect()
}
