// One row of a sampler's program, whatever the sampler: the network's output
// becomes x̂0 and ε̂, x̂0 is kept in range, and up to three linear combinations
// of registers and fresh noise make the next ones. See diffusion/row.rs.
#import grid

struct Params {
    count: u32,             // values: N × pixels × channels
    channels: u32,
    sample_values: u32,     // pixels × channels
    pitch: u32,             // floats of a register's pixel
    output_pitch: u32,      // floats of an output's pixel
    register_floats: u32,   // from one register to the next
    kind: u32,              // 0 no call, 1 a call, 2 one with a learned variance, 3 a corrector
    input: u32,             // the register that the network saw
    threshold: u32,         // 0 none, 1 static, 2 dynamic
    range: f32,             // of the static threshold
    min_log: f32,
    max_log: f32,
    x0_from_input: f32,
    x0_from_output: f32,
    eps_from_input: f32,
    eps_from_output: f32,
    eps_from_x0: f32,
    x0_divisor: f32,
    eps_divisor: f32,
    assigns: u32,
    to: vec4<u32>,                      // the written registers
    coefficients: array<vec4<f32>, 9>,  // three a combination: registers 0–3, 4–7, noise
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> registers: array<f32>;  // (R, N, H, W, pitch)
@group(0) @binding(2) var<storage, read> output: array<f32>;           // (N, H, W, output_pitch)
@group(0) @binding(3) var<storage, read> noise: array<f32>;            // (N, H, W, pitch)
@group(0) @binding(4) var<storage, read> dynamic_range: array<f32>;    // (N)
@group(0) @binding(5) var<storage, read> langevin_ratio: array<f32>;   // (N)

const CALL: u32 = 1u;
const LEARNED: u32 = 2u;
const CORRECTOR: u32 = 3u;
const X0_HAT: u32 = 6u;
const EPS_HAT: u32 = 7u;

// A register that no coefficient asks for may hold anything.
fn weighted(coefficients: vec4<f32>, values: vec4<f32>) -> f32 {
    let terms = select(vec4(0.0), coefficients * values, coefficients != vec4(0.0));
    return terms.x + terms.y + terms.z + terms.w;
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let id = flat_index(workgroup, workgroups, local);
    if id >= p.count {
        return;
    }
    let pixel = id / p.channels;
    let channel = id % p.channels;
    let at = pixel * p.pitch + channel;
    let stride = p.register_floats;

    var z = noise[at];
    if p.kind == CALL || p.kind == LEARNED {
        let x = registers[p.input * stride + at];
        let m = output[pixel * p.output_pitch + channel];
        var x0 = (p.x0_from_input * x + p.x0_from_output * m) / p.x0_divisor;
        if p.threshold == 1u {
            x0 = clamp(x0, -p.range, p.range);
        } else if p.threshold == 2u {
            let s = dynamic_range[id / p.sample_values];
            x0 = clamp(x0, -s, s) / s;
        }
        registers[X0_HAT * stride + at] = x0;
        let eps = p.eps_from_input * x + p.eps_from_output * m + p.eps_from_x0 * x0;
        registers[EPS_HAT * stride + at] = eps / p.eps_divisor;
        if p.kind == LEARNED {
            let fraction = (output[pixel * p.output_pitch + p.channels + channel] + 1.0) * 0.5;
            z *= exp(0.5 * (fraction * p.max_log + (1.0 - fraction) * p.min_log));
        }
    }

    let low = vec4(registers[at], registers[stride + at], registers[2u * stride + at], registers[3u * stride + at]);
    var eps_hat = registers[EPS_HAT * stride + at];
    if p.kind == CORRECTOR {
        let ratio = langevin_ratio[id / p.sample_values];
        eps_hat *= ratio * ratio;
        z *= ratio;
    }
    let high = vec4(
        registers[4u * stride + at],
        registers[5u * stride + at],
        registers[X0_HAT * stride + at],
        eps_hat,
    );
    for (var i = 0u; i < p.assigns; i++) {
        let fresh = p.coefficients[3u * i + 2u].x * z;
        let sum = weighted(p.coefficients[3u * i], low) + weighted(p.coefficients[3u * i + 1u], high);
        registers[p.to[i] * stride + at] = sum + fresh;
    }
}
