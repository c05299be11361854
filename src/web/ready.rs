//! Getting ready for a network before its weights are there: its pipelines, one after the other.

use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::{Engine, device, error};
use crate::kernels::{ALL, Kernel, forward_noise, guidance, network_input, reverse_step};
use crate::machine::Machine;
use crate::unet::build::build;
use crate::unet::config::UNetConfig;
use crate::unet::plan::Plan;

/// What is around the network.
static AROUND: [&Kernel; 4] =
    [&forward_noise::KERNEL, &guidance::KERNEL, &network_input::KERNEL, &reverse_step::KERNEL];

#[wasm_bindgen]
impl Engine {
    /// The kernels that runs of a network take on this device, by the text of its `config.json`.
    pub fn kernels(&self, config: &str) -> Result<Vec<String>, JsValue> {
        let config = UNetConfig::parse(config).map_err(|e| error::error("ModelInvalid", &e.to_string()))?;
        let (height, width) = config.size();
        let graph = build(&config, height, width);
        let class = self.state.borrow().machine.class();
        let plan = Plan::new(&graph, 1, class, u64::MAX).map_err(|e| error::of_machine(&e))?;
        let network = plan.work(&graph).into_iter().map(|work| work.kernel);
        Ok(network.chain(AROUND.iter().map(|kernel| kernel.shader.name)).map(String::from).collect())
    }

    /// Makes a kernel's pipeline, if there is none yet, and waits until the device has it.
    pub async fn make_ready(&self, kernel: String) -> Result<(), JsValue> {
        let known = ALL.iter().find(|known| known.shader.name == kernel);
        let unknown = || error::error("NoKernel", &format!("there is no kernel called {kernel}"));
        device::make_ready(&self.state, known.ok_or_else(unknown)?.shader)
            .await
            .map_err(|e| error::of_machine(&e))
    }
}
