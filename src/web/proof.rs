//! What the page runs on, and what that holds.

use js_sys::Array;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::engine::object;
use super::self_test::kernels;
use super::{Engine, error};
use crate::machine::Machine;
use crate::unet::network::UNetError;
use crate::unet::plan::Plan;

#[wasm_bindgen]
impl Engine {
    /// The device, and what the network asks of it.
    pub fn proof(&self) -> Result<JsValue, JsValue> {
        let mut state = self.state.borrow_mut();
        let (model, machine) = state.model_mut()?;
        let (height, width) = model.size();
        let graph = model.unet.graph(height, width);
        let graph = graph.map_err(|e: UNetError| error::of_session(&e.into()))?;
        let plan = Plan::new(&graph, 1, machine.class(), u64::MAX).map_err(|e| error::of_machine(&e))?;
        let work = Array::new();
        for part in plan.work(&graph) {
            work.push(&object(&[
                ("kernel", part.kernel.into()),
                ("dispatches", (part.dispatches as u32).into()),
                ("gflop", (part.flops as f64 / 1e9).into()),
            ])?);
        }
        let adapter = &machine.gpu.adapter;
        object(&[
            ("version", env!("CARGO_PKG_VERSION").into()),
            ("software", (adapter.get_info().device_type == wgpu::DeviceType::Cpu).into()),
            ("adapter_limits", limits(&adapter.limits())?),
            ("device_limits", limits(&machine.gpu.device.limits())?),
            ("kernels", kernels().into_iter().map(JsValue::from_str).collect::<Array>().into()),
            ("work", work.into()),
        ])
    }

    /// Bytes of GPU buffers, now and at the most.
    pub fn memory(&self) -> Result<JsValue, JsValue> {
        let counters = self.state.borrow().machine.counters;
        let [bytes, peak] = [counters.bytes, counters.peak_bytes].map(|bytes| (bytes as f64).into());
        object(&[("bytes", bytes), ("peak_bytes", peak)])
    }
}

/// Those that decide which networks run, by WebGPU's names.
fn limits(of: &wgpu::Limits) -> Result<JsValue, JsValue> {
    object(&[
        ("maxStorageBufferBindingSize", (of.max_storage_buffer_binding_size as f64).into()),
        ("maxBufferSize", (of.max_buffer_size as f64).into()),
        ("maxStorageBuffersPerShaderStage", of.max_storage_buffers_per_shader_stage.into()),
        ("maxComputeInvocationsPerWorkgroup", of.max_compute_invocations_per_workgroup.into()),
        ("maxComputeWorkgroupStorageSize", of.max_compute_workgroup_storage_size.into()),
    ])
}
