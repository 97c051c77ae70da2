//! The built-in call of `callweave self-test`, and the steps' times beside a report.

use crate::{program, root};

const GOLDEN: &str = "core/src/cli/self_test/report.json";

#[test]
fn the_built_in_call_is_heard_as_its_golden_report_says() {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let (status, out, err) = program(&["self-test", "--report"]);
        assert_eq!(status, 0, "{err}");
        // It is compiled in: the next run holds it against what is heard.
        std::fs::write(root().join(GOLDEN), out).unwrap();
        return;
    }
    let (status, out, err) = program(&["self-test"]);
    assert!(status == 0 && out.contains("as expected"), "{out}{err}");
    let (status, out, _) = program(&["self-test", "--json"]);
    let found: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((status, &found["ok"], found["version"].as_str()), (0, &true.into(), Some(callweave::VERSION)));
    assert!(found["cpu"].as_str().is_some_and(|cpu| !cpu.is_empty()), "{out}");
}

#[test]
fn times_are_beside_the_report_and_change_nothing_of_it() {
    let file = std::env::temp_dir().join(format!("callweave-timings-{}.json", std::process::id()));
    let path = file.display().to_string();
    let plain = program(&["process", "fixtures/short/manifest.json", "--json"]);
    let timed = program(&["process", "fixtures/short/manifest.json", "--json", "--timings", &path]);
    assert_eq!(plain, timed);
    let told: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let steps: Vec<&str> =
        told["steps"].as_array().unwrap().iter().map(|step| step["step"].as_str().unwrap()).collect();
    assert_eq!(steps, ["describe", "analyze", "join", "place", "gate", "separate", "measure", "report"], "{told}");
    std::fs::remove_file(file).unwrap();
}
