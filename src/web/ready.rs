//! Getting ready for a network before all of it is there: its pipelines one after the other, and its
//! weights as they arrive.

use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::engine::State;
use super::{Engine, device, error};
use crate::kernels::{ALL, Kernel, forward_noise, guidance, network_input, reverse_step};
use crate::machine::Machine;
use crate::models::unet_2d::arriving::Arriving;
use crate::models::unet_2d::build::build;
use crate::models::unet_2d::config::UNetConfig;
use crate::net::plan::Plan;

/// What is around the network.
static AROUND: [&Kernel; 4] =
    [&forward_noise::KERNEL, &guidance::KERNEL, &network_input::KERNEL, &reverse_step::KERNEL];

/// What the weights are called where something is wrong with them.
const WEIGHTS: &str = "unet/diffusion_pytorch_model.safetensors";

fn config_of(text: &str) -> Result<UNetConfig, JsValue> {
    UNetConfig::parse(text).map_err(|e| error::error("ModelInvalid", &e.to_string()))
}

#[wasm_bindgen]
impl Engine {
    /// The weights of a network are on their way, and its `config.json` is here. Returns the number
    /// that they are known by; those of any other are not expected any more. The model that is loaded
    /// stays.
    pub fn expect(&self, config: &str) -> Result<u32, JsValue> {
        let config = config_of(config)?;
        let mut state = self.state.borrow_mut();
        state.abandon();
        state.networks += 1;
        state.arriving = Some((state.networks, Arriving::new(config, WEIGHTS)));
        Ok(state.networks)
    }

    /// The next bytes of a network's weights; nobody's, if it is not expected any more.
    pub fn receive(&self, network: u32, bytes: &[u8]) -> Result<(), JsValue> {
        let State { machine, arriving, .. } = &mut *self.state.borrow_mut();
        match arriving {
            Some((expected, arriving)) if *expected == network => {
                arriving.receive(machine, bytes).map_err(|e| error::of_session(&e.into()))
            }
            _ => Ok(()),
        }
    }

    /// The kernels that runs of a network take on this device, by the text of its `config.json`.
    pub fn kernels(&self, config: &str) -> Result<Vec<String>, JsValue> {
        let config = config_of(config)?;
        let (height, width) = config.size();
        let graph = build(&config, height, width);
        let class = self.state.borrow().machine.class();
        let plan = Plan::new(&graph, 1, class, u64::MAX).map_err(|e| error::of_machine(&e))?;
        let network = plan.work().into_iter().map(|work| work.kernel);
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
