//! The CPU machine: runs the kernels' fast forms, or their twins, one after the other.

pub mod queue;

pub use queue::CpuQueue;

use crate::kernels::case::run;
use crate::kernels::fast::Scratch;
use crate::kernels::{BufferId, Dispatch};
use crate::machine::{Class, Machine, MachineError, ProgramId, Table};

/// Bytes of buffers, now and at the most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    pub bytes: u64,
    pub peak_bytes: u64,
}

/// Buffers and programs in plain memory.
#[derive(Debug, Default)]
pub struct CpuMachine {
    buffers: Vec<Vec<u32>>,
    free: Vec<usize>,
    programs: Table<Vec<Dispatch>>,
    scratch: Scratch,
    buffer_bytes: u64,
    peak_bytes: u64,
}

impl CpuMachine {
    /// Words of a buffer.
    pub fn words(&self, of: BufferId, at: usize, words: usize) -> &[u32] {
        &self.buffers[of.0][at..at + words]
    }

    /// All of a buffer, as floats.
    pub fn floats(&self, of: BufferId) -> &[f32] {
        bytemuck::cast_slice(&self.buffers[of.0])
    }

    /// How many dispatches a program has.
    pub fn dispatches(&self, program: ProgramId) -> usize {
        self.programs.get(program.0).len()
    }

    /// Runs one dispatch of a program, if there is such a one.
    pub fn dispatch(&mut self, program: ProgramId, row: usize, place: usize) {
        let Self { buffers, programs, scratch, .. } = self;
        let Some(dispatch) = programs.get(program.0).get(place) else { return };
        let (kernel, params) = (dispatch.kernel, dispatch.params_at(row));
        scratch.begin(dispatch);
        run(dispatch, buffers, |reads, writes| match kernel.fast {
            Some(fast) => fast(params, reads, writes, scratch),
            None => (kernel.twin)(params, reads, writes),
        });
        self.note_peak();
    }

    /// What its buffers take, with the forms of the weights that are kept beside them.
    pub fn memory(&self) -> Memory {
        Memory { bytes: self.buffer_bytes + self.scratch.weights.bytes(), peak_bytes: self.peak_bytes }
    }

    fn note_peak(&mut self) {
        self.peak_bytes = self.peak_bytes.max(self.memory().bytes);
    }
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
        let bytes = 4 * words as u64;
        let mut buffer = Vec::new();
        buffer.try_reserve_exact(words).map_err(|_| MachineError::NoMemory { bytes })?;
        buffer.resize(words, 0);
        self.buffer_bytes += bytes;
        self.note_peak();
        let place = self.free.pop().unwrap_or_else(|| {
            self.buffers.push(Vec::new());
            self.buffers.len() - 1
        });
        self.buffers[place] = buffer;
        Ok(BufferId(place))
    }

    fn free(&mut self, buffer: BufferId) {
        self.scratch.weights.forget(buffer);
        let given_back = std::mem::take(&mut self.buffers[buffer.0]);
        self.buffer_bytes -= 4 * given_back.len() as u64;
        self.free.push(buffer.0);
    }

    fn write(&mut self, to: BufferId, at: usize, data: &[u32]) {
        self.scratch.weights.forget(to);
        self.buffers[to.0][at..at + data.len()].copy_from_slice(data);
    }

    fn copy(&mut self, from: (BufferId, usize), to: (BufferId, usize), words: usize) {
        let ((from, at), (to, place)) = (from, to);
        self.scratch.weights.forget(to);
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
        (0..self.dispatches(program)).for_each(|place| self.dispatch(program, row, place));
    }

    fn submit(&mut self) {}

    fn health(&self) -> Result<(), MachineError> {
        Ok(())
    }

    async fn read(&mut self, from: BufferId, at: usize, words: usize) -> Result<Vec<u32>, MachineError> {
        Ok(self.words(from, at, words).to_vec())
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use crate::kernels::ALL;
    use crate::machine::{Trial, run_case};

    #[test]
    fn every_fast_form_equals_its_twin() {
        for case in ALL.iter().flat_map(|kernel| (kernel.cases)()) {
            let got = pollster::block_on(run_case(&mut CpuMachine::default(), &case)).unwrap();
            case.compare(&got).unwrap();
        }
    }

    #[test]
    fn weights_that_change_are_not_those_that_were_kept() {
        use crate::kernels::{conv3x3, conv3x3_stride2, linear};
        const WEIGHT: usize = 1;
        for kernel in [&conv3x3::KERNEL, &conv3x3_stride2::KERNEL, &linear::KERNEL] {
            for mut case in (kernel.cases)() {
                let mut machine = CpuMachine::default();
                let trial = Trial::start(&mut machine, &case).unwrap();
                case.buffers[WEIGHT].reverse();
                machine.write(trial.buffers[WEIGHT].0, 0, &case.buffers[WEIGHT]);
                machine.run(trial.program, 0);
                let words = trial.buffers.iter().map(|(id, words)| machine.words(*id, 0, *words).to_vec());
                case.compare(&words.collect::<Vec<_>>()).unwrap();
                trial.release(&mut machine);
                assert_eq!(machine.memory().bytes, 0);
            }
        }
    }
}
