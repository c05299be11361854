//! A run whose steps are as long as their error allows.
//!
//! An attempt's rows are written into the run's table, its error is read back, and then it is
//! accepted or tried again: the one kind of run that waits for a number from the device.

use crate::diffusion::adaptive::{AdaptiveError, Controller, Verdict};
use crate::diffusion::row::Row;
use crate::diffusion::samplers::Adaptive;

/// Where an adaptive run is.
#[derive(Debug)]
pub(super) struct Pilot {
    adaptive: Adaptive,
    controller: Controller,
    begun: bool,
    waiting: bool,
}

/// The table's rows: those that begin the run, those of an attempt, and the one that accepts it.
pub(super) struct Table {
    pub rows: Vec<Row>,
    /// How many of them begin the run.
    pub beginning: usize,
}

impl Table {
    pub fn accepting(&self) -> usize {
        self.rows.len() - 1
    }
}

impl Pilot {
    pub fn new(adaptive: Adaptive) -> Self {
        let controller = Controller::new(adaptive.times.clone(), adaptive.tolerance);
        Self { adaptive, controller, begun: false, waiting: false }
    }

    pub fn is_done(&self) -> bool {
        self.controller.is_done()
    }

    /// Whether an attempt's error is yet to be judged.
    pub fn is_waiting(&self) -> bool {
        self.waiting
    }

    /// The table of the next attempt.
    pub fn table(&self) -> Table {
        let attempt = self.controller.attempt();
        let beginning = self.adaptive.begin();
        let count = beginning.len();
        let rows = [beginning, self.adaptive.attempt(attempt), vec![self.adaptive.accept(attempt.step)]];
        Table { rows: rows.concat(), beginning: count }
    }

    /// The rows of the table that make the next attempt, which then waits to be judged.
    pub fn set_out(&mut self, table: &Table) -> std::ops::Range<usize> {
        let first = if self.begun { table.beginning } else { 0 };
        self.begun = true;
        self.waiting = true;
        first..table.accepting()
    }

    /// Takes the samples' errors; the worst counts.
    pub fn judge(&mut self, errors: &[f32]) -> Result<Verdict, AdaptiveError> {
        self.waiting = false;
        let worse = |worst: f32, error: &f32| if *error > worst || error.is_nan() { *error } else { worst };
        self.controller.judge(errors.iter().fold(0.0, worse))
    }
}
