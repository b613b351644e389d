mod account;
mod identity;
mod login;
mod refresh;
mod register;
mod sessions;
mod spelling;
