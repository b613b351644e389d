mod cost;
mod documents;
mod failed_logins;
mod overload;
mod quotas;
mod rate_limits;
mod responses;
mod scans;
