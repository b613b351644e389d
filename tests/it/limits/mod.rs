mod accounts;
mod callers;
mod cost;
mod documents;
mod process;
