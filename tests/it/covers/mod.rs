mod bad_input;
mod file;
mod links;
mod lists;
mod mutations;
mod removal;
