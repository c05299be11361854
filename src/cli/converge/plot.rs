//! The study as one picture: a small plot for each sampler, all on the same axes.

use plotters::prelude::*;

use super::{ABOVE, Series, Study};

const COLUMNS: usize = 4;
const PANEL: (u32, u32) = (300, 240);
const CALLS: std::ops::Range<f64> = 2.0..320.0;
const ERRORS: std::ops::Range<f64> = 1e-6..3.0;
const MEASURED: RGBColor = RGBColor(0x1f, 0x5f, 0xa8);
const EXPECTED: RGBColor = RGBColor(0xc2, 0x55, 0x1b);

/// The picture's SVG.
pub fn svg(study: &Study) -> Result<String, String> {
    let rows = study.series.len().div_ceil(COLUMNS);
    let size = (COLUMNS as u32 * PANEL.0, rows as u32 * PANEL.1);
    let mut text = String::new();
    {
        let root = SVGBackend::with_string(&mut text, size).into_drawing_area();
        root.fill(&WHITE).map_err(|e| e.to_string())?;
        for (area, series) in root.split_evenly((rows, COLUMNS)).iter().zip(&study.series) {
            panel(area, series).map_err(|e| e.to_string())?;
        }
        root.present().map_err(|e| e.to_string())?;
    }
    Ok(text)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Outcome<'a> = Result<(), DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>>;

fn panel<'a>(area: &Area<'a>, series: &Series) -> Outcome<'a> {
    let orders = match (series.order, series.measured) {
        (Some(order), Some(measured)) => format!(" · order {order}, measured {measured:.1}"),
        (Some(order), None) => format!(" · order {order}"),
        (None, _) => String::new(),
    };
    let mut chart = ChartBuilder::on(area)
        .margin(6)
        .margin_right(14)
        .caption(format!("{}{orders}", series.title), ("sans-serif", 13))
        .x_label_area_size(28)
        .y_label_area_size(44)
        .build_cartesian_2d(CALLS.log_scale(), ERRORS.log_scale())?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.12))
        .x_labels(6)
        .y_labels(7)
        .x_label_formatter(&|calls| format!("{calls:.0}"))
        .y_label_formatter(&|error| format!("{error:.0e}"))
        .label_style(("sans-serif", 11))
        .x_desc("network calls")
        .draw()?;

    let points: Vec<(f64, f64)> = series
        .points
        .iter()
        .map(|point| (point.network_calls as f64, point.error.clamp(ERRORS.start, ERRORS.end)))
        .collect();
    chart.draw_series(
        expected(series).chunks_exact(2).map(|dash| PathElement::new(dash.to_vec(), EXPECTED)),
    )?;
    chart.draw_series(LineSeries::new(points.iter().copied(), MEASURED.stroke_width(2)))?;
    chart.draw_series(points.iter().map(|point| Circle::new(*point, 3, MEASURED.filled())))?;
    Ok(())
}

/// The ends of the dashes of a line of the expected order, through the last point that tells.
fn expected(series: &Series) -> Vec<(f64, f64)> {
    let least = series.points.iter().map(|point| point.error).fold(f64::INFINITY, f64::min);
    let telling = series.points.iter().rev().find(|point| point.error >= ABOVE * least);
    let (Some(order), Some(through)) = (series.order, telling) else { return Vec::new() };
    let error = |calls: f64| through.error * (through.network_calls as f64 / calls).powi(order as i32);
    let ends = (0..=48).map(|i| CALLS.start * (200.0 / CALLS.start).powf(f64::from(i) / 48.0));
    let dashes: Vec<(f64, f64)> = ends.map(|calls| (calls, error(calls))).collect();
    let inside = |dash: &[(f64, f64)]| dash.iter().all(|(_, error)| ERRORS.contains(error));
    dashes.chunks_exact(2).filter(|dash| inside(dash)).flatten().copied().collect()
}
