mod csrf;
mod documents;
mod execution;
mod requests;
mod responses;
mod uploads;
