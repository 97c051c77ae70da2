//! The spans of a call, as a subscriber collects them.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};

use callweave::{CallInput, Config, RunOptions, analyze};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Keeps the names of spans, and all else that they say.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<(Vec<&'static str>, Vec<String>)>>);

impl Visit for Collector {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.lock().unwrap().1.push(format!("{field}: {value:?}"));
    }
}

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "callweave"
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut self.clone());
        let mut told = self.0.lock().unwrap();
        told.0.push(span.metadata().name());
        Id::from_u64(told.0.len() as u64)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut self.clone());
    }

    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[test]
fn each_step_is_a_span_that_says_nothing_of_the_call() {
    let collector = Collector::default();
    tracing::subscriber::set_global_default(collector.clone()).unwrap();
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/short/manifest.json");
    analyze(CallInput::open(&[manifest]).unwrap(), &Config::default(), &RunOptions::default()).unwrap();
    let told = collector.0.lock().unwrap();
    assert_eq!(told.0, ["describe", "analyze", "join", "place", "gate", "separate", "measure", "report"]);
    assert_eq!(told.1, Vec::<String>::new(), "no fields, no events: no paths, no parties");
}
