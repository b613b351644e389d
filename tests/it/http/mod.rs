mod answers;
mod csrf;
mod documents;
mod execution;
mod requests;
mod uploads;
