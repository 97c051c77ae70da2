//! Guards third-party decoders: a panic becomes an error, and prints nothing to standard error.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::Once;

/// A third-party decoder panicked; its state is not to be used again.
#[derive(Debug)]
pub(crate) struct Panicked;

static HOOK: Once = Once::new();

thread_local! {
    /// Whether this thread is within third-party code.
    static WITHIN: Cell<bool> = const { Cell::new(false) };
}

/// Runs third-party code. What it worked on must be thrown away where it panicked.
#[inline]
pub(crate) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    // Hooks cannot be changed while the thread unwinds.
    if !std::thread::panicking() {
        HOOK.call_once(keep_silent_within);
    }
    let before = WITHIN.replace(true);
    let done = catch_unwind(AssertUnwindSafe(work)).map_err(|_| Panicked);
    WITHIN.set(before);
    done
}

/// Has panics within guarded work pass in silence; every other goes to the hook that was there.
fn keep_silent_within() {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        // A thread that is ending has no such mark any more, and is within nothing.
        if !WITHIN.try_with(Cell::get).unwrap_or(false) {
            hook(panic);
        }
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error() {
        let nothing: Vec<u8> = Vec::new();
        assert!(guarded(|| nothing[std::hint::black_box(3)]).is_err());
        assert_eq!(guarded(|| 7).unwrap(), 7);
    }

    /// Runs one test of this file in a process of its own; what it wrote on standard error.
    fn said_by(test: &str) -> String {
        let name = format!("decode::guard::tests::{test}");
        let program = std::env::current_exe().unwrap();
        let ran = std::process::Command::new(program).args([&name, "--exact", "--ignored", "--nocapture"]).output();
        let ran = ran.unwrap();
        assert!(String::from_utf8_lossy(&ran.stdout).contains("1 passed"), "{name}");
        String::from_utf8_lossy(&ran.stderr).into_owned()
    }

    #[test]
    fn a_caught_panic_says_nothing_and_every_other_does() {
        assert_eq!(said_by("child_that_is_caught"), "");
        let said = said_by("child_that_panics_around_it");
        assert!(said.contains("nobody caught this") && !said.contains("caught at the edge"), "{said}");
    }

    #[test]
    #[ignore = "runs in a process of its own"]
    fn child_that_is_caught() {
        assert!(guarded(|| panic!("caught at the edge")).is_err());
        assert!(guarded(|| guarded(|| panic!("caught at the edge")).is_err()).unwrap());
        // Only the inner one has ended: the outer is still third-party code.
        let broken = guarded(|| {
            let inner = guarded(|| 7);
            assert!(inner.is_err(), "caught at the edge");
        });
        assert!(broken.is_err());
    }

    #[test]
    #[ignore = "runs in a process of its own"]
    fn child_that_panics_around_it() {
        assert!(guarded(|| panic!("caught at the edge")).is_err());
        let beside = || -> () { panic!("nobody caught this") };
        assert!(catch_unwind(beside).is_err());
    }
}
