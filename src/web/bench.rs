//! What the benchmark of `bench/` asks beyond `stretch`: this device's roof, and what encoding costs.

use futures_channel::oneshot;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::steps::now;
use super::{Engine, error};
use crate::kernels::roof_fma::{self, Params};
use crate::machine::Machine;
use crate::models::unet_2d::network::UNetError;

/// About 3 GFLOP.
const ROOF: Params = roof_fma::roof_params(1 << 16, 96);

#[wasm_bindgen]
impl Engine {
    /// Floating-point operations of one submission of `roof`.
    pub fn roof_flops(&self) -> f64 {
        roof_fma::flops(&ROOF) as f64
    }

    /// Submits multiply-adds in registers, one submission for a start and then so many. Returns
    /// when each ended, in milliseconds.
    pub async fn roof(&self, submissions: usize) -> Result<Vec<f64>, JsValue> {
        let ends: Vec<_> = {
            let machine = &mut self.state.borrow_mut().machine;
            let y = machine.allocate(4 * ROOF.threads as usize).map_err(|e| error::of_machine(&e))?;
            let program = machine.compile(vec![roof_fma::dispatch(&ROOF, y)]);
            let program = program.map_err(|e| error::of_machine(&e))?;
            let submit = |_| {
                let commands = machine.commands(program, 1);
                machine.gpu.queue.submit([commands]);
                let (done, end) = oneshot::channel();
                // The receiver is gone only if nobody waits any more.
                machine.gpu.queue.on_submitted_work_done(move || {
                    let _ = done.send(now());
                });
                end
            };
            let ends = (0..=submissions).map(submit).collect();
            machine.discard(program);
            machine.free(y);
            ends
        };
        let mut times = Vec::new();
        for end in ends {
            times.push(end.await.unwrap_or(f64::NAN));
        }
        Ok(times)
    }

    /// Milliseconds of this thread's time to encode and submit a pass, the mean of some; they are
    /// submitted one by one, as a run submits them.
    pub fn encode(&self, batch: usize, passes: usize) -> Result<f64, JsValue> {
        let mut state = self.state.borrow_mut();
        let (model, machine) = state.model_mut()?;
        let (height, width) = model.size();
        let instance = model.unet.instance(machine, batch, height, width);
        let instance = instance.map_err(|e: UNetError| error::of_session(&e.into()))?;
        let start = now();
        for _ in 0..passes {
            machine.run(instance.program, 0);
            machine.submit();
        }
        let mean = (now() - start) / passes as f64;
        model.unet.release(machine, instance);
        Ok(mean)
    }
}
