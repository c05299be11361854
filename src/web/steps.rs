//! The engine's way through a run, step by step.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

use super::Engine;
use super::device;
use super::engine::{State, no_run};
use super::error;
use crate::machine::Machine;
use crate::session::Tree;
use crate::session::pace::Pace;

#[wasm_bindgen]
impl Engine {
    /// Submits the next step, or an adaptive method's next attempt, and returns how many steps are
    /// done.
    pub fn step(&self) -> Result<usize, JsValue> {
        let mut state = self.state.borrow_mut();
        state.machine.health().map_err(|e| error::of_machine(&e))?;
        let pace = Arc::clone(&state.pace);
        let (run, machine) = state.run_mut()?;
        if !run.is_done() && run.pending().is_none() {
            run.step(machine);
            lock(&pace).submitted(now());
            let completed = move || lock(&pace).completed(now());
            device::when_done(machine, completed);
        }
        state.steps_done()
    }

    /// Whether the run goes on only after [`Self::settle`].
    pub fn is_pending(&self) -> bool {
        self.state.borrow().tree().is_some_and(|tree| tree.run().pending().is_some())
    }

    /// Waits for the error of an adaptive method's attempt, judges it, and returns how many steps
    /// are done. The error of a run that was replaced meanwhile is nobody's.
    pub async fn settle(&self) -> Result<usize, JsValue> {
        let (epoch, errors) = {
            let mut state = self.state.borrow_mut();
            let epoch = state.epoch;
            let (run, machine) = state.run_mut()?;
            let Some((buffer, words)) = run.pending() else { return state.steps_done() };
            (epoch, machine.request(&[(buffer, 0)], words))
        };
        let errors = errors.await.map_err(|e| error::of_machine(&e))?;
        let mut state = self.state.borrow_mut();
        if state.epoch == epoch {
            state.epoch += 1;
            let (run, machine) = state.run_mut()?;
            run.settle(machine, &errors).map_err(|e| error::of_session(&e))?;
        }
        state.steps_done()
    }

    /// Passes of the network so far, on the current path.
    pub fn network_calls(&self) -> usize {
        self.state.borrow().tree().map_or(0, Tree::network_calls)
    }

    /// Milliseconds of work that is queued, estimated.
    pub fn in_flight_ms(&self) -> f64 {
        lock(&self.state.borrow().pace).in_flight_ms()
    }

    /// The mean of the steps so far; those of an adaptive method are of any number of attempts.
    pub fn ms_per_step(&self) -> f64 {
        let state = self.state.borrow();
        let adaptive = state.tree().map(Tree::run).filter(|run| run.plan.adaptive.is_some());
        let pace = lock(&state.pace);
        adaptive.map_or(pace.ms_per_step(), |run| pace.busy_ms() / run.steps_done().max(1) as f64)
    }
}

impl State {
    /// Of the current path.
    fn steps_done(&self) -> Result<usize, JsValue> {
        self.tree().map(Tree::steps_done).ok_or_else(no_run)
    }
}

fn lock(pace: &Mutex<Pace>) -> MutexGuard<'_, Pace> {
    pace.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Milliseconds of a clock that only goes forward.
pub(super) fn now() -> f64 {
    let performance = js_sys::Reflect::get(&js_sys::global(), &"performance".into());
    let clock = performance.and_then(|p| js_sys::Reflect::get(&p, &"now".into()).map(|now| (p, now)));
    let time = clock.and_then(|(p, now)| now.unchecked_into::<js_sys::Function>().call0(&p));
    time.ok().and_then(|t| t.as_f64()).unwrap_or_else(js_sys::Date::now)
}
