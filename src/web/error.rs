//! Typed errors as JavaScript errors, whose `name` the page can tell apart.

use wasm_bindgen::JsValue;

use crate::machine::MachineError;
use crate::models::unet_2d::network::UNetError;
use crate::session::SessionError;

/// A JavaScript `Error` of this name.
pub fn error(name: &str, message: &str) -> JsValue {
    let error = js_sys::Error::new(message);
    error.set_name(name);
    error.into()
}

pub fn of_machine(e: &MachineError) -> JsValue {
    let name = match e {
        MachineError::NoWebGpu { .. } => "NoWebGpu",
        MachineError::NoAdapter { .. } => "NoAdapter",
        MachineError::NoDevice { .. } => "NoDevice",
        MachineError::TooLarge { .. }
        | MachineError::BatchTooLarge { .. }
        | MachineError::NoMemory { .. } => "TooLarge",
        MachineError::Lost { .. } => "DeviceLost",
        MachineError::Failed { .. } => "DeviceFailed",
    };
    error(name, &e.to_string())
}

pub fn of_session(e: &SessionError) -> JsValue {
    let name = match e {
        SessionError::Machine(e) | SessionError::UNet(UNetError::Machine(e)) => return of_machine(e),
        SessionError::Folder(_) | SessionError::Scheduler(_) => "ModelInvalid",
        SessionError::UNet(UNetError::Weights(_)) => "WeightsCorrupt",
        SessionError::UNet(_)
        | SessionError::Plan(_)
        | SessionError::Adaptive(_)
        | SessionError::Recipe(_) => "RecipeInvalid",
    };
    error(name, &e.to_string())
}
