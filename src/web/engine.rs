//! The engine that the page's worker holds, or the page itself where only that has WebGPU.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::OffscreenCanvas;

use super::adapter::{self, Adapter};
use super::facts::{DeviceFacts, Recipe, RunFacts, SelfTest, condition, model_facts, step_facts};
use super::forward::Forward;
use super::golden::Golden;
use super::screen::Screen;
use super::{error, probe, samplers, scheduler};
use crate::gpu::{GpuMachine, Picture};
use crate::kernels::BufferId;
use crate::kernels::case::relative_error;
use crate::kernels::present::Grid;
use crate::session::pace::Pace;
use crate::session::{self, Lens, Model, NoiseSource, Run};
use crate::unet::network::UNetError;
use crate::unet::pixels::to_nchw;

/// Memory for the frames of a run.
const KEEP_BYTES: u64 = 128 << 20;
/// What a network may differ from PyTorch by, relative to the largest magnitude.
const SELF_TEST_TOLERANCE: f32 = 1e-4;
/// Texels between the samples of a batch.
const GAP: u32 = 1;

/// Everything lives behind a cell: an answer that is waited for must not lock
/// out the messages that come meanwhile.
#[wasm_bindgen]
pub struct Engine {
    pub(super) state: RefCell<State>,
    adapter: Adapter,
    shows: bool,
}

pub(super) struct State {
    pub machine: GpuMachine,
    loaded: Option<Loaded>,
    screens: Screens,
    pub pace: Arc<Mutex<Pace>>,
    /// Counts the runs, and the errors of adaptive steps that were judged: an answer belongs to
    /// what was there when it was asked for.
    pub epoch: u64,
}

struct Loaded {
    model: Model,
    forward: Forward,
    run: Option<Run>,
}

#[derive(Default)]
struct Screens {
    x_t: Option<Screen>,
    x0_hat: Option<Screen>,
    forward: Option<Screen>,
}

#[wasm_bindgen]
impl Engine {
    /// Finds a device.
    pub async fn create() -> Result<Engine, JsValue> {
        if adapter::webgpu().is_none() {
            let hint = "open the page over HTTPS or on localhost, in a browser with WebGPU switched on";
            let e = crate::machine::MachineError::NoWebGpu { hint: hint.into() };
            return Err(error::of_machine(&e));
        }
        let adapter = adapter::describe().await;
        let (gpu, shows) = probe::find_gpu().await.map_err(|e| error::of_machine(&e))?;
        let machine = GpuMachine::on(gpu);
        let state =
            State { machine, loaded: None, screens: Screens::default(), pace: Arc::default(), epoch: 0 };
        Ok(Engine { state: RefCell::new(state), adapter, shows })
    }

    pub fn device(&self) -> Result<JsValue, JsValue> {
        let Adapter { vendor, architecture, description } = self.adapter.clone();
        to_js(&DeviceFacts {
            adapter: description,
            vendor,
            architecture,
            backend: "WebGPU",
            presents: if self.shows { "canvas" } else { "copy" },
        })
    }

    /// Waits until the device is gone; a new engine can then take over the canvases.
    pub async fn lost(&self) {
        let gpu = self.state.borrow().machine.gpu.clone();
        gpu.lost().await;
    }

    /// Loads a model from its files, by their paths in the model's folder.
    pub async fn load(&self, files: js_sys::Map) -> Result<JsValue, JsValue> {
        let mut folder: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        files.for_each(&mut |bytes, path| {
            let bytes = bytes.dyn_into::<js_sys::Uint8Array>().map(|b| b.to_vec());
            folder.insert(path.as_string().unwrap_or_default(), bytes.unwrap_or_default());
        });
        let mut state = self.state.borrow_mut();
        state.unload();
        let model = Model::load(&mut state.machine, &folder).map_err(|e| error::of_session(&e))?;
        let facts = model_facts(&model).map_err(|e| error::of_session(&e))?;
        let forward = Forward::new(&mut state.machine, &model).map_err(|e| error::of_session(&e))?;
        let loaded = Loaded { model, forward, run: None };
        if let Some(screen) = state.screens.forward.as_mut() {
            screen.resize(loaded.grid(1));
        }
        state.loaded = Some(loaded);
        to_js(&facts)
    }

    /// Takes a canvas over; "x_t", "x0_hat" or "forward".
    pub fn attach(&self, surface: &str, canvas: OffscreenCanvas) -> Result<(), JsValue> {
        let mut state = self.state.borrow_mut();
        let mut screen = Screen::new(&state.machine.gpu, canvas, self.shows)?;
        if let (Some(loaded), "forward") = (&state.loaded, surface) {
            screen.resize(loaded.grid(1));
        }
        *state.screens.named(surface)? = Some(screen);
        Ok(())
    }

    /// Replaces the run; frame 0 is x_T.
    pub fn start(&self, recipe: JsValue) -> Result<JsValue, JsValue> {
        let recipe: Recipe = from_js(recipe)?;
        let mut state = self.state.borrow_mut();
        state.start(&recipe)
    }

    /// Draws a kept frame; computes nothing.
    pub fn show(&self, frame: usize) -> Result<(), JsValue> {
        let state = self.state.borrow();
        let run = state.run().ok_or_else(no_run)?;
        let batch = run.shape.batch;
        state.draw(&state.screens.x_t, run.frame(frame, Lens::Sample), batch, run.deviation(frame));
        state.draw(&state.screens.x0_hat, run.frame(frame, Lens::X0Hat), batch, 1.0);
        Ok(())
    }

    /// A kept image's values `[N, C, H, W]` as they are drawn, read back.
    pub async fn frame_pixels(&self, surface: String, frame: usize) -> Result<Vec<f32>, JsValue> {
        let (words, divisor, channels, pixels) = {
            let mut state = self.state.borrow_mut();
            let state = &mut *state;
            let loaded = state.loaded.as_ref().ok_or_else(no_run)?;
            let run = loaded.run.as_ref().ok_or_else(no_run);
            let kept = |run: &Run, lens| (run.frame(frame, lens), run.shape.register_floats() as usize);
            let ((at, words), divisor) = match surface.as_str() {
                "forward" => ((Some((loaded.forward.x_t, 0)), loaded.forward.words()), 1.0),
                "x_t" => run.map(|run| (kept(run, Lens::Sample), run.deviation(frame)))?,
                _ => run.map(|run| (kept(run, Lens::X0Hat), 1.0))?,
            };
            let (buffer, at) = at.ok_or_else(no_run)?;
            let (height, width) = loaded.model.size();
            (state.machine.request(buffer, at, words), divisor, loaded.model.channels(), height * width)
        };
        let words = words.await.map_err(|e| error::of_machine(&e))?;
        Ok(to_nchw(&words, channels, pixels).iter().map(|value| value / divisor).collect())
    }

    /// Compares one pass with what PyTorch made of the same input.
    pub async fn self_test(&self, golden: Vec<u8>) -> Result<JsValue, JsValue> {
        let session = |e: UNetError| error::of_session(&e.into());
        let golden = Golden::parse(golden)?;
        let (output, instance, channels) = {
            let mut state = self.state.borrow_mut();
            let state = &mut *state;
            let unet = &state.loaded.as_ref().ok_or_else(no_run)?.model.unet;
            let [batch, _, height, width] = golden.shape;
            let instance = unet.instance(&mut state.machine, batch, height, width).map_err(session)?;
            unet.submit(
                &mut state.machine,
                &instance,
                &golden.sample,
                &golden.timesteps,
                golden.labels.as_ref(),
            )
            .map_err(session)?;
            let words = unet.output_words(&instance);
            (state.machine.request(instance.output, 0, words), instance, unet.config.out_channels)
        };
        let words = output.await.map_err(|e| error::of_machine(&e))?;
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        let unet = &state.loaded.as_ref().ok_or_else(no_run)?.model.unet;
        // Another model may have been loaded meanwhile.
        let values = to_nchw(&words, channels, instance.height * instance.width);
        unet.release(&mut state.machine, instance);
        let relative = relative_error(&values, &golden.output);
        let differences = values.iter().zip(&golden.output).map(|(a, b)| (a - b).abs());
        to_js(&SelfTest {
            max_abs: differences.fold(0.0, f32::max),
            relative,
            passed: relative <= SELF_TEST_TOLERANCE,
        })
    }

    /// ᾱ_t of every training timestep, and ᾱ/(1 − ᾱ) of the last.
    pub fn schedule(&self) -> Result<JsValue, JsValue> {
        let mut state = self.state.borrow_mut();
        let schedule = &state.forward()?.0.schedule;
        let alphas = js_sys::Float32Array::from(schedule.alphas_cumprod.as_slice());
        object(&[("alphas_cumprod", alphas.into()), ("terminal_snr", schedule.terminal_snr().into())])
    }
}

impl State {
    pub fn run(&self) -> Option<&Run> {
        self.loaded.as_ref()?.run.as_ref()
    }

    /// The run, and what it runs on.
    pub fn run_mut(&mut self) -> Result<(&mut Run, &mut GpuMachine), JsValue> {
        let run = self.loaded.as_mut().and_then(|loaded| loaded.run.as_mut()).ok_or_else(no_run)?;
        Ok((run, &mut self.machine))
    }

    /// The forward process, the model, and what they are on.
    pub fn forward(&mut self) -> Result<(&mut Forward, &Model, &mut GpuMachine), JsValue> {
        let loaded = self.loaded.as_mut().ok_or_else(no_run)?;
        Ok((&mut loaded.forward, &loaded.model, &mut self.machine))
    }

    pub fn draw_forward(&self, x_t: BufferId) {
        self.draw(&self.screens.forward, Some((x_t, 0)), 1, 1.0);
    }

    fn unload(&mut self) {
        self.epoch += 1;
        let Some(loaded) = self.loaded.take() else { return };
        if let Some(run) = loaded.run {
            run.release(&mut self.machine, &loaded.model);
        }
        loaded.forward.release(&mut self.machine, &loaded.model);
        loaded.model.release(&mut self.machine);
    }

    fn start(&mut self, wish: &Recipe) -> Result<JsValue, JsValue> {
        let loaded = self.loaded.as_mut().ok_or_else(no_run)?;
        self.epoch += 1;
        if let Some(run) = loaded.run.take() {
            run.release(&mut self.machine, &loaded.model);
        }
        let recipe = session::Recipe {
            sampler: Some(wish.sampler.clone()),
            scheduler: Some(
                scheduler::config(wish, &loaded.model.scheduler).map_err(|e| error::of_session(&e))?,
            ),
            steps: wish.steps,
            batch: wish.batch,
            first_sample: 0,
            size: None,
            condition: condition(wish, &loaded.model),
            options: samplers::options(wish).map_err(|e| error::of_session(&e))?,
            noise: NoiseSource::Seed(wish.seed as u64),
            keep_bytes: KEEP_BYTES,
        };
        let run = Run::start(&mut self.machine, &loaded.model, &recipe).map_err(|e| error::of_session(&e))?;
        self.pace = Arc::default();
        let grid = loaded.grid(run.shape.batch);
        let (width, height) = grid.size();
        let facts = RunFacts {
            steps: run.plan.steps.iter().map(step_facts).collect(),
            network_calls: run.plan.calls().count(),
            adaptive: run.plan.adaptive.is_some(),
            guided: run.instance.batch > run.shape.batch as usize,
            width,
            height,
            columns: grid.columns(),
            rows: grid.rows(),
        };
        loaded.run = Some(run);
        let screens = [self.screens.x_t.as_mut(), self.screens.x0_hat.as_mut()];
        screens.into_iter().flatten().for_each(|screen| screen.resize(grid));
        to_js(&facts)
    }

    /// Draws values that lie `at` a buffer's word, divided by `divisor`.
    fn draw(&self, screen: &Option<Screen>, at: Option<(BufferId, usize)>, samples: u32, divisor: f32) {
        let (Some(screen), Some((buffer, word)), Some(loaded)) = (screen, at, &self.loaded) else { return };
        let model = &loaded.model;
        let channels = model.channels() as u32;
        let range = model.value_range().map(|end| divisor * end);
        let params = loaded.grid(samples).params(channels, word as u32 / 4, range, [0.0; 4]);
        screen.draw(Picture { source: self.machine.buffer(buffer).clone(), params });
    }
}

impl Loaded {
    fn grid(&self, samples: u32) -> Grid {
        let (height, width) = self.model.size();
        Grid { samples, width: width as u32, height: height as u32, gap: GAP }
    }
}

impl Screens {
    fn named(&mut self, surface: &str) -> Result<&mut Option<Screen>, JsValue> {
        match surface {
            "x_t" => Ok(&mut self.x_t),
            "x0_hat" => Ok(&mut self.x0_hat),
            "forward" => Ok(&mut self.forward),
            _ => Err(error::error("NoCanvas", &format!("there is no surface called {surface}"))),
        }
    }
}

pub(super) fn no_run() -> JsValue {
    error::error("NoRun", "there is nothing here yet: load a model and start a run first")
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
