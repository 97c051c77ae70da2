//! What the threads of work do as they start: they let the event loop's thread go first where
//! threads wait for a processor.

/// Steps back behind the thread that began the work. Linux alone counts priorities by thread; where
/// it is not allowed, the thread works as it is.
#[cfg(target_os = "linux")]
pub fn step_back() {
    use rustix::{process, thread};
    /// Steps of `nice` below the thread that began the work: about a tenth of its share where
    /// processors are short.
    const NICE: i32 = 10;
    let this = Some(thread::gettid());
    if let Ok(priority) = process::getpriority_process(this) {
        let _ = process::setpriority_process(this, (priority + NICE).min(19));
    }
}

#[cfg(not(target_os = "linux"))]
pub fn step_back() {}
