//! A buffer as kernels read it through a texture.
//!
//! Where the adapter is a processor, a vec4 of a buffer is gathered number by number, and a texel
//! is read at once.

use std::cell::Cell;

use super::Gpu;

/// Texels in a row, as `texel.wgsl` counts them: the rows that WebGPU promises then hold the
/// largest binding that it promises.
const ROW: u32 = 1024;
const TEXEL_BYTES: u32 = 16;
/// Rows that WebGPU promises.
const MOST_ROWS: u32 = 8192;

/// The texture of a buffer. It is a copy, made again where the buffer has changed.
#[derive(Debug)]
pub struct Image {
    pub view: wgpu::TextureView,
    texture: wgpu::Texture,
    /// Texels, from the first on, that are as the buffer is.
    current: Cell<u32>,
}

impl Image {
    pub fn of(device: &wgpu::Device, buffer: &wgpu::Buffer) -> Self {
        Self::new(device, texels(buffer), 0)
    }

    /// Without a buffer; `data` is whole texels.
    pub fn filled(gpu: &Gpu, data: &[u32]) -> Self {
        let image = Self::new(&gpu.device, data.len() as u32 / 4, u32::MAX);
        for (y, size) in parts(data.len() as u32 / 4) {
            let start = (4 * y * ROW) as usize;
            gpu.queue.write_texture(
                wgpu::TexelCopyTextureInfo {
                    origin: wgpu::Origin3d { x: 0, y, z: 0 },
                    ..image.texture.as_image_copy()
                },
                bytemuck::cast_slice(&data[start..]),
                layout(0),
                size,
            );
        }
        image
    }

    fn new(device: &wgpu::Device, texels: u32, current: u32) -> Self {
        let texture = device.create_texture(&wgpu::TextureDescriptor {
            label: Some("image"),
            size: extent(ROW, rows(texels)),
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: wgpu::TextureFormat::Rgba32Float,
            usage: wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST,
            view_formats: &[],
        });
        Self { view: texture.create_view(&Default::default()), texture, current: Cell::new(current) }
    }

    pub fn bytes(&self) -> u64 {
        u64::from(ROW * TEXEL_BYTES) * u64::from(self.texture.height())
    }

    /// Whether the first `reach` texels are not as the buffer is.
    pub fn is_behind(&self, reach: u32) -> bool {
        self.current.get() < reach
    }

    /// After the buffer was written.
    pub fn fall_behind(&self) {
        self.current.set(0);
    }

    /// Queues the copy of the first `reach` texels, if one is due: whole rows, then what is left.
    pub fn catch_up(&self, encoder: &mut wgpu::CommandEncoder, buffer: &wgpu::Buffer, reach: u32) {
        if !self.is_behind(reach) {
            return;
        }
        self.current.set(reach);
        for (y, size) in parts(reach.min(texels(buffer))) {
            let layout = layout(u64::from(y * ROW * TEXEL_BYTES));
            let origin = wgpu::Origin3d { x: 0, y, z: 0 };
            encoder.copy_buffer_to_texture(
                wgpu::TexelCopyBufferInfo { buffer, layout },
                wgpu::TexelCopyTextureInfo { origin, ..self.texture.as_image_copy() },
                size,
            );
        }
    }

    pub fn destroy(&self) {
        self.texture.destroy();
    }
}

/// Whole rows, then what is left: the first row of each, and its size.
fn parts(texels: u32) -> impl Iterator<Item = (u32, wgpu::Extent3d)> {
    let (rows, rest) = (texels / ROW, texels % ROW);
    let parts = [(0, extent(ROW, rows)), (rows, extent(rest, 1))];
    parts.into_iter().filter(|(_, size)| size.width > 0 && size.height > 0)
}

fn layout(offset: u64) -> wgpu::TexelCopyBufferLayout {
    wgpu::TexelCopyBufferLayout { offset, bytes_per_row: Some(ROW * TEXEL_BYTES), rows_per_image: None }
}

/// Rows that hold so many texels. Mesa compiles a shader anew for textures whose size is a power of
/// two and for those whose size is none: an odd number above one never is.
fn rows(texels: u32) -> u32 {
    (texels.div_ceil(ROW).max(2) | 1).min(MOST_ROWS)
}

fn texels(buffer: &wgpu::Buffer) -> u32 {
    (buffer.size() / u64::from(TEXEL_BYTES)) as u32
}

fn extent(width: u32, height: u32) -> wgpu::Extent3d {
    wgpu::Extent3d { width, height, depth_or_array_layers: 1 }
}
