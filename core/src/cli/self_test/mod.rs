//! `callweave self-test`: checks this installation by analyzing a built-in call and comparing the
//! report with the expected one.

use serde::Serialize;
use serde_json::Value;

use crate::call::Role;
use crate::config::Config;
use crate::decode::Input;
use crate::error::Result;
use crate::json;
use crate::process::{VERSION, analyze};
use crate::report::REVISIONS;
use crate::run::RunOptions;
use crate::simd;
use crate::threads;

use super::args::SelfTestArgs;
use super::{DONE, FAILED, Stop, Streams};

/// The call `fixtures/short`, as FLAC.
const CUSTOMER: &[u8] = include_bytes!("customer.flac");
const AGENT: &[u8] = include_bytes!("agent.flac");
/// The expected report, on any machine.
const GOLDEN: &str = include_str!("report.json");
/// Most differences that are listed.
const NAMED: usize = 10;

/// The result of the test.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SelfTest {
    ok: bool,
    version: &'static str,
    /// The CPU instructions in use.
    cpu: String,
    threads: usize,
    /// The features compiled in.
    features: Vec<&'static str>,
    /// The revision of each stage.
    stages: Value,
    /// Differences between the report and the expected one.
    differences: Vec<String>,
}

pub(super) fn run(args: &SelfTestArgs, streams: &mut Streams, run: &RunOptions) -> Result<u8, Stop> {
    let report = heard(run)?;
    if args.report {
        writeln!(streams.out, "{report}")?;
        return Ok(DONE);
    }
    let found = SelfTest::new(&report)?;
    if args.json {
        writeln!(streams.out, "{}", json::text(&found)?)?;
    } else {
        found.print(streams)?;
    }
    Ok(if found.ok { DONE } else { FAILED })
}

/// Returns the built-in call's report without the library's version, because a release does not
/// change results.
fn heard(run: &RunOptions) -> Result<Value> {
    let input = |name: &str, bytes: &'static [u8], role| Input::bytes(name, bytes.to_vec()).role(role);
    let inputs = vec![input("customer.flac", CUSTOMER, Role::Customer), input("agent.flac", AGENT, Role::Agent)];
    let config = Config { portable: true, ..Config::default() };
    let mut report = json::tree(&analyze(inputs, &config, run)?)?;
    if let Some(fields) = report.as_object_mut() {
        fields.remove("library");
    }
    Ok(report)
}

impl SelfTest {
    fn new(report: &Value) -> Result<Self> {
        let mut differences = Vec::new();
        match serde_json::from_str::<Value>(GOLDEN) {
            Ok(golden) => compare("", &golden, report, &mut differences),
            Err(_) => differences.push("the expected report cannot be read".to_owned()),
        }
        Ok(Self {
            ok: differences.is_empty(),
            version: VERSION,
            cpu: simd::level(),
            threads: threads::parallelism(),
            features: features(),
            stages: json::tree(&REVISIONS.iter().copied().collect::<std::collections::BTreeMap<_, _>>())?,
            differences,
        })
    }

    fn print(&self, streams: &mut Streams) -> Result<(), Stop> {
        let out = &mut streams.out;
        writeln!(out, "callweave {}, {}, {} threads", self.version, self.cpu, self.threads)?;
        writeln!(out, "features: {}", self.features.join(", "))?;
        if self.ok {
            writeln!(out, "ok: the built-in call's report is as expected")?;
        }
        for difference in self.differences.iter().take(NAMED) {
            streams.note("error", difference);
        }
        let more = self.differences.len().saturating_sub(NAMED);
        if more > 0 {
            streams.note("error", format_args!("and {more} more"));
        }
        Ok(())
    }
}

/// Returns the features compiled in.
fn features() -> Vec<&'static str> {
    let all = [
        ("cli", cfg!(feature = "cli")),
        ("he-aac", cfg!(feature = "he-aac")),
        ("opus", cfg!(feature = "opus")),
        ("page", cfg!(feature = "page")),
        ("providers", cfg!(feature = "providers")),
        ("webrtc", cfg!(feature = "webrtc")),
    ];
    all.into_iter().filter(|(_, there)| *there).map(|(name, _)| name).collect()
}

/// Lists where two values differ, by path.
fn compare(place: &str, golden: &Value, found: &Value, differences: &mut Vec<String>) {
    match (golden, found) {
        (Value::Object(a), Value::Object(b)) => {
            for key in a.keys().chain(b.keys().filter(|key| !a.contains_key(*key))) {
                let (a, b) = (a.get(key).unwrap_or(&Value::Null), b.get(key).unwrap_or(&Value::Null));
                compare(&format!("{place}.{key}"), a, b, differences);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (i, (a, b)) in a.iter().zip(b).enumerate() {
                compare(&format!("{place}[{i}]"), a, b, differences);
            }
        }
        _ if golden != found => {
            differences.push(format!("{}: found {found}, expected {golden}", place.trim_start_matches('.')));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_named_by_its_place() {
        let golden = serde_json::json!({"a": [1, {"b": 2}], "c": 3, "gone": 1});
        let found = serde_json::json!({"a": [1, {"b": 5}], "c": 3, "come": 1});
        let mut differences = Vec::new();
        compare("", &golden, &found, &mut differences);
        assert_eq!(
            differences,
            ["a[1].b: found 5, expected 2", "gone: found null, expected 1", "come: found 1, expected null"]
        );
        differences.clear();
        compare("", &golden, &golden, &mut differences);
        assert!(differences.is_empty());
    }
}
