//! Getting a device, and hearing of its errors.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_channel::oneshot;

use crate::machine::MachineError;

/// A device with default limits, and its queue; of the optional features it has those that it was asked for.
/// Handles only: cloning it is cheap.
#[derive(Clone, Debug)]
pub struct Gpu {
    pub instance: wgpu::Instance,
    pub adapter: wgpu::Adapter,
    pub device: wgpu::Device,
    pub queue: wgpu::Queue,
    trouble: Arc<Mutex<Trouble>>,
}

/// What the device reported outside any call.
#[derive(Debug, Default)]
struct Trouble {
    first: Option<MachineError>,
    /// Dropped, and so heard, when the device is gone.
    listeners: Vec<oneshot::Sender<()>>,
    gone: bool,
}

impl Gpu {
    /// Asks for the fastest adapter. `WGPU_BACKEND` and the like are heeded natively.
    pub async fn new() -> Result<Self, MachineError> {
        Self::with(wgpu::Features::empty()).await
    }

    /// The same with those of some features that the adapter has.
    pub async fn with(wanted: wgpu::Features) -> Result<Self, MachineError> {
        let instance = wgpu::Instance::new(instance_descriptor());
        let options = wgpu::RequestAdapterOptions {
            power_preference: wgpu::PowerPreference::HighPerformance,
            ..Default::default()
        };
        let adapter = instance
            .request_adapter(&options)
            .await
            .map_err(|e| MachineError::NoAdapter { reason: e.to_string() })?;
        check_limits(&adapter.limits())?;
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("reverie"),
            required_features: adapter.features() & wanted,
            ..Default::default()
        };
        let (device, queue) = adapter
            .request_device(&descriptor)
            .await
            .map_err(|e| MachineError::NoDevice { reason: e.to_string() })?;

        let trouble = Arc::new(Mutex::new(Trouble::default()));
        let heard = Arc::clone(&trouble);
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            lock(&heard).note(MachineError::Failed { reason: error.to_string() });
        }));
        let heard = Arc::clone(&trouble);
        device.set_device_lost_callback(move |reason, message| {
            let mut trouble = lock(&heard);
            trouble.note(MachineError::Lost { reason: format!("{reason:?}: {message}") });
            trouble.gone = true;
            trouble.listeners.clear();
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
            // A device may refuse this before it says that it is gone.
            return Err(MachineError::Lost { reason: "a result could not be read back".into() });
        }
        let bytes = staging.get_mapped_range(..).map_err(|e| failed(&e))?.to_vec();
        staging.unmap();
        Ok(bytes)
    }

    /// The first error that was reported, if any.
    pub fn health(&self) -> Result<(), MachineError> {
        lock(&self.trouble).first.clone().map_or(Ok(()), Err)
    }

    /// Waits until the device is gone.
    pub async fn lost(&self) {
        let (listener, gone) = oneshot::channel();
        {
            let mut trouble = lock(&self.trouble);
            if trouble.gone {
                return;
            }
            trouble.listeners.push(listener);
        }
        // Nothing is ever sent: the end of the channel is the answer.
        let _ = gone.await;
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

/// WebGPU promises every limit of the default; some adapters break that.
fn check_limits(has: &wgpu::Limits) -> Result<(), MachineError> {
    let mut odd = None;
    wgpu::Limits::default().check_limits_with_fail_fn(has, true, |name, wanted, has| {
        odd = Some(format!("its {name} is {has}, and WebGPU promises {wanted}"));
    });
    odd.map_or(Ok(()), |reason| Err(MachineError::NoDevice { reason }))
}

impl Trouble {
    fn note(&mut self, error: MachineError) {
        self.first.get_or_insert(error);
    }
}

fn lock(trouble: &Mutex<Trouble>) -> MutexGuard<'_, Trouble> {
    trouble.lock().unwrap_or_else(PoisonError::into_inner)
}
