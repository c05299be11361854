//! Getting a device, and hearing of its errors.

use std::sync::{Arc, Mutex};

use futures_channel::oneshot;

use crate::machine::MachineError;

/// A device with default limits and no optional feature, and its queue.
/// Handles only: cloning it is cheap.
#[derive(Clone, Debug)]
pub struct Gpu {
    pub instance: wgpu::Instance,
    pub adapter: wgpu::Adapter,
    pub device: wgpu::Device,
    pub queue: wgpu::Queue,
    /// The first error that the device reported outside any call.
    trouble: Arc<Mutex<Option<MachineError>>>,
}

impl Gpu {
    /// Asks for the fastest adapter. `WGPU_BACKEND` and the like are heeded natively.
    pub async fn new() -> Result<Self, MachineError> {
        let instance = wgpu::Instance::new(instance_descriptor());
        let options = wgpu::RequestAdapterOptions {
            power_preference: wgpu::PowerPreference::HighPerformance,
            ..Default::default()
        };
        let adapter = instance
            .request_adapter(&options)
            .await
            .map_err(|e| MachineError::NoAdapter { reason: e.to_string() })?;
        let descriptor = wgpu::DeviceDescriptor { label: Some("reverie"), ..Default::default() };
        let (device, queue) = adapter
            .request_device(&descriptor)
            .await
            .map_err(|e| MachineError::NoDevice { reason: e.to_string() })?;

        let trouble = Arc::new(Mutex::new(None));
        let heard = Arc::clone(&trouble);
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            note(&heard, MachineError::Failed { reason: error.to_string() });
        }));
        let heard = Arc::clone(&trouble);
        device.set_device_lost_callback(move |reason, message| {
            note(&heard, MachineError::Lost { reason: format!("{reason:?}: {message}") });
        });
        Ok(Self { instance, adapter, device, queue, trouble })
    }

    /// The bytes of a mappable buffer, when all that was submitted is done. The
    /// buffer is unmapped again.
    pub async fn map(&self, staging: &wgpu::Buffer) -> Result<Vec<u8>, MachineError> {
        let (done, mapped) = oneshot::channel();
        staging.map_async(wgpu::MapMode::Read, .., move |result| {
            // The receiver is gone only if nobody waits any more.
            let _ = done.send(result);
        });
        // Natively this runs the callback; a browser does so by itself.
        let failed = |e: &dyn std::fmt::Display| MachineError::Failed { reason: e.to_string() };
        self.device.poll(wgpu::PollType::wait_indefinitely()).map_err(|e| failed(&e))?;
        let mapped = mapped.await;
        self.health()?;
        if !matches!(mapped, Ok(Ok(()))) {
            return Err(failed(&"a result could not be read back"));
        }
        let bytes = staging.get_mapped_range(..).map_err(|e| failed(&e))?.to_vec();
        staging.unmap();
        Ok(bytes)
    }

    /// The first error that was reported, if any.
    pub fn health(&self) -> Result<(), MachineError> {
        let trouble = self.trouble.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        trouble.clone().map_or(Ok(()), Err)
    }
}

#[cfg(not(target_arch = "wasm32"))]
fn instance_descriptor() -> wgpu::InstanceDescriptor {
    wgpu::InstanceDescriptor::new_without_display_handle_from_env()
}

/// Browsers have no environment: nobody downloads what would read one.
#[cfg(target_arch = "wasm32")]
fn instance_descriptor() -> wgpu::InstanceDescriptor {
    wgpu::InstanceDescriptor::new_without_display_handle()
}

fn note(trouble: &Mutex<Option<MachineError>>, error: MachineError) {
    let mut first = trouble.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    first.get_or_insert(error);
}
