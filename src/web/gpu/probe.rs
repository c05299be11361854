//! Do WebGPU canvases show in this browser?
//!
//! On software adapters the compositor may be unable to take a canvas' image, and
//! it stays blank without an error. So a throw-away canvas is cleared to a colour
//! and one pixel of it looked at. Some browsers drop every device of the page over
//! a canvas that they cannot show; then another one is asked for. A software
//! adapter is not even tried: reading its frames back costs next to nothing.

use wasm_bindgen::{JsCast, JsValue};
use web_sys::{OffscreenCanvas, OffscreenCanvasRenderingContext2d};

use crate::gpu::Gpu;
use crate::machine::MachineError;

/// A device, and whether what it draws on a canvas arrives.
pub async fn find_gpu() -> Result<(Gpu, bool), MachineError> {
    let gpu = Gpu::new().await?;
    if gpu.adapter.get_info().device_type == wgpu::DeviceType::Cpu {
        return Ok((gpu, false));
    }
    if look(&gpu).unwrap_or(false) {
        return Ok((gpu, true));
    }
    match answers(&gpu).await {
        Ok(()) => Ok((gpu, false)),
        Err(_) => Ok((Gpu::new().await?, false)),
    }
}

/// Waits for a small task: a device that is being dropped says so here.
async fn answers(gpu: &Gpu) -> Result<(), MachineError> {
    let staging = gpu.device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("probe"),
        size: 4,
        usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    gpu.map(&staging).await.map(drop)
}

fn look(gpu: &Gpu) -> Result<bool, JsValue> {
    let canvas = OffscreenCanvas::new(4, 4)?;
    let target = wgpu::SurfaceTarget::OffscreenCanvas(canvas.clone());
    let Ok(surface) = gpu.instance.create_surface(target) else { return Ok(false) };
    let Some(config) = surface.get_default_config(&gpu.adapter, 4, 4) else { return Ok(false) };
    surface.configure(&gpu.device, &config);
    let wgpu::CurrentSurfaceTexture::Success(frame) = surface.get_current_texture() else { return Ok(false) };
    clear(gpu, &frame.texture);

    let seen = OffscreenCanvas::new(4, 4)?;
    let Some(context) = seen.get_context("2d")? else { return Ok(false) };
    let context: OffscreenCanvasRenderingContext2d = context.unchecked_into();
    context.draw_image_with_offscreen_canvas(&canvas, 0.0, 0.0)?;
    let pixel = context.get_image_data(1.0, 1.0, 1.0, 1.0)?.data();
    gpu.queue.present(frame);
    Ok(pixel[0] > 200 && pixel[1] < 50 && pixel[3] > 200)
}

/// Fills a texture with red.
fn clear(gpu: &Gpu, texture: &wgpu::Texture) {
    let view = texture.create_view(&Default::default());
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
        color_attachments: &[Some(wgpu::RenderPassColorAttachment {
            view: &view,
            depth_slice: None,
            resolve_target: None,
            ops: wgpu::Operations {
                load: wgpu::LoadOp::Clear(wgpu::Color::RED),
                store: wgpu::StoreOp::Store,
            },
        })],
        ..Default::default()
    });
    gpu.queue.submit([encoder.finish()]);
}
