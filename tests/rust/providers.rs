//! The worked examples of the providers' pages are what the program and the library really give.
//! `UPDATE_GOLDEN=1` writes them again.

use callweave::call::Direction;
use callweave::provider::mcloud::{Dialling, NewRecording, Outgoing};
use callweave::provider::{CallDescription, Options, Part, Recording, locate, parse_offset, read, threecx};
use serde_json::{Value, json};

use crate::{program, read as text_of, root};

const PAGES: [&str; 8] = ["manifest", "mcloud", "siprec", "tencent", "threecx", "vcon", "voipbin", "wellcloud"];

/// What stands behind a mark such as `<!-- output: callweave … -->`, up to the next empty line or
/// the end of its block.
fn real(mark: &str) -> String {
    match mark.split_once(": ").unwrap() {
        ("output", command) => {
            let args: Vec<&str> = command.split(' ').skip(1).chain(["--portable"]).collect();
            let (status, out, err) = program(&args);
            assert_eq!(status, 0, "{command}: {err}");
            format!("```\n$ {command}\n{out}```")
        }
        ("recordings", document) => recordings(document),
        ("described", name) => {
            let options = Options { local_offset_s: Some(parse_offset("+07:00").unwrap()) };
            let call = threecx::describe(name, &options).unwrap().unwrap();
            block(&json!({"call": call.call, "customer": call.customer, "agent": call.agent}))
        }
        ("body", document) => {
            let call = read(&text_of(document)).unwrap();
            let options = Outgoing {
                direction: Some(Direction::In),
                dialling: Some(Dialling::new("44", "0").unwrap()),
                offset_s: Some(25_200),
                callcenter_name: Some("Lakeside Cycles".to_owned()),
                ..Outgoing::default()
            };
            let (_, report, _) = program(&["process", document, "--json", "--portable"]);
            let report = serde_json::from_str(&report).unwrap();
            let body = NewRecording::of_report(&report, Some(&call), &options).unwrap();
            format!("```json\n{}\n```", serde_json::to_string_pretty(&body).unwrap())
        }
        (other, _) => panic!("no such example: {other}"),
    }
}

fn block(value: &Value) -> String {
    format!("```json\n{}\n```", serde_json::to_string_pretty(value).unwrap())
}

/// The table of a document's recordings with the files that were found for them.
fn recordings(document: &str) -> String {
    let path = root().join(document);
    let call = read(&text_of(document)).unwrap();
    let matched = locate(&call, path.parent().unwrap()).unwrap();
    let mut table = String::from("| who | recording | began | over by | file |\n|---|---|---|---|---|");
    for found in &matched.found {
        let recording = &call.recordings[found.recording];
        let time = |moment: Option<callweave::Moment>| moment.map_or_else(|| "–".to_owned(), |m| m.to_rfc3339());
        let row = [
            who(&call, recording),
            recording.leg.recording_id.clone().unwrap_or_default(),
            time(recording.leg.started_at),
            time(recording.over_by),
            format!("`{}`", found.audio.file_name().unwrap().to_string_lossy()),
        ];
        table.push_str(&format!("\n| {} |", row.join(" | ")));
    }
    table
}

/// Who is heard in a recording, or in each of its parts.
fn who(call: &CallDescription, recording: &Recording) -> String {
    let named = |role: &str, party: Option<&String>| match party {
        Some(party) => format!("{role} {party}"),
        None => role.to_owned(),
    };
    let part = |part: &Part| {
        let place = match (part.leg.channel, part.name_ends) {
            (Some(channel), _) => format!("channel {channel}"),
            (None, end) => format!("`…{}`", end.unwrap_or_default()),
        };
        format!("{place}: {}", named(part.leg.role.name(), part.leg.party.as_ref()))
    };
    assert!(!call.recordings.is_empty());
    if recording.parts.is_empty() {
        return named(recording.leg.role.name(), recording.leg.party.as_ref());
    }
    recording.parts.iter().map(part).collect::<Vec<_>>().join("<br>")
}

/// A page with every example made anew, and how many there are.
fn made_anew(page: &str) -> (String, usize) {
    let mut out = String::new();
    let mut rest = page;
    let mut count = 0;
    while let Some((before, behind)) = rest.split_once("<!-- ") {
        let (mark, behind) = behind.split_once(" -->\n").unwrap();
        let (old_end, gap) = match behind {
            empty if empty.starts_with('\n') => (0, "\n"),
            block if block.starts_with("```") => (block.find("\n```").map_or(0, |at| at + "\n```".len()), ""),
            table => (table.find("\n\n").unwrap_or(table.trim_end().len()), ""),
        };
        out.push_str(&format!("{before}<!-- {mark} -->\n{}{gap}", real(mark)));
        rest = &behind[old_end..];
        count += 1;
    }
    out.push_str(rest);
    (format!("{}\n", out.trim_end()), count)
}

#[test]
fn the_worked_examples_are_real() {
    let mut old = Vec::new();
    for name in PAGES {
        let path = format!("core/docs/providers/{name}.md");
        let page = text_of(&path);
        let (real, count) = made_anew(&page);
        assert!(count > 0, "{path}: no worked example");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(root().join(&path), &real).unwrap();
        } else if real != page {
            old.push(format!("{path}: {real}"));
        }
    }
    assert!(old.is_empty(), "if it is meant: UPDATE_GOLDEN=1\n{}", old.join("\n"));
}

#[test]
fn every_provider_has_its_page() {
    for entry in std::fs::read_dir(root().join("core/docs/providers")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(PAGES.contains(&name.trim_end_matches(".md")), "{name}");
    }
}
