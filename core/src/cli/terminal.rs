//! Properties of standard output: whether it is a terminal, its width and its colors.

use std::env;

use console::Term;

/// A terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Terminal {
    pub columns: usize,
    /// Whether to use colors: not if `NO_COLOR` is set (<https://no-color.org>), nor on a dumb
    /// terminal.
    pub colour: bool,
}

impl Terminal {
    /// Returns standard output, if it is a terminal.
    pub(super) fn of_stdout() -> Option<Self> {
        let term = Term::stdout();
        let (_, columns) = term.size();
        let no_colour = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = env::var_os("TERM").is_some_and(|value| value == "dumb");
        term.is_term().then_some(Self { columns: columns.into(), colour: !no_colour && !dumb })
    }
}
