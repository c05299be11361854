//! What the page's engine runs on: the processor, for those without a graphics device.
//!
//! All that is asked of it is queued and done in pieces of a few milliseconds, between which the
//! thread hears its messages.

mod screen;
mod turns;

use std::cell::RefCell;
use std::rc::Rc;

use futures_channel::oneshot;
use wasm_bindgen::JsValue;

use super::engine;
use super::facts::DeviceFacts;
use super::self_test::Found;
use super::steps::now;
use crate::cpu::{CpuMachine, CpuQueue};
use crate::kernels::shaders::Shader;
use crate::kernels::{BufferId, Dispatch};
use crate::machine::{Class, Machine, MachineError, ProgramId};
pub use screen::Screen;
use turns::Turns;

/// How long it works before others have their turn.
const PIECE_MS: f64 = 8.0;

/// Pictures are drawn by the twin itself, which proves nothing.
pub const DRAWING: &[&str] = &[];

/// There is nothing to find.
pub struct Device;

impl Device {
    pub async fn open() -> Result<(Self, PageMachine), MachineError> {
        Ok((Self, PageMachine::default()))
    }

    pub fn facts(&self) -> DeviceFacts {
        DeviceFacts {
            adapter: String::new(),
            vendor: String::new(),
            architecture: String::new(),
            backend: "CPU",
            presents: "copy",
            software: true,
        }
    }
}

/// A queue, and whether somebody works on it.
#[derive(Clone, Default)]
pub struct PageMachine(Rc<RefCell<State>>);

#[derive(Default)]
struct State {
    queue: CpuQueue,
    busy: bool,
}

impl PageMachine {
    /// Asks something of the queue, and sees to it that it is done.
    fn ask<T>(&self, ask: impl FnOnce(&mut CpuQueue) -> T) -> T {
        let mut state = self.0.borrow_mut();
        let answer = ask(&mut state.queue);
        if !state.busy && !state.queue.is_idle() {
            state.busy = true;
            wasm_bindgen_futures::spawn_local(work(self.clone()));
        }
        answer
    }

    fn then(&self, work: impl FnOnce(&CpuMachine) + 'static) {
        self.ask(|queue| queue.then(work));
    }

    /// A copy of as many words at each of some places, when the queue has come that far.
    pub fn request(
        &mut self,
        places: &[(BufferId, usize)],
        words: usize,
    ) -> impl Future<Output = Result<Vec<u32>, MachineError>> + use<> {
        let (done, all) = oneshot::channel();
        let places = places.to_vec();
        self.then(move |machine| {
            let words = places.iter().flat_map(|(from, at)| machine.words(*from, *at, words));
            // The receiver is gone only if nobody waits any more.
            let _ = done.send(words.copied().collect());
        });
        async { all.await.map_err(|_| MachineError::Lost { reason: "its queue is gone".into() }) }
    }
}

/// Works until there is nothing left.
async fn work(machine: PageMachine) {
    let turns = Turns::new();
    loop {
        turns.next().await;
        let mut state = machine.0.borrow_mut();
        let end = now() + PIECE_MS;
        while !state.queue.is_idle() && now() < end {
            state.queue.work();
        }
        if state.queue.is_idle() {
            state.busy = false;
            return;
        }
    }
}

impl Machine for PageMachine {
    fn max_words(&self) -> u64 {
        self.ask(|queue| queue.max_words())
    }

    fn class(&self) -> Class {
        Class::Cpu
    }

    fn allocate(&mut self, words: usize) -> Result<BufferId, MachineError> {
        self.ask(|queue| queue.allocate(words))
    }

    fn free(&mut self, buffer: BufferId) {
        self.ask(|queue| queue.free(buffer));
    }

    fn write(&mut self, to: BufferId, at: usize, data: &[u32]) {
        self.ask(|queue| queue.write(to, at, data));
    }

    fn copy(&mut self, from: (BufferId, usize), to: (BufferId, usize), words: usize) {
        self.ask(|queue| queue.copy(from, to, words));
    }

    fn compile(&mut self, dispatches: Vec<Dispatch>) -> Result<ProgramId, MachineError> {
        self.ask(|queue| queue.compile(dispatches))
    }

    fn rewrite(&mut self, program: ProgramId, dispatches: Vec<Dispatch>) {
        self.ask(|queue| queue.rewrite(program, dispatches));
    }

    fn discard(&mut self, program: ProgramId) {
        self.ask(|queue| queue.discard(program));
    }

    fn run(&mut self, program: ProgramId, row: usize) {
        self.ask(|queue| queue.run(program, row));
    }

    fn submit(&mut self) {}

    fn health(&self) -> Result<(), MachineError> {
        Ok(())
    }

    async fn read(&mut self, from: BufferId, at: usize, words: usize) -> Result<Vec<u32>, MachineError> {
        self.request(&[(from, at)], words).await
    }
}

/// A processor is never lost.
pub fn lost(_: &PageMachine) -> impl Future<Output = ()> + use<> {
    std::future::pending()
}

/// Has something done when all that was submitted is.
pub fn when_done(machine: &mut PageMachine, work: impl FnOnce() + 'static) {
    machine.then(|_| work());
}

/// Runs a program's first row so many times, and again; says when each of these ended.
pub fn time(
    machine: &mut PageMachine,
    program: ProgramId,
    repetitions: &[usize],
) -> Vec<oneshot::Receiver<f64>> {
    let submit = |times: &usize| {
        (0..*times).for_each(|_| machine.run(program, 0));
        let (done, end) = oneshot::channel();
        // The receiver is gone only if nobody waits any more.
        machine.then(|_| {
            let _ = done.send(now());
        });
        end
    };
    repetitions.iter().map(submit).collect()
}

/// Bytes of buffers, now and at the most.
pub fn memory(machine: &PageMachine) -> [u64; 2] {
    let memory = machine.ask(|queue| queue.machine().memory());
    [memory.bytes, memory.peak_bytes]
}

/// Nothing but memory sets any.
pub fn limits(_: &PageMachine) -> Result<[JsValue; 2], JsValue> {
    Ok([js_sys::Object::new().into(), js_sys::Object::new().into()])
}

/// There is none of these kernels.
pub async fn test_drawing(_: &RefCell<engine::State>) -> Result<Found, MachineError> {
    Err(MachineError::Failed { reason: "there is no such kernel".into() })
}

/// Nothing has to be compiled.
pub async fn make_ready(_: &RefCell<engine::State>, _: &Shader) -> Result<(), MachineError> {
    Ok(())
}

/// There are no shaders to say anything against.
pub struct Silence;

pub fn listen(_: &PageMachine) -> Silence {
    Silence
}

pub fn heard(_: Silence) -> impl Future<Output = Option<String>> {
    std::future::ready(None)
}
