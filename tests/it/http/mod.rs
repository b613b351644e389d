mod answers;
mod csrf;
mod documents;
mod requests;
mod uploads;
