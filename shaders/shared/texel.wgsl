// Where a vec4 of a buffer lies in its texture, which has rows of 1024.
fn texel(at: u32) -> vec2<u32> {
    return vec2(at & 1023u, at >> 10u);
}
