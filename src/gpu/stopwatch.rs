//! What the device's own clock says of dispatches.

use super::GpuMachine;
use super::machine::Step;
use crate::machine::{Machine, MachineError, ProgramId};

/// A query before and one after each dispatch, as many dispatches as one set holds.
const AT_ONCE: usize = wgpu::QUERY_SET_MAX_QUERIES as usize / 2;

impl GpuMachine {
    /// Whether the device has a clock that dispatches can be timed by.
    pub(super) fn has_clock(&self) -> bool {
        self.gpu.device.features().contains(wgpu::Features::TIMESTAMP_QUERY)
    }

    /// Runs a program's first row once, every dispatch a pass of its own between two timestamps. Returns
    /// the seconds of each; copies into images, which lie between passes, are not among them.
    pub(super) async fn time_steps(&mut self, program: ProgramId) -> Result<Vec<f64>, MachineError> {
        let mut seconds = Vec::new();
        for from in (0..self.steps(program).len()).step_by(AT_ONCE) {
            seconds.extend(self.time_some(program, from).await?);
        }
        Ok(seconds)
    }

    async fn time_some(&mut self, program: ProgramId, from: usize) -> Result<Vec<f64>, MachineError> {
        self.submit();
        let count = (self.steps(program).len() - from).min(AT_ONCE);
        let queries = 2 * count as u32;
        let bytes = u64::from(queries) * u64::from(wgpu::QUERY_SIZE);
        let usage = wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC;
        let resolved = self.create_buffer("timestamps", bytes, usage);
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let staging = self.create_buffer("timestamps read back", bytes, usage);
        let set = self.gpu.device.create_query_set(&wgpu::QuerySetDescriptor {
            label: Some("timestamps"),
            ty: wgpu::QueryType::Timestamp,
            count: queries,
        });
        let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
        for (step, at) in self.steps(program)[from..from + count].iter().zip(0..) {
            self.record_between(&mut encoder, step, &set, 2 * at);
        }
        encoder.resolve_query_set(&set, 0..queries, &resolved, 0);
        encoder.copy_buffer_to_buffer(&resolved, 0, &staging, 0, bytes);
        self.gpu.queue.submit([encoder.finish()]);
        let ticks: Vec<u64> =
            self.gpu.map(&staging).await?.chunks_exact(8).map(bytemuck::pod_read_unaligned).collect();
        let period = 1e-9 * f64::from(self.gpu.queue.get_timestamp_period());
        Ok(ticks.chunks_exact(2).map(|pair| period * pair[1].saturating_sub(pair[0]) as f64).collect())
    }

    fn record_between(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        step: &Step,
        set: &wgpu::QuerySet,
        query: u32,
    ) {
        self.catch_up(encoder, step);
        let writes = wgpu::ComputePassTimestampWrites {
            query_set: set,
            beginning_of_pass_write_index: Some(query),
            end_of_pass_write_index: Some(query + 1),
        };
        let described = wgpu::ComputePassDescriptor { label: None, timestamp_writes: Some(writes) };
        step.record(&mut encoder.begin_compute_pass(&described), 0);
        self.changed(&step.written);
    }
}
