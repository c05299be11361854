//! A CPU machine that takes work at once and does it later, piece by piece, in its order: what a
//! graphics device's queue is to whoever must not be kept waiting.

use std::collections::VecDeque;

use super::CpuMachine;
use crate::kernels::{BufferId, Dispatch};
use crate::machine::{Class, Machine, MachineError, ProgramId};

/// The machine, and what it has yet to do.
#[derive(Default)]
pub struct CpuQueue {
    machine: CpuMachine,
    tasks: VecDeque<Task>,
}

enum Task {
    Write(BufferId, usize, Vec<u32>),
    Copy((BufferId, usize), (BufferId, usize), usize),
    /// A program at a row, from one of its dispatches on.
    Run(ProgramId, usize, usize),
    Rewrite(ProgramId, Vec<Dispatch>),
    Free(BufferId),
    Discard(ProgramId),
    Then(Box<dyn FnOnce(&CpuMachine)>),
}

impl CpuQueue {
    /// Has something done when all that was asked for before is.
    pub fn then(&mut self, work: impl FnOnce(&CpuMachine) + 'static) {
        self.tasks.push_back(Task::Then(Box::new(work)));
    }

    pub fn is_idle(&self) -> bool {
        self.tasks.is_empty()
    }

    pub fn machine(&self) -> &CpuMachine {
        &self.machine
    }

    /// Does the next piece: at most one dispatch.
    pub fn work(&mut self) {
        let machine = &mut self.machine;
        match self.tasks.pop_front() {
            None => {}
            Some(Task::Write(to, at, data)) => machine.write(to, at, &data),
            Some(Task::Copy(from, to, words)) => machine.copy(from, to, words),
            Some(Task::Run(program, row, next)) => {
                if next + 1 < machine.dispatches(program) {
                    self.tasks.push_front(Task::Run(program, row, next + 1));
                }
                machine.dispatch(program, row, next);
            }
            Some(Task::Rewrite(program, dispatches)) => machine.rewrite(program, dispatches),
            Some(Task::Free(buffer)) => machine.free(buffer),
            Some(Task::Discard(program)) => machine.discard(program),
            Some(Task::Then(work)) => work(machine),
        }
    }
}

impl Machine for CpuQueue {
    fn max_words(&self) -> u64 {
        self.machine.max_words()
    }

    fn class(&self) -> Class {
        self.machine.class()
    }

    /// At once: nobody else knows the buffer yet.
    fn allocate(&mut self, words: usize) -> Result<BufferId, MachineError> {
        self.machine.allocate(words)
    }

    fn free(&mut self, buffer: BufferId) {
        self.tasks.push_back(Task::Free(buffer));
    }

    fn write(&mut self, to: BufferId, at: usize, data: &[u32]) {
        self.tasks.push_back(Task::Write(to, at, data.to_vec()));
    }

    fn copy(&mut self, from: (BufferId, usize), to: (BufferId, usize), words: usize) {
        self.tasks.push_back(Task::Copy(from, to, words));
    }

    fn compile(&mut self, dispatches: Vec<Dispatch>) -> Result<ProgramId, MachineError> {
        self.machine.compile(dispatches)
    }

    fn rewrite(&mut self, program: ProgramId, dispatches: Vec<Dispatch>) {
        self.tasks.push_back(Task::Rewrite(program, dispatches));
    }

    fn discard(&mut self, program: ProgramId) {
        self.tasks.push_back(Task::Discard(program));
    }

    fn run(&mut self, program: ProgramId, row: usize) {
        self.tasks.push_back(Task::Run(program, row, 0));
    }

    fn submit(&mut self) {}

    fn health(&self) -> Result<(), MachineError> {
        self.machine.health()
    }

    /// Does all that is queued first.
    async fn read(&mut self, from: BufferId, at: usize, words: usize) -> Result<Vec<u32>, MachineError> {
        while !self.is_idle() {
            self.work();
        }
        self.machine.read(from, at, words).await
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;
    use crate::kernels::ALL;
    use crate::machine::run_case;

    #[test]
    fn what_is_queued_is_done_in_its_order() {
        for case in ALL.iter().flat_map(|kernel| (kernel.cases)()) {
            let got = pollster::block_on(run_case(&mut CpuQueue::default(), &case)).unwrap();
            case.compare(&got).unwrap();
        }
    }

    #[test]
    fn nothing_is_done_before_its_turn() {
        let mut queue = CpuQueue::default();
        let buffer = queue.allocate(1).unwrap();
        queue.write(buffer, 0, &[7]);
        let seen = Rc::new(Cell::new(None));
        let see = Rc::clone(&seen);
        queue.then(move |machine| see.set(Some(machine.words(buffer, 0, 1)[0])));
        queue.write(buffer, 0, &[8]);
        queue.work();
        assert_eq!(seen.get(), None);
        queue.work();
        assert_eq!(seen.get(), Some(7));
        assert!(!queue.is_idle());
    }

    #[test]
    fn a_freed_buffer_is_there_as_long_as_it_is_needed() {
        let mut queue = CpuQueue::default();
        let (one, other) = (queue.upload(&[5]).unwrap(), queue.allocate(1).unwrap());
        queue.copy((one, 0), (other, 0), 1);
        queue.free(one);
        let next = queue.allocate(1).unwrap();
        assert!(next != one && next != other);
        assert_eq!(pollster::block_on(queue.read(other, 0, 1)).unwrap(), [5]);
    }
}
