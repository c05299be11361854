// Group normalisation for an adapter that is a processor: a thread makes one group of one sample and
// waits for nobody. Mean and sum of squared deviations by Welford's method (1962), of every fourth
// pixel each, merged by Chan, Golub & LeVeque's (1979); what is written is what `group_norm` writes.
// A turn takes sixteen pixels: lavapipe ends an invocation's loops after 65,535 turns.
#import group_norm

const WORKGROUP: u32 = 8u;

struct Moments {
    count: f32,
    mean: f32,
    squares: f32,
}

fn merged(a: Moments, b: Moments) -> Moments {
    let count = a.count + b.count;
    let d = b.mean - a.mean;
    let share = b.count / max(count, 1.0);
    return Moments(count, a.mean + d * share, a.squares + b.squares + d * d * a.count * share);
}

// Every fourth pixel of so many fours.
struct Strands {
    count: f32,
    mean: vec4<f32>,
    squares: vec4<f32>,
}

// With the four pixels from `at` on.
fn joined(a: Strands, at: u32) -> Strands {
    let v = vec4(x[at], x[at + p.pitch], x[at + 2u * p.pitch], x[at + 3u * p.pitch]);
    let count = a.count + 1.0;
    let d = v - a.mean;
    let mean = a.mean + d / count;
    return Strands(count, mean, a.squares + d * (v - mean));
}

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let group = workgroup.x * WORKGROUP + lane;
    let n = workgroup.y;
    if group >= p.groups {
        return;
    }
    let width = p.channels / p.groups;
    let first = group * width;
    let sixteens = p.pixels / 16u;
    let four = 4u * p.pitch;
    let base = n * p.pixels * p.pitch + p.offset;

    var s = Strands();
    for (var i = 0u; i < width; i++) {
        var at = base + physical(first + i);
        for (var turn = 0u; turn < sixteens; turn++) {
            s = joined(s, at);
            s = joined(s, at + four);
            s = joined(s, at + 2u * four);
            s = joined(s, at + 3u * four);
            at += 4u * four;
        }
    }
    var all = merged(
        merged(Moments(s.count, s.mean.x, s.squares.x), Moments(s.count, s.mean.y, s.squares.y)),
        merged(Moments(s.count, s.mean.z, s.squares.z), Moments(s.count, s.mean.w, s.squares.w)),
    );
    for (var pixel = 16u * sixteens; pixel < p.pixels; pixel++) {
        for (var i = 0u; i < width; i++) {
            all = merged(all, Moments(1.0, x[base + pixel * p.pitch + physical(first + i)], 0.0));
        }
    }
    let inverse = inverseSqrt(all.squares / all.count + p.eps);
    for (var i = 0u; i < width; i++) {
        write_channel(n, first + i, all.mean, inverse);
    }
}
