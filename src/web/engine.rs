//! The engine that the page's worker holds, or the page itself where only that has WebGPU.

use std::cell::RefCell;
use std::sync::{Arc, Mutex};

use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::OffscreenCanvas;

use super::device::{self, Device, PageMachine, Screen};
use super::error;
use super::facts::model_facts;
use super::fetched::Fetched;
use super::forward::Forward;
use super::moment::lens_of;
use crate::diffusion::schedule::LARGEST_TERMINAL_SNR;
use crate::kernels::BufferId;
use crate::kernels::present::{Grid, Params};
use crate::models::folder::{FolderError, ModelFolder};
use crate::models::unet_2d::arriving::Arriving;
use crate::net::pixels::to_nchw;
use crate::session::pace::Pace;
use crate::session::{Lens, Model, Race, Run, Tree};

/// Texels between the samples of a batch.
const GAP: u32 = 1;

/// Everything lives behind a cell: an answer that is waited for must not lock
/// out the messages that come meanwhile.
#[wasm_bindgen]
pub struct Engine {
    pub(super) state: RefCell<State>,
    device: Device,
}

pub(super) struct State {
    pub machine: PageMachine,
    pub loaded: Option<Loaded>,
    /// The next model's network, as far as it has come, and its number.
    pub arriving: Option<(u32, Arriving)>,
    pub networks: u32,
    /// The page's canvases, by name.
    screens: Vec<(String, Screen)>,
    pub pace: Arc<Mutex<Pace>>,
    /// Counts the runs, and the errors of adaptive steps that were judged: an answer belongs to
    /// what was there when it was asked for.
    pub epoch: u64,
}

pub(super) struct Loaded {
    pub model: Model,
    pub forward: Forward,
    pub tree: Option<Tree>,
    pub race: Option<Race>,
}

/// What may be drawn on: the lenses of a moment, and the forward process.
const SURFACES: [&str; 5] = ["x_t", "x0_hat", "eps_hat", "delta", "forward"];

#[wasm_bindgen]
impl Engine {
    /// Finds a device.
    pub async fn create() -> Result<Engine, JsValue> {
        let (device, machine) = Device::open().await.map_err(|e| error::of_machine(&e))?;
        let state = State {
            machine,
            loaded: None,
            arriving: None,
            networks: 0,
            screens: Vec::new(),
            pace: Arc::default(),
            epoch: 0,
        };
        Ok(Engine { state: RefCell::new(state), device })
    }

    pub fn device(&self) -> Result<JsValue, JsValue> {
        to_js(&self.device.facts())
    }

    /// Waits until the device is gone; a new engine can then take over the canvases.
    pub async fn lost(&self) {
        let lost = device::lost(&self.state.borrow().machine);
        lost.await;
    }

    /// Loads a model from its files, by their paths in the model's folder; its weights may have been
    /// received, as those of a `network`.
    pub fn load(&self, files: js_sys::Map, network: Option<u32>) -> Result<JsValue, JsValue> {
        let files = Fetched(files);
        let invalid = |e: FolderError| error::of_session(&e.into());
        let folder = ModelFolder::open(&files).map_err(invalid)?;
        let mut state = self.state.borrow_mut();
        let arriving = match state.arriving.take_if(|(number, _)| Some(*number) == network) {
            Some((_, arriving)) => arriving,
            None => Arriving::whole(folder.config.clone(), folder.weights(&files).map_err(invalid)?),
        };
        state.abandon();
        state.unload();
        let model = Model::finish(&mut state.machine, folder, arriving);
        let model = model.map_err(|e| error::of_session(&e))?;
        let facts = model_facts(&model).map_err(|e| error::of_session(&e))?;
        let forward = Forward::new(&mut state.machine, &model).map_err(|e| error::of_session(&e))?;
        let loaded = Loaded { model, forward, tree: None, race: None };
        let State { machine, screens, .. } = &mut *state;
        if let Some((_, screen)) = screens.iter_mut().find(|(surface, _)| surface == "forward") {
            screen.resize(machine, loaded.grid(1));
        }
        state.loaded = Some(loaded);
        to_js(&facts)
    }

    /// Takes a canvas over.
    pub fn attach(&self, surface: &str, canvas: OffscreenCanvas) -> Result<(), JsValue> {
        if !SURFACES.contains(&surface) {
            return Err(error::error("NoCanvas", &format!("there is no surface called {surface}")));
        }
        let mut state = self.state.borrow_mut();
        let mut screen = Screen::new(&self.device, &state.machine, canvas)?;
        if let (Some(loaded), "forward") = (&state.loaded, surface) {
            screen.resize(&state.machine, loaded.grid(1));
        }
        state.screens.retain(|(name, _)| name != surface);
        state.screens.push((surface.into(), screen));
        Ok(())
    }

    /// A kept image's values `[N, C, H, W]` as they are drawn, read back. Before a fan's fork all N are
    /// the one sample that it leaves.
    pub async fn frame_pixels(&self, surface: String, frame: usize) -> Result<Vec<f32>, JsValue> {
        let (words, divisor, times, channels, pixels) = {
            let mut state = self.state.borrow_mut();
            let state = &mut *state;
            let loaded = state.loaded.as_ref().ok_or_else(no_run)?;
            let (height, width) = loaded.model.size();
            let (at, words, divisor, times) = if surface == "forward" {
                (Some((loaded.forward.x_t, 0)), loaded.forward.words(), 1.0, 1)
            } else {
                let tree = loaded.tree.as_ref().ok_or_else(no_run)?;
                let moment = tree.moment(frame);
                let lens = lens_of(&surface);
                let divisor = if lens == Lens::Sample { moment.deviation() } else { 1.0 };
                let at = moment.image(lens).map(|(buffer, at, _)| (buffer, at));
                let (words, times) = match moment.sample {
                    Some(_) => (moment.run.shape.sample_floats(), tree.run().shape.batch as usize),
                    None => (moment.run.shape.register_floats(), 1),
                };
                (at, words as usize, divisor, times)
            };
            let (buffer, at) = at.ok_or_else(no_run)?;
            let words = state.machine.request(&[(buffer, at)], words);
            (words, divisor, times, loaded.model.channels(), height * width)
        };
        let words = words.await.map_err(|e| error::of_machine(&e))?;
        let values: Vec<f32> =
            to_nchw(&words, channels, pixels).iter().map(|value| value / divisor).collect();
        Ok(values.repeat(times))
    }

    /// ᾱ_t of every training timestep, and ᾱ/(1 − ᾱ) of the last.
    pub fn schedule(&self) -> Result<JsValue, JsValue> {
        let mut state = self.state.borrow_mut();
        let schedule = &state.forward()?.0.schedule;
        let alphas = js_sys::Float32Array::from(schedule.alphas_cumprod.as_slice());
        object(&[
            ("alphas_cumprod", alphas.into()),
            ("terminal_snr", schedule.terminal_snr().into()),
            ("largest_terminal_snr", LARGEST_TERMINAL_SNR.into()),
        ])
    }
}

impl State {
    pub fn tree(&self) -> Option<&Tree> {
        self.loaded.as_ref()?.tree.as_ref()
    }

    /// The current run, and what it runs on.
    pub fn run_mut(&mut self) -> Result<(&mut Run, &mut PageMachine), JsValue> {
        let tree = self.loaded.as_mut().and_then(|loaded| loaded.tree.as_mut()).ok_or_else(no_run)?;
        Ok((tree.run_mut(), &mut self.machine))
    }

    /// The forward process, the model, and what they are on.
    pub fn forward(&mut self) -> Result<(&mut Forward, &Model, &mut PageMachine), JsValue> {
        let loaded = self.loaded.as_mut().ok_or_else(no_run)?;
        Ok((&mut loaded.forward, &loaded.model, &mut self.machine))
    }

    pub fn draw_forward(&self, x_t: BufferId) {
        self.draw_image("forward", (x_t, 0));
    }

    /// Moves on with every run and each of its steps.
    pub fn mark(&self) -> (u64, usize) {
        (self.epoch, self.tree().map_or(0, Tree::steps_done))
    }

    /// The model, and what it runs on.
    pub fn model_mut(&mut self) -> Result<(&Model, &mut PageMachine), JsValue> {
        let loaded = self.loaded.as_ref().ok_or_else(no_run)?;
        Ok((&loaded.model, &mut self.machine))
    }

    /// Another run or branch: what is waited for belongs to none any more, and what was to be drawn
    /// may be gone.
    pub fn turn(&mut self) {
        self.epoch += 1;
        let lenses = self.screens.iter().filter(|(surface, _)| *surface != "forward");
        lenses.for_each(|(_, screen)| screen.forget());
    }

    /// What has come of a network is not needed.
    pub fn abandon(&mut self) {
        if let Some((_, arriving)) = self.arriving.take() {
            arriving.abandon(&mut self.machine);
        }
    }

    fn unload(&mut self) {
        self.turn();
        self.end_race();
        let Some(loaded) = self.loaded.take() else { return };
        if let Some(tree) = loaded.tree {
            tree.release(&mut self.machine, &loaded.model);
        }
        self.screens.iter().for_each(|(_, screen)| screen.forget());
        loaded.forward.release(&mut self.machine, &loaded.model);
        loaded.model.release(&mut self.machine);
    }

    /// Draws one image that lies `at` a buffer's word.
    pub fn draw_image(&self, surface: &str, (buffer, word): (BufferId, usize)) {
        let Some(loaded) = &self.loaded else { return };
        self.draw(surface, buffer, loaded.params(1, word, loaded.model.value_range()));
    }

    pub fn draw(&self, surface: &str, buffer: BufferId, params: Params) {
        if let Some((_, screen)) = self.screens.iter().find(|(name, _)| name == surface) {
            screen.draw(&self.machine, buffer, params);
        }
    }

    /// Gives the lenses' canvases the size of a batch.
    pub fn resize_lenses(&mut self, grid: Grid) {
        let Self { machine, screens, .. } = self;
        let lenses = screens.iter_mut().filter(|(surface, _)| *surface != "forward");
        lenses.for_each(|(_, screen)| screen.resize(machine, grid));
    }
}

impl Loaded {
    /// How a batch is drawn that starts at a word of its buffer.
    pub fn params(&self, samples: u32, word: usize, range: [f32; 2]) -> Params {
        self.grid(samples).params(self.model.channels() as u32, word as u32 / 4, range, [0.0; 4])
    }

    pub fn grid(&self, samples: u32) -> Grid {
        let (height, width) = self.model.size();
        Grid { samples, width: width as u32, height: height as u32, gap: GAP }
    }
}

pub(super) fn no_run() -> JsValue {
    error::error("NoRun", "there is nothing here yet: load a model, start a run, and let it come this far")
}

pub fn to_js<T: Serialize>(value: &T) -> Result<JsValue, JsValue> {
    let plain = serde_wasm_bindgen::Serializer::new().serialize_missing_as_null(true);
    value.serialize(&plain).map_err(Into::into)
}

/// A plain object of these fields.
pub fn object(fields: &[(&str, JsValue)]) -> Result<JsValue, JsValue> {
    let object = js_sys::Object::new();
    for (name, value) in fields {
        js_sys::Reflect::set(&object, &(*name).into(), value)?;
    }
    Ok(object.into())
}

pub fn from_js<T: DeserializeOwned>(value: JsValue) -> Result<T, JsValue> {
    serde_wasm_bindgen::from_value(value).map_err(|e| error::error("RecipeInvalid", &e.to_string()))
}
