use std::fs;

use super::*;
use crate::call::Role;
use crate::error::{ErrorKind, Warning};
use crate::export::{Peaks, page_points_per_second};
use crate::report::{SegmentReport, TrackError};
use crate::units::{Millis, Rate};

fn report() -> Report {
    serde_json::from_str(include_str!("../../../../../fixtures/keypad-hold/report.json")).unwrap()
}

fn waves(points: usize) -> Waves {
    let channel = |seed: i32| (0..points as i32).map(|i| [-(i * seed % 9000) as i16, (i * 31 % 9000) as i16]).collect();
    let peaks = Peaks::new(Rate::NARROWBAND, 80, vec![channel(7), channel(13)]);
    Waves { peaks, tracks: vec![0, 1], split: true }
}

fn page(report: &Report, audio: PageAudio, names: Names) -> String {
    let mut bytes = Vec::new();
    let shown = shown(report, names);
    let data = page_data(&shown, &waves(500), audio, names).unwrap();
    fill(&mut bytes, &shown, &data, audio).unwrap();
    String::from_utf8(bytes).unwrap()
}

/// The JSON that the scripts of a page read.
fn data(page: &str) -> serde_json::Value {
    let rest = page.split_once("id=\"data\">").unwrap().1;
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

#[test]
fn a_page_is_complete_and_needs_nothing_else() {
    let page = page(&report(), PageAudio::Beside("mix.wav"), Names::Roles);
    assert!(!page.contains("{{") && page.ends_with("</html>\n"));
    for outside in ["http://", "https://", "src=\"", "@import", "url("] {
        let allowed = usize::from(outside == "http://"); // the name space of SVG
        assert!(page.matches(outside).count() <= allowed, "{outside}");
    }
    assert_eq!(page.matches("</script>").count(), 2);
    assert!(page.contains(&format!("script-src '{}'", hash(SCRIPT))) && page.contains(&hash(STYLE)));
}

#[test]
fn scripts_and_styles_cannot_end_their_elements() {
    for text in [SCRIPT, STYLE] {
        assert!(!text.to_lowercase().contains("</s") && !text.contains("<!--"));
    }
    for markup in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
        assert!(!SCRIPT.contains(markup), "{markup}: texts reach the page as text only");
    }
}

#[test]
fn texts_from_outside_are_no_markup() {
    let evil = "</script><script>alert(1)</script><!--\u{2028}\u{202e}&quot;\"'\u{1f600}";
    let mut report = report();
    report.call.id = Some(evil.to_owned());
    report.tracks[0].party = Some(evil.to_owned());
    report.warnings.push(Warning::new("x", evil));
    let page = page(&report, PageAudio::Beside("mix.wav"), Names::Parties);
    assert!(!page.contains("alert(1)</script>") && !page.contains("<script>alert") && !page.contains('\u{2028}'));
    assert_eq!(page.matches("<script").count(), 2);
    assert!(page.contains("<title>normal call &lt;/script&gt;"));
    let read = data(&page);
    assert_eq!(read["report"]["tracks"][0]["party"], evil);
    assert_eq!(read["report"]["warnings"][0]["message"], evil);
}

#[test]
fn parties_paths_and_ids_are_there_only_where_they_are_asked_for() {
    let mut report = report();
    let source = report.tracks[0].source.clone().unwrap();
    let second = crate::decode::SourceInfo { path: Some("calls/second-piece.wav".into()), ..source };
    report.tracks[0].pieces.push(SegmentReport { source: second, span: crate::units::Span::new(0.0, 1.0) });
    let text = "customer.mp3 of +447700900176 in fixtures/keypad-hold";
    report.warnings.push(Warning::new("start_time_wrong", text));
    report.warnings.push(Warning::new("fact_party_unknown", "hold of Carolus at 1500 ms: no track is of its party"));
    let hold = r#"{"kind": "hold", "party": "Bobby", "reason": "card of Jane Roe", "startMs": 1, "endMs": 1, "contradicted": false}"#;
    report.facts = vec![serde_json::from_str(hold).unwrap()];
    report.tracks[1].error = Some(TrackError { code: ErrorKind::Malformed, message: "decode: agent.mp3: bad".into() });
    let all = page(&report, PageAudio::None, Names::Parties);
    let without = page(&report, PageAudio::None, Names::Roles);
    for text in
        ["+447700900176", "customer.mp3", "agent.mp3", "second-piece", "Carolus", "Bobby", "Jane", "keypad-hold"]
    {
        assert!(all.contains(text), "{text}");
        assert!(!without.contains(text) || text == "keypad-hold", "{text}");
    }
    assert_eq!(data(&without)["report"]["warnings"][0]["message"], "… of … in fixtures/…");
    assert_eq!(data(&without)["report"]["warnings"][1]["message"], "fact party unknown");
    assert_eq!(data(&without)["speakers"], serde_json::json!([Role::Customer, Role::Agent]));
}

#[test]
fn an_hour_of_two_parties_is_below_three_megabytes() {
    let hour = Millis(3_600_000.0);
    let points = page_points_per_second(hour, 2) as usize * 3600;
    let waves = waves(points);
    assert!(
        page_data(&report(), &waves, PageAudio::None, Names::Roles).unwrap().len() < 2_100_000,
        "and 500 kB are the report's"
    );
    assert!(points / 3600 >= 90, "fine enough to see syllables: {}", points / 3600);
    assert_eq!(page_points_per_second(Millis(1000.0), 1), 100);
    assert_eq!(page_points_per_second(Millis(1e9), 8), 2);
}

#[test]
fn audio_is_embedded_byte_for_byte() {
    let path = std::env::temp_dir().join(format!("callweave-page-{}.wav", std::process::id()));
    let bytes: Vec<u8> = (0..2 * EMBEDDED_AT_ONCE + 1000).map(|i| (i * 31 % 251) as u8).collect();
    fs::write(&path, &bytes).unwrap();
    let page = page(&report(), PageAudio::Embedded(&path), Names::Roles);
    fs::remove_file(&path).unwrap();
    let text = page.split_once("id=\"embedded-audio\">").unwrap().1.split_once("</script>").unwrap().0;
    assert_eq!(text, BASE64_STANDARD.encode(&bytes));
}
