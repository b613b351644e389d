mod create;
mod delete;
mod list;
mod paging;
mod read;
mod search;
mod statements;
mod update;
