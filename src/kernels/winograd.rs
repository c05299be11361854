//! Winograd's F(4×4, 3×3) by shaders: 36 multiplications for 4×4 outputs where the sums have 144
//! (Lavin & Gray 2016, section 4.3): Y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A with weights g and the 6×6 inputs
//! d. Summed over channels, ⊙ is 36 products of matrices: `winograd_input`, `matmul`,
//! `winograd_output`.

/// Places of a transformed tile, and outputs of a tile, along one side.
pub const SIDE: usize = 6;
pub const TILE: usize = 4;
/// Places of a transformed tile.
pub const PLACES: usize = SIDE * SIDE;

/// G.
const WEIGHTS: [[f64; 3]; SIDE] = [
    [1.0 / 4.0, 0.0, 0.0],
    [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
    [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
    [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
    [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0],
    [0.0, 0.0, 1.0],
];

/// Tiles of a batch of images.
pub fn tiles(batch: u32, height: u32, width: u32) -> u32 {
    batch * height.div_ceil(TILE as u32) * width.div_ceil(TILE as u32)
}

/// Words of the transform of an image with so many channels (in vec4s).
pub fn words(height: u32, width: u32, channels: u32) -> u64 {
    4 * PLACES as u64 * u64::from(channels) * u64::from(tiles(1, height, width))
}

/// G g Gᵀ.
pub fn weights(taps: &[f32; 9]) -> [f32; PLACES] {
    let along = |g: [f64; 3]| WEIGHTS.map(|row| row.iter().zip(g).map(|(w, g)| w * g).sum::<f64>());
    let rows: [[f64; SIDE]; 3] =
        std::array::from_fn(|row| along(std::array::from_fn(|column| f64::from(taps[3 * row + column]))));
    let columns: [[f64; SIDE]; SIDE] = std::array::from_fn(|column| along(rows.map(|row| row[column])));
    std::array::from_fn(|place| columns[place % SIDE][place / SIDE] as f32)
}
