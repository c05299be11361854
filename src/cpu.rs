//! The CPU machine: runs the kernels' fast forms, or their twins, one after the other.

use crate::kernels::case::run;
use crate::kernels::fast::Scratch;
use crate::kernels::{BufferId, Dispatch};
use crate::machine::{Class, Machine, MachineError, ProgramId, Table};

/// Buffers and programs in plain memory.
#[derive(Debug, Default)]
pub struct CpuMachine {
    buffers: Vec<Vec<u32>>,
    free: Vec<usize>,
    programs: Table<Vec<Dispatch>>,
    scratch: Scratch,
}

impl Machine for CpuMachine {
    fn max_words(&self) -> u64 {
        // Indices of kernels are u32.
        1 << 30
    }

    fn class(&self) -> Class {
        Class::Cpu
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
        let ((from, at), (to, place)) = (from, to);
        if from == to {
            return self.buffers[to.0].copy_within(at..at + words, place);
        }
        // Lifted out, so that the source can be borrowed.
        let mut target = std::mem::take(&mut self.buffers[to.0]);
        target[place..place + words].copy_from_slice(&self.buffers[from.0][at..at + words]);
        self.buffers[to.0] = target;
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
        let Self { buffers, programs, scratch, .. } = self;
        for dispatch in programs.get(program.0) {
            let (kernel, params) = (dispatch.kernel, dispatch.params_at(row));
            run(dispatch, buffers, |reads, writes| match kernel.fast {
                Some(fast) => fast(params, reads, writes, scratch),
                None => (kernel.twin)(params, reads, writes),
            });
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

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use crate::kernels::ALL;
    use crate::machine::run_case;

    #[test]
    fn every_fast_form_equals_its_twin() {
        for case in ALL.iter().flat_map(|kernel| (kernel.cases)()) {
            let got = pollster::block_on(run_case(&mut CpuMachine::default(), &case)).unwrap();
            case.compare(&got).unwrap();
        }
    }
}
