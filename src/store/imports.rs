//! Imports of files: the jobs, and what became of each row.
//!
//! An import writes in batches. Each batch is one transaction with its books, its rows and the counts of the job. It is
//! written only if the job still runs and has the counts that the batch was made for, so that a repeated batch is
//! written once, and a job that was ended as abandoned writes nothing more.

mod batch;
mod jobs;
mod model;
mod rows;

pub(crate) use batch::{BatchOutcome, ImportBatch, NewImportRow};
pub(crate) use jobs::StartOutcome;
pub(crate) use model::{ConflictRule, ImportAction, ImportJob, ImportSource, ImportState};
pub(crate) use rows::ImportRow;
