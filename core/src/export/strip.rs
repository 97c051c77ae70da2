//! Draws a call: one row per track with its speech, bleed and other sounds.

use std::fmt::Write;

use crate::report::{Report, TrackReport};
use crate::units::{Millis, Span};

/// Dimensions of the picture in pixels.
const WIDTH: f64 = 960.0;
const LEFT: f64 = 96.0;
const ROW: f64 = 44.0;
const BAR: f64 = 22.0;
const TOP: f64 = 34.0;
/// Approximate distance between the marks of the time axis.
const MARK: f64 = 90.0;
/// Most marks of the time axis: two days in steps of two hours.
const MAX_MARKS: usize = 24;

/// Colors that are legible on light and on dark backgrounds.
const STYLE: &str = "text{font:12px system-ui,sans-serif;fill:#666}.line{stroke:#8888;stroke-width:1}.bleed{fill:#8888}\
.event{fill:#c77d00}.a{fill:#2f7fd0}.b{fill:#2a9d6f}.c{fill:#a05fc4}";

/// Returns the call as an SVG picture. It shows roles, but no parties or paths.
pub fn strip_svg(report: &Report) -> String {
    let total = report.call.duration_ms.0.max(1.0);
    let x = |time: Millis| LEFT + time.0 / total * (WIDTH - LEFT - 8.0);
    let height = TOP + ROW * report.tracks.len() as f64 + 26.0;
    let mut svg = String::new();
    let tag = format!("{} call: {}, {}", report.tag.value, report.outcome.value, clock(report.call.duration_ms));
    let _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\"><title>{tag}</title>\
         <style>{STYLE}</style><text x=\"8\" y=\"20\">{tag}</text>"
    );
    for (row, track) in report.tracks.iter().enumerate() {
        draw_track(&mut svg, track, TOP + ROW * row as f64, ["a", "b", "c"][row % 3], &x);
    }
    draw_axis(&mut svg, total, height, &x);
    svg.push_str("</svg>\n");
    svg
}

fn draw_track(svg: &mut String, track: &TrackReport, top: f64, colour: &str, x: &impl Fn(Millis) -> f64) {
    let middle = top + BAR / 2.0;
    let _ = write!(svg, "<text x=\"8\" y=\"{:.1}\">{}</text>", middle + 4.0, track.role);
    let _ = write!(svg, "<path class=\"line\" d=\"M{LEFT} {middle:.1}H{:.1}\"/>", WIDTH - 8.0);
    let mut bar = |class: &str, span: &Span, top: f64, height: f64, title: &str| {
        let (left, right) = (x(span.start), x(span.end));
        let width = (right - left).max(1.0);
        let _ = write!(
            svg,
            "<rect class=\"{class}\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\">\
             <title>{title} {} to {}</title></rect>",
            clock(span.start),
            clock(span.end)
        );
    };
    for bleed in &track.bleed {
        bar("bleed", &bleed.span, middle - 3.0, 6.0, "bleed");
    }
    for span in &track.speech {
        bar(colour, span, top, BAR, "speech");
    }
    for event in &track.events {
        bar("event", &event.span, top + BAR + 2.0, 5.0, event.kind.name());
    }
    let mut free = 0.0;
    for event in &track.events {
        let left = x(event.span.start);
        if left >= free {
            let name = event.kind.name();
            let _ = write!(svg, "<text x=\"{left:.1}\" y=\"{:.1}\" font-size=\"10\">{name}</text>", top + BAR + 18.0);
            free = left + 7.0 * name.len() as f64 + 6.0;
        }
    }
}

fn draw_axis(svg: &mut String, total: f64, height: f64, x: &impl Fn(Millis) -> f64) {
    let steps = [1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0];
    let wanted = total / 1000.0 * MARK / (WIDTH - LEFT);
    let step = 1000.0 * steps.into_iter().find(|&s| s >= wanted).unwrap_or(7200.0);
    // A report from elsewhere may claim a call of any length.
    let marks = ((total / step) as usize).min(MAX_MARKS);
    for mark in (0..=marks).map(|i| Millis(i as f64 * step)) {
        let (left, y) = (x(mark), height - 8.0);
        let _ = write!(svg, "<text x=\"{left:.1}\" y=\"{y:.1}\" font-size=\"10\">{}</text>", clock(mark));
    }
}

/// Formats a time as minutes and seconds.
pub(super) fn clock(time: Millis) -> String {
    let seconds = time.seconds().max(0.0) as u64;
    format!("{}:{:02}", seconds / 60, seconds % 60)
}
