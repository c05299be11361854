//! What the browser tells of the graphics adapter, beyond what wgpu passes on.

use js_sys::{Function, Object, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

/// `GPUAdapterInfo`'s texts; a browser may leave any of them empty.
#[derive(Clone, Debug, Default)]
pub struct Adapter {
    pub vendor: String,
    pub architecture: String,
    pub description: String,
}

/// `navigator.gpu`, where there is WebGPU.
pub fn webgpu() -> Option<JsValue> {
    let navigator = Reflect::get(&js_sys::global(), &"navigator".into()).ok()?;
    let gpu = Reflect::get(&navigator, &"gpu".into()).ok()?;
    (!gpu.is_undefined() && !gpu.is_null()).then_some(gpu)
}

/// Asks for the adapter that the engine runs on, and for its description.
pub async fn describe() -> Adapter {
    ask().await.unwrap_or_default()
}

async fn ask() -> Result<Adapter, JsValue> {
    let gpu = webgpu().unwrap_or(JsValue::UNDEFINED);
    let options = Object::new();
    Reflect::set(&options, &"powerPreference".into(), &"high-performance".into())?;
    let request: Function = Reflect::get(&gpu, &"requestAdapter".into())?.dyn_into()?;
    let promise: Promise = request.call1(&gpu, &options)?.dyn_into()?;
    let info = Reflect::get(&JsFuture::from(promise).await?, &"info".into())?;
    let text =
        |key: &str| Reflect::get(&info, &key.into()).ok().and_then(|v| v.as_string()).unwrap_or_default();
    Ok(Adapter {
        vendor: text("vendor"),
        architecture: text("architecture"),
        description: text("description"),
    })
}
