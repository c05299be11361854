//! What every kernel should make of its cases, for the page to hold its device against; apart from
//! the engine, since most visitors never ask.

use js_sys::{Array, Object, Reflect, Uint8Array, Uint32Array};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::kernels::{ALL, Case};

/// The cases of a kernel, each with the buffers that its twin leaves.
#[wasm_bindgen]
pub fn cases(kernel: &str) -> Result<Array, JsValue> {
    let found = ALL.iter().filter(|known| known.shader.name == kernel);
    found.flat_map(|kernel| (kernel.cases)()).map(|case| plain(&case)).collect()
}

fn plain(case: &Case) -> Result<JsValue, JsValue> {
    let words = |buffers: &[Vec<u32>]| -> Array {
        buffers.iter().map(|buffer| Uint32Array::from(buffer.as_slice())).collect()
    };
    let object = Object::new();
    let fields: [(&str, JsValue); 5] = [
        ("params", Uint8Array::from(case.dispatch.params_at(0)).into()),
        ("grid", Uint32Array::from(case.dispatch.grid.as_slice()).into()),
        ("buffers", words(&case.buffers).into()),
        ("expected", words(&case.expected()).into()),
        ("tolerance", case.tolerance.into()),
    ];
    for (name, value) in fields {
        Reflect::set(&object, &name.into(), &value)?;
    }
    Ok(object.into())
}
