//! What the page runs on, and what that holds.

use js_sys::Array;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::device;
use super::engine::object;
use super::self_test::kernels;
use super::{Engine, error};
use crate::machine::Machine;
use crate::models::unet_2d::network::UNetError;
use crate::net::plan::Plan;

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
        for part in plan.work() {
            work.push(&object(&[
                ("kernel", part.kernel.into()),
                ("dispatches", (part.dispatches as u32).into()),
                ("gflop", (part.flops as f64 / 1e9).into()),
            ])?);
        }
        let [adapter_limits, device_limits] = device::limits(machine)?;
        object(&[
            ("version", env!("CARGO_PKG_VERSION").into()),
            ("adapter_limits", adapter_limits),
            ("device_limits", device_limits),
            ("kernels", kernels().into_iter().map(JsValue::from_str).collect::<Array>().into()),
            ("work", work.into()),
        ])
    }

    /// Bytes of the engine's buffers, now and at the most.
    pub fn memory(&self) -> Result<JsValue, JsValue> {
        let memory = device::memory(&self.state.borrow().machine);
        let [bytes, peak] = memory.map(|bytes| (bytes as f64).into());
        object(&[("bytes", bytes), ("peak_bytes", peak)])
    }
}
