//! The threads of work, tested by themselves: the library links against Node alone.
#![allow(clippy::unwrap_used, clippy::panic, dead_code)]

#[path = "../src/threads.rs"]
mod threads;

use callweave::ErrorKind;

#[test]
fn a_panic_is_an_error_of_that_work_alone() {
    for number in [1, 3] {
        let broken =
            threads::on(number, || -> callweave::Result<()> { panic!("nobody thought of {number}") }).unwrap_err();
        assert_eq!(broken.kind(), ErrorKind::Internal);
        assert!(broken.message().contains(&format!("nobody thought of {number}")), "{broken}");
        assert_eq!(threads::on(number, || Ok(rayon::current_num_threads())).unwrap(), number as usize);
    }
    let broken = threads::guarded(|| -> callweave::Result<()> { std::panic::panic_any(7) }).unwrap_err();
    assert_eq!(broken.kind(), ErrorKind::Internal);
}
