//! Makes, hashes and writes the blocks of a file on two threads.
//!
//! Each step takes the blocks in order, and one block at a time. Which thread does a step does not
//! matter: a thread takes what can be done next, and asks for a helper if there is more. No thread
//! waits for another.

use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use crate::error::{Error, Result};
use crate::threads;

/// Most blocks that are made and not yet written and hashed. With two, a thread waits at each block
/// for the longer of two steps.
const DEPTH: u64 = 4;

/// What is done with every block.
pub(super) struct BlockSteps<M, R, W> {
    /// Fills a block. Returns `false` if it is the last.
    pub make: M,
    /// Hashes a block, or reads it for another purpose.
    pub read: R,
    /// Writes a block.
    pub write: W,
}

/// Does all steps for all blocks.
///
/// # Errors
/// That of the first step that fails. Nothing is begun after it.
pub(super) fn run_steps<M, R, W>(steps: BlockSteps<M, R, W>) -> Result<()>
where
    M: FnMut(&mut Vec<u8>) -> Result<bool> + Send,
    R: FnMut(&[u8]) + Send,
    W: FnMut(&[u8]) -> Result<()> + Send,
{
    let pipeline = Pipeline {
        progress: Mutex::default(),
        blocks: Default::default(),
        make: Mutex::new(steps.make),
        read: Mutex::new(steps.read),
        write: Mutex::new(steps.write),
    };
    threads::helped(&|help| pipeline.work(help));
    let progress = pipeline.progress.into_inner().unwrap_or_else(PoisonError::into_inner);
    progress.failed.map_or(Ok(()), Err)
}

struct Pipeline<M, R, W> {
    progress: Mutex<BlockProgress>,
    blocks: [RwLock<Vec<u8>>; DEPTH as usize],
    make: Mutex<M>,
    read: Mutex<R>,
    write: Mutex<W>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BlockStep {
    Make,
    Read,
    Write,
}

/// How many blocks each step has done, by [`BlockStep`].
#[derive(Debug, Default)]
struct BlockProgress {
    done: [u64; 3],
    busy: [bool; 3],
    /// Number of blocks, once the last is made.
    count: Option<u64>,
    failed: Option<Error>,
    /// Whether a helper was asked for and has not returned.
    helped: bool,
}

impl BlockProgress {
    /// Returns the step to do next, and its block, if any can be done now.
    fn next(&self) -> Option<(BlockStep, u64)> {
        let [made, read, written] = self.done;
        let ready = |step: BlockStep| match step {
            BlockStep::Make => self.count.is_none() && made < read.min(written) + DEPTH,
            BlockStep::Read => read < made,
            BlockStep::Write => written < made,
        };
        // Hashing is the longest step, so it goes first.
        let mut steps =
            [BlockStep::Read, BlockStep::Make, BlockStep::Write].into_iter().filter(|_| self.failed.is_none());
        let step = steps.find(|&step| !self.busy[step as usize] && ready(step))?;
        Some((step, self.done[step as usize]))
    }
}

impl<M, R, W> Pipeline<M, R, W>
where
    M: FnMut(&mut Vec<u8>) -> Result<bool>,
    R: FnMut(&[u8]),
    W: FnMut(&[u8]) -> Result<()>,
{
    /// Does steps until none can be done. Another thread is busy then, and goes on, or all is done.
    fn work(&self, help: &dyn Fn()) {
        let mut progress = locked(&self.progress);
        while let Some((step, block)) = progress.next() {
            progress.busy[step as usize] = true;
            let more = !progress.helped && progress.next().is_some();
            progress.helped |= more;
            drop(progress);
            if more {
                help();
            }
            let done = self.run_step(step, block);
            progress = locked(&self.progress);
            progress.busy[step as usize] = false;
            match done {
                Ok(is_last) => {
                    progress.done[step as usize] += 1;
                    progress.count = progress.count.or(is_last.then_some(block + 1));
                }
                Err(error) => progress.failed = progress.failed.take().or(Some(error)),
            }
        }
        // Two threads work at most, so whoever returns makes room for a helper.
        progress.helped = false;
    }

    /// Does one step of one block. Returns `true` if it made the last block.
    fn run_step(&self, step: BlockStep, block: u64) -> Result<bool> {
        let place = &self.blocks[(block % DEPTH) as usize];
        let filled = || place.read().unwrap_or_else(PoisonError::into_inner);
        match step {
            BlockStep::Make => {
                let mut bytes = place.write().unwrap_or_else(PoisonError::into_inner);
                locked(&self.make)(&mut bytes).map(|more| !more)
            }
            BlockStep::Read => {
                locked(&self.read)(&filled());
                Ok(false)
            }
            BlockStep::Write => locked(&self.write)(&filled()).map(|()| false),
        }
    }
}

/// Locks a value that another thread may have left in a panic. Nothing uses it afterwards but to
/// stop.
fn locked<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::error::{ErrorKind, Stage};

    /// Makes blocks of their own number, and returns what was read, what was written, and the
    /// outcome. A step of block `fails` fails if it is named.
    fn blocks(count: u8, fails: Option<(BlockStep, u8)>, threads: usize) -> (Vec<u8>, Vec<u8>, Result<()>) {
        let failure = || Error::new(ErrorKind::Io, Stage::Export, "the disk is full");
        let (mut next, mut read, mut written) = (0, Vec::new(), Vec::new());
        let result = threads::apart(Some(threads), || {
            run_steps(BlockSteps {
                make: |block: &mut Vec<u8>| {
                    if fails == Some((BlockStep::Make, next)) {
                        return Err(failure());
                    }
                    *block = vec![next; 3];
                    next += 1;
                    Ok(next < count)
                },
                read: |block: &[u8]| {
                    // Steps of unlike length, so that any of them is waited for.
                    std::thread::sleep(Duration::from_micros(u64::from(block[0] % 7) * 30));
                    read.extend(block);
                },
                write: |block: &[u8]| {
                    if fails == Some((BlockStep::Write, block[0])) {
                        return Err(failure());
                    }
                    std::thread::sleep(Duration::from_micros(u64::from(block[0] % 5) * 40));
                    written.extend(block);
                    Ok(())
                },
            })
        });
        (read, written, result.unwrap())
    }

    #[test]
    fn each_block_is_read_and_written_once_and_in_order() {
        for threads in [1, 2, 4] {
            for count in [1, 2, 3, 4, 5, 100] {
                let want: Vec<u8> = (0..count).flat_map(|k| [k; 3]).collect();
                let (read, written, result) = blocks(count, None, threads);
                assert!(result.is_ok() && read == want && written == want, "{count} blocks on {threads} threads");
            }
        }
    }

    #[test]
    fn a_step_that_fails_ends_the_others() {
        for threads in [1, 2] {
            for step in [BlockStep::Make, BlockStep::Write] {
                let (read, written, result) = blocks(100, Some((step, 20)), threads);
                assert_eq!(result.unwrap_err().message(), "the disk is full");
                assert!(written.len() <= 20 * 3 && read.len() < 30 * 3, "{step:?}: {} {}", written.len(), read.len());
            }
        }
    }

    #[test]
    fn a_step_may_use_threads_itself() {
        for threads in [1, 2, 3] {
            let (mut left, mut sum) = (50, 0);
            let steps = BlockSteps {
                make: |block: &mut Vec<u8>| {
                    left -= 1;
                    *block = threads::map(vec![1, 2, 3], |x: u8| x + 1);
                    Ok(left > 0)
                },
                read: |_: &[u8]| drop(threads::map((0..8).collect(), |x: u8| x)),
                write: |block: &[u8]| {
                    sum += threads::map(block.to_vec(), usize::from).into_iter().sum::<usize>();
                    Ok(())
                },
            };
            threads::apart(Some(threads), || run_steps(steps)).unwrap().unwrap();
            assert_eq!(sum, 50 * 9);
        }
    }

    #[test]
    fn a_panic_is_passed_on_and_nobody_waits_for_ever() {
        for threads in [1, 2] {
            let steps = BlockSteps {
                make: |_: &mut Vec<u8>| Ok(true),
                read: |_: &[u8]| panic!("a step broke"),
                write: |_: &[u8]| Ok(()),
            };
            let broken = threads::on_own(Some(threads), || run_steps(steps)).unwrap_err();
            assert!(broken.message().contains("a step broke"), "{broken}");
        }
    }
}
