//! A canvas of the page, drawn on through a 2-D context.

use std::cell::RefCell;
use std::rc::Rc;

use wasm_bindgen::JsValue;
use web_sys::OffscreenCanvas;

use super::super::canvas::Canvas2d;
use super::{Device, PageMachine};
use crate::kernels::BufferId;
use crate::kernels::present::{Grid, Params, twin};

/// One canvas, and how often what it is to show was given up.
pub struct Screen(Rc<RefCell<Shown>>);

struct Shown {
    canvas: Canvas2d,
    /// Counts what makes pictures that are asked for out of date: each newer one, too.
    wishes: u64,
}

impl Screen {
    /// Takes a canvas over.
    pub fn new(_: &Device, _: &PageMachine, canvas: OffscreenCanvas) -> Result<Self, JsValue> {
        Ok(Self(Rc::new(RefCell::new(Shown { canvas: Canvas2d::new(canvas)?, wishes: 0 }))))
    }

    /// Sets the canvas' pixels to a grid's.
    pub fn resize(&mut self, _: &PageMachine, grid: Grid) {
        self.forget();
        self.0.borrow_mut().canvas.resize(grid.size());
    }

    /// What was to be drawn may be gone: nothing of it is drawn any more.
    pub fn forget(&self) {
        self.0.borrow_mut().wishes += 1;
    }

    /// Draws a batch in a buffer; its grid is that of the last `resize`.
    pub fn draw(&self, machine: &PageMachine, buffer: BufferId, params: Params) {
        self.forget();
        let wish = self.0.borrow().wishes;
        let shown = Rc::clone(&self.0);
        machine.then(move |machine| {
            let shown = shown.borrow();
            if shown.wishes == wish {
                shown.canvas.put(&twin(&params, machine.floats(buffer)));
            }
        });
    }
}
