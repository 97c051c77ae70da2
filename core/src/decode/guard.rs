//! Guards third-party decoders: a panic becomes an error, and prints nothing to standard error.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::Once;

/// A third-party decoder panicked. Its state must not be used again.
#[derive(Debug)]
pub(crate) struct Panicked;

static HOOK: Once = Once::new();

thread_local! {
    /// Whether this thread is running third-party code.
    static WITHIN: Cell<bool> = const { Cell::new(false) };
}

/// Runs third-party code. After a panic, the state that it worked on must be discarded.
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

/// Silences panics within guarded code. All others go to the previous hook.
fn keep_silent_within() {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        // The thread-local is gone in a thread that is ending, which runs no guarded code.
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

    /// Runs one test of this file in a separate process and returns its standard error.
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
        // Only the inner call has ended. The outer is still third-party code.
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
