mod tokens;
mod watch;
