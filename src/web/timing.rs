//! How long this device takes: a stretch of work at a time, of one kernel or of whole passes.
//!
//! The queue tells when each submission has ended, so that what is between two ends has nothing of
//! the wait for the answer in it. Nothing is held between two stretches, so a run may begin in any
//! of them; what was measured beside it does not count.

use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::{Engine, device, error};
use crate::kernels::Dispatch;
use crate::machine::Machine;
use crate::models::unet_2d::network::UNetError;

#[wasm_bindgen]
impl Engine {
    /// Submits passes of the network, or one kernel's part in them: one pass for a start, then so
    /// many submissions of so many repetitions. Returns when each ended, the start first, in
    /// milliseconds.
    pub async fn stretch(
        &self,
        batch: usize,
        kernel: Option<String>,
        submissions: usize,
        repetitions: usize,
    ) -> Result<Vec<f64>, JsValue> {
        let (ends, mark) = {
            let mut state = self.state.borrow_mut();
            let mark = state.mark();
            let (model, machine) = state.model_mut()?;
            machine.health().map_err(|e| error::of_machine(&e))?;
            let (height, width) = model.size();
            let keep = |_, d: &Dispatch| kernel.as_ref().is_none_or(|name| d.kernel.shader.name == name);
            let instance = model.unet.partial_instance(machine, batch, height, width, &keep);
            let instance = instance.map_err(|e: UNetError| error::of_session(&e.into()))?;
            let mut stretches = vec![repetitions; submissions + 1];
            stretches[0] = 1;
            let ends = device::time(machine, instance.program, &stretches);
            model.unet.release(machine, instance);
            (ends, mark)
        };
        let mut times = Vec::new();
        for end in ends {
            times.push(end.await.unwrap_or(f64::NAN));
        }
        let state = self.state.borrow();
        state.machine.health().map_err(|e| error::of_machine(&e))?;
        if state.mark() == mark {
            Ok(times)
        } else {
            Err(error::error("Disturbed", "a run went on meanwhile"))
        }
    }
}
