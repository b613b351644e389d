mod changes;
mod events;
mod variables;
mod websocket;
