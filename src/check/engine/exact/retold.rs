//! What authors say of the executions that stand for outcomes: nobody listens during the search, so each of them is
//! looked up by its path and executed once more, with notes kept.

use super::graph::Graph;
use super::job::Worker;
use crate::check::model::Outcome;
use crate::check::run::Execution;
use std::collections::BTreeMap;

/// Jobs that this may take, for all outcomes together. Where there are more, what is left stays without notes.
const JOBS: usize = 4_000;

impl Worker {
    /// Puts what is said into the executions of `witnesses`, which stand beside the paths of the jobs that came by them.
    pub fn retell(&self, witnesses: &mut BTreeMap<Outcome, (Vec<u32>, Execution)>) {
        let mut jobs = JOBS;
        for (outcome, (path, silent)) in witnesses {
            let Some(g) = self.job_at(path, &mut jobs) else { continue };
            self.run.state().witnesses.clear();
            self.run.keep_notes(true);
            self.run_job(g);
            self.run.keep_notes(false);
            self.exact.inner().e.pushed.clear();
            let said = self.run.state().witnesses.remove(outcome);
            if let Some((_, said)) = said.filter(|s| s.1.events.len() == silent.events.len()) {
                *silent = said;
            }
        }
    }

    /// The job with this path; `None` if it takes too many others to come by it.
    fn job_at(&self, path: &[u32], jobs: &mut usize) -> Option<Graph> {
        let mut g = Graph::root();
        while g.path != path {
            *jobs = jobs.checked_sub(1)?;
            let above = g.path.clone();
            self.run_job(g);
            g = self.children(&above).into_iter().find(|child| path.starts_with(&child.path))?;
        }
        Some(g)
    }
}
