mod audit_log;
mod tokens;
