"""The face: the schema as clients see it, HTTP and WebSocket, sign-in, settings."""
