//! The report for people.

use std::fmt::Write as _;

use super::{Part, Pass, Report, Runs};

pub fn of(report: &Report) -> String {
    let mut text = format!(
        "{}: {:.1} GFLOP/s of multiply-adds in registers, {:.1} GB/s copying",
        report.device, report.roof.gflop_per_second, report.roof.gigabytes_per_second
    );
    report.passes.iter().for_each(|pass| add_pass(&mut text, pass));
    for Runs { model, batch, steps, runs, start_ms, loop_ms } in &report.runs {
        let _ = write!(
            text,
            "\n\n{model}, batch {batch}, {steps} DDIM steps: {loop_ms:.2} ms from the first submission to the \
             sample, after a start of {start_ms:.2} ms (medians of {runs} runs)"
        );
    }
    text
}

fn add_pass(text: &mut String, pass: &Pass) {
    let Pass { model, batch, height, width, first_ms, ms, .. } = pass;
    let _ = write!(
        text,
        "\n\n{model}, batch {batch}, {height}x{width}: {ms:.2} ms a pass (the first {first_ms:.0} ms), \
         {:.2} GFLOP/s, {:.0}% of the roof\n{} dispatches; weights {:.1} MiB, working memory {:.1} MiB \
         for at most {:.1} MiB alive at once",
        pass.gflop_per_second,
        100.0 * pass.share,
        pass.dispatches,
        mebibytes(pass.weight_bytes),
        mebibytes(pass.scratch_bytes),
        mebibytes(pass.live_bytes),
    );
    if let Some(ms) = pass.device_ms {
        let _ = write!(text, "\n{ms:.2} ms in its dispatches by the device's own clock");
    }
    if pass.parts.is_empty() {
        return;
    }
    let _ = write!(
        text,
        "\n{:<18} {:<22} {:>5} {:>9} {:>9} {:>5} {:>9} {:>8} {:>5}",
        "kernel", "shape", "times", "ms", "by clock", "%", "GFLOP/s", "GB/s", "roof"
    );
    let all: f64 = pass.parts.iter().map(|part| part.ms).sum();
    for part in &pass.parts {
        let Part { kernel, shape, dispatches, ms, gflop_per_second, gigabytes_per_second, share, .. } = part;
        let by_clock = part.device_ms.map_or("-".into(), |ms| format!("{ms:.3}"));
        let (of_all, of_roof) = (100.0 * ms / all, 100.0 * share);
        let _ = write!(
            text,
            "\n{kernel:<18} {shape:<22} {dispatches:>5} {ms:>9.3} {by_clock:>9} {of_all:>5.1} {gflop_per_second:>9.2} \
             {gigabytes_per_second:>8.2} {of_roof:>4.0}%"
        );
    }
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
