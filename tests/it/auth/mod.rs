mod account;
mod identity;
mod login;
mod refresh;
mod register;
mod reuse;
mod sessions;
mod spelling;
