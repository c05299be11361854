//! How long this device takes: each kernel of the network, and the whole of it.
//!
//! Measured is from the end of one submission to the end of the next, as the queue reports them:
//! waiting for the report is in neither. Nothing is held between two stretches of work, so a run
//! may begin in any of them; what was measured beside it does not count.

use std::cell::Cell;

use futures_channel::oneshot;
use serde::Serialize;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::engine::to_js;
use super::steps::now;
use super::{Engine, error};
use crate::kernels::Dispatch;
use crate::machine::Machine;
use crate::unet::network::UNetError;

/// To encode more of them at once would keep the thread from its messages.
const MOST_DISPATCHES: usize = 4000;
/// A kernel that no clock sees run is given up.
const MOST_STRETCHES: usize = 64;
const BENCHMARK_MS: f64 = 3000.0;
const FEWEST_PASSES: usize = 5;

#[derive(Serialize)]
struct KernelTime {
    kernel: String,
    /// All dispatches of one pass with one sample.
    ms: f64,
}

#[derive(Serialize)]
struct Benchmark {
    batch: usize,
    passes: usize,
    passes_per_second: f64,
    /// Of a pass with the whole batch.
    median_ms: f64,
    p90_ms: f64,
    gflop_per_second: f64,
}

/// A piece of work, submitted at once.
struct Stretch {
    /// When each submission ended; the first is a start, for the rest to be measured from.
    ends: Vec<f64>,
    /// How many repetitions the next one may have.
    most: usize,
}

#[wasm_bindgen]
impl Engine {
    /// How coarse the reports of the queue are, in milliseconds: some browsers look only now and
    /// then.
    pub async fn clock_grain(&self) -> Result<f64, JsValue> {
        self.empty_submission().await?;
        let start = now();
        Ok(self.empty_submission().await? - start)
    }

    /// Times a kernel's dispatches of one pass. What it reads is what the kernels before it would
    /// have left only by chance; its time does not depend on that.
    pub async fn time_kernel(&self, kernel: String, grain: f64) -> Result<JsValue, JsValue> {
        let window = window(grain);
        let (mut spent, mut passes, mut next) = (0.0, 0, 1);
        for _ in 0..MOST_STRETCHES {
            let Stretch { ends, most } = self.stretch(1, Some(&kernel), 1, next).await?;
            spent += ends[1] - ends[0];
            passes += next;
            if spent >= window {
                break;
            }
            let left = (window - spent) * passes as f64 / spent.max(1e-3);
            next = (left as usize).clamp(1, (8 * next).min(most));
        }
        to_js(&KernelTime { kernel, ms: spent / passes as f64 })
    }

    /// Passes of the whole network, one after the other.
    pub async fn benchmark(&self, batch: usize, grain: f64) -> Result<JsValue, JsValue> {
        let window = window(grain);
        let Stretch { ends, most } = self.stretch(batch, None, 1, 1).await?;
        let mut mean = ends[1] - ends[0];
        let (mut spent, mut passes, mut samples) = (0.0, 0, Vec::new());
        while spent < BENCHMARK_MS.max(4.0 * window) || passes < FEWEST_PASSES {
            let count = ((window / mean) as usize).clamp(1, most);
            let Stretch { ends, .. } = self.stretch(batch, None, count, 1).await?;
            spent += ends[count] - ends[0];
            passes += count;
            mean = spent / passes as f64;
            // Passes that the clock cannot tell apart are one sample.
            let group = ((5.0 * grain / mean) as usize).clamp(1, count);
            let its = ends.iter().step_by(group).copied().collect::<Vec<f64>>();
            samples.extend(its.windows(2).map(|pair| (pair[1] - pair[0]) / group as f64));
        }
        samples.sort_unstable_by(f64::total_cmp);
        let rank = |share: f64| samples[((share * samples.len() as f64).ceil() as usize).max(1) - 1];
        let passes_per_second = 1000.0 / mean;
        to_js(&Benchmark {
            batch,
            passes,
            passes_per_second,
            median_ms: rank(0.5),
            p90_ms: rank(0.9),
            gflop_per_second: passes_per_second * batch as f64 * self.gflop()?,
        })
    }
}

impl Engine {
    /// Submits passes, or one kernel's part in them, each submission with so many repetitions.
    async fn stretch(
        &self,
        batch: usize,
        kernel: Option<&str>,
        submissions: usize,
        repetitions: usize,
    ) -> Result<Stretch, JsValue> {
        let (reports, most, mark) = {
            let mut state = self.state.borrow_mut();
            let mark = state.mark();
            let (model, machine) = state.model_mut()?;
            machine.health().map_err(|e| error::of_machine(&e))?;
            let session = |e: UNetError| error::of_session(&e.into());
            let (height, width) = model.size();
            let dispatches = Cell::new(0);
            let keep = |dispatch: &Dispatch| {
                let kept = kernel.is_none_or(|name| dispatch.kernel.shader.name == name);
                dispatches.set(dispatches.get() + usize::from(kept));
                kept
            };
            let instance = model.unet.partial_instance(machine, batch, height, width, &keep);
            let instance = instance.map_err(session)?;
            // All is encoded before the clock starts.
            let mut commands = vec![machine.commands(instance.program, 1)];
            commands.extend((0..submissions).map(|_| machine.commands(instance.program, repetitions)));
            let queue = &machine.gpu.queue;
            let submit = |commands| {
                queue.submit([commands]);
                report(queue)
            };
            let reports: Vec<_> = commands.into_iter().map(submit).collect();
            model.unet.release(machine, instance);
            (reports, (MOST_DISPATCHES / dispatches.get().max(1)).max(1), mark)
        };
        let mut ends = Vec::new();
        for end in reports {
            ends.push(ended(end).await?);
        }
        let state = self.state.borrow();
        state.machine.health().map_err(|e| error::of_machine(&e))?;
        if state.mark() != mark {
            return Err(error::error("Disturbed", "a run went on meanwhile"));
        }
        Ok(Stretch { ends, most })
    }

    async fn empty_submission(&self) -> Result<f64, JsValue> {
        let end = {
            let queue = &self.state.borrow().machine.gpu.queue;
            queue.submit([]);
            report(queue)
        };
        ended(end).await
    }

    /// Of one pass with one sample.
    fn gflop(&self) -> Result<f64, JsValue> {
        let mut state = self.state.borrow_mut();
        let (model, _) = state.model_mut()?;
        let (height, width) = model.size();
        let graph = model.unet.graph(height, width).map_err(|e| error::of_session(&e.into()))?;
        Ok(graph.flops() as f64 / 1e9)
    }
}

/// Milliseconds of work that such a clock measures to a tenth.
fn window(grain: f64) -> f64 {
    (10.0 * grain).clamp(300.0, 1000.0)
}

/// The time at which all that was submitted so far is done.
fn report(queue: &wgpu::Queue) -> oneshot::Receiver<f64> {
    let (done, end) = oneshot::channel();
    queue.on_submitted_work_done(move || {
        // The receiver is gone only if nobody waits any more.
        let _ = done.send(now());
    });
    end
}

async fn ended(end: oneshot::Receiver<f64>) -> Result<f64, JsValue> {
    end.await.map_err(|_| error::error("DeviceLost", "the graphics device did not answer"))
}
