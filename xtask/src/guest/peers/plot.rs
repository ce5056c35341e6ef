//! What was available over time in each scene, as a picture beside the page.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::suite::Suite;
use super::{CONTENDERS, MEMORY_MIB, Row, Seen};
use crate::root;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 240.0;
/// Room for the numbers at the left and below, and for the names above.
const LEFT: f64 = 44.0;
const BELOW: f64 = 34.0;
const ABOVE: f64 = 28.0;
/// Of each contender; they can be told apart without seeing red and green.
const COLOURS: [&str; 6] = ["#767676", "#d98200", "#f2b84b", "#00937d", "#8a4fbf", "#0067c0"];
/// A line at each so many MiB.
const STEP_MIB: u32 = 100;

/// `12.1:300 12.6:290`; what cannot be read is left out. The first is at 0 s.
pub(super) fn samples(text: &str) -> Vec<(f64, u32)> {
    let pair = |word: &str| {
        let (at, mib) = word.split_once(':')?;
        Some((at.parse::<f64>().ok()?, mib.parse().ok()?))
    };
    let all: Vec<(f64, u32)> = text.split_whitespace().filter_map(pair).collect();
    let first = all.first().map_or(0.0, |(at, _)| *at);
    all.into_iter().map(|(at, mib)| (at - first, mib)).collect()
}

/// Where the picture of a scene is, if there is one: beside the page.
pub(super) fn file(suite: Suite, scene: &str) -> PathBuf {
    suite.folder_beside_page().join(format!("{scene}.svg"))
}

/// Draws each scene that has samples.
pub(super) fn draw(suite: Suite, rows: &[Row]) -> Result<()> {
    for scene in suite.scenes()? {
        let Some(picture) = picture(rows, &scene) else { continue };
        let path = root().join(file(suite, &scene));
        fs::write(&path, picture).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

/// All runs of a scene beside each contender, one line each.
fn picture(rows: &[Row], scene: &str) -> Option<String> {
    let of = |contender: &str| {
        let row = rows.iter().find(|row| row.scene == scene && row.contender == contender);
        row.into_iter().flat_map(|row| &row.runs).filter(|seen| !seen.samples.is_empty())
    };
    let all = || CONTENDERS.iter().flat_map(|(contender, _)| of(contender)).flat_map(|seen| &seen.samples);
    let seconds = all().map(|(at, _)| *at).fold(0.0, f64::max).max(1.0);
    let most = all().map(|(_, mib)| *mib).max()?.clamp(STEP_MIB, MEMORY_MIB);
    let x = |at: f64| LEFT + at / seconds * (WIDTH - LEFT - 8.0);
    let y = |mib: u32| HEIGHT - BELOW - f64::from(mib) / f64::from(most) * (HEIGHT - BELOW - ABOVE);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    for mib in (0..=most).step_by(STEP_MIB as usize) {
        line(&mut svg, &[(x(0.0), y(mib)), (x(seconds), y(mib))], "#ddd", 1.0);
        text(&mut svg, LEFT - 6.0, y(mib) + 4.0, "end", "#444", &mib.to_string());
    }
    let step =
        [5.0, 10.0, 20.0, 50.0, 100.0].into_iter().find(|step| seconds / step <= 10.0).unwrap_or(200.0);
    let mut at = 0.0;
    while at <= seconds {
        text(&mut svg, x(at), HEIGHT - BELOW + 16.0, "middle", "#444", &format!("{at:.0}"));
        at += step;
    }
    text(&mut svg, WIDTH - 8.0, HEIGHT - 4.0, "end", "#444", "seconds; MiB available");
    let mut left = LEFT;
    for ((contender, name), colour) in CONTENDERS.iter().zip(COLOURS) {
        let runs: Vec<&Seen> = of(contender).collect();
        let Some(first) = runs.first() else { continue };
        for seen in &runs {
            let points: Vec<(f64, f64)> = seen.samples.iter().map(|&(at, mib)| (x(at), y(mib))).collect();
            line(&mut svg, &points, colour, 1.5);
        }
        let name = if first.is_kept() { (*name).to_owned() } else { format!("{name} (wrong)") };
        text(&mut svg, left, 16.0, "start", colour, &name);
        left += 9.0 * name.len() as f64 + 12.0;
    }
    svg.push_str("</svg>\n");
    Some(svg)
}

fn line(svg: &mut String, points: &[(f64, f64)], colour: &str, width: f64) {
    let points: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    *svg += &format!(
        "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\" points=\"{}\"/>\n",
        points.join(" ")
    );
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, colour: &str, what: &str) {
    *svg += &format!(
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"{colour}\">{what}</text>\n"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_begin_at_their_first_and_nonsense_is_left_out() {
        assert_eq!(samples(" 100.5:300 x 101:2: 102.5:290"), [(0.0, 300), (2.0, 290)]);
        assert!(samples("").is_empty());
    }

    #[test]
    fn a_scene_has_a_line_for_each_run_and_none_without_samples() {
        let seen = |kept: &str| Seen { kept: kept.into(), samples: samples("1:300 9:20"), ..Seen::default() };
        let row = |contender: &str, runs| Row { scene: "leak".into(), contender: contender.into(), runs };
        let rows = [row("jettison", vec![seen("yes"), seen("yes")]), row("kernel", vec![seen("no, x")])];
        let picture = picture(&rows, "leak").unwrap();
        let lines = COLOURS.map(|colour| picture.matches(&format!("stroke=\"{colour}\"")).count());
        assert_eq!(lines, [1, 0, 0, 0, 0, 2], "{picture}");
        assert!(picture.contains("kernel alone (wrong)") && picture.contains(">Jettison<"), "{picture}");
        assert!(super::picture(&rows, "calm").is_none());
    }
}
