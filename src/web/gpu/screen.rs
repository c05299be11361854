//! A canvas of the page, drawn on directly or, where WebGPU canvases stay blank,
//! through a 2-D context.

use std::cell::RefCell;
use std::rc::Rc;

use wasm_bindgen::JsValue;
use web_sys::OffscreenCanvas;

use super::super::canvas::Canvas2d;
use super::super::error;
use super::{Device, PageMachine};
use crate::gpu::painter::Offscreen;
use crate::gpu::{Gpu, Painter, Picture};
use crate::kernels::BufferId;
use crate::kernels::present::{Grid, Params};

/// One canvas; its context cannot be changed once made.
pub struct Screen(Target);

enum Target {
    Canvas(Box<Canvas>),
    Copy(Rc<RefCell<Copy>>),
}

/// WebGPU draws on the canvas.
struct Canvas {
    surface: wgpu::Surface<'static>,
    config: wgpu::SurfaceConfiguration,
    painter: Painter,
}

/// Frames are read back and put on the canvas: the newest, one at a time.
struct Copy {
    canvas: Canvas2d,
    painter: Rc<Painter>,
    offscreen: Option<Rc<Offscreen>>,
    busy: bool,
    /// What was asked for while another picture was on its way.
    next: Option<Picture>,
}

impl Screen {
    /// Takes a canvas over.
    pub fn new(device: &Device, machine: &PageMachine, canvas: OffscreenCanvas) -> Result<Self, JsValue> {
        let gpu = &machine.gpu;
        Ok(Self(if device.shows {
            Target::Canvas(Box::new(Canvas::new(gpu, canvas)?))
        } else {
            Target::Copy(Rc::new(RefCell::new(Copy::new(gpu, canvas)?)))
        }))
    }

    /// Sets the canvas' pixels to a grid's.
    pub fn resize(&mut self, machine: &PageMachine, grid: Grid) {
        let size = grid.size();
        match &mut self.0 {
            Target::Canvas(canvas) => canvas.resize(&machine.gpu, size),
            Target::Copy(copy) => copy.borrow_mut().resize(size),
        }
    }

    /// What was to be drawn may be gone: nothing of it is drawn any more.
    pub fn forget(&self) {
        if let Target::Copy(copy) = &self.0 {
            copy.borrow_mut().next = None;
        }
    }

    /// Draws a batch in a buffer; its grid is that of the last `resize`.
    pub fn draw(&self, machine: &PageMachine, buffer: BufferId, params: Params) {
        let picture = Picture { source: machine.buffer(buffer).clone(), params };
        match &self.0 {
            Target::Canvas(canvas) => canvas.draw(&machine.gpu, &picture),
            Target::Copy(copy) => {
                let mut state = copy.borrow_mut();
                state.next = Some(picture);
                if !state.busy {
                    state.busy = true;
                    wasm_bindgen_futures::spawn_local(deliver(machine.gpu.clone(), Rc::clone(copy)));
                }
            }
        }
    }
}

impl Canvas {
    fn new(gpu: &Gpu, canvas: OffscreenCanvas) -> Result<Self, JsValue> {
        let surface = gpu
            .instance
            .create_surface(wgpu::SurfaceTarget::OffscreenCanvas(canvas))
            .map_err(|e| error::error("NoCanvas", &e.to_string()))?;
        let mut config = surface
            .get_default_config(&gpu.adapter, 1, 1)
            .ok_or_else(|| error::error("NoCanvas", "this device cannot draw on a canvas"))?;
        // Every browser has it, though wgpu does not list it; gaps let the page through.
        config.alpha_mode = wgpu::CompositeAlphaMode::PreMultiplied;
        let painter = Painter::new(gpu, config.format);
        surface.configure(&gpu.device, &config);
        Ok(Self { surface, config, painter })
    }

    fn resize(&mut self, gpu: &Gpu, (width, height): (u32, u32)) {
        (self.config.width, self.config.height) = (width, height);
        self.surface.configure(&gpu.device, &self.config);
    }

    fn draw(&self, gpu: &Gpu, picture: &Picture) {
        use wgpu::CurrentSurfaceTexture::{Suboptimal, Success};
        // Any other answer means that this frame cannot be seen; the next one may.
        let (Success(frame) | Suboptimal(frame)) = self.surface.get_current_texture() else { return };
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        self.painter.draw(gpu, picture, &frame.texture.create_view(&Default::default()), &mut encoder);
        gpu.queue.submit([encoder.finish()]);
        gpu.queue.present(frame);
    }
}

impl Copy {
    fn new(gpu: &Gpu, canvas: OffscreenCanvas) -> Result<Self, JsValue> {
        Ok(Self {
            canvas: Canvas2d::new(canvas)?,
            painter: Rc::new(Painter::new(gpu, Offscreen::FORMAT)),
            offscreen: None,
            busy: false,
            next: None,
        })
    }

    fn resize(&mut self, size: (u32, u32)) {
        if self.canvas.resize(size) {
            self.offscreen = None;
        }
    }
}

/// Brings pictures to the canvas until no newer one is asked for.
async fn deliver(gpu: Gpu, copy: Rc<RefCell<Copy>>) {
    loop {
        let (picture, painter, offscreen, size) = {
            let mut state = copy.borrow_mut();
            let Some(picture) = state.next.take() else {
                state.busy = false;
                return;
            };
            let size = state.canvas.size;
            let offscreen = state.offscreen.get_or_insert_with(|| Rc::new(Offscreen::new(&gpu, size)));
            let offscreen = Rc::clone(offscreen);
            (picture, Rc::clone(&state.painter), offscreen, size)
        };
        let painted = offscreen.paint(&gpu, &painter, &picture).await;
        let state = copy.borrow();
        // A device that was lost is reported by the next step; a picture whose
        // canvas was resized meanwhile is out of date.
        if let (Ok(texels), true) = (painted, state.canvas.size == size) {
            state.canvas.put(&texels);
        }
    }
}
