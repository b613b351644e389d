mod changes;
mod events;
mod websocket;
