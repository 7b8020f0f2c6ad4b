"""The smallest ASGI application on our own server."""
