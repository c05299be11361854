//! Draws images from storage buffers: `present.wgsl`'s render pipeline.

use super::Gpu;
use super::pipeline::{bind_group_layout, module};
use crate::kernels::present::{Params, SHADER};

/// What to draw: a batch in a buffer, and how.
#[derive(Clone, Debug)]
pub struct Picture {
    pub source: wgpu::Buffer,
    pub params: Params,
}

/// A pipeline for one texture format, with a uniform of its own: one target's.
#[derive(Debug)]
pub struct Painter {
    pipeline: wgpu::RenderPipeline,
    layout: wgpu::BindGroupLayout,
    uniform: wgpu::Buffer,
}

impl Painter {
    pub fn new(gpu: &Gpu, format: wgpu::TextureFormat) -> Self {
        let device = &gpu.device;
        let layout = bind_group_layout(device, &SHADER, wgpu::ShaderStages::FRAGMENT);
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(SHADER.name),
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let module = module(device, &SHADER);
        let pipeline = device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
            label: Some(SHADER.name),
            layout: Some(&pipeline_layout),
            vertex: wgpu::VertexState {
                module: &module,
                entry_point: Some("vertex"),
                compilation_options: Default::default(),
                buffers: &[],
            },
            primitive: Default::default(),
            depth_stencil: None,
            multisample: Default::default(),
            fragment: Some(wgpu::FragmentState {
                module: &module,
                entry_point: Some("fragment"),
                compilation_options: Default::default(),
                targets: &[Some(format.into())],
            }),
            multiview_mask: None,
            cache: None,
        });
        let uniform = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(SHADER.name),
            size: size_of::<Params>() as u64,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        Self { pipeline, layout, uniform }
    }

    /// Records the drawing of a picture over the whole target.
    pub fn draw(
        &self,
        gpu: &Gpu,
        picture: &Picture,
        target: &wgpu::TextureView,
        encoder: &mut wgpu::CommandEncoder,
    ) {
        gpu.queue.write_buffer(&self.uniform, 0, bytemuck::bytes_of(&picture.params));
        let bind_group = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(SHADER.name),
            layout: &self.layout,
            entries: &[
                wgpu::BindGroupEntry { binding: 0, resource: self.uniform.as_entire_binding() },
                wgpu::BindGroupEntry { binding: 1, resource: picture.source.as_entire_binding() },
            ],
        });
        let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            label: Some(SHADER.name),
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view: target,
                depth_slice: None,
                resolve_target: None,
                ops: wgpu::Operations {
                    load: wgpu::LoadOp::Clear(wgpu::Color::TRANSPARENT),
                    store: wgpu::StoreOp::Store,
                },
            })],
            ..Default::default()
        });
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &bind_group, &[0]);
        pass.draw(0..3, 0..1);
    }
}

/// A texture to draw on whose texels can be read back as RGBA.
#[derive(Debug)]
pub struct Offscreen {
    texture: wgpu::Texture,
    staging: wgpu::Buffer,
    width: u32,
}

impl Offscreen {
    pub const FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::Rgba8Unorm;

    pub fn new(gpu: &Gpu, (width, height): (u32, u32)) -> Self {
        let texture = gpu.device.create_texture(&wgpu::TextureDescriptor {
            label: Some("offscreen"),
            size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: Self::FORMAT,
            usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
            view_formats: &[],
        });
        let staging = gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("offscreen"),
            size: u64::from(Self::row_bytes(width)) * u64::from(height),
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        Self { texture, staging, width }
    }

    /// Bytes of a row as WebGPU copies it.
    fn row_bytes(width: u32) -> u32 {
        (4 * width).next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT)
    }

    /// Draws and reads back, row by row without padding.
    pub async fn paint(
        &self,
        gpu: &Gpu,
        painter: &Painter,
        picture: &Picture,
    ) -> Result<Vec<u8>, crate::machine::MachineError> {
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        painter.draw(gpu, picture, &self.texture.create_view(&Default::default()), &mut encoder);
        let row_bytes = Self::row_bytes(self.width);
        encoder.copy_texture_to_buffer(
            self.texture.as_image_copy(),
            wgpu::TexelCopyBufferInfo {
                buffer: &self.staging,
                layout: wgpu::TexelCopyBufferLayout {
                    offset: 0,
                    bytes_per_row: Some(row_bytes),
                    rows_per_image: None,
                },
            },
            self.texture.size(),
        );
        gpu.queue.submit([encoder.finish()]);
        let padded = gpu.map(&self.staging).await?;
        let row = 4 * self.width as usize;
        Ok(padded.chunks(row_bytes as usize).flat_map(|bytes| &bytes[..row]).copied().collect())
    }
}
