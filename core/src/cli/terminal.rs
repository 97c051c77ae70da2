//! What standard output is: a terminal of some width, in colours or not, or none.

use std::env;

use console::Term;

/// A terminal to print to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Terminal {
    pub columns: usize,
    /// Whether colours are wanted: not where `NO_COLOR` is set (<https://no-color.org>) nor on a
    /// dumb terminal.
    pub colour: bool,
}

impl Terminal {
    /// Standard output, where that is a terminal.
    pub(super) fn of_stdout() -> Option<Self> {
        let term = Term::stdout();
        let (_, columns) = term.size();
        let no_colour = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = env::var_os("TERM").is_some_and(|value| value == "dumb");
        term.is_term().then_some(Self { columns: columns.into(), colour: !no_colour && !dumb })
    }
}
