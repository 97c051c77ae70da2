//! `callweave probe`: shows what recordings are.

use crate::config::DecodeOptions;
use crate::decode::{Input, probe, probe_head};
use crate::json;

use super::args::ProbeArgs;
use super::{DONE, FAILED, Stop, Streams};

pub(super) fn run(args: ProbeArgs, streams: &mut Streams) -> Result<u8, Stop> {
    let mut status = DONE;
    let ask = if args.quick { probe_head } else { probe };
    for file in args.files {
        match ask(Input::path(file), &DecodeOptions::default()) {
            Ok(probe) => {
                if args.json {
                    writeln!(streams.out, "{}", json::text(&probe)?)?;
                } else {
                    write!(streams.out, "{probe}")?;
                }
                if probe.problem.is_some() {
                    status = FAILED;
                }
            }
            Err(error) => {
                streams.note("error", error);
                status = FAILED;
            }
        }
    }
    Ok(status)
}
