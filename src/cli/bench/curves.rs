//! Cost against work: passes of more samples, of larger images, and runs of more steps.

use std::path::PathBuf;

use plotters::prelude::*;
use reverie::machine::Machine;
use reverie::session::Model;
use serde::Serialize;

use super::clock::Clock;
use super::runs;
use crate::cli::error::CliError;

const BATCHES: [usize; 7] = [1, 2, 4, 8, 16, 32, 64];
const SIDES: [usize; 7] = [16, 24, 32, 48, 64, 96, 128];
const STEPS: [usize; 7] = [1, 3, 10, 30, 100, 300, 1000];

/// Milliseconds against work.
#[derive(Serialize)]
pub struct Curves {
    model: String,
    device: String,
    /// A pass of so many samples.
    batch: Vec<Point>,
    /// A pass of one image with so many pixels at each side.
    side: Vec<Point>,
    /// A run of so many DDIM steps, from its start to the sample read back.
    steps: Vec<Point>,
}

#[derive(Clone, Copy, Serialize)]
struct Point {
    work: usize,
    ms: f64,
}

impl Curves {
    pub async fn measure<M: Machine>(
        machine: &mut M,
        folder: &PathBuf,
        device: &str,
        clock: Clock,
    ) -> Result<Self, CliError> {
        let model = Model::load(machine, folder).map_err(|e| CliError::model(folder, e))?;
        let (height, width) = model.size();
        let (mut batch, mut side, mut steps) = (Vec::new(), Vec::new(), Vec::new());
        for work in BATCHES {
            batch.push(Point { work, ms: pass(machine, &model, (work, height, width), clock).await? });
        }
        for work in SIDES.into_iter().filter(|side| side % model.unet.config.stride() == 0) {
            side.push(Point { work, ms: pass(machine, &model, (1, work, work), clock).await? });
        }
        // Once before, so that the first does not pay for what is made once.
        run(machine, &model, 1).await?;
        for work in STEPS {
            steps.push(Point { work, ms: run(machine, &model, work).await? });
        }
        let name = model.facts.name.clone().unwrap_or_else(|| folder.display().to_string());
        model.release(machine);
        Ok(Self { model: name, device: device.into(), batch, side, steps })
    }

    /// Three panels, log-log, with what proportional growth from the first point would be.
    pub fn svg(&self) -> Result<String, String> {
        let mut text = String::new();
        {
            let root = SVGBackend::with_string(&mut text, (1080, 320)).into_drawing_area();
            root.fill(&WHITE).map_err(|e| e.to_string())?;
            let panels = [
                (&self.batch, "samples in a batch", 1),
                (&self.side, "pixels at each side", 2),
                (&self.steps, "steps of a run", 1),
            ];
            for (area, (points, what, power)) in root.split_evenly((1, 3)).iter().zip(panels) {
                panel(area, points, what, power).map_err(|e| e.to_string())?;
            }
            root.present().map_err(|e| e.to_string())?;
        }
        Ok(text)
    }
}

async fn pass<M: Machine>(
    machine: &mut M,
    model: &Model,
    (batch, height, width): (usize, usize, usize),
    clock: Clock,
) -> Result<f64, CliError> {
    let instance = model.unet.instance(machine, batch, height, width)?;
    let seconds = clock.median(machine, instance.program, instance.output).await?;
    model.unet.release(machine, instance);
    Ok(1000.0 * seconds)
}

async fn run<M: Machine>(machine: &mut M, model: &Model, steps: usize) -> Result<f64, CliError> {
    let seconds = runs::once(machine, model, (1, steps)).await?;
    Ok(1000.0 * (seconds.start + seconds.steps))
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Outcome<'a> = Result<(), DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>>;

fn panel<'a>(area: &Area<'a>, points: &[Point], what: &str, power: i32) -> Outcome<'a> {
    let measured = RGBColor(0x1f, 0x5f, 0xa8);
    let proportional = RGBColor(0xc2, 0x55, 0x1b);
    let at = |p: &Point| (p.work as f64, p.ms);
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return Ok(()) };
    let grown = |p: &Point| first.ms * (p.work as f64 / first.work as f64).powi(power);
    let least = points.iter().map(|p| p.ms).fold(f64::INFINITY, f64::min);
    let most = points.iter().map(|p| p.ms.max(grown(p))).fold(0.0, f64::max);
    let mut chart = ChartBuilder::on(area)
        .margin(8)
        .margin_right(16)
        .x_label_area_size(34)
        .y_label_area_size(52)
        .build_cartesian_2d(
            (first.work as f64..1.15 * last.work as f64).log_scale(),
            (0.8 * least..1.3 * most).log_scale(),
        )?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.12))
        .x_labels(6)
        .y_labels(6)
        .x_label_formatter(&|work| format!("{work:.0}"))
        .y_label_formatter(&|ms| format!("{ms:.0}"))
        .label_style(("sans-serif", 12))
        .x_desc(what)
        .y_desc("ms")
        .draw()?;
    let line = points.iter().map(|p| (p.work as f64, grown(p)));
    chart.draw_series(LineSeries::new(line, proportional.mix(0.7)))?;
    chart.draw_series(LineSeries::new(points.iter().map(at), measured.stroke_width(2)))?;
    chart.draw_series(points.iter().map(|p| Circle::new(at(p), 3, measured.filled())))?;
    Ok(())
}
