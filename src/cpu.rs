//! The CPU machine: runs the kernels' twins, one after the other.

use crate::kernels::case::run_twin;
use crate::kernels::{BufferId, Dispatch};
use crate::machine::{Machine, MachineError, ProgramId, Table};

/// Buffers and programs in plain memory.
#[derive(Debug, Default)]
pub struct CpuMachine {
    buffers: Vec<Vec<u32>>,
    free: Vec<usize>,
    programs: Table<Vec<Dispatch>>,
}

impl Machine for CpuMachine {
    fn max_words(&self) -> u64 {
        // Indices of kernels are u32.
        1 << 30
    }

    fn allocate(&mut self, words: usize) -> Result<BufferId, MachineError> {
        let place = self.free.pop().unwrap_or_else(|| {
            self.buffers.push(Vec::new());
            self.buffers.len() - 1
        });
        self.buffers[place] = vec![0; words];
        Ok(BufferId(place))
    }

    fn free(&mut self, buffer: BufferId) {
        self.buffers[buffer.0] = Vec::new();
        self.free.push(buffer.0);
    }

    fn write(&mut self, to: BufferId, at: usize, data: &[u32]) {
        self.buffers[to.0][at..at + data.len()].copy_from_slice(data);
    }

    fn copy(&mut self, from: (BufferId, usize), to: (BufferId, usize), words: usize) {
        let data = self.buffers[from.0.0][from.1..from.1 + words].to_vec();
        self.write(to.0, to.1, &data);
    }

    fn compile(&mut self, dispatches: Vec<Dispatch>) -> Result<ProgramId, MachineError> {
        Ok(ProgramId(self.programs.insert(dispatches)))
    }

    fn rewrite(&mut self, program: ProgramId, dispatches: Vec<Dispatch>) {
        *self.programs.get_mut(program.0) = dispatches;
    }

    fn discard(&mut self, program: ProgramId) {
        self.programs.remove(program.0);
    }

    fn run(&mut self, program: ProgramId, row: usize) {
        for dispatch in self.programs.get(program.0) {
            run_twin(dispatch, row, &mut self.buffers);
        }
    }

    fn submit(&mut self) {}

    fn health(&self) -> Result<(), MachineError> {
        Ok(())
    }

    async fn read(&mut self, from: BufferId, at: usize, words: usize) -> Result<Vec<u32>, MachineError> {
        Ok(self.buffers[from.0][at..at + words].to_vec())
    }
}
