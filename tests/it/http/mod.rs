mod bodies_in_flight;
mod csrf;
mod documents;
mod execution;
mod requests;
mod responses;
mod trusted_documents;
mod uploads;
